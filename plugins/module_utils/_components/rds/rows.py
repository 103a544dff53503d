# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the settings of the database: subnet group, parameter groups with their parameters, and instance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.account import Found
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.fields import Row
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.reading import pages, tags

from .resources import instance, parameter_groups, subnet_groups, tags_of


def rows(found: Found) -> dict[str, list[Row]]:
    """The DB subnet group, the DB parameter groups and the DB instance."""
    account = found.account
    groups = parameter_groups(account)
    # Only a group of a former major version can be of use to others alone: a copy of the database from before.
    every = pages(account.clients["rds"], "describe_db_instances", "DBInstances") if len(groups) > 1 else []
    others = [row for row in every if row["DBInstanceIdentifier"] != account.names.database]
    database = instance(account, account.names.database)
    return {
        "DB subnet group": [
            Row(row["DBSubnetGroupName"], row, tags_of(account, arn), (arn,))
            for row in subnet_groups(account)
            for arn in [row["DBSubnetGroupArn"]]
        ],
        "DB parameter group": [_parameter_group(found, row, others) for row in groups],
        "DB instance": [
            Row(row["DBInstanceIdentifier"], row, tags(row.get("TagList")), (row["DBInstanceArn"],))
            for row in [database]
            if row
        ],
    }


def _parameter_group(found: Found, row: Mapping[str, Any], others: list[dict[str, Any]]) -> Row:
    """A group with what DescribeDBParameters answers of it, and the other DB instances that use it."""
    name, arn = row["DBParameterGroupName"], row["DBParameterGroupArn"]
    parameters = list(pages(found.clients["rds"], "describe_db_parameters", "Parameters", DBParameterGroupName=name))
    users = [
        one["DBInstanceIdentifier"]
        for one in others
        if any(group["DBParameterGroupName"] == name for group in one.get("DBParameterGroups", []))
    ]
    return Row(name, {**row, "Parameters": parameters, "UsedBy": users}, tags_of(found.account, arn), (arn,))
