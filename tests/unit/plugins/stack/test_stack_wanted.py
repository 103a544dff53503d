# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a stack is to have, by name, and that it is told in the words in which AWS's answers are."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible_collections.mlops.mlflow_aws.plugins.filter import network, stack
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.ecs_mlflow import kinds as ecs
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.ecs_mlflow.known import UNKNOWN, known
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.ecs_mlflow.leaves import leaves
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.ecs_mlflow.workers import fitting_workers
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.network import kinds
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.network.desired import groups
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.network.rules import (
    lines_of_permissions,
    lines_of_rules,
)
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.rds.desired import version
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.rds.texts import parameter_texts
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.tagging import tag_record

from tests.unit.plugins.run_module import ROOT
from tests.unit.plugins.stack import stack_inputs
from tests.unit.plugins.stack.stack_looks import Ids

TAGS = {"mlflow:stack": "fraud", "mlflow:component": "network"}


def desired(kind: Any, *, name: str = "fraud", **more: Any) -> dict[str, Any]:
    """The resources of a kind that the stack is to have."""
    found: dict[str, Any] = kind.desired(stack_inputs.stack(stack_name=name, **more))
    return found


def test_every_filter_is_documented_and_every_page_is_of_a_filter() -> None:
    names = {**network.FilterModule().filters(), **stack.FilterModule().filters()}
    pages = {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in ROOT.glob("plugins/filter/*.yml")}
    assert set(pages) == set(names)
    assert {name: page["DOCUMENTATION"]["name"] for name, page in pages.items()} == {name: name for name in names}


def test_a_resource_says_whose_it_is_and_which_tags_the_inventory_gave() -> None:
    own = {"Team": "fraud", "Cost center": 7}
    found = desired(kinds.VPC, stack_tags=own)["fraud"]["tags"]
    assert found == {**own, **TAGS, **tag_record(own), "Name": "fraud"}


def test_subnets_stand_in_their_zones() -> None:
    blocks = ["10.0.1.0/24", "10.0.2.0/24"]
    found = desired(kinds.SUBNET, network_public_cidrs=blocks, network_private_cidrs=["10.0.11.0/24", "10.0.12.0/24"])
    assert list(found) == [*blocks, "10.0.11.0/24", "10.0.12.0/24"]
    assert found["10.0.2.0/24"] == {
        "zone": "eu-west-2b",
        "map_public": False,
        "tags": {**TAGS, "Name": "fraud-public-eu-west-2b", "mlflow:tier": "public"},
    }


@pytest.mark.parametrize(
    ("nat", "ways"),
    [
        ("single", ["NAT gateway in 10.0.1.0/24"] * 2),
        ("per_zone", ["NAT gateway in 10.0.1.0/24", "NAT gateway in 10.0.2.0/24"]),
    ],
)
def test_private_subnets_leave_through_their_own_gateway_or_the_only_one(nat: str, ways: list[str]) -> None:
    found = desired(kinds.ROUTE_TABLE, network_nat=nat)
    tags = {name: {**TAGS, "Name": name, "mlflow:tier": name.split("-")[1]} for name in found}
    assert found == {
        "fraud-public": {
            "subnets": ["10.0.1.0/24", "10.0.2.0/24"],
            "routes": {"0.0.0.0/0": "internet gateway"},
            "default_route": None,
            "tags": tags["fraud-public"],
        },
        **{
            f"fraud-private-{zone}": {
                "subnets": [block],
                "routes": None,
                "default_route": way,
                "tags": tags[f"fraud-private-{zone}"],
            }
            for block, zone, way in zip(
                ["10.0.11.0/24", "10.0.12.0/24"], ["eu-west-2a", "eu-west-2b"], ways, strict=True
            )
        },
    }


def test_gateways_and_addresses_that_no_subnet_needs_go() -> None:
    found = {
        "subnets": [
            {"id": "subnet-1", "cidr": "10.0.1.0/24", "zone": "eu-west-2a", "tier": "public"},
            {"id": "subnet-2", "cidr": "10.0.2.0/24", "zone": "eu-west-2b", "tier": "public"},
            {"id": "subnet-3", "cidr": "10.0.3.0/24", "zone": "eu-west-2c", "tier": "public"},
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
    resources = {"network": found, "elastic_ips": addresses}
    gateways = desired(kinds.NAT_GATEWAY, resources=resources)
    # Somebody else's in 10.0.3.0/24 is none of ours.
    assert set(gateways) == {"in 10.0.1.0/24", "in 10.0.2.0/24"}
    assert gateways["in 10.0.1.0/24"] == {"tags": {**TAGS, "Name": "fraud-eu-west-2a"}}
    assert gateways["in 10.0.2.0/24"] is None
    held = desired(kinds.ADDRESS, resources=resources)
    assert held == {"fraud-nat-0": {"tags": {**TAGS, "Name": "fraud-nat-0"}}, "fraud-nat-1": None}
    assert set(desired(kinds.NAT_GATEWAY)) == {"in 10.0.1.0/24"}


def test_rules_are_told_as_answers_tell_them() -> None:
    rules: list[dict[str, Any]] = [
        {"proto": "tcp", "ports": [80], "cidr_ip": ["10.0.0.0/8", "::/0"], "rule_desc": "Clients"},
        {"proto": "tcp", "ports": ["5432"], "group_name": ["sg-1"], "rule_desc": ""},
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
    lines = ["tcp 5432 sg-1", "tcp 80 10.0.0.0/8 Clients", "tcp 80 ::/0 Clients"]
    assert lines_of_rules(rules) == lines_of_permissions(answer, Ids()) == lines
    untidy = {"proto": "tcp", "ports": [80], "cidr_ip": ["10.0.0.9/8", "2001:DB8:0::/32"], "rule_desc": ""}
    assert lines_of_rules([untidy]) == ["tcp 80 10.0.0.0/8", "tcp 80 2001:db8::/32"]
    office = {"proto": "tcp", "ports": [80], "cidr_ip": ["the office"], "rule_desc": ""}
    assert lines_of_rules([office]) == ["tcp 80 the office"]
    everything = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    assert lines_of_permissions(everything, Ids()) == ["all all 0.0.0.0/0"]
    some = [{"IpProtocol": "udp", "FromPort": 1, "ToPort": 9, "PrefixListIds": [{"PrefixListId": "pl-1"}]}]
    assert lines_of_permissions(some, Ids()) == ["udp 1-9 pl-1"]


def test_each_group_admits_only_the_one_before_it() -> None:
    found = groups(stack_inputs.stack(stack_name="fraud", network_ingress_cidrs=["203.0.113.0/24"]))
    assert {name: lines_of_rules(group.ingress) for name, group in found.items()} == {
        "fraud-alb": ["tcp 80 203.0.113.0/24 Clients"],
        "fraud-ecs": ["tcp 5000 fraud-alb Load balancer"],
        "fraud-rds": ["tcp 5432 fraud-ecs Tasks"],
    }


GIVEN: dict[str, Any] = {"stack_vpc_id": "vpc-1", "stack_private_subnet_ids": ["subnet-1", "subnet-2"]}


def test_a_rule_names_a_group_of_somebody_else_by_its_id() -> None:
    resources = {"network": {"subnets": [], "groups_to_make": ["ecs", "rds"]}}
    asked = stack_inputs.stack(resources, stack_name="fraud", stack_security_group_ids={"alb": "sg-2"}, **GIVEN)
    found = groups(asked)
    assert list(found) == ["fraud-ecs", "fraud-rds"]
    assert lines_of_rules(found["fraud-ecs"].ingress) == ["tcp 5000 sg-2 Load balancer"]


def test_a_definition_is_told_field_by_field() -> None:
    environment = {"LEVEL": "1", "API_TOKEN": "s3cr3t"}
    found = desired(ecs.TASK_DEFINITION, ecs_mlflow_environment=environment)["fraud"]["definition"]
    assert found["containers.mlflow.environment.LEVEL"] == "1"
    assert found["network_mode"] == "awsvpc"
    assert found["requires_compatibilities"] == ["FARGATE"]
    assert "s3cr3t" not in str(found)
    assert found["containers.mlflow.environment.API_TOKEN"].startswith("(hidden, ")


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


def test_a_role_has_exactly_the_rights_that_it_needs() -> None:
    found = desired(ecs.ROLE, storage_bucket="fraud-models")["fraud-eu-west-2-task"]
    bucket = "arn:aws:s3:::fraud-models"
    objects = ["GetObject", "PutObject", "DeleteObject", "AbortMultipartUpload", "ListMultipartUploadParts"]
    assert found["policy"]["Statement"] == [
        {
            "Sid": "ListPrefix",
            "Effect": "Allow",
            "Action": ["s3:ListBucket"],
            "Resource": bucket,
            "Condition": {"StringLike": {"s3:prefix": ["mlflow-artifacts", "mlflow-artifacts/*"]}},
        },
        {
            "Sid": "UsePrefix",
            "Effect": "Allow",
            "Action": [f"s3:{one}" for one in objects],
            "Resource": f"{bucket}/mlflow-artifacts/*",
        },
    ]
    assert (found["managed_policies"], found["other_policies"], found["permissions_boundary"]) == ([], [], None)


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


ARN = "arn:aws:secretsmanager:eu-west-2:123456789012:secret:"
KEY = "arn:aws:kms:eu-west-2:123456789012:key/11111111-2222-3333-4444-555555555555"


def test_what_does_not_exist_yet_is_named_as_such() -> None:
    """All that policies and task definitions name; what exists stays as it was found."""
    empty = known(stack_inputs.stack(stack_name="fraud", secrets_kms_key_id=KEY))
    assert empty["secrets"]["database"]["arn"] == f"{ARN}fraud/database/mlflow-(known after apply)"
    assert set(empty["secrets"]) == {"master", "database", "admin", "flask", "gateway"}
    for secret in empty["secrets"].values():
        assert (secret["version_id"], secret["kms_key_arn"]) == (UNKNOWN, KEY)
    assert empty["rds"] == {"endpoint": {"address": UNKNOWN, "port": UNKNOWN}, "resource_id": UNKNOWN}
    assert empty["alb"] == {"dns_name": UNKNOWN}
    assert empty["storage"] is None

    database, balancer = {"arn": "a", "version_id": "v"}, {"dns_name": "x.elb.amazonaws.com"}
    # RDS gives an endpoint only when the instance is there.
    there = {"secrets": {"database": database, "flask": None}, "rds": {"endpoint": None, "resource_id": "db-1"}}
    half = known(stack_inputs.stack({**there, "alb": balancer}, stack_name="fraud"))
    assert half["secrets"]["database"] == database
    assert half["secrets"]["flask"]["arn"].endswith(UNKNOWN)
    assert half["secrets"]["flask"]["kms_key_arn"] is None
    assert half["rds"] == {"endpoint": {"address": UNKNOWN, "port": UNKNOWN}, "resource_id": "db-1"}
    assert half["alb"] == balancer


def test_a_version_that_the_region_does_not_offer_is_refused() -> None:
    assert version(stack_inputs.stack(rds_engine_version="15")) == "15.10"
    with pytest.raises(ValueError, match=r"no PostgreSQL 17 among 14\.9, 15\.4"):
        version(stack_inputs.stack(rds_engine_version="17"))


@pytest.mark.parametrize(
    ("asked", "current", "runs"),
    [
        ("15", "15.4", "15.4"),
        ("15", "15.11", "15.11"),
        ("15.4", "15.4", "15.4"),
        ("15.4", "15.10", "15.10"),
        ("15.5", "15.10", "15.10"),
        ("15.10", "15.4", "15.10"),
        ("15.1", "15.10", "15.10"),
    ],
)
def test_a_database_keeps_its_minor_release_unless_a_newer_one_is_asked_for(
    asked: str, current: str, runs: str
) -> None:
    assert version(stack_inputs.stack({"rds": {"engine_version": current}}, rds_engine_version=asked)) == runs


@pytest.mark.parametrize(
    ("workers", "memory", "fitting"),
    [(0, 512, 1), (0, 1024, 2), (0, 4096, 4), (0, 30720, 4), (1, 1024, 1), (3, 512, 3)],
)
def test_fitting_workers(workers: int, memory: int, fitting: int) -> None:
    """A number that is asked for is kept: the preflight has refused one that does not fit."""
    assert fitting_workers(workers, memory) == fitting
