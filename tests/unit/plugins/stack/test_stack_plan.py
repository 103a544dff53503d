# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one comparison: every difference is a change, and a field that nothing reads is an error."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest
from ansible import context
from ansible_collections.mlops.mlflow_aws.plugins.callback.plan import CallbackModule, summary
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.comparison import UnknownFieldError, compare
from hypothesis import given
from hypothesis import strategies as some

VALUES = some.one_of(
    some.booleans(),
    some.integers(0, 99),
    some.text(max_size=3),
    some.lists(some.text(max_size=2), max_size=2),
    some.dictionaries(some.text(max_size=2), some.integers(0, 3), max_size=2),
)
RESOURCES = some.dictionaries(
    some.sampled_from(["a", "b"]), some.fixed_dictionaries({"x": VALUES, "y": VALUES}), max_size=2
)


def changes(wanted: dict[str, Any], current: dict[str, Any], **more: Any) -> list[str]:
    return [change.says() for change in compare({"thing": wanted}, {"thing": current}, **more).changes]


@pytest.mark.parametrize(
    ("wanted", "current", "says"),
    [
        ({"a": {"x": 1}}, {}, ["create thing a"]),
        ({"a": {"x": 1}}, {"a": {"x": 1, "y": 2}}, []),
        ({"a": {"x": 2}}, {"a": {"x": 1, "y": 2}}, ["change thing a: x"]),
        ({"a": {"x": None}}, {"a": {"x": 1}}, []),
        ({"a": None}, {"a": {"x": 1}}, ["remove thing a"]),
        ({"a": None}, {}, []),
        ({}, {"a": {"x": 1}}, []),
        ({"a": {"tags": {"T": "1"}}}, {"a": {"tags": {"T": "2", "U": "3"}}}, ["change thing a: tags.T"]),
        ({"a": {"x": ["1"]}}, {"a": {"x": []}}, ["change thing a: x"]),
        ({"a": {"x": {"y": {"z": 1}}}}, {"a": {"x": {"y": {"z": 2}}}}, ["change thing a: x.y"]),
        ({"a": {"x": {}}}, {"a": {"x": ""}}, ["change thing a: x"]),
        ({"a": {"tags": {"T": "1"}}}, {"a": {"tags": {}}}, ["change thing a: tags.T"]),
        ({"a": {"x": 60.5}}, {"a": {"x": 60}}, ["change thing a: x"]),
        ({"a": {"x": "5.0"}}, {"a": {"x": "5"}}, ["change thing a: x"]),
        ({"a": {"x": date(2026, 1, 1)}}, {"a": {"x": date(2026, 1, 2)}}, ["change thing a: x"]),
        (
            {"a": dict.fromkeys("gfedcba", 1)},
            {"a": dict.fromkeys("gfedcba", 2)},
            ["change thing a: a, b, c, d, e, f, g"],
        ),
    ],
)
def test_what_differs(wanted: dict[str, Any], current: dict[str, Any], says: list[str]) -> None:
    assert changes(wanted, current) == says


@pytest.mark.parametrize(
    ("wanted", "current"), [("20", 20), (True, "true"), (60, 60.0), ("1", 1), ({"a": ["5"]}, {"a": [5]})]
)
def test_numbers_and_booleans_may_be_text(wanted: Any, current: Any) -> None:
    assert changes({"a": {"x": wanted}}, {"a": {"x": current}}) == []


def test_only_what_differs_is_told() -> None:
    (change,) = compare({"thing": {"a": {"x": 1, "y": 2}}}, {"thing": {"a": {"x": 1, "y": 3}}}).changes
    assert change.as_dict() == {
        "action": "change",
        "kind": "thing",
        "name": "a",
        "before": {"y": 3},
        "after": {"y": 2},
    }


def test_fields_inside_a_field_are_told_in_order() -> None:
    (change,) = compare({"thing": {"a": {"tags": dict.fromkeys("gfedcba", 1)}}}, {"thing": {"a": {"tags": {}}}}).changes
    assert list(change.after) == [f"tags.{key}" for key in "abcdefg"]


def test_where_nothing_is_read_all_is_created() -> None:
    assert [change.action for change in compare({"thing": {"a": {"x": 1}}}, None).changes] == ["create"]


def test_what_is_surplus_of_an_exclusive_kind_goes() -> None:
    assert changes({"a": {}}, {"a": {}, "b": {}}, exclusive=["thing"]) == ["remove thing b"]
    assert changes({"a": {}}, {"a": {}, "b": {}}, exclusive=["other"]) == []


def test_a_field_that_nothing_reads_is_an_error() -> None:
    with pytest.raises(UnknownFieldError, match="thing a: nothing reads a, b, c, d, e, f, g from AWS"):
        compare({"thing": {"a": dict.fromkeys("gfedcba", 1)}}, {"thing": {"a": {"x": 1}}})


@given(RESOURCES)
def test_equal_is_no_change(resources: dict[str, Any]) -> None:
    found = compare({"thing": resources}, {"thing": resources}, exclusive=["thing"])
    assert (found.changes, found.kept) == ((), len(resources))


@given(RESOURCES, RESOURCES)
def test_applied_changes_leave_none(wanted: dict[str, Any], current: dict[str, Any]) -> None:
    """Carrying out exactly what is told leads to what is wanted: so nothing was missed."""
    made = {name: dict(fields) for name, fields in current.items()}
    for change in compare({"thing": wanted}, {"thing": current}, exclusive=["thing"]).changes:
        if change.action == "remove":
            del made[change.name]
            continue
        fields = made.setdefault(change.name, {})
        for path, value in change.after.items():
            key, _dot, inner = (
                path.partition(".") if change.action == "change" and path not in wanted[change.name] else (path, "", "")
            )
            if inner or key != path:
                fields[key] = {k: v for k, v in {**fields[key], inner: value}.items() if v is not None}
            else:
                fields[key] = value
    assert compare({"thing": wanted}, {"thing": made}, exclusive=["thing"]).changes == ()


def test_the_summary_counts() -> None:
    words = [
        "create VPC a",
        "create user b",
        "change DB instance c: x",
        "remove listener 1",
        "delete user d",
        "set tag e",
    ]
    assert summary(words, 4) == "2 to create, 2 to change, 2 to remove, 4 to leave"


# The second as ansible-core 2.18 has them.
@pytest.mark.parametrize("private", ["", "_"])
@pytest.mark.parametrize(
    ("result", "says"),
    [
        ({"actions": ["create user alice"]}, ["", "PLAN [fraud]", "  create user alice", "  1 to create"]),
        # Nothing to do is a plan too.
        ({"actions": []}, ["", "PLAN [fraud]", "  0 to create"]),
        # What only reads plans nothing.
        ({"users": []}, []),
    ],
)
def test_what_modules_of_mlflow_would_do_is_told(
    monkeypatch: pytest.MonkeyPatch, result: dict[str, Any], says: list[str], private: str
) -> None:
    printed: list[str] = []
    callback = CallbackModule()
    callback._display = SimpleNamespace(display=lambda text, **_: printed.extend(text.split("\n")))
    monkeypatch.setattr(context, "CLIARGS", {"check": True})
    host = SimpleNamespace(get_name=lambda: "fraud")
    task = SimpleNamespace(action="mlops.mlflow_aws.mlflow_user")
    fields = {"task": task, "host": host, "result": result}
    callback.v2_runner_on_ok(SimpleNamespace(**{f"{private}{name}": value for name, value in fields.items()}))
    callback.v2_playbook_on_stats(None)
    assert [line.split(",", 1)[0] for line in printed] == says
