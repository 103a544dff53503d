# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The memory of verified logins."""

from __future__ import annotations

import gc
import secrets

from mlflow_aws.login_cache import Login, LoginCache


class Scrypt:
    """Counts verifications; the hash of a password is its reverse."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, stored: str, password: str) -> bool:
        self.calls += 1
        return stored == password[::-1]


def is_valid(cache: LoginCache, username: str, password: str, stored_hash: str) -> bool:
    """As access.py asks: what is known, or else what a verification says."""
    login = cache.login(username, password, stored_hash)
    known = cache.verdict(login)
    return cache.verify(login, password) if known is None else known


def test_a_password_is_verified_once() -> None:
    scrypt = Scrypt()
    cache = LoginCache(scrypt)
    assert all(is_valid(cache, "u", "secret", "terces") for _ in range(5))
    assert scrypt.calls == 1


def test_a_changed_hash_ends_the_old_password_at_once() -> None:
    cache = LoginCache(Scrypt())
    assert is_valid(cache, "u", "old", "dlo")
    assert not is_valid(cache, "u", "old", "wen")
    assert is_valid(cache, "u", "new", "wen")


def test_another_user_with_the_same_hash_is_verified() -> None:
    scrypt = Scrypt()
    cache = LoginCache(scrypt)
    assert is_valid(cache, "a", "x", "x")
    assert is_valid(cache, "b", "x", "x")
    assert scrypt.calls == 2


def test_a_wrong_password_is_verified_once_for_each_hash() -> None:
    scrypt = Scrypt()
    cache = LoginCache(scrypt)
    assert not any(is_valid(cache, "u", "wrong", "hash") for _ in range(3))
    assert scrypt.calls == 1
    assert is_valid(cache, "u", "wrong", "gnorw")


def test_wrong_passwords_push_no_right_one_out() -> None:
    scrypt = Scrypt()
    cache = LoginCache(scrypt, capacity=1)
    assert is_valid(cache, "u", "x", "x")
    assert not any(is_valid(cache, "u", f"wrong{number}", "x") for number in range(5000))
    assert len(cache) < 5000
    before = scrypt.calls
    assert is_valid(cache, "u", "x", "x")
    assert scrypt.calls == before


def test_without_a_cache_each_right_login_is_verified() -> None:
    scrypt = Scrypt()
    cache = LoginCache(scrypt, capacity=0)
    assert all(is_valid(cache, "u", "x", "x") for _ in range(3))
    assert scrypt.calls == 3


def test_size_is_bounded_and_the_least_used_goes() -> None:
    scrypt = Scrypt()
    cache = LoginCache(scrypt, capacity=2)
    for name in ("a", "b", "a", "c"):
        assert is_valid(cache, name, "x", "x")
    assert (len(cache), scrypt.calls) == (2, 3)
    is_valid(cache, "a", "x", "x")
    assert scrypt.calls == 3
    is_valid(cache, "b", "x", "x")
    assert scrypt.calls == 4


def test_no_password_is_kept() -> None:
    cache = LoginCache(lambda _hash, _password: True)
    password = secrets.token_urlsafe(20)
    is_valid(cache, "u", password, "hash")
    reachable: list[object] = [cache]
    seen: set[int] = set()
    while reachable:
        item = reachable.pop()
        if id(item) not in seen and not isinstance(item, type):
            seen.add(id(item))
            assert item != password
            if isinstance(item, (LoginCache, Login, dict, tuple, list)):
                reachable += gc.get_referents(item)
