# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The transport against a server that misbehaves."""

from __future__ import annotations

import secrets
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.errors import (
    InvalidOptionsError,
    TlsError,
    UnreachableError,
)
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.http import (
    NO_RETRY,
    Answer,
    Connection,
    Login,
    Retry,
    Transport,
)

from tests.unit.plugins.mlflow.mlflow_certificates import files, serve_tls
from tests.unit.plugins.mlflow.mlflow_faults import FaultServer, Reply

Start = Callable[..., FaultServer]
QUICK = Retry(attempts=4, base=0.001, cap=0.002)


def transport(url: str, *, retry: Retry = QUICK, login: Login | None = None, timeout: float = 5.0) -> Transport:
    return Transport(Connection(url=url, timeout=timeout), login, retry=retry)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_read_is_repeated_until_it_is_answered(fault_server: Start, status: int) -> None:
    server = fault_server(Reply(status), Reply(drop=True), Reply(status), Reply(200, b"OK"))
    assert transport(server.url).send("GET", "/health").body == b"OK"
    assert len(server.seen) == 4


@pytest.mark.parametrize(
    "reply", [Reply(502), Reply(503), Reply(504), Reply(drop=True), Reply(200, b"x" * 100, cut=True)]
)
def test_a_write_that_may_have_happened_is_not_repeated(fault_server: Start, reply: Reply) -> None:
    server = fault_server(reply, Reply(200))
    if reply.drop or reply.cut:
        with pytest.raises(UnreachableError, match="dropped") as caught:
            transport(server.url).send("POST", "/api", payload={})
        assert not caught.value.unsent
    else:
        assert transport(server.url).send("POST", "/api", payload={}).status == reply.status
    assert len(server.seen) == 1


@pytest.mark.parametrize("reply", [Reply(502), Reply(drop=True), Reply(200, b"x" * 100, cut=True)])
def test_a_repeatable_write_is_repeated(fault_server: Start, reply: Reply) -> None:
    server = fault_server(reply, Reply(200))
    assert transport(server.url).send("POST", "/api", payload={}, repeatable=True).status == 200
    assert len(server.seen) == 2


def test_a_write_is_repeated_where_the_server_says_it_did_nothing(fault_server: Start) -> None:
    server = fault_server(Reply(429, headers={"Retry-After": "0"}), Reply(200))
    assert transport(server.url).send("POST", "/api", payload={}).status == 200
    assert len(server.seen) == 2


def test_a_refused_connection_is_certainly_unsent() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        pauses: list[float] = []
        sender = Transport(Connection(f"http://127.0.0.1:{held.getsockname()[1]}"), retry=QUICK, sleep=pauses.append)
        with pytest.raises(UnreachableError, match="connection refused") as caught:
            sender.send("POST", "/api", payload={})
    assert caught.value.unsent
    assert len(pauses) == QUICK.attempts - 1


def test_an_unknown_name_is_named() -> None:
    with pytest.raises(UnreachableError, match="cannot be resolved") as caught:
        transport("http://nowhere.invalid", retry=NO_RETRY).send("GET", "/")
    assert caught.value.unsent
    assert caught.value.transient


def test_a_silent_server_times_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        started = time.monotonic()
        with pytest.raises(UnreachableError, match=r"no answer within 0\.3 s"):
            transport(f"http://127.0.0.1:{silent.getsockname()[1]}", retry=NO_RETRY, timeout=0.3).send("GET", "/")
        assert time.monotonic() - started < 3


def test_an_answer_that_drips_times_out_as_a_whole(fault_server: Start) -> None:
    server = fault_server(Reply(200, b"x" * 200, drip=0.05))
    started = time.monotonic()
    with pytest.raises(UnreachableError, match=r"no answer within 0\.4 s"):
        transport(server.url, retry=NO_RETRY, timeout=0.4).send("GET", "/")
    assert time.monotonic() - started < 3


def test_redirects_are_not_followed(fault_server: Start) -> None:
    other = fault_server(Reply(200))
    server = fault_server(Reply(302, b"", {"Location": other.url + "/login"}))
    login = Login("admin", secrets.token_urlsafe(24))
    answer = transport(server.url, login=login).send("GET", "/api")
    assert (answer.status, answer.headers["location"]) == (302, other.url + "/login")
    assert other.seen == []


def test_no_cookie_is_sent_back(fault_server: Start) -> None:
    server = fault_server(Reply(200, headers={"Set-Cookie": "AWSALB=task1; Path=/"}))
    sender = transport(server.url)
    sender.send("GET", "/")
    sender.send("GET", "/")
    assert [seen.headers.get("cookie") for seen in server.seen] == [None, None]
    assert [seen.headers.get("connection") for seen in server.seen] == ["close", "close"]


def test_netrc_is_not_read(fault_server: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login other password other\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(netrc))
    server = fault_server(Reply(200))
    login = Login("admin", secrets.token_urlsafe(24))
    transport(server.url).send("GET", "/")
    transport(server.url, login=login).send("GET", "/")
    assert [seen.headers.get("authorization") for seen in server.seen] == [None, login.header()]


def test_host_header_is_sent(fault_server: Start) -> None:
    server = fault_server(Reply(200))
    connection = Connection(server.url, host_header="mlflow.example.org")
    Transport(connection).send("GET", "/")
    assert server.seen[0].headers["host"] == "mlflow.example.org"
    assert connection.origin == "http://mlflow.example.org"


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("ftp://127.0.0.1", "not an HTTP address"),
        ("127.0.0.1:5000", "not an HTTP address"),
        ("http://", "not an HTTP address"),
        ("http://host:5432:5432", "no valid port"),
        ("http://host:0", "no valid port"),
        ("http://host:99999", "no valid port"),
        ("http://admin:SECRET@host", "holds credentials"),
        ("http://admin@host", "holds credentials"),
        ("http://host/?token=SECRET", "query"),
    ],
)
def test_bad_urls_are_refused_without_showing_them(url: str, says: str) -> None:
    with pytest.raises(InvalidOptionsError, match=says) as caught:
        Connection(url)
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize("host", ["a b", "a\r\nX-Evil: 1", "http://a", "a/b", "a:b"])
def test_bad_host_headers_are_refused(host: str) -> None:
    with pytest.raises(InvalidOptionsError, match="host_header"):
        Connection("http://127.0.0.1", host_header=host)


@pytest.mark.parametrize(
    ("attempt", "headers", "low", "high"),
    [
        (1, {}, 0.25, 0.5),
        (3, {}, 1.0, 2.0),
        (9, {}, 4.0, 8.0),
        (1, {"retry-after": "3"}, 3, 3),
        (1, {"retry-after": "9999"}, 8, 8),
        (1, {"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, 0.25, 0.5),
    ],
)
def test_pauses_grow_and_have_a_cap(attempt: int, headers: dict[str, str], low: float, high: float) -> None:
    assert low <= Retry().pause(attempt, Answer(503, headers, b"")) <= high


def test_tls_is_checked_against_the_host_header(fault_server: Start, tmp_path: Path) -> None:
    cert, key = files(tmp_path, "mlflow.example.org")
    server = fault_server(Reply(200, b"OK"))
    url = serve_tls(server, cert, key)

    def get(**options: object) -> bytes:
        return Transport(Connection(url, **options), retry=QUICK).send("GET", "/health").body  # type: ignore[arg-type]

    trusted = {"ca_path": str(cert)}
    assert get(**trusted, host_header="mlflow.example.org") == b"OK"
    assert get(validate_certs=False) == b"OK"
    answered = len(server.seen)
    with pytest.raises(TlsError, match="certificate is not accepted"):
        get(host_header="mlflow.example.org")
    with pytest.raises(TlsError, match=r"not accepted.*127\.0\.0\.1"):
        get(**trusted)
    with pytest.raises(TlsError, match=r"not accepted.*other\.example\.org"):
        get(**trusted, host_header="other.example.org")
    assert len(server.seen) == answered


def test_https_to_a_port_that_serves_http_is_named(fault_server: Start) -> None:
    server = fault_server(Reply(200))
    with pytest.raises(TlsError, match="handshake failed") as caught:
        transport(server.url.replace("http:", "https:")).send("GET", "/")
    assert not caught.value.transient


def test_an_unusable_ca_file_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "ca.crt"
    broken.write_text("no certificate")
    with pytest.raises(InvalidOptionsError, match="certificate files"):
        Transport(Connection("https://127.0.0.1", ca_path=str(broken))).send("GET", "/")
