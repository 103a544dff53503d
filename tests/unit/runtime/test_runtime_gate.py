# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The last connection of a pool is for threads that hold one already."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from mlflow_aws.gate import Gate


def test_who_holds_nothing_waits_and_who_holds_something_does_not() -> None:
    gate = Gate(2)
    assert [gate.enter(thread, 0) for thread in (1, 2, 3)] == [True, True, False]
    assert [gate.enter(thread, 0) for thread in (1, 2, 3)] == [True, True, False]
    gate.leave(1)
    assert not gate.enter(3, 0), "thread 1 still holds one"
    gate.leave(1)
    assert gate.enter(3, 0)


def test_whoever_gives_a_connection_back_frees_the_place_of_who_took_it() -> None:
    gate = Gate(1)
    assert gate.enter(1, 0)
    with ThreadPoolExecutor(1) as other:
        other.submit(gate.leave, 1).result()
    assert gate.enter(2, 0)


@pytest.mark.parametrize("threads", [4, 40])
def test_sessions_within_sessions_do_not_wait_for_each_other(threads: int) -> None:
    """With three connections, as many threads as one likes; without the gate four are enough to stop them all."""
    connections, gate = threading.BoundedSemaphore(3), Gate(2)
    all_here = threading.Barrier(threads)

    def nested(thread: int, take: Callable[[], bool]) -> bool:
        all_here.wait(10)
        for _round in range(5):
            if not (take() and connections.acquire(timeout=5)):
                return False
            time.sleep(0.01)  # or a thread would be done before the next one begins
            if not (take() and connections.acquire(timeout=5)):
                return False
            for _connection in range(2):
                connections.release()
                gate.leave(thread)
        return True

    with ThreadPoolExecutor(threads) as pool:
        done = [pool.submit(nested, number, lambda number=number: gate.enter(number, 30)) for number in range(threads)]  # type: ignore[misc]
        assert [one.result() for one in done] == [True] * threads
