# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A password that takes long to verify holds up nobody but its sender."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from mlflow_aws.early_login import BUSY, WAITING, Unverified, VerifyEarly
from mlflow_aws.login_cache import AT_ONCE, LoginCache


class Slow(Unverified):
    """A password whose verification ends when it is told to."""

    def __init__(self) -> None:
        self.may_end = threading.Event()

    def verify(self) -> str:
        assert self.may_end.wait(20)
        return "right"


async def nothing(*_arguments: Any) -> None:
    """Neither receives nor sends."""


class Server:
    """An application behind the middleware, which notes what it was asked and what was known about the login by then.

    :param login: what is found out about the login of a path.
    """

    def __init__(self, login: dict[str, Any]) -> None:
        self.answered: list[str] = []
        self.busy: list[float] = []

        def examine(scope: Any, busy: float) -> Any:
            self.busy.append(busy)
            return busy or login.get(scope["path"])

        def keep(scope: Any, verdict: Any) -> None:
            scope["verdict"] = verdict

        async def application(scope: Any, _receive: Any, _send: Any) -> None:
            self.answered.append(f"{scope['path']} {scope.get('verdict')}")

        self.early = VerifyEarly(application, examine, keep)

    async def ask(self, path: str, kind: str = "http") -> None:
        await self.early({"type": kind, "path": path}, nothing, nothing)


def test_others_are_answered_while_a_password_is_verified() -> None:
    slow = Slow()
    server = Server({"/login": slow})

    async def requests() -> None:
        logging_in = asyncio.create_task(server.ask("/login"))
        await server.ask("/health")
        await server.ask("/lifespan", "lifespan")
        assert server.answered == ["/health None", "/lifespan None"]
        slow.may_end.set()
        await logging_in

    asyncio.run(requests())
    assert server.answered[-1] == "/login right"
    assert server.busy == [0.0, 0.0]


def test_there_is_an_end_to_those_who_wait() -> None:
    slow = Slow()
    server = Server({"/login": slow})

    async def requests() -> None:
        logging_in = [asyncio.create_task(server.ask("/login")) for _ in range(WAITING)]
        while server.early._waiting < WAITING:
            await asyncio.sleep(0.01)
        await server.ask("/login")
        assert server.busy[-1] == BUSY
        assert server.answered == ["/login None"]
        slow.may_end.set()
        await asyncio.gather(*logging_in)
        await server.ask("/login")

    asyncio.run(requests())
    assert server.answered[1:] == ["/login right"] * (WAITING + 1)
    assert server.busy[-1] == 0.0


def test_few_passwords_are_verified_at_once() -> None:
    """Each takes 32 MiB, and a task has 1024 for everything."""
    at_once, most, lock = 0, 0, threading.Lock()
    enough = threading.Event()

    def verify(_stored: str, _password: str) -> bool:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
            if most >= AT_ONCE:
                enough.set()
        assert enough.wait(20)
        with lock:
            at_once -= 1
        return False

    cache = LoginCache(verify)
    threads = [
        threading.Thread(target=lambda n=n: cache.verify(cache.login("u", str(n), "hash"), str(n))) for n in range(10)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert (at_once, most) == (0, AT_ONCE)
