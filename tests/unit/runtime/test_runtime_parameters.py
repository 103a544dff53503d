# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A request has its parameters in one place, each under one name: what is refused, and what is not."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from mlflow.protos import model_registry_pb2, service_pb2
from mlflow_aws import parameters

API = "/api/2.0/mlflow"
JSON = ["application/json"]
#: As MLflow's handlers list them: path, message or another function, methods.
ENDPOINTS: list[tuple[str, Any, list[str]]] = [
    (f"{API}/experiments/search", service_pb2.SearchExperiments, ["GET"]),
    (f"{API}/traces/<request_id>/tags", service_pb2.DeleteTraceTag, ["DELETE"]),
    ("/ajax-api/3.0/mlflow/datasets/<dataset_id>/records", service_pb2.DeleteDatasetRecords, ["DELETE"]),
    (f"{API}/registered-models/alias", model_registry_pb2.GetModelVersionByAlias, ["GET"]),
    (f"{API}/registered-models/get-latest-versions", model_registry_pb2.GetLatestVersions, ["GET"]),
    ("/graphql", lambda: None, ["GET", "POST"]),
]
LISTS = parameters.lists(ENDPOINTS)


@pytest.mark.parametrize(
    ("method", "path", "query", "kinds", "body", "why"),
    [
        ("GET", "/x", "", JSON, True, "GET requests of this server have no body"),
        ("HEAD", "/x", "a=1", [], True, "HEAD requests of this server have no body"),
        ("OPTIONS", "/v1/traces", "", [], True, "OPTIONS requests of this server have no body"),
        ("POST", "/x", "a=1", JSON, True, "parameters of a POST request belong in its body"),
        ("POST", "/x", "a=1", [], False, "parameters of a POST request belong in its body"),
        ("PATCH", "/x", "a=1", [], False, "parameters of a PATCH request belong in its body"),
        ("DELETE", "/x", "a=1", JSON, True, "parameters of a DELETE request belong in its body"),
        ("POST", "/x", "", ["text/plain"], True, "Content-Type: application/json"),
        ("POST", "/x", "", [], True, "Content-Type: application/json"),
        ("DELETE", "/x", "", ["application/x-www-form-urlencoded"], True, "Content-Type: application/json"),
        ("POST", "/x", "", ["application/json", "text/plain"], True, "more than one Content-Type"),
        ("POST", "/v1/traces", "", ["a/b", "c/d"], True, "more than one Content-Type"),
    ],
)
def test_what_can_be_read_in_two_ways_is_refused(
    method: str, path: str, query: str, kinds: list[str], body: bool, why: str
) -> None:
    assert why in parameters.judged(method, path, query, kinds, body, LISTS)[0]


@pytest.mark.parametrize(
    ("method", "path", "query", "kinds", "body", "kept"),
    [
        ("GET", "/x", "a=1&b=2", JSON, False, []),
        ("POST", "/x", "", JSON, True, JSON),
        ("POST", "/x", "", ["Application/JSON; charset=utf-8"], True, ["Application/JSON; charset=utf-8"]),
        ("POST", "/x", "", [], False, []),
        ("DELETE", "/x", "a=1", [], False, []),
        # MLflow's page deletes so.
        ("DELETE", "/x", "", [], True, JSON),
        ("DELETE", "/x", "", ["text/plain;charset=UTF-8"], True, JSON),
        # Bodies that are no parameters.
        ("PUT", "/api/2.0/mlflow-artifacts/artifacts/1/x", "", ["image/png"], True, ["image/png"]),
        ("POST", "/ajax-api/2.0/mlflow/upload-artifact", "run_uuid=1&path=x", [], True, []),
        ("POST", "/v1/traces", "", ["application/x-protobuf"], True, ["application/x-protobuf"]),
        ("POST", "/gateway/x/v1/messages", "beta=true&beta=true", JSON, True, JSON),
    ],
)
def test_what_can_be_read_in_one_way_goes_on(
    method: str, path: str, query: str, kinds: list[str], body: bool, kept: list[str]
) -> None:
    assert parameters.judged(method, path, query, kinds, body, LISTS) == ("", kept)


@pytest.mark.parametrize(
    ("method", "path", "name", "may"),
    [
        ("GET", f"{API}/experiments/search", "order_by", True),
        ("HEAD", f"{API}/experiments/search", "order_by", True),
        # It ends like a plural, and is a number.
        ("GET", f"{API}/experiments/search", "max_results", False),
        ("GET", f"{API}/experiments/search", "run_ids", False),
        ("GET", f"{API}/registered-models/alias", "alias", False),
        ("GET", f"{API}/registered-models/get-latest-versions", "stages", True),
        ("GET", f"{API}/registered-models/get-latest-versions", "name", False),
        ("DELETE", "/ajax-api/3.0/mlflow/datasets/d-1/records", "dataset_record_ids", True),
        ("DELETE", "/ajax-api/3.0/mlflow/datasets/d-1/x/records", "dataset_record_ids", False),
        ("DELETE", f"{API}/traces/tr-1/tags", "key", False),
        ("GET", "/ajax-api/2.0/mlflow/metrics/get-history-bulk", "run_id", True),
        ("GET", f"{API}/runs/get", "run_id", False),
        ("GET", "/api/3.0/mlflow/roles/list", "workspace", True),
        ("GET", "/api/3.0/mlflow/roles/get", "workspace", False),
        ("GET", "/ajax-api/3.0/mlflow/scorers/online-configs", "scorer_ids", True),
        ("GET", "/ajax-api/3.0/mlflow/mcp-servers", "order_by", True),
        ("GET", "/api/3.0/mlflow/mcp-servers/io.example/x/endpoints", "order_by", True),
        ("GET", "/api/3.0/mlflow/mcp-servers", "filter_string", False),
        ("GET", "/graphql", "queries", False),
    ],
)
def test_only_what_the_route_reads_as_a_list_may_be_repeated(method: str, path: str, name: str, may: bool) -> None:
    said, _kinds = parameters.judged(method, path, f"{name}=x&other=&{name}=", [], False, LISTS)
    assert said == ("" if may else f"{name!r} is repeated in the query")


def test_a_label_says_which_field_is_repeated_where_the_field_does_not() -> None:
    """As with the protobuf that MLflow 2 needs."""

    class Field:
        LABEL_REPEATED = 3

        def __init__(self, name: str, label: int) -> None:
            self.name, self.label = name, label

    class Message:
        class DESCRIPTOR:
            fields = (Field("one", 1), Field("many", 3))

    found = parameters.lists([("/search", Message, ["GET"])])
    assert parameters.judged("GET", "/search", "many=1&many=2", [], False, found)[0] == ""
    assert "'one' is repeated" in parameters.judged("GET", "/search", "one=1&one=2", [], False, found)[0]


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        ({"run_id": "x", "tags": [{"key": "Key", "Value": "x"}]}, ""),
        ({}, ""),
        ({"run_id": "x", "runId": "y"}, "'runId': names of parameters must be lowercase"),
        (["run_id"], "the body must be a JSON object"),
        ('{"run_id": "x"}', "the body must be a JSON object"),
        (None, "the body must be a JSON object"),
    ],
)
def test_names_of_parameters_have_one_spelling(sent: Any, why: str) -> None:
    assert parameters.names_refused(sent).startswith(why)
    assert bool(parameters.names_refused(sent)) is bool(why)


def asked(headers: list[tuple[bytes, bytes]], method: str = "GET", query: bytes = b"") -> tuple[list[Any], list[Any]]:
    """The scopes that get to the application, and what is sent back, of one request to :class:`OnePlace`."""
    seen: list[Any] = []
    sent: list[Any] = []

    async def application(scope: Any, _receive: Any, _send: Any) -> None:
        seen.append(scope)

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": method, "path": "/x", "query_string": query, "headers": headers}
    asyncio.run(parameters.OnePlace(application, LISTS)(scope, None, send))
    return seen, sent


@pytest.mark.parametrize(
    "headers",
    [
        [(b"content-length", b"2")],
        [(b"Content-Length", b"0"), (b"content-length", b"2")],
        [(b"transfer-encoding", b"chunked")],
    ],
)
def test_what_does_not_come_to_flask_is_refused_before_it_is_answered(headers: list[tuple[bytes, bytes]]) -> None:
    seen, sent = asked(headers)
    assert seen == []
    assert sent[0]["status"] == 400
    answer = json.loads(sent[1]["body"])
    assert answer["error_code"] == "INVALID_PARAMETER_VALUE"
    assert "have no body" in answer["message"]


def test_what_goes_on_has_the_content_type_that_it_is_read_by() -> None:
    (scope,), sent = asked([(b"content-type", b"application/json"), (b"x-other", b"1"), (b"content-length", b"0")])
    assert scope["headers"] == [(b"x-other", b"1"), (b"content-length", b"0")]
    assert sent == []
    (scope,), _sent = asked([(b"Content-Type", b"text/plain"), (b"content-length", b"2")], "DELETE")
    assert scope["headers"] == [(b"content-length", b"2"), (b"content-type", b"application/json")]
