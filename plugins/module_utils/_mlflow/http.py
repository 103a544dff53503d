# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP to an MLflow server, over ``ansible.module_utils.urls``: one new connection a request, no cookies.

A cookie jar that outlives a request would carry a load balancer's stickiness cookie, and every check would
then meet the same task. ``~/.netrc`` is never read: it would replace the login that was asked for.
"""

from __future__ import annotations

import base64
import http.client
import json
import random
import re
import socket
import ssl
import time
import urllib.error
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import urlencode, urlsplit

from ansible.module_utils.urls import Request

from .errors import InvalidOptionsError, MlflowError, TlsError, UnreachableError
from .redact import Redactor
from .tls import Handshake, Tls, explain

#: Answers that a later attempt may better: too many requests, and a load balancer without a healthy target.
BUSY = frozenset({429, 502, 503, 504})

#: No answer of the tracking API is larger; an endless body must not fill the memory (bytes).
LARGEST_ANSWER = 64 * 1024 * 1024

_AGENT = "ansible-mlops.mlflow_aws"
_CHUNK = 256 * 1024
_HOST = re.compile(r"[A-Za-z0-9._-]+(:[0-9]+)?|\[[0-9A-Fa-f:]+\](:[0-9]+)?")


@dataclass(frozen=True)
class Login:
    """A user name and password for MLflow's basic-auth. The password is in no repr."""

    username: str
    password: str = field(repr=False)

    def header(self) -> str:
        """The value of ``Authorization`` (RFC 7617, in UTF-8 as werkzeug reads it)."""
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()


@dataclass(frozen=True)
class Token:
    """A bearer token (RFC 6750), for a server whose authorization function or proxy takes one. In no repr."""

    value: str = field(repr=False)

    def header(self) -> str:
        """The value of ``Authorization``."""
        return f"Bearer {self.value}"


#: What a request can be sent with.
Credential: TypeAlias = "Login | Token"


@dataclass(frozen=True)
class Connection:
    """How to reach one MLflow server.

    :param url: base URL, without credentials; a path is MLflow's static prefix.
    :param timeout: seconds to wait for a connection, for the answer to begin, and for its body.
    :param validate_certs: whether the server's certificate and name are checked.
    :param ca_path: file of certificates to trust instead of the system's.
    :param client_cert: file of a client certificate (PEM; may hold the key too).
    :param client_key: file of its key.
    :param host_header: the name to ask for where it is not the one in ``url``, such as a domain whose DNS
        record does not exist yet; on HTTPS the certificate is checked against this name.
    :param use_proxy: whether ``http_proxy``, ``https_proxy`` and ``no_proxy`` are obeyed.
    """

    url: str
    timeout: float = 30.0
    validate_certs: bool = True
    ca_path: str | None = None
    client_cert: str | None = None
    client_key: str | None = None
    host_header: str | None = None
    use_proxy: bool = True

    def __post_init__(self) -> None:
        # No message shows the URL: it may hold a password.
        try:
            parts = urlsplit(self.url)
            port_is_valid = parts.port is None or parts.port > 0
        except ValueError:
            port_is_valid = False
        if not port_is_valid:
            raise InvalidOptionsError("url has no valid port", remedy="write it as https://name:443")
        if parts.scheme not in ("http", "https") or not parts.hostname or re.search(r"\s", self.url):
            raise InvalidOptionsError(
                "url is not an HTTP address", remedy="write it as https://mlflow.example.org or http://127.0.0.1:5000"
            )
        if parts.username is not None or parts.password is not None:
            raise InvalidOptionsError(
                "url holds credentials", remedy="give them as username and password, where they are kept secret"
            )
        if self.host_header and not _HOST.fullmatch(self.host_header):
            raise InvalidOptionsError("host_header is not a host name", remedy="write it as name or name:port")
        if parts.query or parts.fragment:
            raise InvalidOptionsError("url has a query or a fragment", remedy="give only scheme, name, port and path")

    @property
    def origin(self) -> str:
        """What a browser that shows MLflow's pages sends as ``Origin``."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{self.host_header or parts.netloc}"


@dataclass(frozen=True)
class Answer:
    """One HTTP answer, whatever its status. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def text(self) -> str:
        """The body as text; bytes that are no UTF-8 are replaced."""
        return self.body.decode(errors="replace")

    @property
    def is_html(self) -> bool:
        """Whether the body is a web page. (MLflow calls its plain texts text/html too, so the body decides.)"""
        head = self.body[:512].lstrip().lower()
        return head.startswith((b"<!doctype html", b"<html", b"<head", b"<?xml"))

    def json(self) -> dict[str, Any] | None:
        """The body as a JSON object, or None where it is none."""
        try:
            value = json.loads(self.body)
        except ValueError:
            return None
        return value if isinstance(value, dict) else None


@dataclass(frozen=True)
class Retry:
    """How often a request is repeated, and how long to pause: ``base * 2**n`` seconds, jittered, at most ``cap``."""

    attempts: int = 4
    base: float = 0.5
    cap: float = 8.0

    def pause(self, attempt: int, answer: Answer | None) -> float:
        """Seconds to wait after the ``attempt``-th try (from 1); a server's ``Retry-After`` counts, up to the cap."""
        asked = (answer.headers.get("retry-after", "") if answer else "").strip()
        if asked.isdigit():
            return min(float(asked), self.cap)
        # Jitter spreads clients that failed together; nothing here is secret.
        return float(min(self.base * 2 ** (attempt - 1), self.cap) * random.uniform(0.5, 1.0))


NO_RETRY = Retry(attempts=1)


class Transport:
    """Sends requests to one server as one user.

    :param connection: how to reach the server.
    :param login: sent with each request unless that says otherwise; None sends none.
    :param workspace: sent with each request as ``X-MLFLOW-WORKSPACE`` (3.x with workspaces); None sends none.
    :param retry: for requests that may be repeated; see :meth:`send`.
    :param redactor: learns every secret that is sent, and cleans every message.
    """

    def __init__(
        self,
        connection: Connection,
        login: Credential | None = None,
        *,
        workspace: str | None = None,
        retry: Retry = Retry(),
        redactor: Redactor | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.connection = connection
        self.login = login
        self.workspace = workspace
        self.redactor = redactor or Redactor()
        self._retry = retry
        self._sleep = sleep
        self._tls: Tls | None = None
        if login:
            self.learn(login)

    def learn(self, login: Credential) -> None:
        """Keep ``login`` out of all later messages."""
        self.redactor.add(login.password if isinstance(login, Login) else login.value)

    def as_user(self, login: Credential | None, *, retry: Retry | None = None) -> Transport:
        """A transport to the same server with another login (None: without one)."""
        other = Transport(
            self.connection,
            login,
            workspace=self.workspace,
            retry=retry or self._retry,
            redactor=self.redactor,
            sleep=self._sleep,
        )
        other._tls = self._tls
        return other

    def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int] | None = None,
        payload: Mapping[str, Any] | None = None,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool | None = None,
    ) -> Answer:
        """Send one request and return the answer, whatever its status. Redirects are not followed.

        :param path: begins with ``/``; already percent-encoded.
        :param payload: sent as JSON. Excludes ``data``.
        :param repeatable: whether sending it twice does no harm; by default only GET and HEAD. Any request is
            repeated after a 429 and where it certainly reached no server; a repeatable one also after 502, 503
            and 504, a timeout and a dropped connection.
        :raises UnreachableError: no answer came, on the last try.
        :raises TlsError: the handshake failed; never repeated.
        """
        may_repeat = method in ("GET", "HEAD") if repeatable is None else repeatable
        for attempt in range(1, self._retry.attempts + 1):
            last = attempt == self._retry.attempts
            answer: Answer | None = None
            try:
                answer = self._once(method, path, query, payload, data, headers)
            except TlsError:
                raise
            except UnreachableError as error:
                if last or not (may_repeat or error.unsent):
                    raise
            else:
                if last or not (answer.status == 429 or (may_repeat and answer.status in BUSY)):
                    return answer
            self._sleep(self._retry.pause(attempt, answer))
        raise AssertionError("a retry has at least one attempt")

    def _once(
        self,
        method: str,
        path: str,
        query: Mapping[str, str | int] | None,
        payload: Mapping[str, Any] | None,
        data: bytes | None,
        headers: Mapping[str, str] | None,
    ) -> Answer:
        sent = {"Accept": "application/json, */*"}
        if payload is not None:
            data = json.dumps(payload).encode()
            sent["Content-Type"] = "application/json"
        elif data is not None:
            sent["Content-Type"] = "application/octet-stream"
        if self.connection.host_header:
            sent["Host"] = self.connection.host_header
        if self.workspace:
            sent["X-MLFLOW-WORKSPACE"] = self.workspace
        if self.login:
            sent["Authorization"] = self.login.header()
        sent.update(headers or {})
        url = self.connection.url.rstrip("/") + path + (f"?{urlencode(query)}" if query else "")
        # A request object of its own each time: its cookie jar would outlive the request.
        request = Request(
            follow_redirects="none",
            use_netrc=False,
            use_proxy=self.connection.use_proxy,
            decompress=False,
            timeout=self.connection.timeout,
            http_agent=_AGENT,
            context=self._settings().context,
        )
        started = time.monotonic()
        try:
            try:
                with request.open(method, url, data=data, headers=sent) as response:
                    return self._read(response, started)
            except urllib.error.HTTPError as response:
                with response:
                    return self._read(response, started)
        except MlflowError:
            raise
        except (OSError, http.client.HTTPException) as error:
            # `from None`: the chained traceback would print the request's headers' frame.
            raise self._explain(error) from None

    def _read(self, response: Any, started: float) -> Answer:
        """The whole answer, within the timeout even where the server sends it byte by byte."""
        deadline = max(started, time.monotonic()) + self.connection.timeout
        body = bytearray()
        # read1 returns what has come, where read would wait until the chunk is full.
        while response.fp is not None and (chunk := response.read1(_CHUNK)):
            body += chunk
            if len(body) > LARGEST_ANSWER:
                raise UnreachableError(
                    f"{self._place()} sends more than {LARGEST_ANSWER} bytes", transient=False, remedy="check the url"
                )
            if time.monotonic() > deadline:
                raise TimeoutError("the answer took too long")
        expected = response.headers.get("Content-Length")
        if expected and expected.isdigit() and len(body) < int(expected):
            raise http.client.IncompleteRead(bytes(body))
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answer(status=int(response.status), headers=headers, body=bytes(body))

    @property
    def handshake(self) -> Handshake | None:
        """What the last TLS connection agreed on; None before the first, and on ``http``."""
        return self._tls.last if self._tls else None

    def _settings(self) -> Tls:
        """The TLS settings, made once: reading the system's certificates costs 20 ms of CPU."""
        if self._tls is None:
            self._tls = Tls(
                validate_certs=self.connection.validate_certs,
                ca_path=self.connection.ca_path,
                client_cert=self.connection.client_cert,
                client_key=self.connection.client_key,
                host=self.connection.host_header,
            )
        return self._tls

    def _place(self) -> str:
        parts = urlsplit(self.connection.url)
        return f"{parts.scheme}://{parts.netloc}"

    def _explain(self, error: Exception) -> UnreachableError:
        """The transport's fault as an error that names it. Never contains the URL's path, query or headers."""
        place = self._place()
        # urllib wraps what happens up to the end of sending; what happens while it waits for the answer is bare.
        reason: object = error.reason if isinstance(error, urllib.error.URLError) else error
        if isinstance(reason, ssl.SSLError):
            return explain(reason, place)
        if isinstance(reason, socket.gaierror):
            return UnreachableError(
                f"{place}: the name cannot be resolved", unsent=True, remedy="check the url and the DNS record"
            )
        if isinstance(reason, ConnectionRefusedError):
            return UnreachableError(
                f"{place}: connection refused", unsent=True, remedy="check the port, and that the server runs"
            )
        if isinstance(reason, TimeoutError):
            return UnreachableError(
                f"{place}: no answer within {self.connection.timeout:g} s",
                remedy="check routes and security groups, or raise timeout",
            )
        if isinstance(reason, http.client.BadStatusLine) and not isinstance(reason, ConnectionError):
            return UnreachableError(
                f"{place}: the answer is not HTTP", transient=False, remedy="check the port, or use https:// in the url"
            )
        if isinstance(reason, (ConnectionError, http.client.HTTPException)):
            return UnreachableError(
                f"{place}: the connection was dropped before the answer was complete",
                remedy="check the server's log and the load balancer's idle timeout",
            )
        text = reason.strerror if isinstance(reason, OSError) and reason.strerror else type(reason).__name__
        return UnreachableError(self.redactor.clean(f"{place}: {text}"), remedy="check the url and the network")
