# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of the modules against a real server, as the tests of all modules need them."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.integration.plugins.mlflow_servers import MlflowServer
from tests.unit.plugins.run_module import run_module

QUIET = {"NO_PROXY": "*", "no_proxy": "*"}
VERSIONS = ["3.17.2", *(pytest.param(old, marks=pytest.mark.slow) for old in ("2.22.5", "2.18.0"))]


def strong() -> str:
    """A password with every ASCII character that some part of the chain could mistake."""
    return secrets.token_urlsafe(12) + "%;\"#@:/? '\\"


def odd_name() -> str:
    """A name that breaks what does not encode it."""
    return f'o\'dd "{secrets.token_hex(4)}" %40 +&?# é \N{GRINNING FACE}'


def generation(server: MlflowServer) -> int:
    return 3 if server.ask("GET", "/api/2.0/mlflow/users/list")[0] == 200 else 2


def run(module: str, server: MlflowServer, *, check: bool = False, url: str | None = None, **args: Any) -> Any:
    """Run a module as the admin; no password is in what it returns."""
    given: dict[str, Any] = {"url": url or server.url, "username": "admin", "password": server.password}
    given |= {"wait_timeout": 30, "wait_sleep": 1}
    result = run_module(module, {**given, **args}, env=QUIET, check=check)
    text = json.dumps(result, ensure_ascii=False)
    for secret in (server.password, args.get("user_password") or server.password):
        assert secret not in text
        assert json.dumps(secret)[1:-1] not in text
    return result


def four_times(module: str, server: MlflowServer, before: Callable[[], Any], expected: list[str], **args: Any) -> Any:
    """Check, real, check again, real again: the server changes at the second only, and the prediction holds.

    :param before: what the server has, by raw calls.
    :param expected: the actions in words.
    """
    had = before()
    checked = run(module, server, check=True, **args)
    assert checked.get("actions") == expected, checked
    assert before() == had
    real = run(module, server, **args)
    assert real.get("actions") == expected, real
    assert real["changed"] is bool(expected)
    assert real["diff"] == checked["diff"]
    assert (real["diff"]["before"] != real["diff"]["after"]) is bool(expected)
    has = before()
    for check in (True, False):
        again = run(module, server, check=check, **args)
        assert (again["changed"], again["actions"]) == (False, [])
        assert again["diff"]["before"] == again["diff"]["after"] == real["diff"]["after"]
    assert before() == has
    return real


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]
