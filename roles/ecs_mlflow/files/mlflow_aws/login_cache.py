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
from dataclasses import dataclass

#: Remembered logins a process, and as many that failed; the least recently used goes first.
CAPACITY = 4096
#: Passwords that a process verifies at the same time: each takes 32 MiB (scrypt with N=32768 and r=8, RFC 7914).
AT_ONCE = 2


@dataclass(frozen=True)
class Login:
    """A user, a password and the stored hash that it shall belong to. User and password as digests."""

    user: bytes
    password: bytes
    stored_hash: str


class LoginCache:
    """Which passwords belong to which stored hash, and which do not. Safe for threads.

    :param verify: tells whether a stored hash belongs to a password; costs some 80 ms of CPU.
    :param capacity: how many are remembered at most; 0 remembers no right one.
    """

    def __init__(self, verify: Callable[[str, str], bool], capacity: int = CAPACITY) -> None:
        self._verify = verify
        # The key lives in this process only: the digests are worth nothing outside of it.
        self._key = secrets.token_bytes(32)
        self._found: dict[bool, OrderedDict[Login, None]] = {True: OrderedDict(), False: OrderedDict()}
        self._capacity = {True: capacity, False: CAPACITY}
        self._lock = threading.Lock()
        self._turns = threading.BoundedSemaphore(AT_ONCE)

    def login(self, username: str, password: str, stored_hash: str) -> Login:
        """What the cache knows a login by."""
        return Login(self._digest(username), self._digest(password), stored_hash)

    def _digest(self, text: str) -> bytes:
        return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), key=self._key, digest_size=32).digest()

    def verdict(self, login: Login) -> bool | None:
        """Whether the password is the one behind the hash, where that is known."""
        with self._lock:
            for right, logins in self._found.items():
                if login in logins:
                    logins.move_to_end(login)
                    return right
        return None

    def verify(self, login: Login, password: str) -> bool:
        """Whether ``password`` is the one behind the hash: verified, and remembered."""
        with self._turns:
            right = self._verify(login.stored_hash, password)
        logins = self._found[right]
        with self._lock:
            logins[login] = None
            if len(logins) > self._capacity[right]:
                logins.popitem(last=False)
        return right

    def __len__(self) -> int:
        return sum(map(len, self._found.values()))
