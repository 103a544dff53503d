# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stages that write, where what they read back is wrong or the server does not remove what they wrote."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from fnmatch import fnmatch
from typing import Any

import pytest
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._health import data, probe
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._health.model import AwsTarget, StageFailed, Target
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.client import ARTIFACTS, MlflowClient
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.http import Answer, Connection, Transport


@dataclass
class Lying(Transport):
    """An MLflow in memory that can lie about one thing.

    :param status: of each model version.
    :param elsewhere: models are loaded from a copy of the artifacts that lacks their last byte.
    :param keeps: what stays after its deletion.
    :param experiments: their names by id.
    """

    status: str = "READY"
    elsewhere: bool = False
    keeps: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    models: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, Any] = field(default_factory=dict)
    runs: dict[str, str] = field(default_factory=dict)
    experiments: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__(Connection("http://127.0.0.1:9"))

    def send(self, method: str, path: str, **request: Any) -> Answer:
        said = self._answer(method, path, {**(request.get("query") or {}), **(request.get("payload") or {})}, request)
        return Answer(200, {}, said if isinstance(said, bytes) else json.dumps(said).encode())

    def _answer(self, method: str, path: str, asked: dict[str, Any], request: dict[str, Any]) -> Any:
        route = path.removeprefix("/api/2.0/mlflow/")
        if path.startswith(ARTIFACTS):
            return self._artifact(method, path.removeprefix(ARTIFACTS).strip("/"), asked, request)
        if route.startswith("experiments/"):
            return self._experiment(route.removeprefix("experiments/"), asked)
        if route == "runs/search":
            return {"runs": []}
        if route == "runs/create":
            self.runs["r1"] = "active"
        if route == "runs/delete" and self.keeps != "run":
            self.runs["r1"] = "deleted"
        if route in ("runs/create", "runs/get"):
            uri = "mlflow-artifacts:/1/r1/artifacts"
            info = {"run_id": "r1", "experiment_id": "1", "artifact_uri": uri, "lifecycle_stage": self.runs["r1"]}
            return {"run": {"info": info}}
        if route == "registered-models/create":
            self.models[asked["name"]] = {"name": asked["name"], "tags": asked["tags"]}
            return {"registered_model": self.models[asked["name"]]}
        if route == "registered-models/search":
            prefix = asked["filter"].split("'")[1].rstrip("%")
            return {"registered_models": [item for name, item in self.models.items() if name.startswith(prefix)]}
        if route == "registered-models/delete" and self.keeps != "model":
            self.models.pop(asked["name"], None)
        if route == "model-versions/create":
            self.versions[asked["name"]] = {**asked, "version": "1", "status": self.status}
        if route in ("model-versions/create", "model-versions/get"):
            return {"model_version": self.versions[asked["name"]]}
        if route == "model-versions/get-download-uri":
            source = self.versions[asked["name"]]["source"]
            return {"artifact_uri": source.replace("/r1/", "/copy/") if self.elsewhere else source}
        return {}

    def _experiment(self, verb: str, asked: dict[str, Any]) -> Any:
        if verb == "create":
            number = str(len(self.experiments) + 1)
            self.experiments[number] = {"creation_time": 1, **asked, "experiment_id": number}
            return {"experiment_id": number}
        if verb == "delete" and self.keeps != "experiment":
            self.experiments.pop(asked["experiment_id"])
            self.runs = dict.fromkeys(self.runs, "deleted")
        if verb == "search":
            pattern = asked["filter"].split("'")[1]
            found = [one for one in self.experiments.values() if fnmatch(one["name"], pattern.replace("%", "*"))]
            return {"experiments": found}
        return {"experiment": {"experiment_id": "1", "name": "x"}}

    def _artifact(self, method: str, path: str, asked: dict[str, Any], request: dict[str, Any]) -> Any:
        if method == "PUT":
            self.files[path] = request["data"]
            self.files[path.replace("/r1/", "/copy/")] = request["data"][:-1]
        elif method == "DELETE" and self.keeps != "artifacts":
            self.files = {name: body for name, body in self.files.items() if not name.startswith(f"{path}/")}
        elif method == "GET" and path:
            return self.files[path]
        if method == "GET":
            inside = [name for name in self.files if name.startswith(f"{asked['path']}/")]
            names = {name.removeprefix(f"{asked['path']}/").split("/")[0] for name in inside}
            return {"files": [{"path": name} for name in sorted(names)]}
        return {}


def target(server: Lying) -> Target:
    client = MlflowClient(server)
    return Target(client=client, patient=client, login=None, aws=AwsTarget(clients=lambda service: None))


def test_an_honest_server_passes_and_keeps_nothing() -> None:
    server = Lying()
    assert "registered, found, loaded and removed" in data.model(target(server)).detail
    assert "read back byte for byte" in data.artifacts(target(server)).detail
    assert not server.models
    assert not [name for name in server.files if "/r1/" in name]
    assert server.runs == {"r1": "deleted"}
    assert not server.experiments


@pytest.mark.parametrize(
    ("lies", "says"),
    [
        ({"status": "FAILED_REGISTRATION"}, "came back as FAILED_REGISTRATION"),
        ({"elsewhere": True}, r"came back changed: (\d+) bytes written"),
        ({"keeps": "model"}, "registered model .* is still there after its deletion"),
        ({"keeps": "experiment"}, "experiment mlflow-aws-health-.* is still there after its deletion"),
        ({"keeps": "artifacts"}, "artifacts below .* are still there after their deletion: model"),
    ],
)
def test_a_registry_that_lies_is_caught_and_cleaned_up(lies: dict[str, Any], says: str) -> None:
    server = Lying(**lies)
    with pytest.raises(StageFailed, match=says):
        data.model(target(server))
    assert bool(server.models) is (server.keeps == "model")
    assert bool(server.experiments) is (server.keeps == "experiment")
    assert any("/r1/" in name for name in server.files) is (server.keeps == "artifacts")
    assert server.runs == {"r1": "active" if server.keeps == "experiment" else "deleted"}


def test_models_that_no_killed_check_left_stay() -> None:
    """Young ones may belong to a check that is at work; unmarked ones are a person's."""
    mark = [{"key": probe.MARK, "value": "x"}]
    now = probe._oldest() + probe.ABANDONED
    server = Lying()
    for name, tags, created in (("young", mark, now), ("a-person-s", [], 1), ("old", mark, 1)):
        full = f"{probe.PREFIX}{name}"
        server.models[full] = {"name": full, "tags": tags, "creation_timestamp": created}
    data.model(target(server))
    assert sorted(name.removeprefix(probe.PREFIX) for name in server.models) == ["a-person-s", "young"]


def test_experiments_that_no_check_needs_go_and_a_persons_stay() -> None:
    """Killed checks' and the shared one of earlier releases; what looks alike but is not marked is a person's."""
    now, token = probe._oldest() + probe.ABANDONED, "a" * 32
    marked = [{"key": probe.MARK, "value": token}]
    noted = [{"key": "mlflow.note.content", "value": probe.SHARED_NOTE}]
    given = [
        (f"{probe.PREFIX}{token}", marked, 1),
        (f"{probe.PREFIX}{token}", marked, now),
        (f"{probe.PREFIX}of-a-person", [], 1),
        (f"{probe.PREFIX}other", marked, 1),
        (probe.SHARED, noted, now),
        (probe.SHARED, [], 1),
    ]
    server = Lying()
    for number, (name, tags, created) in enumerate(given):
        experiment = {"experiment_id": f"g{number}", "name": name, "tags": tags, "creation_time": created}
        server.experiments[f"g{number}"] = experiment
    data.artifacts(target(server))
    assert sorted(server.experiments) == ["g1", "g2", "g3", "g5"]


def test_a_model_file_is_one_that_mlflow_reads() -> None:
    said = json.loads(data.mlmodel("r1", "t1"))
    assert (said["run_id"], said["model_uuid"], set(said["flavors"])) == ("r1", "t1", {"python_function"})
