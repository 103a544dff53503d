# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One PostgreSQL server: its folder, its process, and the front that is its endpoint.

No method may run at the same time as another one of the same cluster: the instance's worker is the
only caller, so that one process at a time writes to the data folder.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psycopg2
import psycopg2.extensions
from psycopg2 import sql

from emulator.addresses import LOOPBACK, free_port
from emulator.processes import ProcessTable
from emulator.rds import front, unprivileged
from emulator.rds.binaries import Binaries
from emulator.rds.settings import HOST_BASED_AUTHENTICATION, Settings, configuration
from emulator.rds.tls import Authority, write_private

log = logging.getLogger(__name__)

#: The superuser of every cluster; as on RDS, nobody but the service itself knows its password.
ADMINISTRATOR = "rdsadmin"
#: The group that stands in for the superuser for the master user.
SUPERUSER_GROUP = "rds_superuser"
#: Predefined roles that RDS grants to rds_superuser.
PREDEFINED = ("pg_monitor", "pg_signal_backend", "pg_checkpoint", "pg_read_all_data", "pg_write_all_data")
#: Roles that RDS makes in each cluster, and that scripts grant.
SERVICE_ROLES = ("rds_password", "rds_replication", "rds_iam")

START_PATIENCE = 60.0
STOP_PATIENCE = 20.0
COPY_PATIENCE = 600.0


class ClusterError(Exception):
    """The server could not be made, started or copied; the text names its log, never a secret."""


class Cluster:
    """A PostgreSQL server in a folder.

    :param name: as ``status`` shows it.
    :param folder: holds the data, the logs and the certificate.
    :param secret: the administrator's password. All clusters of a plane share it, so that the copy
        of one can be run as another.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        binaries: Binaries,
        processes: ProcessTable,
        authority: Authority,
        secret: str,
    ) -> None:
        self.name = name
        self.folder = folder
        self.binaries = binaries
        self.data = folder / "data"
        self.log = folder / "postgres.log"
        self._processes = processes
        self._authority = authority
        self._secret = secret
        self._control = folder / "front.json"
        self._certificate = folder / "server.pem"
        self._key = folder / "server.key"
        self._server: subprocess.Popen[bytes] | None = None
        self._front: subprocess.Popen[bytes] | None = None
        self._server_port = 0
        #: Where clients come in, while the endpoint is open.
        self.port = 0

    # -- life ------------------------------------------------------------------------------------

    def create(self, settings: Settings, master: str, verifier_source: str, database: str | None) -> None:
        """Make an empty cluster with its master user and first database, and start the server.

        :param verifier_source: the master's password; the server only ever sees its SCRAM verifier.
        :raises ClusterError: when PostgreSQL refuses.
        """
        self._prepare()
        argv = [
            self.binaries.program("initdb"),
            f"--pgdata={self.data}",
            f"--username={ADMINISTRATOR}",
            "--pwfile=/dev/stdin",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            f"--locale={_locale()}",
            # Small segments: an idle instance is 25 MB instead of 40.
            "--wal-segsize=4",
            "--no-sync",
            "--no-instructions",
        ]
        self._run("initdb", argv, stdin=self._secret)
        self.start(settings)
        with self._session() as cursor:
            for role in (SUPERUSER_GROUP, *SERVICE_ROLES):
                cursor.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(role)))
            group = sql.Identifier(SUPERUSER_GROUP)
            granted = sql.SQL(", ").join(map(sql.Identifier, (*PREDEFINED, *SERVICE_ROLES)))
            cursor.execute(sql.SQL("GRANT {} TO {} WITH ADMIN OPTION").format(granted, group))
            owner = sql.Identifier(master)
            cursor.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEDB CREATEROLE VALID UNTIL 'infinity'").format(owner))
            cursor.execute(sql.SQL("GRANT {} TO {}").format(group, owner))
            for existing in ("postgres", "template1"):
                cursor.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(sql.Identifier(existing), owner))
            if database and database not in ("postgres", "template1"):
                cursor.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(database), owner))
        self.set_password(master, verifier_source)

    def adopt(self, files: Path, settings: Settings) -> None:
        """Make a cluster of a copy (see :meth:`copy_to`), and start it.

        :raises ClusterError: when it does not recover.
        """
        self._prepare()
        shutil.copytree(files, self.data, symlinks=True)
        self.data.chmod(0o700)
        self.start(settings)

    def start(self, settings: Settings) -> None:
        """Start the server, and wait until it answers.

        :raises ClusterError: when it ends or does not answer in time; its log says why.
        """
        for name, text in (("postgresql.conf", configuration(settings)), ("pg_hba.conf", HOST_BASED_AUTHENTICATION)):
            write_private(self.data / name, text.encode())
        unprivileged.give(self.data)
        for attempt in range(3):
            self._server_port = free_port()
            argv = [self.binaries.program("postgres"), "-D", str(self.data), "-p", str(self._server_port)]
            self._server = self._processes.spawn(
                self.name,
                "rds",
                unprivileged.command(argv),
                log=self.log,
                env=_environment(),
                cwd=self.folder,
                port=self._server_port,
                first=signal.SIGINT,  # a fast shutdown: SIGTERM would wait for the clients
            )
            if self._answers():
                break
            self._end_server()
            # Somebody may have taken the port, or a killed server's children may not be gone yet.
            time.sleep(0.3 * (attempt + 1))
        else:
            raise ClusterError(f"PostgreSQL does not start; see {self.log}")
        self.admit(settings)

    def admit(self, settings: Settings) -> None:
        """Tell the front where the server is, and whether it insists on TLS."""
        control = front.Control(self._server_port, settings.force_ssl, str(self._certificate), str(self._key))
        write_private(self._control, json.dumps(asdict(control)).encode())

    def reload(self, settings: Settings) -> None:
        """Let the running server read what can be changed without a restart."""
        write_private(self.data / "postgresql.conf", configuration(settings).encode())
        unprivileged.give(self.data / "postgresql.conf")
        if self._server is not None and self._server.poll() is None:
            self._server.send_signal(signal.SIGHUP)
        self.admit(settings)

    def open(self, listener: socket.socket) -> None:
        """Serve clients at ``listener``, a bound socket, which is closed here.

        :raises ClusterError: when the front does not come up.
        """
        with listener:
            self.port = int(listener.getsockname()[1])
            argv = [sys.executable, "-I", "-S", str(Path(front.__file__).resolve()), str(self._control)]
            self._front = self._processes.spawn(
                f"{self.name} (endpoint)",
                "rds",
                argv,
                log=self.folder / "front.log",
                env=_environment(),
                port=self.port,
                stdin=listener.fileno(),
            )
            if not _listens(listener.getsockname()[:2], self._front):
                self.close()
                raise ClusterError(f"the endpoint does not open; see {self.folder / 'front.log'}")

    def close(self) -> None:
        """Turn clients away."""
        if self._front is not None:
            self._end(self._front, 3.0, signal.SIGTERM)
            self._front = None

    def stop(self) -> None:
        """Close the endpoint and end the server (a fast shutdown). Nothing happens when it is down."""
        self.close()
        if self._server is not None:
            self._end(self._server, STOP_PATIENCE, signal.SIGINT)
            self._server = None

    def failed(self) -> tuple[bool, bool]:
        """Whether the server has ended by itself, and whether the front has."""
        return (
            self._server is not None and self._server.poll() is not None,
            self._front is not None and self._front.poll() is not None,
        )

    def remove(self) -> None:
        """Delete the whole folder; the cluster must be stopped."""
        shutil.rmtree(self.folder, ignore_errors=True)

    # -- content ---------------------------------------------------------------------------------

    def set_password(self, user: str, password: str) -> None:
        """Give ``user`` a new password, which the server only sees as its SCRAM verifier."""
        with self._session() as cursor:
            verifier = psycopg2.extensions.encrypt_password(
                password, user, scope=cursor.connection, algorithm="scram-sha-256"
            )
            cursor.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(user), sql.Literal(verifier)))

    def copy_to(self, target: Path) -> None:
        """Copy the running server's data with PostgreSQL's own tool: consistent, and no stop.

        :raises ClusterError: when the copy is not complete; nothing is left of it.
        """
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        argv = [
            self.binaries.program("pg_basebackup"),
            f"--pgdata={target}",
            f"--host={LOOPBACK}",
            f"--port={self._server_port}",
            f"--username={ADMINISTRATOR}",
            "--no-password",
            "--checkpoint=fast",
            "--wal-method=stream",
            "--no-sync",
            "--no-manifest",
        ]
        try:
            self._run("pg_basebackup", argv, environment={"PGPASSWORD": self._secret}, unprivileged_user=False)
        except ClusterError:
            shutil.rmtree(target, ignore_errors=True)
            raise

    @contextlib.contextmanager
    def _session(self) -> Iterator[Any]:
        connection = self._connect()
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                yield cursor
        except psycopg2.Error as error:
            # The statement may hold a verifier: only PostgreSQL's own first line is told.
            reason = str(error).partition("\n")[0] or error.pgcode
            raise ClusterError(f"PostgreSQL refused: {reason}") from None
        finally:
            connection.close()

    def _connect(self) -> Any:
        return psycopg2.connect(
            host=LOOPBACK,
            port=self._server_port,
            user=ADMINISTRATOR,
            password=self._secret,
            dbname="postgres",
            sslmode="disable",
            gssencmode="disable",
            connect_timeout=5,
            application_name=ADMINISTRATOR,
        )

    # -- processes -------------------------------------------------------------------------------

    def _prepare(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        # The server's working folder: it must be able to open it.
        if unprivileged.needed():
            os.chown(self.folder, unprivileged.UID, unprivileged.GID)
        self._authority.issue(self.name, self._certificate, self._key)

    def _answers(self) -> bool:
        deadline = time.monotonic() + START_PATIENCE
        assert self._server is not None
        while time.monotonic() < deadline and self._server.poll() is None:
            try:
                self._connect().close()
            except psycopg2.OperationalError:
                time.sleep(0.05)
                continue
            return True
        return False

    def _end_server(self) -> None:
        if self._server is not None:
            self._end(self._server, STOP_PATIENCE, signal.SIGINT)
            self._server = None

    def _end(self, process: subprocess.Popen[bytes], patience: float, first: int) -> None:
        try:
            self._processes.end(process, patience, first)
        except ProcessLookupError:
            # It went between two looks into /proc.
            process.wait()
            self._processes.forget(process.pid)

    def recover(self, settings: Settings) -> None:
        """Start the server again after it died; the front, if it lives, stays.

        :raises ClusterError: when it does not come back.
        """
        self._end_server()
        self.start(settings)

    def _run(
        self,
        what: str,
        argv: list[str],
        stdin: str | None = None,
        environment: dict[str, str] | None = None,
        unprivileged_user: bool = True,
    ) -> None:
        """Run a tool of PostgreSQL to its end; its output goes to a log of its own.

        A secret reaches it by standard input or environment (which only its own user can read).
        """
        output = self.folder / f"{what}.log"
        if unprivileged_user:
            # It makes the data folder itself, as the user that owns this one.
            argv = unprivileged.command(argv)
        process = self._processes.spawn(
            f"{self.name} ({what})",
            "rds",
            argv,
            log=output,
            env={**_environment(), **(environment or {})},
            cwd=self.folder,
            stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
        )
        try:
            process.communicate(stdin.encode() if stdin is not None else None, timeout=COPY_PATIENCE)
        except (subprocess.TimeoutExpired, BrokenPipeError):
            self._end(process, STOP_PATIENCE, signal.SIGTERM)
            raise ClusterError(f"{what} did not end; see {output}") from None
        finally:
            self._processes.forget(process.pid)
        if process.returncode != 0:
            raise ClusterError(f"{what} failed with exit code {process.returncode}; see {output}")


def reserve(port: int | None, taken: frozenset[int]) -> socket.socket:
    """A socket bound to ``port`` on loopback, or to a free one when that is not to be had.

    It does not listen, so that clients are refused until the instance serves.

    :param taken: ports of other instances, which may be down at the moment.
    :raises OSError: when no port can be bound at all.
    """
    for candidate in (port, 0):
        if candidate is None or candidate in taken:
            continue
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((LOOPBACK, candidate))
        except OSError:
            listener.close()
            if candidate == 0:
                raise
            continue
        return listener
    raise AssertionError("unreachable")


def _listens(address: tuple[str, int], process: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + START_PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(address, timeout=5).close()
        except OSError:
            time.sleep(0.02)
            continue
        return True
    return False


def _locale() -> str:
    """RDS uses en_US.UTF-8; C.UTF-8 classifies the same characters and is on every Linux."""
    return "en_US.UTF-8" if sys.platform == "darwin" else "C.UTF-8"


def _environment() -> dict[str, str]:
    """Nothing of the caller's: a PGDATA or LD_PRELOAD of theirs is not meant for us."""
    return {"PATH": os.defpath, "LC_ALL": _locale(), "TZ": "UTC"}
