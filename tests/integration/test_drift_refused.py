# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``drift.yml`` tells and leaves where it cannot do all that it should: no former result, and no silence."""

from __future__ import annotations

import json
from pathlib import Path

from tests.commands import ansible
from tests.embedded import ROOT


def test_a_refused_run_takes_the_former_result_away(tmp_path: Path) -> None:
    former = tmp_path / "out" / "drift.json"
    former.parent.mkdir()
    former.write_text('{"drift": false}', encoding="utf-8")
    wrong = {"stack_output_dir": str(former.parent), "alb_idle_timeout": 0}
    playbook = ("playbooks/drift.yml", "-i", "inventories/local")
    done = ansible("ansible-playbook", *playbook, "-e", json.dumps(wrong))
    assert done.returncode == 2
    assert "alb_idle_timeout: 0" in done.stdout
    assert list(former.parent.iterdir()) == []


def test_what_differs_is_told_where_it_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    play = {
        "hosts": "localhost",
        "gather_facts": False,
        "vars": {
            "stack_name": "fraud",
            "stack_region": "eu-west-2",
            "stack_output_dir": str(tmp_path / "file" / "out"),
            "stack_changes": [{"kind": "bucket"}],
            "__stack_surplus": [],
            "__stack_plans": [{"words": ["change bucket fraud-models: versioning"]}],
        },
        "tasks": [{"ansible.builtin.include_tasks": str(ROOT / "roles" / "stack" / "tasks" / "drift.yml")}],
    }
    book = tmp_path / "book.json"
    book.write_text(json.dumps([play]), encoding="utf-8")
    done = ansible("ansible-playbook", str(book))
    assert done.returncode == 2
    assert "change bucket fraud-models: versioning" in done.stdout
    assert "Not a directory" in done.stdout
