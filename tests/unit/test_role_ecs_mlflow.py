# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role ecs_mlflow works out of what was discovered: the rights of its IAM roles, and its containers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
ROLE = ROOT / "roles" / "ecs_mlflow"
KEY = "arn:aws:kms:eu-west-2:123456789012:key/0a1b2c3d"
OTHER_KEY = "arn:aws:kms:eu-west-2:123456789012:key/ffffffff"


def _secret(name: str, key: str | None) -> dict[str, Any]:
    arn = f"arn:aws:secretsmanager:eu-west-2:123456789012:secret:{name}"
    return {"name": name, "arn": arn, "kms_key_arn": key, "version_id": f"version-of-{name}"}


def _facts(secret_key: str | None, bucket_key: str | None, partition: str, database: str = "db-ONE") -> dict[str, Any]:
    uses = ("master", "database", "admin", "flask", "gateway")
    return {
        "stack_name": "fraud",
        "stack_region": "eu-west-2",
        "stack_tags": {},
        "stack_artifact_prefix": "mlflow",
        "storage_bucket": "artifacts",
        "stack_names": {
            "execution_role": "execution",
            "migration_execution_role": "migration",
            "task_role": "task",
            "log_group": "/ecs/fraud",
        },
        "stack_region_facts": {"partition": partition, "account_id": "123456789012"},
        "role_path": str(ROLE),
        "stack_admin_username": "admin",
        "__ecs_mlflow_database": {
            "endpoint": {"address": "db.example.org", "port": 5432},
            "resource_id": database,
        },
        "stack_resources": {
            "secrets": {use: _secret(use, secret_key) for use in uses},
            "storage": {"bucket": "artifacts", "kms_key_arn": bucket_key},
        },
    }


CASES = {
    "no keys": _facts(None, None, "aws"),
    "keys": _facts(KEY, OTHER_KEY, "aws"),
    "china": _facts(KEY, KEY, "aws-cn"),
    # Asked for, and not yet what the bucket has: a plan names the right too.
    "a new key": {**_facts(None, None, "aws"), "storage_kms_key_id": OTHER_KEY},
    "another key": {**_facts(None, KEY, "aws"), "storage_kms_key_id": OTHER_KEY},
    "no key any more": {**_facts(None, KEY, "aws"), "storage_kms_key_id": ""},
    # The bucket before the change, and after it: the same right, so that a plan is exact.
    "a former key": {
        **_facts(None, KEY, "aws"),
        "storage_kms_key_id": OTHER_KEY,
        "storage_former_kms_key_ids": [KEY],
    },
    "a former key, later": {
        **_facts(None, OTHER_KEY, "aws"),
        "storage_kms_key_id": OTHER_KEY,
        "storage_former_kms_key_ids": [KEY],
    },
    # Restored or made anew under the old name: endpoint and secrets are the same.
    "another database": _facts(None, None, "aws", "db-TWO"),
}
#: The install container's text goes through a filter of the collection, and is looked at as YAML below.
WANTED = "{'roles': __ecs_mlflow_roles, 'migration': __ecs_mlflow_migration}"


@pytest.fixture(scope="module")
def worked_out(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """By case."""
    folder = tmp_path_factory.mktemp("rights")
    play = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "vars": {"ansible_python_interpreter": sys.executable},
        "vars_files": [str(ROLE / "defaults" / "main.yml"), str(ROLE / "vars" / "main.yml")],
        "tasks": [
            {
                "name": case,
                "ansible.builtin.copy":
                # Names of files, and no AWS.
                {"content": f"{{{{ {WANTED} | to_json }}}}", "dest": str(folder / f"{case}.json"), "mode": "0600"},
                "vars": facts,
            }
            for case, facts in CASES.items()
        ],
    }
    path = folder / "play.yml"
    path.write_text(yaml.safe_dump([play]), encoding="utf-8")
    done = subprocess.run(
        [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "localhost,", str(path)],
        env={**os.environ, "ANSIBLE_HOME": str(folder / "home"), "ANSIBLE_NOCOLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return {case: json.loads((folder / f"{case}.json").read_text(encoding="utf-8")) for case in CASES}


@pytest.fixture(scope="module")
def rights(worked_out: dict[str, Any]) -> dict[str, dict[str, dict[str, Any]]]:
    """Statements by case, IAM role and Sid."""
    return {
        case: {
            role["name"]: {statement["Sid"]: statement for statement in role["statements"]} for role in found["roles"]
        }
        for case, found in worked_out.items()
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


def test_containers_do_not_depend_on_the_images_user_and_entry_point(worked_out: dict[str, Any]) -> None:
    migration = worked_out["no keys"]["migration"]
    assert (migration["user"], migration["readonly_root_filesystem"]) == ("65534:65534", True)
    assert migration["entry_point"] + migration["command"] == ["/opt/mlflow/bin/mlflow-aws", "migrate"]
    install = yaml.safe_load((ROLE / "vars" / "main.yml").read_text(encoding="utf-8"))["__ecs_mlflow_install"]
    assert (install["user"], install["entry_point"], len(install["command"])) == ("0", ["python", "-c"], 1)


def test_another_database_under_the_old_name_is_another_migration(worked_out: dict[str, Any]) -> None:
    """``once_per_revision`` would take the success of the former database for one of the new."""
    one, other = (worked_out[case]["migration"]["environment"] for case in ("no keys", "another database"))
    assert {key for key in one if one[key] != other[key]} == {"MLFLOW_AWS_DB_RESOURCE_ID"}
