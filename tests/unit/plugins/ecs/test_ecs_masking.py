# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No secret is shown, and no change of one is hidden."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.masking import looks_secret, shown, without_values


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("DB_PASSWORD", True),
        ("password", True),
        ("MLFLOW_FLASK_SERVER_SECRET_KEY", True),
        ("AWS_SECRET_ACCESS_KEY", True),
        ("AWS_ACCESS_KEY_ID", True),
        ("API_TOKEN", True),
        ("apiKey", True),
        ("BASIC_AUTH", True),
        ("DSN", True),
        ("splunk-token", True),
        ("MONKEY", False),
        ("KEYBOARD", False),
        ("AUTHOR", False),
        ("COMPASS", False),
        ("LEVEL", False),
        ("MLFLOW_AWS_DB_HOST", False),
    ],
)
def test_names(name: str, secret: bool) -> None:
    assert looks_secret(name) is secret


@pytest.mark.parametrize(
    ("name", "before", "after", "shown_before", "shown_after"),
    [
        ("LEVEL", "info", "debug", "info", "debug"),
        ("DB_PASSWORD", "hunter2", "hunter3", "(hidden)", "(hidden, changed)"),
        ("DB_PASSWORD", "hunter2", "hunter2", "(hidden)", "(hidden)"),
        ("URL", "pg://u:one@h/d", "pg://u:two@h/d", "pg://u:(hidden)@h/d", "pg://u:(hidden)@h/d (hidden, changed)"),
        ("URL", "pg://u:one@h/d", "pg://u:two@h/e", "pg://u:(hidden)@h/d", "pg://u:(hidden)@h/e"),
        ("URL", "https://h/a:b@c", "https://h/a:b@c", "https://h/a:b@c", "https://h/a:b@c"),
    ],
)
def test_both_sides_of_a_diff(name: str, before: str, after: str, shown_before: str, shown_after: str) -> None:
    one, two = ({"containers": {"c": {"environment": {name: value}}}} for value in (before, after))
    assert shown(one)["containers"]["c"]["environment"] == {name: shown_before}
    assert shown(two, one)["containers"]["c"]["environment"] == {name: shown_after}


def test_a_container_named_like_a_secret_is_not_hidden() -> None:
    value = {"containers": {"token": {"image": "x"}}, "execution_role_arn": "arn:aws:iam::1:role/key"}
    assert shown(value) == value


def test_long_texts_are_digests_that_differ() -> None:
    one, two = shown(["a" * 201]), shown(["a" * 200 + "b"])
    assert one != two
    assert one[0].startswith("sha256:")
    assert one[0].endswith("(201 characters)")


@pytest.mark.parametrize(
    "environment", [{"DB_PASSWORD": "hunter2", "A": "1"}, [{"name": "DB_PASSWORD", "value": "hunter2"}, {"name": "A"}]]
)
def test_what_is_echoed(environment: Any) -> None:
    container = {"name": "c", "environment": environment}
    assert "hunter2" not in str(without_values([container]))
    assert "hunter2" in str(container)


def test_what_is_echoed_beside_the_environment() -> None:
    container = {
        "name": "c",
        "command": ["serve", "postgresql://u:pw12345@h/d", "x" * 300],
        "log_configuration": {"options": {"splunk-token": "S3CRETTOKEN", "awslogs-group": "/ecs/x"}},
        "docker_labels": {"api_key": "S3CRETTOKEN"},
        "secrets": [{"name": "DB_PASSWORD", "valueFrom": "arn:secret"}],
    }
    (echoed,) = without_values([container])
    assert "S3CRETTOKEN" not in str(echoed)
    assert "pw12345" not in str(echoed)
    assert echoed["command"][2] == "x" * 300
    assert echoed["log_configuration"]["options"]["awslogs-group"] == "/ecs/x"
    assert echoed["secrets"] == container["secrets"]


@pytest.mark.parametrize(
    "value", [None, "text", [1], [{"name": "c"}], [{"environment": None}], [{"environment": ["x"]}]]
)
def test_nothing_to_hide(value: Any) -> None:
    assert without_values(value) == value
