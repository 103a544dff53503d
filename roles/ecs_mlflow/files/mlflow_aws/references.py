# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody attaches to a thing of its own must be the sender's to read, and what is attached to, to change.

MLflow checks the right to what a request is about, and not to what it mentions besides: a trace is
linked into another person's run, a dataset becomes an input of a run whose owner may not read it.
All routes, of Flask and of FastAPI, end in the stores, so it is there that it is checked.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import PERMISSION_DENIED
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore as RegistryStore
from mlflow.store.tracking.dbmodels.models import SqlRun, SqlTraceInfo
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore as TrackingStore

from mlflow_aws.hooks import Check, before
from mlflow_aws.rights import RUN, TRACE, caller, may, model_permission


def install() -> None:
    """Check the references of this process, where the installed MLflow has such."""
    checks: dict[str, Check] = {
        "link_traces_to_run": _traces_and_run,
        "link_prompts_to_trace": _prompts,
        "add_items_to_review_queue": _items,
        "create_issue": _issue,
        "get_dataset": _dataset,
    }
    for method, check in checks.items():
        if hasattr(TrackingStore, method):
            before(TrackingStore, method, check)
    before(RegistryStore, "create_model_version", _run_of_version)


def _need(allowed: bool, what: str) -> None:
    if not allowed:
        raise MlflowException(f"{what}: permission denied", PERMISSION_DENIED)


def _experiments(store: Any, table: Any, key: Any, ids: Iterable[str]) -> set[str]:
    """The experiments of those of the ``ids`` that exist."""
    with store.ManagedSessionMaker() as session:
        rows: list[tuple[Any]] = session.query(table.experiment_id).filter(key.in_(list(ids))).distinct().all()
    return {str(row[0]) for row in rows}


def _may_all(action: str, experiments: Iterable[str], tier: str) -> bool:
    who = caller()
    if who is None or who.is_admin:
        return who is not None
    return all(may(who.username, action, experiment, (tier,)) for experiment in experiments)


def _traces_readable(store: Any, ids: Iterable[str]) -> None:
    _need(_may_all("read", _experiments(store, SqlTraceInfo, SqlTraceInfo.request_id, ids), TRACE), "trace")


def _traces_and_run(arguments: dict[str, Any]) -> None:
    store = arguments["self"]
    _traces_readable(store, arguments["trace_ids"])
    _need(_may_all("update", _experiments(store, SqlRun, SqlRun.run_uuid, [arguments["run_id"]]), RUN), "run")


def _items(arguments: dict[str, Any]) -> None:
    _traces_readable(arguments["self"], arguments["item_ids"])


def _run_readable(store: Any, run: str | None) -> None:
    if run:
        _need(_may_all("read", _experiments(store, SqlRun, SqlRun.run_uuid, [run]), RUN), "run")


def _issue(arguments: dict[str, Any]) -> None:
    _run_readable(arguments["self"], arguments.get("source_run_id"))


def _run_of_version(arguments: dict[str, Any]) -> None:
    run = arguments.get("run_id")
    # A copy keeps the run of its source, which whoever reads the source knows already.
    if run and run != _run_of_source(arguments["self"], arguments["source"]):
        _run_readable(arguments["self"], run)


def _run_of_source(registry: Any, source: str) -> str | None:
    """The run of the model version that ``models:/name/version`` names; whether the sender may read it is checked by
    :mod:`mlflow_aws.artifacts`."""
    name, _slash, number = source.removeprefix("models:/").rpartition("/")
    if not source.startswith("models:/") or not name or not number.isdecimal():
        return None
    found: str | None = registry.get_model_version(name, number).run_id
    return found


def _prompts(arguments: dict[str, Any]) -> None:
    who = caller()
    _need(who is not None, "prompt")
    if who is not None and not who.is_admin:
        names = {prompt.name for prompt in arguments["prompt_versions"]}
        _need(all(model_permission(who.username, name).can_read for name in names), "prompt")


def _dataset(arguments: dict[str, Any]) -> None:
    """A dataset is readable with all of its experiments, as by MLflow's own route."""
    who = caller()
    _need(who is not None, "dataset")
    if who is not None and not who.is_admin:
        experiments = arguments["self"].get_dataset_experiment_ids(arguments["dataset_id"])
        readable = [may(who.username, "read", str(experiment)) for experiment in experiments]
        _need(bool(readable) and all(readable), "dataset")
