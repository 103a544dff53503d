# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The network namespace of a task, as far as Python programs go.

All processes share this machine's loopback interface, so two tasks cannot both bind port 5000.
Each declared container port of a task gets a host port, and Python programs are made to use it:
a folder with :mod:`emulator.ecs.task_network` as ``sitecustomize.py`` and the table of ports stands
first on PYTHONPATH, which also reaches the virtual environments that a container makes, and in the
container's own environment, for ``python -I``.

Only Python programs are translated (sockets of the standard library, and uvloop). A program that
binds its port in C, or a Python that ignores PYTHONPATH in an environment of its own making,
binds the container port itself; off loopback, its task is stopped (:mod:`emulator.ecs.listening`).
"""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from emulator.addresses import free_port

_SOURCE = Path(__file__).with_name("task_network.py")
# Below what Linux and macOS hand out for outgoing connections, so that none takes a port that is
# not bound yet.
_FIRST, _LAST = 20000, 32000


class PortPool:
    """Hands out loopback ports that no other task of this plane has."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken: set[int] = set()

    def take(self) -> int:
        """A port that is free now and stays ours until it is given back."""
        with self._lock:
            for _ in range(100):
                # Not a secret: only spreads the ports.
                port = free_port(random.randint(_FIRST, _LAST))
                if port not in self._taken:
                    self._taken.add(port)
                    return port
        raise OSError("no free loopback port")

    def give_back(self, ports: Iterable[int]) -> None:
        """Let others have ``ports``."""
        with self._lock:
            self._taken.difference_update(ports)


@dataclass
class TaskNetwork:
    """The ports of one task.

    :param folder: where the shim lies; for PYTHONPATH.
    :param address: the private address of the task.
    :param ports: the host port for each declared container port.
    """

    folder: Path
    address: str
    ports: dict[int, int]
    _aliases: dict[int, int] = field(default_factory=dict)

    def url(self, url: str) -> str:
        """``url`` of a loopback service of this machine, as the task has to write it.

        Where the port is also a container port of the task, ``127.0.0.1:port`` means the task itself;
        the service then gets a port that nothing else uses.
        """
        parts = urlsplit(url)
        if parts.port not in self.ports:
            return url
        alias = next((a for a, port in self._aliases.items() if port == parts.port), None)
        if alias is None:
            # Reserved, never assigned, ports: connecting to them without the shim fails at once.
            alias = next(n for n in range(1, 1024) if n not in self.ports and n not in self._aliases)
            self._aliases[alias] = parts.port
        return parts._replace(netloc=f"{parts.hostname}:{alias}").geturl()

    def write(self) -> None:
        """Write the shim into its folder."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "sitecustomize.py").write_text(_SOURCE.read_text(encoding="utf-8"), encoding="utf-8")
        table = {"address": self.address, "ports": self.ports, "aliases": self._aliases}
        (self.folder / "ports.json").write_text(json.dumps(table), encoding="utf-8")
