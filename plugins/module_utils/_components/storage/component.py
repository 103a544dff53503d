# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The artifact bucket, which the role ``storage`` creates or adopts."""

from __future__ import annotations

from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.component import Component

from . import checks, kinds
from .resources import resources
from .rows import rows

STORAGE = Component(
    name="storage",
    kinds=kinds.KINDS,
    resources=resources,
    rows=rows,
    input_problems=checks.input_problems,
    account_problems=checks.account_problems,
    complete=lambda stack: bool(stack.resources["storage"]),
)
