# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the variables of a component: pure functions, one sentence a problem.

A problem names the variable, its value and the remedy. ``INPUT_CHECKS`` need nothing but the
variables, all those of the role, in the types of its ``argument_specs.yml``. ``REGION_CHECKS`` also need what
``stack_info`` found out about the region (zones, PostgreSQL versions, the bucket). ``CHANGE_CHECKS`` need the
resources that it found: what AWS cannot change on a stack that exists.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils.preflight import (
    alb,
    ecs_mlflow,
    mlflow_access,
    network,
    rds,
    secrets,
    stack,
    storage,
    verify,
)

Inputs = Mapping[str, Any]

INPUT_CHECKS: dict[str, Callable[[Inputs], list[str]]] = {
    "alb": alb.input_problems,
    "ecs_mlflow": ecs_mlflow.input_problems,
    "mlflow_access": mlflow_access.input_problems,
    "network": network.input_problems,
    "rds": rds.input_problems,
    "secrets": secrets.input_problems,
    "stack": stack.input_problems,
    "storage": storage.input_problems,
    "verify": verify.input_problems,
}

REGION_CHECKS: dict[str, Callable[[Inputs, Mapping[str, Any]], list[str]]] = {
    "network": network.region_problems,
    "rds": rds.region_problems,
    "stack": stack.region_problems,
    "storage": storage.region_problems,
}

CHANGE_CHECKS: dict[str, Callable[[Inputs, Mapping[str, Any]], list[str]]] = {
    "alb": alb.change_problems,
    "network": network.change_problems,
    "rds": rds.change_problems,
    "secrets": secrets.change_problems,
    "storage": storage.change_problems,
}
