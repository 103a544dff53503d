# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Polling ends when it is done, or when the time is over, and never before a first look."""

from __future__ import annotations

import pytest
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.waiting import Patience

from tests.unit.plugins.ecs.ecs_samples import FakeClock


@pytest.mark.parametrize(
    ("done_at", "timeout", "interval", "looks", "done"),
    [(0, 10, 5, 1, True), (5, 10, 5, 2, True), (10, 10, 5, 3, True), (11, 10, 5, 3, False), (7, 7, 5, 3, True)],
)
def test_until(done_at: float, timeout: float, interval: float, looks: int, done: bool) -> None:
    clock = FakeClock()
    seen: list[float] = []

    def look() -> float:
        seen.append(clock.now)
        return clock.now

    result = Patience(timeout, interval, clock.time, clock.sleep).until(look, lambda now: now >= done_at)
    assert result == (seen[-1], done)
    assert len(seen) == looks
    assert clock.now <= timeout
