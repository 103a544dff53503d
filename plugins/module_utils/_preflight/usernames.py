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


#: Key words that PostgreSQL reserves (PostgreSQL 17 documentation, appendix C), of which RDS takes none for a master
#: user (API CreateDBInstance, MasterUsername: "Can't be a reserved word for the chosen database engine").
_WORDS = """
all analyse analyze and any array as asc asymmetric authorization binary both case cast check
collate collation column concurrently constraint create cross current_catalog current_date
current_role current_schema current_time current_timestamp current_user default deferrable desc
distinct do else end except false fetch for foreign freeze from full grant group having ilike in
initially inner intersect into is isnull join lateral leading left like limit localtime
localtimestamp natural not notnull null offset on only or order outer overlaps placing primary
references returning right select session_user similar some symmetric system_user table tablesample
then to trailing true union unique user using variadic verbose when where window with
"""
_RESERVED = frozenset(_WORDS.split())


def database_role_problem(variable: str, name: str, *, master: bool = False) -> str | None:
    """What is wrong with ``name``, the value of ``variable``, as the name of a role in PostgreSQL on RDS, or None.

    PostgreSQL keeps names that begin with ``pg_``, and ``public`` and ``none`` (CREATE ROLE); RDS keeps its own roles,
    all of which begin with ``rds`` (RDS User Guide, "Understanding PostgreSQL roles and permissions").

    :param master: whether it is the master user, for whom RDS takes no key word of SQL either.
    """
    plain = name.lower()
    if plain.startswith(("pg_", "rds")) or plain in ("public", "none", "postgres"):
        return f"{variable}: '{name}' is a name that PostgreSQL or RDS keeps for itself; choose another, such as mlflow"
    if master and plain in _RESERVED:
        return f"{variable}: '{name}' is a key word of PostgreSQL, which RDS takes for no master user; choose another"
    return None
