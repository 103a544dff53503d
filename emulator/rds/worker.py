# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One thread that does the operations of one instance, one after the other."""

from __future__ import annotations

import functools
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

log = logging.getLogger(__name__)


class WorkerClosed(Exception):
    """The worker was closed before a job began."""


@dataclass
class Job:
    """One operation.

    :param name: for the log.
    :param ready_at: the ``time.monotonic()`` before which it is not done, however quick the work.
    :param work: what can be done at once.
    :param done: what makes the operation visible as finished; called at ``ready_at`` or later.
    :param failed: called with the error of ``work`` or ``done``.
    """

    name: str
    ready_at: float
    work: Callable[[], None]
    done: Callable[[], None]
    failed: Callable[[Exception], None]


class Worker:
    """Runs jobs in the order of their submission, and ``watch`` while there is none.

    :param interval: seconds between two calls of ``watch``.
    """

    def __init__(self, name: str, watch: Callable[[], None], interval: float = 0.5) -> None:
        self._name = name
        self._watch = watch
        self._interval = interval
        self._changed = threading.Condition()
        self._jobs: deque[Job] = deque()  # the first one is being done
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=f"rds {name}", daemon=True)
        self._thread.start()

    def submit(self, job: Job) -> None:
        """Do ``job`` after those that wait already."""
        with self._changed:
            self._jobs.append(job)
            self._changed.notify_all()

    def hurry(self) -> None:
        """Let no job that waits now wait for its time any longer."""
        with self._changed:
            for job in self._jobs:
                job.ready_at = 0.0
            self._changed.notify_all()

    def settle(self, patience: float = 60.0) -> None:
        """Wait for the work that is late: its time has come, and it is still being done.

        On a clock without latency every operation is "immediate". Nobody who asks afterwards
        should see the second that a real server needs; a client that polls once a minute
        (amazon.aws) would lose that minute. An operation that still has time left is not waited for.
        """
        deadline = time.monotonic() + patience
        with self._changed:
            while self._jobs and not self._closed:
                now = time.monotonic()
                if self._jobs[0].ready_at > now or now >= deadline:
                    return
                self._changed.wait(deadline - now)

    def close(self, patience: float = 15.0) -> None:
        """Begin no further job and wait for the one that runs; may be called by a job itself."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if threading.current_thread() is not self._thread:
            self._thread.join(patience)

    def _run(self) -> None:
        while True:
            with self._changed:
                if not self._jobs and not self._closed:
                    self._changed.wait(self._interval)
                if self._closed:
                    break
                job = self._jobs[0] if self._jobs else None
            if job is None:
                self._guarded(self._watch)
                continue
            self._do(job)
            with self._changed:
                self._jobs.popleft()
                self._changed.notify_all()
        for job in self._jobs:
            # Somebody may wait for the outcome.
            self._guarded(functools.partial(job.failed, WorkerClosed(f"{self._name}: {job.name} was not begun")))

    def _do(self, job: Job) -> None:
        try:
            job.work()
            if self._wait_for(job):
                job.done()
        except Exception as error:
            log.exception("%s: %s failed", self._name, job.name)
            self._guarded(functools.partial(job.failed, error))

    def _wait_for(self, job: Job) -> bool:
        """Wait until ``job`` may be done; False when the worker is closed before."""
        with self._changed:
            while not self._closed and (left := job.ready_at - time.monotonic()) > 0:
                self._changed.wait(left)
            return not self._closed

    def _guarded(self, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception:
            log.exception("%s: the worker goes on", self._name)
