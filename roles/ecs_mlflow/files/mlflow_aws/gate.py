# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may take one of the connections of a pool, so that none waits for ever for what others hold."""

from __future__ import annotations

import threading
from collections import Counter


class Gate:
    """Who may take a connection. Safe for threads.

    :param places: how many threads may hold connections at once: one less than there are connections.
    """

    def __init__(self, places: int) -> None:
        self._places = threading.BoundedSemaphore(places)
        self._lock = threading.Lock()
        self._held: Counter[int] = Counter()

    def enter(self, thread: int, seconds: float) -> bool:
        """Count one connection more for ``thread``; False where its turn has not come within ``seconds``."""
        with self._lock:
            first = not self._held[thread]
        # Nobody but the thread itself raises its count, so that it is still the first.
        if first and not self._places.acquire(timeout=seconds):
            return False
        with self._lock:
            self._held[thread] += 1
        return True

    def leave(self, thread: int) -> None:
        """Count one connection less for ``thread``, whichever thread gives it back."""
        with self._lock:
            self._held[thread] -= 1
            last = not self._held[thread]
            if last:
                del self._held[thread]
        if last:
            self._places.release()
