# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of the database: subnet group, parameter group with its parameters, and instance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils.stack.reading import absent, pages, tags

from .common import Account, Settings

#: Fields of DescribeDBInstances by the options of amazon.aws.rds_instance, where they mean the same. What waits to be
#: applied counts as applied (PendingModifiedValues), as it does for that module.
_SAME = {
    "engine_version": "EngineVersion",
    "auto_minor_version_upgrade": "AutoMinorVersionUpgrade",
    "db_instance_class": "DBInstanceClass",
    "allocated_storage": "AllocatedStorage",
    "max_allocated_storage": "MaxAllocatedStorage",
    "storage_type": "StorageType",
    "storage_encrypted": "StorageEncrypted",
    "publicly_accessible": "PubliclyAccessible",
    "multi_az": "MultiAZ",
    "deletion_protection": "DeletionProtection",
    "backup_retention_period": "BackupRetentionPeriod",
    "copy_tags_to_snapshot": "CopyTagsToSnapshot",
    "enable_performance_insights": "PerformanceInsightsEnabled",
}


def rds(account: Account) -> Settings:
    """Settings of the database, with the options of the modules that the role rds uses."""
    client, names = account.clients["rds"], account.names
    groups = [
        row
        for row in pages(client, "describe_db_parameter_groups", "DBParameterGroups")
        if row["DBParameterGroupName"].startswith(f"{names.database_parameter_group}-postgres")
    ]
    # Only a group of a former major version can be of use to others alone: a copy of the database from before.
    others = pages(client, "describe_db_instances", "DBInstances") if len(groups) > 1 else []
    users = [row for row in others if row["DBInstanceIdentifier"] != names.database]
    subnets = absent(
        lambda: client.describe_db_subnet_groups(DBSubnetGroupName=names.database_subnet_group),
        "DBSubnetGroupNotFoundFault",
        "DBSubnetGroupNotFound",
    )
    instances = absent(
        lambda: client.describe_db_instances(DBInstanceIdentifier=names.database),
        "DBInstanceNotFound",
        "DBInstanceNotFoundFault",
    )
    return {
        "DB subnet group": {
            row["DBSubnetGroupName"]: {
                "description": row["DBSubnetGroupDescription"],
                "subnets": account.labels(subnet["SubnetIdentifier"] for subnet in row["Subnets"]),
                "tags": _tags_of(client, row["DBSubnetGroupArn"]),
                "ids": [row["DBSubnetGroupArn"]],
            }
            for row in (subnets or {}).get("DBSubnetGroups", [])
        },
        "DB parameter group": {
            name: _parameter_group(client, row, [one["DBInstanceIdentifier"] for one in users if _uses(one, name)])
            for row in groups
            for name in [row["DBParameterGroupName"]]
        },
        "DB instance": {
            row["DBInstanceIdentifier"]: _instance(account, row) for row in (instances or {}).get("DBInstances", [])
        },
    }


def _parameter_group(client: Any, row: Mapping[str, Any], used_by: list[str]) -> dict[str, Any]:
    """``parameters`` are those that somebody set.

    What begins with an underscore is not compared: the other parameters, the names of those that are 1 or 0, and the
    DB instances beside the stack's own that use the group.
    """
    name = row["DBParameterGroupName"]
    rows = list(pages(client, "describe_db_parameters", "Parameters", DBParameterGroupName=name))
    values = {one["ParameterName"]: one["ParameterValue"] for one in rows if "ParameterValue" in one}
    mine = {one["ParameterName"] for one in rows if one.get("Source") == "user"}
    return {
        "description": row["Description"],
        "engine": row["DBParameterGroupFamily"],
        "parameters": {key: value for key, value in values.items() if key in mine},
        "_defaults": {key: value for key, value in values.items() if key not in mine},
        "_booleans": [one["ParameterName"] for one in rows if one.get("DataType") == "boolean"],
        "_used_by": used_by,
        "tags": _tags_of(client, row["DBParameterGroupArn"]),
        "ids": [row["DBParameterGroupArn"]],
    }


def _uses(instance: Mapping[str, Any], group: str) -> bool:
    return any(row["DBParameterGroupName"] == group for row in instance.get("DBParameterGroups", []))


def _instance(account: Account, row: Mapping[str, Any]) -> dict[str, Any]:
    pending = row.get("PendingModifiedValues") or {}
    groups = [group["VpcSecurityGroupId"] for group in row["VpcSecurityGroups"] if group["Status"] != "removing"]
    return {
        **{option: pending.get(key, row.get(key)) for option, key in _SAME.items()},
        "max_allocated_storage": row.get("MaxAllocatedStorage") or 0,
        "enable_performance_insights": bool(row.get("PerformanceInsightsEnabled")),
        "enable_iam_database_authentication": bool(
            pending.get("IAMDatabaseAuthenticationEnabled", row.get("IAMDatabaseAuthenticationEnabled"))
        ),
        "db_subnet_group_name": (row.get("DBSubnetGroup") or {}).get("DBSubnetGroupName"),
        "db_parameter_group_name": next(
            (group["DBParameterGroupName"] for group in row.get("DBParameterGroups", [])), None
        ),
        "vpc_security_group_ids": account.labels(groups),
        "tags": tags(row.get("TagList")),
        "ids": [row["DBInstanceArn"]],
    }


def _tags_of(client: Any, arn: str) -> dict[str, str]:
    return tags(client.list_tags_for_resource(ResourceName=arn)["TagList"])
