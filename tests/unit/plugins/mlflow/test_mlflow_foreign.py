# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers that are not MLflow are named as what they are, by every stage that asks one."""

from __future__ import annotations

import secrets
from collections.abc import Callable

import pytest
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._health import runner
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._health.model import AwsTarget, Target
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.client import MlflowClient
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.http import (
    NO_RETRY,
    Connection,
    Login,
    Transport,
)
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.wait import Waiter

from tests.unit.plugins.mlflow.mlflow_faults import FOREIGN, FaultServer

Start = Callable[..., FaultServer]

#: The stage network asks only for HTTP, tls only for TLS, and aws does not ask the server.
STAGES = [name for name in runner.STAGES if name not in ("network", "tls", "aws")]


@pytest.mark.parametrize("kind", FOREIGN)
@pytest.mark.parametrize("name", STAGES)
def test_every_stage_names_what_is_there(fault_server: Start, name: str, kind: str) -> None:
    reply, says = FOREIGN[kind]
    login = Login("me", secrets.token_urlsafe(24))
    client = MlflowClient(Transport(Connection(fault_server(reply).url), login, retry=NO_RETRY))
    aws = AwsTarget(clients=lambda service: None)
    target = Target(client=client, patient=client, login=login, aws=aws, connections=2, latency_requests=1)
    [result], _facts = runner.run_stages([name], target, Waiter(0, 1))
    assert not result.ok
    assert says in result.detail
    assert result.remedy
    assert "hidden" not in result.detail + result.remedy


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_server_that_answers_http_is_on_the_network(fault_server: Start, kind: str) -> None:
    server = fault_server(FOREIGN[kind][0])
    client = MlflowClient(Transport(Connection(server.url), retry=NO_RETRY))
    target = Target(client=client, patient=client, login=None, aws=AwsTarget(clients=lambda service: None))
    results, _facts = runner.run_stages(["network", "health", "api"], target, Waiter(0, 1))
    assert [(result.name, result.ok, result.skipped) for result in results] == [
        ("network", True, False),
        ("health", False, False),
        ("api", False, True),
    ]
