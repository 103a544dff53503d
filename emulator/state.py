# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state folder: one embedded AWS, everything that it writes, and who holds it.

::

    STATE/                     0700
      .embedded-aws            marks the folder as ours; held (flock) by the daemon that runs
      daemon.json              the running daemon (:class:`Daemon`); absent while none answers
      env                      credentials of the administrator, KEY=value lines
      env.<account>            the same for each further account
      processes.json           what the planes started (:mod:`emulator.processes`)
      log/                     kept by ``stop``; iam.jsonl is the gate's journal (:mod:`emulator.iam.journal`)
      tmp/                     temporary files of the daemon
      <plane>/                 the files of a plane; emptied when a new daemon starts
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from emulator.processes import Part, is_alive, members, read_parts

MARKER = ".embedded-aws"


class StateError(Exception):
    """The state folder cannot be used; the message says why and what to do."""


@dataclass(frozen=True)
class Daemon:
    """What a running daemon says about itself in ``daemon.json``."""

    pid: int
    started: str
    host: str
    port: int
    latency: float
    accounts: tuple[str, ...]
    log: str
    #: Seconds until reads see what was created.
    consistency: float = 0.0
    #: Where it answers, as ``address:port``: the control plane, and what the planes serve in its process.
    ports: tuple[str, ...] = ()

    @property
    def endpoint(self) -> str:
        """The value for AWS_ENDPOINT_URL."""
        return f"http://{self.host}:{self.port}"

    @property
    def part(self) -> Part:
        """The daemon as one of the parts that ``status`` lists."""
        return Part("aws", "control-plane", self.pid, self.started, self.port, self.log, ports=self.ports)


def write_private(file: Path, text: str) -> None:
    """Replace ``file`` atomically by ``text``, mode 0600 from its first byte."""
    temporary = file.with_name(file.name + ".new")
    temporary.unlink(missing_ok=True)
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
        out.write(text)
    temporary.replace(file)


class StateFolder:
    """Paths and locks of one state folder.

    :param root: the folder; made by :meth:`claim`.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self.marker = self.root / MARKER
        self.info = self.root / "daemon.json"
        self.processes = self.root / "processes.json"
        self.logs = self.root / "log"
        self.log = self.logs / "aws.log"
        self.journal = self.logs / "iam.jsonl"
        self.temporary = self.root / "tmp"

    def environment(self, account: str | None = None) -> Path:
        """The file with the administrator's credentials (of the first account when None)."""
        return self.root / (f"env.{account}" if account else "env")

    def claim(self) -> None:
        """Make the folder, or check that it is one of ours.

        :raises StateError: when it is a file, holds something else, or belongs to another user.
        """
        if self.root.exists() and not self.marker.is_file():
            if not self.root.is_dir():
                raise StateError(f"{self.root} is not a folder: name another with --state")
            if any(self.root.iterdir()):
                raise StateError(
                    f"{self.root} holds files that are not of an embedded AWS: name an empty folder with --state"
                )
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.root.stat().st_uid != os.getuid():
            raise StateError(f"{self.root} belongs to another user: name another folder with --state")
        self.root.chmod(0o700)
        for folder in (self.logs, self.temporary):
            folder.mkdir(mode=0o700, exist_ok=True)
        os.close(os.open(self.marker, os.O_WRONLY | os.O_CREAT, 0o600))

    @property
    def is_ours(self) -> bool:
        """Whether an embedded AWS has used this folder."""
        return self.marker.is_file()

    def hold(self) -> int:
        """Hold the folder as its only daemon until this process ends; the descriptor is not inherited.

        :raises StateError: when another daemon holds it.
        """
        held = os.open(self.marker, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(held)
            raise StateError(f"another embedded AWS holds {self.root}") from None
        return held

    def is_held(self, held: int) -> bool:
        """Whether the folder is still the one that :meth:`hold` gave ``held`` for: nobody removed it."""
        try:
            return os.path.samestat(self.marker.stat(), os.fstat(held))
        except FileNotFoundError:
            return False

    @contextmanager
    def changing(self, patience: float) -> Iterator[int]:
        """Held by ``start`` and ``stop``, so that two at a time take turns.

        A daemon that starts inherits the yielded descriptor and holds the turn, too, until it answers: so a
        ``start`` that is killed meanwhile leaves nothing that a later ``start`` or ``stop`` could miss.

        :param patience: seconds to wait for one's turn.
        :raises StateError: when the turn does not come.
        """
        turn = os.open(self.root / ".turn", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + patience
        try:
            while True:
                try:
                    fcntl.flock(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise StateError(f"another start or stop is still under way in {self.root}") from None
                    time.sleep(0.05)
            yield turn
        finally:
            os.close(turn)

    def empty(self, planes: Sequence[str]) -> None:
        """Remove what an earlier daemon left in the folders of ``planes`` and in ``tmp``: AWS starts empty."""
        for name in planes:
            shutil.rmtree(self.root / name, ignore_errors=True)
        shutil.rmtree(self.temporary, ignore_errors=True)
        self.temporary.mkdir(mode=0o700, exist_ok=True)
        self.forget()

    def forget(self) -> None:
        """Remove the files that are only true while a daemon runs, credentials first."""
        for file in [*self.root.glob("env.*"), self.environment(), self.info, self.processes]:
            file.unlink(missing_ok=True)

    def announce(self, daemon: Daemon) -> None:
        """Write ``daemon.json``: from here on the embedded AWS counts as running."""
        write_private(self.info, json.dumps(asdict(daemon), indent=1))

    def daemon(self) -> Daemon | None:
        """The daemon that runs on this folder, or None."""
        found = self._announced()
        return found if found is not None and is_alive(found.part) else None

    def _announced(self) -> Daemon | None:
        try:
            row = json.loads(self.info.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        return Daemon(**{**row, "accounts": tuple(row["accounts"]), "ports": tuple(row.get("ports", ()))})

    def left_over(self) -> list[Part]:
        """The recorded parts of which a process is alive, and what a killed daemon itself left."""
        daemon = self._announced()
        dead = [daemon.part] if daemon is not None and not is_alive(daemon.part) else []
        return list(members([*dead, *read_parts(self.processes)]))
