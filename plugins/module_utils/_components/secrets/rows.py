# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the settings of the secrets. No value is read."""

from __future__ import annotations

from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.account import Found
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.fields import Row
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.reading import tags

from .resources import describe


def rows(found: Found) -> dict[str, list[Row]]:
    """The secrets of the stack with their resource policies, and those with the logins of MLflow's users."""
    account, client = found.account, found.clients["secretsmanager"]
    own = [describe(account, name) for name in account.names.secrets().values()]
    users = [describe(account, name) for name in found.resources["user_secrets"]]
    return {
        "secret": [
            _row(row, ResourcePolicy=client.get_resource_policy(SecretId=row["Name"]).get("ResourcePolicy"))
            for row in own
            if row and "DeletedDate" not in row
        ],
        "secret of a user": [_row(row) for row in users if row],
    }


def _row(described: dict[str, Any], **more: Any) -> Row:
    return Row(described["Name"], {**described, **more}, tags(described.get("Tags")), (described["ARN"],))
