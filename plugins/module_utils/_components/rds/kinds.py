# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The resources of the database, field by field."""

from __future__ import annotations

from collections.abc import Callable
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

from . import desired


def _tags(stack: Stack, _subject: Any) -> dict[str, Any]:
    return stack.tags("rds")


def _pending(key: str) -> Callable[[Described], Any]:
    """A field of DescribeDBInstances. What waits to be applied counts as applied, as for amazon.aws.rds_instance."""
    return lambda row: (row.get("PendingModifiedValues") or {}).get(key, row.get(key))


SUBNET_GROUP = Kind(
    "DB subnet group",
    desired.subnet_groups,
    modules=("amazon.aws.rds_subnet_group",),
    tags=_tags,
    fields=(
        Field("description", "DBSubnetGroupDescription", lambda stack: f"Private subnets of {stack.names.stack}"),
        Field(
            "subnets",
            ids(lambda row: [subnet["SubnetIdentifier"] for subnet in row["Subnets"]]),
            lambda stack: stack.subnet_cidrs("private"),
            passed=lambda stack: stack.subnet_ids("private"),
        ),
    ),
)

_GROUP, _PARAMETERS = "amazon.aws.rds_instance_param_group", "mlops.mlflow_aws.rds_parameters"
PARAMETER_GROUP = Kind(
    "DB parameter group",
    desired.parameter_groups,
    modules=(_GROUP, _PARAMETERS),
    untagged=(_PARAMETERS,),
    tags=_tags,
    fields=(
        Field(
            "description",
            "Description",
            lambda group: f"PostgreSQL {group.major} for {group.stack.names.stack}",
            modules=(_GROUP,),
        ),
        Field("engine", "DBParameterGroupFamily", lambda group: f"postgres{group.major}", modules=(_GROUP,)),
        # Those that somebody set.
        Field(
            "parameters",
            lambda row: _parameters(row, user=True),
            lambda group: group.parameters,
            passed=lambda group: dict(group.stack.inputs["rds_parameters"]),
            modules=(_PARAMETERS,),
        ),
        # Not compared: the other parameters, the names of those that are 1 or 0, and the other instances that use it.
        Field("_defaults", lambda row: _parameters(row, user=False), modules=()),
        Field(
            "_booleans",
            lambda row: [one["ParameterName"] for one in row["Parameters"] if one.get("DataType") == "boolean"],
            modules=(),
        ),
        Field("_used_by", "UsedBy", modules=()),
    ),
)


def _parameters(row: Described, *, user: bool) -> dict[str, str]:
    """The parameters that have a value and that a user set, or those that nobody set."""
    return {
        one["ParameterName"]: one["ParameterValue"]
        for one in row["Parameters"]
        if "ParameterValue" in one and (one.get("Source") == "user") is user
    }


#: API ModifyDBInstance. Login and port are given at the creation only, by the task.
INSTANCE = Kind(
    "DB instance",
    desired.instances,
    modules=("amazon.aws.rds_instance",),
    tags=_tags,
    fields=(
        Field("engine", desired="postgres", uncompared="another engine is another database"),
        Field("engine_version", _pending("EngineVersion"), desired.version),
        Field(
            "auto_minor_version_upgrade",
            _pending("AutoMinorVersionUpgrade"),
            Variable("rds_auto_minor_version_upgrade"),
        ),
        Field("db_instance_class", _pending("DBInstanceClass"), Variable("rds_instance_class")),
        Field("allocated_storage", _pending("AllocatedStorage"), desired.allocated_storage),
        Field("max_allocated_storage", lambda row: row.get("MaxAllocatedStorage") or 0, desired.max_allocated_storage),
        Field("storage_type", _pending("StorageType"), Variable("rds_storage_type")),
        Field("storage_encrypted", _pending("StorageEncrypted"), True),
        Field(
            "kms_key_id",
            desired=lambda stack: stack.inputs["rds_kms_key_id"] or None,
            uncompared="RDS cannot change it",
        ),
        Field(
            "db_subnet_group_name",
            "DBSubnetGroup.DBSubnetGroupName",
            lambda stack: stack.names.database_subnet_group,
        ),
        Field(
            "db_parameter_group_name",
            lambda row: next((one["DBParameterGroupName"] for one in row.get("DBParameterGroups", [])), None),
            desired.parameter_group_name,
        ),
        Field(
            "vpc_security_group_ids",
            ids(
                lambda row: [
                    one["VpcSecurityGroupId"] for one in row["VpcSecurityGroups"] if one["Status"] != "removing"
                ]
            ),
            lambda stack: [stack.security_group("rds")],
            passed=lambda stack: stack.security_group_ids("rds"),
        ),
        Field("publicly_accessible", _pending("PubliclyAccessible"), False),
        Field("multi_az", _pending("MultiAZ"), Variable("rds_multi_az")),
        Field("deletion_protection", _pending("DeletionProtection"), Variable("rds_deletion_protection")),
        Field(
            "backup_retention_period",
            _pending("BackupRetentionPeriod"),
            Variable("rds_backup_retention_days", Range(0, 35, "days")),
        ),
        Field("copy_tags_to_snapshot", _pending("CopyTagsToSnapshot"), True),
        Field(
            "enable_performance_insights",
            lambda row: bool(row.get("PerformanceInsightsEnabled")),
            Variable("rds_performance_insights"),
        ),
        # MLflow logs in with a password, and nobody needs IAM authentication.
        Field(
            "enable_iam_database_authentication",
            lambda row: bool(_pending("IAMDatabaseAuthenticationEnabled")(row)),
            False,
        ),
    ),
)

KINDS = (SUBNET_GROUP, PARAMETER_GROUP, INSTANCE)
