# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connections that the tasks can open, compared with those that the database takes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.ecs_mlflow.workers import fitting_workers

#: Pools of a worker: one for each database (roles/ecs_mlflow/files/mlflow_aws/pool.py), tracking and logins.
POOLS = 2
#: Tasks that run during a deployment, in percent of their usual number (``maximum_percent`` of the service). A lower
#: one would not halve them: it counts tasks that are RUNNING or PENDING (API DeploymentConfiguration), and old ones
#: that still answer their last requests are neither.
DEPLOYING = 200
#: superuser_reserved_connections (3) and rds.rds_superuser_reserved_connections (2), which MLflow's role cannot have
#: (https://aws.amazon.com/premiumsupport/knowledge-center/rds-postgresql-error-connection-slots/).
RESERVED = 5
_MIB = 2**20
#: DBInstanceClassMemory is less than the memory of the class: RDS and the operating system have their part (Amazon RDS
#: user guide, "DB parameter formula variables"), and AWS does not tell how much. Values that people have read from
#: instances (https://gist.github.com/guizmaii/1cacffef793c2ba9645083c3e18b3d8c): 198 of 225 by the bare formula with
#: 2 GiB, 413 of 450 with 4, 856 of 901 with 8, 1660 of 1717 with 15.25; about 80 of 112 with 1 GiB. This is a little
#: less than each of them.
_TAKEN, _TAKEN_SHARE = 256 * _MIB, 0.04
_FORMULA = re.compile(
    r"\{\s*DBInstanceClassMemory\s*(?:\*\s*(?P<times>\d+)\s*)?/\s*(?P<by>[1-9]\d*)\s*(?:\*\s*(?P<after>\d+)\s*)?\}",
    re.IGNORECASE,
)
_FUNCTIONS: dict[str, Callable[[list[int]], int]] = {"LEAST": min, "GREATEST": max, "SUM": sum}


def usable_memory(memory: int) -> int:
    """At least what ``DBInstanceClassMemory`` is, in bytes, in a class of ``memory`` bytes."""
    return int(memory * (1 - _TAKEN_SHARE)) - _TAKEN


def max_connections(text: str, memory: int | None) -> int | None:
    """The number of connections that a value of the DB parameter means; None where it cannot be told.

    >>> max_connections("LEAST({DBInstanceClassMemory/9531392},5000)", 2**30)
    79
    >>> max_connections("200", None)
    200

    :param text: a number, or RDS's formula for one (Amazon RDS user guide, "Specifying DB parameters").
    :param memory: of the class, in bytes; None where it is not known.
    """
    if memory is not None:
        text = _FORMULA.sub(lambda found: str(_worked_out(found, usable_memory(memory))), text)
    text = text.strip()
    if re.fullmatch(r"\d+", text):
        return int(text)
    if call := re.fullmatch(rf"({'|'.join(_FUNCTIONS)})\(([\d\s,]+)\)", text, re.IGNORECASE):
        return _FUNCTIONS[call[1].upper()]([int(number) for number in call[2].split(",") if number.strip()])
    return None


def _worked_out(formula: re.Match[str], memory: int) -> int:
    return memory * int(formula["times"] or 1) // int(formula["by"]) * int(formula["after"] or 1)


def of_a_task(inputs: Mapping[str, Any]) -> int:
    """The connections that one task can hold."""
    workers = fitting_workers(int(inputs["ecs_mlflow_workers"]), int(inputs["ecs_mlflow_memory"]))
    return workers * POOLS * int(inputs["ecs_mlflow_pool_size"])


def account_problems(inputs: Mapping[str, Any], region: Mapping[str, Any]) -> list[str]:
    """More connections than the database takes, while a deployment has doubled the largest number of tasks.

    :param region: with ``connections``, the answer of :func:`connection_facts`; without, nothing is known.
    """
    facts = region.get("connections")
    if not facts:
        return []
    given, text = inputs["stack_db_instance"], str(facts["max_connections"])
    if not given:
        text = str(inputs["rds_parameters"].get("max_connections") or text)
    limit = max_connections(text, facts["memory"])
    if limit is None and not given and inputs["rds_parameters"].get("max_connections"):
        return [
            f"rds_parameters.max_connections: '{text}' cannot be evaluated here for {facts['instance_class']}, so it "
            "is unknown whether the connections of the tasks fit; give a number, or a formula such as "
            "LEAST({DBInstanceClassMemory/9531392},5000)"
        ]
    number = "ecs_mlflow_max_count" if inputs["ecs_mlflow_autoscaling"] else "ecs_mlflow_desired_count"
    tasks, each = int(inputs[number]), of_a_task(inputs)
    wanted = tasks * each * DEPLOYING // 100
    if limit is None or wanted <= limit - RESERVED:
        return []
    usable = max(0, limit - RESERVED)
    fits = usable * 100 // (each * DEPLOYING)
    if _FORMULA.search(text):
        class_of = "give it a class" if given else "take an rds_instance_class"
        larger = f"{class_of} with {_memory_for(wanted)} GiB of memory or more"
    else:
        larger = f"raise max_connections in its parameter group{'' if given else ' (rds_parameters)'}"
    remedies = [
        *([f"set {number} to {fits}"] if fits else []),
        larger,
        "lower ecs_mlflow_workers or ecs_mlflow_pool_size",
    ]
    return [
        f"{number}: {tasks}, and a deployment runs twice as many tasks, which can open {wanted} database "
        f"connections ({each} per task), but {given or 'the database'} ({facts['instance_class']}) has about {usable} "
        f"for them (max_connections {limit}, of which RDS keeps {RESERVED}); {', or '.join(remedies)} (docs/sizing.md)"
    ]


def _memory_for(connections: int) -> int:
    """The memory in GiB, a power of two, with which RDS's default takes so many connections."""
    gib = 1
    while gib < 1024 and (max_connections("{DBInstanceClassMemory/9531392}", gib * 1024 * _MIB) or 0) < (
        connections + RESERVED
    ):
        gib *= 2
    return gib
