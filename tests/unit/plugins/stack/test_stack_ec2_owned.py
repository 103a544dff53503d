# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A VPC and an elastic address are found by the stack's tag, and have it from the call that creates them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.plugins.run_module import run_module

REGION = "eu-west-1"
OURS = {"mlflow:stack": "one-of-two", "Name": "one-of-two"}
THEIRS = [{"Key": "Name", "Value": "one-of-two"}, {"Key": "Owner", "Value": "team-b"}]
ARGUMENTS = {
    "vpc": {"kind": "vpc", "cidr_block": "10.0.0.0/16", "tags": OURS, "region": REGION},
    "elastic-ip": {"kind": "elastic-ip", "tags": OURS, "region": REGION},
}


def _theirs(ec2: Any, kind: str) -> str:
    specification = [{"ResourceType": kind, "Tags": THEIRS}]
    if kind == "vpc":
        made: str = ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=specification)["Vpc"]["VpcId"]
    else:
        made = ec2.allocate_address(Domain="vpc", TagSpecifications=specification)["AllocationId"]
    return made


def _tags(ec2: Any, one: str) -> dict[str, str]:
    rows = ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [one]}])["Tags"]
    return {row["Key"]: row["Value"] for row in rows}


@pytest.mark.parametrize("kind", ARGUMENTS)
def test_it_is_made_once_beside_one_of_the_same_name(aws: Any, kind: str) -> None:
    ec2, args = aws.client("ec2", region=REGION), ARGUMENTS[kind]
    theirs = _theirs(ec2, kind)
    told = run_module("ec2_owned", args, aws.process_env, check=True)
    assert (told["changed"], told["id"]) == (True, None)
    made = run_module("ec2_owned", args, aws.process_env)
    assert made["changed"] is True, made
    assert made["id"] != theirs
    assert _tags(ec2, made["id"]) == OURS
    again = run_module("ec2_owned", args, aws.process_env)
    assert (again["changed"], again["id"]) == (False, made["id"])
    assert _tags(ec2, theirs) == {row["Key"]: row["Value"] for row in THEIRS}


def test_an_address_in_use_is_none_that_is_free(aws: Any) -> None:
    ec2 = aws.client("ec2", region=REGION)
    args = {**ARGUMENTS["elastic-ip"], "tags": {**OURS, "Name": "in-use"}}
    first = run_module("ec2_owned", args, aws.process_env)["id"]
    vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.1.1.0/24")["Subnet"]["SubnetId"]
    interface = ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]["NetworkInterfaceId"]
    ec2.associate_address(AllocationId=first, NetworkInterfaceId=interface)
    second = run_module("ec2_owned", args, aws.process_env)
    assert second["changed"] is True
    assert second["id"] != first


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"tags": {"Name": "x"}}, "tags lack mlflow:stack, by which the vpc is found again"),
        ({"tags": {}}, "tags lack mlflow:stack and Name, by which the vpc is found again"),
        ({"cidr_block": None}, "kind is vpc but all of the following are missing: cidr_block"),
        ({"cidr_block": "10.0.0.0/8", "tags": {**OURS, "Name": "no"}}, "Creating the vpc no failed: "),
    ],
)
def test_what_is_wrong_is_told(aws: Any, change: dict[str, Any], said: str) -> None:
    args = {key: value for key, value in {**ARGUMENTS["vpc"], **change}.items() if value is not None}
    told = run_module("ec2_owned", args, aws.process_env)
    assert told["failed"]
    assert told["msg"].startswith(said), told
