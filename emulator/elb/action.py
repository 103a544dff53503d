# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rule actions as nginx locations.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-action-types.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from emulator.elb.text import DOLLAR, quoted

_PLACEHOLDERS = {
    "#{protocol}": "$scheme",
    "#{host}": "$host",
    "#{port}": "$server_port",
    "#{path}": "$elb_path_tail",
    "#{query}": "$args",
}
_STATUS = {"HTTP_301": 301, "HTTP_302": 302}


def fixed(action: Mapping[str, Any]) -> str:
    """The body of a location that answers a fixed-response action."""
    config = action.get("FixedResponseConfig") or {}
    return answer(
        int(config.get("StatusCode", 200)),
        str(config.get("MessageBody") or ""),
        config.get("ContentType") or "text/plain",
    )


def answer(status: int, body: str, kind: str = "text/plain") -> str:
    """The body of a location that answers every request with ``body``."""
    return f"            default_type {quoted(kind)};\n            return {status} {quoted(body)};\n"


def redirect(action: Mapping[str, Any]) -> str:
    """The body of a location that answers a redirect action.

    AWS names the port in every Location, also the default one.
    """
    config = action.get("RedirectConfig") or {}
    protocol = _expand(str(config.get("Protocol") or "#{protocol}")).lower()
    host = _expand(str(config.get("Host") or "#{host}"))
    port = _expand(str(config.get("Port") or "#{port}"))
    path = _expand("/" + str(config.get("Path") or "/#{path}").lstrip("/"))
    query = config.get("Query", "#{query}")
    tail = "$elb_query" if query == "#{query}" else f"?{_expand(str(query))}" if query else ""
    where = quoted(f"{protocol}://{host}:{port}{path}{tail}", variables=True)
    return f"            return {_STATUS.get(str(config.get('StatusCode')), 302)} {where};\n"


def refusal(kind: str) -> str:
    """The body of a location for an action that cannot be done here. Nothing is let through."""
    return answer(501, f"The embedded AWS cannot do the listener action {kind!r} yet, so it refuses the request.\n")


def _expand(text: str) -> str:
    parts = re.split(r"(#\{(?:protocol|host|port|path|query)\})", text)
    return "".join(_PLACEHOLDERS.get(part) or part.replace("$", DOLLAR) for part in parts)
