# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of a variable that holds a URL."""

from __future__ import annotations

from urllib.parse import urlsplit


def url_problems(variable: str, url: str, example: str = "https://mlflow.example.org") -> list[str]:
    """A URL that is not one of HTTP, or that carries a login. An empty one is right: it takes the default."""
    if not url:
        return []
    wrong = [f"{variable}: '{url}' is not a URL; use one such as {example}"]
    try:
        parts = urlsplit(url)
        right = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return wrong
    if parts.username is not None or parts.password is not None:
        return [f"{variable}: contains a login (not shown), and other people would see it; remove it from the URL"]
    return [] if right and " " not in url else wrong
