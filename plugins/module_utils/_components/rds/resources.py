# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the ids and states of the database and its groups."""

from __future__ import annotations

from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.account import Account
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.rds.status import ACCEPTS_CONNECTIONS
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.reading import Client, absent, pages, tags


def resources(account: Account) -> dict[str, Any] | None:
    """The database instance. ``endpoint`` is None until RDS has given it one."""
    existing = account.existing.db_instance
    row = instance(account, existing or account.names.database)
    if row is None:
        return None
    own = tags(row.get("TagList"))
    if not existing and not account.owner.owns("DB instance", account.names.database, row["DBInstanceArn"], own):
        return None
    endpoint = row.get("Endpoint") or {}
    groups = [group["VpcSecurityGroupId"] for group in row.get("VpcSecurityGroups", [])]
    return {
        "instance_id": row["DBInstanceIdentifier"],
        "mine": not existing,
        "arn": row["DBInstanceArn"],
        # Another one for each database, even of the same name: after a restore or a new creation too.
        "resource_id": row["DbiResourceId"],
        "status": row["DBInstanceStatus"],
        "usable": row["DBInstanceStatus"] in ACCEPTS_CONNECTIONS and bool(endpoint.get("Address")),
        "engine": row["Engine"],
        "engine_version": row["EngineVersion"],
        "instance_class": row["DBInstanceClass"],
        "storage_type": row["StorageType"],
        "multi_az": row.get("MultiAZ", False),
        "performance_insights": row.get("PerformanceInsightsEnabled", False),
        "allocated_storage": row["AllocatedStorage"],
        # None where the storage does not grow by itself.
        "max_allocated_storage": row.get("MaxAllocatedStorage"),
        "endpoint": {"address": endpoint["Address"], "port": endpoint["Port"]} if endpoint.get("Address") else None,
        "master_username": row["MasterUsername"],
        "storage_encrypted": row["StorageEncrypted"],
        "kms_key_arn": row.get("KmsKeyId"),
        "deletion_protection": row.get("DeletionProtection", False),
        "parameter_groups": [group["DBParameterGroupName"] for group in row.get("DBParameterGroups", [])],
        # in-sync, applying or pending-reboot, for each group.
        "parameter_statuses": [group["ParameterApplyStatus"] for group in row.get("DBParameterGroups", [])],
        "publicly_accessible": row.get("PubliclyAccessible", False),
        "backup_retention_period": row.get("BackupRetentionPeriod", 0),
        "vpc_id": (row.get("DBSubnetGroup") or {}).get("VpcId"),
        "security_group_ids": groups,
        # Who may reach it is asked only of a database that is given: the role network sees to the stack's own.
        "ingress": _ingress(account.clients["ec2"], groups) if existing else [],
    }


def instance(account: Account, name: str) -> dict[str, Any] | None:
    """What DescribeDBInstances answers of the DB instance of this name."""
    answer = absent(
        lambda: account.clients["rds"].describe_db_instances(DBInstanceIdentifier=name),
        "DBInstanceNotFound",
        "DBInstanceNotFoundFault",
    )
    rows: list[dict[str, Any]] = answer["DBInstances"] if answer else []
    return rows[0] if rows else None


def rds_groups(account: Account) -> dict[str, Any]:
    """Names of the stack's DB subnet group, or None, and of its DB parameter groups, one a major version."""

    def owned(kind: str, name: str, arn: str) -> bool:
        return account.owner.owns(kind, name, arn, tags_of(account, arn))

    subnets = [
        row["DBSubnetGroupName"]
        for row in subnet_groups(account)
        if owned("DB subnet group", row["DBSubnetGroupName"], row["DBSubnetGroupArn"])
    ]
    parameters = [
        row["DBParameterGroupName"]
        for row in parameter_groups(account)
        if owned("DB parameter group", row["DBParameterGroupName"], row["DBParameterGroupArn"])
    ]
    return {"subnet_group": next(iter(subnets), None), "parameter_groups": sorted(parameters)}


def subnet_groups(account: Account) -> list[dict[str, Any]]:
    """What DescribeDBSubnetGroups answers of the group with the stack's name."""
    name = account.names.database_subnet_group
    answer = absent(
        lambda: account.clients["rds"].describe_db_subnet_groups(DBSubnetGroupName=name),
        "DBSubnetGroupNotFoundFault",
        "DBSubnetGroupNotFound",
    )
    found: list[dict[str, Any]] = (answer or {}).get("DBSubnetGroups", [])
    return found


def parameter_groups(account: Account) -> list[dict[str, Any]]:
    """What DescribeDBParameterGroups answers of the groups with the stack's name, one a major version."""
    return [
        row
        for row in pages(account.clients["rds"], "describe_db_parameter_groups", "DBParameterGroups")
        if row["DBParameterGroupName"].startswith(f"{account.names.database_parameter_group}-postgres")
    ]


def tags_of(account: Account, arn: str) -> dict[str, str]:
    """The tags of a group."""
    return tags(account.clients["rds"].list_tags_for_resource(ResourceName=arn)["TagList"])


def _ingress(ec2: Client, groups: list[str]) -> list[dict[str, Any]]:
    asked = [{"Name": "group-id", "Values": groups}]
    rows = pages(ec2, "describe_security_groups", "SecurityGroups", Filters=asked) if groups else []
    return [rule for row in rows for rule in row["IpPermissions"]]
