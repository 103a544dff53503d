# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes: what is left of a part is found and ended, and nothing else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from emulator import kernel
from emulator.processes import Part, ProcessTable, end_parts, members, read_parts
from tests.embedded import emulator

pytestmark = pytest.mark.skipif(not kernel.has_proc(), reason="this machine does not list its processes")

#: Writes its pid, and what ends it.
_CHILD = """
import os, signal, sys, time
from pathlib import Path
folder, name = Path(sys.argv[1]), sys.argv[2]
def end(got, frame):
    with open(folder / "order", "a") as out:
        out.write(f"{name} {signal.Signals(got).name}\\n")
    sys.exit(0)
for each in (signal.SIGINT, signal.SIGTERM):
    signal.signal(each, end)
(folder / name).write_text(str(os.getpid()))
time.sleep(600)
"""


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    """A state folder as a killed daemon leaves it, and the end of all that it names."""
    folder = tmp_path / "aws"
    folder.mkdir()
    (folder / ".embedded-aws").touch()
    yield folder
    for name in ("child", "first", "second", "third"):
        if (folder / name).exists():
            pid = int((folder / name).read_text())
            if kernel.start_time(pid) is not None and str(folder).encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(pid, signal.SIGKILL)


def wait_for(file: Path) -> int:
    deadline = time.monotonic() + 20
    while not (file.exists() and file.read_text()):
        assert time.monotonic() < deadline, file
        time.sleep(0.02)
    return int(file.read_text())


def child(state: Path, name: str) -> list[str]:
    return [sys.executable, "-c", _CHILD, str(state), name]


@pytest.mark.parametrize("leaves", [False, True])
def test_what_is_left_of_a_part_whose_leader_died(state: Path, leaves: bool) -> None:
    """A child in the leader's group, or one that left it and is known by its environment only."""
    begin = "setsid" if leaves else ""
    words = " ".join(f"'{word}'" for word in child(state, "child"))
    table = ProcessTable(state / "processes.json")
    env = {**os.environ, "TEST_MARK": f"mark-of-{state}"}
    argv = ["/bin/sh", "-c", f"{begin} {words} & sleep 600"]
    leader = table.spawn("task", "ecs", argv, log=state / "log" / "l", env=env, mark=f"mark-of-{state}")
    pid = wait_for(state / "child")
    os.kill(leader.pid, signal.SIGKILL)
    leader.wait()
    assert [part.name for part in read_parts(state / "processes.json")] == ["task"]

    assert "left over" in emulator("status", "--state", str(state)).stdout
    stopped = emulator("stop", "--state", str(state))
    assert (stopped.returncode, "has stopped" in stopped.stdout) == (0, True)
    assert kernel.start_time(pid) is None


def test_the_group_of_a_stranger_with_a_recorded_pid(state: Path) -> None:
    stranger = subprocess.Popen(child(state, "child"), start_new_session=True)
    try:
        wait_for(state / "child")
        began = int(kernel.start_time(stranger.pid) or 0)
        earlier, later = (Part("x", "rds", stranger.pid, str(began + shift), None, "") for shift in (-5, 5))
        ours = Part("x", "rds", stranger.pid, str(began), None, "")
        assert [part for part in (earlier, later, ours) if members([part])] == [ours]
    finally:
        stranger.kill()
        stranger.wait()


def test_parts_end_in_reverse_order_each_with_its_signal(state: Path) -> None:
    table = ProcessTable(state / "processes.json")
    how = {"first": ("rds", signal.SIGINT), "second": ("ecs", signal.SIGTERM), "third": ("ecs", signal.SIGTERM)}
    spawned = [
        table.spawn(name, kind, child(state, name), log=state / "log" / name, first=number)
        for name, (kind, number) in how.items()
    ]
    for name in how:
        wait_for(state / name)
    end_parts(read_parts(state / "processes.json"))
    order = (state / "order").read_text().splitlines()
    assert sorted(order[:2]) == ["second SIGTERM", "third SIGTERM"]
    assert order[2:] == ["first SIGINT"]
    assert [process.wait(timeout=5) for process in spawned] == [0, 0, 0]


def test_parts_of_a_kind_share_the_patience(state: Path) -> None:
    table = ProcessTable(state / "processes.json")
    deaf = ["/bin/sh", "-c", "trap '' TERM; echo $$ > \"$0\"; while :; do sleep 0.1; done"]
    names = ("first", "second", "third")
    spawned = [table.spawn(name, "ecs", [*deaf, str(state / name)], log=state / "log" / name) for name in names]
    for name in names:
        wait_for(state / name)
    began = time.monotonic()
    end_parts(table.parts(), patience=2.0)
    assert 2.0 <= time.monotonic() - began < 5.5
    assert [process.wait(timeout=5) for process in spawned] == [-signal.SIGKILL] * 3
