# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the service shall have of things that are made of others, by name: pure functions of the inventory.

The fields are those of ``module_utils/settings/ecs_mlflow.py``. Filters are loaded in every worker of Ansible, so
nothing here imports botocore before it is needed: that takes a quarter of a second.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils.ecs.masking import (
    NAMED_VALUES,
    holds_password,
    looks_secret,
)

Tags = Mapping[str, str]

#: Characters of a value that a plan shows.
_LONG = 120


def wanted_definition(options: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of the task definition that these options of ecs_task_definition make.

    :raises InvalidInput: ECS would refuse it.
    """
    from ansible_collections.mlops.mlflow_aws.plugins.module_utils.ecs.task_definition import (
        canonical,
        desired_definition,
    )

    return leaves(
        canonical(desired_definition({"network_mode": "awsvpc", "requires_compatibilities": ["FARGATE"], **options}))
    )


def leaves(definition: Mapping[str, Any]) -> dict[str, Any]:
    """A canonical task definition, field by field, such as ``containers.mlflow.environment.LEVEL``.

    A value that looks secret, or that fills the screen, is a digest: too short a one to find the value by.
    """
    return dict(_leaves(definition, "", ""))


def _leaves(value: Any, path: str, inside: str) -> Iterator[tuple[str, Any]]:
    for key, item in value.items():
        inner = f"{path}.{key}" if path else str(key)
        if isinstance(item, Mapping):
            yield from _leaves(item, inner, str(key))
        else:
            yield inner, _shown(str(key), item, inside in NAMED_VALUES)


def _shown(name: str, value: Any, named: bool) -> Any:
    text = value if isinstance(value, str) else None
    if text is not None and ((named and looks_secret(name)) or holds_password(text)):
        return f"(hidden, {hashlib.sha256(text.encode()).hexdigest()[:6]})"
    if len(str(value)) > _LONG:
        return f"({len(str(value))} characters, sha256 {hashlib.sha256(str(value).encode()).hexdigest()[:16]})"
    return value


def wanted_roles(roles: Iterable[Mapping[str, Any]], trust: Mapping[str, Any], wanted: Tags) -> dict[str, Any]:
    """IAM roles by name.

    :param roles: ``name``, ``description`` and the ``statements`` of their policy.
    :param trust: who may assume them.
    :param wanted: their tags.
    """
    return {
        role["name"]: {
            "description": role["description"],
            "trust": trust,
            "managed_policies": [],
            "policy": {"Version": "2012-10-17", "Statement": role["statements"]},
            "tags": wanted,
        }
        for role in roles
    }


def wanted_policies(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Target tracking policies by name, for the policies of ecs_scaling."""
    return {
        row["name"]: {
            "metric": row["metric"],
            "target_value": float(row["target_value"]),
            "scale_in_cooldown": row["scale_in_cooldown"],
            "scale_out_cooldown": row["scale_out_cooldown"],
        }
        for row in rows
    }
