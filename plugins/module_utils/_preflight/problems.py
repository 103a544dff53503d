# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the variables of a role: pure functions, one sentence a problem.

A problem names the variable, its value and the remedy. All checks take the variables of all roles, in the types of
their ``argument_specs.yml``. ``INPUT_CHECKS`` need nothing else. ``ACCOUNT_CHECKS`` also need what ``stack_info`` has
read of the account and its region (zones, PostgreSQL versions, the bucket), and the resources of the stack: what AWS
cannot change on a stack that exists. The roles stand in the order of site.yml.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.registry import COMPONENTS
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._preflight import mlflow_access, stack, verify

Inputs = Mapping[str, Any]

INPUT_CHECKS: dict[str, Callable[[Inputs], list[str]]] = {
    "stack": stack.input_problems,
    **{name: component.input_problems for name, component in COMPONENTS.items()},
    "mlflow_access": mlflow_access.input_problems,
    "verify": verify.input_problems,
}

ACCOUNT_CHECKS: dict[str, Callable[[Inputs, Mapping[str, Any], Mapping[str, Any]], list[str]]] = {
    "stack": lambda inputs, region, _resources: stack.region_problems(inputs, region),
    **{name: component.account_problems for name, component in COMPONENTS.items()},
}
