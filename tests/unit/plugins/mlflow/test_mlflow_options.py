# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a login comes from, and what is refused before anything is sent."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow import options
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.bootstrap import candidates
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.errors import (
    BusyError,
    InvalidOptionsError,
    MlflowError,
)
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.passwords import refuse_weak, shipped_logins
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.secret import LoginSecret, SecretError
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.wait import Waiter
from botocore.exceptions import ClientError, EndpointConnectionError

ENV = {"MLFLOW_TRACKING_USERNAME": "env", "MLFLOW_TRACKING_PASSWORD": "env-password"}


class Vault:
    """Answers GetSecretValue as Secrets Manager does, and counts what was asked."""

    def __init__(self, stages: dict[str, str], versions: dict[str, str] | None = None) -> None:
        self.stages = stages
        self.versions = versions or {}
        self.asked: list[str] = []

    def get_secret_value(self, SecretId: str, VersionStage: str = "", VersionId: str = "") -> dict[str, str]:
        self.asked.append(VersionStage or VersionId)
        text = self.stages.get(VersionStage) or self.versions.get(VersionId)
        if text is None:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": "no"}}, "GetSecretValue")
        if text == "no answer":
            raise EndpointConnectionError(endpoint_url="https://secretsmanager")
        if text == "no reason":
            raise ClientError({}, "GetSecretValue")
        if text == "denied":
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "GetSecretValue")
        return {"SecretString": text}

    def get_paginator(self, operation: str) -> Vault:
        assert operation == "list_secret_version_ids"
        return self

    def paginate(self, SecretId: str, IncludeDeprecated: bool) -> Iterator[dict[str, Any]]:
        """A version a page; those whose name is no year have no date."""
        assert IncludeDeprecated
        if self.stages.get("AWSPREVIOUS") == ALONE:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "ListSecretVersionIds")
        yield {"Versions": [{"VersionId": "now", "VersionStages": ["AWSCURRENT"]}]}
        yield {"Versions": [{"VersionId": "before", "VersionStages": ["mine", "AWSPREVIOUS"]}]}
        for name in self.versions:
            yield {"Versions": [{"VersionId": name, **({"CreatedDate": name} if name.isdigit() else {})}]}


def secret_text(password: str, username: str = "secret") -> str:
    return json.dumps({"username": username, "password": password})


#: A previous version whose reader may not list versions.
ALONE = secret_text("p1", "alone")


@pytest.mark.parametrize(
    ("given", "secret", "env", "expected"),
    [
        ({}, None, {}, None),
        ({}, None, ENV, ("env", "env-password")),
        ({"username": "me", "password": "mine"}, None, ENV, ("me", "mine")),
        ({"username": "me"}, None, ENV, ("me", "env-password")),
        ({}, "of-secret", ENV, ("secret", "of-secret")),
        ({"username": "secret"}, "of-secret", ENV, ("secret", "of-secret")),
    ],
)
def test_login_comes_from(
    given: dict[str, str], secret: str | None, env: dict[str, str], expected: tuple[str, str] | None
) -> None:
    store = LoginSecret(Vault({"AWSCURRENT": secret_text(secret)}), "name") if secret else None
    found = options.login({"username": None, "password": None, **given}, store, env)
    assert (found and (found.username, found.password)) == expected


@pytest.mark.parametrize(
    ("username", "password", "says"),
    [
        ("me", None, "password is missing"),
        (None, "mine", "username is missing"),
        ("a:b", "mine", "colon"),
        ("me", "mine\n", "control character"),
        ("me\0", "mine", "control character"),
    ],
)
def test_half_and_impossible_logins_are_refused(username: str | None, password: str | None, says: str) -> None:
    with pytest.raises(InvalidOptionsError, match=says) as caught:
        options.login({"username": username, "password": password}, None, {})
    assert "mine" not in str(caught.value)


def test_a_secret_of_somebody_else_is_refused() -> None:
    store = LoginSecret(Vault({"AWSCURRENT": secret_text("x")}), "name")
    with pytest.raises(InvalidOptionsError, match="login of secret"):
        options.login({"username": "admin", "password": None}, store, {})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("denied", "AccessDeniedException"),
        ("no reason", r"name cannot be read: unknown\."),
        ("no answer", "name cannot be read: Could not connect"),
        ("no json HIDDEN", "holds no login"),
        ('["HIDDEN"]', "holds no login"),
        ('{"username": "admin", "secret": "HIDDEN"}', "holds no login"),
        ('{"username": "admin", "password": ""}', "holds no login"),
        ('{"username": 1, "password": "HIDDEN"}', "holds no login"),
        ('{"username": "", "password": "HIDDEN"}', "holds no login"),
        ('{"username": "admin", "password": 1}', "holds no login"),
    ],
)
def test_secrets_that_hold_no_login(text: str, says: str) -> None:
    with pytest.raises(SecretError, match=says) as caught:
        LoginSecret(Vault({"AWSCURRENT": text}), "name").current()
    assert "HIDDEN" not in str(caught.value)


def test_a_missing_secret_is_named() -> None:
    with pytest.raises(SecretError, match="name does not exist"):
        LoginSecret(Vault({}), "name").current()


def test_older_versions_are_read_only_when_asked_for_newest_first() -> None:
    older = {"2020": "was no login then", "2019": secret_text("p3"), "undated": secret_text("p4")}
    older["2021"] = secret_text("p2")
    vault = Vault({"AWSPREVIOUS": secret_text("p1")}, older)
    passwords = LoginSecret(vault, "name").previous()
    assert next(passwords) == "p1"
    assert vault.asked == ["AWSPREVIOUS"]
    assert list(passwords) == ["p2", "p3", "p4"]
    assert vault.asked == ["AWSPREVIOUS", "2021", "2020", "2019", "undated"]


def test_who_may_not_list_versions_still_reads_the_previous_one() -> None:
    vault = Vault({"AWSPREVIOUS": ALONE}, {"2021": secret_text("p2")})
    assert list(LoginSecret(vault, "name").previous()) == ["p1"]


@pytest.mark.parametrize(
    ("wanted", "previous", "expected"),
    [
        ("w", [], ["wanted:w", "shipped:password", "shipped:password1234"]),
        ("w", ["a", "b"], ["wanted:w", "previous:a", "previous:b", "shipped:password", "shipped:password1234"]),
        ("w", ["w", "", "a", "a"], ["wanted:w", "previous:a", "shipped:password", "shipped:password1234"]),
        ("w", ["password1234"], ["wanted:w", "previous:password1234", "shipped:password"]),
    ],
)
def test_order_of_passwords(wanted: str, previous: list[str], expected: list[str]) -> None:
    assert [f"{item.origin}:{item.password}" for item in candidates(wanted, previous)] == expected


@pytest.mark.parametrize(
    ("password", "says"),
    [
        ("", "fewer than 12"),
        ("elevenchars", "fewer than 12"),
        ("password", "shipped"),
        ("password1234", "shipped"),
        ("PassWord1234", "shipped"),
        ("aaaaaaaaaaaaaaaa", "different"),
        ("abababababababab", "different"),
    ],
)
def test_weak_passwords_are_refused(password: str, says: str) -> None:
    with pytest.raises(InvalidOptionsError, match=says):
        refuse_weak(password)


@pytest.mark.parametrize(
    "password",
    [secrets.token_urlsafe(24), "correct horse", '%;"#@:/?üñ✓x', "äöüßÄÖÜéèêëç"],
    ids=["long", "words", "marks", "letters"],
)
def test_strong_passwords_pass(password: str) -> None:
    refuse_weak(password)


def test_shipped_logins_include_the_shipped_user() -> None:
    assert shipped_logins("boss") == [
        ("boss", "password"),
        ("boss", "password1234"),
        ("admin", "password"),
        ("admin", "password1234"),
    ]
    assert len(shipped_logins("admin")) == 2


@pytest.mark.parametrize(("value", "expected"), [("true", False), ("1", False), ("false", True), ("", True)])
def test_insecure_tls_says_the_opposite(monkeypatch: pytest.MonkeyPatch, value: str, expected: bool) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_INSECURE_TLS", value)
    assert options.insecure_tls_fallback("MLFLOW_TRACKING_INSECURE_TLS") is expected


class Clock:
    """Time that passes only by pausing."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.parametrize(("timeout", "fails", "tries"), [(0, 9, 1), (20, 2, 3), (20, 9, 5), (4, 9, 1)])
def test_waiter_has_one_deadline(timeout: int, fails: int, tries: int) -> None:
    clock = Clock()
    waiter = Waiter(timeout, 5, clock=clock, pause=clock.pause)
    seen = 0

    def attempt() -> str:
        nonlocal seen
        seen += 1
        if seen <= fails:
            raise BusyError("busy", transient=True)
        return "done"

    if fails < tries:
        assert waiter.until(attempt) == "done"
    else:
        with pytest.raises(BusyError):
            waiter.until(attempt)
    assert seen == tries
    assert clock.now <= timeout


def test_waiter_does_not_wait_for_what_stays_wrong() -> None:
    clock = Clock()

    def attempt() -> None:
        raise MlflowError("wrong")

    with pytest.raises(MlflowError):
        Waiter(100, 5, clock=clock, pause=clock.pause).until(attempt)
    assert clock.now == 0
