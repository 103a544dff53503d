# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stages that ask whether the server is there: network, health, version."""

from __future__ import annotations

from urllib.parse import urlsplit

from .._mlflow.http import BUSY, Login
from .model import Finding, StageFailed, StageSkipped, Target


def network(target: Target) -> Finding:
    """Any HTTP answer will do: name, route, port and TLS are right then."""
    transport = target.client.as_user(None).transport
    status = transport.send("GET", "/health").status
    place = urlsplit(transport.connection.url).netloc
    if status in BUSY:
        return Finding(f"{place} answers HTTP, with {status} for now")
    return Finding(f"{place} answers HTTP")


def health(target: Target) -> Finding:
    """``/health`` answers 200 ``OK``, without a login."""
    target.client.as_user(None).health()
    return Finding("GET /health answers 200 OK")


def version(target: Target) -> Finding:
    """``/version`` answers the expected version, or any where none is expected."""
    # A client of its own: the answer is remembered, and a deployment may be under way.
    found = target.client.as_user(target.login).version()
    facts = {"version": found.text, "generation": found.generation}
    if found.text is None:
        if target.version:
            raise StageFailed(
                f"the server tells its version only to a login; it is of generation {found.generation}",
                "give username and password, or secret_id",
            )
        return Finding(f"generation {found.generation}; the version is told only to a login", facts)
    if target.version and found.text != target.version:
        raise StageFailed(
            f"the server is {found.text}, expected {target.version}",
            "wait until the deployment is complete, or deploy the expected version",
            transient=True,
        )
    return Finding(f"MLflow {found.text}", facts)


def require_login(target: Target) -> Login:
    """The target's user name and password.

    :raises StageSkipped: it has none, so that the stage has nothing to say.
    """
    if target.login is None:
        raise StageSkipped("no login is given")
    if not isinstance(target.login, Login):
        raise StageSkipped("a token is given, and this stage needs a user name and password")
    return target.login
