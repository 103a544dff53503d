# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real parts of a task for tests: PostgreSQL, S3, the installed runtime, a running server."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from ansible_collections.mlops.mlflow_aws.plugins.plugin_utils.task_code import packed_code, payload

from emulator.addresses import free_port
from tests.postgres import Postgres

ROOT = Path(__file__).resolve().parents[3]
FILES = ROOT / "roles" / "ecs_mlflow" / "files"
VERSIONS = ["3.17.2", pytest.param("2.18.0", marks=pytest.mark.slow)]
_OF_THE_SERVER = ("MLFLOW_AWS_DB_PASSWORD", "MLFLOW_FLASK_SERVER_SECRET_KEY", "MLFLOW_CRYPTO_KEK_PASSPHRASE")
BUCKET, PREFIX = "models-of-test", "mlflow-artifacts"


@dataclass(frozen=True)
class Storage:
    """An S3 with the stack's bucket in it."""

    endpoint: str

    @property
    def env(self) -> dict[str, str]:
        """What a client of it has in its environment."""
        keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
        return {"AWS_ENDPOINT_URL": self.endpoint, "AWS_DEFAULT_REGION": "eu-west-2", **keys}

    def client(self) -> Any:
        """A boto3 client of it."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="eu-west-2",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def stored(self) -> list[str]:
        """All keys in the bucket."""
        return [entry["Key"] for entry in self.client().list_objects_v2(Bucket=BUCKET).get("Contents", [])]


def clean_environment() -> dict[str, str]:
    """This machine's environment without what belongs to tests and other tools."""
    dropped = ("AWS_", "MLFLOW_", "PYTEST", "VIRTUAL_ENV", "PYTHON")
    return {key: value for key, value in os.environ.items() if not key.startswith(dropped)}


def run_install(home: Path, scratch: Path, version: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run the container ``install`` as the task definition does."""
    env = {
        **clean_environment(),
        "UV_CACHE_DIR": str(ROOT / ".cache" / "uv"),
        "MLFLOW_AWS_HOME": str(home),
        "MLFLOW_AWS_SCRATCH": str(scratch),
        "MLFLOW_AWS_VERSION": version,
        "MLFLOW_AWS_PAYLOAD": payload(str(FILES / "mlflow_aws")),
        **more,
    }
    text = packed_code((FILES / "install.py").read_text(encoding="utf-8"))
    return subprocess.run([sys.executable, "-c", text], env=env, capture_output=True, text=True, check=False)


@dataclass(frozen=True)
class Runtime:
    """The two volumes of a task, filled."""

    version: str
    home: Path
    scratch: Path
    said: str

    @property
    def command(self) -> str:
        """The command of the task's containers."""
        return str(self.home / "bin" / "mlflow-aws")

    @property
    def generation(self) -> int:
        """2 or 3."""
        return int(self.version[0])


@dataclass(frozen=True)
class Task:
    """A task's environment: settings and secrets, as the contract of the task definition has them."""

    runtime: Runtime
    postgres: Postgres
    env: dict[str, str]
    secrets: dict[str, str] = field(repr=False)

    @property
    def admin_password(self) -> str:
        """The first admin's password."""
        return self.secrets["MLFLOW_AWS_ADMIN_PASSWORD"]

    def run(self, command: str, **changes: str) -> subprocess.CompletedProcess[str]:
        """Run ``mlflow-aws command`` to its end."""
        env = {**self.env, **self.secrets, **changes}
        return subprocess.run(
            [self.runtime.command, command], env=env, capture_output=True, text=True, check=False, timeout=240
        )

    def with_runtime(self, runtime: Runtime) -> Task:
        """The same task with another MLflow."""
        env = {**self.env, **volumes(runtime)}
        return Task(runtime, self.postgres, env, self.secrets)


def volumes(runtime: Runtime) -> dict[str, str]:
    """The settings that name the volumes of a task."""
    scratch = str(runtime.scratch)
    return {
        "MLFLOW_AWS_HOME": str(runtime.home),
        "MLFLOW_AWS_SCRATCH": scratch,
        "HOME": scratch,
        "TMPDIR": scratch,
    }


@dataclass(frozen=True)
class Answer:
    """What a server answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Server:
    """A running ``mlflow-aws serve``."""

    task: Task
    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        login: tuple[str, str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """One request on a connection of its own, as the admin unless ``login`` says otherwise.

        :param login: user and password; ``("", "")`` sends none.
        """
        user, word = login if login is not None else ("admin", self.task.admin_password)
        sent = dict(headers or {})
        if user:
            sent["Authorization"] = "Basic " + base64.b64encode(f"{user}:{word}".encode()).decode()
        data = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
        if data is not None and not isinstance(body, bytes):
            sent.setdefault("Content-Type", "application/json")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        with contextlib.closing(connection):
            connection.request(method, path, data, sent)
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.getheaders()), answer.read())

    def api(self, path: str, body: Any = None, method: str = "POST", login: tuple[str, str] | None = None) -> Any:
        """The JSON that an API call answers; fails on anything but 200."""
        answer = self.call(method, f"/api/2.0/mlflow/{path}", body, login)
        assert answer.status == 200, (path, answer.status, answer.body)
        return answer.json

    def group(self) -> list[int]:
        """The pids of the server, its supervisor and its workers."""
        found = []
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError, ValueError):
                if os.getpgid(int(entry.name)) == self.process.pid:
                    found.append(int(entry.name))
        return found


@contextlib.contextmanager
def serving(task: Task, log: Path, **changes: str) -> Iterator[Server]:
    """Run ``mlflow-aws serve`` until the block ends; it is healthy when the block begins."""
    port = free_port()
    kept = {name: task.secrets[name] for name in _OF_THE_SERVER}
    env = {key: value for key, value in task.env.items() if "MASTER" not in key}
    env = {**env, **kept, "MLFLOW_AWS_PORT": str(port), **changes}
    with open(log, "wb") as sink:
        process = subprocess.Popen(
            [task.runtime.command, "serve"], env=env, stdout=sink, stderr=sink, start_new_session=True
        )
    try:
        deadline = time.monotonic() + 120
        while subprocess.run([task.runtime.command, "healthcheck"], env=env, check=False).returncode != 0:
            text = log.read_text(encoding="utf-8")
            assert process.poll() is None, text
            assert time.monotonic() < deadline, text
            time.sleep(0.25)
        yield Server(task, process, port, log)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(40)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
