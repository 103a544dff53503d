# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody else called as the stack calls its own is neither taken over by a run nor removed by a destroy.

EC2 lets any number of resources have one name: the tag ``Name`` says nothing about whose a resource is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.commands import ansible
from tests.embedded import EmbeddedAws
from tests.playbooks import Ended

pytestmark = pytest.mark.timeout(600)

STACK = "name-of-two"
REGION = "eu-west-2"
OWNER = {"Key": "Owner", "Value": "team-b"}
ZONE = f"{REGION}a"


def tagged(name: str) -> list[dict[str, Any]]:
    return [OWNER, {"Key": "Name", "Value": name}]


def specification(kind: str, name: str) -> list[dict[str, Any]]:
    return [{"ResourceType": kind, "Tags": tagged(name)}]


#: How to read the resources of each kind: the operation, its answer's key, the id.
KINDS = {
    "VPC": ("describe_vpcs", "Vpcs", "VpcId"),
    "subnet": ("describe_subnets", "Subnets", "SubnetId"),
    "internet gateway": ("describe_internet_gateways", "InternetGateways", "InternetGatewayId"),
    "loose internet gateway": ("describe_internet_gateways", "InternetGateways", "InternetGatewayId"),
    "route table": ("describe_route_tables", "RouteTables", "RouteTableId"),
    "security group": ("describe_security_groups", "SecurityGroups", "GroupId"),
    "VPC endpoint": ("describe_vpc_endpoints", "VpcEndpoints", "VpcEndpointId"),
    "NAT gateway": ("describe_nat_gateways", "NatGateways", "NatGatewayId"),
    "elastic address": ("describe_addresses", "Addresses", "AllocationId"),
    "elastic address in use": ("describe_addresses", "Addresses", "AllocationId"),
}


def theirs(ec2: Any) -> dict[str, str]:
    """Ids of a network that team-b made, with the names and blocks of the stack's, and without its tag."""
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=specification("vpc", STACK))["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(
        VpcId=vpc,
        CidrBlock="10.0.0.0/24",
        AvailabilityZone=ZONE,
        TagSpecifications=specification("subnet", f"{STACK}-public-{ZONE}"),
    )["Subnet"]["SubnetId"]
    gateways = [
        ec2.create_internet_gateway(TagSpecifications=specification("internet-gateway", STACK))["InternetGateway"][
            "InternetGatewayId"
        ]
        for _number in range(2)
    ]
    ec2.attach_internet_gateway(InternetGatewayId=gateways[0], VpcId=vpc)
    table = ec2.create_route_table(VpcId=vpc, TagSpecifications=specification("route-table", f"{STACK}-public"))[
        "RouteTable"
    ]["RouteTableId"]
    group = ec2.create_security_group(
        GroupName=f"{STACK}-alb",
        Description="theirs",
        VpcId=vpc,
        TagSpecifications=specification("security-group", f"{STACK}-alb"),
    )["GroupId"]
    endpoint = ec2.create_vpc_endpoint(
        VpcId=vpc,
        ServiceName=f"com.amazonaws.{REGION}.s3",
        RouteTableIds=[table],
        TagSpecifications=specification("vpc-endpoint", f"{STACK}-s3"),
    )["VpcEndpoint"]["VpcEndpointId"]
    free, used = (
        ec2.allocate_address(Domain="vpc", TagSpecifications=specification("elastic-ip", f"{STACK}-nat-0"))[
            "AllocationId"
        ]
        for _number in range(2)
    )
    nat = ec2.create_nat_gateway(
        SubnetId=subnet, AllocationId=used, TagSpecifications=specification("natgateway", f"{STACK}-{ZONE}")
    )["NatGateway"]["NatGatewayId"]
    return {
        "VPC": vpc,
        "subnet": subnet,
        "internet gateway": gateways[0],
        "loose internet gateway": gateways[1],
        "route table": table,
        "security group": group,
        "VPC endpoint": endpoint,
        "NAT gateway": nat,
        "elastic address": free,
        "elastic address in use": used,
    }


def states(ec2: Any, made: dict[str, str]) -> dict[str, Any]:
    """What EC2 tells of each of them; None of one that is gone."""
    found = {}
    for kind, (operation, key, identifier) in KINDS.items():
        rows = getattr(ec2, operation)()[key]
        found[kind] = next((row for row in rows if row[identifier] == made[kind]), None)
    return found


@pytest.fixture(scope="module")
def made(aws: EmbeddedAws) -> Iterator[tuple[dict[str, str], dict[str, Any]]]:
    ec2 = aws.client("ec2")
    ids = theirs(ec2)
    before = states(ec2, ids)
    assert None not in before.values()
    yield ids, before
    ec2.delete_nat_gateway(NatGatewayId=ids["NAT gateway"])
    for address in ("elastic address", "elastic address in use"):
        ec2.release_address(AllocationId=ids[address])


def play(aws: EmbeddedAws, folder: Path, playbook: str, *argv: str, **variables: Any) -> Ended:
    given = {"stack_name": STACK, "stack_output_dir": str(folder), "stack_http_port": 8391, **variables}
    done = ansible(
        "ansible-playbook",
        *(playbook, "-i", "inventories/local", *argv, "-e", json.dumps(given)),
        env={**aws.env, "ANSIBLE_CALLBACK_RESULT_FORMAT": "json", "ANSIBLE_NOCOLOR": "1"},
    )
    return Ended(done.returncode, done.stdout + done.stderr, 0)


@pytest.mark.slow
def test_plan_run_and_destroy_leave_a_network_of_the_same_names_alone(
    aws: EmbeddedAws, made: tuple[dict[str, str], dict[str, Any]], tmp_path: Path
) -> None:
    ids, before = made
    ec2 = aws.client("ec2")
    planned = play(aws, tmp_path, "site.yml", "--tags", "network", "--check").assert_good()
    assert f"create VPC {STACK}" in planned.plan()
    for kind in ("VPC", "elastic address"):
        assert f"{kind} {ids[kind]} is called " in planned.output
    assert states(ec2, ids) == before

    play(aws, tmp_path, "site.yml", "--tags", "network").assert_good()
    assert states(ec2, ids) == before
    mine = [{"Name": "tag:mlflow:stack", "Values": [STACK]}]
    (vpc,) = ec2.describe_vpcs(Filters=mine)["Vpcs"]
    assert vpc["VpcId"] != ids["VPC"]
    addresses = {row["AllocationId"] for row in ec2.describe_addresses(Filters=mine)["Addresses"]}
    assert addresses
    assert not addresses & set(ids.values())
    play(aws, tmp_path, "site.yml", "--tags", "network").assert_nothing_changed()

    ended = play(aws, tmp_path, "playbooks/destroy.yml", destroy_confirm=STACK).assert_good()
    assert f"VPC {STACK} ({ids['VPC']}) stays" in ended.output
    assert ec2.describe_vpcs(Filters=mine)["Vpcs"] == []
    assert ec2.describe_addresses(Filters=mine)["Addresses"] == []
    assert states(ec2, ids) == before


BUCKET = "website-of-team-b"


def _bucket(s3: Any) -> dict[str, Any]:
    """All that S3 tells of the bucket of team-b."""
    asked = ("policy", "tagging", "lifecycle_configuration", "ownership_controls", "website")
    found: dict[str, Any] = {"versioning": s3.get_bucket_versioning(Bucket=BUCKET).get("Status")}
    for one in asked:
        try:
            answer = getattr(s3, f"get_bucket_{one}")(Bucket=BUCKET)
        except ClientError as error:
            found[one] = error.response["Error"]["Code"]
        else:
            found[one] = {key: value for key, value in answer.items() if key != "ResponseMetadata"}
    try:
        found["block"] = s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"]
    except ClientError as error:
        found["block"] = error.response["Error"]["Code"]
    return found


def test_a_bucket_is_touched_only_when_it_is_adopted(aws: EmbeddedAws, tmp_path: Path) -> None:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_bucket_tagging(Bucket=BUCKET, Tagging={"TagSet": [OWNER]})
    s3.put_bucket_website(Bucket=BUCKET, WebsiteConfiguration={"IndexDocument": {"Suffix": "index.html"}})
    before = _bucket(s3)

    def run(**variables: Any) -> Ended:
        return play(aws, tmp_path, "site.yml", "--tags", "storage", storage_bucket=BUCKET, **variables)

    refused = run()
    assert refused.code == 2
    (message,) = refused.messages()
    assert f"storage_bucket: '{BUCKET}', but this bucket exists and has no tag mlflow:stack" in message
    assert f"storage_bucket: bucket {BUCKET} serves a website" in message
    assert run(stack_adopt=[BUCKET]).code == 2
    assert _bucket(s3) == before

    s3.delete_bucket_website(Bucket=BUCKET)
    run(stack_adopt=[BUCKET]).assert_good()
    after = _bucket(s3)
    assert (after["versioning"], after["tagging"]) == ("Enabled", {"TagSet": [OWNER]})
    # Asked for once: the lifecycle rule shows whose artifacts lie there.
    run().assert_nothing_changed()
