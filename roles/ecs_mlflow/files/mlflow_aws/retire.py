# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``mlflow-aws retire``: the database user whose turn is over loses its password.

Runs as a one-off task after a rotation, once no task connects as that user any more. Running it
again changes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from psycopg2 import sql

from mlflow_aws import database as db
from mlflow_aws.settings import MigrateSettings, migrate_settings

#: Seconds in which tasks that are being stopped may end their last requests.
PATIENCE = 120.0
#: Seconds that an instance may need until it accepts connections.
CONNECT_PATIENCE = 60.0


def _sessions(cursor: Any, user: str) -> int:
    """How many sessions began with a login as ``user``."""
    cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE usename = %s", (user,))
    return int(cursor.fetchone()[0])


def _wait_until_unused(cursor: Any, user: str, patience: float, sleep: Callable[[float], None]) -> None:
    deadline = time.monotonic() + patience
    if _sessions(cursor, user):
        print(f"waiting up to {patience:.0f} seconds for the last sessions of {user}", flush=True)
    while _sessions(cursor, user) and time.monotonic() < deadline:
        sleep(1.0)


def run(settings: MigrateSettings, patience: float = PATIENCE, sleep: Callable[[float], None] = time.sleep) -> None:
    """Take the password of the other user away and end what it still does.

    :param patience: seconds to wait for its sessions to end by themselves.
    :raises Refusal: the database is not reachable or refuses the master user.
    """
    database, master, user = settings.database, settings.master, settings.database.other
    connection = db.wait_for(
        lambda: db.connect(database, master.database, master.user, master.password),
        f"PostgreSQL at {database.host}",
        CONNECT_PATIENCE,
    )
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (user,))
            if cursor.fetchone() is None:
                print(f"role {user}: there is none")
                return
            _wait_until_unused(cursor, user, patience, sleep)
            cursor.execute(sql.SQL("ALTER ROLE {} WITH PASSWORD NULL").format(sql.Identifier(user)))
            cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", (user,))
            ended = len(cursor.fetchall())
    finally:
        connection.close()
    print(f"role {user}: has no password any more" + (f", {ended} sessions ended" if ended else ""))


def main(environ: Mapping[str, str]) -> int:
    """The command: 0 when the other user cannot log in any more."""
    run(migrate_settings(environ))
    return 0
