# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the settings of the network: what of its resources is compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.account import Found
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.fields import Described, Row
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.network.egress import (
    address_labels,
    nat_labels,
)
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.reading import Client, pages, tags

from .endpoints import as_one, is_s3
from .resources import own_addresses, own_vpcs


def rows(found: Found) -> dict[str, list[Row]]:
    """The resources of the network by kind; of a VPC that is not the stack's, the security groups and addresses."""
    network, ec2 = found.resources["network"], found.clients["ec2"]
    addresses = {"elastic address": _addresses(found)}
    if network is None:
        return addresses
    within = [{"Name": "vpc-id", "Values": [network["vpc_id"]]}]
    groups = pages(ec2, "describe_security_groups", "SecurityGroups", Filters=within)
    shared = {**addresses, "security group": [_row(one["GroupName"], one, one["GroupId"]) for one in groups]}
    vpc = next((row for row in own_vpcs(found.account) if row["VpcId"] == network["vpc_id"]), None)
    return {**shared, **_of_own(found, vpc, within)} if network["mine"] and vpc else shared


def _of_own(found: Found, vpc: Described, within: list[dict[str, Any]]) -> dict[str, list[Row]]:
    """What only a VPC of the stack's own has."""
    network, ec2, names = found.resources["network"], found.clients["ec2"], found.names
    attached = [{"Name": "attachment.vpc-id", "Values": [vpc["VpcId"]]}]
    gateways = list(pages(ec2, "describe_internet_gateways", "InternetGateways", Filters=attached))
    # Those that a lost answer left: the role uses one where the VPC has none, and removes the others.
    loose = list(found.resources["loose_internet_gateways"])[0 if gateways else 1 :]
    subnets = list(pages(ec2, "describe_subnets", "Subnets", Filters=within))
    tables = list(pages(ec2, "describe_route_tables", "RouteTables", Filters=within))
    nats = [
        row
        for row in pages(ec2, "describe_nat_gateways", "NatGateways", Filters=within)
        if row["State"] in ("pending", "available")
    ]
    endpoints = [
        row
        for row in pages(ec2, "describe_vpc_endpoints", "VpcEndpoints", Filters=within)
        if row["State"].lower() not in ("deleted", "deleting")
    ]
    nat_names = nat_labels(
        [{"id": row["NatGatewayId"], "subnet_id": row["SubnetId"]} for row in nats],
        {row["SubnetId"]: row["CidrBlock"] for row in subnets},
    )
    targets = _targets(found, nats, gateways)
    spares = network["spare_route_table_ids"]
    used = {row["id"] for row in network["route_tables"] if row["mine"] and row["id"] not in spares}
    return {
        "VPC": [
            _row(names.stack, {**vpc, **_dns(ec2, vpc["VpcId"])}, vpc["VpcId"]),
            *(Row(spare) for spare in network["spare_vpc_ids"]),
        ],
        "internet gateway": [
            *(_row(names.stack, row, row["InternetGatewayId"]) for row in gateways[:1]),
            *(Row(spare) for spare in loose),
        ],
        "subnet": [_row(row["CidrBlock"], row, row["SubnetId"]) for row in subnets],
        "NAT gateway": [_row(nat_names[row["NatGatewayId"]], row, row["NatGatewayId"]) for row in nats],
        "route table": [
            *_tables([row for row in tables if row["RouteTableId"] in used], targets),
            *(Row(spare) for spare in spares),
        ],
        "S3 gateway endpoint": as_one(names.stack, [row for row in endpoints if is_s3(row)], tables),
        "VPC endpoint": [_row(row["VpcEndpointId"], row, row["VpcEndpointId"]) for row in endpoints if not is_s3(row)],
    }


def _row(name: str, described: Described, identifier: str) -> Row:
    return Row(name, described, tags(described.get("Tags")), (identifier,))


def _addresses(found: Found) -> list[Row]:
    names = address_labels(found.resources["elastic_ips"], found.resources["network"])
    return [
        _row(names.get(row["PublicIp"], row["PublicIp"]), row, row["AllocationId"])
        for row in own_addresses(found.account)
    ]


def _dns(ec2: Client, vpc: str) -> dict[str, Any]:
    """The attributes of a VPC that DescribeVpcs leaves out."""
    answers = [
        ec2.describe_vpc_attribute(VpcId=vpc, Attribute=one) for one in ("enableDnsSupport", "enableDnsHostnames")
    ]
    return {key: value for answer in answers for key, value in answer.items() if key.startswith("EnableDns")}


def _targets(found: Found, nats: Iterable[Described], gateways: Iterable[Described]) -> dict[str, str]:
    """What plans call the targets that a route may have, by id."""
    return {
        **{row["NatGatewayId"]: f"NAT gateway in {found.label(row['SubnetId'])}" for row in nats},
        **{row["InternetGatewayId"]: "internet gateway" for row in gateways},
    }


def _tables(tables: Iterable[Described], targets: Mapping[str, str]) -> list[Row]:
    """Route tables by name, without the VPC's own. Routes of endpoints and within the VPC are not anybody's to set."""
    found = []
    for row in tables:
        links = row.get("Associations", [])
        if any(link.get("Main") for link in links):
            continue
        name = str(tags(row.get("Tags")).get("Name") or row["RouteTableId"])
        subnets = [link["SubnetId"] for link in links if "SubnetId" in link]
        found.append(_row(name, {**row, "SubnetIds": subnets, "Targets": _routes(row, targets)}, row["RouteTableId"]))
    return found


def _routes(table: Described, targets: Mapping[str, str]) -> dict[str, str]:
    routes = {}
    for route in table["Routes"]:
        target = (
            route.get("NatGatewayId")
            or route.get("GatewayId")
            or next((str(route[key]) for key in sorted(route) if key.endswith("Id")), "nothing")
        )
        if target == "local" or target.startswith("vpce-"):
            continue
        destination = route.get("DestinationCidrBlock") or route.get("DestinationIpv6CidrBlock") or "a prefix list"
        routes[destination] = targets.get(target, target)
    return routes
