# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A task dies: the others answer meanwhile, and a new one takes its place."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.deployed.deployed_requests import RATE, Requests
from tests.deployed.deployed_stack import Stack

pytestmark = pytest.mark.timeout(120)

#: Seconds from the death of a task to the steady state of its successor.
PATIENCE = 60.0
#: Seconds after a death in which the load balancer may still send requests to the dead task (502).
#: ECS sees the end of a container and takes the target out; no health check is waited for.
BLIND = 3.0


def kill_one_task(stack: Stack) -> str:
    """SIGKILL every process of one of the service's tasks; its id."""
    part = next(part for part in stack.parts() if part["kind"] == "ecs" and part["name"].startswith(f"{stack.name}/"))
    os.killpg(part["pid"], signal.SIGKILL)
    return str(part["name"].rsplit("/", 1)[1])


def healthy_targets(stack: Stack) -> int:
    """Targets that the load balancer sends requests to."""
    group = stack.service()["loadBalancers"][0]["targetGroupArn"]
    rows = stack.aws("elbv2").describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    return sum(row["TargetHealth"]["State"] == "healthy" for row in rows)


def wait_for_replacement(stack: Stack, before: set[str]) -> float:
    """Seconds until the service runs as many tasks as it should, one of them new, and all are healthy targets."""
    began = time.monotonic()
    while time.monotonic() - began < PATIENCE:
        service = stack.service()
        tasks = stack.running_tasks()
        steady = service["runningCount"] == service["desiredCount"] == len(tasks) == healthy_targets(stack)
        if steady and tasks - before:
            return time.monotonic() - began
        time.sleep(1)
    raise AssertionError(
        f"no new task in {PATIENCE:.0f} s: {[row['message'] for row in stack.service()['events'][:8]]}"
    )


def test_requests_are_answered_while_a_task_is_replaced(stack: Stack) -> None:
    if stack.emulator is None:
        pytest.skip("tasks are processes only on the embedded AWS: name its state folder with --emulator-state")
    if stack.service()["desiredCount"] < 2:
        pytest.skip("the stack has one task")
    before = stack.running_tasks()
    with Requests(stack) as requests:
        time.sleep(1)
        died = time.monotonic()
        killed = kill_one_task(stack)
        took = wait_for_replacement(stack, before)

    assert not any(arn.endswith(killed) for arn in stack.running_tasks())
    failed = [(began - died, answer) for began, answer in requests.failed()]
    late = [row for row in failed if row[0] > BLIND]
    print(f"{len(requests.answers)} requests, failed {failed}, new task after {took:.1f} s")
    assert late == [], f"failed after the first {BLIND} s: {late}"
    assert {answer for _, answer in failed} <= {502, 503}
    # One of two tasks was dead: every second request at most, and only until ECS noticed.
    assert len(failed) <= BLIND * RATE / 2 + 1
    assert len(requests.answers) > RATE * took / 2
    assert [stack.search(stack.login) for _ in range(6)] == [200] * 6
    assert stack.search() == 401
