# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What mlflow_info reads, and what it leaves out."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.client import ServerVersion
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.errors import InvalidOptionsError
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.info import SUBJECTS, subjects

from tests.unit.plugins.mlflow.mlflow_faults import FaultServer, Reply
from tests.unit.plugins.run_module import run_module

NEW, OLD = ServerVersion("3.17.2", 3), ServerVersion("2.18.0", 2)


@pytest.mark.parametrize(
    ("asked", "server", "usernames", "expected"),
    [
        (None, NEW, None, SUBJECTS),
        (None, NEW, ["alice"], SUBJECTS),
        (None, OLD, None, ("version", "experiments", "registered_models")),
        (None, OLD, ["alice"], ("version", "users", "grants", "experiments", "registered_models")),
        ([], NEW, None, ()),
        (["experiments", "version"], OLD, None, ("version", "experiments")),
        (["grants"], OLD, ["alice"], ("grants",)),
    ],
)
def test_subjects(
    asked: list[str] | None, server: ServerVersion, usernames: list[str] | None, expected: tuple[str, ...]
) -> None:
    assert subjects(asked, server, usernames) == expected


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (["users"], "MLflow 2.18.0 cannot list its users"),
        (["grants"], "MLflow 2.18.0 cannot list its users"),
        (["roles"], "MLflow 2.18.0 has no roles"),
    ],
)
def test_what_a_server_cannot_tell_is_refused(asked: list[str], message: str) -> None:
    with pytest.raises(InvalidOptionsError, match=message) as caught:
        subjects(asked, OLD, None)
    assert caught.value.remedy


def test_a_server_without_logins_has_no_users(fault_server: Callable[..., FaultServer]) -> None:
    missing = Reply(404, b"<!doctype html><title>404 Not Found</title>")
    page = Reply(200, b'{"experiments": [{"experiment_id": "0", "name": "Default"}]}')
    # users, grants, roles; then experiments and registered models.
    server = fault_server(Reply(200, b"3.17.2"), missing, missing, missing, page, Reply(200, b"{}"))
    args = {"url": server.url, "username": "admin", "password": "nobody-asks-for-it", "wait_timeout": 0}
    result = run_module("mlflow_info", args, env={"NO_PROXY": "*"})
    assert (result["version"], result["generation"]) == ("3.17.2", 3)
    assert [one["name"] for one in result["experiments"]] == ["Default"]
    assert result["registered_models"] == []
    assert not {"users", "grants", "roles"} & set(result)
    asked = run_module("mlflow_info", {**args, "gather": ["users"]}, env={"NO_PROXY": "*"})
    assert asked["failed"]
