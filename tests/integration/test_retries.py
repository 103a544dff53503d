# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the roles' retries make of modules that crash, by the ansible-core that is installed.

When it asks ``until``, ansible-core from 2.19 on has no message of a crash yet. What stands for one is private to it,
so these tests run whole tasks.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.commands import ansible
from tests.embedded import ROOT
from tests.playbooks import Ended

#: Crashes in its first attempts.
MODULE = """
import json
from pathlib import Path
from ansible.module_utils.basic import AnsibleModule

module = AnsibleModule({"says": {"type": "str"}, "times": {"type": "int"}, "count": {"type": "path"}})
count = Path(module.params["count"])
before = len(count.read_text()) if count.exists() else 0
count.write_text("x" * (before + 1))
if before < module.params["times"]:
    raise RuntimeError(module.params["says"])
module.exit_json(changed=False)
"""
PLAY = """
- hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - name: Make it
      crashing:
        says: "{{ says }}"
        times: "{{ times | int }}"
        count: "{{ count }}"
      register: made
      until: made is not mlops.mlflow_aws.transient('not_visible')
      changed_when: made is changed or made.attempts > 1
      retries: 2
      delay: 0
"""
DENIED = (
    "An error occurred (AccessDenied) when calling the CreateIt operation: x is not authorized to perform: it:Create"
)


def _run(folder: Path, says: str, times: int) -> tuple[Ended, int]:
    """How the play ended, and the attempts that were made."""
    (folder / "library").mkdir()
    (folder / "library/crashing.py").write_text(MODULE, encoding="utf-8")
    (folder / "play.yml").write_text(PLAY, encoding="utf-8")
    count = folder / "count"
    done = ansible(
        "ansible-playbook",
        *(str(folder / "play.yml"), "-i", "localhost,", "-e", f"ansible_python_interpreter={sys.executable}"),
        *("-e", f"{{says: {says!r}, times: {times}, count: {str(count)!r}}}"),
        env={"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_LIBRARY": str(folder / "library")},
    )
    return Ended(done.returncode, done.stdout + done.stderr, 0), len(count.read_text(encoding="utf-8"))


def test_what_a_crashed_attempt_may_have_made_is_a_change(tmp_path: Path) -> None:
    ended, attempts = _run(tmp_path, "NoneType object is not subscriptable", 1)
    ended.assert_good()
    assert (attempts, ended.changed_tasks()) == (2, ["Make it"])
    assert "The module crashed, as some do when AWS does not show yet what they have made" in ended.output


def test_nothing_changed_where_the_first_attempt_succeeds(tmp_path: Path) -> None:
    ended, attempts = _run(tmp_path, "x", 0)
    assert attempts == 1
    ended.assert_nothing_changed()


def test_a_module_that_crashes_on_and_on_is_not_taken_for_a_delay_of_aws(tmp_path: Path) -> None:
    ended, attempts = _run(tmp_path, "list index out of range", 9)
    assert (ended.code, attempts) == (2, 3), ended.output
    assert "The module still crashes after 2 attempts, so that is no delay of AWS" in ended.output


def test_a_right_that_is_missing_fails_at_once(tmp_path: Path) -> None:
    ended, attempts = _run(tmp_path, DENIED, 9)
    assert (ended.code, attempts) == (2, 1), ended.output
    assert "not authorized to perform" in ended.output
