# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What check mode announces: the parts that are not there, and nothing where the modules can be asked."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.mlops.mlflow_aws.plugins.filter.stack import missing_parts
from ansible_collections.mlops.mlflow_aws.plugins.module_utils.stack.names import stack_names

NAMES = stack_names("fraud", "eu-west-2").as_dict()
CIDRS = ["10.0.1.0/24", "10.0.11.0/24"]
EMPTY: dict[str, Any] = dict.fromkeys(("network", "secrets", "rds", "storage", "alb")) | {
    "ecs": dict.fromkeys(("cluster_arn", "service_arn", "execution_role_arn", "task_role_arn"))
}
NETWORK: dict[str, Any] = {
    "internet_gateway_id": "igw-1",
    "mine": True,
    "groups_to_make": ["alb", "ecs", "rds"],
    "subnets": [{"cidr": cidr} for cidr in CIDRS],
    "private_subnet_ids": ["subnet-1", "subnet-2"],
    "security_group_ids": {"alb": "sg-1", "ecs": "sg-2", "rds": "sg-3"},
}
SECRETS = {use: {"arn": use} for use in ("master", "database", "admin", "flask", "gateway")}
ROLES = ("execution_role_arn", "migration_execution_role_arn", "task_role_arn")
WHOLE: dict[str, Any] = {
    "network": NETWORK,
    "secrets": SECRETS,
    "rds": {"instance_id": "fraud-db"},
    "storage": {"bucket": "fraud-models"},
    "alb": {"target_group_arn": "tg", "load_balancer_arn": "alb"},
    "ecs": dict.fromkeys(("cluster_arn", "service_arn", *ROLES), "x"),
}


def _missing(**resources: Any) -> dict[str, list[str]]:
    return missing_parts({**WHOLE, **resources}, NAMES, CIDRS, "fraud-models")


def test_empty_account_names_every_component() -> None:
    found = missing_parts(EMPTY, NAMES, CIDRS, "fraud-models")
    assert found["network"] == [
        "VPC fraud with its gateways, routes and S3 endpoint",
        "subnet 10.0.1.0/24",
        "subnet 10.0.11.0/24",
        "security group fraud-alb",
        "security group fraud-ecs",
        "security group fraud-rds",
    ]
    assert found["storage"] == ["bucket fraud-models"]
    assert found["rds"] == ["DB instance fraud-db and its groups"]
    assert found["alb"] == ["target group fraud-tg", "load balancer fraud-alb"]
    assert found["ecs_mlflow"] == [
        "IAM role fraud-eu-west-2-execution",
        "IAM role fraud-eu-west-2-migration-execution",
        "IAM role fraud-eu-west-2-task",
        "cluster fraud-cluster",
        "service fraud",
    ]
    assert all(found.values())


def test_whole_stack_lacks_nothing() -> None:
    assert set(map(tuple, _missing().values())) == {()}


@pytest.mark.parametrize(
    ("resources", "component", "parts"),
    [
        ({"network": {**NETWORK, "internet_gateway_id": None}}, "network", ["internet gateway"]),
        ({"network": {**NETWORK, "subnets": [{"cidr": CIDRS[0]}]}}, "network", ["subnet 10.0.11.0/24"]),
        (
            {"network": {**NETWORK, "security_group_ids": {"alb": "sg-1", "ecs": None, "rds": None}}},
            "network",
            ["security group fraud-ecs", "security group fraud-rds"],
        ),
        # A new zone is no reason not to look at the database.
        ({"network": {**NETWORK, "subnets": []}}, "rds", []),
        ({"network": {**NETWORK, "private_subnet_ids": ["subnet-1"]}}, "rds", ["what needs network"]),
        (
            {"network": {**NETWORK, "security_group_ids": {"alb": None, "ecs": "sg-2", "rds": "sg-3"}}},
            "alb",
            ["what needs network"],
        ),
        ({"secrets": {**SECRETS, "master": None}}, "rds", ["what needs secrets"]),
        ({"alb": {"target_group_arn": "tg", "load_balancer_arn": None}}, "alb", ["load balancer fraud-alb"]),
        ({"rds": None, "alb": None}, "ecs_mlflow", ["what needs rds, alb"]),
        ({"ecs": {**WHOLE["ecs"], "task_role_arn": None}}, "ecs_mlflow", ["IAM role fraud-eu-west-2-task"]),
        ({"ecs": {**WHOLE["ecs"], "service_arn": None}}, "mlflow_access", ["the admin's login and mlflow.env"]),
        ({"ecs": {**WHOLE["ecs"], "service_arn": None}}, "verify", ["what needs ecs_mlflow"]),
    ],
)
def test_missing_parts(resources: dict[str, Any], component: str, parts: list[str]) -> None:
    assert _missing(**resources)[component] == parts


def test_parts_of_somebody_else_are_not_missing() -> None:
    theirs = {"mine": False, "internet_gateway_id": None, "groups_to_make": ["ecs"]}
    groups = {"alb": None, "ecs": "sg-2", "rds": None}
    found = _missing(network={**NETWORK, **theirs, "security_group_ids": groups})
    assert set(map(tuple, found.values())) == {()}
    found = _missing(network={**NETWORK, **theirs, "security_group_ids": {**groups, "ecs": None}})
    assert found["network"] == ["security group fraud-ecs"]
