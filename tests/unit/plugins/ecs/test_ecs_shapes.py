# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a user's spelling to the API's and back, on a small model of botocore's that has every kind of shape."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs import shapes
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.inputs import InvalidInput
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.shapes import (
    nearest,
    request_shape,
    response_shape,
    snake_name,
    to_api,
    to_snake,
)
from botocore.model import ShapeResolver


def structure(*required: str, **members: str) -> dict[str, Any]:
    named = {member: {"shape": shape} for member, shape in members.items()}
    return {"type": "structure", "required": list(required), "members": named}


def listed(member: str) -> dict[str, Any]:
    return {"type": "list", "member": {"shape": member}}


MODEL = ShapeResolver(
    {
        **{name: {"type": name} for name in ("string", "integer", "long", "double", "float", "boolean", "timestamp")},
        "colour": {"type": "string", "enum": ["RED", "GREEN"]},
        "texts": listed("string"),
        "map": {"type": "map", "key": {"shape": "string"}, "value": {"shape": "integer"}},
        "times": {"type": "map", "key": {"shape": "string"}, "value": {"shape": "timestamp"}},
        "pair": structure(name="string", value="integer"),
        "pairs": listed("pair"),
        "secret": structure(name="string", valueFrom="colour"),
        "secrets": listed("secret"),
        "disk": structure("sizeInGiB", sizeInGiB="integer", fileSystemId="string"),
        "disks": listed("disk"),
        "eight": structure(**dict.fromkeys("abcdefgh", "string")),
        "nine": structure(**dict.fromkeys("abcdefghi", "string")),
        "whole": structure(disk="disk", theDisks="disks", labels="map", seen="times", at="timestamp", hue="colour"),
    }
)


def shape(name: str) -> Any:
    return MODEL.get_shape_by_name(name)


def test_the_shapes_of_an_operation() -> None:
    shapes._ecs_model.cache_clear()
    assert request_shape("DescribeServices").name == "DescribeServicesRequest"
    assert response_shape("DescribeServices").name == "DescribeServicesResponse"


@pytest.mark.parametrize(
    ("name", "snake"),
    [
        ("readonlyRootFilesystem", "readonly_root_filesystem"),
        ("enableECSManagedTags", "enable_ecs_managed_tags"),
        ("sizeInGiB", "size_in_gib"),
    ],
)
def test_snake_name(name: str, snake: str) -> None:
    assert snake_name(name) == snake


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("enviroment", ' Did you mean "Environment"?'),
        ("ENVIRONMENTS", ' Did you mean "Environment"?'),
        ("environment_file", ' Did you mean "environment_files"?'),
        ("x", ""),
    ],
)
def test_nearest(word: str, hint: str) -> None:
    assert nearest(word, ["image", "environment_files", "Environment"]) == hint


@pytest.mark.parametrize(
    ("name", "value", "sent"),
    [
        ("string", "x", "x"),
        ("string", 5, "5"),
        ("string", True, "true"),
        ("string", False, "false"),
        ("timestamp", "2026", "2026"),
        ("colour", "GREEN", "GREEN"),
        ("integer", 5, 5),
        ("integer", " -5 ", -5),
        ("long", "5", 5),
        ("double", "1.5", 1.5),
        ("float", 2, 2.0),
        ("boolean", "yes", True),
        ("boolean", 0, False),
        ("texts", ["a", True], ["a", "true"]),
        ("texts", ("a",), ["a"]),
        ("map", {"FooBar": "1", 2: 3}, {"FooBar": 1, "2": 3}),
        ("pairs", {"a": "1", "gone": None, 2: 3}, [{"name": "a", "value": 1}, {"name": "2", "value": 3}]),
        ("pairs", [{"name": "a", "value": "1"}], [{"name": "a", "value": 1}]),
        ("secrets", {"a": "RED"}, [{"name": "a", "valueFrom": "RED"}]),
        ("disk", {"size_in_gib": "1", "file_system_id": None}, {"sizeInGiB": 1}),
        ("disk", {"size_in_gi_b": 1}, {"sizeInGiB": 1}),
        ("disk", {"sizeInGiB": 1, "fileSystemId": "fs"}, {"sizeInGiB": 1, "fileSystemId": "fs"}),
        (
            "whole",
            {"the_disks": [{"size_in_gib": 1}], "labels": {"a_b": 1}, "hue": "RED"},
            {"theDisks": [{"sizeInGiB": 1}], "labels": {"a_b": 1}, "hue": "RED"},
        ),
    ],
)
def test_what_is_sent(name: str, value: Any, sent: Any) -> None:
    made = to_api(value, shape(name), "it")
    assert made == sent
    assert type(made) is type(sent)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("string", {}, "it must be a single value, not a dictionary."),
        ("string", [], "it must be a single value, not a list."),
        ("string", (), "it must be a single value, not a list."),
        ("string", None, "it must be a single value, not nothing."),
        ("colour", "REDD", 'it is "REDD"; ECS knows RED, GREEN. Did you mean "RED"?'),
        ("colour", "x", 'it is "x"; ECS knows RED, GREEN.'),
        ("integer", True, 'it is "True"; it must be a whole number.'),
        ("integer", "1.0", 'it is "1.0"; it must be a whole number.'),
        ("long", "x", 'it is "x"; it must be a whole number.'),
        ("double", "x", 'it is "x"; it must be a number.'),
        ("float", "x", 'it is "x"; it must be a number.'),
        ("boolean", "x", 'it is "x"; it must be true or false.'),
        ("texts", "x", 'it must be a list, not "x".'),
        ("texts", {"a": "x"}, "it must be a list, not a dictionary."),
        ("texts", ["a", []], "it[1] must be a single value, not a list."),
        ("disks", {"a": 1}, "it must be a list, not a dictionary."),
        ("map", ["x"], "it must be a dictionary, not a list."),
        ("map", {"a": "x"}, 'it.a is "x"; it must be a whole number.'),
        ("pairs", {"a": "x"}, 'it.a is "x"; it must be a whole number.'),
        ("disk", None, "it must be a dictionary, not nothing."),
        ("disk", {"size_in_gib": "x"}, 'it.size_in_gib is "x"; it must be a whole number.'),
        ("disk", {"size_in_gib": None}, 'it lacks "size_in_gib".'),
        ("disk", {"size_in_gib": 1, "sizeInGiB": 1}, 'it has "size_in_gib" twice, under two spellings.'),
        (
            "disk",
            {"file_sistem_id": "x"},
            'it has the key "file_sistem_id", which ECS does not know. Did you mean "file_system_id"?',
        ),
        ("disk", {1: 2}, 'it has the key "1", which ECS does not know. It knows size_in_gib, file_system_id.'),
        ("eight", {"xx": 1}, 'it has the key "xx", which ECS does not know. It knows a, b, c, d, e, f, g, h.'),
        ("nine", {"xx": 1}, 'it has the key "xx", which ECS does not know.'),
        (
            "whole",
            {"the_disks": [{"size_in_gib": "x"}]},
            'it.the_disks[0].size_in_gib is "x"; it must be a whole number.',
        ),
    ],
)
def test_what_is_refused(name: str, value: Any, told: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        to_api(value, shape(name), "it")
    assert str(refused.value) == told


def test_what_is_answered() -> None:
    answered = {
        "theDisks": [{"sizeInGiB": 1, "fileSystemId": None, "newInECS": 1}],
        "labels": {"FooBar": 1},
        "seen": {"FooBar": datetime(2026, 1, 2, tzinfo=UTC)},
        "at": datetime(2026, 1, 1, tzinfo=UTC),
        "hue": "RED",
        "ResponseMetadata": {},
    }
    assert to_snake(answered, shape("whole")) == {
        "the_disks": [{"size_in_gib": 1}],
        "labels": {"FooBar": 1},
        "seen": {"FooBar": "2026-01-02T00:00:00+00:00"},
        "at": "2026-01-01T00:00:00+00:00",
        "hue": "RED",
    }
