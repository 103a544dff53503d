# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role that only reads: what it finds is what boto3 has made, and it leaves nothing in the account."""

from __future__ import annotations

from typing import Any

from tests.account import resources
from tests.roles import ground
from tests.roles.scenario import BUCKET, STACK, Scenario

DRIFTS: dict[Any, str] = {}
CHANGE: dict[str, Any] = {}


def before_change(_: Scenario) -> None:
    ground.network(STACK)


def found(scenario: Scenario) -> dict[str, Any]:
    """What the role reads by its one module."""
    return scenario.module("stack_info", name=STACK, bucket=BUCKET, region_facts=True)


def test_there_is_nothing_to_plan(planned: list[str]) -> None:
    assert planned == []


def test_it_leaves_nothing_in_the_account(applied: Scenario) -> None:
    before = resources(applied)
    run = applied.apply("read")
    run.assert_nothing_changed()
    assert resources(applied) == before
    assert not [name for kind in before.values() for name in kind if STACK in name]


def test_an_empty_account_has_no_part_of_the_stack(applied: Scenario) -> None:
    answer = found(applied)
    parts = answer["resources"]
    assert [parts[name] for name in ("network", "secrets", "rds", "alb")] == [None] * 4
    assert parts["ecs_mlflow"]["cluster_arn"] is None
    zones = applied.aws("ec2").describe_availability_zones()["AvailabilityZones"]
    assert answer["region"]["zones"] == sorted(row["ZoneName"] for row in zones)
    versions = applied.aws("rds").describe_db_engine_versions(Engine="postgres")["DBEngineVersions"]
    assert set(answer["region"]["postgres_versions"]) <= {row["EngineVersion"] for row in versions}
    assert any(version.startswith("15.") for version in answer["region"]["postgres_versions"])
    assert answer["region"]["bucket"]["state"] == "absent"


def test_another_account_is_refused(applied: Scenario) -> None:
    mine = applied.aws("sts").get_caller_identity()["Account"]
    run = applied.apply("elsewhere", stack_account_id="999999999999")
    assert run.code == 2
    (message,) = run.messages()
    assert "999999999999" in message
    assert mine in message


def test_what_boto3_has_made_is_found_by_name_and_tag(changed: Scenario) -> None:
    network = found(changed)["resources"]["network"]
    ec2 = changed.aws("ec2")
    mine = [{"Name": "tag:mlflow:stack", "Values": [STACK]}]
    (vpc,) = ec2.describe_vpcs(Filters=mine)["Vpcs"]
    assert network["vpc_ids"] == [vpc["VpcId"]]
    subnets = {row["CidrBlock"]: row["SubnetId"] for row in ec2.describe_subnets(Filters=mine)["Subnets"]}
    assert set(network["public_subnet_ids"]) == {subnets[block] for block in ground.PUBLIC}
    assert set(network["private_subnet_ids"]) == {subnets[block] for block in ground.PRIVATE}
    groups = {row["GroupName"]: row["GroupId"] for row in ec2.describe_security_groups(Filters=mine)["SecurityGroups"]}
    assert network["security_group_ids"] == {part: groups[f"{STACK}-{part}"] for part in ("alb", "ecs", "rds")}
