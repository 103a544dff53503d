# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel knows of processes: their start, their group, their environment.

Read from /proc. macOS has none: there only the start time is known (from ps), and no process can be listed.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")


@dataclass(frozen=True)
class Process:
    """One process.

    :param started: ticks since the start of the machine.
    """

    pid: int
    zombie: bool
    group: int
    session: int
    started: int


def find(pid: int) -> Process | None:
    """The process with this number, also one that has ended and was not reaped; None when there is none."""
    try:
        stat = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rsplit(")", 1)[1].split()
    return Process(pid, fields[0] == "Z", int(fields[2]), int(fields[3]), int(fields[19]))


def has_proc() -> bool:
    """Whether this machine lists its processes."""
    return (_PROC / "self").is_dir()


def start_time(pid: int) -> str | None:
    """An opaque text that changes when ``pid`` is another process; None when there is none."""
    if has_proc():
        process = find(pid)
        return None if process is None or process.zombie else str(process.started)
    found = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.strip()
    return found or None


def processes() -> Iterator[Process]:
    """Every process that has not ended."""
    if not has_proc():
        return
    for entry in os.listdir(_PROC):
        process = find(int(entry)) if entry.isdigit() else None
        if process is not None and not process.zombie:
            yield process


def environment(pid: int) -> bytes:
    """The environment that ``pid`` began with; empty when it cannot be read."""
    try:
        return (_PROC / str(pid) / "environ").read_bytes()
    except OSError:
        return b""


def catches(pid: int, number: int) -> bool:
    """Whether ``pid`` has a handler for a signal; True where that cannot be known."""
    try:
        status = (_PROC / str(pid) / "status").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return True
    caught = next((line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:")), "f" * 16)
    return bool(int(caught, 16) >> (number - 1) & 1)


def send(found: Iterable[Process], number: int) -> None:
    """Send a signal to exactly these processes, never to one that took over a number."""
    for process in found:
        with contextlib.suppress(OSError):
            # Opened before the check, so that the signal reaches the process that was checked.
            handle = os.pidfd_open(process.pid)
            try:
                now = find(process.pid)
                if now is not None and now.started == process.started:
                    signal.pidfd_send_signal(handle, number)
            finally:
                os.close(handle)
