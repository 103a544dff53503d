# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every module names a server that is not MLflow as what it is, and writes nothing to it."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.plugins.mlflow.mlflow_faults import FOREIGN, FaultServer
from tests.unit.plugins.run_module import run_module

Start = Callable[..., FaultServer]

MODULES: dict[str, dict[str, Any]] = {
    "mlflow_user": {"name": "alice", "user_password": "a-Long-enough-1"},
    "mlflow_role": {"name": "team"},
    "mlflow_permission": {"user": "alice", "permissions": []},
    "mlflow_experiment": {"name": "churn"},
    "mlflow_registered_model": {"name": "churn"},
    "mlflow_info": {},
    "mlflow_auth_bootstrap": {},
}
#: One of each sort: without the path, a page for people, a way elsewhere, another API.
KINDS = ("web server", "login page", "single sign-on", "other API")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("module", MODULES)
def test_a_module_names_what_is_there(fault_server: Start, module: str, kind: str) -> None:
    reply, says = FOREIGN[kind]
    server, password = fault_server(reply), secrets.token_urlsafe(24)
    given = {"url": server.url, "username": "admin", "password": password, "wait_timeout": 0, **MODULES[module]}
    result = run_module(module, given, env={"NO_PROXY": "*", "no_proxy": "*"})
    assert result["failed"] is True
    assert says in result["msg"], result["msg"]
    assert password not in str(result)
    assert {seen.method for seen in server.seen} <= {"GET"}
