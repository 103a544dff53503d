# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``mlflow-aws serve``: checks what the server stands on, then becomes ``mlflow server``.

No secret is on the command line: MLflow reads the database's URI from its environment, and the
login database's from an ini file (0600) in the scratch folder. No schema is migrated here.
"""

from __future__ import annotations

import importlib.metadata
import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

from mlflow_aws import database as db
from mlflow_aws import gateway
from mlflow_aws.errors import Refusal
from mlflow_aws.redact import SECRET_VARIABLES
from mlflow_aws.settings import ServeSettings, serve_settings

#: Seconds that the database may be away when a task starts (a failover takes about a minute).
PATIENCE = 120.0
#: Seconds for requests in flight after SIGTERM; below the 30 that ECS gives a container by default.
GRACE = 20
#: Seconds that an idle connection stays open: longer than any load balancer's idle timeout (at most 4000), so that
#: it is never the server that closes a connection on which the load balancer is just sending a request (a 502).
KEEP_ALIVE = 4020
#: The name of our application (see app.py) among the entry points ``mlflow.app``.
APPLICATION = "mlflow-aws"
LOGIN = "mlflow_aws.access:authenticate"


def auth_ini(settings: ServeSettings) -> str:
    """The text of the ini file of MLflow's login application.

    ``%`` is doubled: configparser would take it for an interpolation. MLflow 2 wants an admin
    password here, which it uses only to create an absent admin. The migration has created the
    admin, and :func:`check_databases` has seen it, so a random one is never used nor known.
    """
    values = {
        "default_permission": "NO_PERMISSIONS",
        "database_uri": db.sqlalchemy_uri(settings.database, settings.database.auth),
        "admin_username": settings.admin_username,
        "admin_password": secrets.token_urlsafe(32),
        "authorization_function": LOGIN,
        # MLflow's own cache would accept a changed password on every other worker until its time is up.
        "auth_cache_ttl_seconds": "0",
    }
    return "[mlflow]\n" + "".join(f"{key} = {value.replace('%', '%%')}\n" for key, value in values.items())


def write_private(path: Path, text: str) -> None:
    """Write ``text`` to ``path``, which nobody but the owner can read at any moment."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
        out.write(text)
    temporary.replace(path)


def server_environment(settings: ServeSettings, environ: Mapping[str, str], ini: Path) -> dict[str, str]:
    """The environment of ``mlflow server``. Values that the task definition sets itself win, but for secrets."""
    scratch = str(settings.scratch)
    defaults = {
        "HOME": scratch,
        "TMPDIR": scratch,
        "PYTHONDONTWRITEBYTECODE": "1",  # the runtime is mounted read-only
        "PYTHONSAFEPATH": "1",
        "PYTHONUNBUFFERED": "1",
        "GIT_PYTHON_REFRESH": "quiet",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        # The job runner costs 300 to 900 MB, and runs what users send.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_BASIC_AUTH_FAIL_CLOSED": "true",
        "MLFLOW_SQLALCHEMYSTORE_POOL_RECYCLE": "1800",
        # Longer than the load balancer's idle timeout (60 seconds), or it would reuse closed connections (502).
        "UVICORN_TIMEOUT_KEEP_ALIVE": str(KEEP_ALIVE),
        "UVICORN_TIMEOUT_GRACEFUL_SHUTDOWN": str(GRACE),
        "GUNICORN_CMD_ARGS": (
            f"--worker-class gthread --threads 4 --keep-alive {KEEP_ALIVE} --timeout 120 --graceful-timeout {GRACE}"
        ),
    }
    if settings.allowed_hosts:
        defaults["MLFLOW_SERVER_ALLOWED_HOSTS"] = settings.allowed_hosts
    if settings.cors_origins:
        defaults["MLFLOW_SERVER_CORS_ALLOWED_ORIGINS"] = settings.cors_origins
    ours = {
        "MLFLOW_BACKEND_STORE_URI": db.sqlalchemy_uri(settings.database, settings.database.tracking),
        "MLFLOW_AUTH_CONFIG_PATH": str(ini),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": settings.flask_key,
        "MLFLOW_CRYPTO_KEK_PASSPHRASE": settings.gateway_passphrase,
        "MLFLOW_CRYPTO_KEK_VERSION": str(gateway.OURS),
        "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY": gateway.webhook_key(settings.gateway_passphrase),
        # Two pools a worker, for two databases (pool.py).
        "MLFLOW_SQLALCHEMYSTORE_POOL_SIZE": str(settings.pool_size),
        "MLFLOW_AWS_LOGIN_CACHE": str(settings.login_cache).lower(),
        "MLFLOW_AWS_ARTIFACTS": settings.artifacts.uri,
    }
    passed = {key: value for key, value in environ.items() if key not in SECRET_VARIABLES}
    return {**defaults, **passed, **ours}


def server_command(settings: ServeSettings) -> list[str]:
    """The command line of the server, without any secret."""
    return [
        sys.executable,
        "-I",  # without the site packages: this one process has no use for them
        "-S",
        str(Path(__file__).with_name("supervise.py")),
        str(GRACE + 5),
        sys.executable,
        "-m",
        "mlflow",
        "server",
        "--host",
        "0.0.0.0",  # the task's own network interface; its security group lets in the load balancer
        "--port",
        str(settings.port),
        "--workers",
        str(settings.workers),
        "--app-name",
        APPLICATION,
        "--serve-artifacts",
        "--default-artifact-root",
        "mlflow-artifacts:/",
        "--artifacts-destination",
        settings.artifacts.uri,
    ]


def check_databases(settings: ServeSettings) -> None:
    """Whether both databases are migrated and the admin exists.

    :raises Refusal: the migration task has to run first, or the database is not there.
    """
    database, folder = settings.database, db.mlflow_folder()
    for schema, name in (
        (db.tracking_schema(folder), database.tracking),
        (db.auth_schema(folder), database.auth),
    ):
        connection = db.wait_for(
            lambda name=name: db.connect(database, name),  # type: ignore[misc]
            f"the database {name} at {database.host}",
            PATIENCE,
        )
        try:
            schema.check_current(connection)
            if schema.what == "login":
                with connection.cursor() as cursor:
                    cursor.execute("SELECT is_admin FROM users WHERE username = %s", (settings.admin_username,))
                    if cursor.fetchone() != (True,):
                        raise Refusal(
                            f"the admin {settings.admin_username} does not exist: run the migration task first, "
                            "it creates the admin"
                        )
        finally:
            connection.close()


def check_application() -> None:
    """:raises Refusal: our application is not installed, so that the server would start without its rules."""
    names = {point.name for point in importlib.metadata.entry_points(group="mlflow.app")}
    if APPLICATION not in names:
        raise Refusal("the mlflow_aws package is not installed in this task: see the log of the container 'install'")


def main(environ: Mapping[str, str]) -> int:
    """Check, write the ini, and become the server (this function does not come back)."""
    settings = serve_settings(environ)
    check_application()
    check_databases(settings)
    ini = settings.scratch / "basic_auth.ini"
    write_private(ini, auth_ini(settings))
    command = server_command(settings)
    print(f"starting MLflow {importlib.metadata.version('mlflow')} with {settings.workers} worker(s)", flush=True)
    sys.stdout.flush()
    sys.stderr.flush()
    os.chdir(settings.scratch)
    os.execve(command[0], command, server_environment(settings, environ, ini))
