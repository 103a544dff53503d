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

#: What a plan shows in the place of an ARN, an id or an endpoint that AWS gives when the thing is made.
UNKNOWN = "(known after apply)"

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
    if len(str(value)) > _LONG and UNKNOWN not in str(value):
        return f"({len(str(value))} characters, sha256 {hashlib.sha256(str(value).encode()).hexdigest()[:16]})"
    return value


def with_unknown(
    resources: Mapping[str, Any], names: Mapping[str, str], secret_arn: str, secrets_kms_key: str = ""
) -> dict[str, Any]:
    """The resources that discovery found, with :data:`UNKNOWN` for what is not there yet and others name.

    :param names: the stack's names; those of its secrets are ``secret_`` and what they are for.
    :param secret_arn: what the ARNs of the account's secrets begin with. They end in six characters that AWS chooses.
    :param secrets_kms_key: ARN of the key that encrypts secrets which are made; an empty one is AWS's own.
    """
    secrets, database, balancer = (resources.get(part) or {} for part in ("secrets", "rds", "alb"))
    coming = {
        key.removeprefix("secret_"): {
            "arn": f"{secret_arn}{name}-{UNKNOWN}",
            "version_id": UNKNOWN,
            "previous_version_id": None,
            "kms_key_arn": secrets_kms_key or None,
        }
        for key, name in names.items()
        if key.startswith("secret_")
    }
    return {
        **resources,
        "secrets": {**coming, **{use: secret for use, secret in secrets.items() if secret}},
        "rds": {
            **database,
            "endpoint": database.get("endpoint") or {"address": UNKNOWN, "port": UNKNOWN},
            "resource_id": database.get("resource_id") or UNKNOWN,
        },
        "alb": {**balancer, "dns_name": balancer.get("dns_name") or UNKNOWN},
    }


def wanted_roles(
    roles: Iterable[Mapping[str, Any]], trust: Mapping[str, Any], wanted: Tags, boundary: str = ""
) -> dict[str, Any]:
    """IAM roles by name.

    :param roles: ``name``, ``description`` and the ``statements`` of their policy.
    :param trust: who may assume them.
    :param wanted: their tags.
    :param boundary: ARN of their permissions boundary; an empty one leaves alone what they have.
    """
    return {
        role["name"]: {
            "description": role["description"],
            "trust": trust,
            "managed_policies": [],
            "other_policies": [],
            "permissions_boundary": boundary or None,
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
