# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The processes of the embedded AWS: started in their own group, recorded, ended as a group.

Each process is written to ``processes.json`` in the state folder with its start time, so that a
later ``stop`` ends what a killed daemon left behind, also what is left of a part whose first process has died,
and never a stranger that got the same pid.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from emulator import kernel
from emulator.addresses import LOOPBACK


@dataclass(frozen=True)
class Part:
    """One running part of the embedded AWS, as ``status`` lists it.

    :param pid: the process that leads the part's group and session.
    :param started: its start time as the kernel counts it; guards against pid reuse.
    :param first: the signal that asks it to end.
    :param mark: a text in the environment of all its descendants, by which those are found that left its group.
    :param ports: every ``address:port`` on which it answers.
    """

    name: str
    kind: str  # "control-plane" | "rds" | "ecs" | "elb"
    pid: int
    started: str
    port: int | None
    log: str
    first: int = signal.SIGTERM
    mark: str = ""
    ports: tuple[str, ...] = ()


def is_alive(part: Part) -> bool:
    """Whether the leader of ``part`` still runs (and is the same process)."""
    return kernel.start_time(part.pid) == part.started


def members(parts: Sequence[Part]) -> dict[Part, list[kernel.Process]]:
    """The processes of each part, also when its leader has died; parts that are gone are left out.

    A number is not given again while a process has it for its group or session. So these are ours, unless the
    leader's number has a new owner by now, which began later than ours.
    """
    table = list(kernel.processes())
    leaders = {process.pid: process for process in table}
    marked = {process.pid: kernel.environment(process.pid) for process in table} if any(p.mark for p in parts) else {}
    found = {}
    for part in parts:
        leader = leaders.get(part.pid)
        began = int(part.started) if part.started.isdigit() else None
        ours = began is not None and (leader is None or leader.started == began)
        found[part] = [
            process
            for process in table
            if (ours and part.pid in (process.group, process.session) and process.started >= (began or 0))
            or (part.mark and part.mark.encode() in marked[process.pid])
        ]
    if not kernel.has_proc():
        found = {part: [kernel.Process(part.pid, False, part.pid, part.pid, 0)] for part in parts if is_alive(part)}
    return {part: processes for part, processes in found.items() if processes}


def end_parts(parts: Sequence[Part], patience: float = 10.0) -> None:
    """End what is left of ``parts``: the kind that began last first, the parts of a kind together.

    So tasks end before the databases that they use. Each kind has ``patience`` seconds before SIGKILL.
    """
    for kind in reversed(list(dict.fromkeys(part.kind for part in parts))):
        _end_together([part for part in parts if part.kind == kind], patience)


def end_group(part: Part, patience: float = 10.0, first: int | None = None) -> None:
    """End ``part``: ``first`` (its own first signal), then SIGKILL after ``patience`` seconds."""
    _end_together([part if first is None else replace(part, first=first)], patience)


def _end_together(parts: Sequence[Part], patience: float) -> None:
    left = members(parts)
    led = {part for part in left if is_alive(part)}
    for part, processes in left.items():
        _send(part, processes, part.first)
    deadline = time.monotonic() + patience
    while left and time.monotonic() < deadline:
        time.sleep(0.05)
        # A leader that ends takes the others with it; those of a leader that had died have the whole patience.
        left = {part: each for part, each in members(list(left)).items() if part not in led or is_alive(part)}
    for _ in range(10):
        left = members(parts)
        if not left:
            return
        for part, processes in left.items():
            _send(part, processes, signal.SIGKILL)
        time.sleep(0.02)


def _send(part: Part, processes: Sequence[kernel.Process], number: int) -> None:
    if kernel.has_proc() and hasattr(os, "pidfd_open"):
        kernel.send(processes, number)
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(part.pid, number)


class ProcessTable:
    """Starts processes and remembers them on disk until they are forgotten.

    :param file: the JSON file that lists them (mode 0600).
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.RLock()
        self._parts: dict[int, Part] = {}

    def spawn(
        self,
        name: str,
        kind: str,
        argv: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        port: int | None = None,
        stdin: int = subprocess.DEVNULL,
        stdout: int | None = None,
        preexec: Callable[[], None] | None = None,
        first: int = signal.SIGTERM,
        mark: str = "",
        shown_log: Path | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start ``argv`` in a process group of its own and record it.

        Output goes to ``log`` (appended, mode 0600) unless ``stdout`` is given
        (``subprocess.PIPE`` to read both streams).

        :param first: the signal that asks it to end.
        :param mark: a text in ``env`` that no other part has.
        :param shown_log: the log file that ``status`` names, when the process writes one of its own.
        """
        log.parent.mkdir(parents=True, exist_ok=True)
        with open(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as sink:
            process = subprocess.Popen(
                list(argv),
                env=dict(env) if env is not None else None,
                cwd=cwd,
                stdin=stdin,
                stdout=stdout if stdout is not None else sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=preexec,
            )
        # Also of a process that has ended already: it is a zombie until it is waited for.
        begun = kernel.find(process.pid)
        started = str(begun.started) if begun else kernel.start_time(process.pid) or ""
        ports = (f"{LOOPBACK}:{port}",) if port else ()
        part = Part(name, kind, process.pid, started, port, str(shown_log or log), first, mark, ports)
        with self._lock:
            self._parts[process.pid] = part
            self._write()
        return process

    def end(self, process: subprocess.Popen[bytes], patience: float = 10.0, first: int | None = None) -> None:
        """End a process with its group, reap it and forget it."""
        with self._lock:
            part = self._parts.get(process.pid)
        if part is not None:
            threading.Thread(target=process.wait, daemon=True).start()  # reaps: a zombie is not alive
            end_group(part, patience, first)
        process.wait()
        self.forget(process.pid)

    def answers(self, pid: int, ports: Sequence[str]) -> None:
        """Note where a process answers now, as ``address:port``: the first one's port counts as its port."""
        with self._lock:
            part = self._parts.get(pid)
            if part is None or part.ports == tuple(ports):
                return
            port = int(ports[0].rpartition(":")[2]) if ports else None
            self._parts[pid] = replace(part, port=port, ports=tuple(ports))
            self._write()

    def forget(self, pid: int) -> None:
        """Drop a process that has ended by itself."""
        with self._lock:
            if self._parts.pop(pid, None) is not None:
                self._write()

    def recorded(self) -> list[Part]:
        """Every recorded part, whether it is alive or not."""
        with self._lock:
            return list(self._parts.values())

    def parts(self) -> list[Part]:
        """Every recorded part of which a process is alive."""
        with self._lock:
            return list(members(list(self._parts.values())))

    def _write(self) -> None:
        text = json.dumps([asdict(part) for part in self._parts.values()], indent=1)
        temporary = self._file.with_suffix(".tmp")
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
            out.write(text)
        temporary.replace(self._file)


def read_parts(file: Path) -> list[Part]:
    """The processes that a (possibly dead) daemon recorded in ``file``."""
    try:
        rows = json.loads(file.read_text(encoding="utf-8"))
        return [Part(**{**row, "ports": tuple(row.get("ports", ()))}) for row in rows]
    except FileNotFoundError:
        return []
