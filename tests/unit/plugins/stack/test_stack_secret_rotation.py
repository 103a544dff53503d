# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""secret_rotation: new values, two users that take turns, and what refuses."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.rotation import (
    RotationError,
    Versions,
    alternated,
    next_value,
)

from tests.unit.plugins.run_module import run_module

NAME = "rotated/database/mlflow"


@pytest.mark.parametrize(
    ("now", "then"),
    [
        ("mlflow", "mlflow_clone"),
        ("mlflow_clone", "mlflow"),
        ("_clone", "_clone_clone"),
        ("a_clone_b", "a_clone_b_clone"),
    ],
)
def test_two_names_take_turns(now: str, then: str) -> None:
    assert alternated(now, "_clone") == then
    assert alternated(then, "_clone") == now


@pytest.mark.parametrize(
    ("labels", "versions"),
    [
        ({"v1": ["AWSCURRENT"], "v0": ["AWSPREVIOUS"], "v2": ["AWSPENDING"]}, Versions("v1", "v0")),
        ({"v2": [], "v1": ["mine", "AWSCURRENT"]}, Versions("v1", None)),
        ({}, Versions()),
        (None, Versions()),
    ],
)
def test_versions_are_known_by_their_labels(labels: dict[str, list[str]] | None, versions: Versions) -> None:
    assert Versions.of({"VersionIdsToStages": labels}) == versions


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("hunter2-hunter2", "not a JSON object"),
        ('["hunter2"]', "not a JSON object"),
        ('{"key": "hunter2"}', "no text 'password'; it has key"),
        ('{"password": 2}', "no text 'password'"),
        ("{}", "it has nothing"),
    ],
)
def test_values_that_do_not_fit_are_named_without_being_shown(text: str, says: str) -> None:
    with pytest.raises(RotationError) as caught:
        next_value(text, "password", "new", None, "_clone")
    assert says in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_other_members_stay() -> None:
    text = json.dumps({"username": "a", "password": "old", "engine": "postgres"})
    assert next_value(text, "password", "new", "username", "-b") == {
        "username": "a-b",
        "password": "new",
        "engine": "postgres",
    }


@pytest.fixture
def secret(aws: Any) -> Iterator[dict[str, str]]:
    client = aws.client("secretsmanager")
    value = {"username": "mlflow", "password": secrets.token_urlsafe(24)}
    client.create_secret(Name=NAME, SecretString=json.dumps(value))
    yield value
    client.delete_secret(SecretId=NAME, ForceDeleteWithoutRecovery=True)


def _value(aws: Any, **version: str) -> dict[str, str]:
    found: dict[str, str] = json.loads(
        aws.client("secretsmanager").get_secret_value(SecretId=NAME, **version)["SecretString"]
    )
    return found


def _versions(aws: Any) -> Versions:
    return Versions.of(aws.client("secretsmanager").describe_secret(SecretId=NAME))


def test_check_then_rotate_then_settle(aws: Any, secret: dict[str, str]) -> None:
    args = {"name": NAME, "region": "eu-west-2", "alternate_key": "username"}
    first = _versions(aws)
    told = run_module("secret_rotation", args, env=aws.env, check=True)
    assert (told["changed"], told["version_id"], _versions(aws), _value(aws)) == (True, first.current, first, secret)

    made = run_module("secret_rotation", args, env=aws.env)
    now = _value(aws)
    assert (made["changed"], made["version_id"], made["previous_version_id"]) == (
        True,
        _versions(aws).current,
        first.current,
    )
    assert now["username"] == "mlflow_clone"
    assert len(now["password"]) == 40
    assert now["password"] not in json.dumps(made)
    assert secret["password"] not in json.dumps(made)
    assert (made["diff"]["before"]["username"], made["diff"]["after"]["username"]) == ("mlflow", "mlflow_clone")
    assert _value(aws, VersionId=str(first.current)) == secret

    for check in (True, False):
        refused = run_module("secret_rotation", args, env=aws.env, check=check)
        assert "may still be in use" in refused["msg"]
    assert _value(aws) == now

    settle = {"name": NAME, "region": "eu-west-2", "state": "settled"}
    for check, changed in ((True, True), (False, True), (True, False), (False, False)):
        result = run_module("secret_rotation", settle, env=aws.env, check=check)
        assert (result["changed"], result["version_id"]) == (changed, made["version_id"])
    assert _versions(aws) == Versions(made["version_id"], None)
    assert _value(aws) == now

    run_module("secret_rotation", args, env=aws.env)
    assert _value(aws)["username"] == "mlflow"
    assert _value(aws)["password"] not in (now["password"], secret["password"])


def test_without_turns_a_secret_is_rotated_at_any_time(aws: Any, secret: dict[str, str]) -> None:
    args = {"name": NAME, "region": "eu-west-2", "length": 64}
    seen = [secret]
    for _time in range(2):
        assert run_module("secret_rotation", args, env=aws.env)["changed"] is True
        seen.append(_value(aws))
    assert [row["username"] for row in seen] == ["mlflow"] * 3
    assert len({row["password"] for row in seen}) == 3
    assert len(seen[-1]["password"]) == 64


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"name": "rotated/no/such"}, "there is no such secret"),
        ({"length": 8}, "length is 8; give 12 to 128"),
        ({"key": "key"}, "no text 'key'; it has password, username"),
        ({"alternate_suffix": ""}, "alternate_suffix is empty"),
    ],
)
def test_what_cannot_be_rotated(aws: Any, secret: dict[str, str], change: dict[str, Any], says: str) -> None:
    before = _versions(aws)
    failed = run_module("secret_rotation", {"name": NAME, "region": "eu-west-2", **change}, env=aws.env)
    assert failed["failed"] is True
    assert says in failed["msg"]
    assert (_versions(aws), _value(aws)) == (before, secret)
