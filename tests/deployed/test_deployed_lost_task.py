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

pytestmark = pytest.mark.timeout(400)

#: Seconds from the death of a task to the steady state of its successor, on a machine that has much else to do: MLflow
#: is installed anew.
PATIENCE = 300.0
#: Seconds after a death until its target is out. ECS sees the end of a container, and no health check is waited for: it
#: would need two, of 5 s and more, after the time that the container's own takes.
BLIND = 10.0
#: Seconds in which a load balancer may still send requests to a target that is out.
RELOAD = 2.0


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


def wait_until_out(stack: Stack, before: int) -> float:
    """Seconds until the load balancer has one target less."""
    began = time.monotonic()
    while healthy_targets(stack) >= before:
        assert time.monotonic() - began < BLIND, "the target of the dead task is still in"
        time.sleep(0.05)
    return time.monotonic() - began


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
    before, targets = stack.running_tasks(), healthy_targets(stack)
    with Requests(stack) as requests:
        time.sleep(1)
        died = time.monotonic()
        killed = kill_one_task(stack)
        out = wait_until_out(stack, targets)
        took = wait_for_replacement(stack, before)

    assert not any(arn.endswith(killed) for arn in stack.running_tasks())
    failed = [(began - died, answer) for began, answer in requests.failed()]
    late = [row for row in failed if row[0] > out + RELOAD]
    print(f"{len(requests.answers)} requests, failed {failed}, out after {out:.1f} s, new task {took:.1f} s later")
    assert late == [], f"failed although the target was out after {out:.1f} s: {late}"
    assert {answer for _, answer in failed} <= {502, 503}
    # One of two tasks was dead: every second request at most, and only until ECS noticed.
    assert len(failed) <= (out + RELOAD) * RATE / 2 + 1
    assert len(requests.answers) > 2 * len(failed)
    assert [stack.search(stack.login) for _ in range(6)] == [200] * 6
    assert stack.search() == 401
