# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The container health check: is MLflow answering on the port of this task?

Nothing but sockets is imported: the check runs every few seconds beside the server.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping

#: Seconds for connection and answer; below the 5 seconds that ECS gives a check by default.
TIMEOUT = 4.0
_REQUEST = b"GET /health HTTP/1.0\r\nHost: localhost\r\n\r\n"


def is_healthy(port: int, host: str = "127.0.0.1", timeout: float = TIMEOUT) -> bool:
    """Whether ``GET /health`` is answered with 200 within ``timeout`` seconds."""
    try:
        with socket.create_connection((host, port), timeout=timeout) as connection:
            connection.settimeout(timeout)
            connection.sendall(_REQUEST)
            answer = b""
            while b"\r\n" not in answer and len(answer) < 4096:
                chunk = connection.recv(512)
                if not chunk:
                    break
                answer += chunk
    except OSError:
        return False
    words = answer.split(b"\r\n", 1)[0].split()
    return len(words) >= 2 and words[0].startswith(b"HTTP/1.") and words[1] == b"200"


def main(environ: Mapping[str, str]) -> int:
    """0 when MLflow answers, else 1 (any other code would mean the same to ECS)."""
    try:
        port = int(environ.get("MLFLOW_AWS_PORT") or "5000")
    except ValueError:
        return 1
    return 0 if is_healthy(port) else 1


if __name__ == "__main__":
    sys.exit(main(os.environ))
