# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the ids and versions of the secrets. No value is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.account import Account
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.keys import key_facts
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.lost import MIGRATED_TAG
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.names import user_secret_name
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.reading import absent, pages, tags
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.rotation import Versions


def resources(account: Account) -> tuple[dict[str, Any] | None, dict[str, dict[str, Any]]]:
    """ARNs of the stack's secrets, of the customer's keys that encrypt them, and their versions; never a value.

    ``previous_version_id`` is None unless a rotation left a version that may still be in use. The master user's may be
    given.

    :returns: those that live, and by use those that wait for their deletion, which the next run restores as they were.
    """
    existing = account.existing.master_secret_arn
    uses = {**account.names.secrets(), **({"master": existing} if existing else {})}
    living: dict[str, Any] = {}
    deleted: dict[str, dict[str, Any]] = {}
    for use, name in uses.items():
        row = describe(account, name)
        living[use] = None
        mine = use != "master" or not existing
        if row is not None and (not mine or account.owner.owns("secret", name, name, tags(row.get("Tags")))):
            (deleted if "DeletedDate" in row else living)[use] = {**_secret(account, name, row), "mine": mine}
    return (living if any(living.values()) else None), deleted


def describe(account: Account, name: str) -> dict[str, Any] | None:
    """What DescribeSecret answers; None where there is no such secret."""
    found: dict[str, Any] | None = absent(
        lambda: account.clients["secretsmanager"].describe_secret(SecretId=name), "ResourceNotFoundException"
    )
    return found


def _secret(account: Account, name: str, row: Mapping[str, Any]) -> dict[str, Any]:
    versions = Versions.of(row)
    return {
        "name": name,
        "arn": row["ARN"],
        # Whose login it holds, as the role secrets marked it; None where nobody did.
        "username": tags(row.get("Tags")).get("mlflow:username"),
        # The resource id of the DB instance that holds the data; None before its migration has ended well.
        "migrated": tags(row.get("Tags")).get(MIGRATED_TAG),
        **key_facts(account.clients["kms"], row.get("KmsKeyId")),
        "version_id": versions.current,
        "previous_version_id": versions.previous,
    }


def user_secrets(account: Account) -> list[str]:
    """Names of the secrets that hold the logins of MLflow's users, beside those of :func:`secrets`."""
    # The filter takes the beginning of a name (API ListSecrets).
    mine = [{"Key": "name", "Values": [user_secret_name(account.names.stack, "")]}]
    rows = pages(account.clients["secretsmanager"], "list_secrets", "SecretList", Filters=mine)
    living = [row for row in rows if "DeletedDate" not in row]
    return sorted(
        row["Name"] for row in living if account.owner.owns("secret", row["Name"], row["Name"], tags(row.get("Tags")))
    )
