# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""MLflow's own clients, of both versions, do with each server what data scientists do: no rule is in their way."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.runtime.people import person
from tests.integration.runtime.runtime_parts import Runtime, Server, clean_environment

pytestmark = pytest.mark.slow

#: One call for each way in which the clients send parameters: GET with lists, POST, PATCH, DELETE with a body, PUT of
#: files, spans. Runs in the Python of the client's version.
CLIENT = r"""
import pathlib, secrets, sys
import mlflow
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag

work, server = pathlib.Path(sys.argv[1]), int(sys.argv[2])
mine = int(mlflow.__version__[0])
name = secrets.token_hex(4)
client = MlflowClient()

experiment = client.create_experiment(f"e-{name}", tags={"a": "b"})
client.set_experiment_tag(experiment, "k", "v")
assert client.get_experiment_by_name(f"e-{name}").experiment_id == experiment
client.rename_experiment(experiment, f"f-{name}")
found = client.search_experiments(filter_string="tags.k = 'v'", order_by=["name"])
assert [e.experiment_id for e in found] == [experiment]
other = client.create_experiment(f"g-{name}")
client.delete_experiment(other)
client.restore_experiment(other)

run = client.create_run(experiment, run_name="r").info.run_id
client.log_batch(run, [Metric("m", 1.5, 1, 0)], [Param("p", "x")], [RunTag("t", "y")])
client.log_metric(run, "m", 2.5, step=1)
client.log_param(run, "q", "1")
client.set_tag(run, "gone", "1")
client.delete_tag(run, "gone")
client.update_run(run, name="other")
assert [m.value for m in client.get_metric_history(run, "m")] == [1.5, 2.5]
client.log_dict(run, {"runId": run}, "folder/x.json")
client.log_text(run, "MLmodel", "model/MLmodel")
assert [f.path for f in client.list_artifacts(run, "folder")] == ["folder/x.json"]
assert run in pathlib.Path(client.download_artifacts(run, "folder/x.json", str(work))).read_text()
found = client.search_runs([experiment, other], "metrics.m > 1", order_by=["metrics.m DESC"], max_results=1)
assert [r.info.run_id for r in found] == [run], found
client.delete_run(run)
client.restore_run(run)
client.set_terminated(run)

model = f"m-{name}"
client.create_registered_model(model, tags={"a": "b"})
version = client.create_model_version(model, f"{client.get_run(run).info.artifact_uri}/model", run).version
client.set_registered_model_tag(model, "k", "v")
client.delete_registered_model_tag(model, "k")
client.set_model_version_tag(model, version, "k", "v")
client.delete_model_version_tag(model, version, "k")
client.set_registered_model_alias(model, "best", version)
assert client.get_model_version_by_alias(model, "best").version == version
client.delete_registered_model_alias(model, "best")
client.update_registered_model(model, "words")
client.update_model_version(model, version, "words")
client.transition_model_version_stage(model, version, "Staging")
assert [v.version for v in client.get_latest_versions(model, ["Staging"])] == [version]
assert client.get_model_version_download_uri(model, version)
assert [m.name for m in client.search_registered_models(f"name = '{model}'", order_by=["name ASC"])] == [model]
assert [v.name for v in client.search_model_versions(f"name = '{model}'", max_results=5)] == [model]
client.rename_registered_model(model, f"n-{name}")
model = f"n-{name}"
client.delete_model_version(model, version)
client.delete_registered_model(model)

if mine == 3 and server == 3:
    mlflow.set_experiment(experiment_id=experiment)
    with mlflow.start_span("s") as span:
        span.set_inputs({"a": 1})
    trace = span.trace_id
    mlflow.flush_trace_async_logging()
    client.set_trace_tag(trace, "k", "v")
    client.delete_trace_tag(trace, "k")
    traces = mlflow.search_traces(locations=[experiment], return_type="list", max_results=5)
    assert [t.info.trace_id for t in traces] == [trace], traces
    mlflow.log_feedback(trace_id=trace, name="good", value=True)
    logged = client.create_logged_model(experiment, name="l", source_run_id=run, params={"p": "1"})
    client.set_logged_model_tags(logged.model_id, {"k": "v"})
    client.delete_logged_model_tag(logged.model_id, "k")
    client.finalize_logged_model(logged.model_id, "READY")
    assert [m.model_id for m in client.search_logged_models([experiment])] == [logged.model_id]
    client.delete_logged_model(logged.model_id)
    client.register_prompt(f"p-{name}", "Say {{word}}")
    assert [p.name for p in client.search_prompts(f"name = 'p-{name}'")] == [f"p-{name}"]
    client.set_prompt_alias(f"p-{name}", "best", 1)
    client.delete_prompt_alias(f"p-{name}", "best")
    dataset = client.create_dataset(name=f"d-{name}", experiment_id=[experiment])
    assert [d.name for d in client.search_datasets(experiment_ids=[experiment])] == [f"d-{name}"]
    client.delete_dataset(dataset.dataset_id)
    client.delete_traces(experiment, trace_ids=[trace])
client.delete_experiment(experiment)
print("all of it")
"""


@pytest.mark.parametrize("client", ["3.17.2", "2.18.0"])
def test_a_client_works(server: Server, runtime_of: Callable[[str], Runtime], client: str, tmp_path: Path) -> None:
    generation = server.task.runtime.generation
    if int(client[0]) > generation:
        pytest.skip("MLflow 3's client wants an MLflow 3")
    somebody = person(server)
    env = {
        **clean_environment(),
        "HOME": str(tmp_path),
        "MLFLOW_TRACKING_URI": f"http://127.0.0.1:{server.port}",
        "MLFLOW_TRACKING_USERNAME": somebody.name,
        "MLFLOW_TRACKING_PASSWORD": somebody.word,
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
        "MLFLOW_ENABLE_ASYNC_TRACE_LOGGING": "false",
    }
    python = runtime_of(client).home / "venv" / "bin" / "python"
    done = subprocess.run(
        [python, "-c", CLIENT, tmp_path, str(generation)],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.endswith("all of it\n"), done.stderr[-3000:]
