# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many passwords may be tried: per user and address, per user, and per address.

Only the first try of a wrong password counts, so that a client with an outdated one, which sends it again and again,
locks nobody out. Nobody waits here: who may not try is told when to come again. The counts live in this process. Shared
ones would put a write to the database before every login, which an attacker could then make as often as he likes.
"""

from __future__ import annotations

import ipaddress
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

#: Users and addresses that are remembered; those that were quiet the longest go first.
CAPACITY = 20_000


@dataclass(frozen=True)
class Limit:
    """``burst`` tries at once, then one every ``seconds``."""

    burst: int
    seconds: float


#: Seconds for which an address that has failed for a user is remembered.
MEMORY = 86_400.0
#: One user from one address; one user from all addresses; all users from one address.
PAIR, USER, ADDRESS = Limit(10, 20.0), Limit(50, 10.0), Limit(100, 3.0)


class _Tries:
    """Tries that are not forgiven yet, for each key of one kind; one is forgiven every ``limit.seconds``."""

    def __init__(self, limit: Limit, capacity: int) -> None:
        self.limit, self._capacity = limit, capacity
        self._found: OrderedDict[object, tuple[float, float]] = OrderedDict()

    def level(self, key: object, now: float) -> float:
        level, since = self._found.get(key, (0.0, now))
        return max(0.0, level - (now - since) / self.limit.seconds)

    def wait(self, key: object, now: float) -> float:
        return max(0.0, (self.level(key, now) + 1 - self.limit.burst) * self.limit.seconds)

    def add(self, key: object, now: float, tries: int) -> None:
        level = max(0.0, self.level(key, now) + tries)
        self._found.pop(key, None)
        if level:
            self._found[key] = (level, now)
            if len(self._found) > self._capacity:
                self._found.popitem(last=False)


class Guesses:
    """Who has tried how many passwords. Safe for threads.

    A user who has logged in from an address is held there to the limit of that pair alone: attackers from elsewhere, or
    against other users of the same address, lock nobody out. An address that has not failed for a user for a day has
    one try, however many others have failed.

    :param clock: answers seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, capacity: int = CAPACITY) -> None:
        self._clock, self._capacity = clock, capacity
        self._pairs, self._users, self._addresses = (_Tries(limit, capacity) for limit in (PAIR, USER, ADDRESS))
        self._failed: OrderedDict[tuple[bytes, str], float] = OrderedDict()
        self._good: OrderedDict[tuple[bytes, str], None] = OrderedDict()
        self._under_way: Counter[tuple[tuple[bytes, str], bytes]] = Counter()
        self._lock = threading.Lock()

    def wait(self, user: bytes, address: str) -> float:
        """Seconds until this user may try a password from this address; 0 when it may now."""
        with self._lock:
            return self._wait(user, address)

    def _wait(self, user: bytes, address: str) -> float:
        now, pair = self._clock(), (user, address)
        waits = [self._pairs.wait(pair, now)]
        if pair not in self._good:
            waits.append(self._addresses.wait(address, now))
            if now - self._failed.get(pair, -MEMORY) < MEMORY:
                waits.append(self._users.wait(user, now))
        return max(waits)

    def begin(self, user: bytes, address: str, password: bytes) -> float:
        """Seconds to wait, or 0: then the password may be verified, and :meth:`end` must follow.

        The try counts until it turns out right. The same password of the same user, many times at once, counts once.

        :param user: and ``password``: digests.
        """
        pair = (user, address)
        with self._lock:
            if not self._under_way[pair, password]:
                seconds = self._wait(user, address)
                if seconds:
                    return seconds
                self._count(user, address, 1)
            self._under_way[pair, password] += 1
        return 0.0

    def end(self, user: bytes, address: str, password: bytes, right: bool) -> None:
        """What came out of a try."""
        pair = (user, address)
        with self._lock:
            self._under_way[pair, password] -= 1
            if not self._under_way[pair, password]:
                del self._under_way[pair, password]
                if right:
                    self._count(user, address, -1)
            if right:
                self._remember(self._good, pair, None)
            else:
                self._remember(self._failed, pair, self._clock())

    def _remember(
        self, known: OrderedDict[tuple[bytes, str], Any], pair: tuple[bytes, str], what: float | None
    ) -> None:
        known[pair] = what
        known.move_to_end(pair)
        if len(known) > self._capacity:
            known.popitem(last=False)

    def _count(self, user: bytes, address: str, tries: int) -> None:
        now = self._clock()
        self._pairs.add((user, address), now, tries)
        self._users.add(user, now, tries)
        self._addresses.add(address, now, tries)


def client_address(forwarded: str, peer: str) -> str:
    """The address of the client, of IPv6 its /64: what one customer has.

    :param forwarded: the value of X-Forwarded-For. The load balancer appends the address of whoever has connected to it
        to what the client itself has sent (Elastic Load Balancing user guide, "HTTP headers": append is the default):
        only the last entry is true.
    :param peer: who has connected to this process: the load balancer, or a client without one.
    """
    last = forwarded.rpartition(",")[2].strip()
    for text in (last, peer):
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            continue
        if isinstance(address, ipaddress.IPv6Address):
            if address.ipv4_mapped is None:
                return str(ipaddress.ip_network((address, 64), strict=False))
            address = address.ipv4_mapped
        return str(address)
    return peer
