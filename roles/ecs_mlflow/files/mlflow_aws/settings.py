# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of the task, read once from the environment and checked before anything is done."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from mlflow_aws.errors import Refusal
from mlflow_aws.locations import ArtifactRoot

#: Not verify-ca and verify-full: the task has no certificates of the database's authority to check against.
SSL_MODES = ("disable", "allow", "prefer", "require")
#: Two users of the database take turns, so that both passwords work while tasks are replaced. The second has this
#: at the end of its name, as in AWS's own rotation of "alternating users" (Secrets Manager user guide).
SECOND_SUFFIX = "_clone"
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,62}")
_TRUE, _FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off")


@dataclass(frozen=True)
class Database:
    """The PostgreSQL server, MLflow's own role on it, and the two databases that the role owns."""

    host: str
    port: int
    sslmode: str
    user: str
    password: str = field(repr=False)
    tracking: str = "mlflow"
    auth: str = "mlflow_auth"

    @property
    def owner(self) -> str:
        """The role that owns the databases and all that is in them, whichever of the two users connects."""
        return self.user.removesuffix(SECOND_SUFFIX)

    @property
    def other(self) -> str:
        """The user whose turn it is not."""
        return self.owner if self.user != self.owner else self.owner + SECOND_SUFFIX


@dataclass(frozen=True)
class Master:
    """The master user of the PostgreSQL server, and the database that it connects to first."""

    user: str
    password: str = field(repr=False)
    database: str = "postgres"


@dataclass(frozen=True)
class ServeSettings:
    """What ``mlflow-aws serve`` needs."""

    database: Database
    scratch: Path
    admin_username: str
    artifacts: ArtifactRoot
    port: int
    workers: int
    pool_size: int
    allowed_hosts: str
    cors_origins: str
    login_cache: bool
    flask_key: str = field(repr=False)
    gateway_passphrase: str = field(repr=False)


@dataclass(frozen=True)
class MigrateSettings:
    """What ``mlflow-aws migrate`` needs."""

    database: Database
    master: Master
    admin_username: str
    admin_password: str = field(repr=False)
    gateway_passphrase: str = field(repr=False)


class _Reader:
    """Reads variables and names the first one that is missing or wrong."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def text(self, name: str, default: str | None = None) -> str:
        value = self._environ.get(name, "")
        if value == "" and default is None:
            raise Refusal(f"{name} is not set: the task definition must give it")
        return value or default or ""

    def secret(self, name: str) -> str:
        value = self.text(name)
        if "\0" in value or value != value.strip("\r\n"):
            raise Refusal(f"{name} has a line end or a NUL at its edge: store the secret without it")
        return value

    def number(self, name: str, default: int, low: int, high: int) -> int:
        raw = self.text(name, str(default))
        if not raw.isascii() or not raw.isdigit() or not low <= int(raw) <= high:
            raise Refusal(f"{name} must be a whole number from {low} to {high}, not {raw!r}")
        return int(raw)

    def truth(self, name: str, default: Literal["true", "false"]) -> bool:
        raw = self.text(name, default).lower()
        if raw not in _TRUE + _FALSE:
            raise Refusal(f"{name} must be true or false, not {raw!r}")
        return raw in _TRUE

    def identifier(self, name: str, default: str | None = None) -> str:
        raw = self.text(name, default)
        if not _IDENTIFIER.fullmatch(raw):
            raise Refusal(f"{name} must be a PostgreSQL name of letters, digits, _ and -, not {raw!r}")
        return raw


def _database(read: _Reader) -> Database:
    host = read.text("MLFLOW_AWS_DB_HOST")
    if not re.fullmatch(r"[A-Za-z0-9._-]+", host):
        raise Refusal(
            f"MLFLOW_AWS_DB_HOST must be a host name without scheme, user or port, not {host!r}: "
            "the port belongs in MLFLOW_AWS_DB_PORT"
        )
    sslmode = read.text("MLFLOW_AWS_DB_SSLMODE", "require")
    if sslmode not in SSL_MODES:
        raise Refusal(f"MLFLOW_AWS_DB_SSLMODE must be one of {', '.join(SSL_MODES)}, not {sslmode!r}")
    tracking = read.identifier("MLFLOW_AWS_DB_TRACKING", "mlflow")
    auth = read.identifier("MLFLOW_AWS_DB_LOGINS", "mlflow_auth")
    if tracking == auth:
        raise Refusal(
            "MLFLOW_AWS_DB_TRACKING and MLFLOW_AWS_DB_LOGINS are the same database: MLflow 2 keeps both "
            "schema versions in one table, so it needs two"
        )
    return Database(
        host=host,
        port=read.number("MLFLOW_AWS_DB_PORT", 5432, 1, 65535),
        sslmode=sslmode,
        user=read.identifier("MLFLOW_AWS_DB_USER"),
        password=read.secret("MLFLOW_AWS_DB_PASSWORD"),
        tracking=tracking,
        auth=auth,
    )


def _admin_username(read: _Reader) -> str:
    name = read.text("MLFLOW_AWS_ADMIN_USERNAME")
    if ":" in name or not name.isprintable():
        raise Refusal("MLFLOW_AWS_ADMIN_USERNAME must be printable and hold no colon (HTTP basic authentication)")
    return name


def _artifacts(read: _Reader) -> ArtifactRoot:
    try:
        return ArtifactRoot.parse(read.text("MLFLOW_AWS_ARTIFACTS"))
    except ValueError as error:
        raise Refusal(str(error)) from error


def serve_settings(environ: Mapping[str, str]) -> ServeSettings:
    """The settings of the server.

    :raises Refusal: a variable is missing or wrong; the message names it.
    """
    read = _Reader(environ)
    return ServeSettings(
        database=_database(read),
        scratch=Path(read.text("MLFLOW_AWS_SCRATCH", "/var/lib/mlflow")),
        admin_username=_admin_username(read),
        artifacts=_artifacts(read),
        port=read.number("MLFLOW_AWS_PORT", 5000, 1, 65535),
        workers=read.number("MLFLOW_AWS_WORKERS", 1, 1, 64),
        pool_size=read.number("MLFLOW_AWS_POOL_SIZE", 3, 2, 100),
        allowed_hosts=read.text("MLFLOW_AWS_ALLOWED_HOSTS", ""),
        cors_origins=read.text("MLFLOW_AWS_CORS_ORIGINS", ""),
        login_cache=read.truth("MLFLOW_AWS_LOGIN_CACHE", "true"),
        flask_key=read.secret("MLFLOW_FLASK_SERVER_SECRET_KEY"),
        gateway_passphrase=read.secret("MLFLOW_CRYPTO_KEK_PASSPHRASE"),
    )


def migrate_settings(environ: Mapping[str, str]) -> MigrateSettings:
    """The settings of the migration.

    :raises Refusal: a variable is missing or wrong; the message names it.
    """
    read = _Reader(environ)
    database = _database(read)
    master = Master(
        user=read.text("MLFLOW_AWS_DB_MASTER_USER"),
        password=read.secret("MLFLOW_AWS_DB_MASTER_PASSWORD"),
        database=read.text("MLFLOW_AWS_DB_MASTER_DATABASE", "postgres"),
    )
    if master.user in (database.user, database.other):
        raise Refusal(
            "MLFLOW_AWS_DB_USER is the master user: MLflow connects as a role of its own, so name another one"
        )
    return MigrateSettings(
        database=database,
        master=master,
        admin_username=_admin_username(read),
        admin_password=read.secret("MLFLOW_AWS_ADMIN_PASSWORD"),
        gateway_passphrase=read.secret("MLFLOW_CRYPTO_KEK_PASSPHRASE"),
    )
