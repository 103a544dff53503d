# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run does, and perhaps should not: pure functions, one sentence a warning, with the remedy."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from typing import Any

#: First release of MLflow without a shipped admin password (CVE-2026-2635).
_SAFE = (3, 16, 1)


def network_warnings(inputs: Mapping[str, Any]) -> list[str]:
    """Plain HTTP that is open to the world."""
    if inputs["stack_target_group_arn"] or inputs["stack_security_group_ids"].get("alb"):
        return []
    if inputs["alb_scheme"] != "internet-facing" or not open_to_all(inputs["network_ingress_cidrs"]):
        return []
    return [
        f"MLflow is open to the whole internet over plain HTTP (network_ingress_cidrs: "
        f"{', '.join(inputs['network_ingress_cidrs'])}), so that logins and data cross it unencrypted; restrict "
        "network_ingress_cidrs to networks that you trust, or put a load balancer of your own with HTTPS in front of "
        "it (stack_target_group_arn, docs/your-own.md) until this collection has HTTPS"
    ]


def open_to_all(blocks: list[str]) -> bool:
    """Whether the blocks together are the whole IPv4 internet. Blocks that are none are left to the checks."""
    networks = []
    for text in blocks:
        try:
            networks.append(ipaddress.IPv4Network(text))
        except ValueError:
            continue
    return any(block.prefixlen == 0 for block in ipaddress.collapse_addresses(networks))


def ecs_mlflow_warnings(inputs: Mapping[str, Any]) -> list[str]:
    """A release with known vulnerabilities."""
    version = inputs["ecs_mlflow_version"]
    parts = version.split(".")
    if not all(part.isdigit() for part in parts) or tuple(map(int, parts)) >= _SAFE:
        return []
    return [
        f"MLflow {version} has known vulnerabilities that 3.16.1 fixes (CVE-2026-2635, CVE-2025-11200, CVE-2025-1473, "
        "CVE-2025-14279, CVE-2025-11201), and shows other people's runs to everybody who has a login; set "
        "ecs_mlflow_version to 3.17.2 as soon as your clients allow it"
    ]


WARNINGS: dict[str, Callable[[Mapping[str, Any]], list[str]]] = {
    "network": network_warnings,
    "ecs_mlflow": ecs_mlflow_warnings,
}
