# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nobody reads or writes another person's artifacts by way of a location: real servers, asked as attackers ask."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.integration.runtime.people import Person, Run, grant, person
from tests.integration.runtime.runtime_parts import BUCKET, PREFIX, Server, Storage

SECRET = b"what only its owner may read"


@pytest.fixture(scope="module")
def owner(server: Server) -> Person:
    """Who has something to lose."""
    return person(server)


@pytest.fixture(scope="module")
def stranger(server: Server) -> Person:
    """A login without any right."""
    return person(server)


@pytest.fixture(scope="module")
def run(owner: Person) -> Run:
    """A run of the owner with a file in its folder ``model``."""
    made = owner.run(owner.experiment())
    assert owner.upload(f"{made.folder}/model/MLmodel", SECRET).status == 200
    return made


@pytest.fixture(scope="module")
def reader(server: Server, run: Run) -> Person:
    """Who may read the owner's experiment."""
    made = person(server)
    grant(server, made, "experiment", run.experiment_id)
    return made


def spellings(run: Run) -> list[str]:
    """Sources that are, contain or hide the folder of a run."""
    return [
        f"s3://{BUCKET}/{PREFIX}/{run.folder}/model",
        f"s3://{BUCKET}/{PREFIX}/{run.folder}",
        f"s3://{BUCKET}/{PREFIX}/{run.folder.removesuffix('/artifacts')}",
        f"s3://{BUCKET}/{PREFIX}/{run.folder.partition('/')[0]}",
        f"s3://{BUCKET}/{PREFIX}",
        f"s3://{BUCKET}/{PREFIX}/",
        f"S3://{BUCKET}/{PREFIX}/{run.folder}",
        f"s3://{BUCKET}/{PREFIX}//{run.folder}",
        f"s3://{BUCKET}//{PREFIX}/{run.folder}",
        f"s3://{BUCKET}/{PREFIX}/%{ord(run.experiment_id[0]):x}{run.folder[1:]}",
        f"mlflow-artifacts:/{run.folder}/model",
        f"mlflow-artifacts:///{run.folder}/model",
        f"MLFLOW-ARTIFACTS:/{run.folder}/model",
        f"runs:/{run.run_id}/model",
        f"RUNS:/{run.run_id}/model",
    ]


def version(model: str, source: str, **more: str) -> dict[str, str]:
    return {"name": model, "source": source, **more}


CREATE = "/api/2.0/mlflow/model-versions/create"


def test_no_model_version_of_what_one_may_not_read(stranger: Person, run: Run) -> None:
    model = stranger.model()
    for source in spellings(run):
        for more in ({}, {"run_id": run.run_id}):
            answer = stranger.call("POST", CREATE, version(model, source, **more))
            assert answer.status in (400, 403), (source, answer.body)
            said = answer.body.decode().replace(json.dumps(source)[1:-1], "")
            assert BUCKET not in said
            assert PREFIX not in said.replace("mlflow-artifacts:/", "").replace("mlflow-artifacts uri", "")
    fetched = stranger.call("GET", f"/model-versions/get-artifact?name={model}&version=1&path=MLmodel")
    assert fetched.status >= 400


def test_a_model_version_of_what_one_may_read(reader: Person, owner: Person, run: Run) -> None:
    for somebody in (owner, reader):
        model = somebody.model()
        for source in (f"s3://{BUCKET}/{PREFIX}/{run.folder}/model", f"mlflow-artifacts:/{run.folder}/model"):
            answer = somebody.call("POST", CREATE, version(model, source, run_id=run.run_id))
            assert answer.status == 200, answer.body
            number = answer.json["model_version"]["version"]
            fetched = somebody.call("GET", f"/model-versions/get-artifact?name={model}&version={number}&path=MLmodel")
            assert (fetched.status, fetched.body) == (200, SECRET)


def test_no_copy_of_a_model_that_one_may_not_read(owner: Person, stranger: Person, server: Server, run: Run) -> None:
    theirs, mine = owner.model(), stranger.model()
    owner.api("model-versions/create", version(theirs, f"mlflow-artifacts:/{run.folder}/model", run_id=run.run_id))
    source = f"models:/{theirs}/1"
    assert stranger.call("POST", CREATE, version(mine, source)).status in (400, 403)
    # Whoever may read the model may copy the version, and still reads no file of the run by it.
    grant(server, stranger, "registered_model", theirs)
    assert stranger.call("POST", CREATE, version(mine, source)).status == 200
    for model in (theirs, mine):
        for path in ("/model-versions/get-artifact?path=MLmodel&", "/api/2.0/mlflow/model-versions/get-download-uri?"):
            answer = stranger.call("GET", f"{path}name={model}&version=1")
            assert answer.status == 403, (path, answer.body)


@pytest.mark.parametrize("number", range(len(spellings(Run("1", "", "")))))
def test_versions_from_before_are_of_no_use(
    server: Server, owner: Person, stranger: Person, run: Run, number: int
) -> None:
    """Rows as an older release of this collection admitted them, straight in the database."""
    source, model = spellings(run)[number], stranger.model()
    server.task.postgres.query(
        "INSERT INTO model_versions (name, version, source, storage_location, run_id, creation_time, current_stage) "
        "VALUES (%s, 1, %s, %s, %s, 1, 'None')",
        (model, source, source, run.run_id),
        server.task.env["MLFLOW_AWS_DB_TRACKING"],
    )
    within = f"{run.folder}/model".removeprefix(source.removeprefix(f"s3://{BUCKET}/{PREFIX}").strip("/"))
    for prefix in ("", "model/", f"{within.strip('/')}/"):
        fetched = stranger.call("GET", f"/model-versions/get-artifact?name={model}&version=1&path={prefix}MLmodel")
        assert fetched.status in (400, 403), fetched.body
        assert BUCKET.encode() not in fetched.body
    answer = stranger.call("GET", f"/api/2.0/mlflow/model-versions/get-download-uri?name={model}&version=1")
    assert answer.status in (400, 403), answer.body
    if source == f"s3://{BUCKET}/{PREFIX}/{run.folder}/model":
        path = f"/model-versions/get-artifact?name={model}&version=1&path=MLmodel"
        assert server.call("GET", path).body == SECRET
        grant(server, owner, "registered_model", model)
        assert owner.call("GET", path).body == SECRET


def test_locations_of_experiments_do_not_overlap(server: Server, owner: Person, stranger: Person) -> None:
    place = f"team-{secrets.token_hex(4)}"
    owned = owner.run(owner.experiment(artifact_location=f"mlflow-artifacts:/{place}/x"))
    assert owned.folder == f"{place}/x/{owned.run_id}/artifacts"
    taken = (place, f"{place}/x", f"{place}/x/", f"{place}/x/y", owned.folder, f"{owned.folder}/deeper")
    for location in taken:
        for base in ("mlflow-artifacts:", "mlflow-artifacts://", f"s3://{BUCKET}/{PREFIX}"):
            for somebody in (stranger, owner, None):
                body = {"name": secrets.token_hex(6), "artifact_location": f"{base}/{location}"}
                path = "/api/2.0/mlflow/experiments/create"
                answer = somebody.call("POST", path, body) if somebody else server.call("POST", path, body)
                assert answer.status == 400, (location, answer.body)
                assert "mlflow-artifacts:/my-project" in answer.json["message"]
    stranger.experiment(artifact_location=f"mlflow-artifacts:/{place}-2/x")
    stranger.experiment(artifact_location=f"mlflow-artifacts:/{place}/x2")


def test_a_location_in_which_something_lies_is_for_admins(server: Server, owner: Person, stranger: Person) -> None:
    """Of an adopted bucket, or what ``mlflow gc`` left: whoever has the experiment has what lies there."""
    place, file = f"archive-{secrets.token_hex(4)}", "q3/board.csv"
    artifacts = "/api/2.0/mlflow-artifacts/artifacts"
    assert server.call("PUT", f"{artifacts}/{place}/{file}", SECRET).status == 200
    for location in (place, f"{place}/q3", f"{place}/{file}"):
        for base in ("mlflow-artifacts:", f"s3://{BUCKET}/{PREFIX}"):
            body = {"name": secrets.token_hex(6), "artifact_location": f"{base}/{location}"}
            answer = stranger.call("POST", "/api/2.0/mlflow/experiments/create", body)
            assert answer.status == 400, (location, answer.body)
            assert "are there already" in answer.json["message"]
    assert stranger.download(f"{place}/{file}").status == 403
    assert stranger.upload(f"{place}/{file}", b"else").status == 403
    # A name that only begins like it is free.
    stranger.experiment(artifact_location=f"mlflow-artifacts:/{place[:-1]}")
    stranger.experiment(artifact_location=f"mlflow-artifacts:/{place}/q")
    adopted = {"name": secrets.token_hex(6), "artifact_location": f"mlflow-artifacts:/{place}/q3"}
    grant(server, owner, "experiment", server.api("experiments/create", adopted)["experiment_id"])
    assert owner.download(f"{place}/{file}").body == SECRET


def _gateway_experiment(server: Server) -> str:
    """The experiment that MLflow 3 creates with an endpoint of its AI gateway."""
    top, name = "/api/3.0/mlflow/gateway", secrets.token_hex(6)

    def make(path: str, body: dict[str, Any]) -> Any:
        answer = server.call("POST", f"{top}/{path}/create", body)
        assert answer.status == 200, (path, answer.body)
        return answer.json

    body: dict[str, Any] = {"secret_name": name, "provider": "openai", "secret_value": {"api_key": name}}
    secret = make("secrets", body)["secret"]["secret_id"]
    body = {"name": name, "secret_id": secret, "provider": "openai", "model_name": "m"}
    definition = make("model-definitions", body)["model_definition"]["model_definition_id"]
    config = {"model_definition_id": definition, "linkage_type": "PRIMARY", "weight": 1.0}
    made = make("endpoints", {"name": name, "model_configs": [config], "usage_tracking": True})["endpoint"]
    return str(made["experiment_id"])


def _number(server: Server) -> int:
    return int(server.api("experiments/create", {"name": secrets.token_hex(6)})["experiment_id"])


def test_a_number_that_is_given_again_brings_no_artifacts_of_a_lost_experiment(
    server: Server, storage: Storage, owner: Person, stranger: Person
) -> None:
    """A database that was created anew over the same bucket, or restored, gives the numbers of lost experiments."""
    free = _number(server)
    # A second process of the server gives its numbers from the same sequence.
    lost = [f"{PREFIX}/{number}/{secrets.token_hex(16)}/artifacts/model" for number in range(free + 1, free + 9)]
    for key in lost:
        storage.client().put_object(Bucket=BUCKET, Key=key, Body=SECRET)
    made: list[tuple[Person | None, str]] = []
    for prefix in ("/api/2.0/mlflow", "/ajax-api/2.0/mlflow"):
        for somebody in (stranger, owner, None):
            body = {"name": secrets.token_hex(6)}
            path = f"{prefix}/experiments/create"
            answer = somebody.call("POST", path, body) if somebody else server.call("POST", path, body)
            assert answer.status == 200, answer.body
            made.append((somebody, answer.json["experiment_id"]))
    if server.task.runtime.generation == 3:
        made.append((None, _gateway_experiment(server)))
    assert {int(number) for _somebody, number in made} <= set(range(free + 1, free + 9))
    for somebody, number in made:
        found = server.api(f"experiments/get?experiment_id={number}", method="GET")["experiment"]
        assert re.fullmatch(rf"mlflow-artifacts:/{number}-[0-9a-f]{{16}}", found["artifact_location"])
        if somebody is None:
            grant(server, stranger, "experiment", number)
        reader = somebody or stranger
        (key,) = [key for key in lost if key.startswith(f"{PREFIX}/{number}/")]
        folder = key.removeprefix(f"{PREFIX}/").removesuffix("/model")
        assert reader.download(f"{folder}/model").status == 403
        for path in (folder, number):
            listed = reader.call("GET", f"/api/2.0/mlflow-artifacts/artifacts?path={quote(path, safe='')}")
            assert listed.status == 403, listed.body
        # Its own folder works.
        if somebody is not None:
            run = somebody.run(number)
            assert somebody.upload(f"{run.folder}/f.txt", b"own").status == 200
            assert somebody.download(f"{run.folder}/f.txt").body == b"own"
    # Where nothing lies, it is named after the number alone.
    for key in storage.stored():
        if key.startswith(f"{PREFIX}/{free + 9}/"):
            storage.client().delete_object(Bucket=BUCKET, Key=key)
    while _number(server) < free + 8:
        pass
    last = server.api(f"experiments/get?experiment_id={_number(server)}", method="GET")["experiment"]
    assert last["artifact_location"] == f"mlflow-artifacts:/{last['experiment_id']}"


def test_the_source_of_a_version_is_nobody_s_to_claim(server: Server, stranger: Person) -> None:
    """The version is there before its files are."""
    model, place = f"released-{secrets.token_hex(4)}", f"released-{secrets.token_hex(4)}"
    server.api("registered-models/create", {"name": model})
    server.api("model-versions/create", {"name": model, "source": f"s3://{BUCKET}/{PREFIX}/{place}/fraud/1"})
    for location in (place, f"{place}/fraud", f"{place}/fraud/1", f"{place}/fraud/1/x"):
        body = {"name": secrets.token_hex(6), "artifact_location": f"mlflow-artifacts:/{location}"}
        assert stranger.call("POST", "/api/2.0/mlflow/experiments/create", body).status == 400
    stranger.experiment(artifact_location=f"mlflow-artifacts:/{place}/fraud/10")


def test_nobody_is_told_where_artifacts_lie(stranger: Person) -> None:
    run = stranger.run(stranger.experiment())
    for path in (
        f"/get-artifact?run_id={run.run_id}&path=none.txt",
        f"/api/2.0/mlflow-artifacts/artifacts/{run.folder}/none.txt",
    ):
        answer = stranger.call("GET", path)
        assert answer.status == 404, answer.body
        assert BUCKET.encode() not in answer.body
        assert b"none.txt" in answer.body


def test_the_location_of_a_deleted_experiment_stays_taken(owner: Person, stranger: Person) -> None:
    location = f"mlflow-artifacts:/gone-{secrets.token_hex(4)}"
    owner.api("experiments/delete", {"experiment_id": owner.experiment(artifact_location=location)})
    body = {"name": secrets.token_hex(6), "artifact_location": f"{location}/x"}
    assert stranger.call("POST", "/api/2.0/mlflow/experiments/create", body).status == 400


def test_experiments_that_are_made_at_once_do_not_overlap(owner: Person, stranger: Person) -> None:
    for _round in range(3):
        place = f"race-{secrets.token_hex(4)}"

        def make(number: int, place: str = place) -> int:
            location = f"mlflow-artifacts:/{place}" + "/x" * (number % 4)
            body = {"name": secrets.token_hex(6), "artifact_location": location}
            return (owner, stranger)[number % 2].call("POST", "/api/2.0/mlflow/experiments/create", body).status

        with ThreadPoolExecutor(12) as pool:
            statuses = sorted(pool.map(make, range(12)))
        assert statuses == [200] + [400] * 11


def test_what_the_refusal_advises_works_for_its_owner(server: Server, owner: Person, stranger: Person) -> None:
    reads = person(server)
    experiment = owner.experiment(artifact_location=f"mlflow-artifacts:/my-project-{secrets.token_hex(4)}")
    grant(server, reads, "experiment", experiment)
    run = owner.run(experiment)
    listing = f"/api/2.0/mlflow-artifacts/artifacts?path={quote(run.folder, safe='')}"
    assert owner.upload(f"{run.folder}/f.txt", SECRET).status == 200
    for somebody in (owner, reads):
        assert somebody.download(f"{run.folder}/f.txt").body == SECRET
        assert somebody.call("GET", f"/get-artifact?run_id={run.run_id}&path=f.txt").body == SECRET
        assert [file["path"] for file in somebody.call("GET", listing).json["files"]] == ["f.txt"]
    for method, path, body in (
        ("GET", f"/api/2.0/mlflow-artifacts/artifacts/{run.folder}/f.txt", None),
        ("GET", f"/ajax-api/2.0/mlflow-artifacts/artifacts/{run.folder}/f.txt", None),
        ("PUT", f"/api/2.0/mlflow-artifacts/artifacts/{run.folder}/f.txt", b"x"),
        ("PUT", f"/api/2.0/mlflow-artifacts/artifacts/{run.folder.split('/')[0]}/f.txt", b"x"),
        ("DELETE", f"/api/2.0/mlflow-artifacts/artifacts/{run.folder}/f.txt", None),
        ("DELETE", f"/api/2.0/mlflow-artifacts/artifacts/{run.folder.split('/')[0]}", None),
        ("POST", f"/api/2.0/mlflow-artifacts/mpu/create/{run.folder}", {"path": "f", "num_parts": 1}),
        ("GET", listing, None),
    ):
        assert stranger.call(method, path, body).status == 403, path
        if method != "GET":
            assert reads.call(method, path, body).status == 403, path
    for path in ("nobodys/f.txt", f"{run.folder.split('/')[0]}x/f.txt", "999999/f.txt"):
        assert owner.upload(path, b"x").status == 403
        assert owner.download(path).status == 403


def new_trace(somebody: Person, experiment: str, **tags: str) -> Any:
    """The answer to a new trace, by the older of MLflow's two ways."""
    body = {"experiment_id": experiment, "timestamp_ms": 1, "tags": [{"key": k, "value": v} for k, v in tags.items()]}
    return somebody.call("POST", "/api/2.0/mlflow/traces", body)


def trace_v3(experiment: str, trace_id: str, tags: dict[str, str]) -> dict[str, Any]:
    """A trace as MLflow 3 sends it."""
    place = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment}}
    info = {
        "trace_id": trace_id,
        "trace_location": place,
        "request_time": "2026-01-01T00:00:00Z",
        "state": "OK",
        "tags": tags,
    }
    return {"trace": {"trace_info": info}}


def otlp(trace_id: str, tags: dict[str, str]) -> bytes:
    """One root span, with trace tags as MLflow's own exporter carries them."""
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add()
    span.trace_id, span.span_id, span.name = bytes.fromhex(trace_id), secrets.token_bytes(8), "root"
    span.start_time_unix_nano, span.end_time_unix_nano = 1, 2
    for key, value in tags.items():
        attribute = span.attributes.add()
        attribute.key, attribute.value.string_value = f"mlflow.traceTag.{key}", json.dumps(value)
    sent: bytes = request.SerializeToString()
    return sent


TAGS = ("mlflow.artifactLocation", "mlflow.trace.archiveLocation")


@pytest.fixture(scope="module")
def traced(owner: Person, run: Run, storage: Storage) -> str:
    """The id of a trace of the owner, whose data lies in its folder."""
    answer = new_trace(owner, run.experiment_id)
    assert answer.status == 200, answer.body
    trace: str = answer.json["trace_info"]["request_id"]
    key = f"{PREFIX}/{run.experiment_id}/traces/{trace}/artifacts/traces.json"
    storage.client().put_object(Bucket=BUCKET, Key=key, Body=json.dumps({"spans": [SECRET.decode()]}).encode())
    return trace


def test_a_trace_points_to_its_own_folder_only(server: Server, stranger: Person, run: Run, traced: str) -> None:
    mine, theirs = stranger.experiment(), f"{run.experiment_id}/traces/{traced}/artifacts"
    trace = new_trace(stranger, mine).json["trace_info"]["request_id"]
    places = [f"mlflow-artifacts:/{theirs}", f"s3://{BUCKET}/{PREFIX}/{theirs}", f"mlflow-artifacts:/{mine}/traces"]
    for tag in TAGS:
        for place in places:
            asked = [
                new_trace(stranger, mine, **{tag: place}),
                stranger.call("PATCH", f"/api/2.0/mlflow/traces/{trace}/tags", {"key": tag, "value": place}),
                stranger.call(
                    "PATCH",
                    f"/api/2.0/mlflow/traces/{trace}",
                    {"timestamp_ms": 2, "status": "OK", "tags": [{"key": tag, "value": place}]},
                ),
            ]
            if server.task.runtime.generation == 3:
                sent = trace_v3(mine, f"tr-{secrets.token_hex(16)}", {tag: place})
                asked.append(stranger.call("POST", "/api/3.0/mlflow/traces", sent))
                asked.append(
                    stranger.call("PATCH", f"/api/3.0/mlflow/traces/{trace}/tags", {"key": tag, "value": place})
                )
                asked.append(send_spans(stranger, mine, secrets.token_hex(16), {tag: place}))
            for number, answer in enumerate(asked):
                assert answer.status >= 400, (tag, place, number, answer.body)
            stored = server.task.postgres.query(
                "SELECT count(*) FROM trace_tags WHERE value = %s AND request_id <> %s",
                (place, traced),
                server.task.env["MLFLOW_AWS_DB_TRACKING"],
            )
            assert stored == [(0,)], (tag, place)


def send_spans(somebody: Person, experiment: str, trace_id: str, tags: dict[str, str]) -> Any:
    """Send a span by OTLP."""
    headers = {"Content-Type": "application/x-protobuf", "x-mlflow-experiment-id": experiment}
    return somebody.call("POST", "/v1/traces", otlp(trace_id, tags), **headers)


def test_a_trace_from_before_that_points_elsewhere_is_of_no_use(
    server: Server, owner: Person, stranger: Person, run: Run, traced: str
) -> None:
    trace = new_trace(stranger, stranger.experiment()).json["trace_info"]["request_id"]
    theirs = f"{run.experiment_id}/traces/{traced}/artifacts"
    for place in (f"mlflow-artifacts:/{theirs}", f"s3://{BUCKET}/{PREFIX}/{theirs}"):
        server.task.postgres.query(
            "UPDATE trace_tags SET value = %s WHERE request_id = %s AND key = 'mlflow.artifactLocation'",
            (place, trace),
            server.task.env["MLFLOW_AWS_DB_TRACKING"],
        )
        for path in ("", "&path=x"):
            asked = f"/ajax-api/2.0/mlflow/get-trace-artifact?request_id={trace}{path}"
            for answer in (stranger.call("GET", asked), server.call("GET", asked)):
                assert answer.status == 400, answer.body
                assert SECRET not in answer.body
    found = owner.call("GET", f"/ajax-api/2.0/mlflow/get-trace-artifact?request_id={traced}")
    assert SECRET in found.body


def test_nobody_takes_or_changes_the_trace_of_another_experiment(
    server: Server, owner: Person, stranger: Person, run: Run
) -> None:
    if server.task.runtime.generation == 2:
        pytest.skip("MLflow 2.18 gives traces their ids itself")
    mine, name = stranger.experiment(), secrets.token_hex(16)
    made = owner.call("POST", "/api/3.0/mlflow/traces", trace_v3(run.experiment_id, f"tr-{name}", {"a": "1"}))
    assert made.status == 200, made.body
    assert stranger.call("POST", "/api/3.0/mlflow/traces", trace_v3(mine, f"tr-{name}", {})).status == 403
    assert send_spans(stranger, mine, name, {"a": "2"}).status >= 400
    stored = server.task.postgres.query(
        "SELECT t.experiment_id, g.value FROM trace_info t JOIN trace_tags g USING (request_id) "
        "WHERE t.request_id = %s AND g.key = 'a'",
        (f"tr-{name}",),
        server.task.env["MLFLOW_AWS_DB_TRACKING"],
    )
    assert stored == [(int(run.experiment_id), "1")]
    assert send_spans(owner, run.experiment_id, name, {"a": "3"}).status == 200


@dataclass(frozen=True)
class Attached:
    """What the owner has, and what of the stranger's own it could be attached to."""

    trace: str
    prompt: str
    run: str
    mine: Run
    my_trace: str


PROMPT = {"key": "mlflow.prompt.is_prompt", "value": "true"}


@pytest.fixture(scope="module")
def attached(server: Server, owner: Person, stranger: Person, run: Run) -> Attached:
    if server.task.runtime.generation == 2:
        pytest.skip("MLflow 2.18 has nothing that is attached")

    def post(who: Person, path: str, body: Any) -> Any:
        answer = who.call("POST", f"/api/3.0/mlflow/{path}", body)
        assert answer.status == 200, answer.body
        return answer.json

    mine, prompt = stranger.run(stranger.experiment()), f"prompt-{secrets.token_hex(4)}"
    traces = [f"tr-{secrets.token_hex(16)}" for _trace in range(2)]
    for who, experiment, trace in ((owner, run.experiment_id, traces[0]), (stranger, mine.experiment_id, traces[1])):
        post(who, "traces", trace_v3(experiment, trace, {}))
    owner.api("registered-models/create", {"name": prompt, "tags": [PROMPT]})
    owner.api("model-versions/create", {"name": prompt, "source": "dummy-source", "tags": [PROMPT]})
    return Attached(traces[0], prompt, run.run_id, mine, traces[1])


ISSUE = {"name": "n", "description": "d", "status": "pending", "severity": "low", "root_causes": ["x"]}
#: Path, body, and what of it is the owner's: what MLflow itself lets pass. All of them: test_runtime_inside.py.
ATTACH: list[tuple[str, Callable[[Attached], dict[str, Any]], str]] = [
    (
        "2.0/mlflow/traces/link-prompts",
        lambda at: {"trace_id": at.my_trace, "prompt_versions": [{"name": at.prompt, "version": "1"}]},
        "prompt",
    ),
    (
        "3.0/mlflow/issues",
        lambda at: {**ISSUE, "experiment_id": at.mine.experiment_id, "source_run_id": at.run},
        "run",
    ),
]


@pytest.mark.parametrize(("path", "body", "what"), ATTACH, ids=lambda value: value if isinstance(value, str) else "")
def test_nothing_of_others_is_attached_to_what_is_ones_own(
    stranger: Person, attached: Attached, path: str, body: Callable[[Attached], dict[str, Any]], what: str
) -> None:
    answer = stranger.call("POST", f"/api/{path}", body(attached))
    assert (answer.status, answer.json["message"]) == (403, f"{what}: permission denied")


@pytest.mark.parametrize("whose", ["its own", "another trace's"])
def test_a_deleted_trace_takes_no_archive_but_its_own_along(
    server: Server, storage: Storage, stranger: Person, attached: Attached, run: Run, whose: str
) -> None:
    """A row as an older release of this collection admitted it, straight in the database."""
    trace, experiment = f"tr-{secrets.token_hex(16)}", attached.mine.experiment_id
    assert stranger.call("POST", "/api/3.0/mlflow/traces", trace_v3(experiment, trace, {})).status == 200
    own, other = f"{experiment}/traces/{trace}/artifacts", f"{run.experiment_id}/traces/{attached.trace}/artifacts"
    place = own if whose == "its own" else other
    payload = f"{PREFIX}/{place}/traces.pb"
    storage.client().put_object(Bucket=BUCKET, Key=payload, Body=SECRET)
    for tag, value in (
        ("mlflow.trace.archiveLocation", f"s3://{BUCKET}/{PREFIX}/{place}"),
        ("mlflow.trace.spansLocation", "ARCHIVE_REPO"),
    ):
        server.task.postgres.query(
            "INSERT INTO trace_tags (request_id, key, value) VALUES (%s, %s, %s) "
            "ON CONFLICT (request_id, key) DO UPDATE SET value = EXCLUDED.value",
            (trace, tag, value),
            server.task.env["MLFLOW_AWS_DB_TRACKING"],
        )
    body = {"experiment_id": experiment, "request_ids": [trace]}
    assert stranger.api("traces/delete-traces", body)["traces_deleted"] == 1
    assert (payload in storage.stored()) is (whose != "its own")


def test_an_error_of_s3_tells_nobody_where_artifacts_lie(owner: Person, run: Run, storage: Storage) -> None:
    """Of an object, say, that a rule of the bucket has moved to an archive, from which S3 does not read."""
    key = f"{PREFIX}/{run.folder}/cold.txt"
    storage.client().put_object(Bucket=BUCKET, Key=key, Body=SECRET, StorageClass="GLACIER")
    answer = owner.call("GET", f"/get-artifact?run_id={run.run_id}&path=cold.txt")
    assert answer.status == 500, answer.body
    assert b"InvalidObjectState" in answer.body
    assert b"(artifact root)" in answer.body
    assert BUCKET.encode() not in answer.body
