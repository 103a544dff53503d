# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the secrets' variables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils._preflight.kms import key_problem
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._preflight.usernames import (
    database_role_problem,
    username_problem,
)
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.rotation import SECOND_SUFFIX


def input_problems(inputs: Mapping[str, Any]) -> list[str]:
    """Problems of ``secrets_*`` variables that need no call to AWS."""
    found = []
    database = inputs["secrets_database_username"]
    problem = username_problem("secrets_database_username", database, 63 - len(SECOND_SUFFIX))
    if problem := problem or database_role_problem("secrets_database_username", database):
        found.append(problem)
    if database.endswith(SECOND_SUFFIX):
        found.append(
            f"secrets_database_username: '{database}' ends in {SECOND_SUFFIX}, as the second of the two users does "
            "that take turns when the password is rotated; choose another"
        )
    master = inputs["secrets_master_username"]
    # API CreateDBInstance, MasterUsername for PostgreSQL: 1 to 63 letters or numbers, a letter first.
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,62}", master) or master.lower() == "admin":
        found.append(
            f"secrets_master_username: '{master}' cannot be the master user of RDS for PostgreSQL; use 1 to 63 "
            "letters, digits and underscores, a letter first, and not admin"
        )
    elif problem := database_role_problem("secrets_master_username", master, master=True):
        found.append(problem)
    if master in (database, database + SECOND_SUFFIX):
        found.append(
            f"secrets_database_username: '{database}' is the master user's name too, or the second user's; MLflow "
            "connects as users of its own, so choose another"
        )
    window = int(inputs["secrets_recovery_window"])
    if window != 0 and not 7 <= window <= 30:
        found.append(f"secrets_recovery_window: {window} days; use 7 to 30, or 0 to delete without recovery")
    if problem := key_problem("secrets_kms_key_id", inputs["secrets_kms_key_id"], inputs["stack_region"]):
        found.append(problem)
    return found


#: By variable, whose login the secret of a use holds, and what else can be done.
_LOGINS = {
    "stack_admin_username": ("admin", "make the other one an admin too, by mlflow_access_users with is_admin: true"),
    "secrets_database_username": ("database", "leave MLflow's tables to their owner"),
    "secrets_master_username": ("master", "leave the database its master user"),
}


def change_problems(inputs: Mapping[str, Any], resources: Mapping[str, Any]) -> list[str]:
    """What cannot change of the secrets that exist: whose login they hold, and the key that encrypts them.

    :param inputs: the variables of ``_LOGINS`` and ``secrets_kms_key_id``.
    :param resources: what discovery found. Secrets that wait for their deletion are restored as they were.
    """
    every = {**resources["deleted_secrets"], **{use: row for use, row in (resources["secrets"] or {}).items() if row}}
    now = {use: row for use, row in every.items() if row["mine"]}
    found = []
    for variable, (use, remedy) in _LOGINS.items():
        name, has = inputs[variable], now.get(use, {}).get("username")
        if has and name != has:
            found.append(
                f"{variable}: '{name}', but the secret {now[use]['name']} holds the login of {has}, as its tag "
                f"mlflow:username says; set it back to {has} and {remedy}, or put the tag right if it is wrong"
            )
    key = inputs["secrets_kms_key_id"]
    other = [row["name"] for row in now.values() if key and row["kms_key_arn"] != key]
    if other:
        region = key.split(":")[3]
        found.append(
            f"secrets_kms_key_id: {key}, but {', '.join(sorted(other))} "
            f"{'is' if len(other) == 1 else 'are'} encrypted with another key; set it back, or have AWS encrypt each "
            f"anew and run site.yml at once, for new tasks cannot read them before: aws secretsmanager update-secret "
            f"--region {region} --secret-id {min(other)} --kms-key-id {key}"
        )
    return found
