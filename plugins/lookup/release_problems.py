# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the package index has the release of MLflow that an inventory names."""

from __future__ import annotations

DOCUMENTATION = r"""
---
name: release_problems
version_added: "1.0.0"
short_description: Whether the package index has the release of MLflow
description:
  - Asks the package index of O(mlops.mlflow_aws.ecs_mlflow#role:main:ecs_mlflow_index_url), or PyPI, whether it has
    O(mlops.mlflow_aws.ecs_mlflow#role:main:ecs_mlflow_version). An index that does not answer is no problem,
    for it may be one that only the tasks reach.
  - Nobody is asked about releases whose requirements come with the collection, nor where the image has MLflow.
author:
  - The mlops.mlflow_aws authors (@mlops)
"""

EXAMPLES = r"""
- name: Preflight | Check the release of MLflow
  ansible.builtin.assert:
    that: __ecs_mlflow_problems | length == 0
    fail_msg: "{{ __ecs_mlflow_problems | join('\n') }}"
  vars:
    __ecs_mlflow_problems: "{{ query('mlops.mlflow_aws.release_problems') }}"
"""

RETURN = r"""
_raw:
  description: One sentence where the index lacks the release, with the remedy. Empty when there is none.
  type: list
  elements: str
"""

from collections.abc import Mapping
from typing import Any

from ansible.plugins.lookup import LookupBase
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._preflight import problems
from ansible_collections.mlops.mlflow_aws.plugins.plugin_utils.package_index import release_problem
from ansible_collections.mlops.mlflow_aws.plugins.plugin_utils.role_variables import RoleVariables, pinned_releases


class LookupModule(LookupBase):  # type: ignore[misc]  # ansible-core is not typed
    """The lookup, as ansible-core calls it."""

    def run(self, terms: list[str], variables: Mapping[str, Any] | None = None, **kwargs: Any) -> list[str]:
        """A sentence where the index answers and lacks the release."""
        self.set_options(var_options=variables, direct=kwargs)
        own = RoleVariables(self._templar, variables or {}, problems.INPUT_CHECKS).values
        version = own["ecs_mlflow_version"]
        if own["ecs_mlflow_image_has_mlflow"] or version in pinned_releases():
            return []
        problem = release_problem(version, own["ecs_mlflow_index_url"])
        return [problem] if problem else []
