# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is planned for registered models."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.errors import InvalidOptionsError, NotMlflowError
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.models import (
    IS_PROMPT,
    CreateModel,
    ModelState,
    RegisteredModel,
    WantedModel,
    parse_model,
    plan_model,
    shown_model,
)


def state(*, lacking: tuple[int, ...] = (), **model: Any) -> ModelState:
    return ModelState(RegisteredModel("churn", **model), frozenset(lacking))


def words(current: ModelState | None, **wanted: Any) -> list[str]:
    said = [action.says() for action in plan_model(current, WantedModel("churn", **wanted)).actions]
    return [text.replace("registered model churn", "it") for text in said]


@pytest.mark.parametrize(
    ("current", "wanted", "expected"),
    [
        (None, {}, ["create it"]),
        (None, {"description": "x", "tags": {"a": "1"}, "aliases": {}}, ["create it"]),
        (state(), {}, []),
        (state(description="x", tags={"a": "1"}, aliases={"b": 1}), {}, []),
        (state(description="x"), {"description": ""}, ["describe it"]),
        (state(description="x"), {"description": "x"}, []),
        (state(tags={"a": "1"}), {"tags": {"b": ""}}, ["set tag b of it", "remove tag a from it"]),
        (state(tags={"a": "1"}), {"tags": {"b": ""}, "purge_tags": False}, ["set tag b of it"]),
        (state(tags={"mlflow.user": "1"}), {"tags": {}}, []),
        (state(aliases={"a": 1}), {"aliases": {"a": 1}}, []),
        (state(aliases={"a": 1}), {"aliases": {"a": 2}}, ["point alias a of it to version 2"]),
        (
            state(aliases={"old": 1}),
            {"aliases": {"new": 1}},
            ["point alias new of it to version 1", "remove alias old from it"],
        ),
        (
            state(aliases={"old": 1}),
            {"aliases": {"new": 1}, "purge_aliases": False},
            ["point alias new of it to version 1"],
        ),
        (state(aliases={"old": 1}), {"aliases": {}}, ["remove alias old from it"]),
        (
            state(aliases=dict.fromkeys("gfedcba", 1)),
            {"aliases": dict.fromkeys("nmlkjih", 2)},
            [
                *(f"point alias {alias} of it to version 2" for alias in "hijklmn"),
                *(f"remove alias {alias} from it" for alias in "abcdefg"),
            ],
        ),
        (None, {"present": False}, []),
        (state(), {"present": False}, ["delete it"]),
        (state(latest_version=3), {"present": False, "force": True}, ["delete it"]),
        (state(), {"present": False, "aliases": {"a": 9}}, ["delete it"]),
    ],
)
def test_plan(current: ModelState | None, wanted: dict[str, Any], expected: list[str]) -> None:
    assert words(current, **wanted) == expected


@pytest.mark.parametrize(
    ("current", "wanted", "message"),
    [
        (state(latest_version=3), {"present": False}, "churn has versions, up to 3"),
        (state(tags={IS_PROMPT: "true"}), {}, "churn is a prompt"),
        (state(tags={IS_PROMPT: "true"}), {"present": False, "force": True}, "churn is a prompt"),
        (None, {"aliases": {"a": 1}}, "churn has no version 1 for the alias a"),
        (state(lacking=(9,)), {"aliases": {"a": 1, "b": 9}}, "churn has no version 9 for the alias b"),
        (state(lacking=(8, 9)), {"aliases": {"b": 9, "a": 8}}, "churn has no version 8 for the alias a"),
    ],
)
def test_refusals(current: ModelState | None, wanted: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidOptionsError, match=message) as caught:
        words(current, **wanted)
    assert caught.value.remedy


def test_a_new_one_is_made_with_its_description_and_tags() -> None:
    wanted = WantedModel("churn", description="x", tags={"a": "1"})
    assert plan_model(None, wanted).actions == (CreateModel("churn", "x", {"a": "1"}),)
    assert plan_model(None, wanted).after == state(description="x", tags={"a": "1"})
    assert plan_model(None, WantedModel("churn")).after == state()


def test_what_nobody_asked_for_stays() -> None:
    current = state(description="x", tags={"a": "1"}, aliases={"old": 1}, latest_version=2)
    more = WantedModel("churn", tags={"b": "2"}, aliases={"new": 2}, purge_tags=False, purge_aliases=False)
    assert plan_model(current, more).after == state(
        description="x", tags={"a": "1", "b": "2"}, aliases={"old": 1, "new": 2}, latest_version=2
    )


def test_shown_in_order() -> None:
    shown = shown_model(RegisteredModel("churn", "x", {"b": "2", "a": "1"}, {"d": 4, "c": 3}, 4))
    assert shown == {
        "name": "churn",
        "description": "x",
        "tags": {"a": "1", "b": "2"},
        "aliases": {"c": 3, "d": 4},
        "latest_version": 4,
    }
    assert [list(shown[field]) for field in ("tags", "aliases")] == [["a", "b"], ["c", "d"]]


@pytest.mark.parametrize("present", [True, False])
def test_the_planned_state_needs_no_further_plan(present: bool) -> None:
    aliases = {"a": 2} if present else {}
    wanted = WantedModel("churn", present=present, description="x", tags={"a": "1"}, aliases=aliases, force=True)
    for current in (state(), state(tags={"b": "1"}, aliases={"a": 1, "b": 2}, latest_version=2)):
        after = plan_model(current, wanted).after
        assert plan_model(after, wanted).actions == ()


def test_parsed_as_the_server_says_it() -> None:
    item = {
        "name": "churn",
        "tags": [{"key": "a"}],
        "aliases": [{"alias": "champion", "version": "2"}],
        "latest_versions": [{"version": "9"}, {"version": "10"}],
    }
    assert parse_model(item) == RegisteredModel("churn", "", {"a": ""}, {"champion": 2}, 10)
    described = {"name": "churn", "description": "x", "tags": [{"key": "a", "value": "1"}]}
    assert parse_model(described) == RegisteredModel("churn", "x", {"a": "1"})
    for strange in (None, {}, {"name": "x", "aliases": [{}]}, {"name": "x", "latest_versions": [{"version": "new"}]}):
        with pytest.raises(NotMlflowError):
            parse_model(strange)
