# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A way to an AWS on which the answer to one request is lost: AWS has done it, and the client does not know.

botocore then sends the same request once more ("standard" retries, connection errors). Where the operation has no
client token, AWS answers that what is to be created exists.
"""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


@dataclass
class Way:
    """Where clients go instead.

    :param url: for AWS_ENDPOINT_URL.
    :param lose: what the request has in its body, its target header or its method and path, such as
        ``Action=CreateSubnet``, ``CreateSecret`` or ``PUT /bucket``.
    :param lost: how many answers have been lost: one at most.
    """

    url: str
    lose: str
    lost: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def takes(self, line: str, target: str, body: bytes) -> bool:
        """Whether the answer to this request is to be lost."""
        words = [*body.decode("utf-8", "replace").split("&"), target.rpartition(".")[2], line]
        with self.lock:
            if self.lost or self.lose not in words:
                return False
            self.lost = 1
            return True


@contextmanager
def lossy(endpoint: str, lose: str) -> Iterator[Way]:
    """A loopback port that forwards everything to ``endpoint``, and loses one answer."""
    where = urlsplit(endpoint)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _forward(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked = http.client.HTTPConnection(str(where.hostname), int(where.port or 80), timeout=60)
            try:
                # The signature is over the name by which the client came, so the headers go on as they are.
                asked.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
                for name, value in self.headers.items():
                    if name.lower() != "expect":
                        asked.putheader(name, value)
                asked.endheaders(body)
                answer = asked.getresponse()
                text = answer.read()
            finally:
                asked.close()
            line = f"{self.command} {self.path.partition('?')[0]}"
            if way.takes(line, self.headers.get("X-Amz-Target", ""), body):
                self.close_connection = True
                return
            self.send_response_only(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(text)

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _forward

        def log_message(self, *arguments: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    way = Way(f"http://127.0.0.1:{server.server_port}", lose)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield way
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)
