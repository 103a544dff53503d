# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sends the health checks: one thread, one event loop, no work while nothing is due."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import ssl
import threading
from collections.abc import Callable
from urllib.parse import quote

from emulator.addresses import AddressBook
from emulator.elb.health import HealthBook, Outcome, Probe

log = logging.getLogger(__name__)

_STATUS_LINE = re.compile(rb"HTTP/1\.[01] (\d{3})(?: |\r?\n)")
_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))
#: The most of an answer's body that is read before the connection is closed.
_BODY_BYTES = 65536


def _unverified() -> ssl.SSLContext:
    # A load balancer does not validate the certificates of targets, on AWS neither.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


_TLS = _unverified()


async def check(probe: Probe, addresses: AddressBook) -> Outcome:
    """Do one health check.

    The Host header is the target's own address and port, the agent ``ELB-HealthChecker/2.0``, as on
    AWS. Nobody at the address counts as a timeout: packets to it would go unanswered.
    """
    place = addresses.resolve(probe.vpc, probe.address, probe.port)
    if place is None:
        return Outcome("timeout")
    try:
        async with asyncio.timeout(probe.check.timeout):
            code = await _request(probe, *place)
    except TimeoutError:
        return Outcome("timeout")
    except (OSError, ValueError, EOFError):
        return Outcome("failed")
    if code is None or any(low <= code <= high for low, high in probe.check.codes):
        return Outcome("ok")
    return Outcome("mismatch", code)


async def _request(probe: Probe, host: str, port: int) -> int | None:
    """The status code of the answer; None for a check that only connects."""
    secure = probe.check.protocol in ("HTTPS", "TLS")
    reader, writer = await asyncio.open_connection(host, port, ssl=_TLS if secure else None)
    try:
        if probe.check.protocol not in ("HTTP", "HTTPS"):
            return None
        path = quote(probe.check.path, safe=_PRINTABLE)
        writer.write(
            f"GET {path} HTTP/1.1\r\nHost: {probe.address}:{probe.port}\r\nConnection: close\r\n"
            "User-Agent: ELB-HealthChecker/2.0\r\nAccept-Encoding: gzip, compressed\r\n\r\n".encode("ascii")
        )
        found = _STATUS_LINE.match(await reader.readline())
        if found is None:
            raise ValueError("not an HTTP answer")
        # Closing before the target has written all would make some servers log an error.
        with contextlib.suppress(TimeoutError, OSError):
            async with asyncio.timeout(1.0):
                await _discard(reader)
        return int(found[1])
    finally:
        writer.close()


async def _discard(reader: asyncio.StreamReader) -> None:
    left = _BODY_BYTES
    while left > 0:
        chunk = await reader.read(left)
        if not chunk:
            return
        left -= len(chunk)


class Checker:
    """Runs the checks of a :class:`HealthBook`.

    :param changed: called (from the checker's thread) when a target changed its state.
    """

    def __init__(self, book: HealthBook, addresses: AddressBook, changed: Callable[[], None]) -> None:
        self._book = book
        self._addresses = addresses
        self._changed = changed
        self._loop = asyncio.new_event_loop()
        self._wake = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="elb-health", daemon=True)
        self._stopping = False

    def start(self) -> None:
        """Check from here on."""
        self._thread.start()

    def wake(self) -> None:
        """Look again what is due: registrations or settings changed."""
        with contextlib.suppress(RuntimeError):  # the loop is closed already
            self._loop.call_soon_threadsafe(self._wake.set)

    def stop(self) -> None:
        """Check no more; checks under way are given up."""
        self._stopping = True
        self.wake()
        if self._thread.is_alive():
            self._thread.join()
        elif not self._loop.is_closed():
            self._loop.close()

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._work())
        finally:
            self._loop.close()

    async def _work(self) -> None:
        running: set[asyncio.Task[None]] = set()
        while not self._stopping:
            self._wake.clear()
            for probe in self._book.take_due():
                task = asyncio.create_task(self._one(probe))
                running.add(task)
                task.add_done_callback(running.discard)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._book.next_due()):
                    await self._wake.wait()
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _one(self, probe: Probe) -> None:
        try:
            outcome = await check(probe, self._addresses)
        except Exception:
            log.exception("the health check of %s:%d broke", probe.address, probe.port)
            outcome = Outcome("failed")
        if self._book.report(probe, outcome):
            log.info("target %s:%d is now %s", probe.key.id, probe.key.port, self._book.status(probe.key).state)
            self._changed()
        self._wake.set()  # the next check of this target may be due first
