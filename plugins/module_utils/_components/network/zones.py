# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which zone each pair of subnets stands in: pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def subnet_zones(
    blocks: Sequence[str], named: Sequence[str], built: Mapping[str, Any] | None, offered: Sequence[str]
) -> list[str]:
    """A zone for each of ``blocks``.

    A subnet cannot move: one that exists keeps its zone, also when the region does not offer that zone today.

    :param blocks: the public blocks, one for each zone.
    :param named: the zones that the inventory names, or none.
    :param built: the network as discovery found it.
    :param offered: the zones that the region offers.
    """
    if named:
        return list(named)
    zones = {row["cidr"]: row["zone"] for row in (built or {}).get("subnets", [])}
    kept = {zones[block] for block in blocks if block in zones}
    free = iter([zone for zone in offered if zone not in kept])
    found = [zones.get(block) or next(free, "") for block in blocks]
    return [zone for zone in found if zone]
