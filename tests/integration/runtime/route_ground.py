# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server on which one person keeps one of everything that MLflow can hold, and others who have no right to it.

Each piece of content carries a word of its own that begins with :data:`MARK`, so that an answer which holds any of it
is recognised wherever it stands: in a body, in a header, in an error message.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import string
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from tests.integration.runtime.route_rows import route_key
from tests.integration.runtime.runtime_parts import BUCKET, PREFIX, Answer, Server, Storage, Task

MARK = "zqx"
_MARKED = re.compile(rf"{MARK}[a-z0-9]+")
#: Experiments get numbers that are found in no text by chance.
FIRST_EXPERIMENT = 7340129
#: The history of each of the owner's metrics: numbers that stand in no answer by chance.
METRICS = ("907310.25", "907320.25", "907330.25")
NOBODY = ("", "")
OTLP = {"Content-Type": "application/json"}


@dataclass
class Ground:
    """The server, the people on it with their passwords, and the names and ids of what the owner has.

    :param people: name and password by part. ``owner`` has everything below, ``plain`` no right at all, ``elsewhere``
        READ on another experiment of the owner, ``reader`` and ``editor`` READ and EDIT on this one and on the models.
    :param things: what requests are built from, such as ``run``, ``model`` or ``trace``.
    :param own: the same of each of the others, such as ``my_run``.
    :param ids: what else is content: the ids that MLflow gave to things, and the values of metrics.
    """

    server: Server
    storage: Storage
    people: dict[str, tuple[str, str]] = field(default_factory=dict)
    things: dict[str, str] = field(default_factory=dict)
    own: dict[str, dict[str, str]] = field(default_factory=dict)
    ids: set[str] = field(default_factory=set)

    @property
    def generation(self) -> int:
        """2 or 3."""
        return self.server.task.runtime.generation

    def ask(self, who: str, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Answer:
        """One request of one of the people."""
        login = NOBODY if who == "stranger" else self.people[who]
        return self.server.call(method, path, body, login, headers)

    def make(self, who: str, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Any:
        """The JSON of a request that must succeed."""
        answer = self.ask(who, method, path, body, headers)
        assert answer.status in (200, 201, 204), (method, path, body, answer.status, answer.body)
        return json.loads(answer.body) if answer.body else {}

    def keep(self, name: str, value: Any, telling: bool = True) -> str:
        """Remember a name or an id; ``telling`` ones must reach nobody else."""
        self.things[name] = str(value)
        if telling:
            self.ids.add(str(value))
        return str(value)

    def fill(self, pattern: Any, who: str) -> Any:
        """``pattern`` with ``$thing`` replaced in all its texts.

        ``$my_thing`` is the caller's own; ``$new``, ``$hex`` and ``$new_spans`` are others each time.
        """
        if isinstance(pattern, str):
            number = secrets.token_hex(16)
            fresh = {"new": f"new-{secrets.token_hex(6)}", "hex": number, "new_spans": spans(number, "mine").decode()}
            return string.Template(pattern).substitute({**self.things, **self.own[who], **fresh})
        if isinstance(pattern, dict):
            return {self.fill(key, who): self.fill(value, who) for key, value in pattern.items()}
        if isinstance(pattern, list):
            return [self.fill(value, who) for value in pattern]
        return pattern

    def told(self, answer: Answer, request: str) -> set[str]:
        """The owner's words and ids that ``answer`` holds and ``request`` did not."""
        text = answer.body.decode("utf-8", "replace") + json.dumps(answer.headers)
        return self.mentioned(text) - self.mentioned(request)

    def mentioned(self, text: str) -> set[str]:
        """The owner's words and ids in ``text``."""
        return set(_MARKED.findall(text)) | {found for found in self.ids if found in text}


def begin_listing(task: Task) -> subprocess.Popen[str]:
    """Start to list the routes of the application, in a process of its own."""
    script, python = Path(__file__).with_name("route_list.py"), task.runtime.home / "venv" / "bin" / "python"
    everything = {**task.env, **task.secrets}
    env = {key: value for key, value in everything.items() if "MASTER" not in key and "ADMIN_PASSWORD" not in key}
    env |= {"PYTHONPATH": str(task.runtime.home / "lib")}
    server = "uvicorn" if task.runtime.generation == 3 else "gunicorn"
    pipe = subprocess.PIPE
    return subprocess.Popen([python, script, server], env=env, stdout=pipe, stderr=pipe, text=True)


def listed(process: subprocess.Popen[str]) -> dict[str, list[str]]:
    """The paths of the application's routes, by the row of the table that they belong to."""
    said, failed = process.communicate()
    assert process.returncode == 0, failed
    served: dict[str, list[str]] = {}
    for method, path in json.loads(said):
        served.setdefault(route_key(method, path), []).append(path)
    return served


def query(values: dict[str, Any]) -> str:
    """``values`` as a query string; lists are repeated."""
    return urlencode(values, doseq=True, quote_via=quote)


def _people(ground: Ground) -> None:
    ground.people["admin"] = ("admin", ground.server.task.admin_password)
    for part in ("owner", "plain", "elsewhere", "reader", "editor", "idle"):
        # The owner's name alone is content: who else has a login is nobody's business.
        name, word = f"{MARK}owner" if part == "owner" else f"{part}-{secrets.token_hex(3)}", secrets.token_urlsafe(18)
        ground.make("admin", "POST", "/api/2.0/mlflow/users/create", {"username": name, "password": word})
        ground.people[part] = (name, word)
        ground.keep(f"{part}_name", name, telling=False)


def _grant(ground: Ground, part: str, kind: str, thing: str, permission: str) -> None:
    """A right for one of the people, as each generation has it."""
    if ground.generation == 3:
        body: dict[str, Any] = {"username": ground.people[part][0], "resource_type": kind, "resource_id": thing}
        ground.make("owner", "POST", "/api/3.0/mlflow/users/permissions/grant", {**body, "permission": permission})
        return
    key, family = {
        "experiment": ("experiment_id", "experiments"),
        "registered_model": ("name", "registered-models"),
    }[kind]
    body = {"username": ground.people[part][0], key: thing, "permission": permission}
    ground.make("owner", "POST", f"/api/2.0/mlflow/{family}/permissions/create", body)


def _experiment(ground: Ground, name: str) -> str:
    body: dict[str, Any] = {
        "name": f"{MARK}{name}",
        "tags": [{"key": f"{MARK}{name}tag", "value": f"{MARK}{name}tagvalue"}],
    }
    return str(ground.make("owner", "POST", "/api/2.0/mlflow/experiments/create", body)["experiment_id"])


def _run(ground: Ground, experiment: str, name: str) -> str:
    body: dict[str, Any] = {
        "experiment_id": experiment,
        "start_time": 1,
        "run_name": f"{MARK}{name}",
        "tags": [{"key": f"{MARK}{name}tag", "value": f"{MARK}{name}tagvalue"}],
    }
    run = str(ground.make("owner", "POST", "/api/2.0/mlflow/runs/create", body)["run"]["info"]["run_id"])
    metrics = [
        {"key": f"{MARK}{name}metric", "value": float(value), "timestamp": 10 + step, "step": step}
        for step, value in enumerate(METRICS)
    ]
    params = [{"key": f"{MARK}{name}param", "value": f"{MARK}{name}paramvalue"}]
    ground.make(
        "owner", "POST", "/api/2.0/mlflow/runs/log-batch", {"run_id": run, "metrics": metrics, "params": params}
    )
    dataset = {
        "name": f"{MARK}{name}input",
        "digest": "d1",
        "source_type": "local",
        "source": f"{MARK}{name}inputsource",
        "schema": f"{MARK}{name}inputschema",
        "profile": f"{MARK}{name}inputprofile",
    }
    body = {"run_id": run, "datasets": [{"dataset": dataset, "tags": [{"key": "mlflow.data.context", "value": "x"}]}]}
    ground.make("owner", "POST", "/api/2.0/mlflow/runs/log-inputs", body)
    return run


def _upload(ground: Ground, path: str, text: str) -> None:
    answer = ground.ask("owner", "PUT", f"/api/2.0/mlflow-artifacts/artifacts/{path}", text.encode())
    assert answer.status == 200, (path, answer.status, answer.body)


def _experiments_and_runs(ground: Ground) -> None:
    experiment = ground.keep("experiment", _experiment(ground, "experiment"))
    # What the person elsewhere may read: for requests that name one thing of each.
    body: dict[str, Any] = {"name": f"open-{secrets.token_hex(3)}"}
    open_one = str(ground.make("owner", "POST", "/api/2.0/mlflow/experiments/create", body)["experiment_id"])
    ground.keep("experiment_name", f"{MARK}experiment", telling=False)
    run = ground.keep("run", _run(ground, experiment, "run"))
    ground.keep("second_run", _run(ground, experiment, "second"))
    ground.keep("run_metric", f"{MARK}runmetric", telling=False)
    _upload(ground, f"{experiment}/{run}/artifacts/{MARK}folder/{MARK}file.txt", f"{MARK}artifacttext")
    ground.keep("file", f"{MARK}folder/{MARK}file.txt", telling=False)
    ground.keep("folder", f"{MARK}folder", telling=False)
    for thing, name in ((experiment, "experiment"), (open_one, "open_experiment")):
        ground.keep(name, thing, telling=name == "experiment")
    place = ground.keep("placed_folder", f"{MARK}placed", telling=False)
    body = {"name": f"{MARK}placedexperiment", "artifact_location": f"mlflow-artifacts:/{place}"}
    ground.keep("placed", ground.make("admin", "POST", "/api/2.0/mlflow/experiments/create", body)["experiment_id"])
    body = {"experiment_id": open_one, "start_time": 1}
    ground.keep("open_run", ground.make("owner", "POST", "/api/2.0/mlflow/runs/create", body)["run"]["info"]["run_id"])
    ground.ids.discard(ground.things["open_run"])


def _models(ground: Ground) -> None:
    name = ground.keep("model", f"{MARK}model", telling=False)
    ground.make(
        "owner",
        "POST",
        "/api/2.0/mlflow/registered-models/create",
        {
            "name": name,
            "description": f"{MARK}modeldescription",
            "tags": [{"key": f"{MARK}modeltag", "value": f"{MARK}modeltagvalue"}],
        },
    )
    experiment, run = ground.things["experiment"], ground.things["run"]
    _upload(ground, f"{experiment}/{run}/artifacts/model/MLmodel", f"run_id: {MARK}mlmodeltext")
    source = ground.keep("source", f"mlflow-artifacts:/{experiment}/{run}/artifacts/model", telling=False)
    ground.make(
        "owner",
        "POST",
        "/api/2.0/mlflow/model-versions/create",
        {
            "name": name,
            "source": source,
            "run_id": run,
            "description": f"{MARK}versiondescription",
            "tags": [{"key": f"{MARK}versiontag", "value": f"{MARK}versiontagvalue"}],
        },
    )
    alias = ground.keep("alias", f"{MARK}alias", telling=False)
    ground.make(
        "owner", "POST", "/api/2.0/mlflow/registered-models/alias", {"name": name, "alias": alias, "version": "1"}
    )


def _trace_of_2(ground: Ground) -> None:
    """A trace with its spans, as clients of MLflow 2 write it; both generations take it."""
    experiment = ground.things["experiment"]
    body: dict[str, Any] = {
        "experiment_id": experiment,
        "timestamp_ms": 1,
        "request_metadata": [{"key": "mlflow.traceInputs", "value": f"{MARK}traceinputs"}],
        "tags": [{"key": f"{MARK}tracetag", "value": f"{MARK}tracetagvalue"}],
    }
    trace = str(ground.make("owner", "POST", "/api/2.0/mlflow/traces", body)["trace_info"]["request_id"])
    ground.keep("old_trace", trace)
    end = {
        "timestamp_ms": 2,
        "status": "OK",
        "request_metadata": [{"key": "mlflow.traceOutputs", "value": f"{MARK}traceoutputs"}],
    }
    ground.make("owner", "PATCH", f"/api/2.0/mlflow/traces/{trace}", end)
    spans = {"spans": [{"name": f"{MARK}span", "attributes": {"mlflow.spanInputs": f"{MARK}spaninputs"}}]}
    folder = f"{experiment}/traces/{trace}/artifacts"
    _upload(ground, f"{folder}/traces.json", json.dumps(spans))
    ground.keep("old_trace_folder", folder, telling=False)


def _trace(ground: Ground) -> None:
    """A trace with spans in the database and an attachment, as clients of MLflow 3 write it."""
    experiment = ground.things["experiment"]
    number = secrets.token_hex(16)
    trace = ground.keep("trace", f"tr-{number}", telling=False)
    ground.keep("trace_number", number)
    ground.keep("spans_of_trace", spans(number, "intruder").decode(), telling=False)
    info = {
        "trace_id": trace,
        "trace_location": {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment}},
        "request_preview": f"{MARK}requestpreview",
        "response_preview": f"{MARK}responsepreview",
        "request_time": "2026-01-01T00:00:00Z",
        "execution_duration": "1s",
        "state": "OK",
        "trace_metadata": {f"{MARK}metadata": f"{MARK}metadatavalue"},
        "tags": {f"{MARK}newtracetag": f"{MARK}newtracetagvalue"},
    }
    ground.make("owner", "POST", "/api/3.0/mlflow/traces", {"trace": {"trace_info": info}})
    answer = ground.ask(
        "owner", "POST", "/v1/traces", spans(number, f"{MARK}spaninput"), {**OTLP, "X-MLflow-Experiment-Id": experiment}
    )
    assert answer.status == 200, answer.body
    attachment = ground.keep("attachment", "0b8f5a0e-6a1c-4d52-9d0a-5d8f0f6f7a11")
    _upload(ground, f"{experiment}/traces/{trace}/artifacts/attachments/{attachment}", f"{MARK}attachmenttext")
    _upload(ground, f"{experiment}/traces/{trace}/artifacts/traces.json", json.dumps({"spans": [f"{MARK}spanfile"]}))
    for kind, value in (("feedback", {"value": f"{MARK}feedback"}), ("expectation", {"value": f"{MARK}expectation"})):
        body: dict[str, Any] = {
            "assessment": {
                "assessment_name": f"{MARK}{kind}name",
                "trace_id": trace,
                "source": {"source_type": "HUMAN", "source_id": f"{MARK}owner"},
                "rationale": f"{MARK}{kind}rationale",
                kind: value,
            }
        }
        made = ground.make("owner", "POST", f"/api/3.0/mlflow/traces/{trace}/assessments", body)
        ground.keep(kind, made["assessment"]["assessment_id"])


def spans(number: str, word: str) -> bytes:
    """A span of the trace with the hexadecimal id ``number`` in OTLP's JSON, with an id of its own."""
    span_id = hashlib.sha256((number + word).encode()).hexdigest()[:16]
    span = {
        "traceId": number,
        "spanId": span_id,
        "name": f"{word}name",
        "kind": 1,
        "startTimeUnixNano": "1767225600000000000",
        "endTimeUnixNano": "1767225601000000000",
        "attributes": [{"key": "mlflow.spanInputs", "value": {"stringValue": f'"{word}"'}}],
        "status": {"code": 1},
    }
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()


def _logged_model(ground: Ground) -> None:
    experiment, run = ground.things["experiment"], ground.things["run"]
    body: dict[str, Any] = {
        "experiment_id": experiment,
        "name": f"{MARK}loggedmodel",
        "source_run_id": run,
        "params": [{"key": f"{MARK}loggedparam", "value": f"{MARK}loggedparamvalue"}],
        "tags": [{"key": f"{MARK}loggedtag", "value": f"{MARK}loggedtagvalue"}],
    }
    made = ground.make("owner", "POST", "/api/2.0/mlflow/logged-models", body)["model"]["info"]
    model = ground.keep("logged_model", made["model_id"])
    _upload(ground, f"{experiment}/models/{model}/artifacts/{MARK}loggedfile.txt", f"{MARK}loggedtext")
    ground.keep("logged_file", f"{MARK}loggedfile.txt", telling=False)
    body = {"model_id": model, "status": "LOGGED_MODEL_READY"}
    ground.make("owner", "PATCH", f"/api/2.0/mlflow/logged-models/{model}", body)
    ground.make(
        "owner", "POST", "/api/2.0/mlflow/runs/outputs", {"run_id": run, "models": [{"model_id": model, "step": 0}]}
    )


def _prompt(ground: Ground) -> None:
    mark = {"key": "mlflow.prompt.is_prompt", "value": "true"}
    name = ground.keep("prompt", f"{MARK}prompt", telling=False)
    ground.make("owner", "POST", "/api/2.0/mlflow/registered-models/create", {"name": name, "tags": [mark]})
    text = {"key": "mlflow.prompt.text", "value": f"{MARK}prompttext"}
    ground.make(
        "owner",
        "POST",
        "/api/2.0/mlflow/model-versions/create",
        {"name": name, "source": "dummy-source", "tags": [mark, text]},
    )


def _scorer(name: str, instructions: str = "{{ inputs }}") -> dict[str, str]:
    """A judge, as scorers are registered."""
    judge = {
        "name": name,
        "mlflow_version": "3.17.2",
        "serialization_version": 1,
        "instructions_judge_pydantic_data": {"instructions": instructions, "model": "openai:/gpt-4o"},
    }
    return {"name": name, "serialized_scorer": json.dumps(judge)}


def _evaluation(ground: Ground) -> None:
    """Dataset, scorer, issue, label schema, review queue."""
    experiment, run, trace = (ground.things[name] for name in ("experiment", "run", "trace"))
    body: dict[str, Any] = {
        "name": f"{MARK}dataset",
        "experiment_ids": [experiment],
        "tags": json.dumps({f"{MARK}datasettag": f"{MARK}datasettagvalue"}),
    }
    made = ground.make("owner", "POST", "/api/3.0/mlflow/datasets/create", body)["dataset"]
    dataset = ground.keep("dataset", made["dataset_id"])
    ground.keep("dataset_tag", f"{MARK}datasettag", telling=False)
    records = json.dumps([{"inputs": {"q": f"{MARK}question"}, "expectations": {"a": f"{MARK}answer"}}])
    ground.make("owner", "POST", f"/api/3.0/mlflow/datasets/{dataset}/records", {"records": records})
    body = {"name": f"{MARK}seconddataset", "experiment_ids": [experiment]}
    made = ground.make("owner", "POST", "/api/3.0/mlflow/datasets/create", body)["dataset"]
    ground.keep("second_dataset", made["dataset_id"])
    listed = ground.make("owner", "GET", f"/api/3.0/mlflow/datasets/{dataset}/records")["records"]
    rows = json.loads(listed) if isinstance(listed, str) else listed
    ground.keep("record", rows[0]["dataset_record_id"])
    scorer = _scorer(f"{MARK}scorer", f"{MARK}instructions {{{{ inputs }}}}")
    ground.keep("serialized_scorer", scorer["serialized_scorer"].replace("$", "$$"), telling=False)
    ground.keep("scorer", f"{MARK}scorer", telling=False)
    made = ground.make("owner", "POST", "/api/3.0/mlflow/scorers/register", {"experiment_id": experiment, **scorer})
    ground.keep("scorer_id", made["scorer_id"])
    body = {
        "experiment_id": experiment,
        "name": f"{MARK}issue",
        "description": f"{MARK}issuedescription",
        "status": "pending",
        "severity": "high",
        "root_causes": [f"{MARK}cause"],
        "source_run_id": run,
    }
    ground.keep("issue", ground.make("owner", "POST", "/api/3.0/mlflow/issues", body)["issue"]["issue_id"])
    body = {
        "experiment_id": experiment,
        "name": f"{MARK}label",
        "type": "FEEDBACK",
        "instruction": f"{MARK}labelinstruction",
        "input": {"pass_fail": {"positive_label": f"{MARK}good", "negative_label": f"{MARK}bad"}},
    }
    made = ground.make("owner", "POST", "/api/3.0/mlflow/label-schemas/create", body)
    ground.keep("label", made["label_schema"]["schema_id"])
    ground.keep("label_name", f"{MARK}label", telling=False)
    body = {"experiment_id": experiment, "name": f"{MARK}queue", "queue_type": "CUSTOM"}
    made = ground.make("owner", "POST", "/api/3.0/mlflow/review-queues/create", body)
    queue = ground.keep("queue", made["review_queue"]["queue_id"])
    ground.keep("queue_name", f"{MARK}queue", telling=False)
    body = {"queue_id": queue, "item_type": "TRACE", "item_ids": [trace]}
    ground.make("owner", "POST", "/api/3.0/mlflow/review-queues/items/add", body)


def _mcp(ground: Ground) -> None:
    name = ground.keep("mcp", f"io.example/{MARK}mcp", telling=False)
    top = "/api/3.0/mlflow/mcp-servers"
    ground.make("owner", "POST", top, {"name": name, "description": f"{MARK}mcpdescription"})
    document = {"name": name, "version": "1.0.0", "title": f"{MARK}mcptitle", "description": f"{MARK}mcpversion"}
    ground.make("owner", "POST", f"{top}/{name}/versions", {"server_json": document, "status": "draft"})
    ground.make("owner", "POST", f"{top}/{name}/tags", {"key": f"{MARK}mcptag", "value": f"{MARK}mcptagvalue"})
    ground.make(
        "owner",
        "POST",
        f"{top}/{name}/versions/1.0.0/tags",
        {"key": f"{MARK}mcpversiontag", "value": f"{MARK}mcpversiontagvalue"},
    )
    ground.make("owner", "POST", f"{top}/{name}/aliases", {"alias": f"{MARK}mcpalias", "version": "1.0.0"})
    body: dict[str, Any] = {"server_version": "1.0.0", "url": f"https://{MARK}mcpurl.example/"}
    made = ground.make("owner", "POST", f"{top}/{name}/endpoints", body)
    ground.keep("mcp_endpoint", made["id"])


def _gateway(ground: Ground) -> None:
    """The admin's keys, model and endpoint."""
    top = "/api/3.0/mlflow/gateway"
    body: dict[str, Any] = {
        "secret_name": f"{MARK}secret",
        "provider": "openai",
        "secret_value": {"api_key": f"{MARK}keyvalue"},
    }
    secret = ground.keep(
        "gateway_secret", ground.make("admin", "POST", f"{top}/secrets/create", body)["secret"]["secret_id"]
    )
    ground.keep("gateway_secret_name", f"{MARK}secret", telling=False)
    body = {
        "name": f"{MARK}definition",
        "secret_id": secret,
        "provider": "openai",
        "model_name": f"{MARK}modelname",
    }
    made = ground.make("admin", "POST", f"{top}/model-definitions/create", body)["model_definition"]
    definition = ground.keep("definition", made["model_definition_id"])
    other = {**body, "name": f"{MARK}otherdefinition"}
    made = ground.make("admin", "POST", f"{top}/model-definitions/create", other)["model_definition"]
    ground.keep("other_definition", made["model_definition_id"])
    config: dict[str, Any] = {"model_definition_id": definition, "linkage_type": "PRIMARY", "weight": 1.0}
    body = {"name": f"{MARK}endpoint", "model_configs": [config]}
    made = ground.make("admin", "POST", f"{top}/endpoints/create", body)["endpoint"]
    endpoint = ground.keep("endpoint", made["endpoint_id"])
    ground.keep("endpoint_name", f"{MARK}endpoint", telling=False)
    tag = {"endpoint_id": endpoint, "key": f"{MARK}endpointtag", "value": f"{MARK}endpointtagvalue"}
    ground.make("admin", "POST", f"{top}/endpoints/set-tag", tag)
    binding = {"endpoint_id": endpoint, "resource_type": "scorer", "resource_id": ground.things["scorer_id"]}
    ground.make("admin", "POST", f"{top}/endpoints/bindings/create", binding)
    body = {
        "name": f"{MARK}guardrail",
        "scorer_id": ground.things["scorer_id"],
        "scorer_version": 1,
        "stage": "BEFORE",
        "action": "VALIDATION",
    }
    made = ground.make("admin", "POST", f"{top}/guardrails/create", body)["guardrail"]
    guardrail = ground.keep("guardrail", made["guardrail_id"])
    body = {"endpoint_id": endpoint, "guardrail_id": guardrail, "execution_order": 1}
    ground.make("admin", "POST", f"{top}/guardrails/add-to-endpoint", body)
    made = ground.make("admin", "POST", f"{top}/guardrails/create", {**_guardrail(ground), "name": f"{MARK}loose"})
    ground.keep("loose_guardrail", made["guardrail"]["guardrail_id"])
    body = {
        "budget_unit": "USD",
        "budget_amount": 731.25,
        "duration": {"unit": "DAYS", "value": 1},
        "target_scope": "USER",
        "target_value": f"{MARK}owner",
        "budget_action": "ALERT",
    }
    made = ground.make("admin", "POST", f"{top}/budgets/create", body)
    ground.keep("budget", made["budget_policy"]["budget_policy_id"])


def _guardrail(ground: Ground) -> dict[str, Any]:
    scorer = {"scorer_id": ground.things["scorer_id"], "scorer_version": 1}
    return {**scorer, "stage": "BEFORE", "action": "VALIDATION"}


def _administration(ground: Ground) -> None:
    """A webhook, and a role with a member: the admin's."""
    body: dict[str, Any] = {
        "name": f"{MARK}webhook",
        "description": f"{MARK}webhookdescription",
        "url": f"https://93.184.216.34/{MARK}webhookpath",
        "events": [{"entity": "REGISTERED_MODEL", "action": "CREATED"}],
        "status": "DISABLED",
    }
    made = ground.make("admin", "POST", "/api/2.0/mlflow/webhooks", body)
    ground.keep("webhook", made["webhook"]["webhook_id"])
    body = {"name": f"{MARK}role", "workspace": "default", "description": f"{MARK}roledescription"}
    role = ground.keep(
        "role", ground.make("admin", "POST", "/api/3.0/mlflow/roles/create", body)["role"]["id"], telling=False
    )
    body = {
        "role_id": int(role),
        "resource_type": "experiment",
        "resource_pattern": ground.things["experiment"],
        "permission": "READ",
    }
    made = ground.make("admin", "POST", "/api/3.0/mlflow/roles/permissions/add", body)
    ground.keep("role_permission", made["role_permission"]["id"], telling=False)
    body = {"username": f"{MARK}owner", "role_id": int(role)}
    ground.make("admin", "POST", "/api/3.0/mlflow/roles/assign", body)


#: Words that requests name, and that are kept under no other name.
_SPELLED = {
    "experiment_tag": "experimenttag",
    "experiment_tag_value": "experimenttagvalue",
    "run_name": "run",
    "run_tag": "runtag",
    "model_tag": "modeltag",
    "model_tag_value": "modeltagvalue",
    "model_other_name": "modelothername",
    "version_tag": "versiontag",
    "trace_tag": "tracetag",
    "trace_tag_value": "tracetagvalue",
    "new_trace_tag": "newtracetag",
    "logged_model_name": "loggedmodel",
    "logged_tag": "loggedtag",
    "endpoint_tag": "endpointtag",
    "mcp_tag": "mcptag",
    "mcp_version_tag": "mcpversiontag",
    "mcp_alias": "mcpalias",
}


def own_things(ground: Ground, who: str) -> dict[str, str]:
    """What the person keeps for itself: to be made to hold, or to point at, what is the owner's."""

    def make(method: str, path: str, body: Any) -> Any:
        return ground.make(who, method, path, body)

    number = secrets.token_hex(3)
    mine = {"username": ground.people[who][0], "model": f"model-{number}", "experiment_name": f"e-{number}"}
    body: dict[str, Any] = {"name": mine["experiment_name"]}
    mine["experiment"] = make("POST", "/api/2.0/mlflow/experiments/create", body)["experiment_id"]
    experiment = {"experiment_id": mine["experiment"]}
    run = make("POST", "/api/2.0/mlflow/runs/create", {**experiment, "start_time": 1})
    mine["run"] = run["run"]["info"]["run_id"]
    make("POST", "/api/2.0/mlflow/registered-models/create", {"name": mine["model"]})
    source = f"runs:/{mine['run']}/model"
    make(
        "POST",
        "/api/2.0/mlflow/model-versions/create",
        {"name": mine["model"], "source": source, "run_id": mine["run"]},
    )
    old = make("POST", "/api/2.0/mlflow/traces", {**experiment, "timestamp_ms": 1})
    mine["old_trace"] = old["trace_info"]["request_id"]
    if ground.generation == 3:
        trace = mine["trace"] = f"tr-{secrets.token_hex(16)}"
        location = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": experiment}
        info = {"trace_id": trace, "trace_location": location, "request_time": "2026-01-01T00:00:00Z", "state": "OK"}
        make("POST", "/api/3.0/mlflow/traces", {"trace": {"trace_info": info}})
        assessment = {
            "assessment_name": "n",
            "trace_id": trace,
            "source": {"source_type": "HUMAN", "source_id": "x"},
            "feedback": {"value": 1},
        }
        made = make("POST", f"/api/3.0/mlflow/traces/{trace}/assessments", {"assessment": assessment})
        mine["assessment"] = made["assessment"]["assessment_id"]
        made = make("POST", "/api/2.0/mlflow/logged-models", {**experiment, "name": "m"})
        mine["logged_model"] = made["model"]["info"]["model_id"]
        body = {"name": f"d-{number}", "experiment_ids": [mine["experiment"]]}
        mine["dataset"] = make("POST", "/api/3.0/mlflow/datasets/create", body)["dataset"]["dataset_id"]
        body = {**experiment, "name": "i", "description": "d", "status": "pending", "severity": "low"}
        made = make("POST", "/api/3.0/mlflow/issues", {**body, "root_causes": ["x"]})
        mine["issue"] = made["issue"]["issue_id"]
        body = {**experiment, "name": f"q-{number}", "queue_type": "CUSTOM"}
        mine["queue"] = make("POST", "/api/3.0/mlflow/review-queues/create", body)["review_queue"]["queue_id"]
        mine["scorer"], mine["serialized_scorer"] = _scorer("s").values()
        scorer = make("POST", "/api/3.0/mlflow/scorers/register", {**experiment, **_scorer("s")})
        mine["scorer_id"] = scorer["scorer_id"]
        body = {**experiment, "name": "l", "type": "FEEDBACK", "input": {"text": {}}}
        mine["label"] = make("POST", "/api/3.0/mlflow/label-schemas/create", body)["label_schema"]["schema_id"]
        mine["mcp"] = f"io.example/{number}"
        make("POST", "/api/3.0/mlflow/mcp-servers", {"name": mine["mcp"]})
    return {f"my_{name}": str(value) for name, value in mine.items()}


def prepared(server: Server, storage: Storage) -> Ground:
    """Everything of one owner on ``server``, and the people who try to reach it."""
    ground = Ground(server, storage)
    task = server.task
    task.postgres.query(
        f"ALTER SEQUENCE experiments_experiment_id_seq RESTART WITH {FIRST_EXPERIMENT}",
        database=task.env["MLFLOW_AWS_DB_TRACKING"],
    )
    ground.things.update({name: f"{MARK}{spelled}" for name, spelled in _SPELLED.items()})
    ground.things.update(bucket=BUCKET, prefix=PREFIX)
    ground.ids.update(METRICS)
    _people(ground)
    _experiments_and_runs(ground)
    _models(ground)
    _trace_of_2(ground)
    if ground.generation == 3:
        for step in (_trace, _logged_model, _prompt, _evaluation, _mcp, _administration, _gateway):
            step(ground)
    _rights(ground)
    for who in ("plain", "elsewhere", "reader", "editor"):
        ground.own[who] = own_things(ground, who)
    for who in ("stranger", "owner", "admin"):
        ground.own[who] = {**ground.own["plain"], "my_username": ground.people.get(who, NOBODY)[0]}
    return ground


def _rights(ground: Ground) -> None:
    """READ and EDIT on what the owner has, for those who have them."""
    things = ground.things
    _grant(ground, "elsewhere", "experiment", things["open_experiment"], "READ")
    kinds = {"experiment": things["experiment"], "registered_model": things["model"]}
    if ground.generation == 3:
        kinds |= {"mcp_server": things["mcp"], "scorer": f"{things['experiment']}/{things['scorer']}"}
    for part, permission in (("reader", "READ"), ("editor", "EDIT")):
        for kind, thing in kinds.items():
            _grant(ground, part, kind, thing, permission)
