# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parts that somebody else made: they are found by their ids, and what is wrong with them is said before a change."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.account import Found
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack import discovery
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.existing import (
    Existing,
    admits,
    existing_conflicts,
    existing_problems,
    url_of,
)
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.names import stack_names

from tests.unit.plugins.stack import stack_looks
from tests.unit.plugins.stack import stack_theirs as theirs

REGION = "eu-west-2"
NAMES = stack_names("newcomer", REGION)


@pytest.fixture(scope="module")
def made(aws: Any) -> theirs.Theirs:
    return theirs.make(aws.client, port=8088, nat=False)


@pytest.fixture(scope="module")
def existing(made: theirs.Theirs) -> Existing:
    return Existing.of(
        {
            "vpc_id": made.vpc,
            "public_subnet_ids": made.subnets["public"],
            "private_subnet_ids": made.subnets["private"],
            "security_group_ids": {},
            "db_instance": made.db_instance,
            "master_secret_arn": made.master_secret,
            "target_group_arn": made.target_group,
        }
    )


@pytest.fixture(scope="module")
def clients(aws: Any) -> dict[str, Any]:
    return stack_looks.clients(aws.client)


def _found(clients: dict[str, Any], existing: Existing) -> dict[str, Any]:
    return stack_looks.resources(clients, NAMES, REGION, existing=existing)


@pytest.fixture(scope="module")
def found(clients: dict[str, Any], existing: Existing) -> dict[str, Any]:
    return _found(clients, existing)


def test_what_is_given_is_found_and_is_not_the_stacks_own(found: dict[str, Any], made: theirs.Theirs) -> None:
    network, rds, alb = found["network"], found["rds"], found["alb"]
    assert (network["vpc_id"], network["mine"]) == (made.vpc, False)
    assert found["beside_existing"] == {}
    assert set(network["private_subnet_ids"]) == set(made.subnets["private"])
    assert set(network["public_subnet_ids"]) == set(made.subnets["public"])
    assert (network["route_tables"], network["endpoints"], network["internet_gateway_id"]) == ([], [], None)
    assert network["groups_to_make"] == ["ecs"]
    assert (rds["instance_id"], rds["mine"]) == ("team-postgres", False)
    assert (alb["target_group_arn"], alb["mine"]) == (made.target_group, False)
    assert alb["url"] == f"http://{alb['dns_name']}:8088"
    assert alb["security_group_ids"] == [made.groups["balancer"]]
    assert found["secrets"]["master"]["arn"] == made.master_secret
    assert found["secrets"]["database"] is None


def test_what_is_right_is_no_problem(found: dict[str, Any], existing: Existing) -> None:
    assert existing_problems(existing, found, REGION) == []
    assert existing_problems(Existing(), {}, REGION) == []


def test_subnets_of_others_are_left_out(aws: Any, clients: dict[str, Any], existing: Existing) -> None:
    some = replace(existing, public_subnet_ids=(), private_subnet_ids=existing.private_subnet_ids[:1])
    network = _found(clients, some)["network"]
    assert [row["id"] for row in network["subnets"]] == list(existing.private_subnet_ids[:1])


def test_only_the_groups_of_such_a_vpc_are_compared(clients: dict[str, Any], existing: Existing) -> None:
    _found_too, current = stack_looks.both(clients, NAMES, REGION, existing=existing)
    settings = {kind: rows for kind, rows in current["network"].items() if rows}
    assert set(settings) == {"security group"}
    assert "theirs-balancer" in settings["security group"]


def test_a_group_that_is_given_goes_by_its_id(
    aws: Any, clients: dict[str, Any], existing: Existing, made: theirs.Theirs
) -> None:
    named = replace(existing, security_group_ids={"ecs": made.groups["database"]})
    found = _found(clients, named)
    assert found["network"]["security_group_ids"]["ecs"] == made.groups["database"]
    assert found["network"]["groups_to_make"] == []
    account = discovery.account_of(clients, NAMES, region=REGION, existing=named)
    assert Found(account, found).label(made.groups["database"]) == made.groups["database"]


def _says(found: dict[str, Any], existing: Existing, change: Callable[[dict[str, Any]], None]) -> str:
    other = copy.deepcopy(found)
    change(other)
    problems = existing_problems(existing, other, REGION)
    assert len(problems) == 1, problems
    return problems[0]


@pytest.mark.parametrize(
    ("part", "field", "value", "words"),
    [
        ("rds", "engine", "mysql", "stack_db_instance: team-postgres is mysql.*name such a one"),
        (
            "rds",
            "storage_encrypted",
            False,
            "stack_db_instance: team-postgres is not encrypted.*restore an encrypted copy",
        ),
        (
            "rds",
            "publicly_accessible",
            True,
            "stack_db_instance: team-postgres is open to the internet.*public address",
        ),
        ("rds", "backup_retention_period", 0, "stack_db_instance: team-postgres has no automated backups.*have RDS"),
        ("rds", "vpc_id", "vpc-8", "stack_db_instance: team-postgres lies in vpc-8, not in stack_vpc_id vpc-"),
        ("alb", "vpc_id", "vpc-8", "stack_target_group_arn: arn:.* lies in vpc-8, not in vpc-"),
        ("alb", "target_type", "instance", "targets of type instance; Fargate needs ip"),
        ("alb", "protocol", "HTTPS", "speaks HTTPS; the tasks speak HTTP"),
        ("alb", "health_check_path", "/", "asks for /, which wants a login; set its path to /health"),
        ("alb", "load_balancer_arn", None, "no Application Load Balancer forwards to arn:.*add a listener"),
    ],
)
def test_what_is_wrong_is_one_sentence_with_its_remedy(
    found: dict[str, Any], existing: Existing, part: str, field: str, value: Any, words: str
) -> None:
    assert re.search(words, _says(found, existing, lambda other: other[part].update({field: value})))


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ("network", "stack_vpc_id: eu-west-2 has no VPC vpc-"),
        ("rds", "stack_db_instance: there is no DB instance team-postgres"),
        ("alb", "stack_target_group_arn: there is no target group arn:"),
        ("secrets", "stack_db_master_secret_arn: there is no secret arn:"),
    ],
)
def test_what_is_not_there_is_named(found: dict[str, Any], existing: Existing, part: str, words: str) -> None:
    assert words in _says(found, existing, lambda other: other.update({part: None}))


@pytest.mark.parametrize(
    ("variable", "own", "words"),
    [
        ("stack_vpc_id", "vpc-9", "stack_vpc_id: vpc-.* a VPC of its own, vpc-9.*take stack_vpc_id out"),
        ("stack_db_instance", "newcomer-db", "stack_db_instance: team-postgres, but .* newcomer-db holds"),
        ("stack_target_group_arn", "arn:own", "stack_target_group_arn: arn:.*load balancer of its own, arn:own"),
    ],
)
@pytest.mark.parametrize("gone", [False, True])
def test_a_part_of_its_own_in_such_a_place_stops_a_destroy_too(
    found: dict[str, Any], existing: Existing, variable: str, own: str, words: str, gone: bool
) -> None:
    parts = dict.fromkeys(("network", "rds", "alb"), None) if gone else {}
    other = {**found, **parts, "beside_existing": {variable: own}}
    (problem,) = existing_conflicts(existing, other)
    assert re.search(words, problem)
    assert problem in existing_problems(existing, other, REGION)
    assert existing_conflicts(existing, {**found, **parts}) == []


def test_parts_of_its_own_are_found_beside_what_is_given(aws: Any, clients: dict[str, Any], existing: Existing) -> None:
    names = stack_names("mover", REGION)

    def beside(existing: Existing) -> dict[str, str]:
        return discovery.beside_existing(discovery.account_of(clients, names, region=REGION, existing=existing))

    assert beside(existing) == {}
    spec = [{"ResourceType": "vpc", "Tags": [{"Key": "mlflow:stack", "Value": "mover"}]}]
    own = clients["ec2"].create_vpc(CidrBlock="10.9.0.0/16", TagSpecifications=spec)["Vpc"]["VpcId"]
    assert beside(existing) == {"stack_vpc_id": own}
    assert beside(replace(existing, vpc_id="vpc-0123456789abcdef0")) == {"stack_vpc_id": own}
    assert beside(Existing()) == {}
    balancer = clients["elbv2"].create_load_balancer(
        Name=names.load_balancer, Subnets=list(existing.public_subnet_ids), Scheme="internal"
    )["LoadBalancers"][0]["LoadBalancerArn"]
    assert beside(existing) == {"stack_vpc_id": own, "stack_target_group_arn": balancer}


def test_a_group_of_the_stacks_name_is_its_own_by_the_tag_alone(
    clients: dict[str, Any], existing: Existing, made: theirs.Theirs
) -> None:
    ec2 = clients["ec2"]
    group = ec2.create_security_group(GroupName="newcomer-ecs", Description="Somebody's", VpcId=made.vpc)["GroupId"]
    try:
        found = _found(clients, existing)
        assert found["network"]["security_group_ids"]["ecs"] is None
        assert [(row["kind"], row["id"]) for row in found["foreign"]] == [("security group", group)]
        # Somebody else sees to it where it is given.
        named = _found(clients, replace(existing, security_group_ids={"ecs": group}))
        assert (named["network"]["security_group_ids"]["ecs"], named["foreign"]) == (group, [])
        ec2.create_tags(Resources=[group], Tags=[{"Key": "mlflow:stack", "Value": "newcomer"}])
        found = _found(clients, existing)
        assert (found["network"]["security_group_ids"]["ecs"], found["foreign"]) == (group, [])
    finally:
        ec2.delete_security_group(GroupId=group)


def test_subnets_and_groups_of_another_vpc_are_named(found: dict[str, Any], existing: Existing) -> None:
    wrong = replace(existing, private_subnet_ids=("subnet-1", "subnet-2"), security_group_ids={"ecs": "sg-1"})
    problems = existing_problems(wrong, found, REGION)
    assert [problem.split(":", maxsplit=1)[0] for problem in problems] == [
        "stack_private_subnet_ids",
        "stack_security_group_ids.ecs",
    ]
    assert "has no subnet subnet-1, subnet-2" in problems[0]


def test_subnets_of_one_zone_are_too_few(found: dict[str, Any], existing: Existing) -> None:
    (problem,) = existing_problems(replace(existing, private_subnet_ids=existing.private_subnet_ids[:1]), found, REGION)
    assert problem.startswith("stack_private_subnet_ids: subnet-")
    assert "lie in one zone" in problem


def test_a_database_that_lets_nobody_in_is_told_with_the_command(found: dict[str, Any], existing: Existing) -> None:
    def close(other: dict[str, Any]) -> None:
        other["rds"].update(ingress=[], endpoint={"address": "db", "port": 5433})
        other["network"]["security_group_ids"]["ecs"] = "sg-7"

    assert "--port 5433 --source-group sg-7" in _says(found, existing, close)


RULE = {"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432}


@pytest.mark.parametrize(
    ("rule", "admitted"),
    [
        ({**RULE, "UserIdGroupPairs": [{"GroupId": "sg-1"}]}, True),
        ({**RULE, "UserIdGroupPairs": [{"GroupId": "sg-2"}]}, False),
        ({**RULE, "IpRanges": [{"CidrIp": "10.0.0.0/16"}]}, True),
        ({**RULE, "IpRanges": [{"CidrIp": "10.0.1.0/24"}]}, False),
        ({**RULE, "IpRanges": [{"CidrIp": "10.0.1.0/24"}, {"CidrIp": "10.0.2.0/24"}]}, True),
        ({**RULE, "ToPort": 5431, "FromPort": 1, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}, False),
        ({**RULE, "FromPort": 5433, "ToPort": 9999, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}, False),
        ({**RULE, "IpProtocol": "udp", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}, False),
        ({"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": "sg-1"}]}, True),
    ],
)
def test_who_is_let_in(rule: dict[str, Any], admitted: bool) -> None:
    assert admits([rule], "sg-1", ["10.0.1.0/24", "10.0.2.0/24"], 5432) is admitted


def test_without_subnets_a_block_lets_nobody_in() -> None:
    assert admits([{**RULE, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}], "sg-1", [], 5432) is False


def _listener(arn: str, protocol: str, port: int) -> dict[str, Any]:
    return {"ListenerArn": arn, "Protocol": protocol, "Port": port}


def _rule(group: str, **conditions: Any) -> dict[str, Any]:
    rows = [{"Field": "host-header", "HostHeaderConfig": {"Values": value}} for value in conditions.values()]
    return {"Actions": [{"Type": "forward", "TargetGroupArn": group}], "Conditions": rows}


@pytest.mark.parametrize(
    ("listeners", "rules", "url"),
    [
        ([("a", "HTTP", 80)], {"a": [_rule("tg")]}, "http://lb"),
        ([("a", "HTTP", 8080)], {"a": [_rule("tg")]}, "http://lb:8080"),
        ([("a", "HTTP", 80), ("b", "HTTPS", 443)], {"a": [_rule("tg")], "b": [_rule("tg")]}, "https://lb"),
        (
            [("b", "HTTPS", 8443)],
            {"b": [_rule("x"), _rule("tg", host=["ml.example.com"])]},
            "https://ml.example.com:8443",
        ),
        ([("b", "HTTPS", 443)], {"b": [_rule("tg", host=["*.example.com"])]}, "https://lb"),
        ([("a", "HTTP", 80)], {"a": [_rule("x")]}, ""),
        ([("a", "HTTP", 80)], {"a": [{"Actions": [{"Type": "redirect"}]}]}, ""),
        (
            [("a", "HTTP", 80)],
            {"a": [{"Actions": [{"Type": "forward", "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": "tg"}]}}]}]},
            "http://lb",
        ),
    ],
)
def test_the_url_is_where_a_listener_forwards_to_the_group(
    listeners: list[tuple[str, str, int]], rules: dict[str, Any], url: str
) -> None:
    assert url_of("lb", [_listener(*row) for row in listeners], rules, "tg") == url
