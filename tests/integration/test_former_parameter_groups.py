# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""After a major upgrade of PostgreSQL the run that takes the new version over removes the former parameter group."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.commands import ansible
from tests.embedded import ROOT, EmbeddedAws
from tests.integration.control_plane import DATABASE, PARTS, available, play

GROUPS = f"{DATABASE}-postgres"


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_run_after_a_major_upgrade_removes_the_former_group(
    start_aws: Callable[..., EmbeddedAws], tmp_path: Path
) -> None:
    aws = start_aws()
    rds = aws.client("rds")

    def groups() -> list[str]:
        rows = rds.describe_db_parameter_groups()["DBParameterGroups"]
        return [row["DBParameterGroupName"] for row in rows if row["DBParameterGroupName"].startswith(GROUPS)]

    play(aws, tmp_path, *PARTS).assert_good()
    available(aws)
    # As the refusal of another major version says it.
    asked = {"EngineVersion": "16", "AllowMajorVersionUpgrade": True, "ApplyImmediately": True}
    rds.modify_db_instance(DBInstanceIdentifier=DATABASE, **asked, DBParameterGroupName="default.postgres16")
    available(aws)
    assert groups() == [f"{GROUPS}15"]

    wanted = {"rds_engine_version": "16"}
    plan = play(aws, tmp_path, *PARTS, "--check", **wanted).assert_good().plan()
    assert {f"create DB parameter group {GROUPS}16", f"remove DB parameter group {GROUPS}15"} <= set(plan)
    play(aws, tmp_path, *PARTS, **wanted).assert_good()
    assert groups() == [f"{GROUPS}16"]
    available(aws)
    assert play(aws, tmp_path, *PARTS, "--check", **wanted).assert_good().plan() == []


HELD = (
    "Couldn't delete parameter group: An error occurred (InvalidDBParameterGroupState) when calling the "
    "DeleteDBParameterGroup operation: One or more database instances are still members of this parameter group"
)
DENIED = "Couldn't delete parameter group: An error occurred (AccessDenied) when calling the operation: not authorized"
#: Stands for the module: as long as AWS holds on to the group, it fails.
MODULE = """
import json
from pathlib import Path
from ansible.module_utils.basic import AnsibleModule

module = AnsibleModule({"name": {"type": "str"}, "state": {"type": "str"}})
case = json.loads(Path(__file__ + ".json").read_text())
count = Path(case["count"])
before = len(count.read_text()) if count.exists() else 0
count.write_text("x" * (before + 1))
if before < case["times"]:
    module.fail_json(msg=case["says"], error={"code": "x", "message": case["says"]})
module.exit_json(changed=True)
"""


@pytest.mark.parametrize(
    ("says", "times", "good", "attempts", "told"),
    [
        (HELD, 0, True, 1, False),
        (HELD, 3, True, 4, False),
        (HELD, 99, True, 12, True),
        (DENIED, 99, False, 1, False),
    ],
)
def test_a_group_that_aws_holds_on_to_is_for_a_later_run(
    tmp_path: Path, says: str, times: int, good: bool, attempts: int, told: bool
) -> None:
    tasks = (ROOT / "roles/rds/tasks/former_groups.yml").read_text(encoding="utf-8")
    library, count = tmp_path / "library", tmp_path / "count"
    library.mkdir()
    (library / "holding.py").write_text(
        MODULE.replace('Path(__file__ + ".json")', f"Path({str(library / 'case.json')!r})"), encoding="utf-8"
    )
    (library / "case.json").write_text(json.dumps({"says": says, "times": times, "count": str(count)}))
    listed = yaml.safe_load(tasks.replace("amazon.aws.rds_instance_param_group:", "holding:"))
    for task in listed:
        task.update({"delay": 0} if "retries" in task else {})
    play = [{"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": listed}]
    play[0]["vars"] = {"__rds_former": [{"name": "fraud-db-postgres15"}]}
    (tmp_path / "play.yml").write_text(yaml.safe_dump(play), encoding="utf-8")
    done = ansible(
        *("ansible-playbook", str(tmp_path / "play.yml"), "-i", "localhost,"),
        *("-e", f"ansible_python_interpreter={sys.executable}"),
        env={"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_LIBRARY": str(library)},
    )
    assert (done.returncode == 0) is good, done.stdout
    assert len(count.read_text(encoding="utf-8")) == attempts
    assert ("RDS still holds on to fraud-db-postgres15" in done.stdout) is told
