# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The resources of the network, field by field."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.fields import (
    Field,
    Kind,
    Labelled,
    Variable,
    ids,
)
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.stack import Stack

from . import desired
from .endpoints import DEFAULT_POLICY
from .rules import lines_of_permissions, lines_of_rules


def _the_stack(stack: Stack) -> Mapping[str, Stack]:
    return {stack.names.stack: stack}


def _none(_stack: Stack) -> Mapping[str, Any]:
    return {}


def _named(name: Callable[[Stack, Any], str]) -> Callable[[Stack, Any], dict[str, Any]]:
    """Tags with a name, which EC2's console shows."""
    return lambda stack, subject: stack.tags("network", Name=name(stack, subject))


def _of_tier(name: Callable[[Stack, Any], str]) -> Callable[[Stack, Any], dict[str, Any]]:
    return lambda stack, subject: stack.tags("network", Name=name(stack, subject), mlflow__tier=subject.tier)


_after_stack = _named(lambda stack, _subject: stack.names.stack)

#: The module that creates it finds none by its name, which somebody else may have given to another one.
VPC = Kind(
    "VPC",
    _the_stack,
    modules=("mlops.mlflow_aws.ec2_owned", "amazon.aws.ec2_vpc_net"),
    tags=_after_stack,
    exclusive=True,
    fields=(
        Field("cidr_block", "CidrBlock", Variable("network_cidr")),
        Field("dns_support", "EnableDnsSupport.Value", True, modules=("amazon.aws.ec2_vpc_net",)),
        Field("dns_hostnames", "EnableDnsHostnames.Value", True, modules=("amazon.aws.ec2_vpc_net",)),
    ),
)

INTERNET_GATEWAY = Kind(
    "internet gateway", _the_stack, modules=("amazon.aws.ec2_vpc_igw",), tags=_after_stack, exclusive=True
)

SUBNET = Kind(
    "subnet",
    desired.subnets,
    modules=("amazon.aws.ec2_vpc_subnet",),
    tags=_of_tier(lambda stack, subnet: f"{stack.names.stack}-{subnet.tier}-{subnet.zone}"),
    fields=(
        Field("zone", "AvailabilityZone", lambda subnet: subnet.zone, option="az"),
        # What stands in a public one (load balancer, NAT gateways) has addresses of its own.
        Field("map_public", "MapPublicIpOnLaunch", False),
        Field("cidr", desired=lambda subnet: subnet.cidr, uncompared="by which the module finds it"),
    ),
)

NAT_GATEWAY = Kind(
    "NAT gateway",
    desired.nat_gateways,
    modules=("amazon.aws.ec2_vpc_nat_gateway",),
    tags=_named(lambda stack, nat: f"{stack.names.stack}-{nat.zone}"),
)

#: An address that a killed run left free is found again by the stack's tag and its name.
ADDRESS = Kind(
    "elastic address",
    desired.addresses,
    modules=("mlops.mlflow_aws.ec2_owned", "amazon.aws.ec2_eip"),
    tags=_named(lambda stack, nat: f"{stack.names.stack}-nat-{nat.position}"),
)

ROUTE_TABLE = Kind(
    "route table",
    desired.tables,
    modules=("amazon.aws.ec2_vpc_route_table",),
    tags=_of_tier(lambda _stack, table: table.name),
    exclusive=True,
    fields=(
        Field("subnets", ids(lambda row: row["SubnetIds"]), lambda table: list(table.subnets), modules=()),
        Field("routes", "Targets", lambda table: None if table.nat else {"0.0.0.0/0": "internet gateway"}, modules=()),
        # Of a table in which the routes of others stay.
        Field(
            "default_route",
            lambda row: row["Targets"].get("0.0.0.0/0", ""),
            lambda table: f"NAT gateway in {table.nat}" if table.nat else None,
            modules=(),
        ),
    ),
)

#: Artifacts go to S3 without crossing (and paying for) the NAT gateway.
S3_ENDPOINT = Kind(
    "S3 gateway endpoint",
    _the_stack,
    modules=("amazon.aws.ec2_vpc_endpoint", "mlops.mlflow_aws.vpc_endpoint_policy"),
    untagged=("mlops.mlflow_aws.vpc_endpoint_policy",),
    tags=_named(lambda stack, _subject: f"{stack.names.stack}-s3"),
    fields=(
        Field(
            "service",
            desired=lambda stack: f"com.amazonaws.{stack.inputs['stack_region']}.s3",
            modules=("amazon.aws.ec2_vpc_endpoint",),
            uncompared="another service is another endpoint",
        ),
        Field("policy", "Policy", DEFAULT_POLICY, modules=("mlops.mlflow_aws.vpc_endpoint_policy",)),
        Field(
            "route_tables",
            "RouteTables",
            lambda stack: sorted(name for name, table in desired.tables(stack).items() if table.tier == "private"),
            modules=(),
        ),
    ),
)

#: None is created; one that carries the stack's tag is shown as surplus.
VPC_ENDPOINT = Kind("VPC endpoint", _none, tags=_after_stack)

#: amazon.aws.ec2_security_group does not create them: it would wait without end for the rule of a new group that lets
#: everything out, where another run or somebody's automation has taken that away.
SECURITY_GROUP = Kind(
    "security group",
    desired.groups,
    modules=("mlops.mlflow_aws.security_group", "amazon.aws.ec2_security_group"),
    tags=_named(lambda stack, group: getattr(stack.names, f"security_group_{group.use}")),
    fields=(
        Field("name", desired=lambda group: group.name, uncompared="by which the modules find it"),
        Field("description", desired=lambda group: group.description, uncompared="EC2 cannot change it"),
        Field(
            "rules",
            Labelled(lambda row, labels: lines_of_permissions(row["IpPermissions"], labels)),
            lambda group: lines_of_rules(group.ingress),
            passed=lambda group: list(group.ingress),
            modules=("amazon.aws.ec2_security_group",),
        ),
        Field(
            "rules_egress",
            Labelled(lambda row, labels: lines_of_permissions(row["IpPermissionsEgress"], labels)),
            lambda group: lines_of_rules(group.egress),
            passed=lambda group: list(group.egress),
            modules=("amazon.aws.ec2_security_group",),
        ),
    ),
)

KINDS = (
    VPC,
    INTERNET_GATEWAY,
    SUBNET,
    ROUTE_TABLE,
    S3_ENDPOINT,
    VPC_ENDPOINT,
    SECURITY_GROUP,
    NAT_GATEWAY,
    ADDRESS,
)
