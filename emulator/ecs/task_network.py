# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs first in every Python of a task (as ``sitecustomize``): the task's ports on this machine.

* bind of a declared container port, on any address -> the task's host port on loopback;
* bind of another port on an address that is not loopback -> the same port on loopback;
* connect to a declared container port on loopback, a wildcard or the task's own address -> the
  host port.

It is copied out of the emulator: it imports nothing but the standard library.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import socket
import sys
from typing import Any

_HERE = os.path.dirname(os.path.abspath(__file__))
_WILDCARDS = frozenset({"", "0.0.0.0", "::", "0:0:0:0:0:0:0:0"})
_LOOPBACKS = frozenset({"127.0.0.1", "localhost", "::1", "::ffff:127.0.0.1"})


class Ports:
    """The table of the task: container port to host port."""

    def __init__(self, table: dict[str, Any]) -> None:
        self._local = {*_WILDCARDS, *_LOOPBACKS, table["address"]}
        self._own = {int(inside): int(outside) for inside, outside in table["ports"].items()}
        self._aliases = {int(inside): int(outside) for inside, outside in table["aliases"].items()}

    def bound(self, host: Any, port: Any) -> tuple[Any, Any]:
        """The host and port to bind instead."""
        host = host.decode() if isinstance(host, (bytes, bytearray)) else host
        if host in _LOOPBACKS or (isinstance(host, str) and host.startswith("127.") and port in self._own):
            return "127.0.0.1", self._own.get(port, port)
        if isinstance(host, str) and host.startswith("127."):
            return host, port
        return "127.0.0.1", self._own.get(port, port)

    def connected(self, host: Any, port: Any) -> tuple[Any, Any]:
        """The host and port to connect to instead."""
        host = host.decode() if isinstance(host, (bytes, bytearray)) else host
        if isinstance(host, str) and host in self._local:
            found = self._own.get(port, self._aliases.get(port))
            if found is not None:
                return "127.0.0.1", found
        return host, port


def _for_family(sock: socket.socket, host: Any) -> Any:
    """``host`` as the family of ``sock`` can take it."""
    if sock.family != socket.AF_INET6 or host != "127.0.0.1":
        return host
    try:
        only_six = sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
    except OSError:
        only_six = 0
    if only_six:
        return "::1"
    return "::ffff:127.0.0.1"


def _is_address(sock: socket.socket, address: Any) -> bool:
    return sock.family in (socket.AF_INET, socket.AF_INET6) and isinstance(address, tuple) and len(address) >= 2


def patch_sockets(ports: Ports) -> None:
    """Translate what :class:`socket.socket` binds and connects to."""
    parent: Any = socket.socket.__mro__[1]

    def bind(self: socket.socket, address: Any, /) -> None:
        if _is_address(self, address):
            host, port = ports.bound(address[0], address[1])
            address = (_for_family(self, host), port, *address[2:])
        parent.bind(self, address)

    def connect(self: socket.socket, address: Any, /) -> None:
        parent.connect(self, _target(self, address))

    def connect_ex(self: socket.socket, address: Any, /) -> int:
        return int(parent.connect_ex(self, _target(self, address)))

    def _target(self: socket.socket, address: Any) -> Any:
        if not _is_address(self, address):
            return address
        host, port = ports.connected(address[0], address[1])
        if (host, port) == tuple(address[:2]):
            return address
        return (_for_family(self, host), port, *address[2:])

    for function in (bind, connect, connect_ex):
        setattr(socket.socket, function.__name__, function)


def patch_uvloop(module: Any, ports: Ports) -> None:
    """uvloop binds and connects in C: translate the arguments of its loop."""
    create_server, create_connection = module.Loop.create_server, module.Loop.create_connection

    async def server(self: Any, protocol_factory: Any, host: Any = None, port: Any = None, **more: Any) -> Any:
        if more.get("sock") is None:
            hosts = host if isinstance(host, (list, tuple)) else [host]
            found = [ports.bound(each, port) for each in hosts]
            host = list(dict.fromkeys(each for each, _ in found))
            port = found[0][1]
        return await create_server(self, protocol_factory, host, port, **more)

    async def connection(self: Any, protocol_factory: Any, host: Any = None, port: Any = None, **more: Any) -> Any:
        if more.get("sock") is None:
            host, port = ports.connected(host, port)
        return await create_connection(self, protocol_factory, host, port, **more)

    module.Loop.create_server = server
    module.Loop.create_connection = connection


class _AfterUvloop(importlib.abc.MetaPathFinder):
    """Patches uvloop right after its import."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """The spec of uvloop with a loader that patches it; None for every other module."""
        if name != "uvloop":
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is None or spec.loader is None:
            return spec
        execute, ports = spec.loader.exec_module, self._ports

        def exec_module(module: Any) -> None:
            execute(module)
            patch_uvloop(module, ports)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def run_hidden_sitecustomize() -> None:
    """Run the ``sitecustomize`` that this one hides, if there is one."""
    others = [entry for entry in sys.path if os.path.abspath(entry or ".") != _HERE]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", others)
    if spec is not None and spec.loader is not None:
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)


def install() -> None:
    """Apply the table that lies beside this file."""
    with open(os.path.join(_HERE, "ports.json"), encoding="utf-8") as file:
        ports = Ports(json.load(file))
    patch_sockets(ports)
    sys.meta_path.insert(0, _AfterUvloop(ports))


if __name__ == "sitecustomize":
    install()
    run_hidden_sitecustomize()
