# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a first run would make, by name: a pure function of what discovery found.

Check mode says it where a module could not: the modules need the ids of what is not there yet, and some have no
check mode at all. Where a component is there, the modules themselves say what they would change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

#: What must be there before a component can be looked at in check mode.
NEEDS: dict[str, tuple[str, ...]] = {
    "network": (),
    "storage": (),
    "rds": ("network", "secrets"),
    "alb": ("network",),
    "ecs_mlflow": ("network", "secrets", "rds", "storage", "alb"),
    "mlflow_access": ("secrets", "alb", "ecs_mlflow"),
    "verify": ("secrets", "alb", "ecs_mlflow"),
}


def missing(
    resources: Mapping[str, Any], names: Mapping[str, str], *, cidrs: Sequence[str] = (), bucket: str = ""
) -> dict[str, list[str]]:
    """The parts that are not there, by component; empty where the modules can be asked.

    :param resources: the resources that discovery found.
    :param names: the stack's names.
    :param cidrs: blocks of the subnets that are wanted.
    :param bucket: name of the artifact bucket.
    """
    parts = _parts(resources, names, cidrs, bucket)
    # A new zone is missing in the network, and still all others can be looked at.
    usable = {component: not missed for component, missed in parts.items()}
    private = (resources["network"] or {}).get("private_subnet_ids", [])
    usable["network"] = len(private) >= 2 and not _parts(resources, names, (), bucket)["network"]
    found = {}
    for component, needs in NEEDS.items():
        lacking = [need for need in needs if not usable[need]]
        found[component] = parts[component] or ([f"what needs {', '.join(lacking)}"] if lacking else [])
    return found


def _parts(
    resources: Mapping[str, Any], names: Mapping[str, str], cidrs: Sequence[str], bucket: str
) -> dict[str, list[str]]:
    secrets, ecs, alb = resources["secrets"] or {}, resources["ecs"], resources["alb"] or {}
    return {
        "network": _network(resources["network"], names, cidrs),
        # The comparison names them: here they are what others need.
        "secrets": [use for use in ("master", "database", "admin", "flask", "gateway") if not secrets.get(use)],
        "storage": [] if resources["storage"] else [f"bucket {bucket}"],
        "rds": [] if resources["rds"] else [f"DB instance {names['database']} and its groups"],
        "alb": [
            f"{what} {names[name]}"
            for what, name, key in (
                ("target group", "target_group", "target_group_arn"),
                ("load balancer", "load_balancer", "load_balancer_arn"),
            )
            if not alb.get(key)
        ],
        "ecs_mlflow": [
            f"{what} {names[name]}"
            for what, name, key in (
                ("IAM role", "execution_role", "execution_role_arn"),
                ("IAM role", "migration_execution_role", "migration_execution_role_arn"),
                ("IAM role", "task_role", "task_role_arn"),
                ("cluster", "cluster", "cluster_arn"),
                ("service", "service", "service_arn"),
            )
            if not ecs.get(key)
        ],
        "mlflow_access": [] if ecs.get("service_arn") else ["the admin's login and mlflow.env"],
        "verify": [],
    }


def _network(network: Mapping[str, Any] | None, names: Mapping[str, str], cidrs: Sequence[str]) -> list[str]:
    groups = {names[f"security_group_{use}"]: use for use in ("alb", "ecs", "rds")}
    if network is None:
        return [
            f"VPC {names['stack']} with its gateways, routes and S3 endpoint",
            *(f"subnet {cidr}" for cidr in cidrs),
            *(f"security group {name}" for name in groups),
        ]
    there = [row["cidr"] for row in network["subnets"]]
    return [
        *([] if network["internet_gateway_id"] or not network["mine"] else ["internet gateway"]),
        *(f"subnet {cidr}" for cidr in cidrs if cidr not in there),
        *(
            f"security group {name}"
            for name, use in groups.items()
            if use in network["groups_to_make"] and not network["security_group_ids"][use]
        ),
    ]
