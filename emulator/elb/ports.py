# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses and ports of load balancers on this machine."""

from __future__ import annotations

import errno
import socket
from collections.abc import Collection


def choose_host(taken: Collection[str]) -> str:
    """The address for a new load balancer: the first free of 127.0.0.1, 127.0.0.2 and so on.

    An address is a name that works everywhere without name service. Linux answers for the whole of
    127.0.0.0/8; where only 127.0.0.1 can be bound (macOS), all load balancers share it.
    """
    host = next(f"127.0.0.{number}" for number in range(1, 255) if f"127.0.0.{number}" not in taken)
    return host if host == "127.0.0.1" or _bind(host, 0) is None else "127.0.0.1"


def problem(host: str, port: int) -> str | None:
    """Why ``host:port`` cannot be bound now and what to do about it; None when it can."""
    error = _bind(host, port)
    if error is None:
        return None
    if error.errno == errno.EADDRINUSE:
        return f"{host}:{port} is taken by another program: stop it, or give the listener another port"
    if error.errno in (errno.EACCES, errno.EPERM):
        return (
            f"{host}:{port} may only be opened by root on this machine: give the listener a port above 1023, "
            f"run the embedded AWS as root, or allow it (sysctl net.ipv4.ip_unprivileged_port_start={port})"
        )
    return f"{host}:{port} cannot be opened on this machine ({error.strerror}): give the listener another port"


def _bind(host: str, port: int) -> OSError | None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As nginx does: a port whose last connections are in TIME_WAIT is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            return error
    return None
