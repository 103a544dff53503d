# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A client that asks all the time."""

from __future__ import annotations

import threading
import time

from tests.deployed.deployed_stack import Stack

#: Requests a second.
RATE = 5.0


class Requests(threading.Thread):
    """Asks with a login at a steady rate while its ``with`` block runs, and notes each answer.

    A request that gets no answer is noted by the name of its error.

    :param login: user and password; None is the admin of mlflow.env.
    """

    def __init__(self, stack: Stack, login: tuple[str, str] | None = None) -> None:
        super().__init__(daemon=True)
        self._stack = stack
        self._login = login or stack.login
        self._end = threading.Event()
        self.answers: list[tuple[float, int | str]] = []

    def run(self) -> None:
        while not self._end.wait(1 / RATE):
            began = time.monotonic()
            try:
                answer: int | str = self._stack.search(self._login, patience=10)
            except OSError as error:
                answer = type(error).__name__
            self.answers.append((began, answer))

    def failed(self) -> list[tuple[float, int | str]]:
        """When (monotonic clock) and how requests failed.

        :raises AssertionError: when there were no requests at all.
        """
        assert self.answers
        return [row for row in self.answers if row[1] != 200]

    def __enter__(self) -> Requests:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self.join(timeout=30)
