# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbooks on ``inventories/local`` up to the database: what needs no task, and so no MLflow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.commands import ansible
from tests.embedded import EmbeddedAws
from tests.playbooks import Ended

STACK = "fraud-scoring-mlflow-local"
DATABASE = f"{STACK}-db"
#: The roles up to the database.
PARTS = ("--tags", "network,secrets,rds")


def play(aws: EmbeddedAws, output: Path, *options: str, playbook: str = "site.yml", **variables: Any) -> Ended:
    """Run a playbook.

    :param output: where the files of the run go.
    :param variables: those of the stack that differ from the inventory.
    """
    given = {"stack_output_dir": str(output), "stack_http_port": 8379, **variables}
    command = (playbook, "-i", "inventories/local", *options, "-e", json.dumps(given))
    # Without colours and folded lines a result is one JSON document.
    shown = {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_CALLBACK_RESULT_FORMAT": "json"}
    done = ansible("ansible-playbook", *command, env={**aws.env, **shown})
    return Ended(done.returncode, done.stdout + done.stderr, 0)


def available(aws: EmbeddedAws) -> dict[str, Any]:
    """The DB instance, once RDS is done with it."""
    rds = aws.client("rds")
    waiter = rds.get_waiter("db_instance_available")
    waiter.wait(DBInstanceIdentifier=DATABASE, WaiterConfig={"Delay": 1, "MaxAttempts": 120})
    row: dict[str, Any] = rds.describe_db_instances(DBInstanceIdentifier=DATABASE)["DBInstances"][0]
    return row
