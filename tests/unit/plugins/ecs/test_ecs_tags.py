# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tags: what changes, and how ECS and its users write them."""

from __future__ import annotations

from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.tags import (
    TagChange,
    as_text,
    from_api,
    tag_change,
    tags_of_new,
    to_list,
)


def test_a_change_is_one_where_it_sets_or_removes() -> None:
    assert not TagChange()
    assert TagChange({"a": "1"})
    assert TagChange(to_remove=["a"])


def test_a_change_carried_out() -> None:
    assert TagChange({"a": "2", "c": "3"}, ["b"]).applied_to({"a": "1", "b": "1", "d": "4"}) == {
        "a": "2",
        "c": "3",
        "d": "4",
    }


def test_what_is_removed_is_told_in_order_and_never_what_is_ignored() -> None:
    has = dict.fromkeys("hgfedcba", "1")
    assert tag_change(has, {"h": "1"}, True).to_remove == list("abcdefg")
    assert tag_change(has, {"h": "1"}, True, ["b", "d"]).to_remove == list("acefg")


def test_a_users_tags_become_text() -> None:
    assert as_text({1: True, "b": 2.5}) == {"1": "True", "b": "2.5"}
    assert as_text(None) is None


def test_tags_as_ecs_answers_them() -> None:
    assert from_api([{"key": "a", "value": "1"}, {"key": "b"}]) == {"a": "1", "b": ""}
    assert from_api(None) == {}
    assert to_list({"a": "1", "b": ""}) == [{"key": "a", "value": "1"}, {"key": "b", "value": ""}]


def test_what_is_not_given_is_left_alone() -> None:
    assert tag_change({"a": "1"}, None, True) == TagChange()


def test_tags_that_a_new_thing_takes_over() -> None:
    has = {"a": "1", "b": "1", "mlflow:ran": "x", "aws:y": "z"}
    assert tags_of_new(has, None, True, ["mlflow:ran"]) == {"a": "1", "b": "1"}
    assert tags_of_new(has, {"b": "2"}, True, ["mlflow:ran"]) == {"b": "2"}
    assert tags_of_new(has, {"b": "2"}, False, ["mlflow:ran"]) == {"a": "1", "b": "2"}
