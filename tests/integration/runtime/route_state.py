# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All that a server keeps, read behind its back: the rows of both databases, and the objects of the bucket."""

from __future__ import annotations

import contextlib
from collections import Counter
from typing import Any

from tests.integration.runtime.route_ground import Ground
from tests.integration.runtime.runtime_parts import BUCKET

#: Tables in which requests without any right may leave something: not what people keep.
_UNKEPT = {"alembic_version", "alembic_version_auth"}


class State:
    """Reads the state of a server, again and again."""

    def __init__(self, ground: Ground) -> None:
        task = ground.server.task
        self._s3 = ground.storage.client()
        self._databases: list[tuple[Any, str]] = []
        for name in ("MLFLOW_AWS_DB_TRACKING", "MLFLOW_AWS_DB_LOGINS"):
            connection = task.postgres.connect(task.env[name])
            with connection.cursor() as cursor:
                cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
                tables = sorted({row[0] for row in cursor.fetchall()} - _UNKEPT)
            parts = [f"SELECT '{table} ' || t::text FROM \"{table}\" t" for table in tables]
            self._databases.append((connection, " UNION ALL ".join(parts)))

    def read(self) -> Counter[str]:
        """Each row and each object as a text, and how often there is one like it."""
        found: Counter[str] = Counter()
        for connection, statement in self._databases:
            with connection.cursor() as cursor:
                cursor.execute(statement)
                found.update(row[0] for row in cursor.fetchall())
        for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
            found.update(f"object {entry['Key']} {entry['ETag']}" for entry in page.get("Contents", ()))
        return found

    def close(self) -> None:
        """End the connections."""
        for connection, _statement in self._databases:
            with contextlib.suppress(Exception):
                connection.close()


def changes(before: Counter[str], after: Counter[str]) -> list[str]:
    """The rows and objects that went (``-``) and came (``+``)."""
    return [f"- {row}" for row in before - after] + [f"+ {row}" for row in after - before]
