# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One container: a process group, its output, its health."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

from moto.core.utils import utcnow

from emulator import kernel
from emulator.ecs.errors import StartFailure
from emulator.processes import ProcessTable

log = logging.getLogger(__name__)

#: Lines of output longer than this are cut into several, as container runtimes do. Bytes.
LONGEST_LINE = 16 * 1024
DEFAULT_STOP_TIMEOUT = 30
LONGEST_STOP_TIMEOUT = 120


@dataclass(frozen=True)
class Launch:
    """How to run a container.

    :param log: file of this machine that keeps the output.
    :param line: called with each line of output.
    :param flush: called when there is no more output.
    :param mark: a text that the environment of every descendant holds.
    """

    title: str
    argv: list[str]
    environment: dict[str, str]
    folder: Path
    log: Path
    port: int | None
    line: Callable[[str], None]
    flush: Callable[[], None]
    mark: str


class Container:
    """A container of a task.

    :param definition: the container definition with the overrides of RunTask applied.
    :param changed: called after every change of state, from any thread.
    """

    def __init__(self, definition: dict[str, Any], arn: str, changed: Callable[[], None]) -> None:
        self.definition = definition
        self.name = str(definition["name"])
        self.essential = bool(definition.get("essential", True))
        self.arn = arn
        self.runtime_id = f"{uuid4().hex}-{uuid4().int % 10**10:010d}"
        self.last_status = "PENDING"
        self.exit_code: int | None = None
        self.reason: str | None = None
        check = definition.get("healthCheck")
        self.has_check = bool(check and check.get("command") and check["command"][0] != "NONE")
        self.health = "UNKNOWN"
        self.started_at: datetime | None = None
        self.started_monotonic: float | None = None
        self.finished_at: datetime | None = None
        self.launch: Launch | None = None
        self.ended = threading.Event()
        self._changed = changed
        self._process: subprocess.Popen[bytes] | None = None
        # Held while the pid is sure to be ours: signals never reach a process that took it over.
        self._alive = threading.Lock()

    @property
    def stop_timeout(self) -> float:
        """Seconds between SIGTERM and SIGKILL."""
        return float(min(self.definition.get("stopTimeout") or DEFAULT_STOP_TIMEOUT, LONGEST_STOP_TIMEOUT))

    def run(self, launch: Launch, processes: ProcessTable) -> None:
        """Start the process.

        :raises StartFailure: CannotStartContainerError, when the command cannot be executed.
        """
        self.launch = launch
        command = launch.argv[0]
        found = shutil.which(command, path=launch.environment.get("PATH", ""))
        if found is None:
            what = "no such file or directory" if "/" in command else "executable file not found in $PATH"
            raise self._cannot_start(f'exec: "{command}": {what}')
        try:
            self._process = processes.spawn(
                launch.title,
                "ecs",
                [found, *launch.argv[1:]],
                log=launch.log,
                env=launch.environment,
                cwd=launch.folder,
                port=launch.port,
                stdout=subprocess.PIPE,
                mark=launch.mark,
            )
        except OSError as error:
            raise self._cannot_start(f'exec: "{command}": {os.strerror(error.errno or 0)}') from None
        self.started_at, self.started_monotonic = utcnow(), time.monotonic()
        self.last_status = "RUNNING"
        output = self._process.stdout
        assert output is not None
        pump = threading.Thread(target=self._pump, args=(output, launch), name=f"log {launch.title}", daemon=True)
        pump.start()
        threading.Thread(
            target=self._await_end, args=(self._process, pump, launch, processes), name=launch.title, daemon=True
        ).start()
        self._changed()

    def _cannot_start(self, why: str) -> StartFailure:
        reason = (
            "CannotStartContainerError: ResourceInitializationError: failed to create new container runtime task: "
            "failed to create shim task: OCI runtime create failed: runc create failed: unable to start container "
            f"process: {why}: unknown"
        )
        self.fail(reason)
        return StartFailure(reason, self.name)

    def fail(self, reason: str, exit_code: int | None = None) -> None:
        """Mark a container that never ran as stopped."""
        self.last_status, self.reason, self.exit_code = "STOPPED", reason, exit_code
        self.ended.set()
        self._changed()

    def record_health(self, healthy: bool) -> None:
        """Take over the verdict of the container's health check."""
        verdict = "HEALTHY" if healthy else "UNHEALTHY"
        if self.last_status == "RUNNING" and self.health != verdict:
            self.health = verdict
            self._changed()

    def signal(self, number: int) -> bool:
        """Send a signal to the container's first process, as a runtime does.

        On AWS that process has the number 1, and the kernel drops a signal to it that it has no handler for
        (pid_namespaces(7)), unless ``initProcessEnabled`` puts an init before it, which passes the signal on.

        :returns: whether it was delivered.
        """
        init = bool((self.definition.get("linuxParameters") or {}).get("initProcessEnabled"))
        with self._alive:
            if self._process is None or self.ended.is_set() or self._process.returncode is not None:
                return False
            if not init and not kernel.catches(self._process.pid, number):
                return False
            os.kill(self._process.pid, number)
            return True

    def kill(self) -> None:
        """End every process of the container at once."""
        with self._alive:
            if self._process is not None and not self.ended.is_set() and self._process.returncode is None:
                kill_group(self._process.pid)

    def stop(self, timeout: float, hurry: threading.Event, last_timeout: float) -> None:
        """SIGTERM, then SIGKILL after ``timeout`` seconds; returns when the container has ended.

        :param hurry: from when this is set, only ``last_timeout`` seconds are left.
        """
        if self._process is None:
            if not self.ended.is_set():
                self.last_status = "STOPPED"
                self.ended.set()
            return
        heard = self.signal(signal.SIGTERM)
        until, hurried = time.monotonic() + timeout, False
        while not self.ended.wait(min(0.25, max(0.0, until - time.monotonic()))):
            if hurry.is_set() and not hurried:
                # Who did not hear the signal would not end in the meantime, either.
                until, hurried = min(until, time.monotonic() + (last_timeout if heard else 0)), True
            if time.monotonic() >= until:
                self.kill()
                self.ended.wait(10)
                return

    def _await_end(
        self, process: subprocess.Popen[bytes], pump: threading.Thread, launch: Launch, processes: ProcessTable
    ) -> None:
        _wait_unreaped(process)
        with self._alive:
            # The first process of a container takes all others with it. It is a zombie until
            # process.wait(), so the group is still ours.
            kill_group(process.pid)
            code = process.wait()
        try:
            _kill_marked(launch.mark)
            pump.join(2.0)
            launch.flush()
            processes.forget(process.pid)
        except Exception:  # the container has ended, whatever becomes of its last lines
            log.exception("%s was not cleared away", launch.title)
        finally:
            self.exit_code = code if code >= 0 else 128 - code
            self.finished_at = utcnow()
            self.last_status = "STOPPED"
            self.ended.set()
            self._changed()

    @staticmethod
    def _pump(output: IO[bytes], launch: Launch) -> None:
        with (
            open(os.open(launch.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab", buffering=0) as file,
            output,
        ):
            for line in iter(lambda: output.readline(LONGEST_LINE), b""):
                try:
                    file.write(line)
                except OSError as error:  # a full disk must not stop the container
                    log.warning("cannot write %s: %s", launch.log, error)
                launch.line(line.decode("utf-8", "replace").rstrip("\r\n"))


def _wait_unreaped(process: subprocess.Popen[bytes]) -> None:
    """Wait for the end of ``process`` and leave it a zombie, where the system can do that."""
    waitid: Callable[..., Any] | None = getattr(os, "waitid", None)
    if waitid is None:
        process.wait()
        return
    try:
        waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    except ChildProcessError:
        process.wait()


def kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _kill_marked(mark: str) -> None:
    """End the processes that left the group of the container (daemons): their environment tells."""
    if hasattr(os, "pidfd_open"):
        found = [each for each in kernel.processes() if mark.encode() in kernel.environment(each.pid)]
        kernel.send(found, signal.SIGKILL)
