# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run of ``drift.yml`` that is refused leaves no result of a former run, which says that nothing has drifted."""

from __future__ import annotations

import json
from pathlib import Path

from tests.commands import ansible


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
