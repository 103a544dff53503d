# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a network is to consist of, by name: subnets in their zones, gateways, route tables, groups with their rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.network.egress import (
    address_labels,
    nat_labels,
    nat_plan,
)
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.network.zones import subnet_zones
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.stack import Stack
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.existing import GROUPS

Rule = dict[str, Any]


@dataclass(frozen=True)
class Subnet:
    """A subnet.

    :param tier: public or private.
    """

    cidr: str
    zone: str
    tier: str


@dataclass(frozen=True)
class Nat:
    """A NAT gateway, and its address.

    :param cidr: block of the public subnet in which it stands.
    :param position: of the address among those of the stack.
    """

    cidr: str
    zone: str
    position: int


@dataclass(frozen=True)
class Table:
    """A route table.

    :param subnets: blocks of the subnets that it routes.
    :param nat: block of the subnet whose NAT gateway is the way out; empty for the internet gateway.
    """

    name: str
    tier: str
    subnets: tuple[str, ...]
    nat: str = ""


@dataclass(frozen=True)
class Group:
    """A security group, with rules as amazon.aws.ec2_security_group takes them.

    :param use: alb, ecs or rds.
    """

    name: str
    use: str
    description: str
    ingress: tuple[Rule, ...]
    egress: tuple[Rule, ...]


def zones(stack: Stack) -> list[str]:
    """The zone of each pair of subnets."""
    inputs = stack.inputs
    offered = stack.region.get("zones", [])
    return subnet_zones(inputs["network_public_cidrs"], inputs["network_zones"], stack.resources["network"], offered)


def subnets(stack: Stack) -> dict[str, Subnet]:
    """The subnets by block, the public ones first."""
    return {
        cidr: Subnet(cidr, zone, tier)
        for tier in ("public", "private")
        for cidr, zone in zip(stack.inputs[f"network_{tier}_cidrs"], zones(stack), strict=False)
    }


def nat_cidrs(stack: Stack) -> list[str]:
    """The blocks of the public subnets that are to have a NAT gateway: the first, or each."""
    cidrs: list[str] = list(stack.inputs["network_public_cidrs"])
    return cidrs[:1] if stack.inputs["network_nat"] == "single" else cidrs


def _nats(stack: Stack) -> list[Nat]:
    pairs = zip(nat_cidrs(stack), zones(stack), strict=False)
    return [Nat(cidr, zone, position) for position, (cidr, zone) in enumerate(pairs)]


def nat_gateways(stack: Stack) -> dict[str, Nat | None]:
    """The NAT gateways; None for those of the stack that no subnet needs."""
    network = stack.resources["network"]
    gone: dict[str, Nat | None] = {}
    if network is not None:
        names = nat_labels(network["nat_gateways"], {row["id"]: row["cidr"] for row in network["subnets"]})
        gone = {names[one]: None for one in nat_plan(network, nat_cidrs(stack))["surplus"]}
    return {**gone, **{f"in {nat.cidr}": nat for nat in _nats(stack)}}


def addresses(stack: Stack) -> dict[str, Nat | None]:
    """The elastic addresses of the NAT gateways; None for those of the stack that no gateway is to hold."""
    network, known = stack.resources["network"], stack.resources["elastic_ips"]
    gone: dict[str, Nat | None] = {}
    if network is not None:
        names = address_labels(known, network)
        gone = {names[one]: None for one in nat_plan(network, nat_cidrs(stack), known)["addresses"]}
    return {**gone, **{f"{stack.names.stack}-nat-{nat.position}": nat for nat in _nats(stack)}}


def tables(stack: Stack) -> dict[str, Table]:
    """The route tables by name: one for all public subnets, one for each private subnet."""
    name, nats = stack.names.stack, nat_cidrs(stack)
    found = [Table(f"{name}-public", "public", tuple(sorted(stack.inputs["network_public_cidrs"])))]
    for position, (cidr, zone) in enumerate(zip(stack.inputs["network_private_cidrs"], zones(stack), strict=False)):
        nat = nats[position] if position < len(nats) else nats[0]
        found.append(Table(f"{name}-private-{zone}", "private", (cidr,), nat))
    return {table.name: table for table in found}


def groups(stack: Stack) -> dict[str, Group]:
    """The security groups that the stack has of its own, each after the one that its rules name.

    Internet -> load balancer -> tasks -> database: each admits only the one before it.
    """
    network = stack.resources["network"]
    uses = network["groups_to_make"] if stack.inputs["stack_vpc_id"] and network else GROUPS
    found = (_group(stack, use) for use in uses)
    return {group.name: group for group in found}


def _group(stack: Stack, use: str) -> Group:
    inputs, name = stack.inputs, stack.names.stack
    described = {"alb": "Load balancer", "ecs": "Tasks", "rds": "Database"}[use]
    ingress = {
        "alb": [_rule(inputs["stack_http_port"], {"cidr_ip": list(inputs["network_ingress_cidrs"])}, "Clients")],
        "ecs": [_rule(inputs["stack_service_port"], _load_balancer(stack), "Load balancer")],
        "rds": [_rule(inputs["stack_database_port"], _group_of(stack, "ecs"), "Tasks")],
    }
    egress = {
        "alb": [_rule(inputs["stack_service_port"], {"cidr_ip": stack.subnet_cidrs("private")}, "MLflow")],
        # Images, packages, AWS's own endpoints and the database.
        "ecs": [_rule(443, {"cidr_ip": ["0.0.0.0/0"]}, "AWS and the package index"), _to_database(stack)],
        "rds": [],
    }
    return Group(stack.security_group(use), use, f"{described} of {name}", tuple(ingress[use]), tuple(egress[use]))


def _rule(port: Any, sides: Mapping[str, list[str]], description: str) -> Rule:
    return {"proto": "tcp", "ports": [port], "rule_desc": description, **sides}


def _group_of(stack: Stack, use: str) -> dict[str, list[str]]:
    """A group as a rule names it: one that somebody else created by its id, one of the stack's by its name."""
    existing = stack.inputs["stack_security_group_ids"].get(use)
    return {"group_id": [existing]} if existing else {"group_name": [stack.security_group(use)]}


def _load_balancer(stack: Stack) -> dict[str, list[str]]:
    if stack.inputs["stack_target_group_arn"]:
        return {"group_id": list((stack.resources["alb"] or {}).get("security_group_ids", []))}
    return _group_of(stack, "alb")


def _to_database(stack: Stack) -> Rule:
    existing = stack.resources["rds"] if stack.inputs["stack_db_instance"] else None
    port = existing["endpoint"]["port"] if existing else stack.inputs["stack_database_port"]
    if stack.inputs["stack_db_instance"]:
        return _rule(port, {"group_id": list((existing or {}).get("security_group_ids", []))}, "Database")
    return _rule(port, {"cidr_ip": stack.subnet_cidrs("private")}, "Database")
