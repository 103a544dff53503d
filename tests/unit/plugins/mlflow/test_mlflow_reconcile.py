# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The reconciler against a state that other runs and faults change under its hands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import pytest
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.errors import (
    AlreadyExistsError,
    ApiError,
    MlflowError,
    NotMlflowError,
    UnreachableError,
)
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.reconcile import RACES, Plan, reconcile
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.wait import Waiter

State = frozenset[str]


@dataclass(frozen=True)
class Add:
    """Add a word to the server's set."""

    word: str

    def says(self) -> str:
        return f"add {self.word}"


class Server:
    """A set of words. Each write is preceded by the next of ``faults``, which may raise or change the set."""

    def __init__(self, *words: str, faults: tuple[Callable[[Server], None], ...] = ()) -> None:
        self.words = set(words)
        self.faults = list(faults)
        self.writes: list[str] = []

    def read(self) -> State:
        return frozenset(self.words)

    def apply(self, action: Add) -> None:
        self.writes.append(action.word)
        if self.faults:
            self.faults.pop(0)(self)
        if action.word in self.words:
            raise AlreadyExistsError("there already")
        self.words.add(action.word)


def plan(current: State, wanted: tuple[str, ...] = ("a", "b")) -> Plan[State]:
    return Plan(tuple(Add(word) for word in wanted if word not in current), current | set(wanted))


def waiter(timeout: float = 10) -> Waiter:
    now = [0.0]

    def pause(seconds: float) -> None:
        now[0] += seconds

    return Waiter(timeout, 1, clock=lambda: now[0], pause=pause)


def drop(server: Server) -> None:
    raise UnreachableError("dropped")


def lose_answer(server: Server) -> None:
    server.words.add(server.writes[-1])
    raise UnreachableError("dropped after the write")


def refuse(server: Server) -> None:
    raise ApiError("no.")


def other_run(server: Server) -> None:
    server.words.add(server.writes[-1])


def nothing(server: Server) -> None:
    return


@pytest.mark.parametrize(
    ("before", "faults", "writes", "done"),
    [
        pytest.param((), (), ["a", "b"], ("add a", "add b"), id="all is missing"),
        pytest.param(("a", "x"), (), ["b"], ("add b",), id="a part is missing"),
        pytest.param(("a", "b"), (), [], (), id="nothing differs"),
        pytest.param((), (drop,), ["a", "a", "b"], ("add a", "add b"), id="a write that did not happen is repeated"),
        pytest.param((), (lose_answer,), ["a", "b"], ("add a", "add b"), id="a write that did happen is not"),
        pytest.param((), (other_run,), ["a", "b"], ("add b",), id="another run's write is not ours"),
    ],
)
def test_reconcile(
    before: tuple[str, ...], faults: tuple[Callable[[Server], None], ...], writes: list[str], done: tuple[str, ...]
) -> None:
    server = Server(*before, faults=faults)
    outcome = reconcile(server.read, plan, server.apply, waiter())
    assert server.words >= {"a", "b"}
    assert (server.writes, outcome.done, outcome.changed) == (writes, done, bool(done))
    assert (outcome.before, outcome.after) == (frozenset(before), frozenset(server.words))


def test_check_mode_plans_and_writes_nothing() -> None:
    server = Server("a")
    outcome = reconcile(server.read, plan, server.apply, waiter(), check=True)
    assert (server.writes, outcome.done, outcome.after) == ([], ("add b",), frozenset({"a", "b"}))


def test_a_failure_says_what_was_done_before() -> None:
    server = Server(faults=(nothing, nothing, refuse))
    with pytest.raises(ApiError) as caught:
        reconcile(server.read, partial(plan, wanted=("a", "b", "c")), server.apply, waiter())
    assert str(caught.value) == "no (done before: add a, add b)"


def test_no_wait_longer_than_allowed() -> None:
    server = Server(faults=(drop,) * 100)
    with pytest.raises(UnreachableError):
        reconcile(server.read, plan, server.apply, waiter(timeout=3))
    assert len(server.writes) == 4


def test_a_server_that_does_not_keep_what_it_takes() -> None:
    server = Server()
    with pytest.raises(NotMlflowError, match="took 'add a' but does not show it"):
        reconcile(frozenset[str], plan, server.apply, waiter())
    assert server.writes == ["a"]


def test_a_conflict_that_stays_is_told() -> None:
    tried: list[Add] = []

    def conflict(action: Add) -> None:
        tried.append(action)
        raise AlreadyExistsError("there already, unseen")

    with pytest.raises(MlflowError, match="unseen"):
        reconcile(frozenset[str], plan, conflict, waiter())
    assert len(tried) == 1 + RACES
