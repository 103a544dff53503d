# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections to PostgreSQL, the one place where database URIs are built, and schema revisions.

Nothing of MLflow is imported here: the server's checks before its start must cost no seconds.
"""

from __future__ import annotations

import ast
import importlib.util
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg2

from mlflow_aws.errors import Refusal
from mlflow_aws.settings import Database

#: Seconds until one attempt to connect is given up.
CONNECT_TIMEOUT = 10
#: Failures that no waiting mends, as libpq words them.
_PERMANENT = ("password authentication failed", "no pg_hba.conf entry", "does not support SSL", "certificate")


def sqlalchemy_uri(database: Database, name: str) -> str:
    """The URI of the database ``name``, with the driver that both generations of MLflow understand.

    This is the only function that puts the password into a URI, percent-encoded. MLflow 3 with a
    bare ``postgresql://`` would look for psycopg 3 (SQLAlchemy 2.1's default driver).
    """
    user, password = quote(database.user, safe=""), quote(database.password, safe="")
    return (
        f"postgresql+psycopg2://{user}:{password}@{database.host}:{database.port}/{quote(name, safe='')}"
        f"?sslmode={database.sslmode}&connect_timeout={CONNECT_TIMEOUT}&application_name=mlflow"
    )


def connect(database: Database, name: str, user: str | None = None, password: str | None = None) -> Any:
    """A psycopg2 connection in autocommit mode to the database ``name``, as MLflow's role by default.

    :raises psycopg2.OperationalError: it cannot be made.
    """
    connection = psycopg2.connect(
        host=database.host,
        port=database.port,
        dbname=name,
        user=user if user is not None else database.user,
        password=password if password is not None else database.password,
        sslmode=database.sslmode,
        connect_timeout=CONNECT_TIMEOUT,
        application_name="mlflow-aws",
        keepalives_idle=30,
    )
    connection.autocommit = True
    return connection


def wait_for(
    attempt: Callable[[], Any], what: str, patience: float, sleep: Callable[[float], None] = time.sleep
) -> Any:
    """What ``attempt`` answers, tried again for ``patience`` seconds while the server is not ready.

    :raises Refusal: the server refused the login, or was not reachable in time.
    """
    deadline = time.monotonic() + patience
    told = False
    while True:
        try:
            return attempt()
        except psycopg2.OperationalError as error:
            reason = " ".join(str(error).split())
            if any(mark in reason for mark in _PERMANENT):
                raise Refusal(f"{what} refused the connection: {reason}") from error
            if "does not exist" in reason:
                raise Refusal(f"{what} is not prepared ({reason}): run the migration task first") from error
            if time.monotonic() >= deadline:
                full = "connection slots" in reason or "too many" in reason
                cause = (
                    f"had no free connection for {patience:.0f} seconds (other programs, tasks and workers share them)"
                    if full
                    else f"was not reachable for {patience:.0f} seconds (security groups, subnets and the state of the "
                    "instance decide)"
                )
                raise Refusal(f"{what} {cause}: {reason}") from error
            if not told:
                print(f"waiting up to {patience:.0f} seconds for {what}", flush=True)
                told = True
            sleep(min(2.0, max(0.1, deadline - time.monotonic())))


@dataclass(frozen=True)
class Schema:
    """The migrations of one of MLflow's databases, as the installed MLflow brings them.

    :param known: every revision of the installed MLflow.
    :param head: the newest one.
    :param table: the table in which the database keeps its own revision.
    """

    what: str
    known: frozenset[str]
    head: str
    table: str

    def current(self, connection: Any) -> str | None:
        """The revision of the database behind ``connection``; None when it has none yet."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT to_regclass(%s)", (f"public.{self.table}",))
            if cursor.fetchone()[0] is None:
                return None
            cursor.execute(f"SELECT version_num FROM public.{self.table}")
            rows = cursor.fetchall()
        return ",".join(sorted(row[0] for row in rows)) or None

    def check_not_newer(self, current: str | None) -> None:
        """:raises Refusal: the database was migrated by a newer MLflow than the installed one."""
        if current is not None and current not in self.known:
            raise Refusal(
                f"the {self.what} database is at revision {current}, which the installed MLflow does not know: "
                "a newer MLflow migrated it. Deploy that version, or restore the database from before the upgrade"
            )

    def check_current(self, connection: Any) -> None:
        """:raises Refusal: the database is not at the newest revision of the installed MLflow."""
        current = self.current(connection)
        self.check_not_newer(current)
        if current != self.head:
            raise Refusal(
                f"the {self.what} database is at revision {current or 'none'}, this MLflow needs {self.head}: "
                "run the migration task first (the server never migrates by itself)"
            )


def mlflow_folder() -> Path:
    """The folder of the installed package ``mlflow``, found without importing it.

    :raises Refusal: MLflow is not installed.
    """
    found = importlib.util.find_spec("mlflow")
    if found is None or not found.submodule_search_locations:
        raise Refusal("MLflow is not installed in this task: see the log of the container 'install'")
    return Path(next(iter(found.submodule_search_locations)))


def _revisions(folder: Path) -> tuple[frozenset[str], str]:
    """All revisions in an alembic ``versions`` folder, and its one head.

    The files are parsed, not run: they import half of MLflow.
    """
    known: set[str] = set()
    replaced: set[str] = set()
    for file in folder.glob("*.py"):
        values: dict[str, Any] = {}
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
            value = getattr(node, "value", None)
            if isinstance(target, ast.Name) and target.id in ("revision", "down_revision") and value is not None:
                values[target.id] = ast.literal_eval(value)
        if values.get("revision"):
            known.add(values["revision"])
            before = values.get("down_revision") or ()
            replaced.update((before,) if isinstance(before, str) else before)
    heads = known - replaced
    if len(heads) != 1:
        raise Refusal(f"the installed MLflow has {len(heads)} newest schema revisions in {folder.name}, expected one")
    return frozenset(known), heads.pop()


def tracking_schema(mlflow: Path) -> Schema:
    """The migrations of the tracking and registry database."""
    known, head = _revisions(mlflow / "store" / "db_migrations" / "versions")
    return Schema("tracking", known, head, "alembic_version")


def auth_schema(mlflow: Path) -> Schema:
    """The migrations of the login database. Its version table has a name of its own since MLflow 3.6."""
    known, head = _revisions(mlflow / "server" / "auth" / "db" / "migrations" / "versions")
    environment = (mlflow / "server" / "auth" / "db" / "migrations" / "env.py").read_text(encoding="utf-8")
    own = "alembic_version_auth"
    return Schema("login", known, head, own if own in environment else "alembic_version")
