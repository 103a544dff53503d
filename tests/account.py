# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One region of an AWS account, by boto3: everything in it that the roles could have made."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable
from typing import Any

#: What goes away by itself, or for good: AWS describes it for a while still.
GONE = {"deleted", "deleting", "failed"}

_EC2 = [
    ("describe_vpcs", "Vpcs", "VpcId"),
    ("describe_subnets", "Subnets", "SubnetId"),
    ("describe_internet_gateways", "InternetGateways", "InternetGatewayId"),
    ("describe_nat_gateways", "NatGateways", "NatGatewayId"),
    ("describe_route_tables", "RouteTables", "RouteTableId"),
    ("describe_security_groups", "SecurityGroups", "GroupId"),
    ("describe_network_interfaces", "NetworkInterfaces", "NetworkInterfaceId"),
    ("describe_vpc_endpoints", "VpcEndpoints", "VpcEndpointId"),
]
_RDS = [
    ("describe_db_instances", "DBInstances", "DBInstanceIdentifier"),
    ("describe_db_parameter_groups", "DBParameterGroups", "DBParameterGroupName"),
    ("describe_db_subnet_groups", "DBSubnetGroups", "DBSubnetGroupName"),
    ("describe_db_snapshots", "DBSnapshots", "DBSnapshotIdentifier"),
]


class Account(ABC):
    """Who can make boto3 clients for the account."""

    @abstractmethod
    def aws(self, service: str) -> Any:
        """A boto3 client in the account's region."""

    def every(self, service: str, operation: str, key: str, **arguments: Any) -> list[Any]:
        """All rows that a paginated ``operation`` answers under ``key``."""
        pages = self.aws(service).get_paginator(operation).paginate(**arguments)
        return [row for page in pages for row in page[key]]


def resources(account: Account) -> dict[str, set[str]]:
    """Identifiers of what exists, by kind: the key that AWS answers it under."""
    found: dict[str, set[str]] = {}
    for service, kinds in (("ec2", _EC2), ("rds", _RDS)):
        for operation, key, identifier in kinds:
            rows = account.every(service, operation, key)
            found[key] = {row[identifier] for row in rows if row.get("State") not in GONE}
    plain: list[tuple[str, str, str, Callable[[Any], str]]] = [
        ("elbv2", "describe_load_balancers", "LoadBalancers", lambda row: row["LoadBalancerArn"]),
        ("elbv2", "describe_target_groups", "TargetGroups", lambda row: row["TargetGroupArn"]),
        ("secretsmanager", "list_secrets", "SecretList", lambda row: row["Name"]),
        ("logs", "describe_log_groups", "logGroups", lambda row: row["logGroupName"]),
    ]
    for service, operation, key, name in plain:
        found[key] = {name(row) for row in account.every(service, operation, key)}
    # Service-linked roles are made by the services, at their first use, and stay with the account.
    roles = account.every("iam", "list_roles", "Roles")
    found["Roles"] = {row["RoleName"] for row in roles if not row["Path"].startswith("/aws-service-role/")}
    clusters = account.every("ecs", "list_clusters", "clusterArns")
    # A deleted cluster stays discoverable as INACTIVE (API DeleteCluster).
    found["clusterArns"] = {
        row["clusterArn"]
        for row in account.aws("ecs").describe_clusters(clusters=clusters)["clusters"]
        if row["status"] != "INACTIVE"
    }
    found["Addresses"] = {row["AllocationId"] for row in account.aws("ec2").describe_addresses()["Addresses"]}
    found["Buckets"] = {row["Name"] for row in account.aws("s3").list_buckets()["Buckets"]}
    found["taskDefinitionArns"] = set(
        account.every("ecs", "list_task_definitions", "taskDefinitionArns", status="ACTIVE")
    )
    found["ScalableTargets"] = {
        row["ResourceId"]
        for row in account.every(
            "application-autoscaling", "describe_scalable_targets", "ScalableTargets", ServiceNamespace="ecs"
        )
    }
    return found


def added(before: dict[str, set[str]], after: dict[str, set[str]]) -> dict[str, set[str]]:
    """What is in ``after`` and was not in ``before``, by kind; kinds without any are left out."""
    assert before.keys() == after.keys()
    return {kind: new for kind in after if (new := after[kind] - before[kind])}


def counts(some: dict[str, set[str]]) -> Counter[str]:
    """How many there are of each kind."""
    return Counter({kind: len(names) for kind, names in some.items()})
