# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Verifies logins before MLflow does, and beside the event loop.

MLflow 3 calls its login function in the event loop for what FastAPI serves itself (``fastapi_permission_middleware`` in
``mlflow/server/auth/__init__.py``). A wrong password costs some 80 ms there, in which the worker answers nothing, not
even health checks: a hundred of them and the load balancer takes the task for dead.
"""

from __future__ import annotations

import abc
import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from mlflow_aws.login_cache import AT_ONCE

#: Logins that may wait to be verified, and the seconds after which the next ones are told to come again.
WAITING, BUSY = 50, 2.0


class Unverified(abc.ABC):
    """What is yet to be verified."""

    @abc.abstractmethod
    def verify(self) -> Any:
        """Verify it; takes long."""


class VerifyEarly:
    """ASGI middleware: what it finds out about a request's login is there before MLflow asks for it.

    :param examine: answers what is known about the login of a scope, perhaps by asking the database, or something to
        verify; its second argument is not 0 when nothing more can be verified now.
    :param keep: remembers with a scope what came out of that.
    """

    def __init__(self, app: Any, examine: Callable[[Any, float], Any], keep: Callable[[Any, Any], None]) -> None:
        self._app, self._examine, self._keep = app, examine, keep
        self._waiting = 0
        self._pool = ThreadPoolExecutor(AT_ONCE, "login")

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            found = await asyncio.to_thread(self._examine, scope, BUSY if self._waiting >= WAITING else 0.0)
            if isinstance(found, Unverified):
                self._waiting += 1
                try:
                    verdict = await asyncio.get_running_loop().run_in_executor(self._pool, found.verify)
                finally:
                    self._waiting -= 1
                self._keep(scope, verdict)
        await self._app(scope, receive, send)
