# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The network that the role makes: who reaches whom, and by which way out."""

from __future__ import annotations

from typing import Any

from tests.roles.scenario import STACK, Scenario, tags

MINE = [{"Name": "tag:mlflow:stack", "Values": [STACK]}]
PUBLIC = ["10.0.1.0/24", "10.0.2.0/24"]
PRIVATE = ["10.0.11.0/24", "10.0.12.0/24"]
ZONES = ["eu-west-2a", "eu-west-2b"]
PLAN = {
    f"create VPC {STACK}",
    # A gateway is one that is attached; the loose one (molecule_ground) will be.
    f"create internet gateway {STACK}",
    *(f"create subnet {block}" for block in PUBLIC + PRIVATE),
    f"create route table {STACK}-public",
    *(f"create route table {STACK}-private-{zone}" for zone in ZONES),
    f"create S3 gateway endpoint {STACK}",
    *(f"create security group {STACK}-{part}" for part in ("alb", "ecs", "rds")),
    "create NAT gateway in 10.0.1.0/24",
    f"create elastic address {STACK}-nat-0",
}


def rows(scenario: Scenario, operation: str, key: str, filters: list[dict[str, Any]] = MINE) -> list[dict[str, Any]]:
    """What EC2 describes of the stack, or of what else the filters say."""
    return scenario.every("ec2", operation, key, Filters=filters)


def vpc(scenario: Scenario) -> dict[str, Any]:
    """The one VPC of the stack."""
    (row,) = rows(scenario, "describe_vpcs", "Vpcs")
    return row


def groups(scenario: Scenario) -> dict[str, dict[str, Any]]:
    """The security groups by the end of their names."""
    found = rows(scenario, "describe_security_groups", "SecurityGroups")
    return {row["GroupName"].removeprefix(f"{STACK}-"): row for row in found}


def nats(scenario: Scenario) -> list[dict[str, Any]]:
    """The NAT gateways that work."""
    found = scenario.every("ec2", "describe_nat_gateways", "NatGateways", Filters=MINE)
    return [row for row in found if row["State"] == "available"]


def tables(scenario: Scenario, tier: str) -> list[dict[str, Any]]:
    """The route tables of a tier."""
    return rows(
        scenario, "describe_route_tables", "RouteTables", [*MINE, {"Name": "tag:mlflow:tier", "Values": [tier]}]
    )


def ways(scenario: Scenario) -> dict[str, str]:
    """The NAT gateway that each private subnet's default route names."""
    return {
        link["SubnetId"]: route["NatGatewayId"]
        for table in tables(scenario, "private")
        for link in table["Associations"]
        for route in table["Routes"]
        if route.get("DestinationCidrBlock") == "0.0.0.0/0"
    }


def addresses(scenario: Scenario) -> set[str]:
    """The stack's elastic addresses."""
    return {row["AllocationId"] for row in scenario.aws("ec2").describe_addresses(Filters=MINE)["Addresses"]}


def used_addresses(scenario: Scenario) -> set[str]:
    """The addresses of the NAT gateways."""
    return {row["NatGatewayAddresses"][0]["AllocationId"] for row in nats(scenario)}


def subnets(scenario: Scenario, tier: str) -> dict[str, dict[str, Any]]:
    """The subnets of a tier by block."""
    only = [*MINE, {"Name": "tag:mlflow:tier", "Values": [tier]}]
    return {row["CidrBlock"]: row for row in rows(scenario, "describe_subnets", "Subnets", only)}


def open_ssh(scenario: Scenario) -> None:
    rule = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    group = groups(scenario)["ecs"]["GroupId"]
    scenario.aws("ec2").authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])


def cut_the_way_out(scenario: Scenario) -> None:
    names = [{"Name": "tag:Name", "Values": [f"{STACK}-private-eu-west-2a"]}]
    (table,) = rows(scenario, "describe_route_tables", "RouteTables", names)
    scenario.aws("ec2").delete_route(RouteTableId=table["RouteTableId"], DestinationCidrBlock="0.0.0.0/0")


def publish_subnet(scenario: Scenario) -> None:
    subnet = subnets(scenario, "private")["10.0.11.0/24"]["SubnetId"]
    scenario.aws("ec2").modify_subnet_attribute(SubnetId=subnet, MapPublicIpOnLaunch={"Value": True})


DRIFTS = {
    open_ssh: f"change security group {STACK}-ecs: rules",
    cut_the_way_out: f"change route table {STACK}-private-eu-west-2a: default_route",
    publish_subnet: "change subnet 10.0.11.0/24: map_public",
}
THREE_ZONES: dict[str, Any] = {
    "stack_tags": {"Team": "fraud"},
    "network_public_cidrs": [*PUBLIC, "10.0.3.0/24"],
    "network_private_cidrs": [*PRIVATE, "10.0.13.0/24"],
}
CHANGE: dict[str, Any] = {**THREE_ZONES, "network_nat": "per_zone"}
#: Of three addresses two are there already: see before_change. The module gives no table to an endpoint that is there,
#: so the new zone's has an endpoint of its own.
MADE = {"Subnets": 2, "RouteTables": 1, "NatGateways": 2, "NetworkInterfaces": 2, "Addresses": 1, "VpcEndpoints": 1}
#: Every module of the role runs in three runs as it is, and tests/deployed/test_site_drift.py runs all of them again.
FULL = False


def before_change(scenario: Scenario) -> None:
    """Leave an address behind, as a run does that is killed between address and gateway."""
    named = [{"Key": "Name", "Value": f"{STACK}-nat-1"}, {"Key": "mlflow:stack", "Value": STACK}]
    scenario.aws("ec2").allocate_address(
        Domain="vpc", TagSpecifications=[{"ResourceType": "elastic-ip", "Tags": named}]
    )


def test_the_plan_of_a_first_run(planned: list[str]) -> None:
    assert set(planned) == PLAN


def test_one_vpc_with_two_zones(applied: Scenario) -> None:
    assert vpc(applied)["CidrBlock"] == "10.0.0.0/16"
    for tier, blocks in (("public", PUBLIC), ("private", PRIVATE)):
        found = subnets(applied, tier)
        assert {block: row["AvailabilityZone"] for block, row in found.items()} == dict(zip(blocks, ZONES, strict=True))
        assert not any(row["MapPublicIpOnLaunch"] for row in found.values())


def test_the_gateway_that_a_killed_run_left_is_used(applied: Scenario) -> None:
    (gateway,) = rows(applied, "describe_internet_gateways", "InternetGateways", [])
    assert [row["VpcId"] for row in gateway["Attachments"]] == [vpc(applied)["VpcId"]]
    (public,) = tables(applied, "public")
    assert gateway["InternetGatewayId"] in [route.get("GatewayId") for route in public["Routes"]]


def test_private_subnets_share_one_way_out(applied: Scenario) -> None:
    (nat,) = nats(applied)
    assert nat["SubnetId"] == subnets(applied, "public")["10.0.1.0/24"]["SubnetId"]
    assert ways(applied) == {row["SubnetId"]: nat["NatGatewayId"] for row in subnets(applied, "private").values()}
    assert addresses(applied) == used_addresses(applied)


def test_each_group_admits_only_the_one_before_it(applied: Scenario) -> None:
    found = groups(applied)
    for inner, outer, port in (("ecs", "alb", 5000), ("rds", "ecs", 5432)):
        (rule,) = found[inner]["IpPermissions"]
        assert [pair["GroupId"] for pair in rule["UserIdGroupPairs"]] == [found[outer]["GroupId"]]
        assert (rule["FromPort"], rule["ToPort"], rule["IpRanges"]) == (port, port, [])
    assert found["rds"]["IpPermissionsEgress"] == []


def test_a_gateway_and_a_table_for_each_of_three_zones(changed: Scenario) -> None:
    public, private = subnets(changed, "public"), subnets(changed, "private")
    assert {row["AvailabilityZone"] for row in private.values()} == {*ZONES, "eu-west-2c"}
    zone = {row["SubnetId"]: row["AvailabilityZone"] for row in [*public.values(), *private.values()]}
    stands = {row["NatGatewayId"]: zone[row["SubnetId"]] for row in nats(changed)}
    assert {zone[subnet]: stands[nat] for subnet, nat in ways(changed).items()} == {z: z for z in set(zone.values())}
    assert addresses(changed) == used_addresses(changed)
    assert len(addresses(changed)) == 3


def test_s3_is_reached_from_every_private_table(changed: Scenario) -> None:
    endpoints = rows(changed, "describe_vpc_endpoints", "VpcEndpoints")
    assert {row["ServiceName"] for row in endpoints} == {"com.amazonaws.eu-west-2.s3"}
    reached = sorted(table for row in endpoints for table in row["RouteTableIds"])
    assert reached == sorted(row["RouteTableId"] for row in tables(changed, "private"))


def test_another_tag_is_on_everything(changed: Scenario) -> None:
    found = [vpc(changed), *subnets(changed, "public").values(), *subnets(changed, "private").values(), *nats(changed)]
    found += [*tables(changed, "public"), *tables(changed, "private"), *groups(changed).values()]
    assert len(found) == 1 + 6 + 3 + 4 + 3
    assert {tags(row["Tags"]).get("Team") for row in found} == {"fraud"}


def test_back_to_one_way_out(changed: Scenario) -> None:
    before = {row["SubnetId"]: row["NatGatewayId"] for row in nats(changed)}
    changed.apply("back", **THREE_ZONES, network_nat="single").assert_good()
    (nat,) = nats(changed)
    assert before[subnets(changed, "public")["10.0.1.0/24"]["SubnetId"]] == nat["NatGatewayId"]
    assert set(ways(changed).values()) == {nat["NatGatewayId"]}
    assert len(ways(changed)) == 3
    assert addresses(changed) == used_addresses(changed)
