# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Searches find what the sender may read, and know nothing of the rest.

MLflow searches everything and strikes from the page what is not the sender's: whether there is a next page, and where
it begins, then tells of hidden rows that match the filter. Here the database is asked for readable rows only. Which
those are, MLflow's own permissions say: of each name that a grant of the sender spells, and of all others together.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from contextvars import Context, ContextVar
from typing import Any

from mlflow.server import auth
from mlflow.store.model_registry.dbmodels import models as registry
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore as RegistryStore
from mlflow.store.tracking.dbmodels import models as tracking
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore as TrackingStore
from sqlalchemy import and_, event, func, not_, or_, select, tuple_
from sqlalchemy.orm import Session, with_loader_criteria

from mlflow_aws.hooks import original_of
from mlflow_aws.rights import caller

#: No experiment, model or server has this name: it stands for all that no grant spells.
_ANY = "\n"
_shown: ContextVar[tuple[Any, Any] | None] = ContextVar("mlflow_aws.shown", default=None)


def install() -> None:
    """Narrow the searches of this process.

    :raises RuntimeError: the installed MLflow has no such searches.
    """
    event.listen(Session, "do_orm_execute", _narrow)
    # The first request starts the store, and MLflow 2 makes its first experiment then if a search finds none: it is not
    # the sender who searches there.
    start = TrackingStore.__init__
    TrackingStore.__init__ = functools.wraps(start)(  # type: ignore[method-assign]
        lambda *args, **kwargs: Context().run(start, *args, **kwargs)
    )
    experiment, model, version = tracking.SqlExperiment, registry.SqlRegisteredModel, registry.SqlModelVersion
    _guard(TrackingStore, "search_experiments", experiment, _reads("experiment", experiment.experiment_id))
    _guard(RegistryStore, "search_registered_models", model, _reads_models(model, registry.SqlRegisteredModelTag))
    versions = _reads_models(version, registry.SqlModelVersionTag, "version")
    _guard(RegistryStore, "search_model_versions", version, versions)
    if hasattr(TrackingStore, "search_logged_models"):
        logged = tracking.SqlLoggedModel
        reads = _reads("experiment", logged.experiment_id, "logged_model")
        _guard(TrackingStore, "search_logged_models", logged, reads)
    if hasattr(TrackingStore, "search_mcp_servers"):
        server, endpoint = tracking.SqlMCPServer, tracking.SqlMCPAccessEndpoint
        _guard(TrackingStore, "search_mcp_servers", server, _reads("mcp_server", server.name))
        _guard(TrackingStore, "search_mcp_access_endpoints", endpoint, _reads("mcp_server", endpoint.server_name))


def _narrow(state: Any) -> None:
    shown = _shown.get()
    if shown and state.is_select:
        state.statement = state.statement.options(with_loader_criteria(*shown))


def _guard(store: type, search: str, table: Any, readable: Callable[[str], Any]) -> None:
    original = original_of(store, search)

    @functools.wraps(original)
    def narrowed(*args: Any, **kwargs: Any) -> Any:
        who = caller()
        if who is None or who.is_admin:
            return original(*args, **kwargs)
        token = _shown.set((table, readable(who.username)))
        try:
            return original(*args, **kwargs)
        finally:
            _shown.reset(token)

    setattr(store, search, narrowed)


def _grants(username: str, kind: str) -> Iterable[tuple[str, str]]:
    """What is granted to ``username``: the id or name, and the permission."""
    if hasattr(auth.store, "list_grants"):
        user = auth.store.get_user(username).id
        workspace = auth.get_anchor_workspace("workspace", "*")
        found = auth.store.list_grants(user, workspace, {kind}) if workspace else ()
        return [(one.resource_pattern, one.permission) for one in found if one.resource_type == kind]
    if kind == "experiment":
        return [(one.experiment_id, one.permission) for one in auth.store.list_experiment_permissions(username)]
    return [(one.name, one.permission) for one in auth.store.list_registered_model_permissions(username)]


def _readable(username: str, kind: str, column: Any, also: Iterable[str]) -> Any:
    spelled: dict[str, set[str]] = {_ANY: set()}
    for name, permission in _grants(username, kind):
        if name != "*":
            spelled.setdefault(name, set()).add(permission)
    if hasattr(auth, "_role_based_read_predicate"):
        below = [auth.Requirement(one, "*", auth.ACTION_NOT_DENIED) for one in also]
        may_read: Callable[[str], bool] = auth._role_based_read_predicate(username, kind, also_require=below)
    else:
        default = auth.auth_config.default_permission

        def may_read(name: str) -> bool:
            return bool(auth.get_permission(min(spelled[name], default=default)).can_read)

    # MLflow goes through all grants for each name, which are many: names with the same permissions are asked for once.
    alike: dict[frozenset[str], list[str]] = {}
    for name, permissions in spelled.items():
        alike.setdefault(frozenset(permissions), []).append(name)
    answers = [(names, may_read(names[0])) for names in alike.values()]
    (others,) = (answer for names, answer in answers if _ANY in names)
    excepted = [name for names, answer in answers if answer is not others for name in names]
    if column.type.python_type is int:  # experiments
        excepted = [int(name) for name in excepted if name.isdecimal()]  # type: ignore[misc]
    return column.not_in(excepted) if others else column.in_(excepted)


def _reads(kind: str, column: Any, *also: str) -> Callable[[str], Any]:
    """Of a login: the condition that it may read what ``column`` names.

    :param also: kinds of things below it, none of which may be denied.
    """
    return lambda username: _readable(username, kind, column, also)


def _reads_models(table: Any, tag: Any, *version: str) -> Callable[[str], Any]:
    """The same of models, or of their versions. Prompts are models with a tag, and have grants of their own."""

    def below(kind: str) -> list[str]:
        return [f"{kind}_version" for _one in version]

    model = _reads("registered_model", table.name, *below("registered_model"))
    if not hasattr(auth, "_rm_or_prompt_read_predicate"):
        return model
    keys = ("name", *version)
    marked = select(*(getattr(tag, key) for key in keys)).where(
        tag.key == "mlflow.prompt.is_prompt", func.lower(tag.value) == "true"
    )
    is_prompt = tuple_(*(getattr(table, key) for key in keys)).in_(marked)
    prompt = _reads("prompt", table.name, *below("prompt"))
    return lambda username: or_(and_(is_prompt, prompt(username)), and_(not_(is_prompt), model(username)))
