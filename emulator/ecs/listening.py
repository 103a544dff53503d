# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers that listen where others than this machine could reach them.

Python programs are kept on loopback (:mod:`emulator.ecs.task_network`). Any other program binds what it wants, as there
is no network namespace: its task is stopped as soon as that is seen. Read from /proc, which macOS lacks.
"""

from __future__ import annotations

import ipaddress
import logging
import os
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from emulator import kernel
from emulator.ecs.container import Container
from emulator.ecs.task import Task
from emulator.processes import Part, members

log = logging.getLogger(__name__)

_LISTEN = "0A"
_TABLES = ("/proc/net/tcp", "/proc/net/tcp6")


def open_listeners(table: str) -> Iterator[tuple[str, str]]:
    """Inode and ``address:port`` of each socket of a /proc/net/tcp table that listens off loopback."""
    for line in table.splitlines()[1:]:
        fields = line.split()
        if len(fields) < 10 or fields[3] != _LISTEN:
            continue
        digits, _, port = fields[1].partition(":")
        # Words of 32 bits, each in the byte order of this machine.
        words = [int(digits[i : i + 8], 16) for i in range(0, len(digits), 8)]
        address = ipaddress.ip_address(b"".join(struct.pack("=I", word) for word in words))
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        if not address.is_loopback:
            shown = f"[{address}]" if address.version == 6 else str(address)
            yield fields[9], f"{shown}:{int(port, 16)}"


def _sockets(pid: int) -> Iterator[str]:
    try:
        for entry in os.scandir(f"/proc/{pid}/fd"):
            link = os.readlink(entry.path)
            if link.startswith("socket:["):
                yield link[len("socket:[") : -1]
    except OSError:
        return


class ListenerWatch:
    """Looks once a second, while tasks run, and stops those that listen off loopback.

    :param tasks: the tasks to look at.
    :param parts: the recorded processes.
    """

    INTERVAL = 1.0

    def __init__(self, tasks: Callable[[], Sequence[Task]], parts: Callable[[], Sequence[Part]]) -> None:
        self._tasks = tasks
        self._parts = parts
        #: Sockets that are somebody else's.
        self._strangers: set[str] = set()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ecs-listeners", daemon=True)

    def start(self) -> None:
        """Watch from here on, where this machine lists its sockets."""
        if kernel.has_proc():
            self._thread.start()

    def stop(self) -> None:
        """Watch no more."""
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join(5.0)

    def _run(self) -> None:
        while not self._ending.wait(self.INTERVAL):
            try:
                self._look()
            except Exception:  # the next look may do better
                log.exception("the sockets of tasks could not be read")

    def _look(self) -> None:
        # The sockets first: each of a container is then of one that is known to run.
        found = dict(
            row for table in _TABLES if Path(table).exists() for row in open_listeners(Path(table).read_text())
        )
        running = [
            (task, container)
            for task in self._tasks()
            if not task.is_stopping
            for container in task.containers
            if container.last_status == "RUNNING"
        ]
        if not running:
            return
        self._strangers &= found.keys()
        new = {inode: place for inode, place in found.items() if inode not in self._strangers}
        if not new:
            return
        for task, container in running:
            for place in (new.pop(inode, None) for inode in self._inodes_of(container)):
                if place is not None:
                    _stop(task, container, place)
        self._strangers |= new.keys()

    def _inodes_of(self, container: Container) -> Iterator[str]:
        mark = container.launch.mark if container.launch else ""
        for processes in members([part for part in self._parts() if mark and part.mark == mark]).values():
            for process in processes:
                yield from _sockets(process.pid)


def _stop(task: Task, container: Container, place: str) -> None:
    log.warning("task %s: container %s listens on %s: stopped", task.id, container.name, place)
    container.reason = (
        f"The embedded AWS keeps tasks on loopback, and {container.name} listens on {place}: let it listen on 127.0.0.1"
    )
    task.request_stop("TaskFailedToStart", container.reason, failed=True)
