# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What MLflow 2's login application leaves open: every route that it does not check itself is checked here, or closed.

MLflow 2 lets everybody with a login use a route that it has no rule for: searches of runs, downloads, uploads, traces.
Here such a route needs a rule of ours, and MLflow's own permissions decide; without one it is for admins. MLflow 2 also
takes requests for any host and from any page, and passwords of any length.
"""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Callable, Iterable
from typing import Any

from flask import Response, make_response, request
from mlflow.exceptions import MlflowException
from mlflow.protos.model_registry_pb2 import RenameRegisteredModel
from mlflow.protos.service_pb2 import (
    DeleteTraces,
    GetMetricHistoryBulkInterval,
    LogInputs,
    SearchDatasets,
    SearchRuns,
    StartTrace,
)
from mlflow.server import auth, handlers
from mlflow.server.auth.db.models import SqlRegisteredModelPermission  # type: ignore[attr-defined]  # of MLflow 2

from mlflow_aws.rights import caller, experiment_permission, is_admin, model_permission

Rule = Callable[[str], bool]

SHORTEST_PASSWORD = 12
_API = re.compile(r"/(?:ajax-)?api/2\.0(?=/)")
_TRACE = re.compile(r"/mlflow/traces/(?P<trace>[^/]+)(?P<part>/info|/tags)?")
_ARTIFACTS = re.compile(r"/mlflow-artifacts/(artifacts|mpu)(/.*)?")
_PASSWORDS = ("/mlflow/users/create", "/mlflow/users/update-password")
_OPEN = ("/health", "/version")


def _message(of: type) -> Any:
    """The request as its handler will read it."""
    return handlers._get_request_message(of())


def _experiments(username: str, action: str, ids: Iterable[str]) -> bool:
    ids = list(ids)
    return bool(ids) and all(getattr(experiment_permission(username, one), f"can_{action}") for one in ids)


def _runs(username: str, action: str, ids: Iterable[str]) -> bool:
    tracking: Any = handlers._get_tracking_store()
    return _experiments(username, action, [tracking.get_run(one).info.experiment_id for one in ids])


def _run_of_query() -> str:
    return request.args.get("run_id") or request.args.get("run_uuid") or ""


def _trace(username: str, action: str, trace_id: str) -> bool:
    tracking: Any = handlers._get_tracking_store()
    return _experiments(username, action, [tracking.get_trace_info(trace_id).experiment_id])


def _everybody(_username: str) -> bool:
    return True


#: By method and path behind the version of the API. Whoever searches experiments and models is shown their own only.
RULES: dict[tuple[str, str], Rule] = {
    ("GET", "/"): _everybody,
    ("POST", "/mlflow/experiments/create"): _everybody,
    ("POST", "/mlflow/experiments/search"): _everybody,
    ("GET", "/mlflow/experiments/search"): _everybody,
    ("POST", "/mlflow/registered-models/create"): _everybody,
    ("GET", "/mlflow/registered-models/search"): _everybody,
    ("GET", "/mlflow/model-versions/search"): _everybody,
    ("POST", "/mlflow/runs/search"): lambda who: _experiments(who, "read", _message(SearchRuns).experiment_ids),
    ("POST", "/mlflow/runs/log-inputs"): lambda who: _runs(who, "update", [_message(LogInputs).run_id]),
    ("GET", "/mlflow/metrics/get-history-bulk"): lambda who: _runs(who, "read", request.args.getlist("run_id")),
    ("GET", "/mlflow/metrics/get-history-bulk-interval"): lambda who: _runs(
        who, "read", _message(GetMetricHistoryBulkInterval).run_ids
    ),
    ("POST", "/mlflow/experiments/search-datasets"): lambda who: _experiments(
        who, "read", _message(SearchDatasets).experiment_ids
    ),
    ("GET", "/get-artifact"): lambda who: _runs(who, "read", [_run_of_query()]),
    ("GET", "/model-versions/get-artifact"): lambda who: bool(
        model_permission(who, request.args.get("name", "")).can_read
    ),
    ("POST", "/mlflow/upload-artifact"): lambda who: _runs(who, "update", [request.args.get("run_uuid", "")]),
    ("GET", "/mlflow/get-trace-artifact"): lambda who: _trace(who, "read", request.args.get("request_id", "")),
    ("POST", "/mlflow/traces"): lambda who: _experiments(who, "update", [_message(StartTrace).experiment_id]),
    ("GET", "/mlflow/traces"): lambda who: _experiments(who, "read", request.args.getlist("experiment_ids")),
    ("POST", "/mlflow/traces/delete-traces"): lambda who: _experiments(
        who, "delete", [_message(DeleteTraces).experiment_id]
    ),
}
_PROXY_ACTIONS = {"GET": "can_read", "PUT": "can_update", "POST": "can_update", "DELETE": "can_manage"}


def _permitted(username: str, method: str, path: str) -> bool:
    """Whether a login that is no admin may use a route that MLflow has no rule for."""
    method = "GET" if method == "HEAD" else method
    rule = RULES.get((method, path))
    if rule:
        return rule(username)
    if _ARTIFACTS.fullmatch(path) and method in _PROXY_ACTIONS:
        return bool(getattr(auth._get_permission_from_experiment_id_artifact_proxy(), _PROXY_ACTIONS[method]))
    trace = _TRACE.fullmatch(path)
    return trace is not None and _trace(username, "read" if method == "GET" else "update", trace["trace"])


def _authorize() -> Response | None:
    """After MLflow's own check: routes that it has no rule for."""
    # MLflow lists every route, most of them with no rule.
    if auth.is_unprotected_route(request.path) or auth.BEFORE_REQUEST_VALIDATORS.get((request.path, request.method)):
        return None
    who = caller()
    if is_admin(who):
        return None
    path = _API.sub("", request.path, count=1)
    if who is not None and path == "/version":
        return None
    try:
        permitted = who is not None and _permitted(who.username, request.method, path)
    except MlflowException:  # what does not exist is answered as what one may not see
        permitted = False
    return None if permitted else auth.make_forbidden_response()


def _listed(value: str, patterns: str) -> bool:
    names = [name.strip() for name in patterns.split(",") if name.strip()]
    return any(fnmatch.fnmatchcase(value, name) if "*" in name else value == name for name in names)


def _check_sender() -> Response | None:
    """Before the login: requests for other hosts (DNS rebinding) and from other pages, as MLflow 3 refuses them."""
    hosts, origins = (os.environ.get(f"MLFLOW_SERVER_{name}", "") for name in ("ALLOWED_HOSTS", "CORS_ALLOWED_ORIGINS"))
    if hosts and request.path not in _OPEN and not _listed(request.headers.get("Host", ""), hosts):
        return make_response("Invalid Host header - possible DNS rebinding attack detected", 403)
    origin = request.headers.get("Origin")
    if origin and request.method not in ("GET", "HEAD", "OPTIONS") and not _listed(origin, origins):
        return make_response("Cross-origin request blocked", 403)
    return None


def _check_new_login() -> Response | None:
    """A password may have any length: 12. (The sign-up form, open to other pages: :mod:`mlflow_aws.parameters`.)"""
    if _API.sub("", request.path, count=1) not in _PASSWORDS or request.method not in ("POST", "PATCH"):
        return None
    body = request.get_json(silent=True)
    password = body.get("password") if isinstance(body, dict) else None
    if not isinstance(password, str) or len(password) < SHORTEST_PASSWORD:
        return make_response(f"The password must have at least {SHORTEST_PASSWORD} characters.", 400)
    return None


def _move_permissions(response: Response) -> Response:
    """A renamed model keeps its permissions, and takes over none of a model that had its new name before."""
    if _API.sub("", request.path, count=1) != "/mlflow/registered-models/rename" or response.status_code != 200:
        return response
    renamed = _message(RenameRegisteredModel)
    if renamed.name != renamed.new_name:
        with auth.store.ManagedSessionMaker() as session:
            permissions = session.query(SqlRegisteredModelPermission)
            permissions.filter_by(name=renamed.new_name).delete()
            permissions.filter_by(name=renamed.name).update({"name": renamed.new_name})
    return response


def install() -> None:
    """Put the rules into MLflow's application, which has its own already.

    :raises RuntimeError: this is not the MLflow 2 that they are made for.
    """
    for name in ("BEFORE_REQUEST_VALIDATORS", "is_unprotected_route", "make_forbidden_response"):
        if not hasattr(auth, name):
            raise RuntimeError(f"mlflow.server.auth has no {name}: this MLflow cannot be confined")
    for method in ("GET", "POST"):  # MLflow calls what serves it as its rule, without what that needs: 500
        auth.BEFORE_REQUEST_VALIDATORS.pop(("/graphql", method), None)
        auth.AFTER_REQUEST_HANDLERS.pop(("/graphql", method), None)  # and of its answer
    first = auth.app.before_request_funcs.setdefault(None, [])
    first.insert(0, _check_sender)
    auth.app.before_request(_authorize)
    auth.app.before_request(_check_new_login)
    auth.app.after_request(_move_permissions)
