# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The secrets that the role makes, and never makes anew."""

from __future__ import annotations

import json
from typing import Any

from tests.roles.scenario import STACK, Scenario, tags

USES = {
    "database/master": "mlflow_master",
    "database/mlflow": "mlflow",
    "mlflow/admin": "admin",
    "mlflow/flask": None,
    "mlflow/gateway": None,
}
PLAN = {f"create secret {STACK}/{use}" for use in USES}


def rename(scenario: Scenario) -> None:
    scenario.aws("secretsmanager").tag_resource(
        SecretId=f"{STACK}/mlflow/admin", Tags=[{"Key": "mlflow:component", "Value": "mine"}]
    )


def give_away(scenario: Scenario) -> None:
    anybody = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "secretsmanager:GetSecretValue", "Resource": "*"}
    scenario.aws("secretsmanager").put_resource_policy(
        SecretId=f"{STACK}/mlflow/flask",
        ResourcePolicy=json.dumps({"Version": "2012-10-17", "Statement": [anybody]}),
    )


DRIFTS = {
    rename: f"change secret {STACK}/mlflow/admin: tags.mlflow:component",
    give_away: f"change secret {STACK}/mlflow/flask: resource_policy",
}
CHANGE: dict[str, Any] = {"stack_tags": {"Team": "fraud"}}
#: Variables that cannot change once the secrets are there.
FIXED: dict[str, Any] = {
    "stack_admin_username": "boss",
    "secrets_database_username": "other",
    "secrets_master_username": "master_of_all",
    "secrets_kms_key_id": "arn:aws:kms:eu-west-2:123456789012:key/0a1b2c3d",
}


def kept(scenario: Scenario) -> dict[str, Any]:
    """The values: a run that made one anew would lock everybody out."""
    return {use: scenario.secret(use) for use in USES}


def described(scenario: Scenario, use: str) -> dict[str, Any]:
    return dict(scenario.aws("secretsmanager").describe_secret(SecretId=f"{STACK}/{use}"))


def test_the_plan_of_a_first_run(planned: list[str]) -> None:
    assert set(planned) == PLAN


def test_each_has_a_long_value_of_its_own(applied: Scenario) -> None:
    found = kept(applied)
    values = [value["key" if USES[use] is None else "password"] for use, value in found.items()]
    # Not in an assert: pytest would print them.
    lengths, different = [len(value) for value in values], len(set(values))
    assert min(lengths) >= 32
    assert different == len(USES)
    assert {use: value.get("username") for use, value in found.items()} == USES


def test_nobody_else_may_read_them(applied: Scenario) -> None:
    for use in USES:
        policy = applied.aws("secretsmanager").get_resource_policy(SecretId=f"{STACK}/{use}").get("ResourcePolicy")
        assert not policy, use


def test_they_are_marked_as_the_stacks(applied: Scenario) -> None:
    for use, user in USES.items():
        own = {"mlflow:username": user} if user else {}
        wanted = {"mlflow:stack": STACK, "mlflow:component": "secrets", **own}
        assert tags(described(applied, use)["Tags"]) == wanted


def test_another_tag_is_taken_over(changed: Scenario) -> None:
    for use in USES:
        row = described(changed, use)
        assert tags(row["Tags"])["Team"] == "fraud"
        assert len(row["VersionIdsToStages"]) == 1


def test_whose_they_are_and_their_key_cannot_change(changed: Scenario) -> None:
    before = {use: described(changed, use) for use in USES}
    refused = changed.apply("refused", **FIXED, **CHANGE)
    assert (refused.code, refused.recap()["changed"]) == (2, 0), refused.output[-3000:]
    (message,) = refused.messages()
    assert [line.split(":")[0] for line in message.splitlines()] == list(FIXED)
    for use, row in before.items():
        now = described(changed, use)
        assert {**now, "ResponseMetadata": 0} == {**row, "ResponseMetadata": 0}


def test_destroy_leaves_nothing(destroyed: Scenario) -> None:
    assert destroyed.every("secretsmanager", "list_secrets", "SecretList", IncludePlannedDeletion=True) == []
