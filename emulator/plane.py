# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a data plane is, and what it gets to work with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from emulator.addresses import AddressBook
from emulator.clock import Clock
from emulator.consistency import Consistency
from emulator.processes import ProcessTable


@dataclass(frozen=True)
class Context:
    """Shared by all planes of one embedded AWS.

    :param state: the state folder (mode 0700); a plane keeps its files in ``state / name``.
    :param account: the twelve-digit account number.
    :param endpoint: the URL of the control plane, as a client's AWS_ENDPOINT_URL.
    """

    state: Path
    account: str
    endpoint: str
    clock: Clock
    processes: ProcessTable
    addresses: AddressBook
    consistency: Consistency = field(default_factory=Consistency)


class Plane(Protocol):
    """A part of AWS that does real work behind moto's control plane."""

    name: str

    @property
    def serves(self) -> Sequence[str]:
        """Where the plane answers in the daemon's own process, as ``address:port``."""

    def __init__(self, context: Context) -> None: ...

    def install(self) -> None:
        """Hook moto's backends and responses. Called once, before the server answers."""

    def start(self) -> None:
        """Start the plane's threads. The control plane answers from here on."""

    def stop(self) -> None:
        """Stop the threads and end every process of the plane. May be called twice."""
