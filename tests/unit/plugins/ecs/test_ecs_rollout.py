# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rollout does while it waits: every ending, on a service that goes through scripted states."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.errors import EcsError, EcsFailure
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.rollout import Rollout
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.service import ServicePlan
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.tags import TagChange
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.task_definition import Revision
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.waiting import Patience

from tests.unit.plugins.ecs.ecs_samples import FakeClock

ARN = "arn:aws:ecs:eu-west-2:123456789012:task-definition/web:"
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
LOG = {"awslogs-group": "/ecs/x", "awslogs-stream-prefix": "p"}


def deployment(number: int, revision: int, status: str, rollout: str, reason: str = "") -> dict[str, Any]:
    return {
        "id": f"ecs-svc/{number}",
        "status": status,
        "taskDefinition": f"{ARN}{revision}",
        "rolloutState": rollout,
        "rolloutStateReason": reason,
        "createdAt": BEGIN + timedelta(minutes=number),
        "runningCount": 1 if rollout == "COMPLETED" else 0,
    }


def service(*deployments: dict[str, Any], breaker: bool = False, running: int = 1) -> dict[str, Any]:
    return {
        "serviceName": "web",
        "serviceArn": "arn:service",
        "status": "ACTIVE",
        "desiredCount": 1,
        "runningCount": running,
        "pendingCount": 0,
        "deployments": list(deployments),
        "deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": breaker, "rollback": breaker}},
        "events": [{"createdAt": BEGIN + timedelta(minutes=2, seconds=1), "message": "something happened"}],
    }


OLD = deployment(1, 1, "PRIMARY", "COMPLETED")
OLD_ACTIVE = deployment(1, 1, "ACTIVE", "COMPLETED")
NEW = deployment(2, 2, "PRIMARY", "IN_PROGRESS")
NEW_DONE = deployment(2, 2, "PRIMARY", "COMPLETED")
NEW_FAILED = deployment(2, 2, "PRIMARY", "FAILED", "tasks failed to start.")
ASIDE_FAILED = deployment(2, 2, "ACTIVE", "FAILED", "tasks failed to start.")
BACK = deployment(3, 1, "PRIMARY", "IN_PROGRESS", "ECS deployment circuit breaker: rolling back to ecs-svc/1.")
BACK_DONE = deployment(3, 1, "PRIMARY", "COMPLETED")
BEFORE = service(OLD)


class FakeEcs:
    """Shows a service in one state after the other, and notes the calls that change something."""

    def __init__(self, *states: dict[str, Any], answers: list[dict[str, Any]] | None = None) -> None:
        self.states = list(states)
        self.answers = answers or []
        self.calls: list[dict[str, Any]] = []
        self.broken = False

    def service(self, cluster: str, name: str) -> dict[str, Any]:
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]

    def update_service(self, request: dict[str, Any]) -> dict[str, Any]:
        self.calls.append(request)
        return self.answers.pop(0)

    def create_service(self, request: dict[str, Any]) -> dict[str, Any]:
        self.calls.append({"create": request})
        return self.answers.pop(0)

    def delete_service(self, cluster: str, name: str) -> None:
        self.calls.append({"delete": name})

    def change_tags(self, arn: str, change: TagChange) -> None:
        self.calls.append({"tags": arn})

    def tasks(self, cluster: str, status: str, *, service: str) -> list[dict[str, Any]]:
        if self.broken:
            raise EcsError("Failed to list tasks: AccessDenied")
        stopped = {
            "taskArn": "arn:task/c/aaaa",
            "taskDefinitionArn": f"{ARN}2",
            "startedBy": "ecs-svc/2",
            "lastStatus": "STOPPED",
            "stopCode": "EssentialContainerExited",
            "stoppedReason": "Essential container in task exited",
            "containers": [{"name": "app", "exitCode": 3}],
        }
        return [stopped] if status == "STOPPED" else []

    def revision(self, name: str) -> Revision:
        log = {"logDriver": "awslogs", "options": LOG}
        return Revision(name, {"containerDefinitions": [{"name": "app", "logConfiguration": log}]})


class FakeLogs:
    """A container's last words."""

    def tails(self, streams: list[Any], lines: int) -> dict[str, list[str]]:
        return {stream.container: ["ImportError: no module named mlflow"] for stream in streams}


def rollout(ecs: FakeEcs, **options: Any) -> Rollout:
    clock = FakeClock()
    return Rollout(ecs, FakeLogs(), "c", "web", Patience(60, 5, clock.time, clock.sleep), **options)  # type: ignore[arg-type]


PLAN = ServicePlan(
    update={"taskDefinition": f"{ARN}2", "desiredCount": 3, "platformVersion": "1.4.0"},
    undo={"platformVersion": "LATEST"},
)


def failure(ecs: FakeEcs, **options: Any) -> EcsFailure:
    begun, before = ecs.states[0], options.pop("before", BEFORE)
    with pytest.raises(EcsFailure) as failed:
        rollout(ecs, **options).settle(begun, before, PLAN)
    return failed.value


def test_it_becomes_steady() -> None:
    ecs = FakeEcs(service(NEW, OLD_ACTIVE), service(NEW_DONE, OLD_ACTIVE, running=2), service(NEW_DONE))
    assert rollout(ecs).settle(service(NEW, OLD_ACTIVE), BEFORE, PLAN) == service(NEW_DONE)
    assert ecs.calls == []


def test_an_old_view_of_the_service_is_not_taken_for_an_end() -> None:
    ecs = FakeEcs(service(OLD), service(OLD), service(NEW_DONE))
    assert rollout(ecs).settle(service(NEW), BEFORE, PLAN) == service(NEW_DONE)


def test_the_circuit_breaker_rolls_back() -> None:
    ecs = FakeEcs(
        service(NEW, OLD_ACTIVE, breaker=True),
        service(NEW_FAILED, OLD_ACTIVE, breaker=True),
        service(NEW_FAILED, OLD_ACTIVE, breaker=True),
        service(BACK, ASIDE_FAILED, OLD_ACTIVE, breaker=True),
        service(BACK_DONE, breaker=True),
    )
    failed = failure(ecs)
    assert ecs.calls == []
    assert failed.kwargs["rolled_back"] is True
    assert failed.kwargs["previous_task_definition"] == f"{ARN}1"
    text = str(failed.message)
    assert "web did not become steady with web:2: tasks failed to start." in text
    assert "rolled back by the circuit breaker: web:1 is serving" in text
    for words in ("something happened", "exit code 3", "ImportError", "Essential container in task exited"):
        assert words in text
    assert failed.kwargs["stopped_tasks"][0]["exit_code"] == {"app": 3}


def test_what_the_circuit_breaker_leaves_changed_is_put_back() -> None:
    ecs = FakeEcs(service(BACK, ASIDE_FAILED, breaker=True), service(BACK_DONE, breaker=True), answers=[{}])
    plan = ServicePlan(update={}, undo={"platformVersion": "LATEST", "healthCheckGracePeriodSeconds": 300})
    with pytest.raises(EcsFailure) as failed:
        rollout(ecs).settle(service(NEW, OLD_ACTIVE, breaker=True), BEFORE, plan)
    assert failed.value.kwargs["rolled_back"] is True
    assert ecs.calls == [{"cluster": "c", "service": "web", "healthCheckGracePeriodSeconds": 300}]


def test_a_rollback_that_fails_does_not_hide_why_it_was_needed() -> None:
    ecs = FakeEcs(service(NEW_FAILED, OLD_ACTIVE))

    def refuse(request: dict[str, Any]) -> dict[str, Any]:
        raise EcsError("Failed to update the service: AccessDenied")

    ecs.update_service = refuse  # type: ignore[method-assign]
    failed = failure(ecs)
    assert failed.kwargs["rolled_back"] is False
    assert failed.kwargs["stopped_tasks"][0]["exit_code"] == {"app": 3}
    for words in ("tasks failed to start.", "could not be rolled back", "AccessDenied", "ImportError"):
        assert words in str(failed.message)


def test_the_circuit_breaker_was_quicker_than_the_first_look() -> None:
    ecs = FakeEcs(service(BACK, ASIDE_FAILED, breaker=True), service(BACK_DONE, breaker=True))
    with pytest.raises(EcsFailure) as failed:
        rollout(ecs).settle(service(NEW, OLD_ACTIVE, breaker=True), BEFORE, PLAN)
    assert failed.value.kwargs["rolled_back"] is True
    assert ecs.calls == []


@pytest.mark.parametrize(("stuck", "breaker"), [(NEW, False), (NEW, True), (NEW_FAILED, False), (NEW_FAILED, True)])
def test_the_module_rolls_back_when_the_circuit_breaker_does_not(stuck: dict[str, Any], breaker: bool) -> None:
    ecs = FakeEcs(service(stuck, OLD_ACTIVE, breaker=breaker), answers=[service(BACK, stuck)])
    ecs_service = ecs.service

    def after_rollback(cluster: str, name: str) -> dict[str, Any]:
        return service(BACK_DONE) if ecs.calls else ecs_service(cluster, name)

    ecs.service = after_rollback  # type: ignore[method-assign]
    failed = failure(ecs)
    # The fields of this run are taken back with the revision, but for the count.
    undone = {"cluster": "c", "service": "web", "platformVersion": "LATEST", "taskDefinition": f"{ARN}1"}
    assert ecs.calls == [undone]
    assert failed.kwargs["rolled_back"] is True
    assert "rolled back by this module: web:1 is serving" in str(failed.message)
    if stuck is NEW:
        assert "not steady after 60 s" in str(failed.message)


def test_a_rollback_that_does_not_become_steady_is_not_called_one() -> None:
    ecs = FakeEcs(service(NEW_FAILED, OLD_ACTIVE), answers=[service(BACK)])
    seen = [service(NEW_FAILED, OLD_ACTIVE)]
    ecs.service = lambda cluster, name: service(BACK, running=0) if ecs.calls else seen[0]  # type: ignore[method-assign]
    failed = failure(ecs)
    assert failed.kwargs["rolled_back"] is False
    assert "went back to web:1, which is not steady either" in str(failed.message)


def test_no_rollback_when_it_is_not_wanted() -> None:
    ecs = FakeEcs(service(NEW_FAILED, OLD_ACTIVE))
    assert "rollback: false" in str(failure(ecs, rollback=False).message)
    assert ecs.calls == []


def test_a_first_service_has_nothing_to_go_back_to() -> None:
    ecs = FakeEcs(service(NEW_FAILED))
    failed = failure(ecs, before=None)
    assert "no earlier revision that worked" in str(failed.message)
    assert failed.kwargs["rolled_back"] is False
    assert ecs.calls == []


@pytest.mark.parametrize(
    ("line", "look_at"),
    [
        ("ImportError: no module named mlflow", "the last log lines of app; fix what they name, and run again"),
        # As libpq and PostgreSQL say it.
        (
            "FATAL:  remaining connection slots are reserved for non-replication superuser connections",
            "the database has no free connection",
        ),
        (
            'psycopg2.errors.DiskFull: could not extend file "base/1/2": No space left on device',
            "the database's disk is",
        ),
        ("OSError: [Errno 28] No space left on device", "the task's disk is full"),
    ],
)
def test_a_first_deployment_whose_tasks_end_by_themselves_says_where_to_look(
    monkeypatch: pytest.MonkeyPatch, line: str, look_at: str
) -> None:
    monkeypatch.setattr(FakeLogs, "tails", lambda _self, streams, _lines: {one.container: [line] for one in streams})
    text = str(failure(FakeEcs(service(NEW_FAILED)), before=None).message)
    assert line in text
    assert f"\nLook at this first: {look_at}" in text


def test_a_revision_is_not_rolled_back_to_itself() -> None:
    # A new count begins no deployment: the one that is PRIMARY was steady before, and is not now.
    short = service(OLD, running=0)
    failed = failure(FakeEcs(short), before=BEFORE)
    assert failed.kwargs["rolled_back"] is False
    assert failed.kwargs["previous_task_definition"] is None


def test_after_an_interrupted_run_the_revision_before_is_still_known() -> None:
    under_way = service(NEW, OLD_ACTIVE)
    ecs = FakeEcs(under_way, answers=[service(BACK)])
    ecs.service = lambda cluster, name: service(BACK_DONE) if ecs.calls else under_way  # type: ignore[method-assign]
    with pytest.raises(EcsFailure) as failed:
        rollout(ecs).settle(under_way, under_way, ServicePlan())
    assert ecs.calls == [{"cluster": "c", "service": "web", "taskDefinition": f"{ARN}1"}]
    assert failed.value.kwargs["rolled_back"] is True


def test_somebody_elses_deployment_is_left_alone() -> None:
    ecs = FakeEcs(service(deployment(4, 9, "PRIMARY", "IN_PROGRESS")))
    with pytest.raises(EcsFailure, match="another deployment, of web:9, took its place"):
        rollout(ecs).settle(service(NEW), BEFORE, PLAN)
    assert ecs.calls == []


def test_a_service_that_is_deleted_meanwhile() -> None:
    with pytest.raises(EcsFailure, match="was deleted"):
        rollout(FakeEcs({**service(NEW), "status": "INACTIVE"})).settle(service(NEW), BEFORE, PLAN)


def test_a_new_service_that_ecs_does_not_show_yet() -> None:
    ecs = FakeEcs({}, {}, service(NEW), service(NEW_DONE))
    shown = ecs.service
    ecs.service = lambda cluster, name: shown(cluster, name) or None  # type: ignore[method-assign,assignment,return-value]
    assert rollout(ecs).settle(service(NEW), None, PLAN) == service(NEW_DONE)


def test_a_service_that_stays_unseen() -> None:
    ecs = FakeEcs({})
    ecs.service = lambda cluster, name: None  # type: ignore[method-assign,assignment,return-value]
    with pytest.raises(EcsFailure, match="was deleted"):
        rollout(ecs).settle(service(NEW), None, PLAN)


def test_unreadable_reasons_do_not_hide_the_failure() -> None:
    ecs = FakeEcs(service(NEW_FAILED))
    ecs.broken = True
    failed = failure(ecs, before=None)
    assert "tasks failed to start." in str(failed.message)
    assert "could not be read" in str(failed.message)


def test_tags_are_changed_before_a_deployment_begins() -> None:
    ecs = FakeEcs(BEFORE, answers=[service(NEW)])
    rollout(ecs).apply(ServicePlan(update={"a": 1}, tags=TagChange({"x": "1"})), BEFORE)
    assert ecs.calls == [{"tags": "arn:service"}, {"a": 1}]


@pytest.mark.parametrize(
    ("status", "count", "calls"),
    [
        ("ACTIVE", 2, [{"cluster": "c", "service": "web", "desiredCount": 0}, {"delete": "web"}]),
        ("ACTIVE", 0, [{"delete": "web"}]),
        ("DRAINING", 0, []),
    ],
)
def test_remove(status: str, count: int, calls: list[Any]) -> None:
    ecs = FakeEcs(BEFORE, answers=[BEFORE])
    rollout(ecs).remove({**BEFORE, "status": status, "desiredCount": count})
    assert ecs.calls == calls


def test_wait_gone() -> None:
    ecs = FakeEcs({**BEFORE, "status": "DRAINING"}, {**BEFORE, "status": "INACTIVE"})
    rollout(ecs).wait_gone()
    with pytest.raises(EcsFailure, match="is DRAINING with 0 tasks after 60 s"):
        rollout(FakeEcs({**BEFORE, "status": "DRAINING"})).wait_gone()


DENIED = "ResourceInitializationError: unable to pull secrets: AccessDeniedException: User: x is not authorized"


class New:
    """Every role is as new, or none is."""

    def __init__(self, new: bool) -> None:
        self.new, self.asked = new, []  # type: ignore[var-annotated]

    def among(self, arns: list[Any], before: Any) -> bool:
        self.asked.append((arns, before))
        return self.new


def too_early(is_new: bool, reason: str = DENIED) -> tuple[FakeEcs, New]:
    """A deployment whose tasks were denied their rights, and one more that works."""
    again = deployment(4, 2, "PRIMARY", "IN_PROGRESS")
    ecs, roles = FakeEcs(service(NEW_FAILED, OLD_ACTIVE), answers=[service(again)] * 2), New(is_new)
    ecs_service, ecs_tasks = ecs.service, ecs.tasks
    done = service(deployment(4, 2, "PRIMARY", "COMPLETED"))
    ecs.service = lambda *given: done if ecs.calls else ecs_service(*given)  # type: ignore[method-assign]
    ecs.tasks = lambda *given, **names: [  # type: ignore[method-assign]
        {**task, "stopCode": "TaskFailedToStart", "stoppedReason": reason, "containers": []}
        for task in ecs_tasks(*given, **names)
    ]
    ecs.new_roles = roles  # type: ignore[attr-defined]
    return ecs, roles


def test_a_deployment_that_iam_did_not_know_the_rights_of_is_begun_again() -> None:
    ecs, roles = too_early(is_new=True)
    seen = rollout(ecs).settle(service(NEW, OLD_ACTIVE), BEFORE, PLAN)
    assert seen["deployments"][0]["id"] == "ecs-svc/4"
    assert ecs.calls == [{"cluster": "c", "service": "web", **(PLAN.update or {}), "forceNewDeployment": True}]
    assert roles.asked == [([None, None], NEW["createdAt"])]


@pytest.mark.parametrize(("is_new", "reason"), [(False, DENIED), (True, "CannotPullContainerError: x")])
def test_a_deployment_that_failed_for_good_is_not(is_new: bool, reason: str) -> None:
    ecs, _roles = too_early(is_new, reason)
    with pytest.raises(EcsFailure):
        rollout(ecs).settle(service(NEW, OLD_ACTIVE), BEFORE, PLAN)
    # The one call is the way back.
    assert [call["taskDefinition"] for call in ecs.calls] == [f"{ARN}1"]
