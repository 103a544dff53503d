# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The container health check against servers that answer well, badly and not at all."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from mlflow_aws import healthcheck


@contextmanager
def server(answer: bytes) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                assert connection.recv(1024).startswith(b"GET /health HTTP/1.0\r\n")
                connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(5)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\nOK", 0),
        (b"HTTP/1.0 200 OK\r\n\r\n", 0),
        (b"HTTP/1.1 401 Unauthorized\r\n\r\n", 1),
        (b"HTTP/1.1 500 200\r\n\r\n", 1),
        (b"SSH-2.0-x\r\n", 1),
        (b"200 OK\r\n", 1),
        (b"", 1),
    ],
)
def test_answers(answer: bytes, code: int) -> None:
    with server(answer) as port:
        assert healthcheck.main({"MLFLOW_AWS_PORT": str(port)}) == code


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert healthcheck.main({"MLFLOW_AWS_PORT": str(port)}) == 1


def test_silence_ends() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert not healthcheck.is_healthy(listener.getsockname()[1], timeout=0.2)


def test_wrong_port() -> None:
    assert healthcheck.main({"MLFLOW_AWS_PORT": "five"}) == 1
