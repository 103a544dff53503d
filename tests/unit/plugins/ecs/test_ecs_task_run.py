# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One-off tasks: when one is started, attached to or left out, and what a failure says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.errors import EcsFailure
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.inputs import InvalidInput
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.task_definition import Revision
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.task_run import (
    TaskRunner,
    check_overrides,
    duration,
    plan_run,
    run_request,
    success_mark,
)
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.waiting import Patience

from tests.unit.plugins.ecs.ecs_samples import FakeClock

ARN = "arn:aws:ecs:eu-west-2:123456789012:task-definition/migrate:3"
TASK = "arn:aws:ecs:eu-west-2:123456789012:task/c/aaaa"
LOG = {"awslogs-group": "/ecs/x", "awslogs-stream-prefix": "p"}
DEFINITION = {
    "family": "migrate",
    "containerDefinitions": [
        {"name": "install", "essential": False},
        {"name": "migrate", "logConfiguration": {"logDriver": "awslogs", "options": LOG}},
    ],
}
OPTIONS = {"started_by": "me"}


def revision(**tags: str) -> Revision:
    return Revision(ARN, DEFINITION, tags)


def task(status: str = "RUNNING", code: int | None = None, **more: Any) -> dict[str, Any]:
    container = {"name": "migrate"} if code is None else {"name": "migrate", "exitCode": code}
    return {
        "taskArn": TASK,
        "taskDefinitionArn": ARN,
        "lastStatus": status,
        "startedBy": "me",
        "containers": [{"name": "install", "exitCode": 0}, container],
        **more,
    }


DONE, BAD, RUNNING = task("STOPPED", 0), task("STOPPED", 1), task()
OTHER = {"taskDefinitionArn": ARN[:-1] + "2"}
OVERRIDES = [{"name": "migrate", "command": ["x"]}]
API_OVERRIDES = {"containerOverrides": OVERRIDES}
EMPTY: dict[str, Any] = {
    "name": "migrate",
    "command": [],
    "environment": None,
    "limits": {},
    "memory": "",
}


@pytest.mark.parametrize(
    ("once", "running", "stopped", "tag", "action"),
    [
        (False, [], [], None, "run"),
        (False, [], [DONE], None, "run"),
        (False, [], [], success_mark(TASK, None), "run"),
        (False, [RUNNING], [], None, "attach"),
        (False, [task("PENDING")], [], None, "attach"),
        (False, [{**RUNNING, "startedBy": "you"}], [], None, "run"),
        (False, [{**RUNNING, **OTHER}], [], None, "run"),
        (False, [{**RUNNING, "overrides": API_OVERRIDES}], [], None, "run"),
        (False, [{**RUNNING, "overrides": {"containerOverrides": [{"name": "migrate"}]}}], [], None, "attach"),
        (False, [{**RUNNING, "overrides": {"containerOverrides": [EMPTY]}}], [], None, "attach"),
        (False, [], [{**RUNNING, "lastStatus": "DEPROVISIONING"}], None, "attach"),
        (True, [], [], None, "run"),
        (True, [], [DONE], None, "record"),
        (True, [], [{**DONE, "startedBy": "you"}], None, "record"),
        (True, [], [BAD], None, "run"),
        (True, [], [{**DONE, **OTHER}], None, "run"),
        (True, [], [{**DONE, "overrides": API_OVERRIDES}], None, "run"),
        (True, [RUNNING], [BAD], None, "attach"),
        (True, [], [], success_mark(TASK, None), "skip"),
        (True, [], [], success_mark(TASK, API_OVERRIDES), "run"),
        (True, [], [], "", "run"),
        (True, [], [], "set by hand", "run"),
    ],
)
def test_plan(once: bool, running: Any, stopped: Any, tag: str | None, action: str) -> None:
    has = {} if tag is None else {"ran": tag}
    made = plan_run(revision(**has), run_request(OPTIONS), running, stopped, once_per_revision=once, success_tag="ran")
    assert made.action == action
    assert made.changed is (action != "skip")


def test_a_success_counts_for_its_overrides_only() -> None:
    request = run_request({**OPTIONS, "overrides": OVERRIDES})
    for mark, action in ((success_mark(TASK, API_OVERRIDES), "skip"), (success_mark(TASK, None), "run")):
        made = plan_run(revision(ran=mark), request, [], [], once_per_revision=True, success_tag="ran")
        assert made.action == action


def test_what_a_success_names() -> None:
    made = plan_run(revision(ran=success_mark(TASK, None)), {}, [], [], once_per_revision=True, success_tag="ran")
    assert made.task == {"taskArn": "aaaa"}


def overridden(*items: dict[str, Any]) -> str:
    return success_mark(TASK, {"containerOverrides": list(items)})


def test_the_order_of_overrides_does_not_count_but_their_values_do() -> None:
    a, b = {"name": "A", "value": "1"}, {"name": "B", "value": "2"}
    one = overridden({"name": "x", "environment": [a, b], "cpu": 1}, {"name": "y", "command": ["z"]})
    assert overridden({"name": "y", "command": ["z"]}, {"cpu": 1, "environment": [b, a], "name": "x"}) == one
    assert overridden({"name": "x", "environment": [a, b], "cpu": 2}, {"name": "y", "command": ["z"]}) != one
    assert overridden({"name": "x", "environment": [a, b], "cpu": 1}, {"name": "w", "command": ["z"]}) != one
    assert overridden({"name": "x", "environment": [a], "cpu": 1}, {"name": "y", "command": ["z"]}) != one


def test_the_request() -> None:
    request = run_request(
        {
            "started_by": "me",
            "launch_type": "FARGATE",
            "subnets": ["subnet-1"],
            "security_groups": ["sg-1"],
            "assign_public_ip": True,
            "overrides": [{"name": "migrate", "environment": {"A": 1}}],
            "tags": {"n": 1},
        }
    )
    assert request == {
        "startedBy": "me",
        "launchType": "FARGATE",
        "networkConfiguration": {
            "awsvpcConfiguration": {
                "subnets": ["subnet-1"],
                "securityGroups": ["sg-1"],
                "assignPublicIp": "ENABLED",
            }
        },
        "overrides": {"containerOverrides": [{"name": "migrate", "environment": [{"name": "A", "value": "1"}]}]},
        "tags": [{"key": "n", "value": "1"}],
    }


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        ([{"name": "migrat"}], 'overrides: "migrat" is not a container.*Did you mean "migrate"'),
        ([{"command": ["x"]}], "is not a container of migrate:3"),
        ([{"name": "migrate", "comand": ["x"]}], r'overrides\[0\] has .*Did you mean "command"'),
    ],
)
def test_bad_overrides(overrides: Any, told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        check_overrides(run_request({**OPTIONS, "overrides": overrides}), revision())


def test_overrides_of_its_own_containers_are_fine() -> None:
    check_overrides(run_request({**OPTIONS, "overrides": OVERRIDES}), revision())


class FakeEcs:
    """Shows a task in one state after the other."""

    def __init__(self, states: list[dict[str, Any] | None]) -> None:
        self.states = states

    def task(self, cluster: str, arn: str) -> dict[str, Any] | None:
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]


class FakeLogs:
    """Answers the same lines for each stream, and notes how many were asked for."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def tails(self, streams: list[Any], lines: int) -> dict[str, list[str]]:
        self.asked.append(lines)
        return {stream.container: ["last words"] for stream in streams}


def finish(states: list[dict[str, Any] | None], log_lines: int = 40) -> tuple[dict[str, Any], FakeLogs]:
    clock, logs = FakeClock(), FakeLogs()
    patience = Patience(30, 5, clock.time, clock.sleep)
    runner = TaskRunner(FakeEcs(states), logs, "c", patience, log_lines)  # type: ignore[arg-type]
    return runner.finish(revision(), task()), logs


BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_task_that_ends_well() -> None:
    ended = {**DONE, "createdAt": BEGIN, "stoppedAt": BEGIN + timedelta(seconds=71.4)}
    result, logs = finish([task("PENDING"), task(), ended])
    assert result["exit_code"] == {"install": 0, "migrate": 0}
    assert result["log_tail"] == {"migrate": ["last words"]}
    assert result["duration"] == 71.4
    assert logs.asked == [40]


@pytest.mark.parametrize(
    ("known", "seconds"),
    [
        ({}, None),
        ({"createdAt": BEGIN}, None),
        ({"stoppedAt": BEGIN}, None),
        ({"createdAt": BEGIN, "stoppedAt": BEGIN + timedelta(seconds=1.26)}, 1.3),
    ],
)
def test_duration(known: dict[str, Any], seconds: float | None) -> None:
    assert duration(known) == seconds


def test_a_new_task_that_ecs_does_not_show_yet() -> None:
    assert finish([None, None, task(), None, DONE])[0]["exit_code"] == {"install": 0, "migrate": 0}


def test_no_log_is_read_when_none_is_wanted() -> None:
    result, logs = finish([DONE], log_lines=0)
    assert result["log_tail"] == {}
    assert logs.asked == []


@pytest.mark.parametrize(
    ("states", "told"),
    [
        ([BAD], ["migrate:3 failed", "container migrate: exit code 1", "last words"]),
        ([{**task("STOPPED"), "stoppedReason": "CannotPullContainerError: x"}], ["never started", "NAT gateway"]),
        ([RUNNING], ["still RUNNING after 30 s", "was not stopped", "last words"]),
        ([None], ["has forgotten the task aaaa"]),
    ],
)
def test_a_task_that_fails(states: Any, told: list[str]) -> None:
    with pytest.raises(EcsFailure) as failed:
        finish(states)
    for words in told:
        assert words in str(failed.value.message)
    assert failed.value.kwargs["task_arn"] == TASK


DENIED = (
    "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed:"
    " unable to"
    " retrieve secret from asm: service call has been retried 1 time(s): failed to fetch secret arn:x from secrets"
    " manager:"
    " AccessDeniedException: User: arn:aws:sts::1:assumed-role/web/abc is not authorized to perform:"
    " secretsmanager:GetSecretValue on resource: arn:x because no identity-based policy allows the"
    " secretsmanager:GetSecretValue action status code: 400"
)
REFUSED = {**task("STOPPED"), "stopCode": "TaskFailedToStart", "stoppedReason": DENIED, "containers": []}
UNREACHABLE = {
    **REFUSED,
    "stoppedReason": "ResourceInitializationError: unable to pull secrets: context deadline exceeded",
}


class Restarting(FakeEcs):
    """Each task that is started goes through the next state; the role of all of them is new, or not."""

    def __init__(self, states: list[dict[str, Any] | None], is_new: bool) -> None:
        super().__init__(states)
        self.started: list[dict[str, Any]] = []
        self.asked: list[Any] = []
        self.is_new = is_new
        self.new_roles = self

    def among(self, arns: list[Any], before: Any) -> bool:
        self.asked.append((arns, before))
        return self.is_new

    def run_task(self, request: dict[str, Any]) -> dict[str, Any]:
        self.started.append(request)
        return {**task(), "taskArn": f"{TASK}{len(self.started)}", "createdAt": len(self.started)}


def complete(ecs: Restarting) -> tuple[dict[str, Any], FakeClock]:
    clock = FakeClock()
    runner = TaskRunner(ecs, FakeLogs(), "c", Patience(30, 5, clock.time, clock.sleep), 40)  # type: ignore[arg-type]
    role = Revision(ARN, {**DEFINITION, "executionRoleArn": "arn:role/web"}, {})
    ended, result = runner.complete(role, {"startedBy": "me"}, {**task(), "createdAt": 0})
    return {**result, "ended": ended["taskArn"]}, clock


def test_a_task_that_iam_did_not_know_the_rights_of_is_started_again() -> None:
    ecs = Restarting([REFUSED, REFUSED, DONE], is_new=True)
    result, clock = complete(ecs)
    assert result["exit_code"] == {"install": 0, "migrate": 0}
    assert result["ended"] == f"{TASK}2"
    assert ecs.started == [{"cluster": "c", "taskDefinition": ARN, "startedBy": "me"}] * 2
    assert ecs.asked == [(["arn:role/web", None], 0), (["arn:role/web", None], 1)]
    assert clock.now == 20


def test_a_denial_that_stays_is_told_after_two_minutes() -> None:
    ecs = Restarting([REFUSED], is_new=True)
    with pytest.raises(EcsFailure, match=r"tried again for 120 s.*the role lacks them") as failed:
        complete(ecs)
    assert "execution role's rights on each secret" in str(failed.value.message)
    assert len(ecs.started) == 12


@pytest.mark.parametrize(
    ("ended", "is_new"), [(REFUSED, False), (BAD, True), (UNREACHABLE, True), ({**REFUSED, "stopCode": None}, True)]
)
def test_what_is_not_iams_delay_is_told_at_once(ended: Any, is_new: bool) -> None:
    ecs = Restarting([ended], is_new)
    with pytest.raises(EcsFailure):
        complete(ecs)
    assert ecs.started == []
