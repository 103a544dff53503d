# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real PostgreSQL for tests, with a master user like that of RDS."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2

from emulator.addresses import free_port
from emulator.rds import binaries, unprivileged

#: In every password: what breaks URIs, ini files, shells and ASCII.
NASTY = "%40 %;\"'#@:/?&ü"


def password() -> str:
    """A new password that holds every character that has ever broken something."""
    return f"{NASTY}{secrets.token_urlsafe(12)}"


@dataclass(frozen=True)
class Postgres:
    """A running PostgreSQL with a master user as RDS gives one: no superuser."""

    port: int
    root_password: str
    master_password: str
    superuser: str = "rdsadmin"
    master: str = "master"

    def connect(self, database: str = "postgres", user: str | None = None, word: str | None = None) -> Any:
        """A connection in autocommit mode, as the superuser by default."""
        connection = psycopg2.connect(
            host="127.0.0.1",
            port=self.port,
            dbname=database,
            user=user or self.superuser,
            password=self.root_password if word is None else word,
        )
        connection.autocommit = True
        return connection

    def query(self, statement: str, values: tuple[Any, ...] = (), database: str = "postgres") -> list[tuple[Any, ...]]:
        """The rows that ``statement`` answers to the superuser."""
        with contextlib.closing(self.connect(database)) as connection, connection.cursor() as cursor:
            cursor.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []


@contextlib.contextmanager
def running_postgres(major: str, folder: Path, **parameters: int) -> Iterator[Postgres]:
    """A PostgreSQL of version ``major`` in ``folder``, with these parameters."""
    programs = binaries.choose(major)
    assert programs is not None
    data, word = folder / "data", folder / "password"
    data.mkdir()
    postgres = Postgres(free_port(), secrets.token_urlsafe(12), password())
    word.write_text(postgres.root_password, encoding="utf-8")
    unprivileged.give(folder)
    env = {**os.environ, "LC_ALL": "C"}
    options = ["-U", postgres.superuser, "--auth=scram-sha-256", f"--pwfile={word}", "--locale=C", "-E", "UTF8"]
    command = unprivileged.command([programs.program("initdb"), "-D", str(data), *options])
    subprocess.run(command, check=True, capture_output=True, env=env)
    settings = ["-p", str(postgres.port), "-h", "127.0.0.1", "-k", "", "-c", "fsync=off", "-c", "log_statement=all"]
    settings += [part for name, value in parameters.items() for part in ("-c", f"{name}={value}")]
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(
            unprivileged.command([programs.program("postgres"), "-D", str(data), *settings]),
            env=env,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                postgres.connect().close()
                break
            except psycopg2.OperationalError:
                assert time.monotonic() < deadline, (folder / "log").read_text(encoding="utf-8")
                time.sleep(0.1)
        postgres.query(
            f"CREATE ROLE {postgres.master} LOGIN CREATEDB CREATEROLE PASSWORD %s", (postgres.master_password,)
        )
        yield postgres
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(20)
