# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One small pool of connections for each database of a worker, in which no thread waits for ever for what others hold.

MLflow opens sessions within sessions: a request that writes a batch of metrics holds one connection and needs a second
one of the same pool (``SqlAlchemyStore.log_batch``, ``_get_run``). As soon as as many such requests as the pool has
connections hold one each, all of them wait until SQLAlchemy gives up after 30 seconds, and MLflow 3 serves up to 40
requests at once in each worker. Here the last connection of a pool is for threads that hold one already.

MLflow also makes a pool for each of its stores, although most of them share a database; here they share the pool too,
so that the number of connections is known (plugins/module_utils/preflight/connections.py).
"""

from __future__ import annotations

import functools
import threading
from collections import Counter
from typing import Any

_OWNER = "mlflow_aws.pool.owner"


class Gate:
    """Who may take a connection. Safe for threads.

    :param places: how many threads may hold connections at once: one less than there are connections.
    """

    def __init__(self, places: int) -> None:
        self._places = threading.BoundedSemaphore(places)
        self._lock = threading.Lock()
        self._held: Counter[int] = Counter()

    def enter(self, thread: int, seconds: float) -> bool:
        """Count one connection more for ``thread``; False where its turn has not come within ``seconds``."""
        with self._lock:
            first = not self._held[thread]
        # Nobody but the thread itself raises its count, so that it is still the first.
        if first and not self._places.acquire(timeout=seconds):
            return False
        with self._lock:
            self._held[thread] += 1
        return True

    def leave(self, thread: int) -> None:
        """Count one connection less for ``thread``, whichever thread gives it back."""
        with self._lock:
            self._held[thread] -= 1
            last = not self._held[thread]
            if last:
                del self._held[thread]
        if last:
            self._places.release()


def guard(engine: Any) -> Any:
    """Put a gate before the pool of ``engine``, which is answered.

    :raises RuntimeError: the pool has no room for a session within a session.
    """
    from sqlalchemy import event
    from sqlalchemy.exc import OperationalError

    pool = engine.pool
    if pool.size() < 2:
        raise RuntimeError(f"a pool of {pool.size()} connections is too small for MLflow: it needs 2 or more")
    # MLflow takes 0 for unset, and SQLAlchemy's default is 10. Connections beyond the pool would be closed after each
    # use, and PostgreSQL counts a closed one until its process has ended.
    pool._max_overflow = 0
    gate, take = Gate(pool.size() - 1), pool.connect

    @functools.wraps(take)
    def connect() -> Any:
        thread = threading.get_ident()
        if not gate.enter(thread, pool.timeout()):
            # MLflow answers it with 503, and its clients try again.
            why = f"no database connection became free within {pool.timeout():.0f} seconds"
            raise OperationalError(None, None, TimeoutError(why))
        try:
            connection = take()
        except BaseException:
            gate.leave(thread)
            raise
        connection._connection_record.record_info[_OWNER] = thread
        return connection

    def hide(context: Any) -> None:
        # MLflow answers an error's text, and logs it: with the statement and its values, such as a password's hash.
        if context.sqlalchemy_exception is not None:
            context.sqlalchemy_exception.statement = None

    def checkin(_connection: Any, record: Any) -> None:
        thread = record.record_info.pop(_OWNER, None)
        if thread is not None:
            gate.leave(thread)

    pool.connect = connect
    event.listen(pool, "checkin", checkin)
    event.listen(engine, "handle_error", hide)
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
