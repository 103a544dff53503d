# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the client makes of answers that are not MLflow's, and of MLflow's refusals."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable

import pytest
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow import errors
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.client import MlflowClient, page
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.http import (
    NO_RETRY,
    Answer,
    Connection,
    Login,
    Transport,
)

from tests.unit.plugins.mlflow.mlflow_faults import FaultServer, Reply

Start = Callable[..., FaultServer]
PAGE = b"<!DOCTYPE html><html><head><title>Sign in &amp; go\n on</title></head></html>"
WERKZEUG_404 = b"<!doctype html>\n<html lang=en>\n<title>404 Not Found</title>\n<h1>Not Found</h1>"

REDIRECT = Reply(302, b"", {"Location": "https://idp.example.org/auth?state=SECRET"})


def said(code: str, message: str) -> bytes:
    return json.dumps({"error_code": code, "message": message}).encode()


def client(server: FaultServer, password: str | None = None) -> MlflowClient:
    login = Login("admin", password) if password else None
    return MlflowClient(Transport(Connection(server.url), login, retry=NO_RETRY))


@pytest.mark.parametrize(
    ("reply", "kind", "says", "transient"),
    [
        (Reply(200, PAGE), errors.NotMlflowError, "a web page titled 'Sign in & go on'", False),
        (Reply(200, b"hello"), errors.NotMlflowError, "not in MLflow's way", False),
        (Reply(200, b"[]"), errors.NotMlflowError, "not in MLflow's way", False),
        (Reply(200, b'{"other": 1}'), errors.NotMlflowError, "not in MLflow's way", False),
        (REDIRECT, errors.NotMlflowError, r"redirected \(302\) to https://idp.example.org/auth\.", False),
        (Reply(401, b"You are not authenticated."), errors.AuthenticationError, "login is refused", False),
        (Reply(403, b"Permission denied"), errors.ForbiddenError, "Permission denied", False),
        (Reply(403, b"Invalid Host header - possible DNS"), errors.ForbiddenError, "Invalid Host", False),
        (Reply(404, WERKZEUG_404), errors.NoSuchRouteError, "no such route", False),
        (Reply(405, b"no"), errors.NoSuchRouteError, "no such route", False),
        (Reply(404, said("RESOURCE_DOES_NOT_EXIST", "gone")), errors.NotFoundError, "gone", False),
        (Reply(400, said("RESOURCE_ALREADY_EXISTS", "there")), errors.AlreadyExistsError, "there", False),
        (Reply(400, said("INVALID_PARAMETER_VALUE", "bad")), errors.ApiError, "bad", False),
        (Reply(500, PAGE), errors.ApiError, "Sign in", False),
        (Reply(502, b"<html><title>502 Bad Gateway</title></html>"), errors.BusyError, "502 Bad Gateway", True),
        (Reply(503, b""), errors.BusyError, "503", True),
        (Reply(429, b"slow down"), errors.BusyError, "slow down", True),
        (Reply(drop=True), errors.UnreachableError, "dropped", True),
    ],
)
def test_answers_are_named_as_what_they_are(
    fault_server: Start, reply: Reply, kind: type[errors.MlflowError], says: str, transient: bool
) -> None:
    with pytest.raises(kind, match=says) as caught:
        client(fault_server(reply)).get_user("admin")
    assert caught.type is kind
    assert caught.value.transient is transient
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize(
    ("reply", "remedy"),
    [
        (Reply(403, b"Invalid Host header - possible DNS rebinding attack detected"), "--allowed-hosts"),
        (Reply(403, b"Cross-origin request blocked"), "--cors-allowed-origins"),
        (Reply(403, b"Permission denied"), "user who may"),
    ],
)
def test_remedies_fit_the_refusal(fault_server: Start, reply: Reply, remedy: str) -> None:
    with pytest.raises(errors.ForbiddenError) as caught:
        client(fault_server(reply)).search_experiments()
    assert remedy in caught.value.remedy


@pytest.mark.parametrize("body", [PAGE, b"pong", b""])
def test_another_server_is_not_healthy(fault_server: Start, body: bytes) -> None:
    with pytest.raises(errors.NotMlflowError, match="not MLflow's OK"):
        client(fault_server(Reply(200, body))).health()


@pytest.mark.parametrize(
    ("text", "generation"), [(b"2.18.0", 2), (b"3.17.2\n", 3), (b"3.18.0rc1", 3), (b"10.0.0.dev0", 10)]
)
def test_versions(fault_server: Start, text: bytes, generation: int) -> None:
    server = fault_server(Reply(200, text), Reply(500))
    asked = client(server)
    assert asked.version().generation == generation
    assert asked.version().text == text.decode().strip()
    assert len(server.seen) == 1


@pytest.mark.parametrize(("second", "generation"), [(Reply(200), 3), (Reply(401), 2), (Reply(404, PAGE), 2)])
def test_generation_is_known_without_a_login(fault_server: Start, second: Reply, generation: int) -> None:
    found = client(fault_server(Reply(401), second)).version()
    assert (found.text, found.generation) == (None, generation)


def test_a_server_that_echoes_credentials_does_not_get_them_into_an_error(fault_server: Start) -> None:
    password, new = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
    header = Login("admin", password).header()
    echo = said("INTERNAL_ERROR", f"failed with {header} and {password} to set {new}")
    with pytest.raises(errors.ApiError) as caught:
        client(fault_server(Reply(500, echo)), password).update_password("admin", new, current_password=password)
    text = f"{caught.value}{caught.value!r}{caught.value.args}"
    assert password not in text
    assert new not in text
    assert header.split()[1][8:] not in text


def test_deleting_a_deleted_run_is_no_error(fault_server: Start) -> None:
    run = {"run": {"info": {"run_id": "r", "experiment_id": "1", "lifecycle_stage": "deleted"}}}
    refusal = Reply(400, said("INVALID_STATE", "not active"))
    server = fault_server(refusal, Reply(200, json.dumps(run).encode()))
    client(server).delete_run("r")
    assert [seen.method for seen in server.seen] == ["POST", "GET"]
    run["run"]["info"]["lifecycle_stage"] = "active"
    with pytest.raises(errors.ApiError, match="not active"):
        client(fault_server(refusal, Reply(200, json.dumps(run).encode()))).delete_run("r")


def test_artifact_paths_are_encoded(fault_server: Start) -> None:
    server = fault_server(Reply(200))
    client(server).put_artifact("1/a b%?#/ü.bin", b"x")
    assert server.seen[0].path == "/api/2.0/mlflow-artifacts/artifacts/1/a%20b%25%3F%23/%C3%BC.bin"


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b"<html><head><title> Log\n in </title></head></html>", "a web page titled 'Log in'"),
        (b"<!doctype html><p>hello", "a web page"),
        (b'<?xml version="1.0"?><html><body/></html>', "a web page"),
        (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "an XML document: AccessDenied"),
        (b'<?xml version="1.0"?><rss/>', "an XML document"),
        (b"OK", ""),
        (b'{"html": "<html>"}', ""),
    ],
)
def test_pages_are_named(body: bytes, shown: str) -> None:
    assert page(Answer(200, {}, body)) == shown


@pytest.mark.parametrize(
    ("reply", "found"),
    [(Reply(200, b"{}"), 0), (Reply(200, b'{"experiments": []}'), 0), (Reply(200, b'{"message": "hello"}'), None)],
)
def test_another_api_is_not_an_mlflow_without_experiments(fault_server: Start, reply: Reply, found: int | None) -> None:
    asked = client(fault_server(reply))
    if found is None:
        with pytest.raises(errors.NotMlflowError, match="not in MLflow's way"):
            asked.search_experiments()
    else:
        assert len(asked.search_experiments()) == found
