# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What decides how many connections a database takes: read-only."""

from __future__ import annotations

from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.reading import Client, absent, pages

#: The DB parameter, and its default where RDS does not tell one: Amazon RDS user guide, "Quotas and constraints".
PARAMETER = "max_connections"
DEFAULT = "LEAST({DBInstanceClassMemory/9531392},5000)"


def class_memory(client: Client, instance_class: str) -> int | None:
    """Bytes of memory of a DB instance class; None where EC2 has no instance type of that name.

    RDS itself does not tell it. API DescribeInstanceTypes, MemoryInfo.

    :param client: boto3's client of EC2.
    :param instance_class: such as ``db.t3.micro``, which runs on an instance of the type ``t3.micro``.
    :raises botocore.exceptions.ClientError: when AWS refuses the read.
    """
    answer = absent(
        lambda: client.describe_instance_types(InstanceTypes=[instance_class.removeprefix("db.")]),
        "InvalidInstanceType",
        "InvalidParameterValue",
    )
    rows = (answer or {}).get("InstanceTypes", [])
    return int(rows[0]["MemoryInfo"]["SizeInMiB"]) * 2**20 if rows else None


def connection_facts(ec2: Client, rds: Client, instance_class: str, group: str | None) -> dict[str, Any]:
    """What the number of connections follows from.

    :param ec2: and ``rds``: boto3's clients.
    :param group: the parameter group of a database that exists and is not the stack's; None for the stack's own, of
        whose parameters ``rds_parameters`` tells.
    :returns: ``instance_class``, ``memory`` in bytes or None, and ``max_connections``: a number or a formula, as RDS
        writes it.
    :raises botocore.exceptions.ClientError: when AWS refuses a read.
    """
    rows = pages(rds, "describe_db_parameters", "Parameters", DBParameterGroupName=group) if group else []
    values = [row["ParameterValue"] for row in rows if row["ParameterName"] == PARAMETER and row.get("ParameterValue")]
    return {
        "instance_class": instance_class,
        "memory": class_memory(ec2, instance_class),
        "max_connections": next(iter(values), DEFAULT),
    }
