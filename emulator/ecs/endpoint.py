# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task finds at its metadata and credentials addresses.

Sources: "Amazon ECS task metadata endpoint version 4" and "Container credential provider" (AWS SDKs
and tools reference). One small server on loopback for all tasks; a task's own part is named by a
random token, and its credentials also want the task's authorization token.
"""

from __future__ import annotations

import hmac
import json
import secrets
import threading
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol

from emulator import identity
from emulator.addresses import LOOPBACK
from emulator.loopback import misdirected


class Described(Protocol):
    """A task, as the endpoint needs it."""

    id: str
    role_arn: str | None

    def metadata(self, container: str | None) -> dict[str, Any]:
        """The document of the task, or of one of its containers."""


class TaskEndpoint:
    """Serves metadata and credentials to tasks, from :meth:`start` to :meth:`stop`."""

    def __init__(self) -> None:
        self._containers: dict[str, tuple[Described, str]] = {}
        self._credentials: dict[str, tuple[Described, str]] = {}
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            """Answers GET."""

            def do_GET(self) -> None:
                problem = misdirected(self.headers.get_all("Host", []), self.headers.get_all("Origin", []))
                if problem is not None:
                    status, document = problem.status, {"code": "MisdirectedRequest", "message": problem.message}
                else:
                    status, document = endpoint.answer(self.path, self.headers.get("Authorization", ""))
                body = json.dumps(document, default=_text).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                """Log nothing: the paths are secrets."""

        self._server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, name="ecs-endpoint", daemon=True
        )
        self.url = f"http://{LOOPBACK}:{self._server.server_address[1]}"

    def start(self) -> None:
        """Answer from here on."""
        self._thread.start()

    def stop(self) -> None:
        """Answer no more."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join(5.0)
        self._server.server_close()

    def add_container(self, task: Described, container: str) -> str:
        """Serve the metadata of ``container``; returns the path that stands for it."""
        token = f"{secrets.token_hex(16)}-{secrets.randbelow(10**10):010d}"
        self._containers[token] = (task, container)
        return f"/v4/{token}"

    def add_credentials(self, task: Described) -> tuple[str, str]:
        """Serve the credentials of the task's role; returns their path and the authorization token."""
        name, token = secrets.token_urlsafe(18), secrets.token_urlsafe(32)
        self._credentials[name] = (task, token)
        return f"/v2/credentials/{name}", token

    def forget(self, task: Described) -> None:
        """Serve nothing more for ``task``."""
        self._containers = {key: each for key, each in self._containers.items() if each[0] is not task}
        self._credentials = {key: each for key, each in self._credentials.items() if each[0] is not task}

    def answer(self, path: str, authorization: str) -> tuple[int, Any]:
        """Status and document for a GET of ``path``."""
        parts = path.strip("/").split("/")
        if parts[0] == "v4" and len(parts) >= 2:
            found = self._containers.get(parts[1])
            if found is not None:
                task, container = found
                if len(parts) == 2:
                    return 200, task.metadata(container)
                if parts[2:] in (["task"], ["taskWithTags"]):
                    return 200, task.metadata(None)
        if parts[:2] == ["v2", "credentials"] and len(parts) == 3:
            known = self._credentials.get(parts[2])
            if known is not None:
                task, token = known
                if not hmac.compare_digest(authorization.encode(), token.encode()):
                    return 403, {"code": "AccessDeniedException", "message": "wrong authorization token"}
                try:
                    return 200, self._role_credentials(task)
                except identity.RoleNotAssumable as error:
                    return 400, {"code": "AccessDeniedException", "message": str(error)}
        return 404, {"code": "NotFound", "message": "not found"}

    @staticmethod
    def _role_credentials(task: Described) -> dict[str, Any]:
        return dict(identity.task_credentials(str(task.role_arn), task.id))


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
