# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Polling with a bound."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from .._transient import Kind

T = TypeVar("T")


@dataclass(frozen=True)
class Patience:
    """How long to wait, and how often to look.

    :param timeout: seconds from the first look until giving up.
    :param interval: seconds between two looks.
    """

    timeout: float
    interval: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def until(self, look: Callable[[], T], done: Callable[[T], bool]) -> tuple[T, bool]:
        """Looks until ``done`` says so or the time is over.

        It looks at least once, and once more at the very end of the time.

        :returns: what was seen last, and whether it was done.
        """
        end = self.clock() + self.timeout
        while True:
            seen = look()
            if done(seen):
                return seen, True
            left = end - self.clock()
            if left <= 0:
                return seen, False
            self.sleep(min(self.interval, left))


#: Seconds between two attempts of :func:`insist`.
INTERVAL = 5.0


def insist(
    call: Callable[[], T],
    kind_of: Callable[[str], Kind | None],
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> T:
    """Makes a call again as long as AWS refuses it for a reason that goes away by itself.

    :param kind_of: the kind of an error message, None for an error that stays.
    :raises Exception: what the call raised last, once it stays or has lasted as long as its kind may.
    """
    begin = clock()
    while True:
        try:
            return call()
        except Exception as error:
            kind = kind_of(str(error))
            if kind is None or clock() - begin >= kind.seconds:
                raise
            sleep(INTERVAL)
