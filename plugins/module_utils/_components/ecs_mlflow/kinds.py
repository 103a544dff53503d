# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The resources of the service, field by field."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.fields import (
    Described,
    Field,
    Kind,
    Range,
    Variable,
    ids,
)
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.stack import Stack
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.task_definition import canonical, desired_definition

from . import definitions, roles
from .leaves import leaves
from .rows import POLICY

_SECONDS = "seconds"


def _tags(stack: Stack, _subject: Any) -> dict[str, Any]:
    # The value is older than the role's name.
    return stack.tags("ecs")


def _one(name: str) -> Callable[[Stack], Mapping[str, Stack]]:
    """The one resource of a kind, by the stack's name of it."""
    return lambda stack: {getattr(stack.names, name): stack}


LOG_GROUP = Kind(
    "log group",
    _one("log_group"),
    modules=("amazon.aws.cloudwatchlogs_log_group",),
    tags=_tags,
    fields=(
        # Without it CloudWatch keeps the logs for ever (API LogGroup).
        Field("retention", lambda row: row.get("retentionInDays", 0), Variable("ecs_mlflow_log_retention_days")),
    ),
)

_KEY = "by which the module finds it"
_ROLE, _INLINE = "amazon.aws.iam_role", "amazon.aws.iam_policy"
ROLE = Kind(
    "IAM role",
    roles.roles,
    modules=(_ROLE, _INLINE),
    untagged=(_INLINE,),
    tags=_tags,
    fields=(
        Field("name", desired=lambda role: role.name, modules=(_ROLE,), uncompared=_KEY),
        Field("iam_name", desired=lambda role: role.name, modules=(_INLINE,), uncompared=_KEY),
        Field("policy_name", desired=POLICY, modules=(_INLINE,), uncompared="by which the module finds the policy"),
        Field("description", lambda row: row.get("Description", ""), lambda role: role.description, modules=(_ROLE,)),
        Field(
            "trust",
            "AssumeRolePolicyDocument",
            lambda role: roles.trust(role.stack),
            option="assume_role_policy_document",
            modules=(_ROLE,),
        ),
        # An empty variable leaves alone what they have.
        Field(
            "permissions_boundary",
            lambda row: row.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn", ""),
            lambda role: role.stack.inputs["ecs_mlflow_permissions_boundary"] or None,
            option="boundary",
            modules=(_ROLE,),
        ),
        Field("managed_policies", lambda row: sorted(row["AttachedPolicies"]), [], modules=(_ROLE,)),
        Field(
            "policy",
            "Policy",
            lambda role: {"Version": "2012-10-17", "Statement": list(role.statements)},
            option="policy_json",
            modules=(_INLINE,),
        ),
        # Rights that somebody added beside those of the inventory.
        Field("other_policies", lambda row: sorted({*row["PolicyNames"]} - {POLICY}), [], modules=()),
    ),
)

CLUSTER = Kind(
    "cluster",
    _one("cluster"),
    modules=("mlops.mlflow_aws.ecs_cluster_settings",),
    tags=_tags,
    fields=(
        # AWS's default is not listed.
        Field(
            "container_insights",
            lambda row: {one["name"]: one["value"] for one in row.get("settings", [])}.get(
                "containerInsights", "disabled"
            ),
            lambda stack: "enabled" if stack.inputs["ecs_mlflow_container_insights"] else "disabled",
        ),
    ),
)


def _option(name: str) -> Field:
    """An option of ecs_task_definition."""
    return Field(name, desired=lambda one: one.options().get(name), uncompared="a part of definition")


TASK_DEFINITION = Kind(
    "task definition",
    definitions.definitions,
    modules=("mlops.mlflow_aws.ecs_task_definition",),
    tags=_tags,
    fields=(
        # Its parts, such as containers.mlflow.environment.LEVEL.
        Field(
            "definition",
            lambda row: leaves(canonical(row)),
            lambda one: leaves(
                canonical(
                    desired_definition(
                        {"network_mode": "awsvpc", "requires_compatibilities": ["FARGATE"], **one.options()}
                    )
                )
            ),
            modules=(),
        ),
        *(
            _option(name)
            for name in (
                "family",
                "cpu",
                "memory",
                "execution_role_arn",
                "task_role_arn",
                "runtime_platform",
                "volumes",
                "containers",
            )
        ),
    ),
)

#: That a task of the newest revision has ended well.
MIGRATION = Kind("migration", _one("migration_family"))


def _awsvpc(row: Described) -> Described:
    found: Described = (row.get("networkConfiguration") or {}).get("awsvpcConfiguration", {})
    return found


def _deployment(key: str) -> str:
    return f"deploymentConfiguration.{key}"


def _rolls_back(row: Described) -> bool:
    breaker = (row.get("deploymentConfiguration") or {}).get("deploymentCircuitBreaker") or {}
    return bool(breaker.get("enable") and breaker.get("rollback"))


def _load_balancers(row: Described) -> list[str]:
    """As ``container:port in target group``; the name stands in an ARN such as ``...:targetgroup/NAME/0123``."""
    return [
        f"{one['containerName']}:{one['containerPort']} in {one['targetGroupArn'].split('/')[-2]}"
        for one in row.get("loadBalancers", [])
    ]


_LEAST, _MOST = 100, 200
SERVICE = Kind(
    "service",
    _one("service"),
    modules=("mlops.mlflow_aws.ecs_rollout",),
    tags=_tags,
    fields=(
        Field("status", "status", "ACTIVE", modules=()),
        # The newest one, and nothing of a former one is left.
        Field("task_definition", "Revision", "latest", modules=()),
        Field("rollout", "Rollout", "steady", modules=()),
        Field("launch_type", "launchType", "FARGATE"),
        Field(
            "desired_count",
            "desiredCount",
            lambda stack: None if stack.inputs["ecs_mlflow_autoscaling"] else stack.inputs["ecs_mlflow_desired_count"],
            passed=lambda stack: stack.inputs["ecs_mlflow_desired_count"],
        ),
        Field(
            "keep_desired_count",
            desired=Variable("ecs_mlflow_autoscaling"),
            uncompared="how the module treats desired_count",
        ),
        Field(
            "subnets",
            ids(lambda row: _awsvpc(row).get("subnets", [])),
            lambda stack: stack.subnet_cidrs("private"),
            passed=lambda stack: stack.subnet_ids("private"),
        ),
        Field(
            "security_groups",
            ids(lambda row: _awsvpc(row).get("securityGroups", [])),
            lambda stack: [stack.security_group("ecs")],
            passed=lambda stack: stack.security_group_ids("ecs"),
        ),
        Field("assign_public_ip", lambda row: _awsvpc(row).get("assignPublicIp") == "ENABLED", False),
        Field(
            "load_balancers",
            _load_balancers,
            lambda stack: [f"mlflow:{stack.inputs['stack_service_port']} in {stack.target_group}"],
            passed=lambda stack: [
                {
                    "target_group_arn": (stack.resources["alb"] or {}).get("target_group_arn"),
                    "container_name": "mlflow",
                    "container_port": stack.inputs["stack_service_port"],
                }
            ],
        ),
        Field(
            "health_check_grace_period_seconds",
            lambda row: row.get("healthCheckGracePeriodSeconds", 0),
            # API HealthCheck, startPeriod.
            Variable("ecs_mlflow_start_period", Range(0, 300, _SECONDS)),
        ),
        Field("minimum_healthy_percent", _deployment("minimumHealthyPercent"), _LEAST, modules=()),
        Field("maximum_percent", _deployment("maximumPercent"), _MOST, modules=()),
        Field("circuit_breaker", _rolls_back, True, modules=()),
        Field(
            "deployment_configuration",
            desired={
                "minimum_healthy_percent": _LEAST,
                "maximum_percent": _MOST,
                "deployment_circuit_breaker": {"enable": True, "rollback": True},
            },
            uncompared="compared as minimum_healthy_percent, maximum_percent and circuit_breaker",
        ),
        Field("propagate_tags", lambda row: row.get("propagateTags", "NONE"), "SERVICE"),
        # A shell in a task has the secrets of its environment.
        Field("enable_execute_command", lambda row: bool(row.get("enableExecuteCommand")), False),
    ),
)


def _scaled(stack: Stack) -> Mapping[str, Stack | None]:
    return {stack.names.service: stack if stack.inputs["ecs_mlflow_autoscaling"] else None}


#: Metrics of target tracking (API PredefinedMetricSpecification) by the end of the policy's name and of the variable.
_METRICS = {"cpu": "ECSServiceAverageCPUUtilization", "memory": "ECSServiceAverageMemoryUtilization"}


def _policy(stack: Stack, metric: str) -> dict[str, Any]:
    """The policy of a metric; nothing where its variable is 0."""
    target = int(stack.inputs[f"ecs_mlflow_autoscaling_{metric}"])
    if target <= 0:
        return {}
    return {
        "metric": _METRICS[metric],
        "target_value": float(target),
        "scale_in_cooldown": 300,
        "scale_out_cooldown": 60,
    }


def _policies(stack: Stack) -> list[dict[str, Any]]:
    found = {f"{stack.names.stack}-{metric}": _policy(stack, metric) for metric in _METRICS}
    return [{"name": name, **policy} for name, policy in found.items() if policy]


SCALING = Kind(
    "scaling",
    _scaled,
    modules=("mlops.mlflow_aws.ecs_scaling",),
    fields=(
        Field("min_capacity", "MinCapacity", Variable("ecs_mlflow_min_count")),
        Field("max_capacity", "MaxCapacity", Variable("ecs_mlflow_max_count")),
        # The module resumes what somebody suspended.
        Field("suspended", "Suspended", [], modules=()),
        Field("cpu_policy", "Policies.cpu", lambda stack: _policy(stack, "cpu"), modules=()),
        Field("memory_policy", "Policies.memory", lambda stack: _policy(stack, "memory"), modules=()),
        Field("policies", desired=_policies, uncompared="compared as cpu_policy and memory_policy"),
        Field(
            "absent_policies",
            desired=lambda stack: [f"{stack.names.stack}-{one}" for one in _METRICS if not _policy(stack, one)],
            uncompared="compared as cpu_policy and memory_policy",
        ),
    ),
)


def _no_former_login(stack: Stack) -> Mapping[str, None]:
    return {stack.names.secret_database: None}


#: The former version of the database's login, which a rotation leaves until no task uses it.
FORMER_LOGIN = Kind("former database login", _no_former_login)

KINDS = (LOG_GROUP, ROLE, CLUSTER, TASK_DEFINITION, MIGRATION, SERVICE, SCALING, FORMER_LOGIN)
