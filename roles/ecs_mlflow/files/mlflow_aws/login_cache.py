# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remembers which passwords have been verified against which stored hashes, without keeping a password."""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable

#: Remembered logins a process; the least recently used goes first.
CAPACITY = 4096


class LoginCache:
    """Which passwords have been verified against which stored hash. Safe for threads.

    :param verify: tells whether a stored hash belongs to a password; costs some 80 ms of CPU.
    :param capacity: how many are remembered at most.
    """

    def __init__(self, verify: Callable[[str, str], bool], capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._verify = verify
        # The key lives in this process only: the digests are worth nothing outside of it.
        self._key = secrets.token_bytes(32)
        self._entries: OrderedDict[tuple[str, bytes, str], None] = OrderedDict()
        self._lock = threading.Lock()

    def is_valid(self, username: str, password: str, stored_hash: str) -> bool:
        """Whether ``password`` is the one behind ``stored_hash``."""
        digest = hashlib.blake2b(password.encode("utf-8", "surrogatepass"), key=self._key, digest_size=32).digest()
        entry = (username, digest, stored_hash)
        with self._lock:
            if entry in self._entries:
                self._entries.move_to_end(entry)
                return True
        if not self._verify(stored_hash, password):
            return False
        with self._lock:
            self._entries[entry] = None
            if len(self._entries) > self._capacity:
                self._entries.popitem(last=False)
        return True

    def __len__(self) -> int:
        return len(self._entries)
