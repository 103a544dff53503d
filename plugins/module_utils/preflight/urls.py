# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of a variable that holds the URL of MLflow."""

from __future__ import annotations

from urllib.parse import urlsplit


def url_problems(variable: str, url: str) -> list[str]:
    """A URL that is not one of HTTP, or that carries a login. Empty means the load balancer's, and is right."""
    if not url:
        return []
    try:
        parts = urlsplit(url)
        right = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return [f"{variable}: '{url}' is not a URL; use one such as https://mlflow.example.org"]
    if parts.username is not None or parts.password is not None:
        return [f"{variable}: carries a login (not shown); take it out, the login is read from Secrets Manager"]
    if not right:
        return [f"{variable}: '{url}' is not a URL; use one such as https://mlflow.example.org"]
    return []
