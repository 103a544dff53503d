# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place that builds URIs, and revisions read from files."""

from __future__ import annotations

import configparser
import secrets
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from mlflow_aws import database as db
from mlflow_aws import serve
from mlflow_aws.errors import Refusal
from mlflow_aws.locations import ArtifactRoot
from mlflow_aws.settings import Database, ServeSettings
from psycopg2.extensions import parse_dsn

MARKS = [" ", "%40", "%s%(x)s", "${X}", "ü€", "🔑", *"%;\"'#@:/?&=+\\[$"]
PASSWORDS = [f"{mark}{secrets.token_hex(4)}{mark}" for mark in MARKS]


def database(password: str) -> Database:
    return Database("db.example", 5433, "require", "ml-flow", password, "tracking", "auth")


def settings_with(secret: str, cache: bool = True) -> ServeSettings:
    root = ArtifactRoot("b-1", "p")
    return ServeSettings(database(secret), Path("/x"), "admin", root, 5000, 2, 3, "", "", cache, secret, secret)


@pytest.mark.parametrize("password", PASSWORDS, ids=range(len(PASSWORDS)))
def test_uri_and_ini_give_every_password_back(password: str) -> None:
    settings = settings_with(password)
    ini = configparser.ConfigParser()
    ini.read_string(serve.auth_ini(settings))
    driver, _, rest = ini["mlflow"]["database_uri"].partition("://")
    assert driver == "postgresql+psycopg2"
    read = parse_dsn(f"postgresql://{rest}")  # PostgreSQL's own parser of URIs
    assert (read["user"], read["password"], read["host"], read["port"]) == ("ml-flow", password, "db.example", "5433")
    assert (read["dbname"], read["sslmode"]) == ("auth", "require")
    assert ini["mlflow"]["default_permission"] == "NO_PERMISSIONS"


def test_no_secret_on_the_command_line() -> None:
    secret = secrets.token_urlsafe(24)
    settings = settings_with(secret)
    assert secret not in " ".join(serve.server_command(settings))


def test_environment_of_the_server() -> None:
    secret = secrets.token_urlsafe(24)
    settings = replace(settings_with(secret), allowed_hosts="h1,h2", cors_origins="https://o")
    given = {"MLFLOW_AWS_DB_PASSWORD": secret, "UVICORN_TIMEOUT_KEEP_ALIVE": "5", "PATH": "/bin", "HOME": "/root"}
    env = serve.server_environment(settings, given, Path("/x/ini"))
    assert env["MLFLOW_SERVER_ALLOWED_HOSTS"] == "h1,h2"
    assert env["MLFLOW_SERVER_CORS_ALLOWED_ORIGINS"] == "https://o"
    assert env["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"
    assert (env["UVICORN_TIMEOUT_KEEP_ALIVE"], env["PATH"], env["HOME"]) == ("5", "/bin", "/root")
    assert "MLFLOW_AWS_DB_PASSWORD" not in env
    assert env["MLFLOW_SQLALCHEMYSTORE_POOL_SIZE"] == "3"
    assert (env["MLFLOW_CRYPTO_KEK_PASSPHRASE"], env["MLFLOW_CRYPTO_KEK_VERSION"]) == (secret, "2")


@pytest.mark.parametrize("cache", [True, False])
def test_login_cache_is_a_choice(cache: bool) -> None:
    settings = settings_with("x", cache)
    assert "authorization_function = mlflow_aws.access:authenticate\n" in serve.auth_ini(settings)
    assert serve.server_environment(settings, {}, Path("/x"))["MLFLOW_AWS_LOGIN_CACHE"] == str(cache).lower()


def test_ini_is_private(tmp_path: Path) -> None:
    file = tmp_path / "basic_auth.ini"
    file.write_text("old", encoding="utf-8")
    file.chmod(0o644)
    serve.write_private(file, "new")
    assert (file.read_text(encoding="utf-8"), file.stat().st_mode & 0o777) == ("new", 0o600)
    assert list(tmp_path.iterdir()) == [file]


def mlflow_with(tmp_path: Path, revisions: dict[str, str], table: str = "") -> Path:
    for part in ("store/db_migrations", "server/auth/db/migrations"):
        versions = tmp_path / part / "versions"
        versions.mkdir(parents=True)
        for name, text in revisions.items():
            (versions / f"{name}.py").write_text(text, encoding="utf-8")
        (tmp_path / part / "env.py").write_text(f"# {table}", encoding="utf-8")
    return tmp_path


CHAIN = {
    "a": "import nothing_that_exists\nrevision = 'a'\ndown_revision = None\n",
    "b": "revision: str = 'b'\ndown_revision: str = 'a'\n",
    "c": "revision = 'c'\ndown_revision = 'a'\n",
    "d": "revision = 'd'\ndown_revision = ('b', 'c')\n",
    "__init__": "",
}


def test_revisions_are_read_without_running_anything(tmp_path: Path) -> None:
    folder = mlflow_with(tmp_path, CHAIN)
    schema = db.tracking_schema(folder)
    assert (schema.known, schema.head, schema.table) == (frozenset("abcd"), "d", "alembic_version")
    assert db.auth_schema(folder).table == "alembic_version"


def test_table_of_the_login_schema(tmp_path: Path) -> None:
    assert db.auth_schema(mlflow_with(tmp_path, CHAIN, "alembic_version_auth")).table == "alembic_version_auth"


def test_two_heads(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="2 newest"):
        db.tracking_schema(mlflow_with(tmp_path, {key: CHAIN[key] for key in "abc"}))


def test_database_of_a_newer_mlflow(tmp_path: Path) -> None:
    schema = db.tracking_schema(mlflow_with(tmp_path, CHAIN))
    schema.check_not_newer(None)
    schema.check_not_newer("b")
    with pytest.raises(Refusal, match="newer MLflow"):
        schema.check_not_newer("z")


class Server:
    """Refuses with ``errors``, one a call, and then answers."""

    def __init__(self, *errors: str) -> None:
        self.errors = list(errors)

    def __call__(self) -> str:
        if self.errors:
            raise psycopg2.OperationalError(self.errors.pop(0))
        return "connection"


def test_waiting_ends_with_a_connection() -> None:
    waits: list[float] = []
    assert db.wait_for(Server("starting up", "refused"), "it", 60, waits.append) == "connection"
    assert len(waits) == 2


def test_waiting_is_bounded() -> None:
    with pytest.raises(Refusal, match=r"it was not reachable for 0 seconds.*refused"):
        db.wait_for(Server("refused", "refused"), "it", 0, lambda _: None)


@pytest.mark.parametrize("error", ["remaining connection slots are reserved for x", "sorry, too many clients already"])
def test_a_full_database_is_not_taken_for_one_that_cannot_be_reached(error: str) -> None:
    with pytest.raises(Refusal, match=r"it had no free connection for 0 seconds \(other programs.*" + error):
        db.wait_for(Server(error, error), "it", 0, lambda _: None)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        ('FATAL:  password authentication failed for user "x"', "refused the connection"),
        ('FATAL:  no pg_hba.conf entry for host "10.0.0.1"', "refused the connection"),
        ('FATAL:  database "tracking" does not exist', "run the migration task first"),
    ],
)
def test_waiting_is_no_use(error: str, message: str) -> None:
    def never(_seconds: float) -> Any:
        raise AssertionError("waited")

    with pytest.raises(Refusal, match=message):
        db.wait_for(Server(error), "it", 60, never)
