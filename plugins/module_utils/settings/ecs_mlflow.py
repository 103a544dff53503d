# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of the service: log group, IAM roles, cluster, task definitions, service, migration and scaling."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils.ecs.scaling import (
    DIMENSION,
    current_scaling,
    resource_id,
)
from ansible_collections.mlops.mlflow_aws.plugins.module_utils.ecs.service import State, judge, primary
from ansible_collections.mlops.mlflow_aws.plugins.module_utils.ecs.task_definition import canonical
from ansible_collections.mlops.mlflow_aws.plugins.module_utils.stack.lost import RAN_TAG
from ansible_collections.mlops.mlflow_aws.plugins.module_utils.stack.reading import (
    absent,
    newest_revision,
    pages,
    tags,
)
from ansible_collections.mlops.mlflow_aws.plugins.module_utils.stack.wanted_ecs import leaves

from .common import Account, Settings


def ecs_mlflow(account: Account) -> Settings:
    """Settings of the service, with the options of the modules that the role ecs_mlflow uses."""
    names = account.names
    revisions = {
        family: newest_revision(account.clients["ecs"], family)
        for family in (names.task_family, names.migration_family)
    }
    migration = revisions[names.migration_family]
    return {
        "log group": _log_groups(account),
        "IAM role": dict(_roles(account)),
        "cluster": _clusters(account),
        "task definition": {
            family: {
                "definition": leaves(canonical(answer["taskDefinition"])),
                "tags": {key: value for key, value in _ecs_tags(answer.get("tags")).items() if key != RAN_TAG},
                "ids": [answer["taskDefinition"]["taskDefinitionArn"]],
            }
            for family, answer in revisions.items()
            if answer is not None
        },
        "migration": {names.migration_family: {}} if migration and RAN_TAG in _ecs_tags(migration.get("tags")) else {},
        "service": _services(account, revisions[names.task_family]),
        "scaling": _scaling(account),
        # A rotation that has not ended: a task may still use the former login.
        "former database login": {names.secret_database: {}}
        if ((account.resources["secrets"] or {}).get("database") or {}).get("previous_version_id")
        else {},
    }


def _ecs_tags(rows: list[dict[str, str]] | None) -> dict[str, str]:
    return tags(rows, "key", "value")


def _log_groups(account: Account) -> dict[str, dict[str, Any]]:
    client, name = account.clients["logs"], account.names.log_group
    found = [
        row
        for row in pages(client, "describe_log_groups", "logGroups", logGroupNamePrefix=name)
        if row["logGroupName"] == name
    ]
    if not found:
        return {}
    # The ARN of a log group ends in ":*", that of its tags does not (API ListTagsForResource).
    arn = found[0]["arn"].removesuffix(":*")
    own = client.list_tags_for_resource(resourceArn=arn)["tags"]
    settings = {
        "retention": found[0].get("retentionInDays", 0),
        "tags": {key: value for key, value in own.items() if not key.startswith("aws:")},
        "ids": [arn],
    }
    return {name: settings}


def _roles(account: Account) -> Iterator[tuple[str, dict[str, Any]]]:
    iam, names = account.clients["iam"], account.names
    for name in (names.execution_role, names.migration_execution_role, names.task_role):
        answer = absent(lambda name=name: iam.get_role(RoleName=name), "NoSuchEntity")  # type: ignore[misc]
        if answer is None:
            continue
        policy = absent(
            lambda name=name: iam.get_role_policy(RoleName=name, PolicyName="mlflow"),  # type: ignore[misc]
            "NoSuchEntity",
        )
        attached = pages(iam, "list_attached_role_policies", "AttachedPolicies", RoleName=name)
        inline = pages(iam, "list_role_policies", "PolicyNames", RoleName=name)
        yield (
            name,
            {
                "description": answer["Role"].get("Description", ""),
                "trust": answer["Role"]["AssumeRolePolicyDocument"],
                "permissions_boundary": answer["Role"].get("PermissionsBoundary", {}).get("PermissionsBoundaryArn", ""),
                "managed_policies": sorted(row["PolicyArn"] for row in attached),
                "policy": policy["PolicyDocument"] if policy else {},
                # Rights that somebody added beside those of the inventory.
                "other_policies": sorted({str(one) for one in inline} - {"mlflow"}),
                "tags": tags(iam.list_role_tags(RoleName=name)["Tags"]),
                "ids": [answer["Role"]["Arn"]],
            },
        )


def _clusters(account: Account) -> dict[str, dict[str, Any]]:
    answer = account.clients["ecs"].describe_clusters(clusters=[account.names.cluster], include=["SETTINGS", "TAGS"])
    return {
        row["clusterName"]: {
            # AWS's default is not listed.
            "container_insights": {one["name"]: one["value"] for one in row.get("settings", [])}.get(
                "containerInsights", "disabled"
            ),
            "tags": _ecs_tags(row.get("tags")),
            "ids": [row["clusterArn"]],
        }
        for row in answer["clusters"]
        if row["status"] != "INACTIVE"
    }


def _services(account: Account, latest: Mapping[str, Any] | None) -> dict[str, dict[str, Any]]:
    names = account.names
    answer = absent(
        lambda: account.clients["ecs"].describe_services(
            cluster=names.cluster, services=[names.service], include=["TAGS"]
        ),
        "ClusterNotFoundException",
    )
    rows = [row for row in (answer or {"services": []})["services"] if row["status"] != "INACTIVE"]
    return {row["serviceName"]: _service(account, row, latest) for row in rows}


def _service(account: Account, row: Mapping[str, Any], latest: Mapping[str, Any] | None) -> dict[str, Any]:
    newest = primary(dict(row))
    revision = str(newest.get("taskDefinition") or row["taskDefinition"])
    vpc = (row.get("networkConfiguration") or {}).get("awsvpcConfiguration", {})
    deployment = row.get("deploymentConfiguration") or {}
    breaker = deployment.get("deploymentCircuitBreaker") or {}
    verdict = judge(dict(row), newest)
    return {
        "status": row["status"],
        "task_definition": "latest"
        if latest and latest["taskDefinition"]["taskDefinitionArn"] == revision
        else revision,
        "rollout": "steady" if verdict.state is State.STEADY else verdict.text,
        "launch_type": row.get("launchType"),
        "desired_count": row["desiredCount"],
        "subnets": account.labels(vpc.get("subnets", [])),
        "security_groups": account.labels(vpc.get("securityGroups", [])),
        "assign_public_ip": vpc.get("assignPublicIp") == "ENABLED",
        "load_balancers": [
            f"{balancer['containerName']}:{balancer['containerPort']} in {_target_group(balancer['targetGroupArn'])}"
            for balancer in row.get("loadBalancers", [])
        ],
        "health_check_grace_period_seconds": row.get("healthCheckGracePeriodSeconds", 0),
        "minimum_healthy_percent": deployment.get("minimumHealthyPercent"),
        "maximum_percent": deployment.get("maximumPercent"),
        "circuit_breaker": bool(breaker.get("enable") and breaker.get("rollback")),
        "propagate_tags": row.get("propagateTags", "NONE"),
        "enable_execute_command": bool(row.get("enableExecuteCommand")),
        "tags": _ecs_tags(row.get("tags")),
        "ids": [row["serviceArn"]],
    }


def _target_group(arn: str) -> str:
    """The name in an ARN such as ``...:targetgroup/NAME/0123``."""
    return arn.split("/")[-2]


def _scaling(account: Account) -> dict[str, dict[str, Any]]:
    client, names = account.clients["application-autoscaling"], account.names
    where = resource_id(names.cluster, names.service)
    targets = client.describe_scalable_targets(ServiceNamespace="ecs", ResourceIds=[where])["ScalableTargets"]
    target = next((row for row in targets if row["ScalableDimension"] == DIMENSION), None)
    if target is None:
        return {}
    policies = client.describe_scaling_policies(
        ServiceNamespace="ecs", ResourceId=where, ScalableDimension=DIMENSION, MaxResults=50
    )["ScalingPolicies"]
    found = current_scaling(target, policies)
    return {
        names.service: {
            "min_capacity": target["MinCapacity"],
            "max_capacity": target["MaxCapacity"],
            "suspended": list(found.suspended),
            # Of the policies of the role, one that is not there has no fields.
            **{f"{names.stack}-{metric}": {} for metric in ("cpu", "memory")},
            **found.policies,
        }
    }
