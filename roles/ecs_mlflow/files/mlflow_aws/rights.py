# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who sent the current request, and what MLflow's own permissions let that login do.

A store does not know who calls it. Under Flask the request does; under FastAPI (spans, artifacts,
gateway) MLflow's middleware leaves the name in the state of the ASGI scope, which
:class:`RememberScope` makes known to everything that the request starts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, MutableMapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from flask import g, has_request_context, request
from mlflow.server import auth
from werkzeug.datastructures import Authorization

RUN, TRACE, LOGGED_MODEL = "run", "trace", "logged_model"
#: Everything that may lie below an experiment's location.
TIERS = (RUN, TRACE, LOGGED_MODEL)

_scope: ContextVar[MutableMapping[str, Any] | None] = ContextVar("mlflow_aws.scope", default=None)


class RememberScope:
    """ASGI middleware, the outermost: the request's scope is known to all that it starts."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            scope.setdefault("state", {})
            _scope.set(scope)
        await self._app(scope, receive, send)


def scope_state() -> MutableMapping[str, Any]:
    """What is kept with the ASGI request that is being answered; empty without one."""
    scope = _scope.get()
    state: MutableMapping[str, Any] = {} if scope is None else scope["state"]
    return state


def forwarded_for() -> str:
    """All that the current request says in X-Forwarded-For, in the order of its lines.

    Under FastAPI, MLflow hands only the first of several lines to its login function.
    """
    scope = _scope.get()
    if scope is None:
        return request.headers.get("X-Forwarded-For", "") if has_request_context() else ""
    return ",".join(value.decode("latin-1") for name, value in scope["headers"] if name.lower() == b"x-forwarded-for")


@dataclass(frozen=True)
class Caller:
    """The login that sent the request."""

    username: str
    is_admin: bool


def caller() -> Caller | None:
    """The login of the current request; none outside of a request, or where nobody has logged in."""
    if has_request_context():
        username = getattr(g, "mlflow_authenticated_user", None)
        if username is None:
            login = auth.authenticate_request()
            username = login.username if isinstance(login, Authorization) else None
    else:
        scope = _scope.get()
        username = scope["state"].get("username") if scope else None
    return Caller(username, bool(auth.store.get_user(username).is_admin)) if username else None


def is_admin(who: Caller | None) -> bool:
    """Whether :func:`caller` answered an admin."""
    return who is not None and who.is_admin


def _of_mlflow_2(stored: Callable[[], str]) -> Any:
    """The permission that the store has, or the default one."""
    return getattr(auth, "_get_permission_from_store_or_default")(stored)  # noqa: B009


def experiment_permission(username: str, experiment_id: str) -> Any:
    """MLflow's permission of ``username`` on an experiment."""
    if hasattr(auth, "_get_experiment_permission"):
        return auth._get_experiment_permission(experiment_id, username)
    return _of_mlflow_2(lambda: auth.store.get_experiment_permission(experiment_id, username).permission)


def model_permission(username: str, name: str) -> Any:
    """MLflow's permission of ``username`` on a registered model or prompt."""
    if hasattr(auth, "_get_registered_model_or_prompt_permission"):  # looks the user up by the request itself
        return auth._get_registered_model_or_prompt_permission(name)
    return _of_mlflow_2(lambda: auth.store.get_registered_model_permission(name, username).permission)


def may(username: str, action: str, experiment_id: str, tiers: Iterable[str] = ()) -> bool:
    """Whether ``username`` may do ``action`` on an experiment, or on what it holds.

    :param action: ``read``, ``update``, ``delete`` or ``manage``.
    :param tiers: kinds of things in the experiment; MLflow 3 can grant and deny each by itself, and then
        asks for READ on the experiment and for the action on each kind.
    """
    tiers = tuple(tiers)
    if tiers and hasattr(auth, "authorize"):
        from mlflow.server.auth.requirements import Requirement

        experiment = ("experiment", experiment_id)
        needed = [Requirement(tier, "*", action, fallback_if_no_grant=(experiment,)) for tier in tiers]
        return bool(auth.authorize(username, experiment, [Requirement("experiment", experiment_id, "read"), *needed]))
    return bool(getattr(experiment_permission(username, experiment_id), f"can_{action}"))
