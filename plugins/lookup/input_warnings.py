# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run with these variables does, and perhaps should not."""

from __future__ import annotations

DOCUMENTATION = r"""
---
name: input_warnings
version_added: "1.0.0"
short_description: Doubtful settings among the variables of the roles of this collection
description:
  - Settings that work, and that are insecure, such as plain HTTP that is open to the world. No call to AWS is made.
  - With the role C(stack), also variables that begin as those of a role do, look like one of them, and have no effect.
  - A variable that the play does not have counts with the role's default.
author:
  - The mlops.mlflow_aws authors (@mlops)
options:
  _terms:
    description: Roles of this collection. Without any, all of them.
    type: list
    elements: str
"""

EXAMPLES = r"""
- name: Show what is insecure, and what has no effect
  ansible.builtin.debug:
    msg: "{{ query('mlops.mlflow_aws.input_warnings') }}"
"""

RETURN = r"""
_raw:
  description: One sentence for each warning, with the variable, its value and the remedy. Empty when there is none.
  type: list
  elements: str
"""

from collections.abc import Mapping
from typing import Any

from ansible.plugins.lookup import LookupBase
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._preflight import problems, typos
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._preflight.warnings import WARNINGS
from ansible_collections.mlops.mlflow_aws.plugins.plugin_utils import role_variables


class LookupModule(LookupBase):  # type: ignore[misc]  # ansible-core is not typed
    """The lookup, as ansible-core calls it."""

    def run(self, terms: list[str], variables: Mapping[str, Any] | None = None, **kwargs: Any) -> list[str]:
        """The warnings of the roles in ``terms``; a role without any has none."""
        self.set_options(var_options=variables, direct=kwargs)
        known = variables or {}
        own = role_variables.RoleVariables(self._templar, known, problems.INPUT_CHECKS)
        found = [text for role, check in WARNINGS.items() if role in (terms or WARNINGS) for text in check(own.values)]
        if "stack" in (terms or ("stack",)):
            found += typos.resembling(
                known,
                role_variables.names_of(problems.INPUT_CHECKS, role_variables.options),
                role_variables.names_of(problems.INPUT_CHECKS, role_variables.own_names),
                own.values["stack_ignore_variables"],
            )
        return [f"WARNING: {text}" for text in found]
