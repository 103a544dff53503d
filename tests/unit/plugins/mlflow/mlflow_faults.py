# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real HTTP server that misbehaves on demand."""

from __future__ import annotations

import socket
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Reply:
    """One answer of the server.

    :param drop: close the connection without an answer.
    :param cut: close it in the middle of the body.
    :param drip: seconds between two bytes of the body.
    """

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    drop: bool = False
    cut: bool = False
    drip: float = 0.0


@dataclass(frozen=True)
class Seen:
    """One request that reached the server."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class FaultServer(ThreadingHTTPServer):
    """Answers with the replies in turn, and with the last one ever after."""

    daemon_threads = True

    def __init__(self, *replies: Reply) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.replies = list(replies)
        self.seen: list[Seen] = []
        self._lock = threading.Lock()
        self.stopping = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def next(self, seen: Seen) -> Reply:
        with self._lock:
            self.seen.append(seen)
            return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


class _Handler(BaseHTTPRequestHandler):
    server: FaultServer

    def _reply(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply = self.server.next(Seen(self.command, self.path, headers, self.rfile.read(length)))
        if reply.drop:
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
            return
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        if reply.drip:
            for at in range(len(reply.body)):
                if self.server.stopping.wait(reply.drip):
                    return
                self.wfile.write(reply.body[at : at + 1])
                self.wfile.flush()
            return
        self.wfile.write(reply.body[: len(reply.body) // 2] if reply.cut else reply.body)
        if reply.cut:
            self.close_connection = True

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _reply

    def log_message(self, format: str, *args: object) -> None:
        return


def _page(status: int, title: str, **headers: str) -> Reply:
    text = f"<html><head><title>{title}</title></head><body>hello</body></html>"
    return Reply(status, text.encode(), {"Content-Type": "text/html", **headers})


_SSO = "https://login.example.org/authorize?client_id=abc&state=hidden"

#: Servers that are not MLflow and answer everything alike, and what must be said of each.
FOREIGN: dict[str, tuple[Reply, str]] = {
    "web server": (_page(404, "404 Not Found"), "no such route (404): a web page titled '404 Not Found'"),
    "web server that takes no POST": (_page(405, "Not Allowed"), "a web page titled 'Not Allowed'"),
    "login page": (_page(200, "Sign in to Example"), "a web page titled 'Sign in to Example'"),
    "single sign-on": (
        Reply(302, b"", {"Location": _SSO}),
        "is redirected (302) to https://login.example.org/authorize",
    ),
    "proxy with a login": (
        _page(401, "401 Authorization Required", **{"WWW-Authenticate": 'Basic realm="Staff only"'}),
        "a web page titled '401 Authorization Required'",
    ),
    "firewall": (_page(403, "403 Forbidden"), "forbidden (403): a web page titled '403 Forbidden'"),
    "broken site": (_page(500, "Oops"), "a web page titled 'Oops' (500)"),
    "balancer without targets": (_page(503, "503 Service Temporarily Unavailable"), "503 Service Temporarily"),
    "other API": (Reply(200, b'{"message": "hello"}'), "answers 200 but "),
    "other API without such a path": (Reply(404, b'{"detail": "Not Found"}'), '(404): {"detail": "Not Found"}'),
    "API gateway": (Reply(403, b'{"message": "Missing Authentication Token"}'), "Missing Authentication Token"),
    "text": (Reply(200, b"It works!"), "answers 200 but "),
    "nothing": (Reply(200, b""), "answers 200 but "),
    "S3": (
        Reply(403, b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>'),
        "forbidden (403): an XML document: AccessDenied",
    ),
}
