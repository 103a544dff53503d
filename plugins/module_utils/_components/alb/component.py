# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The load balancer with its listener and its target group, which the role ``alb`` creates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.component import Component, Need
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.fields import Kind
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.stack import Stack

from . import checks, kinds, reads


def _own_kinds(inputs: Mapping[str, Any]) -> Sequence[Kind]:
    return () if inputs["stack_target_group_arn"] else kinds.KINDS


def _complete(stack: Stack) -> bool:
    alb: Mapping[str, Any] = stack.resources["alb"] or {}
    return bool(alb.get("target_group_arn") and alb.get("load_balancer_arn"))


ALB = Component(
    name="alb",
    kinds=kinds.KINDS,
    resources=reads.resources,
    rows=reads.rows,
    input_problems=checks.input_problems,
    account_problems=checks.account_problems,
    complete=_complete,
    needs=(Need("network"),),
    own_kinds=_own_kinds,
)
