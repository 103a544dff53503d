# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is planned for experiments."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.client import Experiment
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.errors import InvalidOptionsError
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.experiments import (
    DESCRIPTION,
    CreateExperiment,
    ExperimentState,
    WantedExperiment,
    plan_experiment,
    shown_experiment,
)

from tests.unit.plugins.mlflow.mlflow_faults import FaultServer, Reply
from tests.unit.plugins.run_module import run_module

PLACE = "s3://bucket/churn"


def state(tags: dict[str, str] | None = None, *, stage: str = "active", untags: bool = True) -> ExperimentState:
    return ExperimentState(Experiment("7", "churn", PLACE, stage, tags or {}), untags)


def words(current: ExperimentState | None, **wanted: Any) -> list[str]:
    return [action.says() for action in plan_experiment(current, WantedExperiment("churn", **wanted)).actions]


@pytest.mark.parametrize(
    ("current", "wanted", "expected"),
    [
        (None, {}, ["create experiment churn"]),
        (None, {"description": "x", "tags": {"a": "1"}}, ["create experiment churn"]),
        (state(), {}, []),
        (state(), {"artifact_location": PLACE}, []),
        (state({"a": "1"}), {}, []),
        (state(stage="deleted"), {}, ["restore experiment churn"]),
        (
            state({"b": "1"}, stage="deleted"),
            {"tags": {"a": "1"}},
            ["restore experiment churn", "set tag a of experiment churn", "remove tag b from experiment churn"],
        ),
        (state(), {"description": "x"}, ["describe experiment churn"]),
        (state({DESCRIPTION: "x"}), {"description": "x"}, []),
        (state({DESCRIPTION: "x"}), {"description": ""}, ["describe experiment churn"]),
        (state({DESCRIPTION: ""}), {"description": ""}, []),
        (state(), {"description": ""}, []),
        (state({DESCRIPTION: "x"}), {"tags": {}}, []),
        (state({DESCRIPTION: "x", "a": "1"}), {"description": "x"}, []),
        (state({"a": "1"}), {"tags": {}}, ["remove tag a from experiment churn"]),
        (state({"a": "1"}), {"tags": {}, "purge_tags": False}, []),
        (
            state({"a": "1", "mlflow.user": "x"}),
            {"tags": {"b": "2"}, "purge_tags": False},
            ["set tag b of experiment churn"],
        ),
        (state(untags=False), {"tags": {"a": "1"}}, ["set tag a of experiment churn"]),
        (None, {"present": False}, []),
        (state(), {"present": False}, ["delete experiment churn"]),
        (state(), {"present": False, "artifact_location": "s3://other", "tags": {}}, ["delete experiment churn"]),
        (state(stage="deleted"), {"present": False}, []),
    ],
)
def test_plan(current: ExperimentState | None, wanted: dict[str, Any], expected: list[str]) -> None:
    assert words(current, **wanted) == expected


@pytest.mark.parametrize(
    ("current", "wanted", "message"),
    [
        (state(), {"artifact_location": "s3://other"}, f"keeps its artifacts in {PLACE}, but .* is s3://other"),
        (state(stage="deleted"), {"artifact_location": "s3://other"}, "keeps its artifacts in"),
        (state({"b": "1", "a": "1"}, untags=False), {"tags": {}}, "cannot remove tags .* and churn has a, b"),
    ],
)
def test_refusals(current: ExperimentState, wanted: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidOptionsError, match=message) as caught:
        words(current, **wanted)
    assert caught.value.remedy


def test_a_new_one_is_made_with_all_that_it_shall_have() -> None:
    wanted = WantedExperiment("churn", artifact_location=PLACE, description="x", tags={"a": "1"})
    made = CreateExperiment("churn", PLACE, {"a": "1", DESCRIPTION: "x"})
    planned = plan_experiment(None, wanted)
    assert planned.actions == (made,)
    assert planned.after == ExperimentState(Experiment("", "churn", PLACE, "active", {"a": "1", DESCRIPTION: "x"}))
    somewhere = plan_experiment(None, WantedExperiment("churn")).after
    assert somewhere == ExperimentState(Experiment("", "churn", "", "active", {}))


def test_tags_that_nobody_asked_for_stay() -> None:
    planned = plan_experiment(state({"a": "1", "b": "1"}), WantedExperiment("churn", tags={"b": "2"}, purge_tags=False))
    assert planned.after == state({"a": "1", "b": "2"})


@pytest.mark.parametrize("present", [True, False])
def test_the_planned_state_needs_no_further_plan(present: bool) -> None:
    wanted = WantedExperiment("churn", present=present, description="x", tags={"a": "1"})
    for current in (None, state(), state({"a": "2", "b": "1", "mlflow.user": "x"}), state(stage="deleted")):
        after = plan_experiment(current, wanted).after
        assert plan_experiment(after, wanted).actions == ()


def test_the_description_is_shown_apart_from_the_tags() -> None:
    shown = shown_experiment(state({DESCRIPTION: "x", "b": "2", "a": "1"}).experiment)
    assert shown == {
        "id": "7",
        "name": "churn",
        "artifact_location": PLACE,
        "lifecycle_stage": "active",
        "description": "x",
        "tags": {"a": "1", "b": "2"},
    }
    assert list(shown["tags"]) == ["a", "b"]
    assert shown_experiment(state().experiment)["description"] == ""


@pytest.mark.parametrize(
    ("wanted", "longest"), [({}, 0), ({"description": "abc", "tags": {"a": "1"}}, 3), ({"tags": {"a": "12"}}, 2)]
)
def test_longest_text(wanted: dict[str, Any], longest: int) -> None:
    assert WantedExperiment("churn", **wanted).longest == longest


def answer(status: int = 200, **said: Any) -> Reply:
    return Reply(status, json.dumps(said).encode())


FOUND = answer(experiment={"experiment_id": "7", "name": "churn", "tags": [{"key": "a", "value": "1"}]})
ABSENT = answer(404, error_code="RESOURCE_DOES_NOT_EXIST", message="no")
REFUSED = answer(400, error_code="BAD_REQUEST", message="(psycopg2.errors.SomeViolation) [SQL: INSERT ...]")


def asked(server: FaultServer, **args: Any) -> dict[str, Any]:
    login = {"username": "admin", "password": "nobody-asks-for-it", "wait_timeout": 0}
    return run_module("mlflow_experiment", {"url": server.url, **login, "name": "churn", **args}, env={"NO_PROXY": "*"})


def test_a_bad_request_that_another_run_has_caused_is_no_failure(fault_server: Callable[..., FaultServer]) -> None:
    server = fault_server(ABSENT, REFUSED, FOUND)
    result = asked(server)
    assert (result["changed"], result["experiment"]["id"]) == (False, "7")
    assert [seen.method for seen in server.seen] == ["GET", "POST", "GET", "GET"]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ({"name": "x" * 257}, "name has 257 characters, which the server's database does not take"),
        ({"artifact_location": "s3://" + "x" * 252}, "artifact_location has 257 characters"),
        ({}, "SomeViolation"),
    ],
)
def test_a_bad_request_names_what_is_too_long(
    fault_server: Callable[..., FaultServer], args: dict[str, Any], message: str
) -> None:
    assert message in asked(fault_server(ABSENT, REFUSED, ABSENT), **args)["msg"]


@pytest.mark.parametrize(
    ("route", "message"),
    [
        (Reply(404, b"<!doctype html>"), "cannot remove tags of an experiment, and churn has a"),
        (Reply(302, b"", {"Location": "https://login.example.org/"}), "is redirected (302)"),
    ],
)
def test_whether_tags_can_be_removed_is_asked_before_any_write(
    fault_server: Callable[..., FaultServer], route: Reply, message: str
) -> None:
    server = fault_server(FOUND, route)
    assert message in asked(server, tags={"b": "2"})["msg"]
    assert [seen.method for seen in server.seen] == ["GET", "GET"]
