# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a network shall have of things that come in numbers, by name: pure functions of the inventory.

The fields are those of ``module_utils/settings/network.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_network
from typing import Any

from .egress import address_labels, nat_labels, nat_plan

Tags = Mapping[str, str]


def wanted_subnets(
    cidrs: Sequence[str], zones: Sequence[str], tier: str, stack_name: str, tags: Tags
) -> dict[str, dict[str, Any]]:
    """The subnets of a tier by block, one a zone.

    :param tier: public or private.
    """
    return {
        cidr: {
            "zone": zone,
            # What stands in a public one (load balancer, NAT gateways) has addresses of its own.
            "map_public": False,
            "tags": {**tags, "Name": f"{stack_name}-{tier}-{zone}", "mlflow:tier": tier},
        }
        for cidr, zone in zip(cidrs, zones, strict=False)
    }


def wanted_tables(
    public: Sequence[str], private: Mapping[str, str], nats: Sequence[str], stack_name: str, tags: Tags
) -> dict[str, dict[str, Any]]:
    """The route tables by name: one for all public subnets, one for each private subnet.

    :param public: blocks of the public subnets.
    :param private: zones of the private subnets by block.
    :param nats: by position, the blocks of the public subnets that have a NAT gateway.
    """
    tables: dict[str, dict[str, Any]] = {
        f"{stack_name}-public": {
            "subnets": sorted(public),
            "routes": {"0.0.0.0/0": "internet gateway"},
            "tags": {**tags, "Name": f"{stack_name}-public", "mlflow:tier": "public"},
        }
    }
    for position, (cidr, zone) in enumerate(private.items()):
        name = f"{stack_name}-private-{zone}"
        way = nats[position] if position < len(nats) else nats[0]
        tables[name] = {
            "subnets": [cidr],
            "default_route": f"NAT gateway in {way}",
            "tags": {**tags, "Name": name, "mlflow:tier": "private"},
        }
    return tables


def wanted_nats(
    cidrs: Mapping[str, str],
    network: Mapping[str, Any] | None,
    addresses: Iterable[Mapping[str, Any]],
    stack_name: str,
    tags: Tags,
) -> dict[str, dict[str, dict[str, Any] | None]]:
    """The NAT gateways and their addresses; None for those of the stack that shall go.

    :param cidrs: zones of the public subnets that shall have a gateway, by block.
    :param network: the network that discovery found.
    :param addresses: the stack's elastic addresses.
    """
    gateways: dict[str, dict[str, Any] | None] = {}
    rows: dict[str, dict[str, Any] | None] = {}
    if network is not None:
        block = {row["id"]: row["cidr"] for row in network["subnets"]}
        known = list(addresses)
        plan = nat_plan(network, list(cidrs), known)
        of_id, of_address = nat_labels(network["nat_gateways"], block), address_labels(known, network)
        gateways.update(dict.fromkeys(of_id[one] for one in plan["surplus"]))
        rows.update(dict.fromkeys(of_address[one] for one in plan["addresses"]))
    for position, (cidr, zone) in enumerate(cidrs.items()):
        gateways[f"in {cidr}"] = {"tags": {**tags, "Name": f"{stack_name}-{zone}"}}
        name = f"{stack_name}-nat-{position}"
        rows[name] = {"tags": {**tags, "Name": name}}
    return {"NAT gateway": gateways, "elastic address": rows}


def rule_lines(rules: Iterable[Mapping[str, Any]]) -> list[str]:
    """The rules of a security group, a line for each source or destination, such as ``tcp 80 10.0.0.0/16 Clients``.

    :param rules: as amazon.aws.ec2_security_group takes them, with ``cidr_ip``, ``cidr_ipv6``,
        ``group_name`` and ``group_id``.
    """
    lines = []
    for rule in rules:
        blocks = [*_list(rule.get("cidr_ip")), *_list(rule.get("cidr_ipv6"))]
        sides = [*map(_as_ec2_writes, blocks), *_list(rule.get("group_name")), *_list(rule.get("group_id"))]
        lines += [
            f"{rule['proto']} {port} {side} {rule.get('rule_desc', '')}".rstrip()
            for port in rule["ports"]
            for side in sides
        ]
    return sorted(lines)


def _as_ec2_writes(block: str) -> str:
    """A block in its one canonical form (API AuthorizeSecurityGroupIngress, CidrIp); other text as it is."""
    try:
        return str(ip_network(block, strict=False))
    except ValueError:
        return block


def _list(value: Any) -> list[str]:
    return [] if value is None else [str(value)] if isinstance(value, str) else [str(one) for one in value]
