# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The database with its groups, which the role ``rds`` creates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.component import Component, Need
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.fields import Kind
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.stack import Stack

from . import checks, kinds
from .resources import resources
from .rows import rows


def _own_kinds(inputs: Mapping[str, Any]) -> Sequence[Kind]:
    return () if inputs["stack_db_instance"] else kinds.KINDS


def _has_master(stack: Stack) -> bool:
    """The creation needs the master user's password, and no other secret."""
    return bool((stack.resources["secrets"] or {}).get("master"))


RDS = Component(
    name="rds",
    kinds=kinds.KINDS,
    resources=resources,
    rows=rows,
    input_problems=checks.input_problems,
    account_problems=checks.account_problems,
    complete=lambda stack: bool(stack.resources["rds"]),
    needs=(Need("network"), Need("secrets", _has_master)),
    own_kinds=_own_kinds,
)
