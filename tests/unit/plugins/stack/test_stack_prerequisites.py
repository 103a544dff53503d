# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to exist before a component: one sentence, with the tags that create it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.registry import COMPONENTS, prerequisites

from tests.unit.plugins.stack import stack_inputs

NETWORK: dict[str, Any] = {
    "groups_to_make": ["alb", "ecs", "rds"],
    "subnets": [],
    "private_subnet_ids": ["subnet-1", "subnet-2"],
    "security_group_ids": {"alb": "sg-1", "ecs": "sg-2", "rds": "sg-3"},
}
SECRETS = {use: {"arn": use} for use in ("master", "database", "admin", "flask", "gateway")}
WHOLE: dict[str, Any] = {
    "network": NETWORK,
    "secrets": SECRETS,
    "rds": {"instance_id": "fraud-db"},
    "storage": {"bucket": "fraud-models"},
    "alb": {"target_group_arn": "tg", "load_balancer_arn": "alb"},
    "ecs_mlflow": {"service_arn": "arn"},
}


def lacking(component: str, inputs: dict[str, Any] | None = None, **resources: Any) -> str:
    stack = stack_inputs.stack({**WHOLE, **resources}, stack_name="fraud", **(inputs or {}))
    return prerequisites(COMPONENTS[component], stack)


@pytest.mark.parametrize("component", COMPONENTS)
def test_a_whole_stack_lacks_nothing(component: str) -> None:
    assert lacking(component) == ""


@pytest.mark.parametrize("component", COMPONENTS)
def test_a_component_can_be_created_as_soon_as_what_it_needs_exists(component: str) -> None:
    needs = [need.component for need in COMPONENTS[component].needs]
    others = {name: None for name in WHOLE if name not in needs and name != "ecs_mlflow"}
    assert lacking(component, **others) == ""


ONE = {**NETWORK, "private_subnet_ids": ["subnet-1"]}
NO_GROUP = {**NETWORK, "security_group_ids": {"alb": None, "ecs": "sg-2", "rds": "sg-3"}}


def test_a_database_is_created_with_the_secret_of_its_master_user_alone() -> None:
    some = {**dict.fromkeys(SECRETS), "master": SECRETS["master"]}
    assert lacking("rds", secrets=some) == ""
    assert lacking("ecs_mlflow", secrets=some) == "fraud has no secrets yet: run --tags secrets first"


@pytest.mark.parametrize(
    ("resources", "component", "names"),
    [
        ({"network": ONE}, "rds", "network"),
        ({"network": NO_GROUP}, "alb", "network"),
        ({"network": None}, "alb", "network"),
        ({"secrets": {**SECRETS, "master": None}}, "rds", "secrets"),
        ({"network": None, "secrets": None}, "rds", "network, secrets"),
        ({"rds": None, "alb": None}, "ecs_mlflow", "rds, alb"),
        ({"alb": {"target_group_arn": "tg", "load_balancer_arn": None}}, "ecs_mlflow", "alb"),
    ],
)
def test_what_is_missing_is_named_with_its_tags(resources: dict[str, Any], component: str, names: str) -> None:
    expected = f"fraud has no {names} yet: run --tags {names.replace(' ', '')} first"
    assert lacking(component, **resources) == expected


def test_groups_that_somebody_else_created_are_not_missing() -> None:
    network = {**NETWORK, "groups_to_make": ["ecs"], "security_group_ids": {"alb": None, "ecs": "sg-2", "rds": None}}
    assert lacking("ecs_mlflow", network=network) == ""


def test_what_somebody_else_created_needs_nothing() -> None:
    given = {"stack_vpc_id": "vpc-1", "stack_private_subnet_ids": ["subnet-1", "subnet-2"]}
    secret = "arn:aws:secretsmanager:eu-west-2:123456789012:secret:rds!db-1"
    theirs = {**given, "stack_db_instance": "team-postgres", "stack_db_master_secret_arn": secret}
    assert lacking("rds", theirs, network=None, secrets=None) == ""
