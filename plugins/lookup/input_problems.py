# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the variables of roles of the collection."""

from __future__ import annotations

DOCUMENTATION = r"""
---
name: input_problems
version_added: "1.0.0"
short_description: What is wrong with the variables of the roles of this collection
description:
  - Checks every variable in the C(meta/argument_specs.yml) of the roles against its type, then against what AWS and
    MLflow take. No call to AWS is made.
  - A variable that the play does not have counts with the role's default.
  - With the role C(stack), also refuses variables whose names are nearly those of the roles' variables, as after a
    typo.
author:
  - The mlops.mlflow_aws authors (@mlops)
options:
  _terms:
    description: Roles of this collection. Without any, all of them.
    type: list
    elements: str
"""

EXAMPLES = r"""
- name: Inputs | Check the network's variables
  ansible.builtin.assert:
    that: __network_problems | length == 0
    fail_msg: "{{ __network_problems | join('\n') }}"
  vars:
    __network_problems: "{{ query('mlops.mlflow_aws.input_problems', 'stack', 'network') }}"
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
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._preflight import mlflow_access, problems, typos
from ansible_collections.mlops.mlflow_aws.plugins.plugin_utils import role_variables


class LookupModule(LookupBase):  # type: ignore[misc]  # ansible-core is not typed
    """The lookup, as ansible-core calls it."""

    def run(self, terms: list[str], variables: Mapping[str, Any] | None = None, **kwargs: Any) -> list[str]:
        """The problems of the roles in ``terms``, in the order of the roles.

        :raises AnsibleLookupError: the collection has no such role.
        """
        self.set_options(var_options=variables, direct=kwargs)
        known = variables or {}
        roles = terms or list(problems.INPUT_CHECKS)
        for role in roles:
            if role not in problems.INPUT_CHECKS:
                raise AnsibleLookupError(f"'{role}' is not one of {', '.join(problems.INPUT_CHECKS)}")
        own = role_variables.RoleVariables(self._templar, known, problems.INPUT_CHECKS)
        found = self._typos(known, own) if "stack" in roles else []
        for role in roles:
            found += own.problems[role] + own.without_consequences(problems.INPUT_CHECKS[role](own.values))
        if "mlflow_access" in roles:
            # What a person asks of a rotation is no variable of the role's, and is refused before the first part.
            asked = own.value("mlflow_access_rotate") or own.value("rotate_users") or []
            found += mlflow_access.rotation_problems([asked] if isinstance(asked, str) else asked, own.values)
        return found

    def _typos(self, known: Mapping[str, Any], own: role_variables.RoleVariables) -> list[str]:
        """Of all roles, whichever is asked about: a slip in the name says not which role it is of."""
        return typos.typos(
            known,
            role_variables.names_of(problems.INPUT_CHECKS, role_variables.options),
            role_variables.names_of(problems.INPUT_CHECKS, role_variables.own_names),
            own.values["stack_ignore_variables"],
        )
