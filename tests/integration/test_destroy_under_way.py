# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A destruction that finds the deletion of a run that was killed."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.commands import ansible
from tests.embedded import ROOT, EmbeddedAws
from tests.playbooks import Ended

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

NAME = "fraud-scoring-mlflow-local-db"
PLAY = """
- hosts: mlflow
  gather_facts: false
  tasks:
    - ansible.builtin.import_role:
        name: mlops.mlflow_aws.rds
        tasks_from: destroy
"""


def test_a_deletion_that_is_under_way_is_waited_for(start_aws: Callable[..., EmbeddedAws], tmp_path: Path) -> None:
    """RDS first makes the last snapshot; on AWS that takes minutes, here half of one."""
    aws = start_aws(latency=0.2)
    rds = aws.client("rds")
    rds.create_db_instance(
        DBInstanceIdentifier=NAME,
        Engine="postgres",
        DBInstanceClass="db.t3.micro",
        AllocatedStorage=20,
        MasterUsername="postgres",
        MasterUserPassword=secrets.token_urlsafe(24),
        Tags=[{"Key": "mlflow:stack", "Value": "fraud-scoring-mlflow-local"}],
    )
    # Its creation is cut short.
    rds.delete_db_instance(DBInstanceIdentifier=NAME, SkipFinalSnapshot=True)
    (tmp_path / "play.yml").write_text(PLAY, encoding="utf-8")

    env = {**aws.env, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
    done = ansible("ansible-playbook", str(tmp_path / "play.yml"), "-i", str(ROOT / "inventories/local"), env=env)

    ended = Ended(done.returncode, done.stdout + done.stderr, 0).assert_good()
    waiting = ended.output.partition("Destroy | Wait until a deletion that is under way is over")[2]
    assert re.findall(r"^(ok|skipping): ", waiting, re.MULTILINE)[0] == "ok", ended.output[-3000:]
    assert rds.describe_db_instances()["DBInstances"] == []
