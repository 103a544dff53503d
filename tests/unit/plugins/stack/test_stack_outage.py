# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A read outlasts an outage of two minutes, and ends at once with what is none."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import botocore.exceptions
import pytest
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack import discovery, outage
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.names import stack_names
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.outage import is_outage, patiently
from ansible_collections.mlops.mlflow_aws.plugins.modules import stack_info
from botocore.config import Config


def _answered(code: str, status: int) -> botocore.exceptions.ClientError:
    answer = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return botocore.exceptions.ClientError(answer, "DescribeVpcs")


def _unconnected(said: str) -> Exception:
    error: Exception = botocore.exceptions.EndpointConnectionError(endpoint_url="https://ec2", error=OSError(said))
    return error


OUTAGES = [
    _answered("ServiceUnavailable", 503),
    _answered("InternalError", 500),
    _answered("InternalFailure", 500),
    _unconnected("[Errno 111] Connection refused"),
    botocore.exceptions.ConnectionClosedError(endpoint_url="https://ec2"),
    botocore.exceptions.ReadTimeoutError(endpoint_url="https://ec2"),
]
OTHERS = [
    _answered("AccessDenied", 403),
    _answered("Throttling", 400),
    _unconnected("Failed to resolve 'ec2.eu-wst-2.amazonaws.com' (Name or service not known)"),
    botocore.exceptions.ConnectTimeoutError(endpoint_url="https://ec2"),
    botocore.exceptions.NoCredentialsError(),
    KeyError("Vpcs"),
]


class Clock:
    """A clock that only pauses move."""

    def __init__(self) -> None:
        self.now = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("error", OUTAGES, ids=[type(one).__name__ + str(one)[:40] for one in OUTAGES])
def test_an_outage_of_less_than_two_minutes_is_outlasted_and_told(error: Exception) -> None:
    clock, told = Clock(), list[str]()

    def call() -> str:
        if clock.now < 115:
            raise error
        return "answer"

    assert patiently(call, told.append, clock=clock, sleep=clock.sleep) == "answer"
    assert told == [f"AWS did not answer for 115 s, and does again ({error})"]


def test_one_that_lasts_ends_the_run() -> None:
    clock, told = Clock(), list[str]()

    def call() -> None:
        raise OUTAGES[0]

    with pytest.raises(botocore.exceptions.ClientError):
        patiently(call, told.append, clock=clock, sleep=clock.sleep)
    assert clock.now == outage.PATIENCE
    assert told == []


@pytest.mark.parametrize("error", OTHERS, ids=[type(one).__name__ + str(one)[:40] for one in OTHERS])
def test_what_is_none_ends_it_at_once(error: Exception) -> None:
    clock = Clock()

    def call() -> None:
        raise error

    assert not is_outage(error)
    with pytest.raises(type(error)):
        patiently(call, lambda _text: None, clock=clock, sleep=clock.sleep)
    assert clock.now == 0


def test_no_answer_is_asked_about_twice() -> None:
    asked: list[int] = []
    told: list[str] = []
    assert patiently(lambda: asked.append(1), told.append) is None
    assert (asked, told) == ([1], [])


class _Broken(BaseHTTPRequestHandler):
    """Answers each request with 503, as a service in an outage does."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(503)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def _serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def _sts(url: str) -> Any:
    keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b"}
    once = Config(retries={"mode": "standard", "total_max_attempts": 1})
    return boto3.client("sts", endpoint_url=url, region_name="eu-west-2", config=once, **keys)


def test_botocore_s_own_errors_are_outages() -> None:
    """The real errors, of a server that answers 503 and of a port at which nobody listens."""
    with _serving(_Broken) as url, pytest.raises(botocore.exceptions.ClientError) as answered:
        _sts(url).get_caller_identity()
    assert is_outage(answered.value)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        closed = probe.getsockname()[1]
    with pytest.raises(botocore.exceptions.EndpointConnectionError) as refused:
        _sts(f"http://127.0.0.1:{closed}").get_caller_identity()
    assert is_outage(refused.value)
    with pytest.raises(botocore.exceptions.EndpointConnectionError) as unknown:
        _sts("http://no-such-host.invalid").get_caller_identity()
    assert not is_outage(unknown.value)


def test_every_read_of_the_module_is_patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A discovery whose first try meets an outage is made again."""
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
    tries = iter([OUTAGES[0], None])
    told: list[str] = []

    def discover(_account: Any) -> dict[str, Any]:
        if error := next(tries):
            raise error
        return {"foreign": []}

    class Module:
        """Its options, none of them given."""

        params = dict.fromkeys(stack_info.ARGUMENTS) | {"adopt": [], "bucket_sharers": []}
        region = "eu-west-2"
        warn = staticmethod(told.append)

    monkeypatch.setattr(discovery, "discover", discover)
    reader = stack_info.Reader(Module(), {}, stack_names("fraud", "eu-west-2"))
    assert reader.look_until_owned().resources == {"foreign": []}
    assert len(told) == 1
