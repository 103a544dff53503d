# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The arithmetic of a rolling deployment; no clock, no process, no moto.

Source: Amazon ECS developer guide, "Deploy Amazon ECS services by replacing tasks" and "How the
Amazon ECS deployment circuit breaker detects failures".
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Counts:
    """A service at one moment.

    :param desired: desired count of the service.
    :param minimum_percent: minimumHealthyPercent, of ``desired``, rounded up.
    :param maximum_percent: maximumPercent, of ``desired``, rounded down.
    :param new_live: tasks of the primary deployment that are meant to run and pass, or may still pass, their checks.
    :param new_healthy: those that are running and pass every health check.
    :param old_live: tasks of the other deployments that are meant to run.
    :param old_healthy: those that are running and pass every health check.
    :param failing: tasks of the primary deployment that failed their checks and wait for a replacement.
    :param halted: the primary deployment has FAILED: it launches no more tasks.
    """

    desired: int
    minimum_percent: int
    maximum_percent: int
    new_live: int
    new_healthy: int
    old_live: int = 0
    old_healthy: int = 0
    failing: int = 0
    halted: bool = False


@dataclass(frozen=True)
class Step:
    """How many tasks to start in the primary deployment and to stop in either."""

    start: int = 0
    stop_new: int = 0
    stop_old: int = 0
    stop_failing: int = 0


def next_step(counts: Counts) -> Step:
    """The next step towards ``desired`` healthy tasks of the primary deployment and no others.

    Never more than the maximum of tasks meant to run, and never fewer healthy ones than the
    minimum, unless tasks die by themselves. Old tasks go when new ones are healthy; earlier only
    to make the room that new ones need. A failing task goes when its replacement is healthy; where the maximum
    leaves no room for one, the failing go one by one.
    """
    if counts.halted:  # nothing will replace what fails
        return Step(stop_new=max(0, counts.new_live - counts.desired), stop_failing=counts.failing)
    upper = max(counts.desired * counts.maximum_percent // 100, counts.desired if not counts.old_live else 0)
    lower = math.ceil(counts.desired * counts.minimum_percent / 100)
    missing = max(0, counts.desired - counts.new_live)
    start = min(missing, max(0, upper - counts.new_live - counts.failing - counts.old_live))
    stop_failing = max(0, counts.failing - max(0, counts.desired - counts.new_healthy))
    if missing and not start and counts.new_live == counts.new_healthy:
        stop_failing = max(stop_failing, min(1, counts.failing))
    stop_new = max(0, counts.new_live - counts.desired)

    unhealthy_old = counts.old_live - counts.old_healthy
    healthy = counts.new_healthy + counts.old_healthy
    spare = max(0, healthy - lower)
    if counts.new_healthy >= counts.desired:
        stop_healthy_old = counts.old_healthy
    elif start < missing:
        # The room that unhealthy old tasks leave comes first.
        stop_healthy_old = min(spare, max(0, missing - start - unhealthy_old))
    else:
        stop_healthy_old = min(spare, max(0, healthy - counts.desired))
    return Step(start, stop_new, unhealthy_old + min(stop_healthy_old, counts.old_healthy), stop_failing)


def breaker_threshold(desired: int, configuration: Mapping[str, Any] | None = None) -> int:
    """How many failed tasks make a deployment fail: half the desired count, from 3 to 200.

    :param configuration: the ``thresholdConfiguration`` of the circuit breaker.
    """
    kind = (configuration or {}).get("type", "BOUNDED_PERCENT")
    value = int((configuration or {}).get("value", 50))
    if kind == "COUNT":
        return max(1, value)
    share = math.ceil(desired * value / 100)
    return max(1, share) if kind == "UNBOUNDED_PERCENT" else min(200, max(3, share))


def restart_delay(failures: int) -> float:
    """Seconds to wait before the next start after ``failures`` consecutive failed tasks.

    AWS waits up to 27 minutes ("Amazon ECS service throttle logic"); here the wait doubles from a
    quarter of a second to ten seconds.
    """
    return 0.0 if failures < 1 else float(min(10.0, 0.25 * 2 ** min(failures - 1, 10)))
