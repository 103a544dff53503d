# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The runner, and what the stages make of what they see."""

from __future__ import annotations

import json
import math
import secrets
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._health import access, runner, store
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._health.latency import percentile
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._health.model import (
    AwsTarget,
    Finding,
    Stage,
    StageFailed,
    StageSkipped,
    Target,
)
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.client import MlflowClient
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.errors import ApiError, AuthenticationError
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.http import (
    NO_RETRY,
    Connection,
    Credential,
    Login,
    Token,
    Transport,
)
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.wait import Waiter
from botocore.exceptions import ClientError

from tests.unit.plugins.mlflow.mlflow_faults import FaultServer, Reply

Start = Callable[..., FaultServer]


def target(url: str = "http://127.0.0.1:9", login: Credential | None = None, **options: Any) -> Target:
    client = MlflowClient(Transport(Connection(url), login, retry=NO_RETRY))
    options.setdefault("aws", AwsTarget(clients=lambda service: None))
    return Target(client=client, patient=client, login=login, **options)


def no_wait() -> Waiter:
    return Waiter(0, 1)


def passes(_target: Target) -> Finding:
    return Finding("fine", {"fact": 1})


def fails(_target: Target) -> Finding:
    raise StageFailed("bad", "do this")


def skips(_target: Target) -> Finding:
    raise StageSkipped("nothing to do")


def refused(_target: Target) -> Finding:
    raise AuthenticationError("refused", remedy="check")


@pytest.mark.parametrize(
    ("stages", "expected"),
    [
        ({"network": passes, "api": passes}, [("network", True, False), ("api", True, False)]),
        ({"network": passes, "api": refused}, [("network", True, False), ("api", False, False)]),
        (
            {"network": fails, "health": passes, "api": passes, "aws": passes},
            [("network", False, False), ("health", False, True), ("api", False, True), ("aws", True, False)],
        ),
        ({"health": fails, "auth": passes}, [("health", False, False), ("auth", False, True)]),
        ({"auth": fails, "api": passes}, [("auth", False, False), ("api", True, False)]),
        ({"hosts": skips}, [("hosts", True, True)]),
    ],
)
def test_runner(stages: dict[str, Stage], expected: list[tuple[str, bool, bool]]) -> None:
    results, _facts = runner.run_stages(stages, target(), no_wait(), stages=stages)
    assert [(result.name, result.ok, result.skipped) for result in results] == expected


def test_stages_run_in_their_own_order_and_only_those_asked_for() -> None:
    stages = {"network": passes, "health": passes, "api": passes}
    results, facts = runner.run_stages(["api", "network"], target(), no_wait(), stages=stages)
    assert [result.name for result in results] == ["network", "api"]
    assert facts == {"fact": 1}


@pytest.mark.parametrize(("name", "tries"), [("health", 3), ("auth", 1)])
def test_only_patient_stages_wait(name: str, tries: int) -> None:
    now = 0.0

    def pause(seconds: float) -> None:
        nonlocal now
        now += seconds

    seen = 0

    def later(_target: Target) -> Finding:
        nonlocal seen
        seen += 1
        raise StageFailed("not yet", "wait", transient=True)

    waiter = Waiter(10, 5, clock=lambda: now, pause=pause)
    results, _facts = runner.run_stages([name], target(), waiter, stages={name: later}, clock=lambda: now)
    assert seen == tries
    assert results[0].milliseconds == (tries - 1) * 5000
    assert ("after 3 tries in 10 s" in results[0].detail) is (tries == 3)


def test_no_password_in_what_a_stage_says() -> None:
    password = secrets.token_urlsafe(24)

    def leaks(_target: Target) -> Finding:
        raise StageFailed(f"said {password}", f"use {password}")

    results, _facts = runner.run_stages(["api"], target(login=Login("me", password)), no_wait(), stages={"api": leaks})
    assert password not in json.dumps(results[0].to_dict())


def test_summary() -> None:
    stages = {"network": passes, "auth": fails, "hosts": skips}
    results, _facts = runner.run_stages(stages, target(), no_wait(), stages=stages, clock=lambda: 0.0)
    assert runner.summary(results) == "1 of 2 stages ok, 1 skipped, failed: auth; 0.0 s"


def user(number: int) -> Reply:
    text = json.dumps({"user": {"id": number, "username": "me", "is_admin": True}})
    return Reply(200, text.encode())


@pytest.mark.parametrize(
    ("replies", "says"),
    [
        ([user(1), Reply(401), user(1), Reply(401)], "2 of 4: .*login is refused"),
        ([user(1), user(2)], "3 of 4: user number 2"),
        ([user(1), user(1), Reply(drop=True), user(1)], "1 of 4: .*dropped"),
        ([user(1), Reply(502), user(1), user(1)], "1 of 4: .*502"),
        ([Reply(401)], "works nowhere: 4 of 4: .*login is refused"),
    ],
)
def test_tasks_that_disagree_show(fault_server: Start, replies: list[Reply], says: str) -> None:
    server = fault_server(*replies)
    checked = target(server.url, Login("me", secrets.token_urlsafe(24)), connections=4)
    with pytest.raises(StageFailed, match=says):
        runner.STAGES["consistency"](checked)
    assert len(server.seen) == 4


CHALLENGE = Reply(401, headers={"WWW-Authenticate": 'Basic realm="mlflow"'})


@pytest.mark.parametrize(
    ("replies", "says"),
    [
        ([Reply(200)], "answers 200 without a login"),
        ([Reply(401)], "without WWW-Authenticate"),
        ([CHALLENGE, Reply(200)], "ajax-api.* answers 200 without a login"),
        ([CHALLENGE, CHALLENGE, CHALLENGE, user(1)], "a random password logs in"),
        ([*[CHALLENGE] * 4, user(1), Reply(401), user(1)], "user me still has a login"),
    ],
)
def test_open_doors_are_found(fault_server: Start, replies: list[Reply], says: str) -> None:
    checked = target(fault_server(*replies).url, Login("me", secrets.token_urlsafe(24)))
    with pytest.raises(StageFailed, match=says):
        runner.STAGES["auth"](checked)


@pytest.mark.parametrize(
    ("replies", "says"),
    [
        ([Reply(200, b"3.17.2"), Reply(401)], "rebinding.invalid is served"),
        ([Reply(200, b"3.17.2"), Reply(403), Reply(200), Reply(200), Reply(200)], "foreign.invalid may post"),
        ([Reply(200, b"3.17.2"), Reply(500, b"oops")], "for a foreign host"),
    ],
)
def test_foreign_hosts_and_origins_are_found(fault_server: Start, replies: list[Reply], says: str) -> None:
    checked = target(fault_server(*replies).url, Login("me", secrets.token_urlsafe(24)))
    with pytest.raises((StageFailed, ApiError), match=says):
        runner.STAGES["hosts"](checked)


@pytest.mark.parametrize(
    ("replies", "says"),
    [
        ([Reply(401)], "checks neither Host nor Origin"),
        ([Reply(403), Reply(200), Reply(200), Reply(200)], "a foreign Host is refused; MLflow 2.x checks no Origin"),
    ],
)
def test_what_mlflow_2_does_not_check_is_skipped(fault_server: Start, replies: list[Reply], says: str) -> None:
    checked = target(fault_server(Reply(200, b"2.18.0"), *replies).url, Login("me", secrets.token_urlsafe(24)))
    with pytest.raises(StageSkipped, match=says):
        runner.STAGES["hosts"](checked)


def test_checks_around_mlflow_2_are_found_like_its_own(fault_server: Start) -> None:
    server = fault_server(Reply(200, b"2.18.0"), Reply(403), Reply(200), Reply(200), Reply(403))
    found = runner.STAGES["hosts"](target(server.url, Login("me", secrets.token_urlsafe(24))))
    assert "foreign Host and Origin are refused" in found.detail


def test_the_login_is_not_sent_to_a_foreign_host(fault_server: Start) -> None:
    server = fault_server(Reply(200, b"3.17.2"), Reply(403), Reply(200), Reply(200), Reply(403))
    runner.STAGES["hosts"](target(server.url, Login("me", secrets.token_urlsafe(24))))
    foreign = [seen for seen in server.seen if seen.headers["host"] == "rebinding.invalid"]
    assert len(foreign) == 1
    assert "authorization" not in foreign[0].headers


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("mlflow-artifacts:/1/abc/artifacts", "1/abc/artifacts"),
        ("mlflow-artifacts://host:5000/1/abc/artifacts", "1/abc/artifacts"),
        ("http://h:1/api/2.0/mlflow-artifacts/artifacts/1/abc/artifacts", "1/abc/artifacts"),
        ("https://h/api/2.0/other/1/abc/artifacts", None),
        ("s3://bucket/prefix/1/abc/artifacts", None),
        ("/var/lib/mlflow/1/abc/artifacts", None),
    ],
)
def test_proxied_path(uri: str, path: str | None) -> None:
    assert store.proxied_path(uri) == path


def test_run_folder() -> None:
    assert store.run_folder("1/abc/artifacts") == "1/abc"
    assert store.run_folder("somewhere/else") == "somewhere/else"


@pytest.mark.parametrize("tasks", [1, 2, 3, 5, 8, 11])
def test_just_enough_connections_to_miss_no_task(tasks: int) -> None:
    def missed(count: int) -> float:
        """The chance that some task is not asked: inclusion and exclusion, term by term."""
        terms: list[float] = [
            (-1) ** (out + 1) * math.comb(tasks, out) * ((tasks - out) / tasks) ** count for out in range(1, tasks + 1)
        ]
        return sum(terms)

    count = access.enough(tasks)
    assert missed(count) < access.MISSED
    # Not many more than that takes.
    assert tasks == 1 or missed(count - 2) > access.MISSED


class Ecs:
    """Answers DescribeServices with so many running tasks, or with an error."""

    def __init__(self, running: int | None) -> None:
        self._running = running

    def describe_services(self, **_: Any) -> Any:
        if self._running is None:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "DescribeServices")
        return {"services": [{"runningCount": self._running}]}


@pytest.mark.parametrize(
    ("running", "wanted", "count", "says"),
    [
        (1, 8, 8, "; 1 task runs; the chance that one of them was not asked is below 0.1%"),
        (2, 8, 11, "; 2 tasks run; the chance that one of them was not asked is below 0.1%"),
        (2, 30, 30, "; 2 tasks run; the chance that one of them was not asked is below 0.1%"),
        (11, 8, 98, "; 11 tasks run; the chance that one of them was not asked is below 0.1%"),
        (40, 8, 100, "; 40 tasks run, too many for 100 connections to reach each of them surely"),
        (0, 8, 8, "; ECS runs no task"),
        (None, 8, 8, "; how many tasks run is not known: DescribeServices: AccessDenied: no"),
    ],
)
def test_connections_follow_the_running_tasks(running: int | None, wanted: int, count: int, says: str) -> None:
    named = AwsTarget(clients=lambda service: Ecs(running), cluster="c", service="s")
    assert access.connections(target(aws=named, connections=wanted)) == (count, says)


def test_without_a_service_the_option_says_how_many_connections() -> None:
    assert access.connections(target(connections=5)) == (5, "")


def test_consistency_opens_them_and_says_so(fault_server: Start) -> None:
    server = fault_server(user(1))
    named = AwsTarget(clients=lambda service: Ecs(2), cluster="c", service="s")
    checked = target(server.url, Login("me", secrets.token_urlsafe(24)), aws=named, connections=2)
    assert runner.STAGES["consistency"](checked).detail.startswith("11 of 11 new connections agree; 2 tasks run; ")
    assert len(server.seen) == 11


@pytest.mark.parametrize("name", ["auth", "consistency"])
@pytest.mark.parametrize(
    ("login", "says"), [(None, "no login is given"), (Token("abc"), "a token is given.*user name and password")]
)
def test_stages_that_need_a_user_name_say_so(name: str, login: Token | None, says: str) -> None:
    with pytest.raises(StageSkipped, match=says):
        runner.STAGES[name](target(login=login))


@pytest.mark.parametrize(
    ("values", "p50", "p95"),
    [
        ([7.0], 7, 7),
        ([2.0, 1.0], 1, 2),
        ([3.0, 1.0, 2.0], 2, 3),
        ([float(number) for number in range(20, 0, -1)], 10, 19),
        ([*[1.0] * 19, 900.0], 1, 1),
        ([*[1.0] * 18, 900.4, 950.0], 1, 900),
    ],
)
def test_percentiles(values: list[float], p50: int, p95: int) -> None:
    assert (percentile(values, 50), percentile(values, 95)) == (p50, p95)


def test_latency_asks_on_new_connections_and_fails_only_at_a_limit(fault_server: Start) -> None:
    server = fault_server(Reply(200, drip=0.02))
    free = runner.STAGES["latency"](target(server.url, latency_requests=3))
    assert len(server.seen) == 3
    assert free.facts["latency"]["requests"] == 3
    assert 20 <= free.facts["latency"]["p50"] <= free.facts["latency"]["p95"]
    results, facts = runner.run_stages(["latency"], target(server.url, latency_requests=2, latency_p95_ms=1), no_wait())
    assert not results[0].ok
    assert "expected at most 1 ms (p95)" in results[0].detail
    assert facts["latency"]["requests"] == 2


def test_no_requests_skip_latency() -> None:
    with pytest.raises(StageSkipped, match="latency_requests is 0"):
        runner.STAGES["latency"](target(latency_requests=0))
