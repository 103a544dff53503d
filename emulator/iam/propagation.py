# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A change of a role, a user or their policies counts a little later everywhere.

Source: IAM User Guide, "Changes that I make are not always immediately visible".
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from emulator.consistency import Consistency


@dataclass(frozen=True)
class Before:
    """What a role or user was before its change.

    :param documents: its policies.
    :param trust: the trust policy of a role; None for a user, and for a role that was not there.
    """

    documents: tuple[str, ...]
    trust: str | None
    until: float


@dataclass
class Propagation:
    """Remembers what roles and users were, until the change has spread."""

    consistency: Consistency = field(default_factory=Consistency)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._before: dict[str, Before] = {}

    @property
    def is_late(self) -> bool:
        """Whether changes count late at all."""
        return self.consistency.propagation > 0

    def changes(self, arn: str, documents: Sequence[str], trust: str | None) -> None:
        """Note that a role or user is about to be changed.

        :param documents: its policies now; none for one that is about to be created.
        """
        now = time.monotonic()
        until = now + self.consistency.propagation
        with self._lock:
            known = self._before.get(arn)
            if known is not None and known.until > now:
                # What is still unknown stays so: changes arrive in their order.
                self._before[arn] = Before(known.documents, known.trust, until)
            else:
                self._before[arn] = Before(tuple(documents), trust, until)

    def documents(self, arn: str, now: Sequence[str]) -> list[str]:
        """The policies of a role or user that count, where ``now`` are those that it has."""
        before = self._valid(arn)
        return list(now) if before is None else list(before.documents)

    def trust(self, arn: str, now: str | None) -> str | None:
        """The trust policy that counts."""
        before = self._valid(arn)
        return now if before is None or now is None else before.trust

    def _valid(self, arn: str) -> Before | None:
        with self._lock:
            before = self._before.get(arn)
            if before is not None and before.until <= time.monotonic():
                del self._before[arn]
                before = None
            return before


#: The one of this process; :func:`emulator.conduct.desk.configure` gives it its delays.
PROPAGATION = Propagation()
