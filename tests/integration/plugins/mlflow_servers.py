# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real MLflow servers of several versions for tests: installed once by uv, booted on a loopback port."""

from __future__ import annotations

import base64
import fcntl
import hashlib
import http.client
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.postgres import Postgres, running_postgres

ROOT = Path(__file__).resolve().parents[3]

#: What each version needs beside itself: 2.x fails with newer SQLAlchemy and setuptools.
_OLD = ["sqlalchemy<2.1", "flask-wtf", "setuptools<80", "psycopg2-binary"]
REQUIREMENTS = {
    "3.17.2": ["mlflow[auth]==3.17.2", "psycopg2-binary"],
    "2.22.5": ["mlflow==2.22.5", *_OLD],
    "2.18.0": ["mlflow==2.18.0", *_OLD],
}

#: The login cache (3.x) belongs to a worker; with one worker a changed password is refused at once.
_SETTINGS = """[mlflow]
default_permission = NO_PERMISSIONS
database_uri = {database}
admin_username = admin
admin_password = {password}
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
auth_cache_ttl_seconds = 60
"""


def installed(version: str) -> Path:
    """The virtual environment that holds MLflow ``version``, made where it is missing."""
    cache = ROOT / ".cache"
    cache.mkdir(exist_ok=True)
    wanted = "\n".join(REQUIREMENTS[version])
    home = cache / f"mlflow-{version}-{hashlib.sha256(wanted.encode()).hexdigest()[:8]}"
    ready = home / ".ready"
    with (cache / f".mlflow-{version}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not ready.exists():
            uv = [sys.executable, "-m", "uv"]
            subprocess.run([*uv, "venv", "-q", "--clear", "--python", sys.executable, str(home)], check=True)
            python = str(home / "bin" / "python")
            subprocess.run([*uv, "pip", "install", "-q", "--python", python, *REQUIREMENTS[version]], check=True)
            ready.touch()
    return home


@dataclass
class MlflowServer:
    """A running server.

    :param password: the admin's password as the test last set it.
    :param postgres: holds its databases ``tracking`` and ``logins``.
    """

    url: str
    folder: Path
    password: str
    process: subprocess.Popen[bytes]
    postgres: Postgres
    begin: Callable[[], subprocess.Popen[bytes]]

    def restart(self, pause: float) -> None:
        """End the server, and begin it again after a pause of some seconds; it is not waited for."""
        _end(self.process)
        time.sleep(pause)
        self.process = self.begin()

    @property
    def authorization(self) -> str:
        """The header of the admin's login."""
        return "Basic " + base64.b64encode(f"admin:{self.password}".encode()).decode()

    def ask(
        self, method: str, path: str, payload: Any = None, login: tuple[str, str] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """A raw API call, without any of our own code: status and JSON."""
        user, password = login or ("admin", self.password)
        coded = base64.b64encode(f"{user}:{password}".encode()).decode()
        headers = {"Authorization": f"Basic {coded}", "Content-Type": "application/json"}
        data = None if payload is None else json.dumps(payload).encode()
        request = urllib.request.Request(self.url + path, data=data, headers=headers, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=30) as response:
                body, status = response.read(), response.status
        except urllib.error.HTTPError as error:
            body, status = error.read(), error.code
        with suppress(ValueError):
            return status, json.loads(body)
        return status, {}

    def accepts(self, password: str, username: str = "admin") -> bool:
        """Whether a login works."""
        status, _ = self.ask("GET", f"/api/2.0/mlflow/users/get?username={quote(username)}", login=(username, password))
        return status == 200

    def change(self, password: str) -> None:
        """Set the admin's password by a raw call."""
        payload = {"username": "admin", "password": password, "current_password": self.password}
        status, said = self.ask("PATCH", "/api/2.0/mlflow/users/update-password", payload)
        assert status == 200, said
        self.password = password

    def artifacts(self) -> list[str]:
        """Files that lie in the artifact root."""
        return [str(path) for path in (self.folder / "artifacts").rglob("*") if path.is_file()]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def mlflow_server(version: str, folder: Path, password: str | None = None) -> Iterator[MlflowServer]:
    """Boot a server with basic-auth on a PostgreSQL of its own and a local artifact root; both end with the context."""
    with running_postgres("16", folder) as postgres:
        for name in ("tracking", "logins"):
            postgres.query(f"CREATE DATABASE {name} OWNER {postgres.master}")
        with _server_on(postgres, version, folder, password) as server:
            yield server


@contextmanager
def _server_on(postgres: Postgres, version: str, folder: Path, password: str | None) -> Iterator[MlflowServer]:
    home = installed(version)
    # The password has every character that breaks a URI; in the ini each % stands twice.
    login = f"{postgres.master}:{quote(postgres.master_password, safe='')}"
    place = f"postgresql+psycopg2://{login}@127.0.0.1:{postgres.port}"
    password = password or secrets.token_urlsafe(24)
    settings = folder / "auth_settings.cfg"
    settings.touch(mode=0o600)
    settings.write_text(_SETTINGS.format(database=f"{place}/logins".replace("%", "%%"), password=password))
    port = _free_port()
    env = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "AWS_"))}
    # Without bytecode every boot compiles MLflow anew: half a minute.
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    env |= {
        "PATH": f"{home / 'bin'}:{env['PATH']}",
        "MLFLOW_AUTH_CONFIG_PATH": str(settings),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": secrets.token_hex(16),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_BACKEND_STORE_URI": f"{place}/tracking",
    }
    command = [str(home / "bin" / "mlflow"), "server", "--app-name", "basic-auth", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--workers", "1", "--artifacts-destination", str(folder / "artifacts")]

    def begin() -> subprocess.Popen[bytes]:
        with (folder / "server.log").open("ab") as log:
            return subprocess.Popen(
                command, cwd=folder, env=env, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )

    server = MlflowServer(f"http://127.0.0.1:{port}", folder, password, begin(), postgres, begin)
    try:
        _wait(server)
        yield server
    finally:
        _end(server.process)


def _wait(server: MlflowServer, seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert server.process.poll() is None, (server.folder / "server.log").read_text()[-4000:]
        with suppress(OSError, http.client.HTTPException):
            if server.ask("GET", "/health")[0] == 200:
                return
        time.sleep(0.2)
    raise AssertionError("the server did not start:\n" + (server.folder / "server.log").read_text()[-4000:])


def _end(process: subprocess.Popen[bytes]) -> None:
    """The server's whole process group: its workers outlive a SIGTERM to the parent."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(2)
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(10)


class Between(ThreadingHTTPServer):
    """A stand-in for a load balancer that hands each connection to the next of its servers.

    :param lose: the beginnings of ``method path`` of requests that are passed on but whose answer is lost, each once.

    While ``busy`` is set, every request is answered with 502, as by a load balancer without a healthy target. So is a
    request that a server does not take. Each answer comes ``delay`` seconds late. The next ``drops`` connections are
    closed before the request is passed on.
    Where ``exchange`` is set, a request with the first ``Authorization`` is passed on with the second.
    """

    daemon_threads = True

    def __init__(self, *servers: MlflowServer, lose: tuple[str, ...] = ()) -> None:
        super().__init__(("127.0.0.1", 0), _Between)
        self.targets = [server.url.removeprefix("http://") for server in servers]
        self.lose = list(lose)
        self.busy = False
        self.delay = 0.0
        self.drops = 0
        self.exchange: tuple[str, str] | None = None
        self.lost: list[str] = []
        self._turn = 0
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def next_target(self) -> str:
        with self._lock:
            self._turn += 1
            return self.targets[self._turn % len(self.targets)]

    def loses(self, what: str) -> bool:
        with self._lock:
            found = next((item for item in self.lose if what.startswith(item)), None)
            if found:
                self.lose.remove(found)
                self.lost.append(found)
            return found is not None


class _Between(BaseHTTPRequestHandler):
    server: Between

    def _pass(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.server.busy:
            self.send_error(502)
            return
        if self.server.drops > 0:
            self.server.drops -= 1
            self._close()
            return
        time.sleep(self.server.delay)
        onward = http.client.HTTPConnection(self.server.next_target(), timeout=30)
        headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
        if self.server.exchange and headers.get("Authorization") == self.server.exchange[0]:
            headers["Authorization"] = self.server.exchange[1]
        try:
            onward.request(self.command, self.path, body or None, headers)
            answer = onward.getresponse()
            said = answer.read()
        except (OSError, http.client.HTTPException):
            self.send_error(502)
            return
        finally:
            onward.close()
        if self.server.loses(f"{self.command} {self.path}"):
            self._close()
            return
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("connection", "transfer-encoding", "content-length", "server", "date"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _pass

    def _close(self) -> None:
        self.connection.shutdown(socket.SHUT_RDWR)
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        return


@contextmanager
def between(*servers: MlflowServer, lose: tuple[str, ...] = ()) -> Iterator[Between]:
    """A :class:`Between` that runs as long as the context."""
    proxy = Between(*servers, lose=lose)
    threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield proxy
    finally:
        proxy.shutdown()
        proxy.server_close()
