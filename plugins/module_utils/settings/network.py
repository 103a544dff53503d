# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of the network."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.policy import compare_policies
from ansible_collections.mlops.mlflow_aws.plugins.module_utils.stack.egress import address_labels, nat_labels
from ansible_collections.mlops.mlflow_aws.plugins.module_utils.stack.reading import pages, tags

from .common import Account, Settings

#: The policy of an endpoint to which nobody gave one (AWS PrivateLink guide, "Default endpoint policy").
LETS_ALL_PASS: dict[str, Any] = {
    "Version": "2008-10-17",
    "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}],
}


def network(account: Account) -> Settings:
    """Settings of the network, with the options of the modules that the role network uses."""
    found, names = account.resources["network"], account.names
    ec2 = account.clients["ec2"]
    mine = [{"Name": "tag:mlflow:stack", "Values": [names.stack]}]
    of_address = address_labels(account.resources["elastic_ips"], found)
    addresses = {
        of_address.get(row["PublicIp"], row["PublicIp"]): {"tags": tags(row.get("Tags")), "ids": [row["AllocationId"]]}
        for row in ec2.describe_addresses(Filters=mine)["Addresses"]
    }
    if found is None:
        return {"elastic address": addresses}
    vpc = found["vpc_id"]
    within = [{"Name": "vpc-id", "Values": [vpc]}]
    groups = _security_groups(account, pages(ec2, "describe_security_groups", "SecurityGroups", Filters=within))
    if not found["mine"]:
        return {"elastic address": addresses, "security group": groups}
    row = next(pages(ec2, "describe_vpcs", "Vpcs", VpcIds=[vpc]), None)
    if row is None:
        return {"elastic address": addresses}
    gateways = list(
        pages(
            ec2,
            "describe_internet_gateways",
            "InternetGateways",
            Filters=[{"Name": "attachment.vpc-id", "Values": [vpc]}],
        )
    )
    # Those that a lost answer left: the role uses one where the VPC has none, and removes the others.
    loose = list(account.resources["loose_internet_gateways"])[0 if gateways else 1 :]
    subnets = list(pages(ec2, "describe_subnets", "Subnets", Filters=within))
    tables = list(pages(ec2, "describe_route_tables", "RouteTables", Filters=within))
    nats = [
        nat
        for nat in pages(ec2, "describe_nat_gateways", "NatGateways", Filters=within)
        if nat["State"] in ("pending", "available")
    ]
    endpoints = [
        one
        for one in pages(ec2, "describe_vpc_endpoints", "VpcEndpoints", Filters=within)
        if one["State"].lower() not in ("deleted", "deleting")
    ]
    of_id = nat_labels(
        [{"id": nat["NatGatewayId"], "subnet_id": nat["SubnetId"]} for nat in nats],
        {one["SubnetId"]: one["CidrBlock"] for one in subnets},
    )
    ways = _ways(account, nats, gateways)
    spares = found["spare_route_table_ids"]
    used = {one["id"] for one in found["route_tables"] if one["mine"] and one["id"] not in spares}
    return {
        "VPC": {
            names.stack: {
                "cidr_block": row["CidrBlock"],
                "dns_support": _attribute(ec2, vpc, "enableDnsSupport"),
                "dns_hostnames": _attribute(ec2, vpc, "enableDnsHostnames"),
                "tags": tags(row.get("Tags")),
                "ids": [vpc],
            },
            **{spare: {} for spare in found["spare_vpc_ids"]},
        },
        "internet gateway": {
            **(
                {names.stack: {"tags": tags(gateways[0].get("Tags")), "ids": [gateways[0]["InternetGatewayId"]]}}
                if gateways
                else {}
            ),
            **{spare: {} for spare in loose},
        },
        "subnet": {
            one["CidrBlock"]: {
                "zone": one["AvailabilityZone"],
                "map_public": one["MapPublicIpOnLaunch"],
                "tags": tags(one.get("Tags")),
                "ids": [one["SubnetId"]],
            }
            for one in subnets
        },
        "NAT gateway": {
            of_id[nat["NatGatewayId"]]: {"tags": tags(nat.get("Tags")), "ids": [nat["NatGatewayId"]]} for nat in nats
        },
        "elastic address": addresses,
        "route table": {
            **dict(_tables(account, [one for one in tables if one["RouteTableId"] in used], ways)),
            **{spare: {} for spare in spares},
        },
        "S3 gateway endpoint": _endpoints(account, [one for one in endpoints if _is_s3(one)], tables),
        "VPC endpoint": {
            one["VpcEndpointId"]: {"tags": tags(one.get("Tags")), "ids": [one["VpcEndpointId"]]}
            for one in endpoints
            if not _is_s3(one)
        },
        "security group": groups,
    }


def _security_groups(account: Account, rows: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    return {
        group["GroupName"]: {
            "rules": rule_lines(group["IpPermissions"], account),
            "rules_egress": rule_lines(group["IpPermissionsEgress"], account),
            "tags": tags(group.get("Tags")),
            "ids": [group["GroupId"]],
        }
        for group in rows
    }


def _attribute(ec2: Any, vpc: str, attribute: str) -> bool:
    answer = ec2.describe_vpc_attribute(VpcId=vpc, Attribute=attribute)
    return bool(answer[attribute[0].upper() + attribute[1:]]["Value"])


def _ways(account: Account, nats: Iterable[Mapping[str, Any]], gateways: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """What a route may name, by id."""
    return {
        **{nat["NatGatewayId"]: f"NAT gateway in {account.label(nat['SubnetId'])}" for nat in nats},
        **{gateway["InternetGatewayId"]: "internet gateway" for gateway in gateways},
    }


def _tables(
    account: Account, tables: Iterable[Mapping[str, Any]], ways: Mapping[str, str]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Route tables by name, without the VPC's own. Routes of endpoints and within the VPC are not anybody's to set."""
    for row in tables:
        links = row.get("Associations", [])
        if any(link.get("Main") for link in links):
            continue
        routes = {}
        for route in row["Routes"]:
            target = (
                route.get("NatGatewayId")
                or route.get("GatewayId")
                or next((str(route[key]) for key in sorted(route) if key.endswith("Id")), "nothing")
            )
            if target == "local" or target.startswith("vpce-"):
                continue
            place = route.get("DestinationCidrBlock") or route.get("DestinationIpv6CidrBlock") or "a prefix list"
            routes[place] = ways.get(target, target)
        own = tags(row.get("Tags"))
        yield (
            own.get("Name", row["RouteTableId"]),
            {
                "subnets": account.labels(link["SubnetId"] for link in links if "SubnetId" in link),
                "routes": routes,
                # Of a table in which the routes of others stay.
                "default_route": routes.get("0.0.0.0/0", ""),
                "tags": own,
                "ids": [row["RouteTableId"]],
            },
        )


def _is_s3(row: Mapping[str, Any]) -> bool:
    """Whether an endpoint is a gateway to S3, as the role makes one."""
    return str(row["ServiceName"]).endswith(".s3") and row["VpcEndpointType"] == "Gateway"


def _endpoints(
    account: Account, endpoints: Iterable[Mapping[str, Any]], tables: Iterable[Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """The S3 gateway endpoints as one: those of a later zone get one of their own."""
    name_of = {row["RouteTableId"]: tags(row.get("Tags")).get("Name", row["RouteTableId"]) for row in tables}
    mine = list(endpoints)
    if not mine:
        return {}
    return {
        account.names.stack: {
            "route_tables": sorted(name_of.get(table, table) for row in mine for table in row.get("RouteTableIds", [])),
            "policy": _narrowest([json.loads(row.get("PolicyDocument") or "{}") for row in mine]),
            "tags": _common([tags(row.get("Tags")) for row in mine]),
            "ids": [row["VpcEndpointId"] for row in mine],
        }
    }


def _narrowest(policies: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Of several endpoints, the first policy that does not let everything pass."""
    return next((one for one in policies if compare_policies(one, LETS_ALL_PASS)), policies[0])


def _common(every: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """The tags of several resources as those of one; a value that not all of them have is told as such."""
    keys = sorted({key for own in every for key in own})
    values = {key: [own.get(key, "(none)") for own in every] for key in keys}
    # What is between two values can be part of no key and of no value.
    return {key: found[0] if len(set(found)) == 1 else " | ".join(found) for key, found in values.items()}


def rule_lines(permissions: Iterable[Mapping[str, Any]], account: Account | None = None) -> list[str]:
    """The rules of a security group, one line for each source or destination, such as ``tcp 80 10.0.0.0/16 Clients``.

    :param permissions: IpPermissions or IpPermissionsEgress of DescribeSecurityGroups.
    :param account: gives the names of groups that are named by id.
    """
    lines = []
    for rule in permissions:
        first, last = rule.get("FromPort"), rule.get("ToPort")
        ports = (
            "all" if first is None or rule["IpProtocol"] == "-1" else str(first) if first == last else f"{first}-{last}"
        )
        protocol = "all" if rule["IpProtocol"] == "-1" else rule["IpProtocol"]
        sides = [
            *((one["CidrIp"], one.get("Description")) for one in rule.get("IpRanges", [])),
            *((one["CidrIpv6"], one.get("Description")) for one in rule.get("Ipv6Ranges", [])),
            *((one["PrefixListId"], one.get("Description")) for one in rule.get("PrefixListIds", [])),
            *(
                (account.label(one["GroupId"]) if account else one["GroupId"], one.get("Description"))
                for one in rule.get("UserIdGroupPairs", [])
            ),
        ]
        lines += [f"{protocol} {ports} {side} {text or ''}".rstrip() for side, text in sides]
    return sorted(lines)
