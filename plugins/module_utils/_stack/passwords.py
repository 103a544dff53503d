# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Strong passwords that every part of the chain accepts."""

from __future__ import annotations

import secrets
import string

#: MLflow demands 12 characters; RDS for PostgreSQL takes 128 (API CreateDBInstance, MasterUserPassword).
SHORTEST = 12
LONGEST = 128
_KINDS = (string.ascii_lowercase, string.ascii_uppercase, string.digits)


def strong_password(length: int) -> str:
    """A password of ``length`` letters and digits with all kinds in it.

    Texts that lack a kind are thrown away, which leaves every other one equally likely.
    """
    while True:
        text = "".join(secrets.choice("".join(_KINDS)) for _position in range(length))
        if all(set(text) & set(kind) for kind in _KINDS):
            return text
