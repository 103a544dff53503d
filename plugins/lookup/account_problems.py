# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of the roles' variables does not fit the account, the region, or the stack that exists."""

from __future__ import annotations

DOCUMENTATION = r"""
---
name: account_problems
version_added: "1.0.0"
short_description: What of the variables of the roles of this collection does not fit the AWS account
description:
  - Checks the variables of the roles against what M(mlops.mlflow_aws.stack_info) has read of the account, of the
    region, and of the stack that exists. The role C(stack) must have discovered it before, with
    O(mlops.mlflow_aws.stack_info#module:region_facts=true) for all roles but C(alb), C(secrets) and C(stack).
  - No call to AWS is made.
author:
  - The mlops.mlflow_aws authors (@mlops)
options:
  _terms:
    description: Roles of this collection. Without any, all of them.
    type: list
    elements: str
"""

EXAMPLES = r"""
- name: Preflight | Check the network's variables against the region and the network that exists
  ansible.builtin.assert:
    that: __network_problems | length == 0
    fail_msg: "{{ __network_problems | join('\n') }}"
  vars:
    __network_problems: "{{ query('mlops.mlflow_aws.account_problems', 'network') }}"
"""

RETURN = r"""
_raw:
  description: One sentence for each problem, with the variable, its value and the remedy. Empty when there is none.
  type: list
  elements: str
"""

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._preflight import problems
from ansible_collections.mlops.mlflow_aws.plugins.plugin_utils.role_variables import RoleVariables


class LookupModule(LookupBase):  # type: ignore[misc]  # ansible-core is not typed
    """The lookup, as ansible-core calls it."""

    def run(self, terms: list[str], variables: Mapping[str, Any] | None = None, **kwargs: Any) -> list[str]:
        """The problems of the roles in ``terms``, in the order of the roles.

        :raises AnsibleLookupError: nothing of AWS is checked for such a role.
        """
        self.set_options(var_options=variables, direct=kwargs)
        roles = terms or list(problems.ACCOUNT_CHECKS)
        for role in roles:
            if role not in problems.ACCOUNT_CHECKS:
                raise AnsibleLookupError(f"'{role}' is not one of {', '.join(problems.ACCOUNT_CHECKS)}")
        own = RoleVariables(self._templar, variables or {}, problems.INPUT_CHECKS)
        resources, region = own.value("stack_resources"), own.value("stack_region_facts")
        return [problem for role in roles for problem in problems.ACCOUNT_CHECKS[role](own.values, region, resources)]
