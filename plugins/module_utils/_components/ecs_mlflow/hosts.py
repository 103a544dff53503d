# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of host names and origins, as MLflow compares them with the headers Host and Origin."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

#: A host name or an address, with wildcards, and a port (mlflow/server/security_utils.py, is_allowed_host_header).
_HOST = re.compile(r"(?:[A-Za-z0-9*](?:[A-Za-z0-9.*_-]*[A-Za-z0-9*])?)(?::(?:[0-9]{1,5}|\*))?")
_ORIGIN = re.compile(r"https?://[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?")


def host_problems(variable: str, hosts: list[str]) -> list[str]:
    """A sentence for each entry that no header Host could be."""
    found = []
    for position, host in enumerate(hosts):
        place = f"{variable}[{position}]: '{host}'"
        if "://" in host:
            found.append(f"{place} is a URL; give the host alone: {urlsplit(host).netloc or 'mlflow.example.org'}")
        elif not _HOST.fullmatch(host):
            found.append(f"{place} is not a host name; use one such as mlflow.example.org, or mlflow.example.org:8080")
    return found


def origin_problems(variable: str, origins: list[str]) -> list[str]:
    """A sentence for each entry that no header Origin could be, or that would trust every web page."""
    found = []
    for position, origin in enumerate(origins):
        place = f"{variable}[{position}]: '{origin}'"
        if origin == "*":
            found.append(f"{place} would let every web page act with a visitor's login; list the origins that may")
        elif not _ORIGIN.fullmatch(origin):
            found.append(
                f"{place} is not an origin; use a scheme, a host and perhaps a port, without a path, such as "
                "https://notebooks.example.org"
            )
    return found
