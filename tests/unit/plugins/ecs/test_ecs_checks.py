# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad input is refused before the first call, in one message that names the option, the value and the remedy."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.fargate import (
    MEMORY_FOR_CPU,
    check_size,
    cpu_units,
    memory_mib,
)
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.inputs import InvalidInput
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.task_definition import desired_definition

Change = Callable[[dict[str, Any]], Any]


def app(options: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = options["containers"][1]
    return found


def put(path: str, value: Any) -> Change:
    """Sets a value; ``app.`` starts in the container app."""

    def change(options: dict[str, Any]) -> None:
        *steps, last = path.split(".")
        at: Any = options
        for step in steps:
            at = app(options) if step == "app" else at[step]
        at[last] = value

    return change


def drop(name: str) -> Change:
    return lambda options: options.pop(name)


CASES: list[tuple[Change, list[str]]] = [
    (put("app.enviroment", {}), ['"enviroment"', 'Did you mean "environment"']),
    (put("app.readonlyRootFileSystem", True), ['Did you mean "readonly_root_filesystem"']),
    (put("app.health_check", {"command": ["CMD"], "periode": 1}), ["containers[1] (app).health_check", '"periode"']),
    (put("app.health_check", {"interval": 30}), ['lacks "command"']),
    (put("app.health_check", {"command": ["CMD"], "interval": 3}), ["interval is 3", "5 to 300"]),
    (put("app.command", "serve"), ["containers[1] (app).command must be a list"]),
    (put("app.environment", "A=1"), ["environment must be a list"]),
    (put("app.environment", {"A": ["x"]}), ["environment.A must be a single value"]),
    (put("app.environment", [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]), ['"A" is there 2 times']),
    (put("app.stop_timeout", "soon"), ['stop_timeout is "soon"', "whole number"]),
    (put("app.stop_timeout", 121), ["stop_timeout is 121", "120"]),
    (put("app.essential", "perhaps"), ['essential is "perhaps"', "true or false"]),
    (put("app.cpu", True), ['cpu is "True"', "whole number"]),
    (put("app.depends_on", [{"container_name": "instal", "condition": "SUCCESS"}]), ['"instal"', '"install"?']),
    (put("app.depends_on", [{"container_name": "install", "condition": "SUCESS"}]), ["SUCESS", '"SUCCESS"?']),
    (put("app.depends_on", [{"container_name": "install", "condition": "HEALTHY"}]), ["no health_check"]),
    (put("app.depends_on", [{"container_name": "app", "condition": "START"}]), ["circle: app -> app"]),
    (put("app.secrets", {"DB_PASSWORD": "hunter2"}), ["DB_PASSWORD is not the ARN"]),
    (put("app.environment", {"DB_PASSWORD": "x"}), ["DB_PASSWORD is both"]),
    (put("app.mount_points", [{"source_volume": "runtim", "container_path": "/x"}]), ['"runtim"', '"runtime"?']),
    (put("app.port_mappings", [{"container_port": 5000, "host_port": 80}]), ["host_port 80", "leave host_port out"]),
    (put("app.name", "install"), ['"install" is there 2 times']),
    (put("app.name", "my app"), ['"my app"']),
    (put("app.name", None), ["a container has no name"]),
    (put("app.image", None), ['"app" has no image']),
    (put("app.essential", False), ["none is essential"]),
    (put("app.memory", 2048), ["memory adds up to 2048", "is 1024"]),
    (put("app.readOnlyRootFilesystem", None), ["readOnlyRootFilesystem"]),
    (lambda o: app(o).update(readonlyRootFilesystem=True), ["twice"]),
    (put("containers", []), ["containers is empty"]),
    (put("containers", ["app"]), ["containers[0] must be a dictionary"]),
    (put("volumes", [{"name": "a"}, {"name": "a"}]), ['volume "a" is there 2 times']),
    (put("volumes", [{"host": {}}]), ["a volume has no name"]),
    (put("family", "my family"), ['family is "my family"']),
    (put("cpu", "300"), ["cpu is 300", "256, 512, 1024"]),
    (put("cpu", "half"), ['cpu is "half"']),
    (put("cpu", "-1"), ['cpu is "-1"']),
    (put("cpu", "NaN"), ['cpu is "NaN"']),
    (put("memory", "512"), ["memory is 512", "1024 to 4096 in steps of 1024", "512 MiB goes with cpu 256"]),
    (put("memory", "1500"), ["memory is 1500"]),
    (drop("memory"), ["memory is not given"]),
    (put("network_mode", "bridge"), ['network_mode is "bridge"', "only awsvpc"]),
    (put("network_mode", "awsvcp"), ['"awsvpc"?']),
    (put("requires_compatibilities", ["FARGAT"]), ['"FARGATE"?']),
    (put("execution_role_arn", "execution"), ['execution_role_arn is "execution"']),
    (put("task_role_arn", "task"), ['task_role_arn is "task"']),
    (drop("execution_role_arn"), ["execution_role_arn must name the role"]),
    (put("ephemeral_storage", {"size_in_gib": 500}), ["500 GiB", "21 to 200"]),
    (put("ephemeral_storage", {"size_in_gib": 20}), ["20 GiB", "leave it out"]),
    (put("ephemeral_storage", {"size": 500}), ['"size"', "It knows size_in_gib."]),
    (put("runtime_platform", {"cpu_architecture": "arm"}), ['"ARM64"?']),
    (put("app.command", ["x" * 70000]), ["bytes", "65536"]),
]


@pytest.mark.parametrize(("change", "told"), CASES, ids=[case[1][0] for case in CASES])
def test_refused(options: dict[str, Any], change: Change, told: list[str]) -> None:
    desired_definition(copy.deepcopy(options))
    change(options)
    with pytest.raises(InvalidInput) as refused:
        desired_definition(options)
    for words in told:
        assert words in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_a_circle_of_several(options: dict[str, Any]) -> None:
    for name, other in (("a", "b"), ("b", "c"), ("c", "a")):
        options["containers"].append(
            {"name": name, "image": "x", "depends_on": [{"container_name": other, "condition": "START"}]}
        )
    with pytest.raises(InvalidInput, match="a -> b -> c -> a"):
        desired_definition(options)


def test_ssm_parameters_are_secrets_too(options: dict[str, Any]) -> None:
    app(options)["secrets"] = {"X": "arn:aws:ssm:eu-west-2:123456789012:parameter/db/password"}
    assert desired_definition(options)["containerDefinitions"][1]["secrets"][0]["name"] == "X"


def test_what_runs_on_instances_is_not_held_to_fargates_sizes() -> None:
    options = {
        "family": "f",
        "cpu": 300,
        "requires_compatibilities": ["EC2"],
        "network_mode": "bridge",
        "containers": [{"name": "c", "image": "i", "memory": 100}],
    }
    assert desired_definition(options)["cpu"] == "300"


#: The table of the developer guide, written out by hand: cpu -> (least, most, step) in MiB.
GUIDE = {
    256: (512, 2048, None),
    512: (1024, 4096, 1024),
    1024: (2048, 8192, 1024),
    2048: (4096, 16384, 1024),
    4096: (8192, 30720, 1024),
    8192: (16384, 61440, 4096),
    16384: (32768, 122880, 8192),
}


def test_fargates_table() -> None:
    assert set(GUIDE) == set(MEMORY_FOR_CPU)
    for cpu, (least, most, step) in GUIDE.items():
        allowed = {512, 1024, 2048} if step is None else set(range(least, most + 1, step))
        for memory in range(256, 131072, 256):
            if memory in allowed:
                check_size(cpu, memory)
            else:
                with pytest.raises(InvalidInput):
                    check_size(cpu, memory)


@pytest.mark.parametrize(("text", "units"), [("512", 512), ("1 vCPU", 1024), (".25 vcpu", 256), ("0.5vCPU", 512)])
def test_cpu_in_words(text: str, units: int) -> None:
    assert cpu_units(text) == units


@pytest.mark.parametrize(("text", "mib"), [("512", 512), ("1 GB", 1024), ("0.5GB", 512), ("16 gb", 16384)])
def test_memory_in_words(text: str, mib: int) -> None:
    assert memory_mib(text) == mib
