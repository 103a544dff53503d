# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""By what the wire of the tests of whole stacks tells calls apart."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest

from tests.deployed.deployed_wire import read_call

ECS = "AmazonEC2ContainerServiceV20141113"
EC2 = {"Authorization": "AWS4-HMAC-SHA256 Credential=AKIA/20261130/eu-west-2/ec2/aws4_request, SignedHeaders=host"}
DEFINITION = "arn:aws:ecs:eu-west-2:123456789012:task-definition/fraud-migration:7"
SECRET = "arn:aws:secretsmanager:eu-west-2:123456789012:secret:fraud/mlflow/admin-Ab12Cd"
UPDATE = "/api/2.0/mlflow/users/update-password"


@pytest.mark.parametrize(
    ("request_line", "headers", "body", "name", "writes"),
    [
        (
            "POST /",
            {"X-Amz-Target": "secretsmanager.PutSecretValue"},
            {"SecretId": SECRET},
            "PutSecretValue admin",
            True,
        ),
        ("POST /", {"X-Amz-Target": "secretsmanager.GetSecretValue"}, {"SecretId": "a"}, "GetSecretValue a", False),
        ("POST /", {"x-amz-target": f"{ECS}.RunTask"}, {"taskDefinition": DEFINITION}, "RunTask fraud-migration", True),
        (
            "POST /",
            {"X-Amz-Target": f"{ECS}.RunTask"},
            {
                "taskDefinition": DEFINITION,
                "overrides": {"containerOverrides": [{"name": "migrate", "command": ["retire"]}]},
            },
            "RunTask fraud-migration retire",
            True,
        ),
        ("POST /", EC2, urlencode({"Action": "DeleteSubnet", "SubnetId": "subnet-1"}), "DeleteSubnet subnet-1", True),
        ("POST /", EC2, urlencode({"Action": "DescribeSubnets"}), "DescribeSubnets", False),
        ("PATCH " + UPDATE, {"Content-Type": "application/json"}, {"username": "bob"}, f"PATCH {UPDATE} bob", True),
        ("POST /api/2.0/mlflow/experiments/search", {}, "", "POST /api/2.0/mlflow/experiments/search", False),
        ("GET /health?x=1", {}, "", "GET /health", False),
    ],
)
def test_calls_are_told_apart(
    request_line: str, headers: dict[str, str], body: dict[str, object] | str, name: str, writes: bool
) -> None:
    method, path = request_line.split(" ")
    call = read_call(method, path, headers, (body if isinstance(body, str) else json.dumps(body)).encode())
    assert (call.name, call.writes) == (name, writes)
