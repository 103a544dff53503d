# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every route of the server, asked for somebody else's things by those who have no right to them (routes.yml)."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from operator import attrgetter

import pytest
import yaml

from tests.integration.runtime.route_doubles import Double, doubles, own_words
from tests.integration.runtime.route_ground import Ground, begin_listing, listed, own_things, prepared, query
from tests.integration.runtime.route_rights import grant, join, measured, new_person, new_target, seen
from tests.integration.runtime.route_rows import RIGHTS, Ask, Row, rows
from tests.integration.runtime.route_state import State, changes
from tests.integration.runtime.runtime_parts import ROOT, Answer, Server, Storage

# Some thousand requests for each version. That no route is without a row is asked each time: test_runtime_server.py.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
ROWS = rows()
#: What each of the people may at most with the owner's things.
PEOPLE = {
    "stranger": "anyone",
    "plain": "login",
    "elsewhere": "login",
    "reader": "READ",
    "editor": "EDIT",
    "owner": "owner",
    "admin": "admin",
}
#: Of these nobody but the admin (and the owner of the login) may know anything.
PRIVATE = ("server", "gateway")
SHOWN = 8
PAGE = (ROOT / "docs" / "access.md").read_text(encoding="utf-8")
#: The rows of the page's table of rights: which, whether on the workspace, and the cells with yes or no.
HELD = re.findall(
    r"^\| `?([A-Z]+|nothing)`?(?: on (?:an experiment or a model|the (workspace)))? \|(.*)\|$", PAGE, re.M
)


@dataclass
class Routes:
    """What is asked, and what the server has."""

    ground: Ground
    state: State
    #: The paths of the server, by the row that they belong to.
    served: dict[str, list[str]]
    after: Counter[str]


@pytest.fixture(scope="module")
def routes(server: Server, storage: Storage) -> Iterator[Routes]:
    """The server with one owner's things on it, and the list of its routes."""
    with begin_listing(server.task) as listing:
        ground = prepared(server, storage)
        served = listed(listing)
    state = State(ground)
    try:
        yield Routes(ground, state, served, state.read())
    finally:
        state.close()


def _request(routes: Routes, who: str, method: str, path: str, ask: Ask) -> tuple[Answer, str]:
    """The answer to ``ask``, and the request as a text."""
    fill = routes.ground.fill
    if method == "GRAPHQL":
        method, path, body = "POST", "/graphql", json.dumps({"query": fill(ask.values["graphql"], who)})
    else:
        body = fill(ask.values["raw"], who) if "raw" in ask.values else json.dumps(fill(ask.values.get("body"), who))
    for name, value in ask.values.get("path", {}).items():
        path = path.replace(f"<{name}>", fill(value, who))
    if "query" in ask.values:
        path += "?" + query(fill(ask.values["query"], who))
    headers = {"Content-Type": "application/json", **fill(ask.values.get("headers", {}), who)}
    # A GET with a body gets nobody anything, whoever it is: test_what_is_said_twice_gets_nobody_what_is_not_theirs.
    data = None if body == "null" or method in ("GET", "HEAD") else body.encode()
    answer = routes.ground.ask(who, method, path, data, headers if data is not None else {})
    return answer, f"{method} {fill(path, who)} {body} {headers}"


def _leak(routes: Routes, row: Row, who: str, answer: Answer, request: str) -> str:
    """What ``answer`` holds of the owner's; empty where it is nothing that ``who`` must not have."""
    if who in ("owner", "admin") or (who in ("reader", "editor") and row.thing not in PRIVATE):
        return ""
    told = routes.ground.told(answer, request)
    return f"{who}: {request[:400]}\n  -> {answer.status} told {sorted(told)[:SHOWN]}" if told else ""


def _denied(right: str, who: str) -> bool:
    return RIGHTS.index(PEOPLE[who]) < RIGHTS.index(right)


def _askers(row: Row, ask: Ask, generation: int) -> list[str]:
    """Who sends ``ask``: those who may not, and those whose own answer must hold nothing of the owner's."""
    strangers = ["stranger", "plain", "elsewhere"]
    everybody = [*strangers, "reader", "editor"]
    if row.right(generation) == "nobody":
        everybody += ["owner", "admin"]
    return [who for who in everybody if _denied(ask.may, who) or who in strangers or row.thing in PRIVATE]


def _sent(routes: Routes, row: Row, ask: Ask, who: str, method: str, path: str) -> list[str]:
    """Send ``ask``, what follows from it and what must look the same; what was wrong with the answers."""
    answer, request = _request(routes, who, method, path, ask)
    wrong = [_leak(routes, row, who, answer, request)]
    denied = _denied(ask.may, who)
    twice = answer.status == 400 and b"is repeated in the query" in answer.body  # whoever sends it
    refused = twice or (ask.may == "nobody" and answer.status >= 400)
    if who == "stranger" and denied and answer.status != 401 and not refused:
        wrong.append(f"{who}: {request[:400]}\n  -> {answer.status} instead of 401")
    recognised = row.proof in ("content", "change") or ask.may != row.right(routes.ground.generation)
    if denied and not recognised and answer.status < 400:
        wrong.append(f"{who}: {request[:400]}\n  -> {answer.status}: {answer.body[:200]!r}")
    if method == "GET" and who == "plain" and answer.status >= 400:
        head, _request_of_head = _request(routes, who, "HEAD", path, ask)
        if head.status < 400:
            wrong.append(f"{who}: HEAD instead of {request[:400]}\n  -> {head.status} {head.headers}")
    if "twin" in ask.values and who in ("stranger", "plain", "elsewhere"):
        other, _other = _request(routes, who, method, path, Ask(ask.may, ask.values["twin"]))
        if (answer.status, answer.body) != (other.status, other.body):
            wrong.append(f"{who}: {request[:400]}\n  -> {answer.body[:200]!r}, and for nothing {other.body[:200]!r}")
    for then in ask.others("then"):
        follow_method, follow = then.values["route"].split(" ")
        followed, told = _request(routes, who, follow_method, follow.replace("/api/", "/ajax-api/"), then)
        wrong.append(_leak(routes, row, who, followed, told))
    return [line for line in wrong if line]


def _effect(routes: Routes, ask: Ask, asked: list[str]) -> list[str]:
    """What ``asked`` have changed that they must not."""
    before, routes.after = routes.after, routes.state.read()
    changed = changes(before, routes.after)
    if all(not _denied(ask.may, who) for who in asked):  # one's own things, then; and nothing of the owner's
        changed = [line for line in changed if routes.ground.mentioned(line)]
    return [f"changed by {ask.values}: {line[:300]}" for line in changed[:SHOWN]]


def _here(row: Row, routes: Routes) -> None:
    if routes.ground.generation not in row.generations:
        pytest.skip("this MLflow has no such route")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.route)
def test_nobody_gets_what_is_not_theirs(routes: Routes, row: Row) -> None:
    """No answer with the owner's words, no effect on what it has, for any who may not, by any of the route's names."""
    _here(row, routes)
    wrong: list[str] = []
    for ask in row.requests(routes.ground.generation):
        asking = _askers(row, ask, routes.ground.generation)
        for allowed in (False, True):
            asked = [who for who in asking if _denied(ask.may, who) is not allowed]
            for who in asked:
                for path in routes.served[row.route]:
                    for method in row.methods:
                        wrong += _sent(routes, row, ask, who, method, path)
            if asked:
                wrong += _effect(routes, ask, asked)
    assert not wrong, "\n".join(wrong)


#: Other spellings of a path that a proxy, Flask or FastAPI may take for the same.
SPELLINGS = (
    lambda path: f"{path}/",
    lambda path: f"/{path}",
    lambda path: path.replace("/mlflow", "//mlflow", 1),
    lambda path: path.replace("mlflow", "%6dlflow", 1),
    lambda path: f"{path};x",
    lambda path: f"/x/..{path}",
)


@pytest.mark.parametrize("row", [row for row in ROWS if row.method != "GRAPHQL"], ids=lambda row: row.route)
def test_no_other_spelling_of_a_route_lets_more_pass(routes: Routes, row: Row) -> None:
    _here(row, routes)
    ask = row.requests(routes.ground.generation)[0]
    wrong: list[str] = []
    for spell in SPELLINGS:
        for method in row.methods:
            path = spell(routes.served[row.route][0])
            answer, request = _request(routes, "plain", method, path, ask)
            wrong.append(_leak(routes, row, "plain", answer, request))
    wrong = [line for line in wrong if line] + _effect(routes, ask, ["plain"])
    assert not wrong, "\n".join(wrong)


def _doubled(routes: Routes, who: str, method: str, path: str, double: Double) -> tuple[Answer, str]:
    for name, value in double.path.items():
        path = path.replace(f"<{name}>", value)
    path += f"?{double.query}" if double.query else ""
    answer = routes.ground.ask(who, method, path, double.body, double.headers)
    said = (double.body or b"").replace(b"\0", b"")  # UTF-16 too
    return answer, f"{method} {path} {said!r} {double.headers}"


@pytest.mark.parametrize("row", [row for row in ROWS if row.method != "GRAPHQL"], ids=lambda row: row.route)
def test_what_is_said_twice_gets_nobody_what_is_not_theirs(routes: Routes, row: Row) -> None:
    """Once about one's own, once about the owner's, in all pairs of places: no word of the owner's, and no effect."""
    _here(row, routes)
    ground = routes.ground
    ask, who = row.requests(ground.generation)[0], "plain"
    if row.right(ground.generation) in ("anyone", "login"):
        ask = next((one for one in row.requests(ground.generation) if "$experiment" in str(one.values)), ask)
    wrong: list[str] = []
    excepted = own_words(ground, ask, who)
    for double in doubles(ground, row, ask, who):
        for method in [*row.methods, *["HEAD" for method in row.methods if method == "GET"]]:
            answer, request = _doubled(routes, who, method, routes.served[row.route][0], double)
            wrong.append(_leak(routes, row, who, answer, request))
            if double.refused and answer.status < 400:
                wrong.append(f"{request[:400]}\n  -> {answer.status} instead of 400: {answer.body[:200]!r}")
    before, routes.after = routes.after, routes.state.read()
    wrong += [f"changed: {line[:300]}" for line in changes(before, routes.after) if ground.mentioned(line) - excepted]
    if row.last or "DELETE" in row.methods or "/delete" in row.path:  # of its own, something may be gone
        ground.own[who] = own_things(ground, who)
        routes.after = routes.state.read()
    wrong = [line for line in wrong if line]
    assert not wrong, "\n".join(wrong[:SHOWN])


@pytest.mark.parametrize("kind", ["experiment", "registered_model"])
@pytest.mark.parametrize(("right", "where", "cells"), HELD, ids=lambda value: str(value).strip(" |"))
def test_a_right_shows_what_the_page_says(routes: Routes, right: str, where: str, cells: str, kind: str) -> None:
    ground = routes.ground
    if where and ground.generation == 2:
        pytest.skip("MLflow 2 has no workspaces")
    target, who = new_target(ground, kind), new_person(ground)
    if where:
        join(ground, who, [{"resource_type": "workspace", "resource_pattern": "*", "permission": right}])
    elif right != "nothing":
        assert grant(ground, who, kind, target.thing, right) == 200
    promised = [cell.strip() == "yes" for cell in cells.split("|")]
    assert measured(ground, who, target) == promised
    routes.after = routes.state.read()


def test_the_example_of_the_page_shows_its_member_nothing_else(routes: Routes) -> None:
    """The inventory on the page, as a role's modules would make it of the server."""
    ground = routes.ground
    if ground.generation == 2:
        pytest.skip("MLflow 2 has no roles")
    example = yaml.safe_load(re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)[0])
    numbers = {
        row["name"]: ground.make("admin", "POST", "/api/2.0/mlflow/experiments/create", {"name": row["name"]})[
            "experiment_id"
        ]
        for row in example["mlflow_experiments"]
    }
    for row in example["mlflow_registered_models"]:
        ground.make("admin", "POST", "/api/2.0/mlflow/registered-models/create", {"name": row["name"]})
    (role,) = example["mlflow_roles"]
    assert {item["resource_type"] for item in role["permissions"]} == {"experiment", "registered_model"}
    member = new_person(ground)
    permissions = [
        {
            "resource_type": item["resource_type"],
            "resource_pattern": numbers.get(item["name"], item["name"]),
            "permission": item["permission"],
        }
        for item in role["permissions"]
    ]
    join(ground, member, permissions)
    assert seen(ground, member) == (set(numbers), {row["name"] for row in example["mlflow_registered_models"]})
    routes.after = routes.state.read()


@pytest.mark.parametrize("row", sorted(ROWS, key=attrgetter("last")), ids=lambda row: row.route)
def test_the_request_is_right(routes: Routes, row: Row) -> None:
    """The same request works for whoever may: a refusal above is one of the right, not of a wrong parameter."""
    _here(row, routes)
    ground = routes.ground
    if row.proof == "none" or row.right(ground.generation) == "nobody":
        pytest.skip(row.why)
    ask = row.requests(ground.generation)[0]
    # A change is made once: by the route's other name there would be nothing left to do.
    for path in routes.served[row.route][: 1 if row.proof == "change" or row.last else None]:
        before = routes.state.read() if row.proof == "change" else None
        answer, request = _request(routes, row.prover(ground.generation), row.methods[-1], path, ask)
        assert answer.status < 400, f"{request}\n{answer.status} {answer.body[:600]!r}"
        if row.proof == "content":
            assert ground.told(answer, request), f"{request}\n{answer.body[:600]!r}"
        if row.proof == "change":
            changed = before != routes.state.read()
            assert changed, f"{request} changed nothing: {answer.body[:600]!r}"
        if "undo" in ask.values:
            # MLflow 2 leaves the permissions with the former name.
            _request(routes, "admin", row.methods[-1], path, Ask(ask.may, ask.values["undo"]))
    routes.after = routes.state.read()
