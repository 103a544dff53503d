# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The memory of verified logins."""

from __future__ import annotations

import gc
import secrets

from mlflow_aws.login_cache import LoginCache


class Scrypt:
    """Counts verifications; the hash of a password is its reverse."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, stored: str, password: str) -> bool:
        self.calls += 1
        return stored == password[::-1]


def test_a_password_is_verified_once() -> None:
    scrypt = Scrypt()
    cache = LoginCache(scrypt)
    assert all(cache.is_valid("u", "secret", "terces") for _ in range(5))
    assert scrypt.calls == 1


def test_a_changed_hash_ends_the_old_password_at_once() -> None:
    cache = LoginCache(Scrypt())
    assert cache.is_valid("u", "old", "dlo")
    assert not cache.is_valid("u", "old", "wen")
    assert cache.is_valid("u", "new", "wen")


def test_another_user_with_the_same_hash_is_verified() -> None:
    scrypt = Scrypt()
    cache = LoginCache(scrypt)
    assert cache.is_valid("a", "x", "x")
    assert cache.is_valid("b", "x", "x")
    assert scrypt.calls == 2


def test_failures_are_not_remembered() -> None:
    scrypt = Scrypt()
    cache = LoginCache(scrypt)
    assert not any(cache.is_valid("u", "wrong", "hash") for _ in range(3))
    assert (scrypt.calls, len(cache)) == (3, 0)


def test_size_is_bounded_and_the_least_used_goes() -> None:
    scrypt = Scrypt()
    cache = LoginCache(scrypt, capacity=2)
    for name in ("a", "b", "a", "c"):
        assert cache.is_valid(name, "x", "x")
    assert (len(cache), scrypt.calls) == (2, 3)
    cache.is_valid("a", "x", "x")
    assert scrypt.calls == 3
    cache.is_valid("b", "x", "x")
    assert scrypt.calls == 4


def test_no_password_is_kept() -> None:
    cache = LoginCache(lambda _hash, _password: True)
    password = secrets.token_urlsafe(20)
    cache.is_valid("u", password, "hash")
    reachable: list[object] = [cache]
    seen: set[int] = set()
    while reachable:
        item = reachable.pop()
        if id(item) not in seen and not isinstance(item, type):
            seen.add(id(item))
            assert item != password
            if isinstance(item, (LoginCache, dict, tuple, list)):
                reachable += gc.get_referents(item)
