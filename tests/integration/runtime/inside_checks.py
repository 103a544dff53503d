# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prints what our rules do within the process, for what no request shows, as JSON; runs in the task's own Python."""

from __future__ import annotations

import functools
import json
import os
import sys
import threading
from contextvars import ContextVar
from types import SimpleNamespace
from typing import Any

os.environ["MLFLOW_SQLALCHEMYSTORE_POOL_SIZE"] = "2"


def _free(engine: Any) -> bool:
    """Whether another thread, which holds nothing, gets a connection of ``engine``."""
    got: list[bool] = []

    def take() -> None:
        from sqlalchemy.exc import OperationalError

        try:
            engine.connect().close()
            got.append(True)
        except OperationalError:
            got.append(False)

    other = threading.Thread(target=take)
    other.start()
    other.join()
    return got[0]


def _full(engine: Any) -> bool:
    """Whether this thread, which holds all connections of ``engine``, gets no other."""
    from sqlalchemy.exc import TimeoutError as PoolTimeout

    try:
        engine.connect().close()
    except PoolTimeout:
        return True
    return False


def _pool(engine: Any) -> dict[str, bool]:
    engine.pool._timeout = 0.1
    first = engine.connect()
    held = _free(engine)
    second = engine.connect()
    seen = {"the last one is for its holder": not held, "no connection beyond the pool": _full(engine)}
    second.close()
    first.close()
    return {**seen, "given back": _free(engine)}


def pools(folder: str) -> dict[str, Any]:
    """What MLflow's engines do, also after a store has disposed of them."""
    from mlflow.store.db import utils
    from mlflow_aws import pool, statements
    from sqlalchemy import text
    from sqlalchemy.exc import OperationalError

    pool.install()
    statements.install()
    uri = f"sqlite:///{folder}/x.db"
    engine = utils.create_sqlalchemy_engine(uri)
    seen: dict[str, Any] = {
        "one engine a database": utils.create_sqlalchemy_engine(uri) is engine,
        "another for another": utils.create_sqlalchemy_engine(f"sqlite:///{folder}/y.db") is not engine,
        "at first": _pool(engine),
    }
    from_before = engine.connect()
    engine.dispose()
    engine.pool._timeout = 0.1
    held = engine.connect()
    from_before.close()
    seen["one from before leaves another's place alone"] = not _free(engine)
    held.close()
    seen["after a disposal"] = _pool(engine)
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT 'hash of a password' FROM nowhere"))
    except OperationalError as error:
        seen["said"] = str(error)
    os.environ["MLFLOW_SQLALCHEMYSTORE_POOL_SIZE"] = "1"
    try:
        utils.create_sqlalchemy_engine(f"sqlite:///{folder}/z.db")
    except RuntimeError as error:
        seen["too small"] = str(error)
    return seen


def first_search() -> list[str]:
    """Who seems to start a store that the first request starts: MLflow 2 then searches for its first experiment."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
    from mlflow_aws import searches

    sender, seen = ContextVar("sender", default="nobody"), list[str]()
    SqlAlchemyStore.__init__ = lambda *_args: seen.append(sender.get())  # type: ignore[method-assign]
    searches.install()
    sender.set("the sender")
    SqlAlchemyStore("sqlite://", "/tmp")
    return seen


class Store:
    """Stands for both stores: whatever is named ``theirs`` is of an experiment that the sender may not read."""

    def get_dataset_experiment_ids(self, dataset: str) -> list[str]:
        """MLflow's own way to ask."""
        return {"mine": ["mine"], "theirs": ["mine", "theirs"], "of no experiment": []}[dataset]

    def get_model_version(self, name: str, _number: str) -> SimpleNamespace:
        """Of a registry: the version ``their-model/1`` is of their run."""
        return SimpleNamespace(run_id="theirs" if name == "their-model" else "mine")


#: Methods of the stores, and calls of them: what is asked for, and what must be readable or changeable for it.
CALLS: dict[str, dict[str, dict[str, Any]]] = {
    "link_traces_to_run": {
        "own": {"trace_ids": ["mine"], "run_id": "mine"},
        "their trace": {"trace_ids": ["mine", "theirs"], "run_id": "mine"},
        "their run": {"trace_ids": ["mine"], "run_id": "theirs"},
    },
    "link_prompts_to_trace": {
        "own": {"trace_id": "mine", "prompt_versions": [SimpleNamespace(name="mine")]},
        "their prompt": {"trace_id": "mine", "prompt_versions": [SimpleNamespace(name="theirs")]},
    },
    "add_items_to_review_queue": {
        "own": {"queue_id": "mine", "item_ids": ["mine"]},
        "their trace": {"queue_id": "mine", "item_ids": ["theirs"]},
    },
    "create_issue": {
        "own": {"experiment_id": "mine", "name": "n", "description": "d", "source_run_id": "mine"},
        "no run": {"experiment_id": "mine", "name": "n", "description": "d"},
        "their run": {"experiment_id": "mine", "name": "n", "description": "d", "source_run_id": "theirs"},
    },
    "get_dataset": {
        "own": {"dataset_id": "mine"},
        "their dataset": {"dataset_id": "theirs"},
        "dataset of no experiment": {"dataset_id": "of no experiment"},
    },
    "create_model_version": {
        "own": {"name": "m", "source": "mlflow-artifacts:/x", "run_id": "mine"},
        "no run": {"name": "m", "source": "mlflow-artifacts:/x"},
        "their run": {"name": "m", "source": "mlflow-artifacts:/x", "run_id": "theirs"},
        "their run, of which the copied version is": {
            "name": "m",
            "source": "models:/their-model/1",
            "run_id": "theirs",
        },
        "their run, of which the copied version is not": {
            "name": "m",
            "source": "models:/own-model/1",
            "run_id": "theirs",
        },
    },
}


def attached() -> dict[str, dict[str, dict[str, str]]]:
    """What the stores answer to each of the calls, by who sends it: MLflow's own function is reached, or not.

    Some of them MLflow itself refuses before, as it asks for the right to what a route names, but not each way in.
    """
    from mlflow.exceptions import MlflowException
    from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore as RegistryStore
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore as TrackingStore
    from mlflow_aws import references
    from mlflow_aws.rights import Caller

    stores = {method: RegistryStore if method == "create_model_version" else TrackingStore for method in CALLS}
    here = {method: store for method, store in stores.items() if hasattr(store, method)}
    for method, store in here.items():
        # With the names of MLflow's own arguments.
        reached = functools.wraps(getattr(store, method))(lambda *_args, **_kwargs: "reached")
        setattr(store, method, reached)
    references.install()
    ours: Any = references
    ours._experiments = lambda _store, _table, _key, ids: set(ids)
    ours.may = lambda _who, _action, experiment, *_tiers: experiment == "mine"
    ours.model_permission = lambda _who, name: SimpleNamespace(can_read=name == "mine")

    def answer(who: Caller | None, method: str, arguments: dict[str, Any]) -> str:
        ours.caller = lambda: who
        try:
            return str(getattr(here[method], method)(Store(), **arguments))
        except MlflowException as error:
            return str(error.message)

    senders = {"somebody": Caller("somebody", False), "admin": Caller("admin", True), "nobody": None}
    return {
        method: {name: {by: answer(who, method, call) for by, who in senders.items()} for name, call in calls.items()}
        for method, calls in CALLS.items()
        if method in here
    }


def main() -> None:
    """Print it all. The argument is a folder."""
    found = {"pools": pools(sys.argv[1]), "first_search": first_search(), "attached": attached()}
    print(json.dumps(found))


main()
