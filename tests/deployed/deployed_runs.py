# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of the playbooks, and an embedded AWS to run them against."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.deployed.deployed_stack import ROOT, Stack
from tests.deployed.deployed_verdicts import Verdicts, verdicts
from tests.playbooks import Ended

#: Seconds that a run may take; a first deployment takes about 150 on two quiet cores, and five times that on busy ones.
PATIENCE = 900.0
LOCAL = "inventories/local"
#: Seconds until the embedded AWS shows what was created, and in proportion the rest (docs/embedded-aws.md): AWS is
#: eventually consistent, so these tests are.
CONSISTENCY = 3.0


def _children(pid: int) -> list[int]:
    """The direct children of a process."""
    found = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            # pid (name) state parent ...; the name may hold anything
            if int(file.read_text(encoding="utf-8", errors="replace").rsplit(")", 1)[1].split()[1]) == pid:
                found.append(int(file.parent.name))
    return found


def kill_tree(pid: int) -> None:
    """SIGKILL a process and all that it started, as when the machine dies.

    The workers of ansible-core 2.19 have process groups of their own, so the group would not be enough. Each
    process is stopped before its children are read: it can start no more.
    """
    pids, found = [pid], []
    while pids:
        one = pids.pop()
        with suppress(ProcessLookupError):
            os.kill(one, signal.SIGSTOP)
            found.append(one)
            pids += _children(one)
    for one in found:
        with suppress(ProcessLookupError):
            os.kill(one, signal.SIGKILL)


@dataclass(frozen=True)
class Site:
    """An account on an embedded AWS of its own, and the playbooks of this checkout.

    :param folder: scratch folder with everything that the runs write.
    :param env: environment of AWS clients.
    :param http_port: port of the load balancer, where the inventory may be changed.
    :param output: output folder of the runs.
    :param where: the folder in which they are started.
    :param settling: seconds that pass before a run, and after one that changed something: a test's boto3 is no reader
        that tries again, and a person who changes something by hand does not start a run in the same second.
    """

    folder: Path
    env: Mapping[str, str] = field(repr=False)
    http_port: int
    output: Path
    where: Path = ROOT
    settling: float = 0.0

    @property
    def state(self) -> Path:
        """State folder of the embedded AWS."""
        return self.folder / "aws"

    @cached_property
    def stack(self) -> Stack:
        """The stack, once it is deployed."""
        return Stack(output=self.output, env=self.env, emulator=self.state)

    def variables(self) -> dict[str, Any]:
        """What the runs add to ``inventories/local``: a port that is free, and quick stops."""
        return {"stack_output_dir": str(self.output), "stack_http_port": self.http_port, "ecs_mlflow_stop_timeout": 10}

    def begin(
        self,
        playbook: str,
        inventory: str,
        variables: Mapping[str, Any],
        tags: str = "",
        *,
        check: bool = False,
        more: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
    ) -> subprocess.Popen[str]:
        """Start a run in a process group of its own, with nothing of the caller's AWS settings."""
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        own = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "ANSIBLE_", "MLFLOW_"))}
        own.pop("PYTHONDONTWRITEBYTECODE", None)  # or every module compiles boto3 anew
        return subprocess.Popen(
            [
                str(Path(sys.executable).with_name("ansible-playbook")),
                *(playbook, "-i", inventory),
                *(["-e", json.dumps(dict(variables))] if variables else []),
                *(["--tags", tags] if tags else []),
                *(["--check"] if check else []),
                *more,
            ],
            cwd=self.where,
            env={
                **own,
                **self.env,
                "HOME": str(home),
                "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
                "ANSIBLE_CALLBACK_RESULT_FORMAT": "json",
                "ANSIBLE_NOCOLOR": "1",
                "PYTHONUNBUFFERED": "1",
                **(env or {}),
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(
        self,
        playbook: str = "site.yml",
        *,
        inventory: str = LOCAL,
        tags: str = "",
        stop: Callable[[str], float | None] | None = None,
        check: bool = False,
        more: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        started: Callable[[int], None] | None = None,
        **variables: Any,
    ) -> Ended:
        """Run a playbook to its end, or until ``stop`` says so.

        :param stop: asked for each line of the output; when it answers a number of seconds, the whole run is
            killed (SIGKILL) that much later.
        :param check: change nothing, and say what would change.
        :param more: further words for ansible-playbook.
        :param env: further settings of Ansible.
        :param started: told the run's process id.
        """
        time.sleep(self.settling)
        began = time.monotonic()
        extra = {**(self.variables() if inventory == LOCAL else {}), **variables}
        process = self.begin(playbook, inventory, extra, tags, check=check, more=more, env=env)
        assert process.stdout is not None
        if started is not None:
            started(process.pid)
        lines: list[str] = []
        try:
            for line in process.stdout:
                lines.append(line)
                delay = stop(line) if stop else None
                if delay is not None:
                    time.sleep(delay)
                    break
                assert time.monotonic() - began < PATIENCE, "".join(lines[-40:])
            else:
                process.wait(timeout=30)
        finally:
            if process.poll() is None:
                kill_tree(process.pid)
            process.stdout.close()
            process.wait(timeout=30)
        ended = Ended(process.returncode, "".join(lines), time.monotonic() - began)
        if "changed=0 " not in ended.output or re.search(r"\bchanged=[1-9]", ended.output):
            time.sleep(self.settling)
        return ended

    def full_run(self, **arguments: Any) -> Verdicts:
        """Run every module, and answer what the comparisons told and what the modules changed."""
        report = {"ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json", "ANSIBLE_CALLBACKS_ENABLED": "mlops.mlflow_aws.plan"}
        ended = self.run(env=report, stack_full_run=True, **arguments)
        # For whoever looks at a failure.
        (self.folder / "full-run.txt").write_text(ended.output, encoding="utf-8")
        assert ended.code in (0, 2), ended.output[-3000:]
        return verdicts(ended.output)

    def deploy(self, **variables: Any) -> Ended:
        """Deploy the stack of ``inventories/local``."""
        return self.run(**variables).assert_good()


def free_port() -> int:
    """A loopback port that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _emulator(state: Path, *argv: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "emulator", *argv, "--state", str(state)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def own_site(folder: Path, *, consistency: float = CONSISTENCY, settles: bool = True) -> Iterator[Site]:
    """An embedded AWS below ``folder``, stopped at the end.

    :param consistency: seconds until its reads see what was created, and in proportion the rest.
    :param settles: runs begin, and are looked at, when everything is seen.
    """
    state = folder / "aws"
    _emulator(state, "start", "--consistency", str(consistency))
    try:
        rows = _emulator(state, "env", "--region", "eu-west-2").splitlines()
        env = dict(row.split("=", 1) for row in rows)
        yield Site(folder, env, free_port(), folder / "out", settling=consistency if settles else 0.0)
    finally:
        _emulator(state, "stop")
