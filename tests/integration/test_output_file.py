# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module ``output_file`` as Ansible runs it: check mode, and what it says where it cannot write."""

from __future__ import annotations

import json
from pathlib import Path

from tests.commands import ansible


def output_file(path: Path, *argv: str) -> str:
    """Run the module alone; answers what Ansible prints."""
    options = json.dumps({"path": str(path), "content": "a"})
    module = ("localhost", "-m", "mlops.mlflow_aws.output_file", "-a", options)
    return ansible("ansible", *module, *argv, env={"ANSIBLE_NOCOLOR": "1"}).stdout


def test_check_mode_tells_and_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "new" / "found.json"
    assert "localhost | CHANGED => " in output_file(path, "--check", "--diff")
    assert not path.parent.exists()
    assert "localhost | CHANGED => " in output_file(path)
    assert path.read_text(encoding="utf-8") == "a"
    assert "localhost | SUCCESS => " in output_file(path)


def test_what_cannot_be_written_is_said_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "stack").write_text("mine", encoding="utf-8")
    said = output_file(tmp_path / "stack" / "found.json")
    assert "localhost | FAILED! => " in said
    assert f"{tmp_path}/stack" in said
    assert "choose a folder of yours for it (stack_output_dir)" in said
