# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the ids and states of the network: VPC, subnets, gateways, route tables, endpoints, groups and addresses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.account import Account
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.existing import GROUPS, Existing
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.names import StackNames
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.ownership import STACK_TAG, Owner
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.reading import Client, pages, tags


def resources(account: Account) -> dict[str, Any] | None:
    """The VPC with its subnets, gateways, route tables and security groups.

    Of a VPC that is given, only the subnets that are given and the groups: the rest of it is not the stack's.
    """
    ec2, names, existing, owner = account.clients["ec2"], account.names, account.existing, account.owner
    asked = [{"Name": "vpc-id", "Values": [existing.vpc_id]}]
    vpcs = list(pages(ec2, "describe_vpcs", "Vpcs", Filters=asked)) if existing.vpc_id else own_vpcs(account)
    if not vpcs:
        return None
    vpcs, spare = _vpcs_in_use(ec2, vpcs)
    vpc_id = vpcs[0]["VpcId"]
    within = [{"Name": "vpc-id", "Values": [vpc_id]}]
    rows = pages(ec2, "describe_subnets", "Subnets", Filters=within)
    subnets = sorted(
        (
            {
                "id": row["SubnetId"],
                "cidr": row["CidrBlock"],
                "zone": row["AvailabilityZone"],
                "tier": _tier(row, existing),
                "mine": tags(row.get("Tags")).get(STACK_TAG) == names.stack,
            }
            for row in rows
            if not existing.vpc_id or _tier(row, existing)
        ),
        key=lambda row: (str(row["zone"]), str(row["cidr"])),
    )
    groups = {row["GroupName"]: row for row in pages(ec2, "describe_security_groups", "SecurityGroups", Filters=within)}
    found = {
        "vpc_id": vpc_id,
        "vpc_ids": [row["VpcId"] for row in vpcs],
        "spare_vpc_ids": spare,
        "mine": not existing.vpc_id,
        "cidr_block": vpcs[0]["CidrBlock"],
        "subnets": subnets,
        "public_subnet_ids": [row["id"] for row in subnets if row["tier"] == "public"],
        "private_subnet_ids": [row["id"] for row in subnets if row["tier"] == "private"],
        "groups_to_make": existing.groups_to_make(),
        **_groups(groups, names, existing, owner),
    }
    return {**found, **(_NOTHING_ELSE if existing.vpc_id else _ways(ec2, names, within, owner))}


def own_vpcs(account: Account) -> list[dict[str, Any]]:
    """What DescribeVpcs answers of the VPCs that carry the stack's tag."""
    mine = [{"Name": "tag:mlflow:stack", "Values": [account.names.stack]}]
    return list(pages(account.clients["ec2"], "describe_vpcs", "Vpcs", Filters=mine))


def _vpcs_in_use(ec2: Client, vpcs: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[str]]:
    """The VPCs that hold something, or one of them where none does; and the ids of the others, which are empty.

    CreateVpc has no client token: where its answer is lost, the same request is sent again and makes a second one.
    """
    if len(vpcs) < 2:
        return vpcs, []
    within = [{"Name": "vpc-id", "Values": [row["VpcId"] for row in vpcs]}]
    attached = [{"Name": "attachment.vpc-id", "Values": within[0]["Values"]}]
    gateways = pages(ec2, "describe_internet_gateways", "InternetGateways", Filters=attached)
    groups = pages(ec2, "describe_security_groups", "SecurityGroups", Filters=within)
    used = {
        *(row["VpcId"] for row in pages(ec2, "describe_subnets", "Subnets", Filters=within)),
        *(link["VpcId"] for row in gateways for link in row["Attachments"]),
        *(row["VpcId"] for row in groups if row["GroupName"] != "default"),
    }
    ordered = sorted(vpcs, key=lambda row: (row["VpcId"] not in used, row["VpcId"]))
    kept = [row for row in ordered if row["VpcId"] in used] or ordered[:1]
    return kept, [row["VpcId"] for row in ordered if row not in kept]


def _tier(row: Mapping[str, Any], existing: Existing) -> str | None:
    if not existing.vpc_id:
        return tags(row.get("Tags")).get("mlflow:tier")
    tiers = {
        **dict.fromkeys(existing.public_subnet_ids, "public"),
        **dict.fromkeys(existing.private_subnet_ids, "private"),
    }
    return tiers.get(row["SubnetId"])


def _groups(
    groups: Mapping[str, Mapping[str, Any]], names: StackNames, existing: Existing, owner: Owner
) -> dict[str, Any]:
    """The security groups by use, those that are given before those of the stack."""
    by_id = {row["GroupId"]: row for row in groups.values()}
    used: dict[str, Mapping[str, Any] | None] = {}
    for use in GROUPS:
        name = getattr(names, f"security_group_{use}")
        row = groups.get(name)
        # Of a use that is given, a group of the stack's name is nobody's in particular.
        if row and use in existing.groups_to_make():
            mine = owner.owns("security group", name, row["GroupId"], _tags(row))
        else:
            mine = bool(row) and _tags(row or {}).get(STACK_TAG) == names.stack
        used[use] = by_id.get(existing.security_group_ids.get(use, "")) or (row if mine else None)
    return {
        "security_group_ids": {use: row["GroupId"] if row else None for use, row in used.items()},
        "existing_group_ids": [group for group in existing.security_group_ids.values() if group in by_id],
        "database_port": _port_between(used["ecs"], used["rds"]),
    }


def _tags(row: Mapping[str, Any]) -> dict[str, str]:
    return tags(row.get("Tags"))


#: The fields of :func:`_ways` in a VPC that is not the stack's.
_NOTHING_ELSE: dict[str, Any] = {
    "internet_gateway_id": None,
    "nat_gateways": [],
    "failed_nat_gateways": [],
    "route_tables": [],
    "spare_route_table_ids": [],
    "endpoint_ids": [],
    "endpoints": [],
}


def _ways(ec2: Client, names: StackNames, within: list[dict[str, Any]], owner: Owner) -> dict[str, Any]:
    """The ways in and out of the stack's own VPC: gateways, route tables, endpoints."""
    vpc_id = within[0]["Values"][0]
    subnets = {
        row["SubnetId"]
        for row in pages(ec2, "describe_subnets", "Subnets", Filters=within)
        if _tags(row).get(STACK_TAG) == names.stack
    }
    asked = [{"Name": "attachment.vpc-id", "Values": [vpc_id]}]
    attached = [
        row["InternetGatewayId"]
        for row in pages(ec2, "describe_internet_gateways", "InternetGateways", Filters=asked)
        if owner.owns("internet gateway", row["InternetGatewayId"], row["InternetGatewayId"], _tags(row))
    ]
    tables = _route_tables(ec2, names, within, subnets, owner)
    endpoints = _endpoints(ec2, names, within, {row["id"] for row in tables if row["mine"]}, owner)
    return {
        "internet_gateway_id": next(iter(attached), None),
        **_nat_gateways(ec2, names, within, subnets, owner),
        "route_tables": tables,
        "spare_route_table_ids": _spare_tables(tables, names),
        "endpoint_ids": [row["id"] for row in endpoints if row["mine"]],
        "endpoints": endpoints,
    }


def _nat_gateways(
    ec2: Client, names: StackNames, within: list[dict[str, Any]], subnets: set[str], owner: Owner
) -> dict[str, list[dict[str, Any]]]:
    """Those that work or soon will, and those that failed; somebody else's in a subnet of the stack's is foreign."""
    every = list(pages(ec2, "describe_nat_gateways", "NatGateways", Filters=within))
    nats = []
    for row in every:
        if row["State"] not in ("pending", "available"):
            continue
        one, own = row["NatGatewayId"], _tags(row)
        mine = (
            owner.owns("NAT gateway", one, one, own)
            if row["SubnetId"] in subnets
            else own.get(STACK_TAG) == names.stack
        )
        nats.append(
            {
                "id": one,
                "subnet_id": row["SubnetId"],
                "state": row["State"],
                "mine": mine,
                "allocation_ids": [address.get("AllocationId") for address in row.get("NatGatewayAddresses", [])],
            }
        )
    # EC2 shows a gateway that failed for about an hour; where another one works by now, it says nothing.
    failed = [
        {"id": row["NatGatewayId"], "subnet_id": row["SubnetId"], "reason": row.get("FailureMessage", "")}
        for row in every
        if row["State"] == "failed" and row["SubnetId"] not in [nat["subnet_id"] for nat in nats]
    ]
    return {"nat_gateways": nats, "failed_nat_gateways": failed}


def _route_tables(
    ec2: Client, names: StackNames, within: list[dict[str, Any]], subnets: set[str], owner: Owner
) -> list[dict[str, Any]]:
    """All tables of the VPC; one of somebody else that routes a subnet of the stack's is foreign."""
    found = []
    for row in pages(ec2, "describe_route_tables", "RouteTables", Filters=within):
        one, own, links = row["RouteTableId"], _tags(row), row.get("Associations", [])
        used = sorted(link["SubnetId"] for link in links if "SubnetId" in link)
        mine = owner.owns("route table", one, one, own) if subnets & set(used) else own.get(STACK_TAG) == names.stack
        found.append(
            {
                "id": one,
                "name": own.get("Name"),
                "tier": own.get("mlflow:tier"),
                "mine": mine,
                "main": any(link.get("Main") for link in links),
                "subnet_ids": used,
            }
        )
    return found


def _spare_tables(tables: Iterable[Mapping[str, Any]], names: StackNames) -> list[str]:
    """Ids of the stack's tables that route nothing: they have the name of another one, or none that the stack gives.

    CreateRouteTable is sent by two operators at once, or once more where its answer was lost.
    """
    own = [row for row in tables if row["mine"] and not row["main"]]
    # The first is the one that is used (egress.route_table_of).
    ordered = sorted(own, key=lambda row: (not row["subnet_ids"], row["id"]))
    first = {row["name"]: row["id"] for row in reversed(ordered)}
    beginnings = (f"{names.stack}-public", f"{names.stack}-private-")
    return [
        row["id"]
        for row in ordered
        if not row["subnet_ids"] and (first[row["name"]] != row["id"] or not str(row["name"]).startswith(beginnings))
    ]


def _endpoints(
    ec2: Client, names: StackNames, within: list[dict[str, Any]], tables: set[str], owner: Owner
) -> list[dict[str, Any]]:
    """All endpoints of the VPC; somebody else's for S3 on a route table of the stack's is foreign.

    A route table takes one gateway endpoint for a service (API CreateVpcEndpoint, RouteAlreadyExists).
    """
    found = []
    for row in pages(ec2, "describe_vpc_endpoints", "VpcEndpoints", Filters=within):
        if row["State"].lower() in ("deleted", "deleting"):
            continue
        one, own, routed = row["VpcEndpointId"], _tags(row), sorted(row.get("RouteTableIds", []))
        in_place = row["ServiceName"].endswith(".s3") and tables & set(routed)
        found.append(
            {
                "id": one,
                "service": row["ServiceName"],
                "mine": owner.owns("S3 gateway endpoint", one, one, own)
                if in_place
                else own.get(STACK_TAG) == names.stack,
                "route_table_ids": routed,
            }
        )
    return found


def _port_between(client: Mapping[str, Any] | None, server: Mapping[str, Any] | None) -> int | None:
    """The port at which one security group lets another in, or None."""
    if client is None or server is None:
        return None
    for rule in server["IpPermissions"]:
        if client["GroupId"] in [pair.get("GroupId") for pair in rule["UserIdGroupPairs"]]:
            return int(rule["FromPort"])
    return None


def elastic_ips(account: Account) -> list[dict[str, Any]]:
    """The elastic addresses of the stack; ``nat`` is true for those that were made for NAT gateways."""
    names = account.names
    return [
        {
            "public_ip": row["PublicIp"],
            "name": tags(row.get("Tags")).get("Name", row["PublicIp"]),
            "allocation_id": row["AllocationId"],
            "nat": tags(row.get("Tags")).get("Name", "").startswith(f"{names.stack}-nat-"),
        }
        for row in own_addresses(account)
    ]


def own_addresses(account: Account) -> list[dict[str, Any]]:
    """What DescribeAddresses answers of the addresses that carry the stack's tag."""
    mine = [{"Name": "tag:mlflow:stack", "Values": [account.names.stack]}]
    found: list[dict[str, Any]] = account.clients["ec2"].describe_addresses(Filters=mine)["Addresses"]
    return found


def namesakes(account: Account) -> list[dict[str, Any]]:
    """VPCs and elastic addresses of somebody else that are called as the stack's are or would be.

    EC2 lets any number have one name (the tag ``Name``), so they are in nobody's way, and the stack makes its own.
    """
    if account.existing.vpc_id:
        return []
    ec2, names = account.clients["ec2"], account.names
    vpcs = pages(ec2, "describe_vpcs", "Vpcs", Filters=[{"Name": "tag:Name", "Values": [names.stack]}])
    called = [{"Name": "tag:Name", "Values": [f"{names.stack}-nat-*"]}]
    rows = [("VPC", row["VpcId"], _tags(row)) for row in vpcs]
    rows += [
        ("elastic address", row["AllocationId"], _tags(row))
        for row in ec2.describe_addresses(Filters=called)["Addresses"]
    ]
    return [
        {"kind": kind, "name": own.get("Name", one), "id": one, "stack": own.get(STACK_TAG)}
        for kind, one, own in sorted(rows, key=lambda row: row[:2])
        if own.get(STACK_TAG) != names.stack
    ]


def loose_internet_gateways(account: Account) -> list[str]:
    """Ids of internet gateways of the stack that no VPC has: a run leaves one that is killed between its two calls."""
    mine = [{"Name": "tag:mlflow:stack", "Values": [account.names.stack]}]
    rows = pages(account.clients["ec2"], "describe_internet_gateways", "InternetGateways", Filters=mine)
    return sorted(row["InternetGatewayId"] for row in rows if not row["Attachments"])
