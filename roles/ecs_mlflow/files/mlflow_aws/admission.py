# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests that never get as far as MLflow's functions, although MLflow's own checks let them pass.

What tells everybody's names and rights is for admins: MLflow lets whoever has any right at all list
users, roles and the budgets of the gateway. A thing that a request names twice, in the path and in the
body, or by the former and the present name of a field, must be one thing: MLflow checks the right to the
one and hands out the other. And no job is begun where nothing runs jobs.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from flask import Response, request
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.server import auth

from mlflow_aws import parameters
from mlflow_aws.rights import caller, is_admin

#: Below /api/x.y/mlflow/ and /ajax-api/x.y/mlflow/.
ADMIN_ONLY = frozenset(
    (
        "users/list",
        "roles/get",
        "roles/list",
        "roles/permissions/list",
        "gateway/budgets/get",
        "gateway/budgets/list",
        "gateway/budgets/windows",
    )
)
#: They start a job, and leave a failed run behind where nothing runs jobs.
JOBS = frozenset(("scorer/invoke", "genai/evaluate/invoke", "issues/invoke", "prompt-optimization/jobs"))
#: The field that says to which address the server sends a key: whoever may edit the key may give it another value only.
ADDRESS = ("gateway/secrets/update", "auth_config")
#: The former and the present name of one field.
SYNONYMS = (("run_uuid", "run_id"),)
#: The only workspace of a server that has not been given others.
WORKSPACE = "default"
_API = re.compile(r"/(?:ajax-)?api/\d+\.\d+/mlflow/")


def install(app: Any, lists: parameters.Lists) -> None:
    """Ask for the login and then :func:`parameters.refusal` before MLflow's rules, and :func:`refusal` after them.

    :param lists: of :func:`parameters.lists`.
    """
    first = [_login, functools.partial(parameters.refusal, lists)]
    app.before_request_funcs.setdefault(None, [])[:0] = first
    app.before_request(refusal)


def _login() -> Response | None:
    """MLflow's answer to who has no login, before anything of the body is read."""
    if auth.is_unprotected_route(request.path):
        return None
    login = auth.authenticate_request()
    return login if isinstance(login, Response) else None


def refusal() -> Response | None:
    """The answer to a request that must not go on; none where it may."""
    if auth.is_unprotected_route(request.path):
        return None
    prefix = _API.match(request.path)
    route = request.path[prefix.end() :].rstrip("/") if prefix else ""
    named = route == ADDRESS[0] and any(ADDRESS[1] in sent for sent in _sent())
    if (named or route in ADMIN_ONLY) and not _administers():
        return auth.make_forbidden_response()
    if route in JOBS and request.method == "POST" and not _runs_jobs():
        return _refused("this server runs no jobs: MLFLOW_SERVER_ENABLE_JOB_EXECUTION is false")
    for name in named_twice(request.view_args or {}, _sent()) if prefix else ():
        return _refused(f"{name} has two different values in this request: send one")
    return None


def _refused(why: str) -> Response:
    error = MlflowException(why, INVALID_PARAMETER_VALUE)
    return Response(error.serialize_as_json(), status=400, mimetype="application/json")


def _runs_jobs() -> bool:
    return os.environ.get("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "").lower() in ("true", "1")


def _administers() -> bool:
    """Whether the sender is an admin, or manages the workspace and with it its roles."""
    who = caller()
    if who is None or is_admin(who) or not hasattr(auth, "_is_workspace_admin"):
        return is_admin(who)
    return bool(auth._is_workspace_admin(auth.store.get_user(who.username).id, WORKSPACE))


def _sent() -> list[Mapping[str, Any]]:
    """The parameters of the request in its query and in its body (:mod:`mlflow_aws.parameters`)."""
    # What is read here is kept for MLflow; the body of an artifact, which it takes as a stream, is not read.
    body = request.get_json(silent=True) if request.is_json else None
    return [request.args, body] if isinstance(body, dict) else [request.args]


def named_twice(path: Mapping[str, Any], sent: list[Mapping[str, Any]]) -> Iterator[str]:
    """The fields to which a request gives more than one value.

    :param path: the parameters in the path.
    :param sent: those of the URL's query and of the body.
    """
    for names in (*((name,) for name in path), *SYNONYMS):
        values = {str(source[name]) for source in (path, *sent) for name in names if source.get(name)}
        if len(values) > 1:
            yield " or ".join(names)
