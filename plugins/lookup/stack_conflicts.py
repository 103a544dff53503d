# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What two stacks of one run would both own."""

from __future__ import annotations

DOCUMENTATION = r"""
---
name: stack_conflicts
version_added: "1.0.0"
short_description: What two stacks of one inventory would both own
description:
  - Compares the variables of hosts, each of which is a stack, and finds the names, artifacts and files that two of them
    would both own. No call to AWS is made.
author:
  - The mlops.mlflow_aws authors (@mlops)
options:
  _terms:
    description: Hosts of the inventory.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Check that no two stacks of this run own the same
  ansible.builtin.assert:
    that: query('mlops.mlflow_aws.stack_conflicts', *ansible_play_hosts_all) | length == 0
"""

RETURN = r"""
_raw:
  description: One sentence for each conflict, with the variable, its value and the remedy.
  type: list
  elements: str
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from ansible.errors import AnsibleUndefinedVariable
from ansible.plugins.lookup import LookupBase
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._preflight.conflicts import VARIABLES, conflicts


class LookupModule(LookupBase):  # type: ignore[misc]  # ansible-core is not typed
    """The lookup, as ansible-core calls it."""

    def run(self, terms: list[str], variables: Mapping[str, Any] | None = None, **kwargs: Any) -> list[str]:
        """The conflicts between the stacks of the hosts in ``terms``."""
        self.set_options(var_options=variables, direct=kwargs)
        if len(terms) < 2:
            return []
        every = (variables or {})["hostvars"]
        return conflicts({host: _place(every[host]) for host in terms})


def _place(own: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(VARIABLES)
    for name in VARIABLES:
        # What cannot be worked out is told by the checks of the variables themselves.
        with suppress(AnsibleUndefinedVariable):
            found[name] = own.get(name, VARIABLES[name])
    return found
