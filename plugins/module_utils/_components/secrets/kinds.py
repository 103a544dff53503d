# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The secrets, field by field. A value is neither read nor changed by a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.fields import Field, Kind
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.stack import Stack

_MODULE = "community.aws.secretsmanager_secret"


@dataclass(frozen=True)
class Secret:
    """A secret.

    :param username: whose login it holds; empty for a key.
    """

    stack: Stack
    name: str
    description: str
    username: str = ""


def _secrets(stack: Stack) -> Mapping[str, Secret]:
    """The secrets by name. That of the master user of a database that exists belongs to its owner."""
    name, inputs, names = stack.names.stack, stack.inputs, stack.names
    found = [
        Secret(stack, names.secret_master, f"Master user of the database of {name}", inputs["secrets_master_username"]),
        Secret(stack, names.secret_database, f"Database user of MLflow in {name}", inputs["secrets_database_username"]),
        Secret(stack, names.secret_admin, f"Admin of MLflow in {name}", inputs["stack_admin_username"]),
        Secret(stack, names.secret_flask, f"Key that signs the forms of MLflow in {name}, the same on all tasks"),
        # Without it nobody can read the gateway's keys in the database again: no rotation touches it
        # (docs/rotation.md).
        Secret(
            stack,
            names.secret_gateway,
            f"Passphrase that encrypts the keys of MLflow's AI gateway in the database of {name}",
        ),
    ]
    return {one.name: one for one in (found[1:] if inputs["stack_db_instance"] else found)}


def _no_secrets(_stack: Stack) -> Mapping[str, Any]:
    return {}


def _tags(stack: Stack, secret: Secret) -> dict[str, Any]:
    """A tag says whose login it is, so that another name in the inventory is seen without a look at the value."""
    return stack.tags("secrets", **({"mlflow__username": secret.username} if secret.username else {}))


#: What a resource policy, a rotation or a replica is that nobody asks for, the module takes away. API DescribeSecret.
SECRET = Kind(
    "secret",
    _secrets,
    modules=(_MODULE,),
    tags=_tags,
    fields=(
        Field("name", desired=lambda secret: secret.name, uncompared="by which the module finds it"),
        Field(
            "description",
            desired=lambda secret: secret.description,
            uncompared="with overwrite: false the module leaves it alone",
        ),
        Field(
            "kms_key_id",
            desired=lambda secret: secret.stack.inputs["secrets_kms_key_id"] or None,
            uncompared="with overwrite: false the module leaves it alone; checks.py refuses another one",
        ),
        Field("resource_policy", lambda row: row["ResourcePolicy"] or "", "", modules=()),
        Field(
            "rotation_lambda",
            lambda row: row.get("RotationLambdaARN", "") if row.get("RotationEnabled") else "",
            "",
            modules=(),
        ),
        Field("replica", lambda row: sorted(one["Region"] for one in row.get("ReplicationStatus", [])), [], modules=()),
    ),
)

#: The role mlflow_access creates them, one for each user of the inventory.
USER_SECRET = Kind("secret of a user", _no_secrets, modules=(_MODULE,), tags=lambda stack, _: stack.tags("secrets"))

KINDS = (SECRET, USER_SECRET)
