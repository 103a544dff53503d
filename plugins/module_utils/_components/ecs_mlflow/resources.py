# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the ids and states of the service: cluster, service, revisions, roles and log group."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.account import Account
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.lost import revision_facts
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.reading import absent, pages, tags


def resources(account: Account) -> dict[str, Any]:
    """Cluster, service, current revision, roles and log group."""
    names, owner = account.names, account.owner
    found = [row for row in clusters(account) if owner.owns("cluster", names.cluster, row["clusterArn"], tags_of(row))]
    running = [
        row
        for row in (services(account) if found else [])
        if owner.owns("service", names.service, row["serviceArn"], tags_of(row))
    ]
    service = running[0] if running else None
    return {
        "cluster_arn": found[0]["clusterArn"] if found else None,
        "service_arn": service["serviceArn"] if service else None,
        "task_definition_arn": service["taskDefinition"] if service else None,
        "desired_count": service["desiredCount"] if service else None,
        "running_count": service["runningCount"] if service else None,
        "execution_role_arn": _role(account, names.execution_role),
        "migration_execution_role_arn": _role(account, names.migration_execution_role),
        "task_role_arn": _role(account, names.task_role),
        "log_group": _log_group(account),
    }


def clusters(account: Account) -> list[dict[str, Any]]:
    """What DescribeClusters answers of the cluster with the stack's name, unless it was deleted."""
    answer = account.clients["ecs"].describe_clusters(clusters=[account.names.cluster], include=["SETTINGS", "TAGS"])
    return [row for row in answer["clusters"] if row["status"] != "INACTIVE"]


def services(account: Account) -> list[dict[str, Any]]:
    """What DescribeServices answers of the service with the stack's name, unless it was deleted."""
    names = account.names
    answer = absent(
        lambda: account.clients["ecs"].describe_services(
            cluster=names.cluster, services=[names.service], include=["TAGS"]
        ),
        "ClusterNotFoundException",
    )
    return [row for row in (answer or {"services": []})["services"] if row["status"] != "INACTIVE"]


def tags_of(row: Mapping[str, Any]) -> dict[str, str]:
    """The tags of what ECS describes."""
    return tags(row.get("tags"), "key", "value")


def role(account: Account, name: str) -> dict[str, Any] | None:
    """What GetRole answers of a role; None where there is none."""
    answer = absent(lambda: account.clients["iam"].get_role(RoleName=name), "NoSuchEntity")
    return answer["Role"] if answer else None


def _role(account: Account, name: str) -> str | None:
    row = role(account, name)
    if row is None or not account.owner.owns("IAM role", name, row["Arn"], tags(row.get("Tags"))):
        return None
    arn: str = row["Arn"]
    return arn


def log_group(account: Account) -> dict[str, Any] | None:
    """What DescribeLogGroups answers of the log group with the stack's name, with its ``Tags``; None for none."""
    client, name = account.clients["logs"], account.names.log_group
    rows = pages(client, "describe_log_groups", "logGroups", logGroupNamePrefix=name)
    row = next((row for row in rows if row["logGroupName"] == name), None)
    if row is None:
        return None
    # The ARN of a log group ends in ":*", that of its tags does not (API ListTagsForResource).
    arn = row["arn"].removesuffix(":*")
    every = client.list_tags_for_resource(resourceArn=arn)["tags"]
    return {**row, "arn": arn, "Tags": {key: value for key, value in every.items() if not key.startswith("aws:")}}


def _log_group(account: Account) -> str | None:
    row, name = log_group(account), account.names.log_group
    return name if row and account.owner.owns("log group", name, row["arn"], row["Tags"]) else None


def revisions(account: Account) -> dict[str, dict[str, Any] | None]:
    """The newest revisions of the service's and the migration's task definition, see :func:`lost.revision_facts`."""
    names, found = account.names, {}
    for use, family in (("service", names.task_family), ("migration", names.migration_family)):
        row = revision_facts(account.clients["ecs"], family)
        mine = row is not None and account.owner.owns("task definition", family, row["arn"], row["tags"])
        found[use] = row if mine else None
    return found
