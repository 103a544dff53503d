# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The form in which two task definitions are compared, whole: what is filled in, left out, keyed and sorted."""

from __future__ import annotations

import copy
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs import task_definition
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.inputs import InvalidInput
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.shapes import request_shape
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.task_definition import (
    Revision,
    as_result,
    canonical,
    desired_definition,
    differences,
    family_of,
    warnings,
)

ARN = "arn:aws:ecs:eu-west-2:123456789012:task-definition/web:7"
CONTAINER = {
    "cpu": 0,
    "disable_networking": False,
    "essential": True,
    "interactive": False,
    "privileged": False,
    "pseudo_terminal": False,
    "readonly_root_filesystem": False,
    "version_consistency": "enabled",
}


def test_a_fargate_task_of_one_container() -> None:
    found = canonical(
        {
            "family": "web",
            "networkMode": "awsvpc",
            "requiresCompatibilities": ["FARGATE"],
            "cpu": "256",
            "memory": "512",
            "enableFaultInjection": False,
            "containerDefinitions": [{"name": "web", "image": "nginx", "portMappings": [{"containerPort": 80}]}],
        }
    )
    assert found == {
        "family": "web",
        "network_mode": "awsvpc",
        "requires_compatibilities": ["FARGATE"],
        "cpu": "256",
        "memory": "512",
        "runtime_platform": {"cpu_architecture": "X86_64", "operating_system_family": "LINUX"},
        "ephemeral_storage": {"size_in_gib": 20},
        "containers": {
            "web": {
                **CONTAINER,
                "image": "nginx",
                "port_mappings": [{"container_port": 80, "host_port": 80, "protocol": "tcp"}],
            }
        },
    }


#: What somebody may have registered, with lists in another order than the canonical one.
FOREIGN: dict[str, Any] = {
    "family": "web",
    "cpu": "a lot",
    "requiresCompatibilities": ["EXTERNAL", "EC2"],
    "placementConstraints": [{"expression": "b", "type": "memberOf"}, {"type": "memberOf", "expression": "a"}],
    "tags": [{"key": "a", "value": "1"}],
    "volumes": [
        {"name": "two", "host": {}, "configuredAtLaunch": False},
        {
            "name": "one",
            "configuredAtLaunch": True,
            "efsVolumeConfiguration": {"fileSystemId": "fs-1", "transitEncryptionPort": 0},
        },
    ],
    "containerDefinitions": [
        {
            "name": "b",
            "image": "x",
            "portMappings": [{"containerPort": 80, "hostPort": 0}, {"containerPort": 70, "protocol": "udp"}],
            "environment": [
                {"name": "B", "value": ""},
                {"name": "A", "value": "3"},
                {"name": "A", "value": "1"},
                {"name": "A"},
            ],
            "linuxParameters": {"initProcessEnabled": False},
        },
        {
            "name": "a",
            "image": "x",
            "essential": False,
            "secrets": [{"name": "S", "valueFrom": "arn:s"}],
            "mountPoints": [{"sourceVolume": "two", "containerPath": "/two"}],
            "volumesFrom": [{"sourceContainer": "b"}],
            "healthCheck": {"command": ["CMD", "x"]},
            "linuxParameters": {"initProcessEnabled": True, "capabilities": {"drop": ["Z", "Y", "X"], "add": []}},
            "logConfiguration": {
                "logDriver": "splunk",
                "options": {"empty": ""},
                "secretOptions": [{"name": "token", "valueFrom": "arn:t"}],
            },
        },
    ],
}


def test_what_somebody_registered() -> None:
    before = copy.deepcopy(FOREIGN)
    found = canonical(FOREIGN)
    assert before == FOREIGN
    assert found == {
        "family": "web",
        "cpu": "a lot",
        "network_mode": "bridge",
        "requires_compatibilities": ["EC2", "EXTERNAL"],
        "placement_constraints": [
            {"type": "memberOf", "expression": "a"},
            {"type": "memberOf", "expression": "b"},
        ],
        "volumes": {
            "one": {
                "configured_at_launch": True,
                "efs_volume_configuration": {
                    "file_system_id": "fs-1",
                    "root_directory": "/",
                    "transit_encryption": "DISABLED",
                },
            },
            "two": {},
        },
        "containers": {
            "a": {
                **CONTAINER,
                "image": "x",
                "essential": False,
                "secrets": {"S": "arn:s"},
                "mount_points": [{"source_volume": "two", "container_path": "/two", "read_only": False}],
                "volumes_from": [{"source_container": "b", "read_only": False}],
                "health_check": {
                    "command": ["CMD", "x"],
                    "interval": 30,
                    "retries": 3,
                    "start_period": 0,
                    "timeout": 5,
                },
                "linux_parameters": {"init_process_enabled": True, "capabilities": {"drop": ["X", "Y", "Z"]}},
                "log_configuration": {
                    "log_driver": "splunk",
                    "options": {"empty": ""},
                    "secret_options": {"token": "arn:t"},
                },
            },
            "b": {
                **CONTAINER,
                "image": "x",
                # Without awsvpc ECS chooses the port of the host.
                "port_mappings": [{"container_port": 70, "protocol": "udp"}, {"container_port": 80, "protocol": "tcp"}],
                "environment": {"A": "3", "A (2)": "1", "A (3)": "", "B": ""},
            },
        },
    }
    assert list(found["containers"]) == ["a", "b"]


@pytest.mark.parametrize(
    ("mode", "given", "canonical_form"),
    [
        (
            "bridge",
            {"portMappings": [{"containerPort": 80, "hostPort": 8080}]},
            {"container_port": 80, "host_port": 8080},
        ),
        ("awsvpc", {"portMappings": [{"containerPortRange": "80-90"}]}, {"container_port_range": "80-90"}),
    ],
)
def test_the_port_of_the_host(mode: str, given: dict[str, Any], canonical_form: dict[str, Any]) -> None:
    found = canonical({"family": "web", "networkMode": mode, "containerDefinitions": [{"name": "web", **given}]})
    assert found["containers"]["web"]["port_mappings"] == [{**canonical_form, "protocol": "tcp"}]


@pytest.mark.parametrize(
    ("given", "canonical_form"),
    [
        ({"user": "", "dnsServers": [], "dockerLabels": {}}, {}),
        ({"dockerLabels": {"empty": ""}}, {"docker_labels": {"empty": ""}}),
        ({"secrets": [{"name": "S"}]}, {"secrets": {"S": ""}}),
        (
            {"logConfiguration": {"logDriver": "splunk", "secretOptions": [{"name": "token"}]}},
            {"log_configuration": {"log_driver": "splunk", "secret_options": {"token": ""}}},
        ),
    ],
)
def test_what_is_empty_is_left_out_but_not_what_has_a_name(
    given: dict[str, Any], canonical_form: dict[str, Any]
) -> None:
    found = canonical({"family": "web", "containerDefinitions": [{"name": "web", **given}]})
    assert found["containers"] == {"web": {**CONTAINER, **canonical_form}}


def test_what_has_no_name_comes_first() -> None:
    found = canonical({"family": "web", "containerDefinitions": [{"name": "a"}, {"image": "x"}]})
    assert list(found["containers"].items()) == [("", {**CONTAINER, "image": "x"}), ("a", CONTAINER)]


def test_differences_are_told_in_order() -> None:
    found = differences(dict.fromkeys("gfedcba", 1), {})
    assert [difference.path for difference in found] == list("abcdefg")


def test_names_of_revisions() -> None:
    assert Revision(ARN, {}).number == 7
    assert [family_of(name) for name in (ARN, "web:7", "web")] == ["web"] * 3


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (
            {"requires_compatibilities": ["FARGAET"]},
            r"compatibilities\[0\] is .FARGAET..*Did you mean .FARGATE.",
        ),
        ({"containers": [{"name": "web", "imgae": "x"}]}, r'^containers\[0\] \(web\) has the key "imgae"'),
        ({"containers": [{"imgae": "x"}]}, r'^containers\[0\] has the key "imgae"'),
        ({"containers": ["web"]}, r"^containers\[0\]"),
        ({"containers": None}, "container"),
        ({"network_mode": ""}, "network_mode|awsvpc"),
    ],
)
def test_what_ecs_would_refuse(options: dict[str, Any], says: str) -> None:
    fine = {"network_mode": "awsvpc", "requires_compatibilities": ["FARGATE"], "cpu": 256, "memory": 512}
    with pytest.raises(InvalidInput, match=says):
        desired_definition({"family": "web", "containers": [{"name": "web", "image": "x"}], **fine, **options})


BRIDGED: dict[str, Any] = {"family": "web", "containers": [{"name": "web", "image": "x", "memory": 128}]}


def test_an_option_that_is_empty_is_not_given() -> None:
    empty: dict[str, Any] = {"task_role_arn": "", "volumes": [], "runtime_platform": {}, "pid_mode": None}
    assert desired_definition({**BRIDGED, **empty}) == {
        "family": "web",
        "containerDefinitions": BRIDGED["containers"],
    }


def test_an_option_that_the_installed_botocore_does_not_know(monkeypatch: pytest.MonkeyPatch) -> None:
    members = {k: v for k, v in request_shape("RegisterTaskDefinition").members.items() if k != "enableFaultInjection"}
    monkeypatch.setattr(task_definition, "request_shape", lambda _: SimpleNamespace(members=members))
    with pytest.raises(InvalidInput, match=r"^enable_fault_injection is not known to the installed botocore"):
        desired_definition({**BRIDGED, "enable_fault_injection": True})


@pytest.mark.parametrize("name", ["EC2", "EXTERNAL", "MANAGED_INSTANCES"])
def test_other_launch_types(name: str) -> None:
    options = {"network_mode": "bridge", "requires_compatibilities": [name], "memory": 512}
    assert desired_definition({**BRIDGED, **options})["requiresCompatibilities"] == [name]


@pytest.mark.parametrize(
    ("name", "value", "warned"),
    [("API_TOKEN", "abcd", True), ("API_TOKEN", "abc", False), ("LEVEL", "abcd", False), ("LEVEL", "x://u:p@h", True)],
)
def test_variables_that_look_like_secrets(name: str, value: str, warned: bool) -> None:
    found = warnings({"containerDefinitions": [{"name": "web", "environment": [{"name": name, "value": value}]}]})
    assert found == (
        [
            f"Container web: the environment variable {name} looks like a secret."
            " Anyone who may describe the task definition can read it; use secrets instead."
        ]
        if warned
        else []
    )
    assert warnings({"containerDefinitions": [{"name": "web", "environment": [{"name": "API_TOKEN"}]}]}) == []


def test_a_result_hides_values() -> None:
    shown = as_result(
        {
            "taskDefinitionArn": ARN,
            "containerDefinitions": [{"name": "web", "environment": [{"name": "API_TOKEN", "value": "s3cr3t"}]}],
        }
    )
    assert shown["task_definition_arn"] == ARN
    assert shown["container_definitions"][0]["name"] == "web"
    assert "s3cr3t" not in str(shown)
    assert as_result({"taskDefinitionArn": ARN})["container_definitions"] == []
