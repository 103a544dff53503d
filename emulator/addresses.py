# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the private addresses of tasks really are.

A task answers DescribeTasks with an address of its subnet, as on AWS. Its processes run on this
machine, so each container port is a loopback port. Only this book knows both.
"""

from __future__ import annotations

import socket
import threading

LOOPBACK = "127.0.0.1"


class AddressBook:
    """Maps ``(VPC, private address, container port)`` to ``(loopback address, host port)``.

    VPCs may have the same addresses. The id of a VPC is one of all accounts and regions.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: dict[tuple[str, str, int], tuple[str, int]] = {}

    def publish(self, vpc: str, address: str, port: int, host_port: int, host: str = LOOPBACK) -> None:
        """Say that ``address:port`` in ``vpc`` is served at ``host:host_port``."""
        with self._lock:
            self._entries[(vpc, address, port)] = (host, host_port)

    def withdraw(self, vpc: str, address: str) -> None:
        """Forget every port of ``address`` in ``vpc``."""
        with self._lock:
            self._entries = {k: v for k, v in self._entries.items() if k[:2] != (vpc, address)}

    def resolve(self, vpc: str, address: str, port: int) -> tuple[str, int] | None:
        """The loopback address and port behind ``address:port`` in ``vpc``, or None when nobody is there.

        A loopback address stands for itself.
        """
        with self._lock:
            found = self._entries.get((vpc, address, port))
        if found is None and address.startswith("127."):
            return address, port
        return found


def free_port(preferred: int | None = None, host: str = LOOPBACK) -> int:
    """A port on ``host`` that can be bound now: ``preferred`` if it is free, else any.

    :raises OSError: when no port can be bound at all.
    """
    for candidate in ([preferred] if preferred else []) + [0]:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, candidate))
            except OSError:
                if candidate == 0:
                    raise
                continue
            return int(probe.getsockname()[1])
    raise AssertionError("unreachable")
