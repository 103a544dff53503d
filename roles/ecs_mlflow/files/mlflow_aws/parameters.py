# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A request has its parameters in one place, and each under one name.

MLflow's checks of rights read a parameter from the query or from the body, by method and content type; its functions
choose by rules of their own, and take ``runId`` for ``run_id``. Whoever sends both has the right to the one checked and
gets the other. Such a request is refused before anything looks at it: what is left can be read in one way only.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable
from typing import Any
from urllib.parse import parse_qsl

from flask import Response, request
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE

_JSON = "application/json"
_READS = ("GET", "HEAD", "OPTIONS")
_API = re.compile(r"/(?:ajax-)?api/\d+\.\d+/mlflow(?:-artifacts)?/")
#: Bodies that are no parameters: files, forms, spans, and what the gateway passes on.
_OTHER = re.compile(
    r"/(?:ajax-)?api/2\.0/mlflow(?:-artifacts/artifacts/.*|/upload-artifact|/users/create-ui)|/v1/traces|/gateway/.*"
)
#: Routes without a message, and the parameter of their query that is a list.
_LISTS = {
    r".*/mlflow/metrics/get-history-bulk": "run_id",
    r".*/mlflow/roles/list": "workspace",
    r".*/mlflow/scorers/online-configs": "scorer_ids",
    r".*/mlflow/mcp-servers(/.*)?": "order_by",
}

#: By paths: the parameters of a query that are lists.
Lists = Collection[tuple[re.Pattern[str], Collection[str]]]


def lists(endpoints: Iterable[tuple[str, Any, Any]]) -> Lists:
    """Which parameters a query may repeat: what the message of the route's request has as a repeated field.

    :param endpoints: path, as Flask has it, message or another function, and methods of each route.
    """
    found = [(re.compile(path), (name,)) for path, name in _LISTS.items()]
    for path, message, _methods in endpoints:
        fields = message.DESCRIPTOR.fields if hasattr(message, "DESCRIPTOR") else ()
        names = tuple(field.name for field in fields if _repeated(field))
        if names:
            found.append((re.compile(re.sub("<[^>]+>", "[^/]+", path)), names))
    return found


def _repeated(field: Any) -> bool:
    # protobuf 5, of MLflow 2, has the label only, and 7 has no labels.
    return bool(field.is_repeated if hasattr(field, "is_repeated") else field.label == field.LABEL_REPEATED)


def _refused(why: str) -> str:
    return str(MlflowException(why, INVALID_PARAMETER_VALUE).serialize_as_json())


def judged(
    method: str, path: str, query: str, kinds: list[str], body: bool, known: Lists = ()
) -> tuple[str, list[str]]:
    """Why the request is refused (nothing where it is not), and the content types that it goes on with.

    :param query: the raw query string.
    :param kinds: the values of its headers ``Content-Type``.
    :param body: whether it announces a body.
    :param known: what :func:`lists` answers.
    """
    if method in _READS:
        if body:
            return f"{method} requests of this server have no body: their parameters belong in the query", kinds
        kinds = []  # MLflow would look for a JSON body then; its page sends the type with every request
    if len(kinds) > 1:
        return "the request has more than one Content-Type", kinds
    if _OTHER.fullmatch(path):
        return "", kinds
    for name, times in Counter(name for name, _value in parse_qsl(query, keep_blank_values=True)).items():
        if times > 1 and not any(name in names and of.fullmatch(path) for of, names in known):
            return f"{name[:80]!r} is repeated in the query", kinds
    if query and method not in _READS and (body or method != "DELETE"):
        # Without a body MLflow checks the experiments in the query, and searches all.
        return f"the parameters of a {method} request belong in its body, not in a query", kinds
    if not body:
        return "", kinds
    kind = "".join(kinds).partition(";")[0].strip().lower()
    if method == "DELETE" and kind in ("", "text/plain"):
        kinds = [_JSON]  # MLflow's page deletes scorers so
    elif kind != _JSON:
        return f"the body must be sent as Content-Type: {_JSON}", kinds
    return "", kinds


def names_refused(sent: Any) -> str:
    """Why the parameters of a JSON body are refused."""
    if not isinstance(sent, dict):
        return "the body must be a JSON object"
    strange = next((name for name in sent if name != name.lower()), "")
    return strange and f"{strange[:80]!r}: names of parameters must be lowercase, such as run_id"


def refusal(known: Lists) -> Response | None:
    """Before MLflow's rules: the answer to a request whose parameters can be read in more than one way."""
    kind, length = request.environ.get("CONTENT_TYPE"), request.environ.get("CONTENT_LENGTH")
    body = length not in (None, "", "0") or "HTTP_TRANSFER_ENCODING" in request.environ
    query = request.query_string.decode("latin-1")
    why, kinds = judged(request.method, request.path, query, [kind] if kind else [], body, known)
    request.environ["CONTENT_TYPE"] = "".join(kinds)
    if not why and body and _API.match(request.path) and not _OTHER.fullmatch(request.path):
        why = names_refused(request.get_json(silent=True))  # MLflow gets the same object
    return Response(_refused(why), 400, mimetype=_JSON) if why else None


def _values(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in headers if key.lower() == name]


class OnePlace:
    """ASGI middleware, for what does not come to Flask: artifacts, spans, MCP servers."""

    def __init__(self, app: Any, known: Lists) -> None:
        self._app, self._known = app, known

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            headers = scope["headers"]
            body = {*_values(headers, b"content-length"), "0"} != {"0"} or bool(_values(headers, b"transfer-encoding"))
            query = scope["query_string"].decode("latin-1")
            kinds = _values(headers, b"content-type")
            why, kinds = judged(scope["method"], scope["path"], query, kinds, body, self._known)
            if why:
                text = _refused(why).encode()
                answer = [(b"content-type", _JSON.encode()), (b"content-length", str(len(text)).encode())]
                await send({"type": "http.response.start", "status": 400, "headers": answer})
                await send({"type": "http.response.body", "body": text})
                return
            kept = [(key, value) for key, value in headers if key.lower() != b"content-type"]
            scope["headers"] = [*kept, *((b"content-type", kind.encode("latin-1")) for kind in kinds)]
        await self._app(scope, receive, send)
