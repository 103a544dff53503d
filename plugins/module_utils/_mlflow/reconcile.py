# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings a server from what is to what should be, one write at a time, and reads after each.

MLflow has no transactions, no conditional writes and no request ids. So a write whose answer was lost is never
repeated blindly: the state is read again, and the write is made again only where it is still missing. The same
rule lets two runs at once succeed, of which one reports the change.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from .errors import AlreadyExistsError, MlflowError, NotFoundError, NotMlflowError
from .wait import Waiter

S = TypeVar("S")

#: How often another run may be first before this one gives up.
RACES = 3


class Action(Protocol):
    """One write as data: two actions are equal where they ask for the same."""

    def says(self) -> str:
        """The write in words, such as ``create user alice``."""


@dataclass(frozen=True)
class Plan(Generic[S]):
    """What there is to do.

    :param actions: writes in their order; none where nothing differs.
    :param after: the state that they lead to, as check mode shows it.
    """

    actions: tuple[Any, ...]
    after: S


@dataclass(frozen=True)
class Outcome(Generic[S]):
    """What was done, or in check mode would be.

    :param before: the state as it was read first.
    :param after: the state as it was read last; in check mode as it is planned.
    :param done: the writes that this run made, in words.
    """

    before: S
    after: S
    done: tuple[str, ...] = field(default=())

    @property
    def changed(self) -> bool:
        """Whether this run made (or would make) any write."""
        return bool(self.done)


def reconcile(
    read: Callable[[], S],
    plan: Callable[[S], Plan[S]],
    apply: Callable[[Any], None],
    waiter: Waiter,
    *,
    check: bool = False,
) -> Outcome[S]:
    """Read, plan, and apply one action after the other until the plan is empty.

    :param read: the state of the server; reads only.
    :param plan: pure: what is missing in a state.
    :param apply: makes one write.
    :param check: plan only.
    :raises MlflowError: a read or write failed for good; its message says what was done before.
    """
    before = waiter.until(read)
    todo = plan(before)
    if check or not todo.actions:
        return Outcome(before, todo.after, tuple(action.says() for action in todo.actions))
    done: list[Any] = []
    state, races = before, 0
    try:
        while todo.actions:
            action, lost = todo.actions[0], False
            if action in done:
                raise NotMlflowError(
                    f"the server took '{action.says()}' but does not show it",
                    remedy="check that all servers behind this address share one database",
                )
            try:
                apply(action)
                done.append(action)
            except (AlreadyExistsError, NotFoundError):
                races += 1
                if races > RACES:
                    raise
            except MlflowError as error:
                if not error.transient or not waiter.again():
                    raise
                lost = True
            state = waiter.until(read)
            todo = plan(state)
            if lost and action not in todo.actions:
                done.append(action)
    except MlflowError as error:
        if done:
            error.message = f"{error.message.rstrip('.')} (done before: {', '.join(one.says() for one in done)})"
        raise
    return Outcome(before, state, tuple(action.says() for action in done))
