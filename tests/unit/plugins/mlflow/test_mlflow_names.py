# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names that MLflow cannot keep are refused before any request."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.errors import InvalidOptionsError
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.names import (
    EXPERIMENT,
    checked,
    checked_aliases,
    checked_location,
    checked_model,
    checked_username,
)


def experiment(option: str, name: str) -> str:
    return checked(option, name, EXPERIMENT)


@pytest.mark.parametrize(
    ("check", "name"),
    [
        (checked_username, "a \"b\" 'c' %40 \N{GRINNING FACE}"),
        (checked_username, "a" * 255),
        (checked_model, "a \"b\" 'c' %40 \N{GRINNING FACE}"),
        (checked_model, "a" * 255),
        (experiment, "a/b: c " + "x" * 493),
    ],
)
def test_taken(check: Callable[[str, str], str], name: str) -> None:
    assert check("name", name) == name


@pytest.mark.parametrize(
    ("check", "name", "message"),
    [
        (checked_username, "", "name is empty"),
        (checked_username, "  ", "name is empty"),
        (checked_username, "a:b", "name contains a colon"),
        (checked_username, "a\n", "name contains a control character"),
        (checked_username, "a" * 256, "name has 256 characters, and MLflow keeps 255"),
        (checked_model, "a/b", "name contains / or :"),
        (checked_model, "a:b", "name contains / or :"),
        (checked_model, "a" * 256, "name has 256 characters, and MLflow keeps 255"),
        (experiment, "a" * 501, "name has 501 characters, and MLflow keeps 500"),
    ],
)
def test_refused(check: Callable[[str, str], str], name: str, message: str) -> None:
    with pytest.raises(InvalidOptionsError, match=message) as caught:
        check("name", name)
    assert caught.value.remedy


@pytest.mark.parametrize(
    "place", ["s3://bucket/a b", "mlflow-artifacts:/7", "/srv/artifacts", "file:///srv", "gs://b/"]
)
def test_locations_taken(place: str) -> None:
    assert checked_location("artifact_location", place) == place


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("", "is empty"),
        ("mlruns", "artifact_location mlruns is a relative path"),
        ("./a", "is a relative path"),
        ("s3://bucket\n", "contains a control character"),
        ("s3://" + "x" * 2044, "2049 characters, and MLflow keeps 2048"),
    ],
)
def test_locations_refused(place: str, message: str) -> None:
    with pytest.raises(InvalidOptionsError, match=message) as caught:
        checked_location("artifact_location", place)
    assert caught.value.remedy


def test_aliases_taken() -> None:
    assert checked_aliases(None) is None
    assert checked_aliases({"champion": 7, "a-b_c": "1", 5: 2}) == {"champion": 7, "a-b_c": 1, "5": 2}


@pytest.mark.parametrize(
    ("aliases", "message"),
    [
        ({"Latest": 1}, "the name 'Latest', which MLflow does not take"),
        ({"v1": 1}, "the name 'v1'"),
        ({"a b": 1}, "the name 'a b'"),
        ({"": 1}, "the name ''"),
        ({"a" * 256: 1}, "a name of 256 characters, and MLflow keeps 255"),
        ({"champion": 0}, "the alias champion has the version '0'"),
        ({"champion": "new"}, "has the version 'new'"),
        ({"champion": None}, "has the version 'None'"),
        ({"champion": 2**31}, "has the version '2147483648'"),
    ],
)
def test_aliases_refused(aliases: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidOptionsError, match=message) as caught:
        checked_aliases(aliases)
    assert caught.value.remedy
