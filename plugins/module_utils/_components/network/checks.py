# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the network's variables."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from itertools import combinations
from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.network.zones import subnet_zones

#: Sizes that EC2 takes for a VPC and for a subnet (API CreateVpc, CreateSubnet).
_LARGEST, _SMALLEST = 16, 28
#: A load balancer wants 8 free addresses in each of its subnets, in a block of at least this size (Elastic Load
#: Balancing user guide, "Subnets for your load balancer").
_SMALLEST_PUBLIC = 27
#: Special addresses of RFC 6890, of which EC2 makes no VPC.
_REFUSED = tuple(
    ipaddress.IPv4Network(block)
    for block in ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4")
)


def _block(variable: str, text: str, found: list[str]) -> ipaddress.IPv4Network | None:
    try:
        block = ipaddress.IPv4Network(text)
    except ValueError as error:
        found.append(f"{variable}: '{text}' is not an IPv4 CIDR block ({error}); use one such as 10.0.0.0/16")
        return None
    if not _LARGEST <= block.prefixlen <= _SMALLEST:
        found.append(
            f"{variable}: {text} is a /{block.prefixlen}; AWS takes blocks from /{_LARGEST} to /{_SMALLEST}, "
            "choose such a one"
        )
        return None
    return block


def input_problems(inputs: Mapping[str, Any]) -> list[str]:
    """Problems of ``network_*`` variables that need no call to AWS."""
    found: list[str] = []
    vpc = _block("network_cidr", inputs["network_cidr"], found)
    zones = inputs["network_zones"]
    subnets: list[tuple[str, ipaddress.IPv4Network]] = []
    for variable in ("network_public_cidrs", "network_private_cidrs"):
        texts = inputs[variable]
        if len(texts) < 2:
            found.append(
                f"{variable}: has {len(texts)} block(s); a load balancer and a database need subnets in "
                "at least two zones, so list two or more"
            )
        if zones and len(texts) != len(zones):
            found.append(
                f"{variable}: has {len(texts)} block(s) but network_zones names {len(zones)} zone(s); "
                "list one block for each zone"
            )
        for position, text in enumerate(texts):
            block = _block(f"{variable}[{position}]", text, found)
            if block is None:
                continue
            subnets.append((f"{variable}[{position}]", block))
            if variable == "network_public_cidrs" and block.prefixlen > _SMALLEST_PUBLIC:
                found.append(
                    f"{variable}[{position}]: {block} is too small for a load balancer, which takes blocks of "
                    f"/{_SMALLEST_PUBLIC} or larger; choose such a one"
                )
    if len(inputs["network_public_cidrs"]) != len(inputs["network_private_cidrs"]):
        found.append(
            "network_public_cidrs and network_private_cidrs: their lengths differ "
            f"({len(inputs['network_public_cidrs'])} and {len(inputs['network_private_cidrs'])}); "
            "each zone needs one of both"
        )
    if vpc is not None:
        refused = next((other for other in _REFUSED if vpc.overlaps(other)), None)
        if refused is not None:
            found.append(
                f"network_cidr: {vpc} lies in {refused}, which cannot be the addresses of a VPC; use a private block, "
                "such as 10.0.0.0/16, 172.20.0.0/16 or 192.168.0.0/16"
            )
        for name, block in subnets:
            if not block.subnet_of(vpc):
                found.append(f"{name}: {block} lies outside network_cidr {vpc}; choose a block within it")
    for (one, first), (other, second) in combinations(subnets, 2):
        if first.overlaps(second):
            found.append(f"{one} and {other}: {first} and {second} overlap; give each subnet a block of its own")
    if len(set(zones)) != len(zones):
        found.append(f"network_zones: {zones} names a zone twice; name each once")
    return found + _ingress_problems(inputs)


def _ingress_problems(inputs: Mapping[str, Any]) -> list[str]:
    """Who may reach the load balancer: nobody, or what is no IPv4 block."""
    blocks = inputs["network_ingress_cidrs"]
    given = inputs["stack_target_group_arn"] or inputs["stack_security_group_ids"].get("alb")
    if not blocks and not given:
        return [
            "network_ingress_cidrs: is empty, so that nobody could reach MLflow; list the address blocks that may, "
            "such as [203.0.113.0/24], or [0.0.0.0/0] for the whole internet"
        ]
    found = []
    for text in blocks:
        try:
            network = ipaddress.ip_network(text)
            if "/" not in str(text):
                raise ValueError(f"a single address is written as {network}")
        except ValueError as error:
            found.append(
                f"network_ingress_cidrs: '{text}' is not a CIDR block ({error}); use 0.0.0.0/0 or one such as "
                "203.0.113.0/24"
            )
            continue
        if network.version == 6:
            found.append(
                f"network_ingress_cidrs: '{text}' is IPv6, and the load balancer has IPv4 addresses only; remove it, "
                "or list the IPv4 block of the same network"
            )
    return found


def account_problems(inputs: Mapping[str, Any], region: Mapping[str, Any], resources: Mapping[str, Any]) -> list[str]:
    """Problems that only AWS can show; none of a VPC that is somebody else's."""
    if inputs["stack_vpc_id"]:
        return []
    built = resources["network"] or {}
    standing = {row["zone"] for row in built.get("subnets", [])}
    named = [zone for zone in inputs["network_zones"] if zone not in standing]
    zones = subnet_zones(inputs["network_public_cidrs"], inputs["network_zones"], built, region["zones"])
    return region_problems({**inputs, "network_zones": named}, region) + change_problems(
        {**inputs, "network_zones": zones}, resources
    )


def region_problems(inputs: Mapping[str, Any], region: Mapping[str, Any]) -> list[str]:
    """Zones that the region does not have, or too few of them."""
    offered, without = region["zones"], region["zones_without_fargate"]
    found = [
        f"network_zones: Fargate does not run in zone '{zone}' ({without[zone]}) of {region['region']}; choose of "
        f"{', '.join(offered)}"
        for zone in inputs["network_zones"]
        if zone in without
    ]
    found += [
        f"network_zones: region {region['region']} has no zone '{zone}'; it has {', '.join(offered)}"
        for zone in inputs["network_zones"]
        if zone not in offered and zone not in without
    ]
    wanted = len(inputs["network_public_cidrs"])
    if not inputs["network_zones"] and wanted > len(offered):
        found.append(
            f"network_public_cidrs: asks for {wanted} zones, but region {region['region']} offers {len(offered)}; "
            "list fewer blocks"
        )
    return found


def change_problems(inputs: Mapping[str, Any], resources: Mapping[str, Any]) -> list[str]:
    """What cannot change on the network that exists.

    :param inputs: the role's variables, ``network_zones`` with a zone for each pair of subnets, ``stack_name`` and
        ``stack_database_port``.
    """
    now = resources["network"]
    if now is None:
        return []
    if len(now["vpc_ids"]) > 1:
        return [
            f"stack_name: '{inputs['stack_name']}' has {len(now['vpc_ids'])} VPCs, {', '.join(now['vpc_ids'])} (tag "
            "mlflow:stack); delete those that are not in use, or take the tag off them"
        ]
    if now["cidr_block"] != inputs["network_cidr"]:
        return [
            f"network_cidr: {inputs['network_cidr']}, but the VPC {now['vpc_id']} has {now['cidr_block']}, which AWS "
            f"cannot change; set it back to {now['cidr_block']}, or destroy the stack first"
        ]
    found = [
        problem
        for tier, variable in (("public", "network_public_cidrs"), ("private", "network_private_cidrs"))
        for problem in _moved(variable, inputs, [row for row in now["subnets"] if row["tier"] == tier])
    ]
    blocks = {*inputs["network_public_cidrs"], *inputs["network_private_cidrs"]}
    found += [
        f"stack_name: '{inputs['stack_name']}', but the subnet {row['id']} has the block {row['cidr']} without the tag "
        "mlflow:stack, so it belongs to somebody else; choose another block, or if it is this stack's, put the tag back"
        for row in now["subnets"]
        if not row["mine"] and row["cidr"] in blocks
    ]
    port = now["database_port"]
    if resources["rds"] is not None and port and int(port) != int(inputs["stack_database_port"]):
        found.append(
            f"stack_database_port: {inputs['stack_database_port']}, but the database {resources['rds']['instance_id']} "
            f"was made for {port}, and a change would cut it off; set it back to {port}, or destroy the stack first"
        )
    return found


def _moved(variable: str, inputs: Mapping[str, Any], subnets: list[dict[str, Any]]) -> list[str]:
    """Subnets that exist, and that the variables no longer name or name in another zone."""
    wanted = dict(zip(inputs[variable], inputs["network_zones"], strict=False))
    found = []
    for row in subnets:
        zone = wanted.get(row["cidr"])
        if zone is None:
            found.append(
                f"{variable}: {list(inputs[variable])} leaves out {row['cidr']}, the block of {row['id']} in "
                f"{row['zone']}, and a subnet in use can be neither moved nor removed; list it again, or destroy the "
                "stack first"
            )
        elif zone != row["zone"]:
            found.append(
                f"network_zones: {zone} for {row['cidr']} ({variable}), but {row['id']} of that block lies in "
                f"{row['zone']} and cannot move; set network_zones so that the block has {row['zone']}, or destroy the "
                "stack first"
            )
    return found
