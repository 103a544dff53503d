# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A destroy after a first deployment that was killed: its database is still being created."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.commands import ansible
from tests.embedded import ROOT, EmbeddedAws
from tests.playbooks import Ended

STACK = "killed-while-creating"
TAGS = [{"Key": "mlflow:stack", "Value": STACK}]


def destroy_database(aws: EmbeddedAws, folder: Path) -> Ended:
    """The part of the destroy that takes the database away, with a final snapshot."""
    given = {"stack_name": STACK, "stack_output_dir": str(folder), "rds_skip_final_snapshot": False}
    role = "name=mlops.mlflow_aws.rds tasks_from=destroy"
    done = ansible(
        "ansible",
        *("fraud-scoring-mlflow-local", "-i", "inventories/local", "-m", "include_role", "-a", role),
        *("-e", json.dumps(given)),
        env={**aws.env, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_LOAD_CALLBACK_PLUGINS": "true"},
    )
    return Ended(done.returncode, done.stdout + done.stderr, 0)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_creation_is_awaited_and_then_the_final_snapshot_taken(
    start_aws: Callable[..., EmbeddedAws], tmp_path: Path
) -> None:
    # A creation takes about six minutes on AWS.
    aws = start_aws(latency=0.15)
    rds = aws.client("rds")
    made: dict[str, Any] = rds.create_db_instance(
        DBInstanceIdentifier=f"{STACK}-db",
        Engine="postgres",
        DBInstanceClass="db.t3.micro",
        AllocatedStorage=20,
        MasterUsername="mlflow_admin",
        MasterUserPassword="".join(["not", "a", "secret", "1"]),
        Tags=TAGS,
    )["DBInstance"]
    assert made["DBInstanceStatus"] == "creating"
    destroy_database(aws, tmp_path).assert_good()
    assert rds.describe_db_instances()["DBInstances"] == []
    (snapshot,) = rds.describe_db_snapshots()["DBSnapshots"]
    assert snapshot["DBInstanceIdentifier"] == f"{STACK}-db"


def test_the_playbook_waits_for_the_database_before_it_deletes_anything() -> None:
    """It might come to a status in which RDS takes no snapshot."""
    (play,) = yaml.safe_load((ROOT / "playbooks" / "destroy.yml").read_text(encoding="utf-8"))
    parts = next(task["block"] for task in play["tasks"] if "block" in task)
    entries = [task.get("ansible.builtin.import_role", {}).get("tasks_from") for task in parts]
    assert entries.index("destroy_ready") < entries.index("destroy")
    # Of what blocks it, nothing is left to be found later.
    look = parts[0]
    assert look["vars"]["stack_teardown_snapshot"] == "{{ not rds_skip_final_snapshot | default(false) | bool }}"
    assert parts[1]["ansible.builtin.assert"]["that"] == "stack_obstacles | length == 0"
