# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Process 1 of the task, with real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from mlflow_aws import supervise

PROGRAM = [sys.executable, "-I", "-S", supervise.__file__]


def started(patience: str, code: str, tmp_path: Path) -> subprocess.Popen[bytes]:
    ready = tmp_path / "ready"
    imports = "import os, pathlib, signal, subprocess, sys, time"
    code = f"{imports}\n{code}\npathlib.Path({str(ready)!r}).touch()\ntime.sleep(60)"
    process = subprocess.Popen([*PROGRAM, patience, sys.executable, "-c", code], start_new_session=True)
    deadline = time.monotonic() + 20
    while not ready.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert ready.exists()
    return process


def group_is_gone(group: int) -> bool:
    """Whether no process of ``group`` is left (the kernel needs a moment to bury the killed)."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("code", [0, 3])
def test_exit_code_is_the_servers(code: int) -> None:
    done = subprocess.run([*PROGRAM, "5", sys.executable, "-c", f"raise SystemExit({code})"], check=False, timeout=20)
    assert done.returncode == code


def test_a_signal_that_ended_the_server() -> None:
    code = "import os; os.kill(os.getpid(), 9)"
    done = subprocess.run([*PROGRAM, "5", sys.executable, "-c", code], check=False, timeout=20)
    assert done.returncode == 128 + signal.SIGKILL


def test_a_handler_of_the_server_has_its_time(tmp_path: Path) -> None:
    handler = "signal.signal(signal.SIGTERM, lambda *_: (time.sleep(0.3), os._exit(7)))"
    process = started("10", handler, tmp_path)
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 7
    assert group_is_gone(process.pid)


def test_orphans_are_waited_for(tmp_path: Path) -> None:
    """MLflow 2's command dies at once; the workers that it leaves may finish what they do."""
    mark, there = tmp_path / "finished", tmp_path / "there"
    worker = (
        "import pathlib, signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: (time.sleep(0.5), "
        f"pathlib.Path({str(mark)!r}).touch(), sys.exit())); pathlib.Path({str(there)!r}).touch(); time.sleep(60)"
    )
    wait = f"while not os.path.exists({str(there)!r}): time.sleep(0.02)"
    spawn = f"subprocess.Popen([sys.executable, '-c', {worker!r}])\n{wait}"
    process = started("10", spawn, tmp_path)
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 128 + signal.SIGTERM
    assert mark.exists()
    assert group_is_gone(process.pid)


def test_who_does_not_listen_is_killed(tmp_path: Path) -> None:
    process = started("0.5", "signal.signal(signal.SIGTERM, signal.SIG_IGN)", tmp_path)
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == -signal.SIGKILL
    assert group_is_gone(process.pid)


def test_what_a_dead_server_leaves_is_ended(tmp_path: Path) -> None:
    spawn = "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\nos._exit(5)"
    done = subprocess.run(
        [*PROGRAM, "5", sys.executable, "-c", f"import os, subprocess, sys\n{spawn}"], check=False, timeout=20
    )
    assert done.returncode == 5
