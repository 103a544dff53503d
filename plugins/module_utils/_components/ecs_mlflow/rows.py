# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the settings of the service: log group, roles, cluster, task definitions, service, migration and scaling."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.account import Account, Found
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.fields import Row
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.scaling import (
    DIMENSION,
    current_scaling,
    resource_id,
)
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.service import State, judge, primary
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.lost import RAN_TAG
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.reading import (
    absent,
    newest_revision,
    pages,
    tags,
)

from .resources import clusters, log_group, role, services, tags_of

#: The name of the one inline policy of each role.
POLICY = "mlflow"


def rows(found: Found) -> dict[str, list[Row]]:
    """The resources of the service by kind."""
    account, names = found.account, found.names
    revisions = {
        family: newest_revision(account.clients["ecs"], family)
        for family in (names.task_family, names.migration_family)
    }
    migration = revisions[names.migration_family]
    login = (found.resources["secrets"] or {}).get("database") or {}
    group = log_group(account)
    return {
        "log group": [Row(names.log_group, group, group["Tags"], (group["arn"],))] if group else [],
        "IAM role": [
            _role(account, name)
            for name in (names.execution_role, names.migration_execution_role, names.task_role)
            if role(account, name)
        ],
        "cluster": [Row(row["clusterName"], row, tags_of(row), (row["clusterArn"],)) for row in clusters(account)],
        "task definition": [_revision(family, row) for family, row in revisions.items() if row],
        "migration": [Row(names.migration_family, {})] if migration and RAN_TAG in tags_of(migration) else [],
        "service": [_service(row, revisions[names.task_family]) for row in services(account)],
        "scaling": _scaling(account),
        # A rotation that has not ended: a task may still use the former login.
        "former database login": [Row(names.secret_database, {})] if login.get("previous_version_id") else [],
    }


def _role(account: Account, name: str) -> Row:
    """A role with its policies."""
    iam, row = account.clients["iam"], role(account, name) or {}
    policy = absent(lambda: iam.get_role_policy(RoleName=name, PolicyName=POLICY), "NoSuchEntity")
    attached = pages(iam, "list_attached_role_policies", "AttachedPolicies", RoleName=name)
    described = {
        **row,
        "Policy": policy["PolicyDocument"] if policy else {},
        "AttachedPolicies": [one["PolicyArn"] for one in attached],
        "PolicyNames": [str(one) for one in pages(iam, "list_role_policies", "PolicyNames", RoleName=name)],
    }
    return Row(name, described, tags(row.get("Tags")), (row["Arn"],))


def _revision(family: str, answer: Mapping[str, Any]) -> Row:
    own = {key: value for key, value in tags_of(answer).items() if key != RAN_TAG}
    return Row(family, answer["taskDefinition"], own, (answer["taskDefinition"]["taskDefinitionArn"],))


def _service(row: Mapping[str, Any], newest: Mapping[str, Any] | None) -> Row:
    """A service with how far its deployment is, and whether it runs the newest revision."""
    deployment = primary(dict(row))
    revision = str(deployment.get("taskDefinition") or row["taskDefinition"])
    verdict = judge(dict(row), deployment)
    described = {
        **row,
        "Revision": "latest" if newest and newest["taskDefinition"]["taskDefinitionArn"] == revision else revision,
        "Rollout": "steady" if verdict.state is State.STEADY else verdict.text,
    }
    return Row(row["serviceName"], described, tags_of(row), (row["serviceArn"],))


def _scaling(account: Account) -> list[Row]:
    client, names = account.clients["application-autoscaling"], account.names
    where = resource_id(names.cluster, names.service)
    targets = client.describe_scalable_targets(ServiceNamespace="ecs", ResourceIds=[where])["ScalableTargets"]
    target = next((row for row in targets if row["ScalableDimension"] == DIMENSION), None)
    if target is None:
        return []
    policies = client.describe_scaling_policies(
        ServiceNamespace="ecs", ResourceId=where, ScalableDimension=DIMENSION, MaxResults=50
    )["ScalingPolicies"]
    found = current_scaling(target, policies)
    own = {metric: found.policies.get(f"{names.stack}-{metric}", {}) for metric in ("cpu", "memory")}
    return [Row(names.service, {**target, "Suspended": list(found.suspended), "Policies": own})]
