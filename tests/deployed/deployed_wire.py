# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wire between a run and what it calls: where it is cut right after a call was answered, or credentials expire.

It passes requests on as they are, so that their signatures stay valid, and knows a call by its request alone.
"""

from __future__ import annotations

import http.client
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from emulator.iam.errors import Problem, Protocol, refuse
from tests.deployed.deployed_runs import Site, kill_tree
from tests.playbooks import Ended

#: How the names of calls begin that change nothing.
_READS = ("Describe", "List", "Get", "BatchGet", "Head", "Search", "Simulate", "Assume", "Lookup", "GET", "HEAD")
#: Parameters by which two calls of one action are told apart.
_NAMES = (
    *("SecretId", "Name", "family", "taskDefinition", "service", "RoleName", "logGroupName", "username"),
    *("SubnetId", "RouteTableId", "GroupId", "AssociationId", "AllocationId", "NatGatewayId"),
)
_HOP_BY_HOP = {"connection", "transfer-encoding", "content-length"}


@dataclass(frozen=True)
class Call:
    """A request.

    :param action: AWS's name of it; method and path where there is none.
    :param about: the name of what it is about, as far as the request says it.
    """

    action: str
    about: str
    protocol: Protocol

    @property
    def writes(self) -> bool:
        """Whether it may change something."""
        return not self.action.startswith(_READS) and not self.action.endswith("/search")

    @property
    def name(self) -> str:
        """Action and what it is about."""
        return f"{self.action} {self.about}".strip()


def read_call(method: str, path: str, headers: Mapping[str, str], body: bytes) -> Call:
    """The call that a request makes."""
    headers = {name.title(): value for name, value in headers.items()}
    target = headers.get("X-Amz-Target", "")
    scope = re.search(r"/([\w-]+)/aws4_request", headers.get("Authorization", ""))
    fields: dict[str, Any] = {}
    if target:
        fields, action, protocol = json.loads(body or b"{}"), target.rpartition(".")[2], Protocol.JSON
    elif body.startswith(b"Action=") or b"&Action=" in body:
        fields = dict(parse_qsl(body.decode()))
        protocol = Protocol.EC2 if scope and scope[1] == "ec2" else Protocol.QUERY
        action = fields["Action"]
    else:
        action, protocol = f"{method} {path.partition('?')[0]}", Protocol.S3
        if headers.get("Content-Type", "").startswith("application/json"):
            fields = json.loads(body or b"{}")
    about = next((str(fields[name]) for name in _NAMES if isinstance(fields.get(name), str)), "")
    # A revision, and the random end of a secret's ARN, are others in each run.
    about = re.sub(r"(:\d+|-\w{6})$", "", about.rpartition("/")[2]) if about.startswith("arn:") else about
    containers = fields.get("overrides", {}).get("containerOverrides", []) if target else []
    return Call(action, " ".join([about, *(word for row in containers for word in row.get("command", []))]), protocol)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A run that is killed resets its connections."""


@dataclass
class Wire:
    """A server on loopback that passes requests on.

    :param upstream: URL of what is called.
    :param renames: it is called by its own host. AWS is not: what a request's signature says is the host of the wire.
    """

    upstream: str
    renames: bool = False
    #: Told of each call that was answered well, before its caller is.
    after: Callable[[Call], None] | None = None
    #: From now on AWS refuses the caller's credentials as expired.
    expired: bool = False
    url: str = field(default="", init=False)

    @contextmanager
    def serving(self) -> Iterator[Wire]:
        """Serve until the end of the block."""
        server = _Server(("127.0.0.1", 0), _handler(self))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()


def _handler(wire: Wire) -> type[BaseHTTPRequestHandler]:
    upstream = urlsplit(wire.upstream)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass_on(self) -> None:
            body = self._body()
            call = read_call(self.command, self.path, dict(self.headers.items()), body)
            if wire.expired:
                refusal = refuse(call.protocol, Problem.EXPIRED_TOKEN)
                self._answer(refusal.status, [("Content-Type", refusal.content_type), *refusal.headers], refusal.body)
                return
            link = http.client.HTTPConnection(str(upstream.hostname), upstream.port, timeout=600)
            link.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in _HOP_BY_HOP:
                    link.putheader(name, upstream.netloc if wire.renames and name.lower() == "host" else value)
            link.putheader("Content-Length", str(len(body)))
            link.endheaders(body)
            got = link.getresponse()
            content = got.read()
            link.close()
            if got.status < 300 and wire.after is not None:
                wire.after(call)
            self._answer(got.status, [row for row in got.getheaders() if row[0].lower() not in _HOP_BY_HOP], content)

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _pass_on

        def _body(self) -> bytes:
            if "chunked" not in self.headers.get("Transfer-Encoding", ""):
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))
            parts = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)

        def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
            try:
                self.send_response_only(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(b"" if self.command == "HEAD" else body)
            except OSError:  # the run is dead
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            return

    return Handler


@dataclass
class Cut:
    """Kills a run right after the first call that ``wanted`` says yes to was answered: the run never hears of it."""

    wanted: Callable[[Call], bool]
    at: Call | None = None

    def __post_init__(self) -> None:
        self._lock = threading.Lock()

    def run(self, site: Site, wires: Sequence[Wire], playbook: str = "site.yml", **variables: Any) -> Ended:
        """Run a playbook until it ends or is killed; ``at`` is the call after which it was.

        :param wires: the first is AWS's.
        """
        begun = threading.Event()
        pids: list[int] = []

        def after(call: Call) -> None:
            if not call.writes or not self.wanted(call):
                return
            with self._lock:
                if self.at is None:
                    self.at = call
                    begun.wait(30)
                    kill_tree(pids[0])

        def started(pid: int) -> None:
            pids.append(pid)
            begun.set()

        for wire in wires:
            wire.after = after
        try:
            cut_off = replace(site, env={**site.env, "AWS_ENDPOINT_URL": wires[0].url})
            return cut_off.run(playbook, started=started, **variables)
        finally:
            for wire in wires:
                wire.after = None


def expire_in(site: Site, wire: Wire, task: str, action: str, **variables: Any) -> Ended:
    """Run site.yml with credentials that expire in a task, right after a call of it was answered.

    :param wire: AWS's.
    :param task: how its name begins, without that of the role.
    :param action: AWS's name of the call.
    """
    begun = threading.Event()

    def watch(line: str) -> None:
        if line.startswith("TASK [") and line.split(" : ", 1)[-1].startswith(task):
            begun.set()

    def after(call: Call) -> None:
        wire.expired = wire.expired or (begun.is_set() and call.action == action)

    wire.after = after
    try:
        return replace(site, env={**site.env, "AWS_ENDPOINT_URL": wire.url}).run(stop=watch, **variables)
    finally:
        wire.after, wire.expired = None, False


def cut_after_each(
    site: Site, wires: Sequence[Wire], playbook: str, *, look: Callable[[str, Ended], None], most: int, **variables: Any
) -> list[str]:
    """Kill a playbook once after each of its writing calls; each run goes on from what the one before left.

    A run is killed at the first call whose name none was killed at before, until one ends well.

    :param look: what must hold after each run; told the call after which it was killed, and how it ended.
    :param most: runs at most.
    :returns: the names of the calls.
    """
    killed: list[str] = []
    for _ in range(most):
        cut = Cut(lambda call: call.name not in killed)
        ended = cut.run(site, wires, playbook, **variables)
        print(f"{playbook} after {cut.at and cut.at.name}: {ended.seconds:.0f} s", flush=True)
        if cut.at is None:
            ended.assert_good()
            look("", ended)
            return killed
        assert ended.code == -9, f"{cut.at.name}\n{ended.output[-6000:]}"
        killed.append(cut.at.name)
        look(cut.at.name, ended)
    raise AssertionError(f"still not through after {most} runs, killed after: {killed}")
