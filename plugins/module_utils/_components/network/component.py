# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The network, which the role ``network`` creates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.component import Component
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.fields import Kind
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.stack import Stack

from . import checks, kinds
from .resources import resources
from .rows import rows


def _own_kinds(inputs: Mapping[str, Any]) -> Sequence[Kind]:
    """In a VPC that somebody else created, only the security groups are the stack's."""
    return (kinds.SECURITY_GROUP,) if inputs["stack_vpc_id"] else kinds.KINDS


def _complete(stack: Stack) -> bool:
    network = stack.resources["network"] or {"private_subnet_ids": []}
    return len(network["private_subnet_ids"]) > 1 and all(
        network["security_group_ids"][use] for use in network["groups_to_make"]
    )


NETWORK = Component(
    name="network",
    kinds=kinds.KINDS,
    resources=resources,
    rows=rows,
    input_problems=checks.input_problems,
    account_problems=checks.account_problems,
    complete=_complete,
    own_kinds=_own_kinds,
)
