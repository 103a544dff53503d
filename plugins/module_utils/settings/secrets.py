# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of the secrets. No value is read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils.stack.reading import absent, tags

from .common import Account, Settings


def secrets(account: Account) -> Settings:
    """Settings of the secrets, with the options of community.aws.secretsmanager_secret."""
    client, names = account.clients["secretsmanager"], account.names
    found = {}
    mlflow = (names.secret_admin, names.secret_flask, names.secret_gateway)
    for name in (names.secret_master, names.secret_database, *mlflow):
        row = absent(lambda name=name: client.describe_secret(SecretId=name), "ResourceNotFoundException")  # type: ignore[misc]
        if row is not None and "DeletedDate" not in row:
            policy = client.get_resource_policy(SecretId=name).get("ResourcePolicy")
            # What is not asked for, that module takes away.
            found[name] = {
                "resource_policy": policy or "",
                "rotation_lambda": row.get("RotationLambdaARN", "") if row.get("RotationEnabled") else "",
                "replica": sorted(one["Region"] for one in row.get("ReplicationStatus", [])),
                "tags": tags(row.get("Tags")),
                "ids": [row["ARN"]],
            }
    return {"secret": found, "secret of a user": dict(_of_users(account))}


def _of_users(account: Account) -> Iterator[tuple[str, dict[str, Any]]]:
    """The tags of the secrets with the logins of MLflow's users, which the role mlflow_access sets."""
    for name in account.resources["user_secrets"]:
        row = absent(
            lambda name=name: account.clients["secretsmanager"].describe_secret(SecretId=name),  # type: ignore[misc]
            "ResourceNotFoundException",
        )
        if row is not None:
            yield name, {"tags": tags(row.get("Tags")), "ids": [row["ARN"]]}
