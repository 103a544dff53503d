# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A destroy removes what carries the stack's tag, and names whatever blocks it before anything is deleted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack import teardown
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.names import stack_names
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.ownership import STACK_TAG
from botocore.exceptions import ClientError

REGION = "eu-west-2"
STACK = "to-be-destroyed"
NAMES = stack_names(STACK, REGION)
OURS = [{"Key": STACK_TAG, "Value": STACK}]
NOTHING: dict[str, Any] = {"rds": None, "alb": None}

Make = Callable[[Any, str, str, ExitStack], str]


@pytest.fixture
def vpc(aws: Any) -> Iterator[dict[str, Any]]:
    """A VPC of the stack with a part of each kind, all tagged."""
    ec2 = aws.client("ec2")
    with ExitStack() as undo:
        one = ec2.create_vpc(CidrBlock="10.8.0.0/16")["Vpc"]["VpcId"]
        undo.callback(ec2.delete_vpc, VpcId=one)
        subnet = ec2.create_subnet(VpcId=one, CidrBlock="10.8.1.0/24")["Subnet"]["SubnetId"]
        undo.callback(ec2.delete_subnet, SubnetId=subnet)
        table = ec2.create_route_table(VpcId=one)["RouteTable"]["RouteTableId"]
        undo.callback(ec2.delete_route_table, RouteTableId=table)
        gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        undo.callback(ec2.delete_internet_gateway, InternetGatewayId=gateway)
        ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=one)
        undo.callback(ec2.detach_internet_gateway, InternetGatewayId=gateway, VpcId=one)
        endpoint = ec2.create_vpc_endpoint(
            VpcId=one, ServiceName=f"com.amazonaws.{REGION}.s3", VpcEndpointType="Gateway", RouteTableIds=[table]
        )["VpcEndpoint"]["VpcEndpointId"]
        undo.callback(ec2.delete_vpc_endpoints, VpcEndpointIds=[endpoint])
        address = ec2.allocate_address(Domain="vpc")["AllocationId"]
        undo.callback(ec2.release_address, AllocationId=address)
        nat = ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address)["NatGateway"]["NatGatewayId"]
        undo.callback(ec2.delete_nat_gateway, NatGatewayId=nat)
        groups = []
        for name in (NAMES.security_group_alb, NAMES.security_group_ecs, "another-one"):
            groups.append(ec2.create_security_group(GroupName=name, Description="x", VpcId=one)["GroupId"])
            undo.callback(ec2.delete_security_group, GroupId=groups[-1])
        ec2.create_tags(Resources=[one, subnet, table, gateway, endpoint, nat, *groups], Tags=OURS)
        yield {
            "vpc_id": one,
            "endpoint_ids": [endpoint],
            "nat_gateway_ids": [nat],
            "subnet_cidrs": ["10.8.1.0/24"],
            "route_table_ids": [table],
            "security_group_ids": [groups[1], groups[0], groups[2]],
            "internet_gateway_ids": [gateway],
            "subnet": subnet,
        }


def test_what_carries_the_tag_is_removed_and_nothing_is_in_the_way(aws: Any, vpc: dict[str, Any]) -> None:
    ec2 = aws.client("ec2")
    expected = {key: value for key, value in vpc.items() if key != "subnet"}
    assert teardown.owned_vpcs(ec2, NAMES) == [expected]
    # An interface that the load balancer, a task or the database has.
    interface = ec2.create_network_interface(SubnetId=vpc["subnet"], Groups=vpc["security_group_ids"][:1])
    try:
        assert teardown.obstacles(ec2, NAMES, NOTHING) == []
    finally:
        ec2.delete_network_interface(NetworkInterfaceId=interface["NetworkInterface"]["NetworkInterfaceId"])


def test_a_second_vpc_of_the_stack_is_removed_too(aws: Any, vpc: dict[str, Any]) -> None:
    """AWS's answer to the creation of the first was lost."""
    ec2 = aws.client("ec2")
    second = ec2.create_vpc(CidrBlock="10.8.0.0/16")["Vpc"]["VpcId"]
    try:
        ec2.create_tags(Resources=[second], Tags=OURS)
        assert {row["vpc_id"] for row in teardown.owned_vpcs(ec2, NAMES)} == {vpc["vpc_id"], second}
    finally:
        ec2.delete_vpc(VpcId=second)


def _subnet(ec2: Any, vpc: str, _subnet: str, undo: ExitStack) -> str:
    one: str = ec2.create_subnet(VpcId=vpc, CidrBlock="10.8.9.0/24")["Subnet"]["SubnetId"]
    undo.callback(ec2.delete_subnet, SubnetId=one)
    return f"subnet {one} (10.8.9.0/24)"


def _table(ec2: Any, vpc: str, _subnet: str, undo: ExitStack) -> str:
    one: str = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    undo.callback(ec2.delete_route_table, RouteTableId=one)
    return f"route table {one}"


def _group(ec2: Any, vpc: str, _subnet: str, undo: ExitStack) -> str:
    one: str = ec2.create_security_group(GroupName="theirs", Description="x", VpcId=vpc)["GroupId"]
    undo.callback(ec2.delete_security_group, GroupId=one)
    return f"security group {one} (theirs)"


def _guardduty_group(ec2: Any, vpc: str, _subnet: str, undo: ExitStack) -> str:
    name = f"GuardDutyManagedSecurityGroup-{vpc}"
    one: str = ec2.create_security_group(GroupName=name, Description="x", VpcId=vpc)["GroupId"]
    undo.callback(ec2.delete_security_group, GroupId=one)
    return f"({name}), which belongs to somebody else, and AWS deletes no VPC that is in use; GuardDuty manages it"


def _endpoint(ec2: Any, vpc: str, subnet: str, undo: ExitStack) -> str:
    service = f"com.amazonaws.{REGION}.sqs"
    one: str = ec2.create_vpc_endpoint(VpcId=vpc, ServiceName=service, VpcEndpointType="Interface", SubnetIds=[subnet])[
        "VpcEndpoint"
    ]["VpcEndpointId"]
    undo.callback(ec2.delete_vpc_endpoints, VpcEndpointIds=[one])
    return f"VPC endpoint {one} ({service})"


def _interface(ec2: Any, _vpc: str, subnet: str, undo: ExitStack) -> str:
    one: str = ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]["NetworkInterfaceId"]
    undo.callback(ec2.delete_network_interface, NetworkInterfaceId=one)
    return f"network interface {one}"


def _peering(ec2: Any, vpc: str, _subnet: str, undo: ExitStack) -> str:
    other = ec2.create_vpc(CidrBlock="10.99.0.0/16")["Vpc"]["VpcId"]
    undo.callback(ec2.delete_vpc, VpcId=other)
    made = ec2.create_vpc_peering_connection(VpcId=other, PeerVpcId=vpc)["VpcPeeringConnection"]
    one: str = made["VpcPeeringConnectionId"]
    undo.callback(ec2.delete_vpc_peering_connection, VpcPeeringConnectionId=one)
    return f"peering connection {one}"


def _vpn_gateway(ec2: Any, vpc: str, _subnet: str, undo: ExitStack) -> str:
    one: str = ec2.create_vpn_gateway(Type="ipsec.1")["VpnGateway"]["VpnGatewayId"]
    undo.callback(ec2.delete_vpn_gateway, VpnGatewayId=one)
    ec2.attach_vpn_gateway(VpnGatewayId=one, VpcId=vpc)
    undo.callback(ec2.detach_vpn_gateway, VpnGatewayId=one, VpcId=vpc)
    return f"virtual private gateway {one}"


def _egress_only_gateway(ec2: Any, vpc: str, _subnet: str, undo: ExitStack) -> str:
    other = ec2.create_vpc(CidrBlock="10.98.0.0/16")["Vpc"]["VpcId"]
    undo.callback(ec2.delete_vpc, VpcId=other)
    made = [
        ec2.create_egress_only_internet_gateway(VpcId=one)["EgressOnlyInternetGateway"]["EgressOnlyInternetGatewayId"]
        for one in (other, vpc)
    ]
    for one in made:
        undo.callback(ec2.delete_egress_only_internet_gateway, EgressOnlyInternetGatewayId=one)
    return f"egress-only internet gateway {made[1]}"


def _carrier_gateway(ec2: Any, vpc: str, _subnet: str, undo: ExitStack) -> str:
    one: str = ec2.create_carrier_gateway(VpcId=vpc)["CarrierGateway"]["CarrierGatewayId"]
    undo.callback(ec2.delete_carrier_gateway, CarrierGatewayId=one)
    return f"carrier gateway {one}"


def _transit_gateway(ec2: Any, vpc: str, subnet: str, undo: ExitStack) -> str:
    gateway = ec2.create_transit_gateway()["TransitGateway"]["TransitGatewayId"]
    undo.callback(ec2.delete_transit_gateway, TransitGatewayId=gateway)
    made = ec2.create_transit_gateway_vpc_attachment(TransitGatewayId=gateway, VpcId=vpc, SubnetIds=[subnet])
    one: str = made["TransitGatewayVpcAttachment"]["TransitGatewayAttachmentId"]
    undo.callback(ec2.delete_transit_gateway_vpc_attachment, TransitGatewayAttachmentId=one)
    return f"transit gateway attachment {one} ({gateway})"


#: What AWS refuses to delete a VPC with (API DeleteVpc), and that this collection never makes.
GATEWAYS: list[Make] = [_vpn_gateway, _egress_only_gateway, _carrier_gateway, _transit_gateway]
STRANGERS: list[Make] = [_subnet, _table, _group, _guardduty_group, _endpoint, _interface, _peering, *GATEWAYS]


@pytest.mark.parametrize("make", GATEWAYS, ids=lambda make: make.__name__)
def test_the_embedded_aws_deletes_no_vpc_with_such_a_gateway(aws: Any, make: Make) -> None:
    ec2 = aws.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.97.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.97.1.0/24")["Subnet"]["SubnetId"]
    with ExitStack() as undo:
        make(ec2, vpc, subnet, undo)
        ec2.delete_subnet(SubnetId=subnet)
        with pytest.raises(ClientError, match="DependencyViolation"):
            ec2.delete_vpc(VpcId=vpc)
    ec2.delete_vpc(VpcId=vpc)


def test_what_uses_a_security_group_from_outside_is_named(aws: Any) -> None:
    """In a VPC that is given: AWS deletes no group that an interface has or a rule names (API DeleteSecurityGroup)."""
    ec2, names = aws.client("ec2"), stack_names("in-a-given-vpc", REGION)
    given = ec2.create_vpc(CidrBlock="10.96.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=given, CidrBlock="10.96.1.0/24")["Subnet"]["SubnetId"]
    ours, theirs = (
        ec2.create_security_group(GroupName=name, Description="x", VpcId=given)["GroupId"]
        for name in (names.security_group_ecs, "theirs")
    )
    ec2.create_tags(Resources=[ours], Tags=[{"Key": STACK_TAG, "Value": names.stack}])
    # A task of the stack's: it has the stack's group and no other.
    ec2.create_network_interface(SubnetId=subnet, Groups=[ours])
    assert teardown.obstacles(ec2, names, NOTHING) == []
    mixed = ec2.create_network_interface(SubnetId=subnet, Groups=[ours, theirs])["NetworkInterface"]
    rule = [{"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "UserIdGroupPairs": [{"GroupId": ours}]}]
    ec2.authorize_security_group_ingress(GroupId=theirs, IpPermissions=rule)
    group, interface = teardown.obstacles(ec2, names, NOTHING)
    assert f"the security group {theirs} (theirs), which belongs to somebody else, names one of its" in group
    assert f"the network interface {mixed['NetworkInterfaceId']}, which belongs to somebody else, has one" in interface


@pytest.mark.parametrize("make", STRANGERS, ids=lambda make: make.__name__)
def test_what_somebody_else_has_in_the_vpc_blocks_the_destroy(aws: Any, vpc: dict[str, Any], make: Make) -> None:
    ec2 = aws.client("ec2")
    with ExitStack() as undo:
        what = make(ec2, vpc["vpc_id"], vpc["subnet"], undo)
        found = teardown.obstacles(ec2, NAMES, NOTHING)
        assert len([one for one in found if what in one]) == 1, found
        assert all(f"stack_name: {STACK}, but its VPC {vpc['vpc_id']} holds the " in one for one in found)
        # It is not among what is removed.
        (row,) = teardown.owned_vpcs(ec2, NAMES)
        assert row == {key: value for key, value in vpc.items() if key != "subnet"}


def test_what_the_collection_does_not_create_is_named(aws: Any) -> None:
    ec2 = aws.client("ec2")
    volume = ec2.create_volume(AvailabilityZone="eu-west-2a", Size=1)["VolumeId"]
    try:
        ec2.create_tags(Resources=[volume], Tags=OURS)
        (sentence,) = teardown.obstacles(ec2, NAMES, NOTHING)
        assert f"the volume {volume} carries the tag mlflow:stack={STACK}" in sentence
    finally:
        ec2.delete_volume(VolumeId=volume)


def test_what_aws_protects_is_told_with_the_variable(aws: Any) -> None:
    arn = "arn:aws:elasticloadbalancing:eu-west-2:123456789012:loadbalancer/app/fraud-alb/0123"
    found = {
        "rds": {"instance_id": "fraud-db", "mine": True, "deletion_protection": True},
        "alb": {"load_balancer_arn": arn, "mine": True, "deletion_protection": True},
    }
    ec2, names = aws.client("ec2"), stack_names("fraud", REGION)
    database, balancer = teardown.obstacles(ec2, names, found)
    assert database.startswith("rds_deletion_protection: the DB instance fraud-db is protected from deletion; set")
    assert "site.yml --tags rds" in database
    assert balancer.startswith("alb_deletion_protection: the load balancer fraud-alb is protected")
    unprotected = {part: {**row, "deletion_protection": False} for part, row in found.items()}
    given = {part: {**row, "mine": False} for part, row in found.items()}
    assert teardown.obstacles(ec2, names, unprotected) == teardown.obstacles(ec2, names, given) == []


@pytest.mark.parametrize("status", ["failed", "incompatible-network", "incompatible-restore"])
def test_a_database_without_a_final_snapshot_is_told_before_anything_is_deleted(aws: Any, status: str) -> None:
    """RDS deletes it only where the final snapshot is skipped (API DeleteDBInstance)."""
    ec2, names = aws.client("ec2"), stack_names("fraud", REGION)
    row = {"instance_id": "fraud-db", "mine": True, "deletion_protection": False, "status": status}
    found = {"rds": row, "alb": None}
    (sentence,) = teardown.obstacles(ec2, names, found, snapshot=True)
    assert sentence.startswith(f"rds_skip_final_snapshot: false, but the database fraud-db is {status}, in which RDS")
    assert sentence.endswith("-e rds_skip_final_snapshot=true")
    assert teardown.obstacles(ec2, names, found) == []
    # Somebody's own, which a destroy leaves alone; and what RDS is still at is waited for.
    for other in ({**row, "mine": False}, {**row, "status": "creating"}):
        assert teardown.obstacles(ec2, names, {"rds": other, "alb": None}, snapshot=True) == []
