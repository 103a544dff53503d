# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The health check of a container definition.

Source: Amazon ECS API reference, HealthCheck. A success makes the container HEALTHY; ``retries``
failures in a row make it UNHEALTHY; failures in the start period do not count.
"""

from __future__ import annotations

import os
import subprocess
import threading
import time
from typing import Any

from emulator.ecs.container import Container, Launch, kill_group

#: Before its first success a check also runs between the intervals, so that an emulated task is
#: HEALTHY soon after it is ready. These extra runs can only succeed. Seconds.
EAGER_INTERVAL = 2.0


class HealthMonitor:
    """Runs the check of one container while it runs.

    :param argv: the command of the check, container paths translated.
    :param scale: the clock's factor on AWS's latency; 1.0 keeps to the interval exactly.
    """

    def __init__(self, container: Container, argv: list[str], scale: float) -> None:
        check: dict[str, Any] = container.definition["healthCheck"]
        self._container = container
        self._argv = ["/bin/sh", "-c", argv[1]] if argv[0] == "CMD-SHELL" else argv[1:] if argv[0] == "CMD" else argv
        self._interval = float(check.get("interval") or 30)
        self._timeout = float(check.get("timeout") or 5)
        self._retries = int(check.get("retries") or 3)
        self._start_period = float(check.get("startPeriod") or 0)
        self._eager = min(self._interval, max(EAGER_INTERVAL, self._interval * scale))

    def start(self) -> None:
        """Watch in a thread of its own that ends with the container."""
        threading.Thread(target=self._run, name=f"health {self._container.name}", daemon=True).start()

    def _run(self) -> None:
        container, launch = self._container, self._container.launch
        assert launch is not None
        began = time.monotonic()
        due = began + self._interval
        failures, succeeded = 0, False
        while True:
            pause = max(0.0, due - time.monotonic())
            if container.ended.wait(pause if succeeded else min(pause, self._eager)):
                return
            counts = time.monotonic() >= due
            # As a container runtime does: the interval begins when the check has ended.
            healthy = self._check(launch)
            if counts:
                due = time.monotonic() + self._interval
            if healthy:
                failures, succeeded = 0, True
                container.record_health(True)
            elif counts and (succeeded or time.monotonic() - began > self._start_period):
                failures += 1
                if failures >= self._retries:
                    container.record_health(False)

    def _check(self, launch: Launch) -> bool:
        """Run the command once; its last output is kept beside the container's log."""
        output = launch.log.with_suffix(".health.log")
        with open(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as sink:
            try:
                process = subprocess.Popen(
                    self._argv,
                    env=launch.environment,
                    cwd=launch.folder,
                    stdin=subprocess.DEVNULL,
                    stdout=sink,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            except OSError as error:
                sink.write(f"{error}\n".encode())
                return False
            try:
                return process.wait(self._timeout) == 0
            except subprocess.TimeoutExpired:
                return False
            finally:
                if process.returncode is None:
                    kill_group(process.pid)
                    process.wait()
