# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of an empty account can be reviewed: policies, task definitions and rules stand in it, field by field."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.commands import ansible
from tests.embedded import EmbeddedAws

STACK = "fraud-scoring-mlflow-local"
UNKNOWN = "(known after apply)"


def planned(aws: EmbeddedAws, output: Path, **variables: Any) -> dict[tuple[str, str], dict[str, Any]]:
    """What the plan says of each new resource, by kind and name."""
    existing = {"stack_output_dir": str(output), "stack_http_port": 8378, **variables}
    command = ("site.yml", "-i", "inventories/local", "--check", "-vv", "-e", json.dumps(existing))
    # Without colours and folded lines a result is one JSON document.
    env = {**aws.env, "ANSIBLE_CALLBACK_RESULT_FORMAT": "json", "ANSIBLE_NOCOLOR": "1"}
    done = ansible("ansible-playbook", *command, env=env)
    assert done.returncode == 0, done.stdout[-3000:]
    decode = json.JSONDecoder().raw_decode
    starts = [match.end() for match in re.finditer(r"^(?:changed|ok): \[.*?\] => ", done.stdout, re.MULTILINE)]
    results = [decode(done.stdout[start:])[0] for start in starts]
    return {(row["kind"], row["name"]): row["after"] for result in results for row in result.get("changes", [])}


@pytest.fixture(scope="module")
def plan(aws: EmbeddedAws, tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], dict[str, Any]]:
    """The plan of ``inventories/local``."""
    return planned(aws, tmp_path_factory.mktemp("out"))


#: The most characters that AWS takes (API CreateLoadBalancer, CreateTargetGroup, CreateRole, CreateDBInstance,
#: CreateDBParameterGroup, CreateDBSubnetGroup, CreateSecurityGroup, CreateCluster, CreateService,
#: RegisterTaskDefinition, CreateSecret, CreateLogGroup, CreateBucket).
LIMITS = {
    "load balancer": 32,
    "target group": 32,
    "IAM role": 64,
    "DB instance": 63,
    "DB parameter group": 255,
    "DB subnet group": 255,
    "security group": 255,
    "cluster": 255,
    "service": 255,
    "task definition": 255,
    "secret": 512,
    "log group": 512,
    "bucket": 63,
}


def test_the_longest_names_make_no_name_that_aws_refuses(aws: EmbeddedAws, tmp_path: Path) -> None:
    """In the region with the longest name, which is a part of the roles' names."""
    bucket = "models-of-a-team-of-fraud-scientists-".ljust(63, "x")
    existing = {"stack_name": "a" * 40, "storage_bucket": bucket, "stack_region": "ap-southeast-2"}
    names = planned(aws, tmp_path, **existing)
    assert LIMITS.keys() <= {kind for kind, _name in names}
    assert [(kind, name) for kind, name in names if len(name) > LIMITS.get(kind, 255)] == []
    # None is cut into another of its kind.
    roles = {name for kind, name in names if kind == "IAM role"}
    assert len(roles) == 3


@pytest.mark.parametrize("check", [True, False])
def test_more_tasks_than_the_database_has_connections_are_refused_before_anything_is_made(
    aws: EmbeddedAws, tmp_path: Path, check: bool
) -> None:
    existing = {"stack_output_dir": str(tmp_path), "ecs_mlflow_desired_count": 30}
    command = ("site.yml", "-i", "inventories/local", *(["--check"] if check else []), "-e", json.dumps(existing))
    done = ansible("ansible-playbook", *command, env={**aws.env, "ANSIBLE_NOCOLOR": "1"})
    assert done.returncode == 2, done.stdout[-3000:]
    assert "ecs_mlflow_desired_count: 30, and a deployment runs twice as many tasks" in done.stdout
    assert "set ecs_mlflow_desired_count to 6, or take an rds_instance_class with 4 GiB" in done.stdout
    assert re.search(r"changed=0 .* failed=1 ", done.stdout)


def test_the_policies_of_the_roles_are_told(plan: dict[tuple[str, str], dict[str, Any]]) -> None:
    role = plan["IAM role", f"{STACK}-eu-west-2-execution"]
    rows = {row["Sid"]: row for row in role["policy"]["Statement"]}
    assert rows["Logs"]["Action"] == ["logs:CreateLogStream", "logs:PutLogEvents"]
    secret = f"arn:aws:secretsmanager:eu-west-2:123456789012:secret:{STACK}"
    assert f"{secret}/database/mlflow-{UNKNOWN}" in rows["Secrets"]["Resource"]
    assert not [arn for arn in rows["Secrets"]["Resource"] if "master" in arn]
    task = plan["IAM role", f"{STACK}-eu-west-2-task"]
    assert {row["Sid"] for row in task["policy"]["Statement"]} == {"ListPrefix", "UsePrefix"}


def test_the_task_definitions_are_told(plan: dict[tuple[str, str], dict[str, Any]]) -> None:
    server = plan["task definition", STACK]["definition"]
    assert server["containers.mlflow.readonly_root_filesystem"] is True
    assert server["containers.mlflow.environment.MLFLOW_AWS_DB_HOST"] == UNKNOWN
    assert server["containers.mlflow.environment.MLFLOW_AWS_DB_TRACKING"] == "mlflow_db"
    password = server["containers.mlflow.secrets.MLFLOW_AWS_DB_PASSWORD"]
    assert password.endswith(f"{STACK}/database/mlflow-{UNKNOWN}:password::{UNKNOWN}")
    migration = plan["task definition", f"{STACK}-migration"]["definition"]
    assert migration["containers.migrate.environment.MLFLOW_AWS_DB_RESOURCE_ID"] == UNKNOWN


def test_the_rules_of_the_security_groups_are_told(plan: dict[tuple[str, str], dict[str, Any]]) -> None:
    groups = {name: fields for (kind, name), fields in plan.items() if kind == "security group"}
    assert sorted(groups) == [f"{STACK}-{use}" for use in ("alb", "ecs", "rds")]
    assert "5432" in json.dumps(groups[f"{STACK}-rds"])
    assert f"{STACK}-ecs" in json.dumps(groups[f"{STACK}-rds"])


def test_nothing_is_hidden_behind_words(plan: dict[tuple[str, str], dict[str, Any]]) -> None:
    assert "yet to be made" not in json.dumps(list(plan.values()))
