# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The endpoint of an RDS instance: TLS in front of a PostgreSQL that was built without it.

RDS for PostgreSQL always offers TLS, and insists on it while the parameter ``rds.force_ssl`` is 1
(the default from version 15 on). The PostgreSQL that comes from PyPI has no TLS, so this small
program answers a client's SSLRequest, unwraps, and passes all else on to the server. SCRAM stays
between client and server.

Protocol: https://www.postgresql.org/docs/16/protocol-flow.html#PROTOCOL-FLOW-SSL

It is a process of its own (so that a busy control plane does not slow a query down) and reads only
the standard library: ``python front.py CONTROL`` with the bound socket as standard input. CONTROL
is a JSON file, read anew for each connection: ``server_port``, ``force_ssl``, ``certificate``,
``key``.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import struct
import sys
from dataclasses import dataclass
from pathlib import Path

SSL_REQUEST = 80877103
GSS_REQUEST = 80877104
CANCEL_REQUEST = 80877102
#: As in PostgreSQL: a longer first packet is none (MAX_STARTUP_PACKET_LENGTH).
LONGEST_STARTUP = 10000
#: As authentication_timeout in PostgreSQL.
PATIENCE = 60.0
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Control:
    """What the plane wants; see the module's text."""

    server_port: int
    force_ssl: bool
    certificate: str
    key: str


class Side(asyncio.Protocol):
    """One of the two connections of a session; what comes in here goes out at ``peer``."""

    def __init__(self, peer: Side | None = None) -> None:
        self.peer = peer
        self.transport: asyncio.Transport | None = None
        if peer is not None:
            peer.peer = self

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if self.peer is not None and self.peer.transport is not None:
            self.peer.transport.write(data)

    def pause_writing(self) -> None:
        if self.peer is not None and self.peer.transport is not None:
            self.peer.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.peer is not None and self.peer.transport is not None:
            self.peer.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.peer is not None and self.peer.transport is not None:
            self.peer.transport.close()


async def receive_exactly(client: socket.socket, size: int) -> bytes:
    """``size`` bytes and never one more: what follows may be TLS.

    :raises EOFError: when the client leaves before.
    """
    loop = asyncio.get_running_loop()
    data = b""
    while len(data) < size:
        more = await loop.sock_recv(client, size - len(data))
        if not more:
            raise EOFError
        data += more
    return data


async def first_packet(client: socket.socket) -> tuple[int, bytes]:
    """The code (or protocol version) of the client's packet, and the packet."""
    head = await receive_exactly(client, 8)
    length, code = struct.unpack("!II", head)
    if not 8 <= length <= LONGEST_STARTUP:
        raise EOFError
    return code, head + await receive_exactly(client, length - 8)


def refusal(packet: bytes) -> bytes:
    """PostgreSQL's answer to a start-up packet without TLS where pg_hba.conf has only hostssl."""
    words = [word.decode("utf-8", "replace") for word in packet[8:].split(b"\0")]
    options = dict(zip(words[::2], words[1::2], strict=False))
    user = options.get("user", "")
    message = (
        f'no pg_hba.conf entry for host "{LOOPBACK}", user "{user}", '
        f'database "{options.get("database", user)}", no encryption'
    )
    parts = {b"S": "FATAL", b"V": "FATAL", b"C": "28000", b"M": message}
    fields = b"".join(kind + text.encode() + b"\0" for kind, text in parts.items())
    return b"E" + struct.pack("!I", len(fields) + 5) + fields + b"\0"


class Front:
    """Accepts connections on ``listener`` and passes them on as the control file says."""

    def __init__(self, listener: socket.socket, control: Path) -> None:
        self._listener = listener
        self._control = control
        self._tasks: set[asyncio.Task[None]] = set()
        self._contexts: dict[tuple[str, str], ssl.SSLContext] = {}

    async def run(self) -> None:
        """Serve until the process is ended."""
        loop = asyncio.get_running_loop()
        self._listener.setblocking(False)
        self._listener.listen(128)
        while True:
            client, _ = await loop.sock_accept(self._listener)
            client.setblocking(False)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            task = loop.create_task(self._serve(client))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _serve(self, client: socket.socket) -> None:
        try:
            await self._introduce(client)
        except (OSError, EOFError, TimeoutError):
            client.close()

    async def _introduce(self, client: socket.socket) -> None:
        """Answer the client's first packets, then connect it with the server."""
        loop = asyncio.get_running_loop()
        control = Control(**json.loads(self._control.read_text(encoding="utf-8")))
        code, packet = await asyncio.wait_for(first_packet(client), PATIENCE)
        while code == GSS_REQUEST:
            await loop.sock_sendall(client, b"N")
            code, packet = await asyncio.wait_for(first_packet(client), PATIENCE)
        tls = code == SSL_REQUEST
        # libpq up to 16 cancels in plain text even when the session is encrypted.
        if control.force_ssl and not tls and code != CANCEL_REQUEST:
            await loop.sock_sendall(client, refusal(packet))
            client.close()
            return
        _, server = await loop.create_connection(Side, LOOPBACK, control.server_port)
        assert server.transport is not None
        try:
            if tls:
                context = self._context(control)
                await loop.sock_sendall(client, b"S")
                await loop.connect_accepted_socket(
                    lambda: Side(server), client, ssl=context, ssl_handshake_timeout=PATIENCE
                )
            else:
                server.transport.write(packet)
                await loop.connect_accepted_socket(lambda: Side(server), client)
        except BaseException:
            server.transport.close()
            raise

    def _context(self, control: Control) -> ssl.SSLContext:
        key = (control.certificate, control.key)
        if key not in self._contexts:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            context.load_cert_chain(control.certificate, control.key)
            self._contexts[key] = context
        return self._contexts[key]


def main() -> None:
    """Serve on the socket that is standard input."""
    asyncio.run(Front(socket.socket(fileno=0), Path(sys.argv[1])).run())


if __name__ == "__main__":
    main()
