# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules through Ansible's own entry point: bad input ends before any request; nothing secret comes back."""

from __future__ import annotations

import base64
import json
import re
import secrets
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.plugins.mlflow.mlflow_faults import FaultServer, Reply
from tests.unit.plugins.run_module import run_module

Start = Callable[..., FaultServer]
GOOD = secrets.token_urlsafe(24)
# What this machine is set to must not matter.
QUIET = {"NO_PROXY": "*", "no_proxy": "*"}


@pytest.mark.parametrize(
    ("module", "args", "says"),
    [
        ("mlflow_auth_bootstrap", {"username": "admin", "password": "short-pw"}, "fewer than 12"),
        ("mlflow_auth_bootstrap", {"username": "admin", "password": "password1234"}, "shipped"),
        ("mlflow_auth_bootstrap", {"username": "admin"}, "password is missing"),
        ("mlflow_auth_bootstrap", {}, "no login is given"),
        ("mlflow_auth_bootstrap", {"username": "a:b", "password": GOOD}, "colon"),
        ("mlflow_auth_bootstrap", {"username": "a", "password": GOOD, "connections": 0}, "connections is 0"),
        ("mlflow_auth_bootstrap", {"username": "a", "password": GOOD, "wait_timeout": -1}, "wait_timeout"),
        ("mlflow_auth_bootstrap", {"password": GOOD, "secret_id": "x"}, "mutually exclusive"),
        ("mlflow_health", {"stages": ["auth"]}, "no login is given"),
        ("mlflow_health", {"stages": ["consistency"], "token": GOOD}, "a token instead of a user name and password"),
        ("mlflow_health", {"token": GOOD, "username": "me"}, "mutually exclusive"),
        ("mlflow_health", {"token": f"{GOOD}\n"}, "token contains a blank"),
        ("mlflow_health", {"stages": ["aws"]}, "no resource is named"),
        ("mlflow_health", {"connections": 1}, "connections is 1. Give 2 to 100"),
        ("mlflow_health", {"connections": 101}, "connections is 101"),
        ("mlflow_health", {"certificate_days": -1}, "certificate_days is -1. Give 0 to 3650"),
        ("mlflow_health", {"latency_requests": 1001}, "latency_requests is 1001. Give 0 to 1000"),
        ("mlflow_health", {"latency_p95_ms": 0}, "latency_p95_ms is 0. Give 1 to 600000"),
        ("mlflow_health", {"artifact_size": 0}, "artifact_size is 0"),
        ("mlflow_health", {"stages": ["nothing"]}, "value of stages must be one"),
        ("mlflow_health", {"service": "x"}, "required together"),
        ("mlflow_health", {"timeout": 0}, "timeout is not a positive"),
        ("mlflow_health", {"ca_path": "/nowhere/ca.crt"}, "ca_path is no file"),
        ("mlflow_experiment", {"name": "x" * 501}, "501 characters, and MLflow keeps 500"),
        ("mlflow_experiment", {"name": "x", "artifact_location": "mlruns"}, "is a relative path"),
        ("mlflow_experiment", {"name": "x", "tags": {"mlflow.note.content": "y"}}, "which is MLflow's own"),
        ("mlflow_registered_model", {"name": "a/b"}, "name contains / or :"),
        ("mlflow_registered_model", {"name": "x", "description": "y" * 5001}, "description has 5001 characters"),
        ("mlflow_registered_model", {"name": "x", "tags": {"mlflow.prompt.is_prompt": ""}}, "MLflow's own"),
        ("mlflow_registered_model", {"name": "x", "aliases": {"latest": 1}}, "which MLflow does not take"),
        ("mlflow_info", {"usernames": ["a:b"]}, "usernames contains a colon"),
    ],
)
def test_refused_before_any_request(fault_server: Start, module: str, args: dict[str, Any], says: str) -> None:
    server = fault_server(Reply(200, b"OK"))
    result = run_module(module, {"url": server.url, **args}, env=QUIET)
    assert result["failed"]
    assert says in result["msg"]
    assert server.seen == []
    assert GOOD not in json.dumps(result)


def test_a_password_in_the_url_is_refused_and_masked() -> None:
    result = run_module("mlflow_health", {"url": f"http://admin:{GOOD}@127.0.0.1:9"}, env=QUIET)
    assert "holds credentials" in result["msg"]
    assert GOOD not in json.dumps(result)


def test_bootstrap_waits_out_a_server_that_starts_and_names_a_login_page(fault_server: Start) -> None:
    page = Reply(200, b"<html><head><title>Company login</title></head></html>")
    server = fault_server(Reply(502), Reply(drop=True), Reply(503), page)
    args = {"url": server.url, "username": "admin", "password": GOOD, "wait_sleep": 1, "wait_timeout": 30}
    result = run_module("mlflow_auth_bootstrap", args, env=QUIET)
    assert "a web page titled 'Company login'" in result["msg"]
    assert len(server.seen) == 4


def test_a_server_without_logins_is_named(fault_server: Start) -> None:
    server = fault_server(Reply(200, b"OK"), Reply(404, b"<!doctype html><title>404 Not Found</title>"))
    args = {"url": server.url, "username": "admin", "password": GOOD, "wait_timeout": 0}
    assert "runs without basic-auth" in run_module("mlflow_auth_bootstrap", args, env=QUIET)["msg"]


def test_health_reports_a_server_that_never_comes() -> None:
    args = {"url": "http://127.0.0.1:9", "wait_timeout": 3, "wait_sleep": 1, "fail_on": "none"}
    result = run_module("mlflow_health", args, env=QUIET)
    assert not result.get("failed")
    assert result["healthy"] is False
    network = result["stages"][0]
    assert re.search(r"connection refused \(after [34] tries in [23] s\)", network["detail"])
    assert 2000 <= network["milliseconds"] <= 3500
    assert network["remedy"]
    assert all(stage["skipped"] for stage in result["stages"][1:])


def test_a_server_that_echoes_the_login_does_not_get_it_into_the_result(fault_server: Start) -> None:
    coded = base64.b64encode(f"admin:{GOOD}".encode()).decode()
    echo = json.dumps({"error_code": "INTERNAL_ERROR", "message": f"Authorization: Basic {coded} for {GOOD}"})
    server = fault_server(Reply(500, echo.encode()))
    args = {"url": server.url, "username": "admin", "password": GOOD, "wait_timeout": 0, "stages": ["api"]}
    result = run_module("mlflow_health", args, env=QUIET)
    assert server.seen[0].headers["authorization"] == f"Basic {coded}"
    text = json.dumps(result)
    assert "Authorization: Basic" in text
    assert GOOD not in text
    assert coded not in text
    assert coded[10:] not in text


def test_a_token_is_sent_and_hidden(fault_server: Start) -> None:
    server = fault_server(Reply(500, json.dumps({"error_code": "X", "message": f"Bearer {GOOD}"}).encode()))
    args = {"url": server.url, "token": GOOD, "stages": ["api"], "fail_on": "none"}
    result = run_module("mlflow_health", args, env=QUIET)
    assert server.seen[0].headers["authorization"] == f"Bearer {GOOD}"
    assert not result["healthy"]
    assert GOOD not in json.dumps(result)
