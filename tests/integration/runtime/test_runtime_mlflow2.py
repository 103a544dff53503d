# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""MLflow 2.18.0: what it would show to every login, it shows to those who may see it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.integration.runtime.people import Person, Run, grant, person
from tests.integration.runtime.runtime_parts import Runtime, Server, Task, serving

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(
    runtime_of: Callable[[str], Runtime], new_task: Callable[..., Task], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    task = new_task(runtime_of("2.18.0"))
    assert task.run("migrate").returncode == 0
    with serving(task, tmp_path_factory.mktemp("mlflow2") / "log") as running:
        yield running


@pytest.fixture(scope="module")
def owner(server: Server) -> Person:
    return person(server)


@pytest.fixture(scope="module")
def run(owner: Person) -> Run:
    """A run with a metric and a file."""
    made = owner.run(owner.experiment())
    owner.api("runs/log-metric", {"run_id": made.run_id, "key": "m", "value": 0.5, "timestamp": 1})
    assert owner.upload(f"{made.folder}/f.txt", b"secret").status == 200
    return made


@pytest.fixture(scope="module")
def trace(owner: Person, run: Run) -> str:
    body = {"experiment_id": run.experiment_id, "timestamp_ms": 1}
    made: str = owner.api("traces", body)["trace_info"]["request_id"]
    return made


def requests(run: Run, trace: str) -> list[tuple[str, str, Any, bool]]:
    """Requests for the run or the trace, and whether a reader may send them."""
    rows: list[tuple[str, str, Any, bool]] = []
    for api in ("api", "ajax-api"):
        v2 = f"/{api}/2.0"
        rows += [
            ("POST", f"{v2}/mlflow/runs/search", {"experiment_ids": [run.experiment_id]}, True),
            ("GET", f"{v2}/mlflow/artifacts/list?run_id={run.run_id}", None, True),
            ("GET", f"{v2}/mlflow/artifacts/list?run_uuid={run.run_id}", None, True),
            ("GET", f"{v2}/mlflow/metrics/get-history?run_id={run.run_id}&metric_key=m", None, True),
            ("GET", f"{v2}/mlflow/metrics/get-history-bulk-interval?run_ids={run.run_id}&metric_key=m", None, True),
            ("GET", f"{v2}/mlflow-artifacts/artifacts/{run.folder}/f.txt", None, True),
            ("GET", f"{v2}/mlflow-artifacts/artifacts?path={run.folder}", None, True),
            ("GET", f"{v2}/mlflow/traces?experiment_ids={run.experiment_id}", None, True),
            ("GET", f"{v2}/mlflow/traces/{trace}/info", None, True),
            ("PUT", f"{v2}/mlflow-artifacts/artifacts/{run.folder}/f.txt", b"x", False),
            ("DELETE", f"{v2}/mlflow-artifacts/artifacts/{run.folder}/none", None, False),
            ("POST", f"{v2}/mlflow-artifacts/mpu/create/{run.folder}", {"path": "f", "num_parts": 1}, False),
            ("POST", f"{v2}/mlflow/runs/log-inputs", {"run_id": run.run_id, "datasets": []}, False),
            ("POST", f"{v2}/mlflow/traces", {"experiment_id": run.experiment_id, "timestamp_ms": 1}, False),
            ("PATCH", f"{v2}/mlflow/traces/{trace}", {"timestamp_ms": 2, "status": "OK"}, False),
            ("PATCH", f"{v2}/mlflow/traces/{trace}/tags", {"key": "a", "value": "b"}, False),
            (
                "POST",
                f"{v2}/mlflow/traces/delete-traces",
                {"experiment_id": run.experiment_id, "request_ids": ["none"], "max_traces": 1},
                False,
            ),
        ]
    return [
        *rows,
        ("GET", f"/get-artifact?run_id={run.run_id}&path=f.txt", None, True),
        ("GET", f"/get-artifact?run_uuid={run.run_id}&path=f.txt", None, True),
        ("GET", f"/ajax-api/2.0/mlflow/metrics/get-history-bulk?run_id={run.run_id}&metric_key=m", None, True),
        (
            "POST",
            "/ajax-api/2.0/mlflow/experiments/search-datasets",
            {"experiment_ids": [run.experiment_id]},
            True,
        ),
        ("GET", f"/ajax-api/2.0/mlflow/get-trace-artifact?request_id={trace}", None, True),
        ("POST", f"/ajax-api/2.0/mlflow/upload-artifact?run_uuid={run.run_id}&path=x.txt", b"x", False),
    ]


def test_strangers_and_readers(server: Server, owner: Person, run: Run, trace: str) -> None:
    stranger, reader = person(server), person(server)
    grant(server, reader, "experiment", run.experiment_id)
    for method, path, body, reads in requests(run, trace):
        assert stranger.call(method, path, body).status == 403, (method, path)
        answer = reader.call(method, path, body)
        assert (answer.status == 403) is not reads, (method, path, answer.body)
    for method, path, body, _reads in requests(run, trace):
        answer = owner.call(method, path, body)
        assert answer.status not in (401, 403), (method, path, answer.body)


def test_one_foreign_experiment_among_ones_own_is_enough_to_be_refused(server: Server, run: Run) -> None:
    stranger = person(server)
    mine = stranger.run(stranger.experiment())
    both = {"experiment_ids": [mine.experiment_id, run.experiment_id]}
    assert stranger.call("POST", "/api/2.0/mlflow/runs/search", both).status == 403
    one = {"experiment_ids": [mine.experiment_id]}
    found = stranger.call("POST", "/api/2.0/mlflow/runs/search", one)
    assert [row["info"]["run_id"] for row in found.json["runs"]] == [mine.run_id]
    assert stranger.call("POST", "/api/2.0/mlflow/runs/search", {}).status == 403
    history = "/ajax-api/2.0/mlflow/metrics/get-history-bulk?metric_key=m"
    assert stranger.call("GET", f"{history}&run_id={mine.run_id}&run_id={run.run_id}").status == 403


def test_no_field_by_two_names(server: Server, owner: Person, run: Run) -> None:
    """What is checked is what is used."""
    stranger = person(server)
    mine = stranger.run(stranger.experiment())
    victim = owner.run(run.experiment_id)
    for body in ({"run_id": mine.run_id, "runId": victim.run_id}, {"runId": victim.run_id, "run_id": mine.run_id}):
        assert stranger.call("POST", "/api/2.0/mlflow/runs/delete", body).status == 400
    for search in (
        {"experiment_ids": [mine.experiment_id], "experimentIds": [run.experiment_id]},
        {"experimentIds": [run.experiment_id], "experiment_ids": [mine.experiment_id]},
    ):
        assert stranger.call("POST", "/api/2.0/mlflow/runs/search", search).status == 400
    found = owner.api(f"runs/get?run_id={victim.run_id}", method="GET")["run"]
    assert found["info"]["lifecycle_stage"] == "active"
    assert owner.call("POST", "/api/2.0/mlflow/runs/delete", {"run_id": victim.run_id}).status == 200


def test_model_versions_of_others_are_not_found(server: Server, owner: Person, run: Run) -> None:
    stranger, name = person(server), owner.model()
    source = {"name": name, "source": f"mlflow-artifacts:/{run.folder}", "run_id": run.run_id}
    owner.api("model-versions/create", source)
    search = "/api/2.0/mlflow/model-versions/search"
    assert stranger.call("GET", search).json.get("model_versions", []) == []
    assert name in {row["name"] for row in owner.call("GET", search).json["model_versions"]}
    assert stranger.call("GET", f"/model-versions/get-artifact?name={name}&version=1&path=f.txt").status == 403


def test_a_renamed_model_keeps_its_permissions(server: Server, owner: Person) -> None:
    """And whoever could read a deleted model of the new name does not read this one."""
    reader, stranger = person(server), person(server)
    old, new = owner.model(), f"model-{secrets.token_hex(4)}"
    grant = {"name": old, "username": reader.name, "permission": "READ"}
    owner.api("registered-models/permissions/create", grant)
    postgres, logins = server.task.postgres, server.task.env["MLFLOW_AWS_DB_LOGINS"]
    left_over = "INSERT INTO registered_model_permissions (name, user_id, permission) SELECT %s, id, 'READ' FROM users"
    postgres.query(f"{left_over} WHERE username = %s", (new, stranger.name), logins)

    owner.api("registered-models/rename", {"name": old, "new_name": new})

    path = f"/api/2.0/mlflow/registered-models/get?name={new}"
    assert [who.call("GET", path).status for who in (owner, reader, stranger)] == [200, 200, 403]
    left = "SELECT count(*) FROM registered_model_permissions WHERE name = %s"
    assert postgres.query(left, (old,), logins) == [(0,)]
    described = {"name": new, "description": "still mine"}
    assert owner.call("PATCH", "/api/2.0/mlflow/registered-models/update", described).status == 200


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/graphql", {"query": "{ __typename }"}),
        ("GET", "/graphql", None),
        ("POST", "/ajax-api/2.0/mlflow/gateway-proxy", {"gateway_path": "x"}),
        ("POST", "/ajax-api/2.0/mlflow/runs/create-promptlab-run", {}),
        ("GET", "/nothing/of/the/kind", None),
    ],
)
def test_what_no_rule_admits_is_for_admins(server: Server, method: str, path: str, body: Any) -> None:
    assert person(server).call(method, path, body).status in (403, 404)
    assert server.call(method, path, body).status != 403


def test_the_page_opens_for_everybody(server: Server) -> None:
    somebody = person(server)
    for path in ("/", "/version", "/health"):
        assert somebody.call("GET", path).status == 200
    found = somebody.call("POST", "/ajax-api/2.0/mlflow/experiments/search", {"max_results": 1}).json
    assert found.get("experiments", []) == []


def test_users_are_made_by_json_with_a_long_password(server: Server) -> None:
    """No form of another page, with the admin's login in its browser, makes a user."""
    name = f"user-{secrets.token_hex(4)}"
    form = f"username={name}&password={secrets.token_hex(16)}".encode()
    path = "/api/2.0/mlflow/users/create"
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert server.call("POST", path, form, headers=headers).status == 400
    assert server.call("POST", path, {"username": name, "password": "short"}).status == 400
    assert server.call("GET", f"/api/2.0/mlflow/users/get?username={name}").status == 404
    assert server.call("POST", path, {"username": name, "password": secrets.token_hex(16)}).status == 200
