# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests that say each thing twice: once about what is one's own, once about what is somebody else's.

A check of rights may read the one and the function behind it the other. Which of them reads what is not asked here: the
two values stand in every pair of places, in both orders, by both names of a field, under all kinds of content types.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from tests.integration.runtime.route_ground import Ground, query
from tests.integration.runtime.route_rows import Ask, Row

#: Content types of bodies; the empty one is none.
KINDS = (
    "application/json",
    "application/json; charset=utf-16",
    "Application/JSON",
    "application/vnd.api+json",
    "text/plain;charset=UTF-8",
    "application/x-www-form-urlencoded",
    "application/grpc-web+proto",
    "multipart/form-data; boundary=x",
    "",
)
#: Routes whose body is no set of parameters: a file, spans, what a gateway passes on.
_OTHER = re.compile(r"/v1/traces|/gateway/|/api/2\.0/mlflow/upload-artifact|/api/2\.0/mlflow-artifacts/artifacts/")
#: What of one's own stands for what of the owner's.
_LIKE = {
    "owner_name": "username",
    "idle_name": "username",
    "second_run": "run",
    "prompt": "model",
    "second_dataset": "dataset",
    "feedback": "assessment",
    "expectation": "assessment",
    "placed": "experiment",
}


@dataclass(frozen=True)
class Double:
    """One request. ``refused``: it has parameters both in the query and in the body, or a body where none belongs."""

    path: dict[str, str]
    query: str = ""
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    refused: bool = False


def mine(ground: Ground, pattern: Any, who: str) -> Any:
    """``pattern`` with the caller's own things in place of the owner's."""
    if isinstance(pattern, str):

        def own(found: re.Match[str]) -> str:
            if found[1] in ("model_other_name", "queue_name", "label_name"):  # or one's own had the owner's names
                return "$new"
            name = f"my_{_LIKE.get(found[1], found[1])}"
            return f"${name}" if name in ground.own[who] else found[0]

        return re.sub(r"\$(\w+)", own, pattern)
    if isinstance(pattern, dict):
        return {mine(ground, key, who): mine(ground, value, who) for key, value in pattern.items()}
    if isinstance(pattern, list):
        return [mine(ground, value, who) for value in pattern]
    return pattern


def camel(values: Any) -> Any:
    """``values`` with all keys as protobuf spells them in JSON (https://protobuf.dev/programming-guides/json/)."""
    if isinstance(values, dict):
        return {re.sub(r"_(\w)", lambda found: found[1].upper(), key): camel(value) for key, value in values.items()}
    return [camel(value) for value in values] if isinstance(values, list) else values


def _fields(ask: Ask) -> dict[str, Any]:
    values = {**ask.values.get("path", {}), **ask.values.get("query", {})}
    body = ask.values.get("body")
    return {**values, **body} if isinstance(body, dict) else values


def _body(values: dict[str, Any], kind: str) -> bytes:
    if "form" in kind and "multipart" not in kind:
        return urlencode(values, doseq=True).encode()
    return json.dumps(values).encode("utf-16" if "utf-16" in kind else "utf-8")


def _twice(one: dict[str, Any], other: dict[str, Any]) -> bytes:
    """A JSON object in which each name stands twice."""
    return b"{" + json.dumps(one).encode()[1:-1] + b", " + json.dumps(other).encode()[1:-1] + b"}"


def own_words(ground: Ground, ask: Ask, who: str) -> set[str]:
    """The owner's words in what the caller says of its own: these alone show no effect on what is the owner's."""
    return ground.mentioned(json.dumps(ground.fill(mine(ground, _fields(ask), who), who)))


def doubles(ground: Ground, row: Row, ask: Ask, who: str) -> Iterator[Double]:
    """All such requests of a route; none where it has no parameters."""
    pattern = _fields(ask)
    if not pattern or row.method == "GRAPHQL":
        return
    if "password" in pattern:  # whoever changes its own would know it no more
        pattern["password"] = ground.people[who][1]
    theirs, own = ground.fill(pattern, who), ground.fill(mine(ground, pattern, who), who)
    paths = ask.values.get("path", {})
    their_path, own_path = ground.fill(paths, who), ground.fill(mine(ground, paths, who), who)
    reads, strict = set(row.methods) <= {"GET"}, not _OTHER.match(row.path)
    json_type = {"Content-Type": KINDS[0]}
    for queried, sent in ((own, theirs), (theirs, own)):
        refused = reads or (strict and bool(query(queried)))
        for kind in KINDS:
            headers = {"Content-Type": kind} if kind else {}
            for asked, said in ((queried, sent), (camel(queried), sent), (queried, camel(sent))):
                body = _body(said, kind)
                yield Double(own_path, query(asked), body, headers, refused)
        chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(_body(sent, "")), _body(sent, ""))
        yield Double(own_path, query(queried), chunked, {**json_type, "Transfer-Encoding": "chunked"}, refused)
        yield Double(own_path, f"{query(queried)}&{query(sent)}")
        yield Double(own_path, f"{query(queried)}&{query({f'{name}[]': value for name, value in sent.items()})}")
        yield Double(own_path, "", _twice(queried, sent), json_type, reads)
        yield Double(own_path, "", _twice(queried, camel(sent)), json_type, reads)
        yield Double(own_path, "", _twice(camel(queried), sent), json_type, reads)
    for kind in KINDS:
        for path, said in ((own_path, theirs), (their_path, own), (own_path, camel(theirs))):
            yield Double(path, "", _body(said, kind), {"Content-Type": kind} if kind else {}, reads)
    for path, asked in ((own_path, theirs), (their_path, own), (own_path, camel(theirs))):
        yield Double(path, query(asked))
        yield Double(path, query(asked), None, json_type)
    for odd in (json.dumps(theirs), [theirs], [own, theirs]):  # MLflow reads JSON within a JSON string too
        yield Double(own_path, "", json.dumps(odd).encode(), json_type, reads)
    if {"run_id", "run_uuid"} & set(theirs):
        for first, second in (("run_id", "run_uuid"), ("run_uuid", "run_id")):
            one = {key: value for key, value in theirs.items() if key not in ("run_id", "run_uuid")}
            both = {**one, first: own.get("run_id", ""), second: theirs.get("run_id", "")}
            yield Double(own_path, query(both)) if reads else Double(own_path, "", _body(both, ""), json_type)
