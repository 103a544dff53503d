# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What things shall be, by name, and that it is told in the words in which AWS's answers are."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible_collections.mlops.mlflow_aws.plugins.filter import network, stack
from ansible_collections.mlops.mlflow_aws.plugins.module_utils.rds_texts import parameter_texts
from ansible_collections.mlops.mlflow_aws.plugins.module_utils.settings.network import rule_lines as lines_of_answer
from ansible_collections.mlops.mlflow_aws.plugins.module_utils.stack import wanted_ecs
from ansible_collections.mlops.mlflow_aws.plugins.module_utils.stack.wanted_ecs import (
    leaves,
    wanted_definition,
    wanted_policies,
    wanted_roles,
)
from ansible_collections.mlops.mlflow_aws.plugins.module_utils.stack.wanted_network import (
    rule_lines,
    wanted_nats,
    wanted_subnets,
    wanted_tables,
)

from tests.unit.plugins.run_module import ROOT

TAGS = {"mlflow:stack": "fraud"}


def test_every_filter_is_documented_and_every_page_is_of_a_filter() -> None:
    names = {**network.FilterModule().filters(), **stack.FilterModule().filters(), "payload": None, "packed_code": None}
    pages = {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in ROOT.glob("plugins/filter/*.yml")}
    assert set(pages) == set(names)
    assert {name: page["DOCUMENTATION"]["name"] for name, page in pages.items()} == {name: name for name in names}


def test_subnets_stand_in_their_zones() -> None:
    zones = ["eu-west-2a", "eu-west-2b", "eu-west-2c"]
    found = wanted_subnets(["10.0.1.0/24", "10.0.2.0/24"], zones, "public", "fraud", TAGS)
    assert list(found) == ["10.0.1.0/24", "10.0.2.0/24"]
    assert found["10.0.2.0/24"] == {
        "zone": "eu-west-2b",
        "map_public": False,
        "tags": {**TAGS, "Name": "fraud-public-eu-west-2b", "mlflow:tier": "public"},
    }


@pytest.mark.parametrize(
    ("nats", "ways"),
    [
        (["10.0.1.0/24"], ["NAT gateway in 10.0.1.0/24"] * 2),
        (["10.0.1.0/24", "10.0.2.0/24"], ["NAT gateway in 10.0.1.0/24", "NAT gateway in 10.0.2.0/24"]),
    ],
)
def test_private_subnets_leave_through_their_own_gateway_or_the_only_one(nats: list[str], ways: list[str]) -> None:
    private = {"10.0.11.0/24": "eu-west-2a", "10.0.12.0/24": "eu-west-2b"}
    found = wanted_tables(["10.0.2.0/24", "10.0.1.0/24"], private, nats, "fraud", TAGS)
    tags = {name: {**TAGS, "Name": name, "mlflow:tier": name.split("-")[1]} for name in found}
    assert found == {
        "fraud-public": {
            "subnets": ["10.0.1.0/24", "10.0.2.0/24"],
            "routes": {"0.0.0.0/0": "internet gateway"},
            "tags": tags["fraud-public"],
        },
        **{
            f"fraud-private-{zone}": {
                "subnets": [block],
                "default_route": way,
                "tags": tags[f"fraud-private-{zone}"],
            }
            for (block, zone), way in zip(private.items(), ways, strict=True)
        },
    }


def test_gateways_and_addresses_that_no_subnet_needs_go() -> None:
    found = {
        "subnets": [
            {"id": "subnet-1", "cidr": "10.0.1.0/24", "zone": "a", "tier": "public"},
            {"id": "subnet-2", "cidr": "10.0.2.0/24", "zone": "b", "tier": "public"},
            {"id": "subnet-3", "cidr": "10.0.3.0/24", "zone": "c", "tier": "public"},
        ],
        "nat_gateways": [
            {"id": "nat-1", "subnet_id": "subnet-1", "mine": True, "allocation_ids": ["a-1"]},
            {"id": "nat-2", "subnet_id": "subnet-2", "mine": True, "allocation_ids": ["a-2"]},
            {"id": "nat-3", "subnet_id": "subnet-3", "mine": False, "allocation_ids": ["a-3"]},
        ],
    }
    addresses = [
        {"public_ip": f"203.0.113.{n}", "name": f"fraud-nat-{n - 1}", "allocation_id": f"a-{n}", "nat": True}
        for n in (1, 2)
    ]
    addresses.append({"public_ip": "203.0.113.9", "name": "bastion", "allocation_id": "a-9", "nat": False})
    wanted = wanted_nats({"10.0.1.0/24": "a"}, found, addresses, "fraud", TAGS)
    # Somebody else's in 10.0.3.0/24 is none of ours.
    assert set(wanted["NAT gateway"]) == {"in 10.0.1.0/24", "in 10.0.2.0/24"}
    assert wanted["NAT gateway"]["in 10.0.1.0/24"] == {"tags": {**TAGS, "Name": "fraud-a"}}
    assert wanted["NAT gateway"]["in 10.0.2.0/24"] is None
    assert wanted["elastic address"] == {"fraud-nat-0": {"tags": {**TAGS, "Name": "fraud-nat-0"}}, "fraud-nat-1": None}
    empty = wanted_nats({"10.0.1.0/24": "a"}, None, [], "fraud", TAGS)
    assert set(empty["NAT gateway"]) == {"in 10.0.1.0/24"}


def test_rules_are_told_as_answers_tell_them() -> None:
    rules: list[dict[str, Any]] = [
        {"proto": "tcp", "ports": [80], "cidr_ip": ["10.0.0.0/8"], "cidr_ipv6": ["::/0"], "rule_desc": "Clients"},
        {"proto": "tcp", "ports": ["5432"], "group_name": "sg-1"},
    ]
    answer = [
        {
            "IpProtocol": "tcp",
            "FromPort": 80,
            "ToPort": 80,
            "IpRanges": [{"CidrIp": "10.0.0.0/8", "Description": "Clients"}],
            "Ipv6Ranges": [{"CidrIpv6": "::/0", "Description": "Clients"}],
        },
        {"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "UserIdGroupPairs": [{"GroupId": "sg-1"}]},
    ]
    assert (
        rule_lines(rules)
        == lines_of_answer(answer)
        == ["tcp 5432 sg-1", "tcp 80 10.0.0.0/8 Clients", "tcp 80 ::/0 Clients"]
    )
    untidy = {"proto": "tcp", "ports": [80], "cidr_ip": "10.0.0.9/8", "cidr_ipv6": ["2001:DB8:0::/32"]}
    assert rule_lines([untidy]) == ["tcp 80 10.0.0.0/8", "tcp 80 2001:db8::/32"]
    assert rule_lines([{"proto": "tcp", "ports": [80], "cidr_ip": "the office"}]) == ["tcp 80 the office"]
    everything = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    assert lines_of_answer(everything) == ["all all 0.0.0.0/0"]
    some = [{"IpProtocol": "udp", "FromPort": 1, "ToPort": 9, "PrefixListIds": [{"PrefixListId": "pl-1"}]}]
    assert lines_of_answer(some) == ["udp 1-9 pl-1"]


def test_a_rule_may_name_a_group_by_its_id() -> None:
    assert rule_lines([{"proto": "tcp", "ports": [80], "group_id": ["sg-2", "sg-1"]}]) == ["tcp 80 sg-1", "tcp 80 sg-2"]


def test_a_definition_is_told_field_by_field() -> None:
    found = wanted_definition(
        {
            "family": "web",
            "cpu": 256,
            "memory": 512,
            "containers": [{"name": "web", "image": "nginx", "environment": {"LEVEL": "1", "API_TOKEN": "s3cr3t"}}],
        }
    )
    assert found["containers.web.image"] == "nginx"
    assert found["containers.web.environment.LEVEL"] == "1"
    assert found["network_mode"] == "awsvpc"
    assert found["requires_compatibilities"] == ["FARGATE"]
    assert "s3cr3t" not in str(found)
    assert found["containers.web.environment.API_TOKEN"].startswith("(hidden, ")


def test_hidden_and_long_values_still_tell_that_they_differ() -> None:
    one, other = (leaves({"environment": {"PASSWORD": text, "LONG": text * 200}}) for text in ("a", "b"))
    assert one["environment.PASSWORD"] != other["environment.PASSWORD"]
    assert one["environment.LONG"] != other["environment.LONG"]
    # The beginnings of the digests of "a", and of 200 of them.
    assert one["environment.PASSWORD"] == "(hidden, ca9781)"
    assert one["environment.LONG"] == "(200 characters, sha256 c2a908d98f5df987)"


def test_what_is_hidden_and_what_is_not() -> None:
    uri = leaves({"environment": {"WHERE": "postgresql://mlflow:s3cr3t@db/mlflow"}})["environment.WHERE"]
    assert uri.startswith("(hidden, ")
    # A user's own name tells that a value is secret; a field of ECS's own does not.
    assert leaves({"container": {"token": "x"}}) == {"container.token": "x"}
    assert leaves({"environment": {"A": "x" * 120}}) == {"environment.A": "x" * 120}
    assert leaves({"environment": {"A": "x" * 121}})["environment.A"].startswith("(121 characters, ")


def test_roles_by_name() -> None:
    statements = [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]
    role = {"name": "fraud-task", "description": "MLflow", "statements": statements}
    assert wanted_roles([role], {"trusts": "ecs"}, TAGS) == {
        "fraud-task": {
            "description": "MLflow",
            "trust": {"trusts": "ecs"},
            "managed_policies": [],
            "other_policies": [],
            "permissions_boundary": None,
            "policy": {"Version": "2012-10-17", "Statement": statements},
            "tags": TAGS,
        }
    }


def test_policies_by_name() -> None:
    row = {"name": "cpu", "metric": "M", "target_value": "60", "scale_in_cooldown": 300, "scale_out_cooldown": 60}
    assert wanted_policies([row])["cpu"] == {
        "metric": "M",
        "target_value": 60.0,
        "scale_in_cooldown": 300,
        "scale_out_cooldown": 60,
    }


@pytest.mark.parametrize(
    ("group", "texts"),
    [
        (None, {"rds.force_ssl": "1", "log_connections": "on", "work_mem": "4096"}),
        (
            {"_booleans": ["log_connections"], "_defaults": {"rds.force_ssl": "1"}},
            {"log_connections": "1", "work_mem": "4096"},
        ),
    ],
)
def test_only_parameters_that_are_not_so_by_default_are_set(
    group: dict[str, Any] | None, texts: dict[str, str]
) -> None:
    wanted = {"rds.force_ssl": True, "log_connections": "on", "work_mem": 4096}
    assert parameter_texts(wanted, group) == texts


NAMES = {"secret_database": "fraud/database/mlflow", "secret_flask": "fraud/mlflow/flask", "database": "fraud-db"}
ARN = "arn:aws:secretsmanager:eu-west-2:123456789012:secret:"


def test_what_is_not_there_yet_is_named_as_such() -> None:
    """All that policies and task definitions name; what is there stays as it was found."""
    nothing = {"secrets": None, "rds": None, "alb": None, "storage": None}
    empty = wanted_ecs.with_unknown(nothing, NAMES, ARN, "arn:of:a:key")
    unknown = wanted_ecs.UNKNOWN
    assert {use: row["arn"] for use, row in empty["secrets"].items()} == {
        "database": f"{ARN}fraud/database/mlflow-(known after apply)",
        "flask": f"{ARN}fraud/mlflow/flask-(known after apply)",
    }
    for secret in empty["secrets"].values():
        assert (secret["version_id"], secret["kms_key_arn"]) == (unknown, "arn:of:a:key")
    assert empty["rds"] == {"endpoint": {"address": unknown, "port": unknown}, "resource_id": unknown}
    assert empty["alb"] == {"dns_name": unknown}
    assert empty["storage"] is None

    database, balancer = {"arn": "a", "version_id": "v"}, {"dns_name": "x.elb.amazonaws.com"}
    # RDS gives an endpoint only when the instance is there.
    there = {"secrets": {"database": database, "flask": None}, "rds": {"endpoint": None, "resource_id": "db-1"}}
    half = wanted_ecs.with_unknown({**there, "alb": balancer}, NAMES, ARN)
    assert half["secrets"]["database"] == database
    assert half["secrets"]["flask"]["arn"].endswith(unknown)
    assert half["secrets"]["flask"]["kms_key_arn"] is None
    assert half["rds"] == {"endpoint": {"address": unknown, "port": unknown}, "resource_id": "db-1"}
    assert half["alb"] == balancer
