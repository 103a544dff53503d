# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tasks get: the rights of their IAM roles, and their containers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.ecs_mlflow.definitions import definitions
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.ecs_mlflow.roles import roles
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.stack import Stack

from tests.unit.plugins.stack import stack_inputs

KEY = "arn:aws:kms:eu-west-2:123456789012:key/0a1b2c3d"
OTHER_KEY = "arn:aws:kms:eu-west-2:123456789012:key/ffffffff"


def _secret(name: str, key: str | None) -> dict[str, Any]:
    arn = f"arn:aws:secretsmanager:eu-west-2:123456789012:secret:{name}"
    return {"name": name, "arn": arn, "kms_key_arn": key, "version_id": f"version-of-{name}"}


def _stack(
    secret_key: str | None, bucket_key: str | None, partition: str = "aws", database: str = "db-ONE", **inputs: Any
) -> Stack:
    uses = ("master", "database", "admin", "flask", "gateway")
    resources = {
        "secrets": {use: _secret(use, secret_key) for use in uses},
        "storage": {"bucket": "artifacts", "kms_key_arn": bucket_key},
        "rds": {"endpoint": {"address": "db.example.org", "port": 5432}, "resource_id": database},
    }
    found = stack_inputs.stack(resources, stack_name="fraud", storage_bucket="artifacts", **inputs)
    return replace(found, region={**found.region, "partition": partition})


FORMER: dict[str, Any] = {"storage_kms_key_id": OTHER_KEY, "storage_former_kms_key_ids": [KEY]}
CASES = {
    "no keys": _stack(None, None),
    "keys": _stack(KEY, OTHER_KEY),
    "china": _stack(KEY, KEY, "aws-cn"),
    # Asked for, and not yet what the bucket has: a plan names the right too.
    "a new key": _stack(None, None, storage_kms_key_id=OTHER_KEY),
    "another key": _stack(None, KEY, storage_kms_key_id=OTHER_KEY),
    "no key any more": _stack(None, KEY, storage_kms_key_id=""),
    # The bucket before the change, and after it: the same right, so that a plan is exact.
    "a former key": _stack(None, KEY, **FORMER),
    "a former key, later": _stack(None, OTHER_KEY, **FORMER),
    # Restored or created again under the old name: endpoint and secrets are the same.
    "another database": _stack(None, None, database="db-TWO"),
}
USES = {"fraud-eu-west-2-execution": "execution", "fraud-eu-west-2-migration-execution": "migration"}


@pytest.fixture(scope="module")
def rights() -> dict[str, dict[str, dict[str, Any]]]:
    """Statements by case, IAM role and Sid."""
    return {
        case: {
            USES.get(name, "task"): {statement["Sid"]: statement for statement in role.statements}
            for name, role in roles(stack).items()
        }
        for case, stack in CASES.items()
    }


def test_without_keys_of_the_customer(rights: dict[str, Any]) -> None:
    assert {role: set(found) for role, found in rights["no keys"].items()} == {
        "execution": {"Logs", "Secrets"},
        "migration": {"Logs", "Secrets"},
        "task": {"ListPrefix", "UsePrefix"},
    }


@pytest.mark.parametrize("role", ["execution", "migration"])
def test_the_agent_decrypts_secrets_and_nothing_else(rights: dict[str, Any], role: str) -> None:
    assert rights["keys"][role]["SecretsKey"] == {
        "Sid": "SecretsKey",
        "Effect": "Allow",
        "Action": ["kms:Decrypt"],
        "Resource": [KEY],
        "Condition": {"StringEquals": {"kms:ViaService": "secretsmanager.eu-west-2.amazonaws.com"}},
    }
    assert "BucketKey" not in rights["keys"][role]


def test_the_task_uses_the_key_of_the_bucket(rights: dict[str, Any]) -> None:
    assert rights["keys"]["task"]["BucketKey"] == {
        "Sid": "BucketKey",
        "Effect": "Allow",
        "Action": ["kms:GenerateDataKey", "kms:Decrypt"],
        "Resource": OTHER_KEY,
        "Condition": {"StringEquals": {"kms:ViaService": "s3.eu-west-2.amazonaws.com"}},
    }
    assert "SecretsKey" not in rights["keys"]["task"]


@pytest.mark.parametrize(
    ("case", "keys"),
    [
        ("a new key", OTHER_KEY),
        ("another key", [KEY, OTHER_KEY]),
        ("no key any more", KEY),
        ("a former key", [KEY, OTHER_KEY]),
        ("a former key, later", [KEY, OTHER_KEY]),
    ],
)
def test_the_task_may_use_the_key_that_the_bucket_is_to_have(rights: dict[str, Any], case: str, keys: object) -> None:
    assert rights[case]["task"]["BucketKey"]["Resource"] == keys


def test_services_have_other_names_in_china(rights: dict[str, Any]) -> None:
    conditions = [rights["china"][role][sid]["Condition"] for role, sid in (("task", "BucketKey"),)]
    assert conditions == [{"StringEquals": {"kms:ViaService": "s3.eu-west-2.amazonaws.com.cn"}}]


def test_each_role_reads_its_own_secrets_only(rights: dict[str, Any]) -> None:
    def names(role: str) -> list[str]:
        return [arn.rsplit(":", 1)[-1] for arn in rights["keys"][role]["Secrets"]["Resource"]]

    assert names("execution") == ["database", "flask", "gateway"]
    assert names("migration") == ["database", "flask", "gateway", "master", "admin"]


def test_containers_do_not_depend_on_the_images_user_and_entry_point() -> None:
    install, migration = definitions(CASES["no keys"])["fraud-migration"].containers
    assert (migration["user"], migration["readonly_root_filesystem"]) == ("65534:65534", True)
    assert migration["entry_point"] + migration["command"] == ["/opt/mlflow/bin/mlflow-aws", "migrate"]
    assert (install["user"], install["entry_point"], len(install["command"])) == ("0", ["python", "-c"], 1)


def test_another_database_under_the_old_name_is_another_migration() -> None:
    """``once_per_revision`` would take the success of the former database for one of the new."""
    one, other = (
        definitions(CASES[case])["fraud-migration"].containers[1]["environment"]
        for case in ("no keys", "another database")
    )
    assert {key for key in one if one[key] != other[key]} == {"MLFLOW_AWS_DB_RESOURCE_ID"}
