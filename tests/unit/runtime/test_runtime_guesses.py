# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many passwords may be tried."""

from __future__ import annotations

import itertools
import threading

import pytest
from mlflow_aws.guesses import ADDRESS, PAIR, USER, Guesses, Limit, client_address

HERE, THERE = "198.51.100.7", "203.0.113.9"
_numbers = itertools.count()


class Clock:
    """Seconds that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def guesses(clock: Clock) -> Guesses:
    return Guesses(clock)


def attempt(guesses: Guesses, user: str, address: str, right: bool = False, password: str | None = None) -> float:
    """Seconds to wait, or 0: then the attempt was made. A wrong password is a new one unless it is given."""
    word = (password or f"{right}-{0 if right else next(_numbers)}").encode()
    seconds = guesses.begin(user.encode(), address, word)
    if not seconds:
        guesses.end(user.encode(), address, word, right)
    return seconds


def made(guesses: Guesses, clock: Clock, seconds: float, user: str, addresses: list[str], step: float = 1.0) -> int:
    """How many guesses of one user from these addresses come through within that time."""
    count, end = 0, clock.now + seconds
    while clock.now < end:
        count += sum(attempt(guesses, user, address) == 0 for address in addresses)
        clock.now += step
    return count


def test_a_burst_and_then_one_at_a_time(guesses: Guesses, clock: Clock) -> None:
    assert [attempt(guesses, "u", HERE) for _ in range(PAIR.burst)] == [0.0] * PAIR.burst
    assert attempt(guesses, "u", HERE) == pytest.approx(PAIR.seconds)
    # The right password is no way round.
    assert attempt(guesses, "u", HERE, right=True) > 0
    assert guesses.wait(b"u", HERE) > 0
    clock.now += PAIR.seconds
    assert attempt(guesses, "u", HERE) == 0
    assert attempt(guesses, "u", HERE) > 0


@pytest.mark.parametrize(("addresses", "limit"), [(1, PAIR), (40, USER)], ids=["one address", "many addresses"])
def test_guesses_an_hour(guesses: Guesses, clock: Clock, addresses: int, limit: Limit) -> None:
    """The bounds that docs/mlflow-in-the-task.md promises."""
    count = made(guesses, clock, 3600, "u", [f"192.0.2.{number}" for number in range(addresses)])
    # Each address has one try more against a user.
    assert count <= limit.burst + 3600 / limit.seconds + addresses
    assert count > 0.5 * 3600 / limit.seconds


def test_one_address_against_many_users(guesses: Guesses, clock: Clock) -> None:
    count = 0
    for second in range(3600):
        clock.now = 1000.0 + second
        count += sum(attempt(guesses, f"user{second}-{number}", HERE) == 0 for number in range(3))
    assert count <= ADDRESS.burst + 3600 / ADDRESS.seconds + 1


def test_an_attacker_locks_nobody_out(guesses: Guesses, clock: Clock) -> None:
    for number in range(300):
        attempt(guesses, "u", f"192.0.2.{number % 100}")
    # From an address that has not failed: the right password, at once, and from then on whatever happens elsewhere.
    assert attempt(guesses, "u", HERE, right=True) == 0
    for number in range(300):
        attempt(guesses, "u", f"192.0.2.{number % 100}")
        attempt(guesses, f"v{number}", HERE)
    assert guesses.wait(b"u", HERE) == 0
    # Another user of that address is held up by its many failures.
    assert attempt(guesses, "w", HERE, right=True) > 0
    assert attempt(guesses, "w", THERE, right=True) == 0


def test_right_logins_cost_nothing(guesses: Guesses) -> None:
    assert [attempt(guesses, "u", HERE, right=True) for _ in range(500)] == [0.0] * 500
    assert [attempt(guesses, f"u{number}", HERE, right=True) for number in range(500)] == [0.0] * 500


def test_the_same_password_at_once_counts_once(guesses: Guesses) -> None:
    assert [guesses.begin(b"u", HERE, b"right") for _ in range(50)] == [0.0] * 50
    for _ in range(50):
        guesses.end(b"u", HERE, b"right", True)
    assert attempt(guesses, "u", HERE) == 0


def test_different_passwords_at_once_are_counted_before_they_are_verified(guesses: Guesses) -> None:
    allowed = sum(guesses.begin(b"u", HERE, str(number).encode()) == 0 for number in range(50))
    assert allowed == PAIR.burst


def test_memory_is_bounded() -> None:
    guesses = Guesses(capacity=50)
    for number in range(1000):
        attempt(guesses, f"u{number}", f"192.0.2.{number}")
        attempt(guesses, f"u{number}", f"198.51.{number}", right=True)
    held = (guesses._pairs._found, guesses._users._found, guesses._addresses._found, guesses._good, guesses._failed)
    assert all(len(found) <= 50 for found in held)
    assert not guesses._under_way


def test_threads(guesses: Guesses) -> None:
    allowed: list[int] = []

    def guess(first: int) -> None:
        for number in range(first, first + 100):
            word = str(number).encode()
            if not guesses.begin(b"u", HERE, word):
                allowed.append(number)
                guesses.end(b"u", HERE, word, False)

    threads = [threading.Thread(target=guess, args=(100 * number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(allowed) == PAIR.burst


@pytest.mark.parametrize(
    ("forwarded", "peer", "address"),
    [
        ("", "10.0.1.9", "10.0.1.9"),
        ("203.0.113.9", "10.0.1.9", "203.0.113.9"),
        ("1.1.1.1, 203.0.113.9", "10.0.1.9", "203.0.113.9"),
        ("1.1.1.1,203.0.113.9 ", "10.0.1.9", "203.0.113.9"),
        ("unknown, 203.0.113.9", "10.0.1.9", "203.0.113.9"),
        ("203.0.113.9, unknown", "10.0.1.9", "10.0.1.9"),
        ("203.0.113.9,", "10.0.1.9", "10.0.1.9"),
        ("2001:db8:1:2:3:4:5:6", "10.0.1.9", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "10.0.1.9", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.9", "10.0.1.9", "203.0.113.9"),
        ("", "", ""),
    ],
)
def test_the_address_is_what_the_load_balancer_appended(forwarded: str, peer: str, address: str) -> None:
    assert client_address(forwarded, peer) == address
