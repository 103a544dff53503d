# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings that work, and that are insecure or unwise: pure functions, one sentence a warning, with the remedy."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.grants import WORKSPACE

#: First release of MLflow without a shipped admin password (CVE-2026-2635).
_SAFE = (3, 16, 1)


#: Amazon VPC user guide, "VPC CIDR blocks": private blocks are recommended, and services of AWS use 172.17.0.0/16
#: themselves (AWS Cloud9, Amazon SageMaker; Docker's own bridge).
_DOCKER = ipaddress.IPv4Network("172.17.0.0/16")
_PRIVATE = tuple(
    ipaddress.IPv4Network(block) for block in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
)


def network_warnings(inputs: Mapping[str, Any]) -> list[str]:
    """Plain HTTP that is open to the world, and address blocks that AWS advises against."""
    return _open(inputs) + ([] if inputs["stack_vpc_id"] else _unadvised(inputs["network_cidr"]))


def _unadvised(text: str) -> list[str]:
    try:
        block = ipaddress.IPv4Network(text)
    except ValueError:
        return []
    if block.overlaps(_DOCKER):
        return [
            f"network_cidr {block} overlaps 172.17.0.0/16, which Docker and some services of AWS use themselves, so "
            "that they may not reach MLflow; use another private block, such as 10.0.0.0/16, while nothing is deployed"
        ]
    if not any(block.subnet_of(private) for private in _PRIVATE):
        return [
            f"network_cidr {block} is not private, so that whoever owns these addresses on the internet cannot be "
            "reached from the VPC; use a private block, such as 10.0.0.0/16, while nothing is deployed"
        ]
    return []


def _open(inputs: Mapping[str, Any]) -> list[str]:
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
        f"MLflow {version} is end-of-life; the server of this collection closes what is known of it "
        "(CVE-2026-2635, CVE-2025-11200, CVE-2025-1473, CVE-2025-14279, CVE-2025-11201, docs/mlflow-in-the-task.md), "
        "but nobody closes what is found from now on; set ecs_mlflow_version to 3.17.2 as soon as your clients allow it"
    ]


def mlflow_access_warnings(inputs: Mapping[str, Any]) -> list[str]:
    """Roles that show their members everything (measured: docs/access.md)."""
    return [
        f"mlflow_access_roles[{position}] ({role.get('name')}) permits {item.get('permission')} on workspace, so that "
        "its members are shown all experiments, runs and models; permit what they work on instead"
        for position, role in enumerate(inputs["mlflow_access_roles"])
        for item in role.get("permissions") or []
        if role.get("state", "present") != "absent" and item.get("resource_type") == WORKSPACE
    ]


def stack_warnings(inputs: Mapping[str, Any]) -> list[str]:
    """What is for one run, and would take a guard away for good in an inventory."""
    adopted = inputs["stack_adopt"]
    if not adopted:
        return []
    return [
        f"stack_adopt: {', '.join(map(str, adopted))} becomes the stack's in this run, whoever tagged it; a destroy "
        "removes what is the stack's; this is needed for one run, so take it out of the inventory"
    ]


WARNINGS: dict[str, Callable[[Mapping[str, Any]], list[str]]] = {
    "stack": stack_warnings,
    "network": network_warnings,
    "ecs_mlflow": ecs_mlflow_warnings,
    "mlflow_access": mlflow_access_warnings,
}
