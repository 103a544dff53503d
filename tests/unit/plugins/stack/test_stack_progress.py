# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The callback that says what is waited for."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.mlops.mlflow_aws.plugins.callback.progress import CallbackModule, spoken


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (45.9, "45 s"), (60, "1 min"), (61, "1 min 1 s"), (240, "4 min"), (270.2, "4 min 30 s")],
)
def test_spoken(seconds: float, said: str) -> None:
    assert spoken(seconds) == said


class Task:
    """As much of a task as the callback sees."""

    def __init__(self, name: str) -> None:
        self.name = name

    def get_name(self) -> str:
        return f" {self.name} "


class Screen:
    """Keeps what is displayed, and says when there is something."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.shown = threading.Event()

    def display(self, line: str, color: str) -> None:
        self.lines.append(line)
        self.shown.set()


@pytest.fixture
def screen() -> Screen:
    return Screen()


@pytest.fixture
def callback(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> Iterator[CallbackModule]:
    callback = CallbackModule()
    callback._display = screen
    interval: dict[str, Any] = {"interval": 1}
    monkeypatch.setattr(callback, "get_option", interval.__getitem__)
    callback.interval_for_test = interval
    yield callback
    callback.v2_playbook_on_stats(None)


def _timers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if "_tell" in thread.name]


def _gone(timers: list[threading.Thread]) -> bool:
    for timer in timers:
        timer.join(5)
    return not any(timer.is_alive() for timer in timers)


def test_a_long_task_is_named_with_its_time(callback: CallbackModule, screen: Screen) -> None:
    callback.v2_playbook_on_task_start(Task("Wait for the database"), False)
    assert screen.shown.wait(10)
    assert screen.lines[0].strip() == "... Wait for the database: 1 s"


def test_the_timer_ends_with_the_run(callback: CallbackModule, screen: Screen) -> None:
    # Longer than a busy machine takes from here to the end.
    callback.interval_for_test["interval"] = 60
    callback.v2_playbook_on_task_start(Task("Wait"), False)
    timers = _timers()
    assert len(timers) == 1
    callback.v2_playbook_on_stats(None)
    assert _gone(timers)
    assert screen.lines == []


def test_the_next_task_ends_the_timer_of_the_one_before(callback: CallbackModule) -> None:
    callback.v2_playbook_on_task_start(Task("First"), False)
    first = _timers()
    callback.v2_playbook_on_handler_task_start(Task("Second"))
    assert _gone(first)
    assert len(_timers()) == 1


def test_a_new_play_ends_the_timer(callback: CallbackModule) -> None:
    callback.v2_playbook_on_task_start(Task("Last of the play"), False)
    timers = _timers()
    callback.v2_playbook_on_play_start(None)
    assert _gone(timers)


def test_interval_zero_prints_nothing(callback: CallbackModule, screen: Screen) -> None:
    callback.interval_for_test["interval"] = 0
    callback.v2_playbook_on_task_start(Task("Wait"), False)
    assert _timers() == []
    time.sleep(0.05)
    assert screen.lines == []


class Result:
    """As much of a result as the callback sees."""

    def __init__(self, **result: Any) -> None:
        self.result = result


HELD = {
    "msg": "Unable to delete security group 'sg-1': An error occurred (DependencyViolation) when calling the"
    " DeleteSecurityGroup operation: resource sg-1 has a dependent object",
    "attempts": 3,
}


def test_a_new_attempt_has_its_reason(callback: CallbackModule, screen: Screen) -> None:
    callback.v2_runner_retry(Result(**HELD, retries=120))
    said = 'AWS says "resource sg-1 has a dependent object". This takes a while; trying again.'
    assert screen.lines == [f"      ... {said}"]
    callback.v2_runner_retry(Result(msg="Something else", retries=3))
    assert len(screen.lines) == 1


def test_the_end_of_patience_is_a_sentence(callback: CallbackModule, screen: Screen) -> None:
    for tell in (callback.v2_runner_on_failed, callback.v2_runner_item_on_failed):
        tell(Result(**HELD, failed=True))
        assert "still says" in screen.lines[-1]
        assert "after 3 attempts" in screen.lines[-1]
        assert "look for what holds it" in screen.lines[-1]
        tell(Result(**{**HELD, "attempts": 1}, failed=True))
        tell(Result(msg="Something else", attempts=9, failed=True))
    assert len(screen.lines) == 2


def test_a_crash_is_called_one(callback: CallbackModule, screen: Screen) -> None:
    """ansible-core 2.19 has no message of it yet when it tries again, and one in the end."""
    callback.v2_runner_retry(Result(exception="(traceback unavailable)", attempts=1, retries=12))
    assert screen.lines[-1].startswith("      ... The module crashed, as some do when AWS does not show yet")
    assert "AWS says" not in screen.lines[-1]
    message = "Task failed: Module failed: 'NoneType' object is not subscriptable"
    callback.v2_runner_on_failed(Result(msg=message, attempts=12, failed=True))
    assert screen.lines[-1].strip().startswith("The module still crashes after 12 attempts")
    assert "what holds it" not in screen.lines[-1]
