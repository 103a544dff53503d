# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which NAT gateways, addresses and route tables of a network are used: pure functions of what discovery found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def nat_plan(
    network: Mapping[str, Any], cidrs: Sequence[str], addresses: Iterable[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    """What of the NAT gateways stays and what goes.

    :param network: the network that discovery found.
    :param cidrs: blocks of the public subnets that are to have a gateway.
    :param addresses: the stack's elastic addresses.
    :returns: ``kept``, the gateway of each zone that has one; ``surplus``, the stack's gateways that no route is to
        name; ``addresses``, the public addresses that no gateway is to hold.
    """
    zones = {row["id"]: row["zone"] for row in network["subnets"] if row["tier"] == "public" and row["cidr"] in cidrs}
    kept: dict[str, Mapping[str, Any]] = {}
    for row in sorted(network["nat_gateways"], key=lambda row: str(row["id"])):
        if row["subnet_id"] in zones:
            kept.setdefault(zones[row["subnet_id"]], row)
    used = {row["id"] for row in kept.values()}
    held = {allocation for row in kept.values() for allocation in row["allocation_ids"]}
    # A gateway that somebody else put into the VPC is none of ours to remove, nor is its address.
    held |= {a for row in network["nat_gateways"] if not row["mine"] for a in row["allocation_ids"]}
    return {
        "kept": {zone: row["id"] for zone, row in kept.items()},
        "surplus": [row["id"] for row in network["nat_gateways"] if row["mine"] and row["id"] not in used],
        "addresses": [row["public_ip"] for row in addresses if row["nat"] and row["allocation_id"] not in held],
    }


def nat_labels(gateways: Iterable[Mapping[str, Any]], block_of: Mapping[str, str]) -> dict[str, str]:
    """What a comparison calls each NAT gateway, by id: ``in 10.0.1.0/24``, and a second one of a subnet by its id.

    :param gateways: rows with ``id`` and ``subnet_id``.
    :param block_of: blocks of the subnets, by id.
    """
    found: dict[str, str] = {}
    for row in sorted(gateways, key=lambda row: str(row["id"])):
        label = f"in {block_of.get(row['subnet_id'], row['subnet_id'])}"
        found[row["id"]] = row["id"] if label in found.values() else label
    return found


def address_labels(addresses: Iterable[Mapping[str, Any]], network: Mapping[str, Any] | None) -> dict[str, str]:
    """What a comparison calls each elastic address, by its public address: its name, which a gateway's goes by first.

    AllocateAddress takes no client token: where its answer is lost, a second one of the same name is allocated.
    """
    held = {one for row in (network or {}).get("nat_gateways", []) for one in row["allocation_ids"]}
    found: dict[str, str] = {}
    for row in sorted(addresses, key=lambda row: (row["allocation_id"] not in held, row["allocation_id"])):
        found[row["public_ip"]] = row["public_ip"] if row["name"] in found.values() else row["name"]
    return found


def route_table_of(network: Mapping[str, Any] | None, subnet_ids: Iterable[str], name: str) -> str:
    """The id of the route table of some subnets, or an empty text when it is to be made.

    A table is known by its subnets; one that a killed run left without any, by its name. Its other tags say nothing:
    they may be the ones that change.
    """
    spare = (network or {}).get("spare_route_table_ids", [])
    tables = [
        row
        for row in (network or {}).get("route_tables", [])
        if not row["main"] and row["id"] not in spare and row["mine"]
    ]
    wanted = set(subnet_ids)
    for row in tables:
        if wanted & set(row["subnet_ids"]):
            return str(row["id"])
    return next((str(row["id"]) for row in tables if row["name"] == name and not row["subnet_ids"]), "")


def without_endpoint(network: Mapping[str, Any] | None, service: str, route_table_ids: Iterable[str]) -> list[str]:
    """The route tables that no endpoint for ``service`` serves yet."""
    served = {
        table
        for row in (network or {}).get("endpoints", [])
        if row["service"] == service
        for table in row["route_table_ids"]
    }
    return [table for table in route_table_ids if table not in served]
