# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One deadline for everything in a module that may have to wait for a server."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from .errors import MlflowError

T = TypeVar("T")


class Waiter:
    """Repeats what fails for now, until one deadline that all callers share.

    :param timeout: seconds from now; 0 tries once.
    :param sleep: seconds between two tries.
    """

    def __init__(
        self,
        timeout: float,
        sleep: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._sleep = sleep
        self._clock = clock
        self._pause = pause
        self._started = clock()
        self._deadline = self._started + timeout

    @property
    def waited(self) -> float:
        """Seconds since the start."""
        return self._clock() - self._started

    def again(self) -> bool:
        """Pause and say True, or say False at once where another try would come after the deadline."""
        if self._clock() + self._sleep > self._deadline:
            return False
        self._pause(self._sleep)
        return True

    def until(self, attempt: Callable[[], T]) -> T:
        """What ``attempt`` returns, once it raises no transient error any more.

        :raises MlflowError: the last one, when the deadline has come or waiting cannot help.
        """
        while True:
            try:
                return attempt()
            except MlflowError as error:
                if not error.transient or not self.again():
                    raise
