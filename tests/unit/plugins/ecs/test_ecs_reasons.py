# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why tasks stopped, in words a person can act on."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.reasons import (
    LogStream,
    essential_containers,
    failed_tasks,
    hint_for,
    log_streams,
    report,
    succeeded,
)

TASK = "arn:aws:ecs:eu-west-2:123456789012:task/c/0123456789abcdef"


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("CannotPullContainerError: pull image manifest: toomanyrequests: rate limit", "Docker Hub"),
        ("CannotPullContainerError: pull image manifest: docker.io/x:y: not found", "image or its tag does not exist"),
        ("CannotPullContainerError: ref pull has been retried 5 time(s): dial tcp: i/o timeout", "NAT gateway"),
        ("ResourceInitializationError: unable to pull secrets: AccessDeniedException", "execution role"),
        ("ResourceInitializationError: failed to validate logger args: log group does not exist", "log group exists"),
        ("ECS was unable to assume the role 'arn:aws:iam::1:role/x'", "trust policy"),
        (
            # sst#3542: an image that is larger than the task's storage.
            "CannotPullContainerError: ref pull has been retried 1 time(s): failed to extract layer sha256:7c52: write "
            "/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/x.pyc: no space left on device: unknown",
            "the task's disk is full",
        ),
        ("OSError: [Errno 28] No space left on device: '/opt/mlflow/venv'", "the task's disk is full"),
        # As PostgreSQL says it (src/backend/storage/smgr/md.c, libpq).
        ('DiskFull: could not extend file "base/16401/2608": No space left on device', "raise its allocated storage"),
        ('could not write to file "base/pgsql_tmp/x": No space left on device', "rds_max_allocated_storage"),
        (
            "FATAL:  remaining connection slots are reserved for roles with the SUPERUSER attribute",
            "the database has no free connection",
        ),
        ("FATAL:  sorry, too many clients already", "the database has no free connection"),
        ("OutOfMemoryError: Container killed due to memory usage", "more memory"),
        ("Task failed ELB health checks in (target-group arn:x)", "health_check_grace_period_seconds"),
        ("Task failed container health checks", "container's own health check"),
        ("CannotStartContainerError: exec /x: exec format error", "architecture"),
        ("RESOURCE:ENI", "network interface"),
        ("Capacity is unavailable at this time.", "quota"),
        ("Your Spot Task was interrupted.", "FARGATE"),
    ],
)  # fmt: skip
def test_hints(reason: str, words: str) -> None:
    assert words in str(hint_for(reason))


def test_no_hint_for_the_unknown() -> None:
    assert hint_for("Essential container in task exited") is None


def containers(**codes: int | None) -> list[dict[str, Any]]:
    return [{"name": name} if code is None else {"name": name, "exitCode": code} for name, code in codes.items()]


@pytest.mark.parametrize(
    ("status", "codes", "expected"),
    [
        ("STOPPED", {"app": 0, "install": 0}, True),
        ("STOPPED", {"app": 0, "install": 1}, True),
        ("STOPPED", {"app": 1, "install": 0}, False),
        ("STOPPED", {"app": None, "install": 1}, False),
        ("STOPPED", {}, False),
        ("DEPROVISIONING", {"app": 0}, False),
    ],
)
def test_success_is_every_essential_container_ending_with_0(status: str, codes: Any, expected: bool) -> None:
    definition = {"containerDefinitions": [{"name": "app"}, {"name": "install", "essential": False}]}
    essential = essential_containers(definition)
    assert essential == ["app"]
    assert succeeded({"lastStatus": status, "containers": containers(**codes)}, essential) is expected


def test_the_report_has_reason_exit_code_and_log() -> None:
    task = {
        "taskArn": TASK,
        "stoppedReason": "Essential container in task exited",
        "containers": [*containers(app=137, install=0), {"name": "third", "reason": "CannotStartContainerError: x"}],
    }
    text = report(task, {"app": ["one", "two"], "install": []}).text()
    assert "0123456789abcdef stopped: Essential container" in text
    assert "container app: exit code 137 (killed by SIGKILL" in text
    assert "container third: never started, CannotStartContainerError" in text
    assert "container install" not in text
    assert text.index("one") < text.index("two")
    assert "Look at this first: the container cannot start" in text


ORDERING = (
    "CannotStartContainerError: dependency graph: failed to resolve container ordering dependency [install(python:3.11)"
    " (STOPPED->RUNNING) - Exit: 1] for target [migrate(python:3.11) (NONE->RUNNING)] as dependency did not exit"
    " successfully."
)


@pytest.mark.parametrize(("code", "ended"), [(1, "exit code 1"), (137, "exit code 137 (killed by SIGKILL")])
@pytest.mark.parametrize("stopped_reason", ["Task failed to start", ORDERING])
def test_a_container_that_others_depend_on_is_told_first(stopped_reason: str, code: int, ended: str) -> None:
    task = {
        "taskArn": TASK,
        "stoppedReason": stopped_reason,
        # The order of ECS is not that of the definition.
        "containers": [{"name": "migrate", "exitCode": 143, "reason": ORDERING}, *containers(install=code)],
    }
    told = report(task, {"migrate": [], "install": ["mlflow-aws install: the index is not reachable"]})
    lines = told.text().splitlines()
    assert lines[0].startswith(f"Task 0123456789abcdef stopped: its container install failed ({ended}")
    assert lines[0].endswith(", so that migrate could not start")
    assert lines[1].startswith(f"  container install: {ended}")
    assert lines[2] == "  container migrate: never started, because it depends on install"
    assert lines[3:] == ["  last log lines of install:", "    mlflow-aws install: the index is not reachable"]
    assert told.hint() is None, "command, user and mount points of migrate are not what to look at"


def test_streams_of_awslogs() -> None:
    options = {"awslogs-group": "/ecs/x", "awslogs-stream-prefix": "p", "awslogs-region": "eu-west-1"}
    definition = {
        "containerDefinitions": [
            {"name": "a", "logConfiguration": {"logDriver": "awslogs", "options": options}},
            {"name": "b", "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "/ecs/x"}}},
            {"name": "c", "logConfiguration": {"logDriver": "splunk", "options": options}},
            {"name": "d"},
        ]
    }
    assert log_streams(definition, TASK) == [LogStream("a", "/ecs/x", "p/a/0123456789abcdef", "eu-west-1")]


def test_tasks_that_ecs_scaled_in_did_not_fail() -> None:
    def stopped(at: int, code: str, reason: str = "", **more: Any) -> dict[str, Any]:
        return {"taskArn": str(at), "stoppedAt": at, "stopCode": code, "stoppedReason": reason, **more}

    tasks = [
        stopped(1, "EssentialContainerExited", taskDefinitionArn="r:1", startedBy="ecs-svc/1"),
        stopped(2, "ServiceSchedulerInitiated", "Scaling activity initiated", taskDefinitionArn="r:1"),
        stopped(3, "ServiceSchedulerInitiated", "Task failed ELB health checks in x", taskDefinitionArn="r:1"),
        stopped(4, "UserInitiated", taskDefinitionArn="r:1"),
        stopped(5, "TaskFailedToStart", taskDefinitionArn="r:2"),
        stopped(6, "TaskFailedToStart", taskDefinitionArn="r:1", startedBy="ecs-svc/2"),
    ]
    assert [task["taskArn"] for task in failed_tasks(tasks)] == ["6", "5", "3", "1"]
    assert [task["taskArn"] for task in failed_tasks(tasks, "r:1", "ecs-svc/1")] == ["3", "1"]
