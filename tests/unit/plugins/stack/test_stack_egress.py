# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which NAT gateways, addresses, route tables and endpoints are used, and which are left over."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.network.egress import (
    nat_plan,
    route_table_of,
    without_endpoint,
)

SUBNETS = [
    {"id": "subnet-a", "cidr": "10.0.1.0/24", "zone": "a", "tier": "public"},
    {"id": "subnet-b", "cidr": "10.0.2.0/24", "zone": "b", "tier": "public"},
    {"id": "subnet-p", "cidr": "10.0.11.0/24", "zone": "a", "tier": "private"},
]
ONE, BOTH = ["10.0.1.0/24"], ["10.0.1.0/24", "10.0.2.0/24"]


def _nat(name: str, zone: str, mine: bool = True) -> dict[str, Any]:
    return {"id": f"nat-{name}", "subnet_id": f"subnet-{zone}", "mine": mine, "allocation_ids": [f"eip-{name}"]}


def _address(name: str, nat: bool = True) -> dict[str, Any]:
    return {"public_ip": f"ip-{name}", "allocation_id": f"eip-{name}", "nat": nat}


@pytest.mark.parametrize(
    ("gateways", "cidrs", "addresses", "kept", "surplus", "released"),
    [
        ([], ONE, [], {}, [], []),
        ([_nat("1", "a")], ONE, [_address("1")], {"a": "nat-1"}, [], []),
        ([_nat("1", "a"), _nat("2", "b")], BOTH, [_address("1")], {"a": "nat-1", "b": "nat-2"}, [], []),
        # per_zone to single: the first zone's stays.
        (
            [_nat("1", "a"), _nat("2", "b")],
            ONE,
            [_address("1"), _address("2")],
            {"a": "nat-1"},
            ["nat-2"],
            ["ip-2"],
        ),
        # A run was killed after the removal of the gateway.
        ([_nat("1", "a")], ONE, [_address("1"), _address("2")], {"a": "nat-1"}, [], ["ip-2"]),
        # Two gateways in one subnet.
        ([_nat("2", "a"), _nat("1", "a")], BOTH, [], {"a": "nat-1"}, ["nat-2"], []),
        # One in a private subnet leads nowhere.
        ([_nat("1", "p")], ["10.0.11.0/24"], [], {}, ["nat-1"], []),
        # What somebody else made there, and an address of another use, stay.
        ([_nat("1", "a"), _nat("x", "b", mine=False)], ONE, [_address("x")], {"a": "nat-1"}, [], []),
        ([_nat("1", "a")], ONE, [_address("y", nat=False)], {"a": "nat-1"}, [], []),
    ],
)
def test_nat_plan(
    gateways: list[dict[str, Any]],
    cidrs: list[str],
    addresses: list[dict[str, Any]],
    kept: dict[str, str],
    surplus: list[str],
    released: list[str],
) -> None:
    plan = nat_plan({"subnets": SUBNETS, "nat_gateways": gateways}, cidrs, addresses)
    assert plan == {"kept": kept, "surplus": surplus, "addresses": released}


def _table(name: str, *subnets: str, main: bool = False) -> dict[str, Any]:
    return {"id": f"rtb-{name}", "name": name, "main": main, "mine": True, "subnet_ids": list(subnets)}


@pytest.mark.parametrize(
    ("tables", "subnets", "found"),
    [
        ([], ["subnet-a"], ""),
        ([_table("private-a", "subnet-a"), _table("private-b", "subnet-b")], ["subnet-b"], "rtb-private-b"),
        # By the subnets, whatever its name is; by its name, when a killed run left it alone.
        ([_table("other", "subnet-a"), _table("private-a")], ["subnet-a"], "rtb-other"),
        ([_table("private-b", "subnet-b"), _table("private-a")], ["subnet-a"], "rtb-private-a"),
        ([_table("private-b"), _table("private-a")], ["subnet-a"], "rtb-private-a"),
        # The same name, but of another subnet.
        ([_table("private-a", "subnet-z")], ["subnet-a"], ""),
        # A new public subnet joins the table of the others.
        ([_table("public", "subnet-a", "subnet-b")], ["subnet-a", "subnet-b", "subnet-c"], "rtb-public"),
        ([_table("private-a", "subnet-a", main=True)], ["subnet-a"], ""),
    ],
)
def test_route_table_of(tables: list[dict[str, Any]], subnets: list[str], found: str) -> None:
    assert route_table_of({"route_tables": tables}, subnets, "private-a") == found


def test_no_network_has_no_table() -> None:
    assert route_table_of(None, ["subnet-a"], "public") == ""
    assert without_endpoint(None, "s3", ["rtb-1"]) == ["rtb-1"]


def test_endpoint_of_another_service_serves_no_table() -> None:
    endpoints = [{"service": "s3", "route_table_ids": ["rtb-1"]}, {"service": "dynamodb", "route_table_ids": ["rtb-2"]}]
    assert without_endpoint({"endpoints": endpoints}, "s3", ["rtb-1", "rtb-2", "rtb-3"]) == ["rtb-2", "rtb-3"]
