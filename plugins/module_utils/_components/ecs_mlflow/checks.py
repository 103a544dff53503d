# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the service's variables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.ecs_mlflow.environment import (
    environment_problems,
)
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.ecs_mlflow.hosts import (
    host_problems,
    origin_problems,
)
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.ecs_mlflow.images import image_problem
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.fields import (
    Range,
    problems_of_ranges,
    range_problems,
)
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.fargate import check_size
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.inputs import InvalidInput
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._preflight.urls import url_problems

from .kinds import KINDS
from .workers import PARENT_MB, WORKER_MB, fitting_workers, largest_workers

#: Of variables that are no field of their own: API ContainerDefinition (stopTimeout on Fargate), and percent.
_RANGES = {
    "ecs_mlflow_stop_timeout": Range(2, 120, "seconds"),
    "ecs_mlflow_autoscaling_cpu": Range(1, 100, "percent"),
    "ecs_mlflow_autoscaling_memory": Range(0, 100, "percent"),
}

#: Databases that PostgreSQL or RDS makes for itself.
_TAKEN_DATABASES = ("postgres", "template0", "template1", "rdsadmin")


_POLICY = re.compile(r"arn:aws[a-z-]*:iam::(?:[0-9]{12}|aws):policy/[\w+=,.@/-]+")


def _release(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _memory_problems(inputs: Mapping[str, Any]) -> list[str]:
    """A target of memory that every task reaches by itself, or from which no task would be removed again.

    Memory does not fall when tasks are added. Target tracking removes tasks only while the metric is below nine tenths
    of the target, and only if all policies agree (Application Auto Scaling user guide, "How target tracking scaling
    works"; aws/copilot-cli#4298), so what a task holds after load must be below that.
    """
    target, memory = int(inputs["ecs_mlflow_autoscaling_memory"]), int(inputs["ecs_mlflow_memory"])
    workers = fitting_workers(int(inputs["ecs_mlflow_workers"]), memory)
    if not inputs["ecs_mlflow_autoscaling"] or target <= 0 or memory <= 0 or workers < 1:
        return []
    held = 100 * (PARENT_MB + workers * WORKER_MB) / memory
    if held < 0.9 * target:
        return []
    least = int(held / 0.9) + 1
    remedy = f"set it to {least} or more, to 0 to" if least <= 100 else "set it to 0 to"
    return [
        f"ecs_mlflow_autoscaling_memory: {target} percent, but a task with {workers} workers holds {held:.0f} percent "
        f"of ecs_mlflow_memory ({memory} MiB) also without load, so that tasks would be added up to "
        f"ecs_mlflow_max_count and never removed; {remedy} scale with CPU alone, or raise ecs_mlflow_memory"
    ]


def input_problems(inputs: Mapping[str, Any]) -> list[str]:
    """Problems of ``ecs_mlflow_*`` variables that need no call to AWS."""
    found = []
    version = inputs["ecs_mlflow_version"]
    if not re.fullmatch(r"[0-9]+\.[0-9]+\.[0-9]+", version):
        found.append(f"ecs_mlflow_version: '{version}' is not a release of MLflow; use one such as 3.17.2")
    elif _release(version) < (2, 18, 0):
        found.append(f"ecs_mlflow_version: {version} is too old to be run safely; use 3.17.2, or at least 2.18.0")
    if problem := image_problem("ecs_mlflow_image", inputs["ecs_mlflow_image"]):
        found.append(problem)
    found += url_problems("ecs_mlflow_index_url", inputs["ecs_mlflow_index_url"], "https://pypi.example.org/simple")
    found += host_problems("ecs_mlflow_allowed_hosts", inputs["ecs_mlflow_allowed_hosts"])
    found += origin_problems("ecs_mlflow_cors_origins", inputs["ecs_mlflow_cors_origins"])
    found += environment_problems("ecs_mlflow_environment", inputs["ecs_mlflow_environment"])
    cpu, memory = int(inputs["ecs_mlflow_cpu"]), int(inputs["ecs_mlflow_memory"])
    try:
        check_size(cpu, memory)
    except InvalidInput as problem:
        found.append(f"ecs_mlflow_cpu {cpu} and ecs_mlflow_memory {memory}: {problem}")
    least, most, count = (int(inputs[f"ecs_mlflow_{key}"]) for key in ("min_count", "max_count", "desired_count"))
    if count < 1:
        found.append(f"ecs_mlflow_desired_count: {count}; a service needs at least 1 task, use 1 or more")
    if inputs["ecs_mlflow_autoscaling"]:
        if least < 1 or least > most:
            found.append(
                f"ecs_mlflow_min_count and ecs_mlflow_max_count: {least} to {most} is not a range; "
                "set 1 <= ecs_mlflow_min_count <= ecs_mlflow_max_count"
            )
        elif count >= 1 and not least <= count <= most:
            found.append(
                f"ecs_mlflow_desired_count: {count} is not between ecs_mlflow_min_count ({least}) and "
                f"ecs_mlflow_max_count ({most}); autoscaling would undo it, so choose a number between"
            )
    workers = int(inputs["ecs_mlflow_workers"])
    fits = largest_workers(memory)
    if workers < 0:
        found.append(f"ecs_mlflow_workers: {workers}; use 1 or more workers, or 0 for as many as fit")
    if workers > fits:
        found.append(
            f"ecs_mlflow_workers: {workers} workers do not fit into ecs_mlflow_memory ({memory} MiB), "
            f"{fits} do; lower ecs_mlflow_workers (0 chooses the number) or raise ecs_mlflow_memory"
        )
    size = int(inputs["ecs_mlflow_pool_size"])
    if not 2 <= size <= 100:
        found.append(
            f"ecs_mlflow_pool_size: {size}; a worker needs 2 to 100 connections to each database, choose a number "
            "between"
        )
    found += range_problems(KINDS, inputs) + problems_of_ranges(_RANGES, inputs)
    found += _memory_problems(inputs)
    boundary = inputs["ecs_mlflow_permissions_boundary"]
    if boundary and not _POLICY.fullmatch(boundary):
        found.append(
            f"ecs_mlflow_permissions_boundary: '{boundary}' is not the ARN of a managed policy; use one such as "
            "arn:aws:iam::123456789012:policy/mlflow-boundary, or leave it empty"
        )
    keep = int(inputs["ecs_mlflow_keep_revisions"])
    if keep < 2:
        found.append(f"ecs_mlflow_keep_revisions: {keep} leaves no revision to go back to; keep at least 2, such as 5")
    for variable in ("ecs_mlflow_migration_timeout", "ecs_mlflow_rollout_timeout", "ecs_mlflow_database_timeout"):
        if int(inputs[variable]) < 1:
            found.append(f"{variable}: {inputs[variable]} is not a number of seconds; use 1 or more")
    for variable in ("ecs_mlflow_tracking_database", "ecs_mlflow_auth_database"):
        name = inputs[variable]
        if not re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", name) or name in _TAKEN_DATABASES:
            found.append(
                f"{variable}: '{name}' cannot be a database of MLflow; use lower-case letters, digits and underscores, "
                "at most 63, and no name that PostgreSQL or RDS uses itself"
            )
    if inputs["ecs_mlflow_tracking_database"] == inputs["ecs_mlflow_auth_database"]:
        found.append(
            f"ecs_mlflow_auth_database: '{inputs['ecs_mlflow_auth_database']}' is ecs_mlflow_tracking_database "
            "too; MLflow 2 fails on a shared database, so give each its own"
        )
    return found
