# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which roles a call hands to a service: its caller must be allowed iam:PassRole on each.

Source: IAM User Guide, "Grant a user permissions to pass a role to an AWS service"; Service Authorization
Reference, "Actions, resources, and condition keys for Amazon ECS".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moto.ecs.models import ecs_backends

_TASKS = "ecs-tasks.amazonaws.com"
_SERVICES = "ecs.amazonaws.com"
_ROLES = ("executionRoleArn", "taskRoleArn")


def passed_roles(
    service: str, action: str, parameters: Mapping[str, Any], region: str, account: str
) -> tuple[tuple[str, str], ...]:
    """The ARN of each role that the call passes, with the service that it is passed to."""
    if service != "ecs":
        return ()
    found: list[tuple[Any, str]] = []
    if action == "RegisterTaskDefinition":
        found = [(parameters.get(name), _TASKS) for name in _ROLES]
    elif action in ("RunTask", "StartTask", "CreateService", "UpdateService"):
        overrides = parameters.get("overrides") or {}
        own = _roles_of(parameters.get("taskDefinition"), region, account)
        found = [(overrides.get(name) or own.get(name), _TASKS) for name in _ROLES]
        found.append((parameters.get("role"), _SERVICES))
    return tuple(dict.fromkeys((_arn(str(role), account), to) for role, to in found if role))


def _roles_of(definition: Any, region: str, account: str) -> dict[str, Any]:
    if not definition:
        return {}
    try:
        known = ecs_backends[account][region].describe_task_definition(str(definition))
    except Exception:  # there is none, as moto will say
        return {}
    return {
        "executionRoleArn": getattr(known, "execution_role_arn", None),
        "taskRoleArn": getattr(known, "task_role_arn", None),
    }


def _arn(role: str, account: str) -> str:
    return role if role.startswith("arn:") else f"arn:aws:iam::{account}:role/{role}"
