# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A search answers the same whether something hidden matches or not: rows, tokens, order. And its pages are whole."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from tests.integration.runtime.people import Person, grant, person
from tests.integration.runtime.runtime_parts import Answer, Server

API, API_3 = "/api/2.0/mlflow", "/api/3.0/mlflow"
#: What of the owner's hidden thing is matched by the filter; what is not. One's own things match both.
HIT, MISS = "board", "bored"
PROMPT = {"key": "mlflow.prompt.is_prompt", "value": "true"}


@dataclass(frozen=True)
class Search:
    """One way to search: what is made to be found, and how it is asked for.

    :param make: makes something of the person's, with that name and that text, in that experiment where it has one.
    :param ask: asks for a word of the text, in an order, with a size of the page, a token, in these experiments.
    :param items: where the rows stand in the answer.
    :param token: where the token of the next page stands.
    """

    name: str
    generations: tuple[int, ...]
    make: Callable[[Person, str, str, str], None]
    ask: Callable[[Person, str, str, int, str, list[str]], Answer]
    items: tuple[str, ...]
    token: tuple[str, ...]


def _by_body(path: str, **more: Any) -> Callable[..., Answer]:
    def ask(who: Person, word: str, order: str, size: int, token: str, experiments: list[str]) -> Answer:
        body: dict[str, Any] = {"max_results": size, "filter": f"tags.t LIKE '%{word}%'", **more}
        if "logged-models" in path:
            body["order_by"] = [{"field_name": "name", "ascending": order == "ASC"}]
            body["experiment_ids"] = experiments
        elif "runs" in path:
            body["order_by"] = [f"tags.mlflow.runName {order}"]
            body["experiment_ids"] = experiments
        else:
            body["order_by"] = [f"name {order}"]
        return who.call("POST", path, body | ({"page_token": token} if token else {}))

    return ask


def _by_query(path: str, condition: str = "tags.t LIKE '%{word}%'", key: str = "filter") -> Callable[..., Answer]:
    def ask(who: Person, word: str, order: str, size: int, token: str, _experiments: list[str]) -> Answer:
        values = {"max_results": size, key: condition.format(word=word), "order_by": f"name {order}"}
        if "endpoints" in path:
            values["order_by"] = f"created_at {order}"
        return who.call("GET", f"{path}?{urlencode(values | ({'page_token': token} if token else {}))}")

    return ask


def _by_graphql(who: Person, word: str, order: str, size: int, token: str, _experiments: list[str]) -> Answer:
    asked = {"filter": f"tags.t LIKE '%{word}%'", "maxResults": size, "orderBy": [f"name {order}"]}
    fields = "modelVersions { name version } nextPageToken"
    text = f"query($i: MlflowSearchModelVersionsInput) {{ mlflowSearchModelVersions(input: $i) {{ {fields} }} }}"
    return who.call(
        "POST", "/graphql", {"query": text, "variables": {"i": asked | ({"pageToken": token} if token else {})}}
    )


def _tags(text: str) -> dict[str, Any]:
    return {"tags": [{"key": "t", "value": text}]}


def _experiment(who: Person, name: str, text: str, _experiment: str) -> None:
    who.api("experiments/create", {"name": name, **_tags(text)})


def _run(who: Person, name: str, text: str, experiment: str) -> None:
    who.api("runs/create", {"experiment_id": experiment, "run_name": name, "start_time": 1, **_tags(text)})


def _model(who: Person, name: str, text: str, _experiment: str) -> None:
    who.api("registered-models/create", {"name": name, **_tags(text)})


def _prompt(who: Person, name: str, text: str, _experiment: str) -> None:
    who.api("registered-models/create", {"name": name, "tags": [*_tags(text)["tags"], PROMPT]})


def _version(who: Person, name: str, text: str, experiment: str) -> None:
    who.api("registered-models/create", {"name": name})
    run = who.run(experiment)
    source = f"mlflow-artifacts:/{run.folder}"
    who.api("model-versions/create", {"name": name, "source": source, "run_id": run.run_id, **_tags(text)})


def _prompt_version(who: Person, name: str, text: str, _experiment: str) -> None:
    who.api("registered-models/create", {"name": name, "tags": [PROMPT]})
    tags = [*_tags(text)["tags"], PROMPT]
    who.api("model-versions/create", {"name": name, "source": "dummy-source", "tags": tags})


def _logged_model(who: Person, name: str, text: str, experiment: str) -> None:
    who.api("logged-models", {"experiment_id": experiment, "name": name, **_tags(text)})


def _mcp(who: Person, name: str, text: str, _experiment: str) -> None:
    server = f"io.example/{name}"
    assert who.call("POST", f"{API_3}/mcp-servers", {"name": server}).status < 300
    assert who.call("POST", f"{API_3}/mcp-servers/{server}/tags", {"key": "t", "value": text}).status < 300


def _mcp_endpoint(who: Person, name: str, text: str, _experiment: str) -> None:
    server = f"io.example/{name}-{text}"
    for path, body in (
        ("", {"name": server}),
        (f"/{server}/versions", {"server_json": {"name": server, "version": "1.0.0", "description": "d"}}),
        (f"/{server}/endpoints", {"server_version": "1.0.0", "url": f"https://{name}.example/"}),
    ):
        answer = who.call("POST", f"{API_3}/mcp-servers{path}", body)
        assert answer.status < 300, answer.body


MODELS, VERSIONS = ("registered_models",), ("model_versions",)
IS_PROMPT = "tags.t LIKE '%{word}%' AND tags.`mlflow.prompt.is_prompt` = 'true'"
TOKEN = ("next_page_token",)
SEARCHES = [
    Search("experiments", (2, 3), _experiment, _by_body(f"{API}/experiments/search"), ("experiments",), TOKEN),
    Search(
        "experiments by query", (2, 3), _experiment, _by_query(f"{API}/experiments/search"), ("experiments",), TOKEN
    ),
    Search("runs", (3,), _run, _by_body(f"{API}/runs/search"), ("runs",), TOKEN),
    Search("models", (2, 3), _model, _by_query(f"{API}/registered-models/search"), MODELS, TOKEN),
    Search("prompts", (3,), _prompt, _by_query(f"{API}/registered-models/search", IS_PROMPT), MODELS, TOKEN),
    Search("versions", (2, 3), _version, _by_query(f"{API}/model-versions/search"), VERSIONS, TOKEN),
    Search(
        "versions of prompts",
        (3,),
        _prompt_version,
        _by_query(f"{API}/model-versions/search", IS_PROMPT),
        VERSIONS,
        TOKEN,
    ),
    Search(
        "versions by GraphQL",
        (3,),
        _version,
        _by_graphql,
        ("data", "mlflowSearchModelVersions", "modelVersions"),
        ("data", "mlflowSearchModelVersions", "nextPageToken"),
    ),
    Search("logged models", (3,), _logged_model, _by_body(f"{API}/logged-models/search"), ("models",), TOKEN),
    Search("MCP servers", (3,), _mcp, _by_query(f"{API_3}/mcp-servers", key="filter_string"), ("mcp_servers",), TOKEN),
    Search(
        "MCP endpoints",
        (3,),
        _mcp_endpoint,
        _by_query(f"{API_3}/mcp-servers/endpoints", "server_name LIKE '%{word}%'", "filter_string"),
        ("mcp_access_endpoints",),
        TOKEN,
    ),
]


def _at(answer: Any, keys: tuple[str, ...]) -> Any:
    for key in keys:
        answer = (answer or {}).get(key)
    return answer


def _plain(token: str) -> Any:
    """A token without the request's own words, which MLflow keeps in that of logged models."""
    said = json.loads(base64.b64decode(token))
    return said.get("offset", said) if isinstance(said, dict) else said


def _pages(search: Search, who: Person, word: str, order: str, size: int, experiments: list[str]) -> list[Any]:
    """Everything of each page: status, rows, token."""
    pages: list[Any] = []
    token = ""
    while len(pages) < 20:
        answer = search.ask(who, word, order, size, token, experiments)
        assert answer.status == 200, answer.body
        token = _at(answer.json, search.token) or ""
        text = json.dumps(answer.json)
        pages.append(json.loads(text.replace(token, str(_plain(token))) if token else text))
        if not token:
            return pages
    raise AssertionError(pages)


def _here(search: Search, server: Server) -> None:
    if server.task.runtime.generation not in search.generations:
        pytest.skip("this MLflow has no such search, or refuses one in others' experiments as a whole")


@pytest.mark.parametrize("search", SEARCHES, ids=lambda search: search.name)
def test_a_search_tells_nothing_of_what_is_hidden(server: Server, search: Search) -> None:
    """Of a row that matches the filter, or is before or after one's own in any order, neither rows nor tokens tell."""
    _here(search, server)
    owner, somebody, newcomer = person(server), person(server), person(server)
    theirs, own = owner.experiment(), somebody.experiment()
    number = secrets.token_hex(4)
    hit, miss = f"{HIT}{number}", f"{MISS}{number}"
    for name in ("aaa", "mmm", "zzz"):
        search.make(owner, f"{name}-{number}-theirs", hit, theirs)
    for name in ("bbb", "nnn"):
        search.make(somebody, f"{name}-{number}-own", f"{hit}-{miss}", own)
    for order in ("ASC", "DESC"):
        for size in (1, 2, 5):
            pages = [_pages(search, somebody, word, order, size, [theirs, own]) for word in (hit, miss)]
            assert pages[0] == pages[1], (order, size)
            rows = [row for page in pages[0] for row in _at(page, search.items) or ()]
            assert len(rows) == 2, rows
            assert all(number in json.dumps(row) and "theirs" not in json.dumps(row) for row in rows), rows
            assert len(pages[0]) == (2 if size == 1 else 1)
            nothing = [_pages(search, newcomer, word, order, size, [theirs]) for word in (hit, miss, "nothing")]
            assert nothing[0] == nothing[1] == nothing[2]
    # The owner's own search finds them: nothing above is empty for want of something to find.
    found = _pages(search, owner, hit, "ASC", 1, [theirs])
    assert [len(_at(page, search.items)) for page in found] == [1, 1, 1]


def test_versions_that_are_denied_are_no_page_either(server: Server) -> None:
    """Who may read a model and is denied all versions: MLflow strikes them, and leaves the token of the page."""
    if server.task.runtime.generation == 2:
        pytest.skip("MLflow 2 gives no rights on versions")
    owner, reader, name = person(server), person(server), f"m-{secrets.token_hex(4)}"
    _version(owner, name, "x", owner.experiment())
    run = owner.run(owner.experiment())
    second = {"name": name, "source": f"mlflow-artifacts:/{run.folder}", "run_id": run.run_id}
    owner.api("model-versions/create", second)
    grant(server, reader, "registered_model", name)
    search = "model-versions/search?max_results=1&filter=" + quote(f"name = '{name}'")
    page = reader.api(search, method="GET")
    assert [row["version"] for row in page["model_versions"]] == ["2"]
    assert page["next_page_token"]
    grant(server, reader, "registered_model_version", "*", "DENY")
    assert reader.api(search, method="GET") == {}


#: What is there besides: more than MLflow fetches at once.
MANY = 2500
FILL = {
    "experiments": "INSERT INTO experiments (name, lifecycle_stage) "
    "SELECT 'hidden-' || %s || i, 'active' FROM generate_series(1, %s) i",
    "registered_models": "INSERT INTO registered_models (name) "
    "SELECT 'hidden-' || %s || i FROM generate_series(1, %s) i",
    "model_versions": "INSERT INTO model_versions (name, version, current_stage) "
    "SELECT name, 1, 'None' FROM registered_models WHERE name LIKE 'hidden-' || %s || '%%' LIMIT %s",
}


@pytest.mark.slow
def test_a_person_with_few_rights_among_many_rows_gets_whole_pages(server: Server) -> None:
    """No row missed, none twice, no page with less than was asked for but the last."""
    reader, owner, number = person(server), person(server), secrets.token_hex(4)
    expected: dict[str, list[str]] = {"experiments": [], "registered_models": [], "model_versions": []}
    experiment = owner.experiment()
    for step in range(7):
        # Between the person's own rows lie hundreds of others.
        for statement in FILL.values():
            server.task.postgres.query(
                statement, (f"{number}-{step}-", MANY // 7), server.task.env["MLFLOW_AWS_DB_TRACKING"]
            )
        name = f"own-{number}-{step}"
        made = owner.api("experiments/create", {"name": name})["experiment_id"]
        _version(owner, name, "x", experiment)
        grant(server, reader, "experiment", made)
        grant(server, reader, "registered_model", name)
        for names in expected.values():
            names.append(name)
    for key, path in (
        ("experiments", "experiments/search"),
        ("registered_models", "registered-models/search"),
        ("model_versions", "model-versions/search"),
    ):
        for order in ("", "&order_by=name%20ASC", "&order_by=name%20DESC"):
            sizes: list[int] = []
            found: list[str] = []
            token = ""
            while not sizes or token:
                more = f"&page_token={quote(token)}" if token else ""
                answer = reader.api(f"{path}?max_results=3{order}{more}", method="GET")
                sizes.append(len(answer.get(key, ())))
                found += [row["name"] for row in answer.get(key, ())]
                token = answer.get("next_page_token", "")
            assert sorted(found) == expected[key], (key, order)
            assert sizes == [3, 3, 1], (key, order)
            if order:
                assert found == sorted(found, reverse="DESC" in order)
