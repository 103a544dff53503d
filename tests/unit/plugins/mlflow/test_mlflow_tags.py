# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tags: which are taken, and what has to change."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.errors import (
    ApiError,
    InvalidOptionsError,
    NotMlflowError,
)
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.paging import pages
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.tags import (
    checked_tags,
    checked_text,
    put_twice,
    tag_changes,
)


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        (None, None),
        ({}, {}),
        ({"team": "churn"}, {"team": "churn"}),
        ({"a b.c-d_e:f/g": "\N{GRINNING FACE}\n"}, {"a b.c-d_e:f/g": "\N{GRINNING FACE}\n"}),
        ({"n": 1, "b": True, "none": None, 7: ""}, {"n": "1", "b": "True", "none": "", "7": ""}),
        ({"mlflow.experimentKind": "x"}, {"mlflow.experimentKind": "x"}),
        ({"k" * 250: "v" * 20}, {"k" * 250: "v" * 20}),
    ],
)
def test_taken(tags: dict[Any, Any] | None, expected: dict[str, str] | None) -> None:
    assert checked_tags(tags, 20) == expected


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ({"": "x"}, "the key ''"),
        ({"a,b": "x"}, "the key 'a,b'"),
        ({"a%b": "x"}, "the key 'a%b'"),
        ({"a\n": "x"}, "which MLflow does not take"),
        ({"a//b": "x"}, "the key 'a//b'"),
        ({"a/": "x"}, "the key 'a/'"),
        ({"../a": "x"}, "the key '../a'"),
        ({"/a": "x"}, "the key '/a'"),
        ({".": "x"}, "the key '.'"),
        ({"k" * 251: "x"}, "a key of 251 characters, and MLflow keeps 250"),
        ({"k": "v" * 21}, "the tag k has 21 characters, and MLflow keeps 20"),
        ({"k": "a\0b"}, "the tag k contains a null character"),
        ({"k": ["a"]}, "the tag k is no text"),
        ({"k": {"a": 1}}, "the tag k is no text"),
        ({"mlflow.note.content": "x"}, "mlflow.note.content, which is MLflow's own"),
    ],
)
def test_refused(tags: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidOptionsError, match=message) as caught:
        checked_tags(tags, 20, {"mlflow.note.content": "give it as description"})
    assert caught.value.remedy


def test_a_text_of_the_greatest_length_is_taken() -> None:
    assert checked_text("description", "x" * 20, 20) == "x" * 20


@pytest.mark.parametrize(
    ("current", "wanted", "purge", "expected"),
    [
        ({}, {}, True, ([], [])),
        ({"a": "1"}, {"a": "1"}, True, ([], [])),
        ({"a": "1"}, {"a": "2"}, True, (["a"], [])),
        ({"a": "1"}, {"b": "2", "aa": ""}, True, (["aa", "b"], ["a"])),
        ({"a": "1"}, {"b": "2"}, False, (["b"], [])),
        ({"a": "1", "mlflow.user": "x"}, {}, True, ([], ["a"])),
        ({"mlflow.user": "x"}, {"mlflow.user": "y"}, True, (["mlflow.user"], [])),
    ],
)
def test_changes(current: dict[str, str], wanted: dict[str, str], purge: bool, expected: Any) -> None:
    assert tag_changes(current, wanted, purge=purge) == expected


@pytest.mark.parametrize(("code", "tries"), [("BAD_REQUEST", 2), ("INVALID_PARAMETER_VALUE", 1), (None, 1)])
def test_only_what_the_database_refused_is_written_again(code: str | None, tries: int) -> None:
    made: list[int] = []

    def put() -> None:
        made.append(1)
        raise ApiError("no", code=code)

    with pytest.raises(ApiError):
        put_twice(put)
    assert len(made) == tries


def test_every_page_is_read() -> None:
    answers: dict[str, dict[str, Any]] = {
        "": {"rows": [1, 2], "next_page_token": "x"},
        "x": {"next_page_token": "y"},
        "y": {"rows": [3]},
    }
    assert list(pages(answers.__getitem__, "rows")) == [1, 2, 3]


def test_a_page_that_comes_again_is_named() -> None:
    with pytest.raises(NotMlflowError, match="repeats a page of rows"):
        list(pages(lambda token: {"rows": [1], "next_page_token": "x"}, "rows"))
