# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parameters of a DB parameter group: the difference as a table, and the module on a real group."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.rds.texts import as_text
from ansible_collections.mlops.mlflow_aws.plugins.modules.rds_parameters import plan, problems

from tests.unit.plugins.run_module import run_module


def _row(name: str, value: str | None, apply: str, data: str, source: str = "engine-default") -> dict[str, Any]:
    row = {"ParameterName": name, "ApplyType": apply, "DataType": data, "Source": source, "IsModifiable": True}
    return row if value is None else {**row, "ParameterValue": value}


ROWS = {
    row["ParameterName"]: row
    for row in (
        _row("log_min_duration_statement", None, "dynamic", "integer"),
        _row("max_connections", "100", "static", "integer", "user"),
        _row("rds.force_ssl", "1", "dynamic", "boolean", "system"),
        _row("work_mem", "4096", "dynamic", "integer", "user"),
        {**_row("ssl", "1", "dynamic", "boolean", "system"), "IsModifiable": False},
    )
}
KEPT = {"max_connections": 100, "work_mem": "4096"}
Change = tuple[list[tuple[str, str, str]], list[tuple[str, str]]]

PLANS: list[tuple[dict[str, Any], Change]] = [
    (KEPT, ([], [])),
    # A boolean is 1, 0, true or on: all the same to RDS.
    *[({**KEPT, "rds.force_ssl": value}, ([], [])) for value in (1, "1", True, "true", "on")],
    ({**KEPT, "rds.force_ssl": False}, ([("rds.force_ssl", "0", "immediate")], [])),
    # AWS refuses `immediate` for a static parameter, and a dynamic one need not wait.
    (
        {**KEPT, "log_min_duration_statement": 5000, "max_connections": 50},
        ([("log_min_duration_statement", "5000", "immediate"), ("max_connections", "50", "pending-reboot")], []),
    ),
    ({"max_connections": 100}, ([], [("work_mem", "immediate")])),
    ({}, ([], [("max_connections", "pending-reboot"), ("work_mem", "immediate")])),
]


@pytest.mark.parametrize(("wanted", "expected"), PLANS)
def test_plan(wanted: dict[str, Any], expected: Change) -> None:
    to_set, to_reset = plan(ROWS, wanted)
    assert [(row["ParameterName"], row["ParameterValue"], row["ApplyMethod"]) for row in to_set] == expected[0]
    assert [(row["ParameterName"], row["ApplyMethod"]) for row in to_reset] == expected[1]


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ({"work_men": 1}, "work_men: there is no such parameter in this group; correct the name or remove it"),
        ({"ssl": 0}, "ssl: RDS lets nobody change this parameter; remove it"),
    ],
)
def test_what_cannot_be_set_is_named(wanted: dict[str, Any], says: str) -> None:
    assert problems(ROWS, {**KEPT, **wanted}) == [says]


def test_formulas_and_texts_stay() -> None:
    assert as_text("{DBInstanceClassMemory/32768}", "integer") == "{DBInstanceClassMemory/32768}"
    assert as_text("on", "string") == "on"


@pytest.fixture
def group(aws: Any) -> Iterator[str]:
    rds, name = aws.client("rds"), "parameters-of-a-group"
    rds.create_db_parameter_group(DBParameterGroupName=name, DBParameterGroupFamily="postgres15", Description="test")
    yield name
    rds.delete_db_parameter_group(DBParameterGroupName=name)


def _set(aws: Any, group: str) -> dict[str, tuple[str, str]]:
    pages = (
        aws.client("rds").get_paginator("describe_db_parameters").paginate(DBParameterGroupName=group, Source="user")
    )
    return {
        row["ParameterName"]: (row["ParameterValue"], row["ApplyMethod"])
        for page in pages
        for row in page["Parameters"]
    }


def test_check_tells_what_is_then_done_once(aws: Any, group: str) -> None:
    base = {"group": group, "region": "eu-west-2"}
    first = {f"enable_{kind}": False for kind in ("bitmapscan", "hashagg", "hashjoin", "indexscan", "material")}
    many = {**first, **{f"log_{kind}": True for kind in ("checkpoints", "connections", "disconnections", "duration")}}
    steps: list[tuple[dict[str, Any], dict[str, tuple[str, str]], list[str]]] = [
        (
            {"log_min_duration_statement": 5000, "max_connections": 90},
            {"log_min_duration_statement": ("5000", "immediate"), "max_connections": ("90", "pending-reboot")},
            ["max_connections"],
        ),
        ({"max_connections": 90}, {"max_connections": ("90", "pending-reboot")}, []),
        ({**many, "max_connections": 91}, {}, ["max_connections"]),
    ]
    for wanted, expected, static in steps:
        before = _set(aws, group)
        told = run_module("rds_parameters", {**base, "parameters": wanted}, env=aws.env, check=True)
        assert (told["changed"], told["static"], _set(aws, group)) == (True, static, before)
        made = run_module("rds_parameters", {**base, "parameters": wanted}, env=aws.env)
        assert (made["changed"], made["static"], made["diff"]) == (True, static, told["diff"])
        assert not expected or _set(aws, group) == expected
        for check in (True, False):
            again = run_module("rds_parameters", {**base, "parameters": wanted}, env=aws.env, check=check)
            assert (again["changed"], again["static"]) == (False, [])
            assert again["diff"]["before"] == again["diff"]["after"] == again["parameters"]


def test_wrong_names_and_no_group(aws: Any, group: str) -> None:
    args = {"group": group, "region": "eu-west-2", "parameters": {"work_men": 1}}
    for check in (True, False):
        failed = run_module("rds_parameters", args, env=aws.env, check=check)
        assert "work_men: there is no such parameter" in failed["msg"]
    nowhere = {**args, "group": "no-such-group"}
    assert "rds_instance_param_group first" in run_module("rds_parameters", nowhere, env=aws.env)["msg"]
    assert run_module("rds_parameters", nowhere, env=aws.env, check=True)["changed"] is True
