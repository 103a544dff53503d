# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares on the controller, so that it costs no process: see the documentation of the module of this name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.component import Component
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.registry import COMPONENTS, prerequisites
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.stack import Stack
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._preflight import problems
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.comparison import (
    Change,
    Comparison,
    UnknownFieldError,
    compare,
)
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.names import stack_names
from ansible_collections.mlops.mlflow_aws.plugins.plugin_utils import task_code
from ansible_collections.mlops.mlflow_aws.plugins.plugin_utils.role_variables import RoleVariables


class ActionModule(ActionBase):
    """The comparison of one component."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Compare, and return the changes that a run makes.

        :raises AnsibleActionFail: the inventory asks for what cannot be, or another component has to exist before.
        """
        super().run(tmp, task_vars)
        _validated, options = self.validate_argument_spec(
            {
                "component": {"type": "str", "required": True, "choices": list(COMPONENTS)},
                "stack": {"type": "dict", "required": True},
            }
        )
        component, found = COMPONENTS[options["component"]], options["stack"]
        inputs = RoleVariables(self._templar, task_vars or {}, problems.INPUT_CHECKS).values
        stack = Stack(
            inputs=inputs,
            names=stack_names(inputs["stack_name"], inputs["stack_region"]),
            resources=found["resources"],
            region=found["region"],
            current=found["current"],
            code=task_code.texts,
        )
        try:
            compared = _compare(component, stack)
        except (UnknownFieldError, ValueError) as error:
            raise AnsibleActionFail(f"{component.name}: {error}") from error
        lacking = prerequisites(component, stack)
        if lacking and not self._task.check_mode:
            raise AnsibleActionFail(lacking)
        return {
            # A real run reports what its modules change.
            "changed": bool(compared.changes) and self._task.check_mode,
            "component": component.name,
            "changes": [change.as_dict() for change in compared.changes],
            "words": [change.says() for change in compared.changes],
            "surplus": [change.as_dict() for change in compared.surplus],
            "surplus_words": [change.says() for change in compared.surplus],
            "kept": compared.kept,
            "options": component.options(stack, compared.tags),
            "missing": [change.says() for change in compared.changes if change.action == "create"]
            + ([lacking] if lacking else []),
            "untag": list(compared.untag),
            "diff": [_diff(change) for change in compared.changes],
        }


def _compare(component: Component, stack: Stack) -> Comparison:
    return compare(
        component.desired(stack),
        stack.current[component.name],
        exclusive=component.exclusive(),
        ignore_tags=stack.inputs["stack_ignore_tags"],
        stack=stack.names.stack,
    )


def _diff(change: Change) -> Mapping[str, Any]:
    header = f"{change.kind} {change.name}"
    return {
        "before_header": header,
        "after_header": f"{header} ({change.action})",
        "before": dict(change.before) if change.action != "create" else "",
        "after": dict(change.after) if change.action != "remove" else "",
    }
