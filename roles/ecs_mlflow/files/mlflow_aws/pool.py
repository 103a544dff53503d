# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One small pool of connections for each database of a worker, in which no thread waits for ever for what others hold.

MLflow opens sessions within sessions: a request that writes a batch of metrics holds one connection and needs a second
one of the same pool (``SqlAlchemyStore.log_batch``, ``_get_run``). As soon as as many such requests as the pool has
connections hold one each, all of them wait until SQLAlchemy gives up after 30 seconds, and MLflow 3 serves up to 40
requests at once in each worker. Here the last connection of a pool is for threads that hold one already.

MLflow also makes a pool for each of its stores, although most of them share a database; here they share the pool too,
so that the number of connections is known (plugins/module_utils/_components/ecs_mlflow/connections.py).
"""

from __future__ import annotations

import functools
import threading
from typing import Any

from sqlalchemy import event
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import QueuePool

from mlflow_aws.gate import Gate

_HOLDER = "mlflow_aws.pool.holder"


class GatedPool(QueuePool):  # type: ignore[misc]  # SQLAlchemy is not installed where this is checked
    """A pool with a gate before it. Where an engine is disposed of, it makes another one of this class.

    :raises RuntimeError: there is no room for a session within a session.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        # MLflow takes 0 for unset, and SQLAlchemy's default is 10. Connections beyond the pool would be closed after
        # each use, and PostgreSQL counts a closed one until its process has ended.
        super().__init__(*args, **{**options, "max_overflow": 0})
        if self.size() < 2:
            raise RuntimeError(f"a pool of {self.size()} connections is too small for MLflow: it needs 2 or more")
        self._gate = Gate(self.size() - 1)

    def connect(self) -> Any:
        """Take a connection.

        :raises OperationalError: none has become free. MLflow answers it with 503, and its clients try again.
        """
        thread = threading.get_ident()
        if not self._gate.enter(thread, self.timeout()):
            why = f"no database connection became free within {self.timeout():.0f} seconds"
            raise OperationalError(None, None, TimeoutError(why))
        try:
            connection: Any = super().connect()
        except BaseException:
            self._gate.leave(thread)
            raise
        connection._connection_record.record_info[_HOLDER] = (self._gate, thread)
        return connection


def _leave(_connection: Any, record: Any) -> None:
    # The gate is that of the pool which the connection was taken from, perhaps before a disposal.
    gate, thread = record.record_info.pop(_HOLDER, (None, None))
    if gate is not None:
        gate.leave(thread)


event.listen(GatedPool, "checkin", _leave)


def guard(engine: Any) -> Any:
    """Put a gate before the pool of ``engine``, which is answered.

    :raises RuntimeError: the pool is of another kind than MLflow's usual one.
    """
    if type(engine.pool) is not QueuePool:
        raise RuntimeError(f"MLflow's pool is a {type(engine.pool).__name__}, not a QueuePool: it cannot be guarded")
    # What SQLAlchemy itself does to have another pool with the same options and listeners (Engine.dispose).
    engine.pool.__class__ = GatedPool
    engine.pool = engine.pool.recreate()
    return engine


def install() -> None:
    """Let MLflow make one engine for each database from now on, and guard it.

    :raises RuntimeError: MLflow makes them in another way.
    """
    from mlflow.store.db import utils

    make = getattr(utils, "create_sqlalchemy_engine", None)
    if make is None:
        raise RuntimeError("mlflow.store.db.utils has no create_sqlalchemy_engine: its pools cannot be guarded")
    engines: dict[str, Any] = {}
    lock = threading.Lock()

    @functools.wraps(make)
    def create_sqlalchemy_engine(uri: str) -> Any:
        with lock:
            if uri not in engines:
                engines[uri] = guard(make(uri))
            return engines[uri]

    utils.create_sqlalchemy_engine = create_sqlalchemy_engine
