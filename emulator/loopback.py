# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which HTTP requests come from this machine's own programs, and not from a web page in its browser.

A listener on loopback is reached by every page that the machine's browser shows. A page of evil.com cannot read the
answers, unless the name evil.com is made to mean 127.0.0.1 after the page was loaded (DNS rebinding): then the browser
takes both for one origin. Such a request still says which name it was for, in ``Host``; and a request that a page sends
to another origin says which page, in ``Origin`` (Fetch standard, "HTTP-network-or-cache fetch").
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass

_PORT = r"(?::[0-9]{1,5})?"
#: RFC 6761, section 6.3: localhost and every name below it is loopback; browsers do not ask DNS for them.
_NAME = re.compile(rf"(?:[a-z0-9-]+\.)*localhost{_PORT}", re.IGNORECASE)
_ADDRESS = re.compile(rf"([0-9.]+|\[[0-9a-f:]+\]){_PORT}", re.IGNORECASE)
_ORIGIN = re.compile(r"https?://([^/]*)", re.IGNORECASE)


@dataclass(frozen=True)
class Misdirected:
    """Why a request is not answered.

    :param status: 421 for a name that is not ours, 403 for a page that is not.
    """

    status: int
    message: str


def is_loopback(host: str) -> bool:
    """Whether ``host``, a name or address with or without a port, means this machine's loopback interface."""
    if _NAME.fullmatch(host):
        return True
    found = _ADDRESS.fullmatch(host)
    if found is None:
        return False
    try:
        return ipaddress.ip_address(found.group(1).strip("[]")).is_loopback
    except ValueError:
        return False


def misdirected(hosts: Sequence[str], origins: Sequence[str]) -> Misdirected | None:
    """What is wrong with a request by its headers; None when nothing is.

    :param hosts: every value of ``Host``, and the host of the request line where that is a whole URL.
    :param origins: every value of ``Origin``.
    """
    if not hosts:
        return Misdirected(421, "The request has no Host header: send one with the address that it is for.")
    for host in hosts:
        if not is_loopback(host):
            return Misdirected(421, f"The host {host!r} is not a loopback address: use 127.0.0.1 or localhost.")
    for origin in origins:
        page = _ORIGIN.fullmatch(origin)
        if page is None or not is_loopback(page.group(1)):
            return Misdirected(403, f"A web page of origin {origin!r} may not call the embedded AWS.")
    return None
