# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""MLflow on ECS Fargate, which the role ``ecs_mlflow`` runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.component import Component, Need

from . import checks, connections, kinds
from .resources import resources
from .rows import rows


def _account_problems(inputs: Mapping[str, Any], region: Mapping[str, Any], _found: Mapping[str, Any]) -> list[str]:
    return connections.account_problems(inputs, region)


ECS_MLFLOW = Component(
    name="ecs_mlflow",
    kinds=kinds.KINDS,
    resources=resources,
    rows=rows,
    input_problems=checks.input_problems,
    account_problems=_account_problems,
    complete=lambda stack: bool(stack.resources["ecs_mlflow"]["service_arn"]),
    needs=tuple(Need(name) for name in ("network", "secrets", "rds", "storage", "alb")),
)
