# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A subnet that exists keeps its zone, whatever the region offers today."""

from __future__ import annotations

import pytest
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.network.fargate_zones import by_fargate
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.network.zones import subnet_zones

ONE, TWO, THREE = "10.0.1.0/24", "10.0.2.0/24", "10.0.3.0/24"
BUILT = {"subnets": [{"cidr": ONE, "zone": "a"}, {"cidr": TWO, "zone": "b"}]}


@pytest.mark.parametrize(
    ("blocks", "named", "built", "offered", "expected"),
    [
        ([ONE, TWO], [], None, ["a", "b", "c"], ["a", "b"]),
        ([ONE, TWO], ["c", "a"], None, ["a", "b", "c"], ["c", "a"]),
        ([ONE, TWO], [], BUILT, ["a", "b", "c"], ["a", "b"]),
        # A zone that is not available today, and one that came before the others.
        ([ONE, TWO], [], BUILT, ["b", "c"], ["a", "b"]),
        ([ONE, TWO], [], BUILT, ["0", "a", "b"], ["a", "b"]),
        # A third pair takes a zone that has none yet.
        ([ONE, TWO, THREE], [], BUILT, ["a", "b", "c"], ["a", "b", "c"]),
        ([THREE, ONE, TWO], [], BUILT, ["a", "b", "c"], ["c", "a", "b"]),
        # Too few zones: the preflight says so.
        ([ONE, TWO, THREE], [], None, ["a", "b"], ["a", "b"]),
    ],
)
def test_zones(
    blocks: list[str], named: list[str], built: dict[str, object] | None, offered: list[str], expected: list[str]
) -> None:
    assert subnet_zones(blocks, named, built, offered) == expected


@pytest.mark.parametrize(
    ("region", "ids", "usable", "without"),
    [
        ("us-west-1", {"a": "usw1-az3", "c": "usw1-az1"}, ["us-west-1a", "us-west-1c"], {}),
        ("ap-northeast-1", {"d": "apne1-az2", "a": "apne1-az4", "b": "apne1-az3"}, ["a", "d"], {"b": "apne1-az3"}),
        ("us-west-1", {"b": "usw1-az2"}, [], {"b": "usw1-az2"}),
        ("eu-west-2", {"b": "euw2-az3", "a": "euw2-az2"}, ["a", "b"], {}),
    ],
)
def test_zones_go_by_their_ids(region: str, ids: dict[str, str], usable: list[str], without: dict[str, str]) -> None:
    rows = [{"RegionName": region, "ZoneName": f"{region}{name}", "ZoneId": zone} for name, zone in ids.items()]
    full = {name if name.startswith(region) else f"{region}{name}" for name in usable}
    assert by_fargate(rows) == (sorted(full), {f"{region}{name}": zone for name, zone in without.items()})
