# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The secrets, which the role ``secrets`` creates, and those of MLflow's users, which ``mlflow_access`` does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.component import Component
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.fields import Kind
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.stack import Stack

from . import checks, kinds
from .resources import resources
from .rows import rows


def _own_kinds(_inputs: Mapping[str, Any]) -> Sequence[Kind]:
    return (kinds.SECRET,)


def _account_problems(inputs: Mapping[str, Any], _region: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    return checks.change_problems(inputs, found)


def _complete(stack: Stack) -> bool:
    secrets: Mapping[str, Any] = stack.resources["secrets"] or {"": None}
    return all(secrets.values())


SECRETS = Component(
    name="secrets",
    kinds=kinds.KINDS,
    resources=resources,
    rows=rows,
    input_problems=checks.input_problems,
    account_problems=_account_problems,
    complete=_complete,
    own_kinds=_own_kinds,
)
