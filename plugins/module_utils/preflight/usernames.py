# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The user names that every part of the chain takes: RDS, PostgreSQL, ini files, URIs and MLflow."""

from __future__ import annotations

import re


def username_problem(variable: str, name: str, limit: int) -> str | None:
    """What is wrong with ``name``, the value of ``variable``, or None.

    :param limit: most characters that the name may have.
    """
    if re.fullmatch(r"[A-Za-z][A-Za-z0-9_.@-]*", name) and len(name) <= limit:
        return None
    return (
        f"{variable}: '{name}' cannot be used as a user name; start with a letter, use only letters, digits "
        f"and _ . @ -, and at most {limit} characters"
    )
