# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a destroy removes of the network, and what stands in its way: found before anything is deleted.

Removed is what carries the stack's tag. AWS deletes no VPC in which anything else is left but what it made itself with
the VPC (API DeleteVpc), so whatever somebody else has in it blocks the destroy, and is named.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack import readiness
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.names import StackNames
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.ownership import STACK_TAG
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.reading import Client, pages, tags

#: Types of EC2 resources (API DescribeTags) with the tag that a destroy removes, or that go with those.
REMOVED_TYPES = frozenset(
    (
        "elastic-ip",
        "internet-gateway",
        "natgateway",
        "network-interface",
        "route-table",
        "security-group",
        "security-group-rule",
        "subnet",
        "vpc",
        "vpc-endpoint",
    )
)
#: What GuardDuty Runtime Monitoring puts into a VPC (GuardDuty user guide, "Automated agent for Fargate"; the group
#: outlives the endpoint: terraform-provider-aws#46747).
_GUARDDUTY = "GuardDuty manages it: switch its agent off for this VPC, and delete the endpoint and then the group"
_GUARDDUTY_GROUP = "GuardDutyManagedSecurityGroup-"


def tagged(ec2: Client, names: StackNames) -> dict[str, str]:
    """The type of each EC2 resource that carries the stack's tag, by id; some are shown for a while after their end."""
    asked = [{"Name": "key", "Values": [STACK_TAG]}, {"Name": "value", "Values": [names.stack]}]
    return {row["ResourceId"]: row["ResourceType"] for row in pages(ec2, "describe_tags", "Tags", Filters=asked)}


def owned_vpcs(ec2: Client, names: StackNames) -> list[dict[str, Any]]:
    """Of each VPC with the stack's tag, what is in it with that tag, in lists of ids by kind."""
    mine = [{"Name": f"tag:{STACK_TAG}", "Values": [names.stack]}]
    return [_owned(ec2, names, row["VpcId"]) for row in pages(ec2, "describe_vpcs", "Vpcs", Filters=mine)]


def _owned(ec2: Client, names: StackNames, vpc: str) -> dict[str, Any]:
    within = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": f"tag:{STACK_TAG}", "Values": [names.stack]}]
    attached = [{"Name": "attachment.vpc-id", "Values": [vpc]}, within[1]]
    groups = {
        row["GroupName"]: row["GroupId"]
        for row in pages(ec2, "describe_security_groups", "SecurityGroups", Filters=within)
    }
    # From the last to the first: each is named by the rules of the one before.
    ordered = [names.security_group_rds, names.security_group_ecs, names.security_group_alb]
    return {
        "vpc_id": vpc,
        "endpoint_ids": [
            row["VpcEndpointId"]
            for row in pages(ec2, "describe_vpc_endpoints", "VpcEndpoints", Filters=within)
            if row["State"].lower() not in ("deleted", "deleting")
        ],
        "nat_gateway_ids": [
            row["NatGatewayId"]
            for row in pages(ec2, "describe_nat_gateways", "NatGateways", Filters=within)
            if row["State"] in ("pending", "available")
        ],
        "subnet_cidrs": [row["CidrBlock"] for row in pages(ec2, "describe_subnets", "Subnets", Filters=within)],
        "route_table_ids": [
            row["RouteTableId"]
            for row in pages(ec2, "describe_route_tables", "RouteTables", Filters=within)
            if not any(link.get("Main") for link in row.get("Associations", []))
        ],
        "security_group_ids": [groups[name] for name in ordered if name in groups]
        + [one for name, one in sorted(groups.items()) if name not in ordered and name != "default"],
        "internet_gateway_ids": [
            row["InternetGatewayId"]
            for row in pages(ec2, "describe_internet_gateways", "InternetGateways", Filters=attached)
        ],
    }


def obstacles(ec2: Client, names: StackNames, resources: Mapping[str, Any], *, snapshot: bool = False) -> list[str]:
    """Why a destroy cannot end, one sentence each.

    :param resources: what discovery found.
    :param snapshot: whether a final snapshot of the database is to be taken.
    """
    found = list(_protected(resources))
    if snapshot and (resources["rds"] or {"mine": False})["mine"]:
        last = readiness.database_snapshot(resources)
        found += [f"rds_skip_final_snapshot: false, but the {last.detail}"] if last.failed else []
    vpcs = owned_vpcs(ec2, names)
    found += _users_of_groups(ec2, names, [vpc["vpc_id"] for vpc in vpcs])
    for vpc in vpcs:
        found += [
            f"stack_name: {names.stack}, but its VPC {vpc['vpc_id']} holds the {what}, which belongs to somebody else, "
            f"and AWS deletes no VPC that is in use; {remedy}"
            for what, remedy in _strangers(ec2, names, vpc)
        ]
    found += [
        f"stack_name: {names.stack}, but the {kind} {one} carries the tag {STACK_TAG}={names.stack}, and this "
        "collection did not create it; delete it, or take the tag off"
        for one, kind in sorted(tagged(ec2, names).items())
        if kind not in REMOVED_TYPES
    ]
    return found


def _protected(resources: Mapping[str, Any]) -> Iterator[str]:
    """What AWS protects from deletion. A destroy does not lift that by itself."""
    parts = (
        ("rds", "DB instance", "rds_deletion_protection", "rds"),
        ("alb", "load balancer", "alb_deletion_protection", "alb"),
    )
    for part, kind, variable, tag in parts:
        row = resources[part]
        if row is not None and row["mine"] and row["deletion_protection"]:
            name = row.get("instance_id") or row["load_balancer_arn"].split("/")[-2]
            yield (
                f"{variable}: the {kind} {name} is protected from deletion; set the variable to false and run "
                f"site.yml --tags {tag}, which lifts the protection, before the destroy"
            )


def _users_of_groups(ec2: Client, names: StackNames, vpcs: Collection[str]) -> Iterator[str]:
    """What uses the stack's security groups from outside its own VPCs: in a VPC that is given, or across a peering.

    :param vpcs: the stack's own, in which :func:`_strangers` finds everything.
    """
    mine = [{"Name": f"tag:{STACK_TAG}", "Values": [names.stack]}]
    ours = [row["GroupId"] for row in pages(ec2, "describe_security_groups", "SecurityGroups", Filters=mine)]
    if not ours:
        return
    naming = {
        row["GroupId"]: row
        for way in ("ip-permission.group-id", "egress.ip-permission.group-id")
        for row in pages(ec2, "describe_security_groups", "SecurityGroups", Filters=[{"Name": way, "Values": ours}])
    }
    for one, row in sorted(naming.items()):
        if one not in ours and row.get("VpcId") not in vpcs:
            yield (
                f"stack_name: {names.stack}, but the security group {one} ({row['GroupName']}), which belongs to "
                "somebody else, names one of its security groups in a rule, and AWS deletes no group that is named; "
                "remove the rule before the destroy"
            )
    using = [{"Name": "group-id", "Values": ours}]
    for row in pages(ec2, "describe_network_interfaces", "NetworkInterfaces", Filters=using):
        others = {group["GroupId"] for group in row.get("Groups", [])} - {*ours}
        instance = (row.get("Attachment") or {}).get("InstanceId")
        if row.get("VpcId") not in vpcs and (instance or others):
            yield (
                f"stack_name: {names.stack}, but the network interface {row['NetworkInterfaceId']}"
                f"{f' of instance {instance}' if instance else ''}, which belongs to somebody else, has one of its "
                "security groups, and AWS deletes no group that is in use; take the group off it before the destroy"
            )


def _strangers(ec2: Client, names: StackNames, vpc: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What somebody else has in a VPC of the stack, and what to do about it."""
    within = [{"Name": "vpc-id", "Values": [vpc["vpc_id"]]}]
    ours = {*vpc["security_group_ids"]}
    delete = "delete it, or move it elsewhere, before the destroy"
    for row in pages(ec2, "describe_vpc_endpoints", "VpcEndpoints", Filters=within):
        if row["VpcEndpointId"] not in vpc["endpoint_ids"] and row["State"].lower() not in ("deleted", "deleting"):
            guard = row["ServiceName"].endswith((".guardduty-data", ".guardduty-data-fips"))
            yield f"VPC endpoint {row['VpcEndpointId']} ({row['ServiceName']})", _GUARDDUTY if guard else delete
    for row in pages(ec2, "describe_nat_gateways", "NatGateways", Filters=within):
        if row["NatGatewayId"] not in vpc["nat_gateway_ids"] and row["State"] in ("pending", "available"):
            yield f"NAT gateway {row['NatGatewayId']}", delete
    for row in pages(ec2, "describe_subnets", "Subnets", Filters=within):
        if row["CidrBlock"] not in vpc["subnet_cidrs"]:
            yield f"subnet {row['SubnetId']} ({row['CidrBlock']})", delete
    for row in pages(ec2, "describe_route_tables", "RouteTables", Filters=within):
        main = any(link.get("Main") for link in row.get("Associations", []))
        if row["RouteTableId"] not in vpc["route_table_ids"] and not main:
            yield f"route table {row['RouteTableId']}", delete
    for row in pages(ec2, "describe_security_groups", "SecurityGroups", Filters=within):
        if row["GroupId"] not in ours and row["GroupName"] != "default":
            guard = row["GroupName"].startswith(_GUARDDUTY_GROUP)
            yield f"security group {row['GroupId']} ({row['GroupName']})", _GUARDDUTY if guard else delete
    attached = [{"Name": "attachment.vpc-id", "Values": [vpc["vpc_id"]]}]
    for row in pages(ec2, "describe_internet_gateways", "InternetGateways", Filters=attached):
        if row["InternetGatewayId"] not in vpc["internet_gateway_ids"]:
            yield f"internet gateway {row['InternetGatewayId']}", delete
    for row in pages(ec2, "describe_network_acls", "NetworkAcls", Filters=within):
        if not row["IsDefault"]:
            yield f"network ACL {row['NetworkAclId']}", delete
    yield from _gateways(ec2, vpc["vpc_id"])
    yield from _interfaces(ec2, within, ours, delete)
    yield from _peerings(ec2, names, vpc["vpc_id"])


def _gateways(ec2: Client, vpc: str) -> Iterator[tuple[str, str]]:
    """Gateways and attachments that this collection never makes (API DeleteVpc; re:Post, "troubleshoot dependency error
    delete VPC"; egress-only gateways: cloud-nuke#345).
    """
    within = [{"Name": "vpc-id", "Values": [vpc]}]
    attached = [{"Name": "attachment.vpc-id", "Values": [vpc]}]
    for row in ec2.describe_vpn_gateways(Filters=attached)["VpnGateways"]:
        states = [one["State"] for one in row.get("VpcAttachments", []) if one["VpcId"] == vpc]
        if any(state != "detached" for state in states):
            yield f"virtual private gateway {row['VpnGatewayId']}", "detach it from the VPC before the destroy"
    # The one list that cannot be filtered by the VPC.
    for row in pages(ec2, "describe_egress_only_internet_gateways", "EgressOnlyInternetGateways"):
        if any(one["VpcId"] == vpc for one in row.get("Attachments", [])):
            yield f"egress-only internet gateway {row['EgressOnlyInternetGatewayId']}", "delete it before the destroy"
    for row in pages(ec2, "describe_carrier_gateways", "CarrierGateways", Filters=within):
        if row["State"] in ("pending", "available"):
            yield f"carrier gateway {row['CarrierGatewayId']}", "delete it before the destroy"
    ended = ("deleted", "deleting", "failed", "rejected")
    for row in pages(ec2, "describe_transit_gateway_vpc_attachments", "TransitGatewayVpcAttachments", Filters=within):
        if row["State"] not in ended:
            yield (
                f"transit gateway attachment {row['TransitGatewayAttachmentId']} ({row['TransitGatewayId']})",
                "delete the attachment before the destroy",
            )


def _interfaces(ec2: Client, within: list[dict[str, Any]], ours: set[str], delete: str) -> Iterator[tuple[str, str]]:
    """Interfaces of somebody else. Those of gateways and endpoints are named by these."""
    known = {
        *(
            address.get("NetworkInterfaceId")
            for row in pages(ec2, "describe_nat_gateways", "NatGateways", Filters=within)
            for address in row.get("NatGatewayAddresses", [])
        ),
        *(
            one
            for row in pages(ec2, "describe_vpc_endpoints", "VpcEndpoints", Filters=within)
            for one in row.get("NetworkInterfaceIds", [])
        ),
    }
    for row in pages(ec2, "describe_network_interfaces", "NetworkInterfaces", Filters=within):
        groups = {group["GroupId"] for group in row.get("Groups", [])}
        instance = (row.get("Attachment") or {}).get("InstanceId")
        # Those of a transit gateway are named by its attachment.
        if row["NetworkInterfaceId"] in known or row.get("InterfaceType") == "transit_gateway":
            continue
        # The stack's load balancer, tasks and database have its groups, and are attached to no EC2 instance.
        if instance or not groups or not groups <= ours:
            where = f" of instance {instance}" if instance else ""
            about = f" ({row['Description']})" if row.get("Description") else ""
            yield f"network interface {row['NetworkInterfaceId']}{where}{about}", delete


def _peerings(ec2: Client, names: StackNames, vpc: str) -> Iterator[tuple[str, str]]:
    """Peering connections, which would go with the VPC (VPC peering guide, "Delete a VPC peering connection")."""
    seen = set()
    for side in ("requester-vpc-info.vpc-id", "accepter-vpc-info.vpc-id"):
        asked = [{"Name": side, "Values": [vpc]}]
        for row in pages(ec2, "describe_vpc_peering_connections", "VpcPeeringConnections", Filters=asked):
            state, one = row["Status"]["Code"], row["VpcPeeringConnectionId"]
            mine = tags(row.get("Tags")).get(STACK_TAG) == names.stack
            if state in ("active", "pending-acceptance", "provisioning") and one not in seen and not mine:
                seen.add(one)
                yield f"peering connection {one}", "delete the connection before the destroy"
