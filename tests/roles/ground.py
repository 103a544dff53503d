# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a role builds on, made by boto3: quicker than by the role that makes it, and with nothing but the names and tags
that docs/architecture.md promises.

``python -m tests.roles.ground STACK network secrets`` makes both, in the AWS of the environment.
"""

from __future__ import annotations

import json
import secrets as random
import sys
from typing import Any

import boto3

REGION = "eu-west-2"
PUBLIC = {"10.0.1.0/24": "eu-west-2a", "10.0.2.0/24": "eu-west-2b"}
PRIVATE = {"10.0.11.0/24": "eu-west-2a", "10.0.12.0/24": "eu-west-2b"}


def _tagged(kind: str, stack: str, **tags: str) -> list[dict[str, Any]]:
    every = {"mlflow:stack": stack, "mlflow:component": "network", **tags}
    return [{"ResourceType": kind, "Tags": [{"Key": key, "Value": value} for key, value in every.items()]}]


def network(stack: str) -> None:
    """A VPC with two public and two private subnets, an internet gateway and the three security groups."""
    ec2 = boto3.client("ec2", region_name=REGION)
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=_tagged("vpc", stack, Name=stack))["Vpc"]["VpcId"]
    for tier, blocks in (("public", PUBLIC), ("private", PRIVATE)):
        for block, zone in blocks.items():
            tags = _tagged("subnet", stack, **{"mlflow:tier": tier, "Name": f"{stack}-{tier}-{zone}"})
            ec2.create_subnet(VpcId=vpc, CidrBlock=block, AvailabilityZone=zone, TagSpecifications=tags)
    loose_gateway(stack)
    gateway = ec2.describe_internet_gateways()["InternetGateways"][0]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    for part in ("alb", "ecs", "rds"):
        tags = _tagged("security-group", stack, Name=f"{stack}-{part}")
        ec2.create_security_group(GroupName=f"{stack}-{part}", Description=part, VpcId=vpc, TagSpecifications=tags)


def loose_gateway(stack: str) -> None:
    """An internet gateway that no VPC has, as a run leaves it that is killed between its two calls."""
    boto3.client("ec2", region_name=REGION).create_internet_gateway(
        TagSpecifications=_tagged("internet-gateway", stack, Name=stack)
    )


def secrets(stack: str) -> None:
    """The master user's secret."""
    login = {"username": "mlflow_master", "password": random.token_hex(20)}
    boto3.client("secretsmanager", region_name=REGION).create_secret(
        Name=f"{stack}/database/master",
        SecretString=json.dumps(login),
        Tags=[{"Key": "mlflow:stack", "Value": stack}],
    )


GROUNDS = {"network": network, "loose_gateway": loose_gateway, "secrets": secrets}

if __name__ == "__main__":
    for ground in sys.argv[2:]:
        GROUNDS[ground](sys.argv[1])
