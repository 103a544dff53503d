# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ELB plane: real nginx, real targets on loopback, moto's API in between."""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
import os
import re
import signal
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from moto.elbv2.models import elbv2_backends
from moto.server import ThreadedMotoServer

from emulator.addresses import AddressBook, free_port
from emulator.clock import Clock
from emulator.elb import ElbPlane, action, config, match, nginx, ports, snapshot, tls
from emulator.elb.health import CHECKING, HealthBook, Outcome, Tally
from emulator.elb.model import Balancer, HealthCheck, Listener, Rule, Snapshot, Target, TargetGroup, TargetKey
from emulator.elb.nginx import Nginx, NginxError, worker_user
from emulator.plane import Context
from emulator.processes import ProcessTable, is_alive

ACCOUNT = "123456789012"
REGION = "eu-west-2"


def eventually(probe: Callable[[], Any], seconds: float = 60.0) -> Any:
    """The first true answer of ``probe``; its last answer when the time is over: a busy machine may take a while."""
    end = time.monotonic() + seconds
    while True:
        try:
            found = probe()
        except requests.ConnectionError:
            found = None
        if found or time.monotonic() > end:
            return found
        time.sleep(0.02)


class Backend(ThreadingHTTPServer):
    """An HTTP target that says what it was asked."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, name: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.name = name
        self.health = 200
        self.checks: list[dict[str, str]] = []
        self.requests = 0
        self.first_bytes = threading.Event()
        self.hold = threading.Event()
        self.held = threading.Event()
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Backend

    def do_GET(self) -> None:
        path = self.path.split("?")[0]
        if path == "/health":
            self.server.checks.append(dict(self.headers))
            return self._answer(self.server.health, b"ok")
        self.server.requests += 1
        if path == "/hang-up":
            self.close_connection = True
            return None
        if path == "/hold":
            self.server.held.set()
            self.server.hold.wait(10)
        if path == "/socket":
            return self._upgrade()
        size = self._body()
        rows = {
            "target": self.server.name,
            "method": self.command,
            "path": self.path,
            "body": size,
            "headers": {name.lower(): value for name, value in self.headers.items()},
        }
        return self._answer(200, json.dumps(rows).encode())

    do_POST = do_PUT = do_DELETE = do_GET

    def _body(self) -> int:
        left, total = int(self.headers.get("Content-Length", 0)), 0
        while left:
            chunk = self.rfile.read1(min(left, 65536))
            if not chunk:
                break
            self.server.first_bytes.set()
            left -= len(chunk)
            total += len(chunk)
        return total

    def _upgrade(self) -> None:
        digest = hashlib.sha1(self.headers["Sec-WebSocket-Key"].encode(), usedforsecurity=False).digest()
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(digest).decode())
        self.end_headers()
        self.wfile.write(b"echo:" + self.rfile.read(4))
        self.close_connection = True

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@dataclass
class Cloud:
    """A plane behind a moto server, with short ways to make things."""

    plane: ElbPlane
    addresses: AddressBook
    processes: ProcessTable
    state: Path
    elb: Any
    acm: Any
    vpc: str
    subnets: list[str]
    made: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    targets: list[Backend] = field(default_factory=list)
    number: int = 0

    def next(self) -> int:
        self.number += 1
        return self.number

    def target(self, name: str = "t") -> Backend:
        self.targets.append(Backend(name))
        return self.targets[-1]

    def place(self, target: Backend) -> dict[str, Any]:
        """Publish a target under a private address of its own."""
        address = f"10.0.1.{self.next()}"
        self.addresses.publish(self.vpc, address, 5000, target.server_port)
        return {"Id": address, "Port": 5000}

    def group(self, *targets: Backend, delay: int = 300, **settings: Any) -> str:
        found: str = self.elb.create_target_group(
            Name=f"g{self.next()}",
            Protocol="HTTP",
            Port=5000,
            VpcId=self.vpc,
            TargetType="ip",
            HealthyThresholdCount=2,
            UnhealthyThresholdCount=2,
            **{"HealthCheckPath": "/health", **settings},
        )["TargetGroups"][0]["TargetGroupArn"]
        self.groups.append(found)
        # The API takes no interval below 5 seconds.
        elbv2_backends[ACCOUNT][REGION].target_groups[found].health_check_interval_seconds = 0.4  # type: ignore[assignment]
        self.elb.modify_target_group_attributes(
            TargetGroupArn=found,
            Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": str(delay)}],
        )
        if targets:
            self.elb.register_targets(TargetGroupArn=found, Targets=[self.place(target) for target in targets])
        return found

    def balancer(self) -> tuple[str, str]:
        """ARN and name of a new load balancer."""
        made = self.elb.create_load_balancer(Name=f"b{self.next()}", Subnets=self.subnets)["LoadBalancers"][0]
        self.made.append(made["LoadBalancerArn"])
        return made["LoadBalancerArn"], made["DNSName"]

    def listen(self, actions: list[dict[str, Any]], rules: list[tuple[Any, Any]] = (), **options: Any) -> str:  # type: ignore[assignment]
        """A load balancer with one listener that answers; returns its URL. Rules by priority."""
        arn, name = self.balancer()
        port = options.pop("Port", None) or free_port(host=name)
        listener = self.elb.create_listener(
            LoadBalancerArn=arn, **{"Protocol": "HTTP", **options}, Port=port, DefaultActions=actions
        )["Listeners"][0]["ListenerArn"]
        for priority, (conditions, does) in enumerate(rules, 1):
            self.elb.create_rule(ListenerArn=listener, Priority=priority, Conditions=conditions, Actions=does)
        self.plane.settle()
        return f"{'https' if options.get('Protocol') == 'HTTPS' else 'http'}://{name}:{port}"

    def health(self, group: str, targets: list[dict[str, Any]] | None = None) -> list[dict[str, Any]]:
        found = self.elb.describe_target_health(TargetGroupArn=group, Targets=targets or [])
        return [each["TargetHealth"] for each in found["TargetHealthDescriptions"]]

    def healthy(self, group: str) -> bool:
        states = [each["State"] for each in self.health(group)]
        if set(states) != {"healthy"}:
            return False
        self.plane.settle()
        return True

    def state_of(self, arn: str) -> dict[str, str]:
        found: dict[str, str] = self.elb.describe_load_balancers(LoadBalancerArns=[arn])["LoadBalancers"][0]["State"]
        return found

    def clean(self) -> None:
        for arn in self.made:
            elbv2_backends[ACCOUNT][REGION].load_balancers.pop(arn, None)
        for arn in self.groups:
            elbv2_backends[ACCOUNT][REGION].target_groups.pop(arn, None)
        for target in self.targets:
            target.hold.set()
            target.shutdown()
            target.server_close()
        self.made.clear()
        self.groups.clear()
        self.targets.clear()


def forward(*groups: str) -> list[dict[str, Any]]:
    return [{"Type": "forward", "TargetGroupArn": group} for group in groups]


def said(status: int, text: str, kind: str = "text/plain") -> list[dict[str, Any]]:
    response = {"StatusCode": str(status), "MessageBody": text, "ContentType": kind}
    return [{"Type": "fixed-response", "FixedResponseConfig": response}]


def path_is(*patterns: str) -> list[dict[str, Any]]:
    return [{"Field": "path-pattern", "PathPatternConfig": {"Values": list(patterns)}}]


def make_context(state: Path, endpoint: str = "http://127.0.0.1:1", scale: float = 0.0) -> Context:
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Context(state, ACCOUNT, endpoint, Clock(scale), ProcessTable(state / "processes.json"), AddressBook())


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    endpoint = "http://{}:{}".format(*server.get_host_and_port())
    context = make_context(tmp_path_factory.mktemp("elb") / "state", endpoint)
    plane = ElbPlane(context)
    plane.install()
    plane.start()
    keys: dict[str, Any] = {"aws_access_key_id": "AKIAEXAMPLE00001", "aws_secret_access_key": os.urandom(16).hex()}
    keys |= {"region_name": REGION, "endpoint_url": endpoint}
    try:
        ec2 = boto3.client("ec2", **keys)
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        subnets = [
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=REGION + z)["Subnet"]["SubnetId"]
            for n, z in enumerate("ab", 100)
        ]
        elb, acm = boto3.client("elbv2", **keys), boto3.client("acm", **keys)
        yield Cloud(plane, context.addresses, context.processes, context.state, elb, acm, vpc, subnets)
    finally:
        plane.stop()
        server.stop()


@pytest.fixture
def cloud(running: Cloud) -> Iterator[Cloud]:
    running.plane.install()  # another test may have installed a plane of its own
    yield running
    running.clean()


# Pure tables


def holds(spec: dict[str, Any], value: str) -> bool:
    """Whether the map that a condition becomes is 1 for ``value``."""
    text = match.condition("$v", spec)
    for flags, pattern in re.findall(r'^ +"(~\*?)(.*)" 1;$', text, re.MULTILINE):
        if re.search(pattern, value, re.IGNORECASE if flags == "~*" else 0):
            return True
    return False


def query(value: str, key: str | None = None) -> dict[str, Any]:
    pair = {"Value": value} | ({"Key": key} if key else {})
    return {"Field": "query-string", "QueryStringConfig": {"Values": [pair]}}


def header(*values: str, name: str = "X-Who") -> dict[str, Any]:
    return {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": name, "Values": list(values)}}


@pytest.mark.parametrize(
    ("spec", "value", "expected"),
    [
        (path_is("/img/*")[0], "/img/", True),
        (path_is("/img/*")[0], "/img/a/b.png", True),
        (path_is("/img/*")[0], "/IMG/a", False),
        (path_is("/img/*")[0], "/x/img/a", False),
        (path_is("/a?c")[0], "/abc", True),
        (path_is("/a?c")[0], "/ac", False),
        (path_is("/a.c")[0], "/abc", False),
        (path_is("/x", "/y")[0], "/y", True),
        ({"Field": "path-pattern", "Values": ["/old"]}, "/old", True),
        ({"Field": "path-pattern", "Values": ["/old"], "PathPatternConfig": {}}, "/older", False),
        ({"Field": "host-header", "HostHeaderConfig": {"Values": ["*.Example.com"]}}, "a.example.COM", True),
        ({"Field": "host-header", "HostHeaderConfig": {"Values": ["*.example.com"]}}, "example.com", False),
        ({"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["GET", "PUT"]}}, "PUT", True),
        ({"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["GET"]}}, "get", False),
        ({"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["G*"]}}, "GET", False),
        (header("*chrome*"), "Mozilla Chrome/1", True),
        (header("a"), "b, A", True),
        (header("a"), "ab", False),
        (header("a", name="not(a)name"), "a", False),
        (query("example?", "v"), "x=1&V=Example1", True),
        (query("1", "v"), "vv=1", False),
        (query("1", "v"), "v=12", False),
        (query("a*", "v"), "v=abc&w=1", True),
        (query("b"), "v=b", True),
        (query("b"), "b=v", False),
        (query(r"a\*", "v"), "v=ab", False),
        (query(r"a\*", "v"), "v=a*", True),
        ({"Field": "unheard-of", "Values": ["*"]}, "anything", False),
    ],
)
def test_condition_matches_as_on_aws(spec: dict[str, Any], value: str, expected: bool) -> None:
    assert holds(spec, value) is expected


def test_source_ip_condition_is_a_list_of_networks() -> None:
    text = match.condition("$v", {"Field": "source-ip", "SourceIpConfig": {"Values": ["10.1.2.3/8", "192.0.2.1/32"]}})
    assert "geo $v" in text
    assert "10.0.0.0/8 1;" in text
    assert "192.0.2.1/32 1;" in text


@pytest.mark.parametrize(
    ("config_", "expected"),
    [
        ({"StatusCode": "HTTP_301"}, 'return 301 "$scheme://$host:$server_port/$elb_path_tail$elb_query";'),
        (
            {"StatusCode": "HTTP_302", "Protocol": "HTTPS", "Port": "443", "Host": "www.#{host}", "Path": "/a/#{path}"},
            'return 302 "https://www.$host:443/a/$elb_path_tail$elb_query";',
        ),
        (
            {"StatusCode": "HTTP_301", "Query": "x=$y&#{query}"},
            'return 301 "$scheme://$host:$server_port/$elb_path_tail?x=${elb_dollar}y&$args";',
        ),
        (
            {"StatusCode": "HTTP_301", "Query": "", "Path": '/";}#{path}'},
            'return 301 "$scheme://$host:$server_port/\\";}$elb_path_tail";',
        ),
    ],
)
def test_redirect(config_: dict[str, str], expected: str) -> None:
    assert action.redirect({"RedirectConfig": config_}).strip() == expected


@pytest.mark.parametrize(
    ("name", "protocols", "legacy"),
    [
        ("ELBSecurityPolicy-TLS13-1-2-2021-06", ("TLSv1.2", "TLSv1.3"), False),
        ("ELBSecurityPolicy-TLS13-1-3-2021-06", ("TLSv1.3",), False),
        ("ELBSecurityPolicy-2016-08", ("TLSv1", "TLSv1.1", "TLSv1.2"), True),
        ("ELBSecurityPolicy-Newer-Than-Us", ("TLSv1", "TLSv1.1", "TLSv1.2"), True),
    ],
)
def test_security_policy(name: str, protocols: tuple[str, ...], legacy: bool) -> None:
    found = tls.policy(name)
    assert found.protocols == protocols
    assert ("SECLEVEL=0" in found.ciphers) is legacy
    assert "TLS_" not in found.ciphers


@pytest.mark.parametrize(
    ("text", "expected"),
    [("200", ((200, 200),)), ("200-299", ((200, 299),)), ("200, 302", ((200, 200), (302, 302))), ("odd", ())],
)
def test_matcher(text: str, expected: tuple[tuple[int, int], ...]) -> None:
    assert snapshot.codes(text) == expected


CHECK = HealthCheck(True, "HTTP", None, "/", 10, 5, healthy=3, unhealthy=2, codes=((200, 200),))
OK, BAD, SLOW, NONE = Outcome("ok"), Outcome("mismatch", 503), Outcome("timeout"), Outcome("failed")


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ([], ("initial", "Elb.InitialHealthChecking")),
        ([OK], ("healthy", None)),
        ([NONE], ("initial", "Elb.InitialHealthChecking")),
        ([NONE, NONE], ("unhealthy", "Target.FailedHealthChecks")),
        ([NONE, BAD], ("unhealthy", "Target.ResponseCodeMismatch")),
        ([OK, BAD], ("healthy", None)),
        ([OK, BAD, OK, BAD], ("healthy", None)),
        ([OK, BAD, SLOW], ("unhealthy", "Target.Timeout")),
        ([BAD, BAD, NONE], ("unhealthy", "Target.FailedHealthChecks")),
        ([BAD, BAD, OK, OK], ("unhealthy", "Target.ResponseCodeMismatch")),
        ([BAD, BAD, OK, OK, OK], ("healthy", None)),
        ([BAD, BAD, OK, OK, BAD, OK], ("unhealthy", "Target.ResponseCodeMismatch")),
    ],
)
def test_thresholds(outcomes: list[Outcome], expected: tuple[str, str | None]) -> None:
    tally = Tally(CHECKING)
    for outcome in outcomes:
        tally = tally.after(outcome, CHECK)
    assert (tally.status.state, tally.status.reason) == expected


def one_target(*, used: bool = True, served: bool = True, check: HealthCheck = CHECK, **change: Any) -> Snapshot:
    key = TargetKey("g", "10.0.0.1", 80)
    values: dict[str, Any] = {"kind": "ip", "protocol": "HTTP", "version": "HTTP1", **change}
    group = TargetGroup(
        "g", "vpc-1", check=check, least_outstanding=False, targets=(Target(key, "10.0.0.1"),), **values
    )
    return Snapshot((), {"g": group}, frozenset({"g"} if used else ()), frozenset({"g"} if served else ()))


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (one_target(used=False, served=False), ("unused", "Target.NotInUse")),
        (one_target(served=False), ("initial", "Elb.RegistrationInProgress")),
        (one_target(), ("initial", "Elb.InitialHealthChecking")),
        (one_target(version="GRPC"), ("unhealthy", "Elb.InternalError")),
        (one_target(kind="lambda"), ("unavailable", "Elb.InternalError")),
    ],
)
def test_status_before_any_check(now: Snapshot, expected: tuple[str, str]) -> None:
    book = HealthBook()
    book.update(now)
    status = book.status(TargetKey("g", "10.0.0.1", 80))
    assert (status.state, status.reason) == expected


def test_checks_keep_their_interval_and_draining_ends() -> None:
    clock = [100.0]
    book = HealthBook(lambda: clock[0])
    book.update(one_target())
    key = TargetKey("g", "10.0.0.1", 80)
    (probe,) = book.take_due()
    assert (probe.address, probe.port) == ("10.0.0.1", 80)
    assert book.take_due() == []
    clock[0] += 4
    assert book.report(probe, OK) is True
    assert book.next_due() == pytest.approx(6)
    book.update(one_target())
    assert book.status(key).state == "healthy", "an unrelated change forgets nothing"
    book.drain(key, 30)
    book.update(Snapshot((), {"g": one_target().groups["g"]}, frozenset(), frozenset()))
    assert book.status(key).state == "unused", "registered again, without a listener"
    book.update(one_target())
    assert book.status(key).reason == "Elb.InitialHealthChecking"
    book.drain(key, 30)
    assert (book.status(key).state, book.draining("g")) == ("draining", [key])
    clock[0] += 31
    assert (book.status(key).reason, book.draining("g")) == ("Target.NotRegistered", [])


def test_nothing_foreign_gets_out_of_its_quotes(tmp_path: Path) -> None:
    """Hostile text in every field is still one configuration that nginx accepts."""
    nasty = "\";}\n$x ${y} \\ ' {#;~* #{host}"
    conditions = (
        path_is(nasty)[0],
        {"Field": "host-header", "HostHeaderConfig": {"Values": [nasty]}},
        header(nasty),
        query(nasty, nasty),
        {"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": [nasty]}},
        {"Field": "source-ip", "SourceIpConfig": {"Values": ["::1/128", "10.0.0.0/8"]}},
    )
    fixed = {"StatusCode": "200", "MessageBody": nasty, "ContentType": nasty}
    target = {"Host": nasty, "Path": nasty, "Query": nasty, "Protocol": "HTTP", "StatusCode": "HTTP_301"}
    listener = Listener(
        "arn/l",
        free_port(),
        False,
        "",
        (),
        (),
        (
            Rule("arn/1", conditions, ({"Type": "fixed-response", "FixedResponseConfig": fixed},)),
            Rule("arn/2", conditions, ({"Type": "redirect", "RedirectConfig": target},)),
            Rule("arn/3", (), ({"Type": nasty},)),
        ),
    )
    balancer = Balancer("arn/b", nasty, "127.0.0.1", True, {}, (listener,))
    nginx = Nginx(tmp_path / "n", ProcessTable(tmp_path / "p.json"))
    nginx.prepare()
    nginx.test(config.render([config.Served(balancer, listener)], {}, worker_user()))
    with pytest.raises(NginxError, match="unknown directive"):
        nginx.test("nonsense;")


def test_hosts_are_given_in_order_and_reused() -> None:
    assert ports.choose_host(set()) == "127.0.0.1"
    assert ports.choose_host({"127.0.0.2"}) == "127.0.0.1"
    assert ports.choose_host({"127.0.0.1"}) in ("127.0.0.2", "127.0.0.1")


# The real thing


def test_forwards_by_rule_and_adds_what_an_alb_adds(cloud: Cloud) -> None:
    web, api, host = (cloud.group(cloud.target(name)) for name in ("web", "api", "host"))
    moved_to = {"Protocol": "HTTPS", "Port": "8443", "StatusCode": "HTTP_301"}
    pool = {"UserPoolArn": "a", "UserPoolClientId": "b", "UserPoolDomain": "c"}
    login = {"Type": "authenticate-cognito", "Order": 1, "AuthenticateCognitoConfig": pool}
    url = cloud.listen(
        forward(web),
        [
            (path_is("/api/*"), forward(api)),
            ([{"Field": "host-header", "HostHeaderConfig": {"Values": ["*.example.com"]}}], forward(host)),
            ([*path_is("/two"), header("yes")], said(299, 'both $conditions; "hold"\n')),
            (path_is("/moved/*"), [{"Type": "redirect", "RedirectConfig": moved_to}]),
            (path_is("/login"), [login, {**forward(web)[0], "Order": 2}]),
        ],
    )
    eventually(lambda: all(map(cloud.healthy, (web, api, host))))
    port = int(url.rsplit(":", 1)[1])

    seen = requests.get(f"{url}/a%2Fb//c?q=%20", headers={"X-Forwarded-For": "192.0.2.7"}).json()
    assert (seen["target"], seen["path"]) == ("web", "/a%2Fb//c?q=%20")
    headers = seen["headers"]
    assert headers["host"] == url.removeprefix("http://")
    assert headers["x-forwarded-for"] == "192.0.2.7, 127.0.0.1"
    assert (headers["x-forwarded-proto"], headers["x-forwarded-port"]) == ("http", str(port))
    trace = re.fullmatch(r"Root=1-([0-9a-f]{8})-[0-9a-f]{24}", headers["x-amzn-trace-id"])
    assert trace is not None
    assert abs(int(trace[1], 16) - time.time()) < 60
    own = "Root=1-67891233-abcdef012345678912345678"
    seen = requests.get(url, headers={"X-Amzn-Trace-Id": own}).json()
    assert re.fullmatch(rf"Self=1-[0-9a-f]{{8}}-[0-9a-f]{{24}};{own}", seen["headers"]["x-amzn-trace-id"])

    assert requests.get(f"{url}/api/x").json()["target"] == "api"
    assert requests.get(f"{url}/API/x").json()["target"] == "web"
    assert requests.get(url, headers={"Host": "A.example.COM"}).json()["target"] == "host"
    assert requests.put(f"{url}/two", headers={"X-Who": "yes"}).text == 'both $conditions; "hold"\n'
    assert requests.get(f"{url}/two").json()["target"] == "web"
    moved = requests.get(f"{url}/moved/x%20y?a=b", allow_redirects=False)
    assert (moved.status_code, moved.headers["Location"]) == (301, "https://127.0.0.1:8443/moved/x%20y?a=b")
    refused = requests.post(f"{url}/login", data=b"x" * 100000)
    assert (refused.status_code, "authenticate-cognito" in refused.text) == (501, True)

    web_server = cloud.targets[0]
    assert web_server.checks[0]["User-Agent"] == "ELB-HealthChecker/2.0"
    assert web_server.checks[0]["Host"].endswith(":5000"), "the target's own address, as on AWS"


def test_weights(cloud: Cloud) -> None:
    heavy, light, off = (cloud.group(cloud.target(name)) for name in ("heavy", "light", "off"))
    weights = [(heavy, 9), (light, 1), (off, 0)]
    groups = [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in weights]
    url = cloud.listen([{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}])
    eventually(lambda: all(map(cloud.healthy, (heavy, light, off))))
    with requests.Session() as session:
        count = Counter(session.get(url).json()["target"] for _ in range(200))
    assert set(count) == {"heavy", "light"}
    assert 150 < count["heavy"] < 199


def test_requests_are_shared_among_healthy_targets(cloud: Cloud) -> None:
    group = cloud.group(cloud.target("a"), cloud.target("b"))
    url = cloud.listen(forward(group))
    eventually(lambda: cloud.healthy(group))
    assert Counter(requests.get(url).json()["target"] for _ in range(10)) == {"a": 5, "b": 5}


def test_an_upload_is_streamed_whatever_its_size(cloud: Cloud) -> None:
    target = cloud.target()
    url = cloud.listen(forward(cloud.group(target)))
    size, part = 24 << 20, b"x" * (1 << 20)
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as client:
        client.sendall(f"PUT /up HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: {size}\r\n\r\n".encode())
        client.sendall(part)
        assert target.first_bytes.wait(5), "the target must see the start before the client sends the end"
        for _ in range(23):
            client.sendall(part)
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert b" 200 " in answer.split(b"\r\n", 1)[0]
    assert json.loads(answer.split(b"\r\n\r\n", 1)[1])["body"] == size


def test_a_websocket_passes(cloud: Cloud) -> None:
    url = cloud.listen(forward(cloud.group(cloud.target())))
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as client:
        client.sendall(
            b"GET /socket HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eA==\r\n\r\n"
        )
        answer = client.recv(4096)
        assert answer.startswith(b"HTTP/1.1 101")
        client.sendall(b"ping")
        assert b"".join(iter(lambda: client.recv(4096), b"")).endswith(b"echo:ping")


def test_the_part_says_where_it_listens_and_where_its_log_is(cloud: Cloud) -> None:
    """What ``status`` lists: every listener, and the log that nginx writes."""
    url = cloud.listen(forward(cloud.group(cloud.target())))
    (part,) = (part for part in cloud.processes.parts() if part.kind == "elb")
    assert url.removeprefix("http://").rstrip("/") in part.ports
    assert f"127.0.0.1:{part.port}" in part.ports or part.port in [int(each.rsplit(":")[-1]) for each in part.ports]
    assert Path(part.log) == cloud.state / "elb" / "error.log"
    cloud.elb.delete_load_balancer(LoadBalancerArn=cloud.made[-1])
    cloud.plane.settle()
    left = next((each.ports for each in cloud.processes.parts() if each.kind == "elb"), ())
    assert url.removeprefix("http://").rstrip("/") not in left


def test_what_is_terminated_is_deregistered_on_every_port(cloud: Cloud) -> None:
    group = cloud.group(delay=0)
    address = cloud.place(cloud.target())["Id"]
    other = cloud.place(cloud.target())
    targets = [{"Id": address, "Port": 5000}, {"Id": address, "Port": 5001}, other]
    cloud.elb.register_targets(TargetGroupArn=group, Targets=targets)
    assert len(cloud.health(group)) == 3
    elbv2_backends[ACCOUNT][REGION].notify_terminate_instances([address])
    found = cloud.elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    assert [each["Target"]["Id"] for each in found] == [other["Id"]]


def test_logs_of_nginx_do_not_grow_for_ever(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    url = cloud.listen(forward(cloud.group(cloud.target())))
    requests.get(url + "/before")
    log = cloud.state / "elb" / "access.log"
    assert eventually(lambda: "/before" in log.read_text())
    monkeypatch.setattr(nginx, "LONGEST_LOG", 1)
    cloud.plane._nginx.trim_logs()
    assert "/before" in (cloud.state / "elb" / "access.old.log").read_text()
    assert "/before" not in log.read_text()
    requests.get(url + "/after")
    assert eventually(lambda: "/after" in log.read_text())
    assert "\0" not in log.read_text()


def test_the_same_address_in_two_vpcs(cloud: Cloud) -> None:
    """Neither requests nor health checks go to the other VPC's target."""
    other = "vpc-of-somebody-else"
    ours, theirs = cloud.target("ours"), cloud.target("theirs")
    theirs.health = 500
    place = cloud.place(ours)
    cloud.addresses.publish(other, place["Id"], 5000, theirs.server_port)
    group = cloud.group()
    cloud.elb.register_targets(TargetGroupArn=group, Targets=[place])
    url = cloud.listen(forward(group))
    assert eventually(lambda: cloud.health(group)[0]["State"] == "healthy")
    assert requests.get(url + "/").json()["target"] == "ours"
    cloud.addresses.withdraw(other, place["Id"])
    assert cloud.addresses.resolve(cloud.vpc, place["Id"], 5000) is not None


def test_gateway_errors(cloud: Cloud) -> None:
    empty, broken = cloud.group(), cloud.group(cloud.target())
    nobody, refused, hangs = cloud.group(), cloud.group(), cloud.group(cloud.target())
    cloud.elb.register_targets(TargetGroupArn=nobody, Targets=[{"Id": "10.0.9.9"}])
    cloud.addresses.publish(cloud.vpc, "10.0.9.8", 5000, free_port())
    cloud.elb.register_targets(TargetGroupArn=refused, Targets=[{"Id": "10.0.9.8"}])
    rules = [(path_is("/hang-up"), forward(broken)), (path_is("/nobody"), forward(nobody))]
    rules += [(path_is("/refused"), forward(refused)), (path_is("/hold"), forward(hangs))]
    url = cloud.listen(forward(empty), rules)
    cloud.elb.modify_load_balancer_attributes(
        LoadBalancerArn=cloud.made[-1], Attributes=[{"Key": "idle_timeout.timeout_seconds", "Value": "1"}]
    )
    cloud.plane.settle()
    paths = ("/", "/hang-up", "/nobody", "/refused", "/hold")
    assert [requests.get(url + path).status_code for path in paths] == [503, 502, 504, 502, 504]
    assert eventually(lambda: cloud.health(nobody)[0].get("Reason") == "Target.Timeout")
    assert eventually(lambda: cloud.health(refused)[0].get("Reason") == "Target.FailedHealthChecks")


def test_health_decides_who_gets_requests(cloud: Cloud) -> None:
    good, bad = cloud.target("good"), cloud.target("bad")
    bad.health = 503
    group = cloud.group(good, bad)
    assert {each["Reason"] for each in cloud.health(group)} == {"Target.NotInUse"}
    url = cloud.listen(forward(group))

    def states() -> list[str]:
        return [each["State"] for each in cloud.health(group)]

    assert eventually(lambda: states() == ["healthy", "unhealthy"])
    assert cloud.health(group)[1] == {
        "State": "unhealthy",
        "Reason": "Target.ResponseCodeMismatch",
        "Description": "Health checks failed with these codes: [503]",
    }
    cloud.plane.settle()
    assert {requests.get(url).json()["target"] for _ in range(6)} == {"good"}
    good.health = 500
    assert eventually(lambda: states() == ["unhealthy", "unhealthy"])
    cloud.plane.settle()
    assert {requests.get(url).json()["target"] for _ in range(6)} == {"good", "bad"}, "AWS fails open"
    bad.health = 200
    assert eventually(lambda: states() == ["unhealthy", "healthy"])
    cloud.plane.settle()
    assert {requests.get(url).json()["target"] for _ in range(6)} == {"bad"}


def test_a_draining_target_ends_what_it_began_and_gets_nothing_new(cloud: Cloud) -> None:
    old, new = cloud.target("old"), cloud.target("new")
    group = cloud.group(old, delay=2)
    url = cloud.listen(forward(group))
    assert eventually(lambda: cloud.healthy(group))
    answers: list[dict[str, Any]] = []
    under_way = threading.Thread(target=lambda: answers.append(requests.get(f"{url}/hold").json()))
    under_way.start()
    assert old.held.wait(5)
    with requests.Session() as session:
        session.get(url)  # its connection stays open
        cloud.elb.register_targets(TargetGroupArn=group, Targets=[cloud.place(new)])
        leaving = {
            "Id": cloud.elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"][0]["Target"]["Id"]
        }
        cloud.elb.deregister_targets(TargetGroupArn=group, Targets=[leaving])
        count = old.requests
        assert {session.get(url).json()["target"] for _ in range(3)} == {"new"}
    assert {requests.get(url).json()["target"] for _ in range(5)} == {"new"}
    assert old.requests == count
    draining = cloud.health(group, [leaving])[0]
    assert (draining["State"], draining["Reason"]) == ("draining", "Target.DeregistrationInProgress")
    assert len(cloud.health(group)) == 2
    old.hold.set()
    under_way.join(60)
    assert answers[0]["target"] == "old"
    assert eventually(lambda: len(cloud.health(group)) == 1)
    assert cloud.health(group, [leaving])[0]["Reason"] == "Target.NotRegistered"
    cloud.elb.deregister_targets(TargetGroupArn=group, Targets=[leaving])  # no error, as on AWS


def test_no_request_fails_while_nginx_reloads(cloud: Cloud) -> None:
    stays, comes = cloud.target("stays"), cloud.target("comes")
    group = cloud.group(stays)
    url = cloud.listen(forward(group))
    assert eventually(lambda: cloud.healthy(group))
    extra = cloud.place(comes)
    done, failures, count = threading.Event(), list[str](), Counter[str]()

    def load(keep: bool) -> None:
        session = requests.Session()
        while not done.is_set():
            try:
                answer = (session if keep else requests).get(url, timeout=5)
                answer.raise_for_status()
                count[answer.json()["target"]] += 1
            except requests.RequestException as error:
                failures.append(repr(error))
            time.sleep(0.005)

    threads = [threading.Thread(target=load, args=(keep,)) for keep in (True, True, False)]
    for thread in threads:
        thread.start()
    for _ in range(4):
        cloud.elb.register_targets(TargetGroupArn=group, Targets=[extra])
        eventually(lambda: cloud.healthy(group))
        cloud.elb.deregister_targets(TargetGroupArn=group, Targets=[extra])
    done.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert count["stays"] > 100
    assert count["comes"] > 5


def certificate(cloud: Cloud, *names: str, own_key: bool = True) -> tuple[str, str]:
    """Import a self-signed certificate, with its own key or another one; its ARN and PEM text."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, names[0])])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=9))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    private = (key if own_key else ec.generate_private_key(ec.SECP256R1())).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    arn: str = cloud.acm.import_certificate(Certificate=pem, PrivateKey=private)["CertificateArn"]
    return arn, pem.decode()


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_tls_with_certificates_by_name(cloud: Cloud) -> None:
    first, first_pem = certificate(cloud, "one.example.com")
    second, second_pem = certificate(cloud, "*.two.example.com")
    url = cloud.listen(
        forward(cloud.group(cloud.target())),
        Protocol="HTTPS",
        SslPolicy="ELBSecurityPolicy-TLS13-1-2-2021-06",
        Certificates=[{"CertificateArn": first}],
    )
    listener = cloud.elb.describe_listeners(LoadBalancerArn=cloud.made[-1])["Listeners"][0]["ListenerArn"]
    cloud.elb.add_listener_certificates(ListenerArn=listener, Certificates=[{"CertificateArn": second}])
    cloud.plane.settle()
    host, port = url.removeprefix("https://").split(":")

    def shake(name: str, trusted: str, **limits: Any) -> tuple[str | None, str | None]:
        context = ssl.create_default_context(cadata=trusted)
        context.set_alpn_protocols(["h2", "http/1.1"])
        for limit, value in limits.items():
            setattr(context, limit, value)
        plain = socket.create_connection((host, int(port)), timeout=5)
        with plain, context.wrap_socket(plain, server_hostname=name) as secure:
            return secure.version(), secure.selected_alpn_protocol()

    assert shake("one.example.com", first_pem) == ("TLSv1.3", "h2")
    assert shake("a.two.example.com", second_pem) == ("TLSv1.3", "h2")
    assert shake("a.two.example.com", second_pem, maximum_version=ssl.TLSVersion.TLSv1_2)[0] == "TLSv1.2"
    with pytest.raises(ssl.SSLCertVerificationError):
        shake("a.b.two.example.com", second_pem)
    seen = requests.get(url, verify=False, headers={"Host": "one.example.com"}).json()
    assert (seen["headers"]["x-forwarded-proto"], seen["headers"]["x-forwarded-port"]) == ("https", port)
    for file in (cloud.state / "elb").rglob("*.key"):
        assert file.stat().st_mode & 0o777 == 0o600
    logs = "".join(file.read_text() for file in (cloud.state / "elb").glob("*.log"))
    assert "PRIVATE KEY" not in logs + (cloud.state / "elb" / "nginx.conf").read_text()


def test_a_port_that_is_taken_is_said_and_tried_again(cloud: Cloud) -> None:
    arn, name = cloud.balancer()
    with socket.socket() as other:
        other.bind((name, 0))
        other.listen()
        taken = other.getsockname()[1]
        cloud.elb.create_listener(LoadBalancerArn=arn, Protocol="HTTP", Port=taken, DefaultActions=said(200, "a"))
        cloud.plane.settle()
        state = cloud.state_of(arn)
        assert state["Code"] == "failed"
        assert f"{name}:{taken} is taken by another program: stop it" in state["Reason"]
        free = free_port(host=name)
        cloud.elb.create_listener(LoadBalancerArn=arn, Protocol="HTTP", Port=free, DefaultActions=said(200, "b"))
        cloud.plane.settle()
        assert cloud.state_of(arn)["Code"] == "active_impaired"
        assert requests.get(f"http://{name}:{free}").text == "b"
    assert eventually(lambda: cloud.state_of(arn)["Code"] == "active")
    assert requests.get(f"http://{name}:{taken}").text == "a"


def test_a_listener_that_nginx_refuses_stops_no_other(cloud: Cloud, caplog: pytest.LogCaptureFixture) -> None:
    wrong, _ = certificate(cloud, "wrong.example.com", own_key=False)
    cloud.listen(said(200, "bad"), Protocol="HTTPS", Certificates=[{"CertificateArn": wrong}])
    impaired = cloud.made[-1]
    state = cloud.state_of(impaired)
    assert state["Code"] == "failed"
    assert "key values mismatch" in state["Reason"]
    url = cloud.listen(said(200, "good"))
    assert requests.get(url).text == "good"
    assert cloud.state_of(cloud.made[-1])["Code"] == "active"
    caplog.clear()
    time.sleep(1.5)  # a tick
    assert cloud.state_of(impaired)["Code"] == "failed"
    assert not [row for row in caplog.records if row.name.startswith("emulator.elb")]
    fine, _ = certificate(cloud, "right.example.com")
    listener = cloud.elb.describe_listeners(LoadBalancerArn=impaired)["Listeners"][0]
    cloud.elb.modify_listener(
        ListenerArn=listener["ListenerArn"], Certificates=[{"CertificateArn": fine}], DefaultActions=said(200, "ok")
    )
    assert eventually(lambda: cloud.state_of(impaired)["Code"] == "active")


def test_nonsense_in_one_listener_is_its_own_problem(cloud: Cloud) -> None:
    cloud.listen(said(200, "x"))
    arn = cloud.made[-1]
    attribute = {"Key": "idle_timeout.timeout_seconds", "Value": "soon"}
    cloud.elb.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=[attribute])
    url = cloud.listen(said(200, "good"))
    assert requests.get(url).text == "good"
    assert "soon" in cloud.state_of(arn)["Reason"]


def test_a_second_load_balancer_has_an_address_of_its_own(cloud: Cloud) -> None:
    (_, one), (second, two) = cloud.balancer(), cloud.balancer()
    assert one == "127.0.0.1"
    if two == one:
        pytest.skip("this machine has one loopback address")
    cloud.elb.delete_load_balancer(LoadBalancerArn=second)
    assert cloud.balancer()[1] == two


def test_deleting_takes_effect_at_once(cloud: Cloud) -> None:
    group = cloud.group(cloud.target())
    url = cloud.listen(forward(group), [(path_is("/x"), said(200, "rule"))])
    arn = cloud.made[-1]
    listener = cloud.elb.describe_listeners(LoadBalancerArn=arn)["Listeners"][0]["ListenerArn"]
    rule = next(each for each in cloud.elb.describe_rules(ListenerArn=listener)["Rules"] if not each["IsDefault"])
    assert requests.get(f"{url}/x").text == "rule"
    cloud.elb.delete_rule(RuleArn=rule["RuleArn"])
    assert requests.get(f"{url}/x").json()["target"] == "t"
    assert cloud.elb.describe_target_groups(TargetGroupArns=[group])["TargetGroups"][0]["LoadBalancerArns"] == [arn]
    with pytest.raises(cloud.elb.exceptions.DuplicateListenerException):
        cloud.elb.create_listener(
            LoadBalancerArn=arn, Protocol="HTTP", Port=int(url.rsplit(":", 1)[1]), DefaultActions=said(200, "")
        )
    cloud.elb.delete_listener(ListenerArn=listener)
    with pytest.raises(requests.ConnectionError):
        requests.get(url)
    assert cloud.health(group)[0]["Reason"] == "Target.NotInUse"
    assert cloud.elb.describe_target_groups(TargetGroupArns=[group])["TargetGroups"][0]["LoadBalancerArns"] == []


def test_deletion_protection_protects(cloud: Cloud) -> None:
    arn, _ = cloud.balancer()
    attribute = {"Key": "deletion_protection.enabled", "Value": "true"}
    cloud.elb.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=[attribute])
    with pytest.raises(cloud.elb.exceptions.OperationNotPermittedException):
        cloud.elb.delete_load_balancer(LoadBalancerArn=arn)


def test_attributes(cloud: Cloud) -> None:
    url = cloud.listen(forward(cloud.group(cloud.target())))
    odd = {"X_Odd": "1", "X-Good": "2"}
    assert requests.get(url, headers=odd).json()["headers"]["x_odd"] == "1"
    values = {
        "routing.http.drop_invalid_header_fields.enabled": "true",
        "routing.http.xff_header_processing.mode": "remove",
    }
    cloud.elb.modify_load_balancer_attributes(
        LoadBalancerArn=cloud.made[-1], Attributes=[{"Key": key, "Value": value} for key, value in values.items()]
    )
    cloud.plane.settle()
    headers = requests.get(url, headers={**odd, "X-Forwarded-For": "192.0.2.1"}).json()["headers"]
    assert "x-good" in headers
    assert "x_odd" not in headers
    assert "x-forwarded-for" not in headers


def nginx_pid(processes: ProcessTable) -> int | None:
    return next((part.pid for part in processes.parts() if part.kind == "elb"), None)


def test_nginx_that_died_is_started_again(cloud: Cloud) -> None:
    url = cloud.listen(said(200, "up"))
    before = nginx_pid(cloud.processes)
    assert before is not None
    os.kill(before, signal.SIGKILL)
    assert eventually(lambda: nginx_pid(cloud.processes) not in (None, before))
    assert eventually(lambda: requests.get(url).text == "up")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has workers of another user")
def test_workers_of_root_are_nobody(cloud: Cloud) -> None:
    cloud.listen(said(200, "up"))
    master = nginx_pid(cloud.processes)
    workers = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    assert workers
    for worker in workers:
        uid = re.search(r"^Uid:\s+(\d+)", Path(f"/proc/{worker}/status").read_text(), re.MULTILINE)
        assert uid is not None
        assert int(uid[1]) != 0
    assert (cloud.state / "elb").stat().st_mode & 0o777 == 0o700


def test_provisioning_takes_its_time_and_stop_leaves_nothing(cloud: Cloud, tmp_path: Path) -> None:
    context = make_context(tmp_path / "state", scale=1 / 142)
    plane = ElbPlane(context)
    plane.install()
    try:
        plane.start()
        arn, name = cloud.balancer()
        port = free_port(host=name)
        cloud.elb.create_listener(LoadBalancerArn=arn, Protocol="HTTP", Port=port, DefaultActions=said(200, "late"))
        assert cloud.state_of(arn) == {"Code": "provisioning"}
        with pytest.raises(requests.ConnectionError):
            requests.get(f"http://{name}:{port}")
        assert eventually(lambda: cloud.state_of(arn)["Code"] == "active")
        assert eventually(lambda: requests.get(f"http://{name}:{port}").text == "late")
        (part,) = context.processes.parts()
    finally:
        plane.stop()
        plane.stop()
    assert not is_alive(part)
    assert context.processes.parts() == []
    with pytest.raises(ProcessLookupError):
        os.killpg(part.pid, 0)
    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://{name}:{port}")
