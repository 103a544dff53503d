# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares on the controller, so that it costs no process: see the documentation of the module of this name."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.mlops.mlflow_aws.plugins.module_utils.plan import Change, UnknownFieldError, compare


class ActionModule(ActionBase):
    """The comparison of one component."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Compare, and return the changes that a run makes."""
        super().run(tmp, task_vars)
        _validated, options = self.validate_argument_spec(
            {
                "component": {"type": "str", "required": True},
                "wanted": {"type": "dict", "required": True},
                "current": {"type": "dict", "required": True},
                "exclusive": {"type": "list", "elements": "str", "default": []},
                "ignore_tags": {"type": "list", "elements": "str", "default": []},
                "stack": {"type": "str", "default": ""},
            }
        )
        try:
            found = compare(**{key: value for key, value in options.items() if key != "component"})
        except UnknownFieldError as error:
            raise AnsibleActionFail(f"{options['component']}: {error}. This is a defect of the collection.") from error
        return {
            # A real run reports what its modules change.
            "changed": bool(found.changes) and self._task.check_mode,
            "component": options["component"],
            "changes": [change.as_dict() for change in found.changes],
            "words": [change.says() for change in found.changes],
            "surplus": [change.as_dict() for change in found.surplus],
            "surplus_words": [change.says() for change in found.surplus],
            "kept": found.kept,
            "tags": found.tags,
            "untag": list(found.untag),
            "diff": [_diff(change) for change in found.changes],
        }


def _diff(change: Change) -> dict[str, Any]:
    header = f"{change.kind} {change.name}"
    return {
        "before_header": header,
        "after_header": f"{header} ({change.action})",
        "before": dict(change.before) if change.action != "create" else "",
        "after": dict(change.after) if change.action != "remove" else "",
    }
