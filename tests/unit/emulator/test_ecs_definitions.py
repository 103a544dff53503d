# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""RegisterTaskDefinition and DescribeTaskDefinition, through boto3."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.ecs.models import ecs_backends

from emulator.ecs import definitions

IMAGE = "public.ecr.aws/docker/library/python:3.11-slim"
ROLE = "arn:aws:iam::123456789012:role/execution"
LOGS = {
    "logDriver": "awslogs",
    "options": {"awslogs-group": "g", "awslogs-region": "eu-west-2", "awslogs-stream-prefix": "p"},
}


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """A client of moto with the checks of this plane."""
    definitions.install()
    with mock_aws():
        yield boto3.client("ecs", "eu-west-2", aws_access_key_id="x", aws_secret_access_key="x")


@pytest.fixture
def ecs(client: Any) -> Any:
    """The client, of an ECS without any definition."""
    ecs_backends["123456789012"]["eu-west-2"].task_definitions.clear()
    return client


def fargate(container: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """The parameters of a small Fargate definition, changed by ``more``; None removes one."""
    found = {
        "family": "f",
        "requiresCompatibilities": ["FARGATE"],
        "networkMode": "awsvpc",
        "cpu": "512",
        "memory": "1024",
        "containerDefinitions": [{"name": "main", "image": IMAGE, **(container or {})}],
        **more,
    }
    return {name: value for name, value in found.items() if value is not None}


def test_every_field_comes_back(ecs: Any) -> None:
    container = {
        "name": "main",
        "image": IMAGE,
        "essential": True,
        "command": ["a"],
        "entryPoint": ["b"],
        "user": "65534:65534",
        "readonlyRootFilesystem": True,
        "workingDirectory": "/srv",
        "stopTimeout": 60,
        "startTimeout": 30,
        "linuxParameters": {"initProcessEnabled": True, "capabilities": {"drop": ["ALL"]}},
        "ulimits": [{"name": "nofile", "softLimit": 1024, "hardLimit": 2048}],
        "mountPoints": [{"sourceVolume": "v", "containerPath": "/v", "readOnly": True}],
        "dependsOn": [{"containerName": "first", "condition": "SUCCESS"}],
        "healthCheck": {"command": ["CMD", "true"], "interval": 10, "timeout": 3, "retries": 4, "startPeriod": 5},
        "secrets": [{"name": "S", "valueFrom": "arn:aws:secretsmanager:eu-west-2:123456789012:secret:s"}],
        "environment": [{"name": "A", "value": "1"}],
        "logConfiguration": LOGS,
        "portMappings": [{"containerPort": 80}],
    }
    given = fargate(
        containerDefinitions=[container, {"name": "first", "image": IMAGE, "essential": False}],
        volumes=[{"name": "v"}],
        ephemeralStorage={"sizeInGiB": 30},
        runtimePlatform={"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"},
        executionRoleArn=ROLE,
        taskRoleArn=ROLE,
        tags=[{"key": "k", "value": "v"}],
    )
    ecs.register_task_definition(**given)
    answer = ecs.describe_task_definition(taskDefinition="f", include=["TAGS"])
    found = answer["taskDefinition"]
    assert answer["tags"] == given["tags"]
    for name in ("ephemeralStorage", "runtimePlatform", "executionRoleArn", "taskRoleArn", "cpu", "memory"):
        assert found[name] == given[name]
    main = found["containerDefinitions"][0]
    assert {name: main[name] for name in container if name != "portMappings"} == {
        name: value for name, value in container.items() if name != "portMappings"
    }
    # What AWS adds.
    assert main["portMappings"] == [{"containerPort": 80, "hostPort": 80, "protocol": "tcp"}]
    assert found["volumes"] == [{"name": "v", "host": {}}]
    assert found["networkMode"] == "awsvpc"
    assert found["registeredAt"]


def test_health_check_defaults(ecs: Any) -> None:
    ecs.register_task_definition(**fargate({"healthCheck": {"command": ["CMD-SHELL", "true"]}}))
    found = ecs.describe_task_definition(taskDefinition="f")["taskDefinition"]["containerDefinitions"][0]
    assert found["healthCheck"] == {"command": ["CMD-SHELL", "true"], "interval": 30, "timeout": 5, "retries": 3}


def test_sizes_are_answered_in_units(ecs: Any) -> None:
    found = ecs.register_task_definition(**fargate(cpu="0.5 vCPU", memory="2 GB"))["taskDefinition"]
    assert (found["cpu"], found["memory"]) == ("512", "2048")


def test_a_family_means_its_latest_active_revision(ecs: Any) -> None:
    for _ in range(3):
        ecs.register_task_definition(**fargate())
    ecs.deregister_task_definition(taskDefinition="f:3")
    assert ecs.describe_task_definition(taskDefinition="f")["taskDefinition"]["revision"] == 2
    assert ecs.describe_task_definition(taskDefinition="f:3")["taskDefinition"]["status"] == "INACTIVE"
    assert ecs.register_task_definition(**fargate())["taskDefinition"]["revision"] == 4


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (fargate(cpu="512", memory="512"), "No Fargate configuration exists for given values: 512 CPU, 512 memory"),
        (fargate(cpu="300", memory="1024"), "No Fargate configuration exists for given values: 300 CPU, 1024 memory"),
        (fargate(cpu="256", memory="4096"), "No Fargate configuration exists"),
        (fargate(cpu="8192", memory="17408"), "No Fargate configuration exists"),
        (fargate(cpu="many"), "Invalid 'cpu' setting for task"),
        (fargate({"memory": 512}, cpu=None), "Fargate requires that 'cpu' be defined at the task level"),
        (fargate({"memory": 512}, memory=None), "Fargate requires that 'memory' be defined at the task level"),
        (fargate(networkMode="bridge"), "Fargate only supports network mode ‘awsvpc’"),
        (fargate(networkMode=None), "Fargate only supports network mode ‘awsvpc’"),
        (fargate({"memory": 2048}), "The 'memory' setting for container 'main' is greater than for the task"),
        (fargate({"logConfiguration": LOGS}), "execution role ARN to support log driver awslogs"),
        (
            fargate({"secrets": [{"name": "S", "valueFrom": "p"}]}),
            "When you are specifying container secrets, you must also specify a value for 'executionRoleArn'",
        ),
        (
            fargate({"image": "123456789012.dkr.ecr.eu-west-2.amazonaws.com/app:1"}),
            "execution role ARN to support ECR images",
        ),
        (
            fargate(
                {"logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "g"}}},
                executionRoleArn=ROLE,
            ),
            "log configuration options to include awslogs-region",
        ),
        (fargate({"portMappings": [{"containerPort": 80, "hostPort": 81}]}), "must match"),
        (fargate({"mountPoints": [{"sourceVolume": "v", "containerPath": "/v"}]}), "Unknown volume 'v'"),
        (fargate({"essential": False}), "at least one essential container"),
        (fargate({"dependsOn": [{"containerName": "no", "condition": "START"}]}), "unknown container 'no'"),
        (
            fargate(
                containerDefinitions=[
                    {"name": "a", "image": IMAGE, "dependsOn": [{"containerName": "b", "condition": "SUCCESS"}]},
                    {"name": "b", "image": IMAGE},
                ]
            ),
            "SUCCESS or COMPLETE condition cannot be an essential container",
        ),
        (
            fargate(
                containerDefinitions=[
                    {"name": "a", "image": IMAGE, "dependsOn": [{"containerName": "b", "condition": "START"}]},
                    {"name": "b", "image": IMAGE, "dependsOn": [{"containerName": "a", "condition": "START"}]},
                ]
            ),
            "Circular dependency",
        ),
    ],
)
def test_what_aws_refuses(ecs: Any, parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ClientError, match=message) as caught:
        ecs.register_task_definition(**parameters)
    assert caught.value.response["Error"]["Code"] == "ClientException"


@pytest.mark.parametrize(
    ("cpu", "memory"), [("256", "512"), ("1024", "8192"), ("4096", "30720"), ("16384", "122880"), ("1 vCPU", "2GB")]
)
def test_sizes_that_fargate_has(ecs: Any, cpu: str, memory: str) -> None:
    assert ecs.register_task_definition(**fargate(cpu=cpu, memory=memory))["taskDefinition"]["status"] == "ACTIVE"


def test_other_launch_types_keep_their_freedom(ecs: Any) -> None:
    given = fargate({"memory": 100}, requiresCompatibilities=["EC2"], networkMode="bridge", cpu=None, memory=None)
    assert ecs.register_task_definition(**given)["taskDefinition"]["networkMode"] == "bridge"
