# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real parts for the task: PostgreSQL, an S3, an installed runtime of each MLflow, and a server on them."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable, Iterator

import pytest
from moto.server import ThreadedMotoServer

from tests.integration.runtime.runtime_parts import (
    BUCKET,
    PREFIX,
    VERSIONS,
    Runtime,
    Server,
    Storage,
    Task,
    clean_environment,
    run_install,
    serving,
    volumes,
)
from tests.postgres import Postgres, password, running_postgres


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """PostgreSQL 16, whose rules of role membership differ from 15's."""
    with running_postgres("16", tmp_path_factory.mktemp("postgres")) as running:
        yield running


# Not of the session: what is in moto ends with each module (tests/conftest.py).
@pytest.fixture(scope="module")
def storage() -> Iterator[Storage]:
    """An S3 on a free port of this machine."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        storage = Storage(f"http://{host}:{port}")
        storage.client().create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-2"})
        yield storage
    finally:
        server.stop()


_runtimes: dict[str, Runtime] = {}


@pytest.fixture(scope="session")
def runtime_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Runtime]:
    """The installed runtime of a version; installed once a session."""

    def get(version: str) -> Runtime:
        if version not in _runtimes:
            home, scratch = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("scratch")
            done = run_install(home, scratch, version)
            assert done.returncode == 0, done.stderr
            _runtimes[version] = Runtime(version, home, scratch, done.stdout)
        return _runtimes[version]

    return get


@pytest.fixture(scope="session", params=VERSIONS)
def runtime(request: pytest.FixtureRequest, runtime_of: Callable[[str], Runtime]) -> Runtime:
    """The runtime of each version."""
    return runtime_of(request.param)


@pytest.fixture(scope="module")
def new_task(postgres: Postgres, storage: Storage) -> Callable[..., Task]:
    """A task with a role and databases of its own names, which do not exist yet."""

    def make(runtime: Runtime, server: Postgres = postgres) -> Task:
        name = f"t{secrets.token_hex(4)}"
        env = {
            **clean_environment(),
            **storage.env,
            **volumes(runtime),
            "MLFLOW_AWS_DB_HOST": "127.0.0.1",
            "MLFLOW_AWS_DB_PORT": str(server.port),
            "MLFLOW_AWS_DB_SSLMODE": "disable",
            "MLFLOW_AWS_DB_USER": f"{name}-role",
            "MLFLOW_AWS_DB_TRACKING": f"{name}_tracking",
            "MLFLOW_AWS_DB_LOGINS": f"{name}-auth",
            "MLFLOW_AWS_ADMIN_USERNAME": "admin",
            "MLFLOW_AWS_ARTIFACTS": f"s3://{BUCKET}/{PREFIX}",
            "MLFLOW_AWS_WORKERS": "2",
            "MLFLOW_AWS_ALLOWED_HOSTS": "127.0.0.1:*,mlflow.example",
            "MLFLOW_AWS_CORS_ORIGINS": "http://mlflow.example",
            "MLFLOW_AWS_LOGIN_CACHE": "true",
            "MLFLOW_AWS_DB_MASTER_USER": server.master,
            "MLFLOW_AWS_DB_MASTER_DATABASE": "postgres",
        }
        hidden = {
            "MLFLOW_AWS_DB_PASSWORD": password(),
            "MLFLOW_AWS_DB_MASTER_PASSWORD": server.master_password,
            "MLFLOW_AWS_ADMIN_PASSWORD": password(),
            "MLFLOW_FLASK_SERVER_SECRET_KEY": secrets.token_urlsafe(32),
            "MLFLOW_CRYPTO_KEK_PASSPHRASE": secrets.token_urlsafe(32),
        }
        return Task(runtime, server, env, hidden)

    return make


# A file's own: the tests of the server leave users behind, in whatever order pytest puts the files.
@pytest.fixture(scope="module")
def migrated(runtime: Runtime, new_task: Callable[..., Task], storage: Storage) -> Task:
    """A task of each version whose migration has run, and a bucket in which nothing of another version lies."""
    for key in storage.stored():
        storage.client().delete_object(Bucket=BUCKET, Key=key)
    task = new_task(runtime)
    done = task.run("migrate")
    assert done.returncode == 0, done.stderr
    return task


@pytest.fixture(scope="module")
def server(migrated: Task, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of each version with two workers, as the service has them."""
    with serving(migrated, tmp_path_factory.mktemp("server") / "log") as running:
        yield running


@pytest.fixture
def nobody_listens() -> int:
    """A port at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
