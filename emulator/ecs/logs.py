# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The awslogs driver: lines of containers to CloudWatch Logs, at most half a second late."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from typing import Any

from moto.logs.models import logs_backends

from emulator.ecs.errors import StartFailure
from emulator.ecs.roles import denial

log = logging.getLogger(__name__)

#: The most that :meth:`LogShipper.stop` waits for a delivery under way.
STOP_SECONDS = 5.0
_BEGIN = "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: "
_NO_GROUP = "ResourceNotFoundException: The specified log group does not exist."


@dataclass(frozen=True)
class StreamName:
    """Where the lines of a container go."""

    account: str
    region: str
    group: str
    stream: str


def stream_of(definition: dict[str, Any], account: str, region: str, task_id: str) -> StreamName | None:
    """The log stream that a container definition asks for, or None without the awslogs driver."""
    driver = definition.get("logConfiguration") or {}
    if driver.get("logDriver") != "awslogs":
        return None
    options = driver.get("options") or {}
    stream = f"{options.get('awslogs-stream-prefix', 'ecs')}/{definition['name']}/{task_id}"
    return StreamName(account, options.get("awslogs-region", region), options["awslogs-group"], stream)


def open_stream(definition: dict[str, Any], name: StreamName, role_arn: str | None, session: str) -> None:
    """Make the log stream, and the group when ``awslogs-create-group`` says so.

    :raises StartFailure: ResourceInitializationError, when the group is missing or the role may not.
    """
    backend = logs_backends[name.account][name.region]
    options = definition["logConfiguration"].get("options") or {}
    arn = f"arn:aws:logs:{name.region}:{name.account}:log-group:{name.group}"
    if name.group not in backend.groups:
        if options.get("awslogs-create-group") != "true":
            raise StartFailure(f"{_BEGIN}failed to create Cloudwatch log stream: {_NO_GROUP} : exit status 1")
        denied = denial(role_arn, session, "logs:CreateLogGroup", arn)
        if denied:
            raise StartFailure(f"{_BEGIN}failed to create Cloudwatch log group: {denied} : exit status 1")
        backend.ensure_log_group(name.group)
    for action in ("logs:CreateLogStream", "logs:PutLogEvents"):
        denied = denial(role_arn, session, action, f"{arn}:log-stream:{name.stream}")
        if denied:
            raise StartFailure(f"{_BEGIN}failed to create Cloudwatch log stream: {denied} : exit status 1")
    backend.ensure_log_stream(name.group, name.stream)


def _deliver(name: StreamName, events: list[dict[str, Any]]) -> None:
    backend = logs_backends[name.account][name.region]
    group = backend.groups.get(name.group)
    if group is not None and name.stream in group.streams:
        # A clock that is set back must not lose the batch: it has to be in order.
        events.sort(key=lambda event: int(event["timestamp"]))
        backend.put_log_events(name.group, name.stream, events)


class LogShipper:
    """Sends lines in batches; sleeps while no container says anything."""

    DELAY = 0.4

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sending = threading.Lock()
        self._waiting: dict[StreamName, list[dict[str, Any]]] = {}
        self._some = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ecs-logs", daemon=True)

    def start(self) -> None:
        """Start to send."""
        self._thread.start()

    def stop(self) -> None:
        """Send what is left and end."""
        self._stopping.set()
        self._some.set()
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS)
        self.flush()

    def add(self, name: StreamName, line: str) -> None:
        """Queue one line; as the driver does, drop an empty one."""
        if not line:
            return
        with self._lock:
            self._waiting.setdefault(name, []).append({"timestamp": int(time.time() * 1000), "message": line})
        self._some.set()

    def flush(self) -> None:
        """Send what waits now. Lines for a group or stream that was deleted are dropped."""
        with self._sending:
            with self._lock:
                waiting, self._waiting = self._waiting, {}
            for name, events in waiting.items():
                try:
                    _deliver(name, events)
                except Exception:  # one stream must not end the lines of all others
                    log.exception("%d lines for %s/%s are lost", len(events), name.group, name.stream)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._some.wait()
            self._stopping.wait(self.DELAY)
            self._some.clear()
            try:
                self.flush()
            except Exception:  # the next round sends what comes then
                log.exception("lines of containers could not be sent")
