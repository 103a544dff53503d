# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a company has before this collection comes: VPC, database and load balancer, made by boto3."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

ZONES = ("eu-west-2a", "eu-west-2b")
NOBODY = {"Key": "Owner", "Value": "platform-team"}


@dataclass(frozen=True)
class Theirs:
    """Ids of parts that exist.

    :param subnets: by tier, one a zone.
    :param groups: security groups of the load balancer and of the database.
    """

    vpc: str
    subnets: dict[str, list[str]]
    groups: dict[str, str]
    db_instance: str
    master_secret: str
    target_group: str
    listener_port: int = field(default=0)

    def variables(self) -> dict[str, Any]:
        """The variables of the role stack that name all of it."""
        return {
            "stack_vpc_id": self.vpc,
            "stack_private_subnet_ids": self.subnets["private"],
            "stack_db_instance": self.db_instance,
            "stack_db_master_secret_arn": self.master_secret,
            "stack_target_group_arn": self.target_group,
        }


def make(client: Callable[[str], Any], *, port: int, service_port: int = 5000, nat: bool = True) -> Theirs:
    """Make everything.

    :param client: gives a boto3 client of a service.
    :param port: where the load balancer listens.
    :param nat: also give the private subnets a way out.
    """
    ec2 = client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.50.0.0/16")["Vpc"]["VpcId"]
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    ec2.create_tags(Resources=[vpc], Tags=[NOBODY])
    subnets = {
        tier: [
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.50.{base + number}.0/24", AvailabilityZone=zone)["Subnet"][
                "SubnetId"
            ]
            for number, zone in enumerate(ZONES)
        ]
        for tier, base in (("public", 0), ("private", 10))
    }
    if nat:
        _ways_out(ec2, vpc, subnets)
    groups = {}
    for use in ("balancer", "database"):
        made = ec2.create_security_group(GroupName=f"theirs-{use}", Description=use, VpcId=vpc)
        groups[use] = made["GroupId"]
    clients = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    ec2.authorize_security_group_ingress(GroupId=groups["balancer"], IpPermissions=[clients])
    # A database of the whole company: everybody in the VPC may come. An embedded AWS listens at whichever port is free.
    inside = {"IpProtocol": "tcp", "FromPort": 1150, "ToPort": 65535, "IpRanges": [{"CidrIp": "10.50.0.0/16"}]}
    ec2.authorize_security_group_ingress(GroupId=groups["database"], IpPermissions=[inside])
    db_instance, secret = _database(client, subnets["private"], groups["database"])
    return Theirs(
        vpc,
        subnets,
        groups,
        db_instance,
        secret,
        _balancer(client("elbv2"), vpc, subnets["public"], groups["balancer"], port, service_port),
        port,
    )


def _ways_out(ec2: Any, vpc: str, subnets: dict[str, list[str]]) -> None:
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    nat = ec2.create_nat_gateway(SubnetId=subnets["public"][0], AllocationId=address)["NatGateway"]["NatGatewayId"]
    for tier, way in (("public", {"GatewayId": gateway}), ("private", {"NatGatewayId": nat})):
        table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
        ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", **way)
        for subnet in subnets[tier]:
            ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)


def _database(client: Callable[[str], Any], subnets: list[str], group: str) -> tuple[str, str]:
    login = {"username": "postgres_admin", "password": secrets.token_hex(16)}
    secret = client("secretsmanager").create_secret(Name="theirs/postgres", SecretString=json.dumps(login))["ARN"]
    rds = client("rds")
    rds.create_db_subnet_group(DBSubnetGroupName="theirs", DBSubnetGroupDescription="theirs", SubnetIds=subnets)
    rds.create_db_instance(
        DBInstanceIdentifier="team-postgres",
        Engine="postgres",
        EngineVersion="15.7",
        DBInstanceClass="db.t3.small",
        AllocatedStorage=50,
        StorageEncrypted=True,
        BackupRetentionPeriod=7,
        PubliclyAccessible=False,
        MasterUsername=login["username"],
        MasterUserPassword=login["password"],
        DBSubnetGroupName="theirs",
        VpcSecurityGroupIds=[group],
    )
    return "team-postgres", str(secret)


def _balancer(elb: Any, vpc: str, subnets: list[str], group: str, port: int, service_port: int) -> str:
    balancer = elb.create_load_balancer(Name="theirs", Subnets=subnets, SecurityGroups=[group])["LoadBalancers"][0]
    made = elb.create_target_group(
        Name="theirs-mlflow",
        Protocol="HTTP",
        Port=service_port,
        VpcId=vpc,
        TargetType="ip",
        HealthCheckPath="/health",
        HealthCheckIntervalSeconds=5,
        HealthCheckTimeoutSeconds=4,
        HealthyThresholdCount=2,
    )
    arn = str(made["TargetGroups"][0]["TargetGroupArn"])
    delay = {"Key": "deregistration_delay.timeout_seconds", "Value": "5"}
    elb.modify_target_group_attributes(TargetGroupArn=arn, Attributes=[delay])
    elb.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Protocol="HTTP",
        Port=port,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": arn}],
    )
    return arn
