# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the variables of the role that asks."""

from __future__ import annotations

DOCUMENTATION = r"""
---
name: input_problems
version_added: "1.0.0"
short_description: What is wrong with the variables of a role of this collection
description:
  - Holds every variable in the C(meta/argument_specs.yml) of the role that uses the lookup against its type, then
    against what AWS and MLflow take. No call to AWS is made.
  - Warns of variables that are named nearly as one of the role, as a typo is.
  - For the roles of this collection only.
author:
  - The mlops.mlflow_aws authors (@mlops)
options:
  _terms:
    description: The role whose variables are checked, which is the role that uses the lookup.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Inputs | Check the network's variables
  ansible.builtin.assert:
    that: __network_problems | length == 0
    fail_msg: "{{ __network_problems | join('\n') }}"
  vars:
    __network_problems: "{{ query('mlops.mlflow_aws.input_problems', 'network') }}"
"""

RETURN = r"""
_raw:
  description: One sentence for each problem, with the variable, its value and the remedy. Empty when there is none.
  type: list
  elements: str
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from ansible.errors import AnsibleLookupError, AnsibleUndefinedVariable
from ansible.plugins.lookup import LookupBase
from ansible_collections.mlops.mlflow_aws.plugins.module_utils.preflight import problems, types, typos


class LookupModule(LookupBase):  # type: ignore[misc]  # ansible-core is not typed
    """The lookup, as ansible-core calls it."""

    def run(self, terms: list[str], variables: Mapping[str, Any] | None = None, **kwargs: Any) -> list[str]:
        """The problems of the roles in ``terms``.

        :raises AnsibleLookupError: it is used outside the role that it is asked about.
        """
        self.set_options(var_options=variables, direct=kwargs)
        known = variables or {}
        found: list[str] = []
        for role in terms:
            if role not in problems.INPUT_CHECKS or Path(str(known.get("role_path", ""))).name != role:
                raise AnsibleLookupError(
                    f"the variables of '{role}' can be checked only by that role of the collection"
                )
            found += self._of_role(role, known)
        return found

    def _of_role(self, role: str, known: Mapping[str, Any]) -> list[str]:
        specs = yaml.safe_load(Path(known["role_path"], "meta", "argument_specs.yml").read_text(encoding="utf-8"))
        options = specs["argument_specs"]["main"]["options"]
        self._warn_of_typos(role, known, options)
        values: dict[str, Any] = {}
        found: list[str] = []
        for variable in options:
            try:
                values[variable] = self._templar.template(known.get(variable))
            except AnsibleUndefinedVariable as error:
                found.append(f"{variable}: '{known[variable]}' cannot be worked out ({error}); set what it refers to")
        if found:
            return found
        typed, found = types.checked(options, values)
        return found or problems.INPUT_CHECKS[role](typed)

    def _warn_of_typos(self, role: str, known: Mapping[str, Any], options: Mapping[str, Any]) -> None:
        own = Path(known["role_path"], "vars", "main.yml")
        names = yaml.safe_load(own.read_text(encoding="utf-8")) if own.exists() else {}
        for sentence in typos.typos(role, known, options, names):
            self._display.warning(sentence)
