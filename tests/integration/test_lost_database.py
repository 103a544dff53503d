# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lost database of which only the tags of the secrets tell stops a run; one that was destroyed does not."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.embedded import EmbeddedAws
from tests.integration.control_plane import DATABASE, PARTS, STACK, available, play
from tests.playbooks import Ended

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

SECRETS = ("database/master", "database/mlflow", "mlflow/admin", "mlflow/flask", "mlflow/gateway")


def _mark(aws: EmbeddedAws, database: str) -> None:
    """As the role ecs_mlflow does once the migration has ended well."""
    for use in SECRETS:
        aws.client("secretsmanager").tag_resource(
            SecretId=f"{STACK}/{use}", Tags=[{"Key": "mlflow:migrated", "Value": database}]
        )


def _marked(aws: EmbeddedAws) -> list[str]:
    rows = [aws.client("secretsmanager").describe_secret(SecretId=f"{STACK}/{use}") for use in SECRETS]
    return [row["Name"] for row in rows if "mlflow:migrated" in {tag["Key"] for tag in row["Tags"]}]


def _lose(aws: EmbeddedAws) -> None:
    rds = aws.client("rds")
    rds.delete_db_instance(DBInstanceIdentifier=DATABASE, SkipFinalSnapshot=True, DeleteAutomatedBackups=True)
    waiter = rds.get_waiter("db_instance_deleted")
    waiter.wait(DBInstanceIdentifier=DATABASE, WaiterConfig={"Delay": 1, "MaxAttempts": 120})


def _refused(ended: Ended) -> str:
    assert ended.code == 2, ended.output[-3000:]
    assert ended.recap()["changed"] == 0
    return "\n".join(ended.messages())


def _unable(aws: EmbeddedAws, action: str) -> EmbeddedAws:
    """The account in the hands of somebody who may do everything else."""
    iam = aws.client("iam")
    iam.create_user(UserName="unable")
    statements = [
        {"Effect": "Allow", "Action": "*", "Resource": "*"},
        {"Effect": "Deny", "Action": action, "Resource": "*"},
    ]
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    iam.put_user_policy(UserName="unable", PolicyName="unable", PolicyDocument=document)
    key = iam.create_access_key(UserName="unable")["AccessKey"]
    keys = {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
    return dataclasses.replace(aws, env={**aws.env, **keys})


def test_the_tag_outlives_all_else_but_a_destroy(start_aws: Callable[..., EmbeddedAws], tmp_path: Path) -> None:
    aws = start_aws()
    play(aws, tmp_path, *PARTS).assert_good()
    _mark(aws, available(aws)["DbiResourceId"])
    # The tag is neither drift nor a change.
    play(aws, tmp_path, *PARTS).assert_nothing_changed()
    assert len(_marked(aws)) == 5
    _lose(aws)
    for options in (PARTS, (*PARTS, "--check")):
        said = _refused(play(aws, tmp_path, *options))
        assert f"its DB instance {DATABASE} does not exist, and the tag mlflow:migrated of 5 secrets shows" in said
    assert "mlflow:migrated of 5 secrets" in _refused(play(aws, tmp_path, playbook="playbooks/drift.yml"))

    # Whoever gives the stack up deploys anew afterwards, over the secrets that wait for their deletion.
    gone = {"destroy_confirm": STACK, "rds_skip_final_snapshot": True, "secrets_recovery_window": 7}
    play(aws, tmp_path, playbook="playbooks/destroy.yml", **gone).assert_good()
    play(aws, tmp_path, *PARTS, secrets_recovery_window=7).assert_good()
    assert _marked(aws) == []


def test_a_destroy_that_ends_before_the_database_is_deleted_leaves_no_tag(
    start_aws: Callable[..., EmbeddedAws], tmp_path: Path
) -> None:
    aws = start_aws()
    play(aws, tmp_path, *PARTS).assert_good()
    _mark(aws, available(aws)["DbiResourceId"])
    given = {"destroy_confirm": STACK, "rds_skip_final_snapshot": True}
    # Stands for a kill right before the deletion.
    assert play(_unable(aws, "rds:DeleteDBInstance"), tmp_path, playbook="playbooks/destroy.yml", **given).code == 2
    assert available(aws)["DBInstanceStatus"] == "available"
    assert _marked(aws) == []
    _lose(aws)
    play(aws, tmp_path, *PARTS).assert_good()
