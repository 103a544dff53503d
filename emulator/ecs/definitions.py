# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Task definitions: what AWS fills in and what it refuses for Fargate.

moto keeps every field that it is given. It does not add the defaults that DescribeTaskDefinition
answers on AWS, accepts what Fargate refuses, and takes an INACTIVE revision for "the latest".
Source: RegisterTaskDefinition API reference; "Fargate task definition parameters".
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from moto.core.utils import utcnow
from moto.ecs.exceptions import TaskDefinitionNotFoundException
from moto.ecs.models import EC2ContainerServiceBackend, TaskDefinition

from emulator.ecs.errors import client_error
from emulator.ecs.image import is_private_registry

#: Memory in MiB that Fargate offers for each number of CPU units.
FARGATE_SIZES: dict[int, frozenset[int]] = {
    256: frozenset({512, 1024, 2048}),
    512: frozenset(range(1024, 4096 + 1, 1024)),
    1024: frozenset(range(2048, 8192 + 1, 1024)),
    2048: frozenset(range(4096, 16384 + 1, 1024)),
    4096: frozenset(range(8192, 30720 + 1, 1024)),
    8192: frozenset(range(16384, 61440 + 1, 4096)),
    16384: frozenset(range(32768, 122880 + 1, 8192)),
}

_FINISHED = ("COMPLETE", "SUCCESS")


def cpu_units(text: str) -> int | None:
    """``"512"`` or ``"0.5 vCPU"`` as CPU units; None when it is neither."""
    return _scaled(text, "vcpu", 1024)


def mebibytes(text: str) -> int | None:
    """``"1024"`` or ``"1 GB"`` as MiB; None when it is neither."""
    return _scaled(text, "gb", 1024)


def _scaled(text: str, unit: str, factor: int) -> int | None:
    plain = text.strip().lower()
    number, scale = (plain[: -len(unit)], factor) if plain.endswith(unit) else (plain, 1)
    try:
        return int(float(number) * scale)
    except ValueError:
        return None


def check_fargate(definition: dict[str, Any]) -> None:
    """Refuse what Fargate cannot run.

    :param definition: the parameters of RegisterTaskDefinition, in moto's snake case.
    :raises EcsError: ClientException, in AWS's words.
    """
    mode = definition.get("network_mode")
    if mode != "awsvpc":
        raise client_error("Fargate only supports network mode ‘awsvpc’.")
    if definition.get("ipc_mode"):
        raise client_error("Tasks using the Fargate launch type do not support ipcMode.")
    cpu, memory = definition.get("cpu"), definition.get("memory")
    for name, value in (("cpu", cpu), ("memory", memory)):
        if not value:
            raise client_error(f"Fargate requires that '{name}' be defined at the task level.")
    units, size = cpu_units(str(cpu)), mebibytes(str(memory))
    if units is None:
        raise client_error("Invalid 'cpu' setting for task.")
    if size is None:
        raise client_error("Invalid 'memory' setting for task.")
    if size not in FARGATE_SIZES.get(units, frozenset()):
        raise client_error(
            f"No Fargate configuration exists for given values: {units} CPU, {size} memory. "
            "See the Amazon ECS documentation for the valid values."
        )
    for container in definition["container_definitions"]:
        _check_fargate_container(container, definition.get("execution_role_arn"), size)


def _check_fargate_container(container: dict[str, Any], role: str | None, memory: int) -> None:
    name = container["name"]
    if int(container.get("memory") or 0) > memory:
        raise client_error(f"The 'memory' setting for container '{name}' is greater than for the task.")
    if container.get("hostname"):
        raise client_error("hostname is not supported on container when networkMode=awsvpc.")
    if container.get("privileged"):
        raise client_error("Fargate does not support privileged containers.")
    for mapping in container.get("portMappings") or []:
        if mapping.get("hostPort") not in (None, 0, mapping.get("containerPort")):
            raise client_error(
                "When networkMode=awsvpc, the host ports and container ports in port mappings must match."
            )
    logging = container.get("logConfiguration") or {}
    if logging.get("logDriver") == "awslogs":
        if not role:
            raise client_error(
                "Fargate requires task definition to have execution role ARN to support log driver awslogs."
            )
        for option in ("awslogs-group", "awslogs-region", "awslogs-stream-prefix"):
            if option not in (logging.get("options") or {}):
                raise client_error(
                    f"Fargate requires log configuration options to include {option} to support log driver awslogs."
                )
    if role:
        return
    if container.get("secrets") or logging.get("secretOptions"):
        raise client_error("When you are specifying container secrets, you must also specify a value for "
                           "'executionRoleArn'.")  # fmt: skip
    if is_private_registry(container["image"]):
        raise client_error("Fargate requires task definition to have execution role ARN to support ECR images.")


def check_containers(containers: list[dict[str, Any]], volumes: list[dict[str, Any]]) -> None:
    """Refuse contradictions between containers, dependencies and volumes, on any launch type.

    :raises EcsError: ClientException.
    """
    names = [container["name"] for container in containers]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise client_error(f"Container name '{twice}' is used more than once in the task definition.")
    essential = {container["name"]: container.get("essential", True) for container in containers}
    if not any(essential.values()):
        raise client_error("Task definition must have at least one essential container.")
    known_volumes = {volume.get("name") for volume in volumes}
    ports: set[int] = set()
    for container in containers:
        for dependency in container.get("dependsOn") or []:
            other, condition = dependency["containerName"], dependency["condition"]
            if other not in essential or other == container["name"]:
                raise client_error(f"Container '{container['name']}' depends on unknown container '{other}'.")
            if condition in _FINISHED and essential[other]:
                raise client_error(
                    "A dependency container with SUCCESS or COMPLETE condition cannot be an essential container"
                )
            checked = next(each for each in containers if each["name"] == other).get("healthCheck")
            if condition == "HEALTHY" and not checked:
                raise client_error(f"Container '{other}' has no health check to wait for.")
        for mount in container.get("mountPoints") or []:
            if mount.get("sourceVolume") not in known_volumes:
                raise client_error(f"Unknown volume '{mount.get('sourceVolume')}'.")
        for mapping in container.get("portMappings") or []:
            if mapping["containerPort"] in ports:
                raise client_error(f"Container port {mapping['containerPort']} is used more than once.")
            ports.add(mapping["containerPort"])
    _check_cycles({each["name"]: {d["containerName"] for d in each.get("dependsOn") or []} for each in containers})


def _check_cycles(waits_for: dict[str, set[str]]) -> None:
    left = dict(waits_for)
    while left:
        free = [name for name, others in left.items() if not others & left.keys()]
        if not free:
            raise client_error("Circular dependency found between containers.")
        for name in free:
            del left[name]


def fill_defaults(definition: TaskDefinition) -> None:
    """Add what AWS answers for fields that were not given."""
    fargate = "FARGATE" in (definition.requires_compatibilities or [])
    containers: list[dict[str, Any]] = list(definition.container_definitions)
    for container in containers:
        for mapping in container.get("portMappings") or []:
            mapping.setdefault("protocol", "tcp")
            if definition.network_mode == "awsvpc":
                mapping.setdefault("hostPort", mapping["containerPort"])
        check = container.get("healthCheck")
        if check:
            for name, value in (("interval", 30), ("timeout", 5), ("retries", 3)):
                check.setdefault(name, value)
        container.setdefault("systemControls", [])
    for volume in definition.volumes:
        if not any(name.endswith("VolumeConfiguration") for name in volume):
            volume.setdefault("host", {})
    if fargate:
        # AWS answers the normal form: "0.5 vCPU" becomes "512".
        definition.cpu = str(cpu_units(str(definition.cpu)))
        definition.memory = str(mebibytes(str(definition.memory)))
        definition.compatibilities = ["EC2", "FARGATE"]
    # Not fields of moto's class: its serializer reads attributes by name.
    vars(definition).update(registered_at=utcnow(), registered_by=f"arn:aws:iam::{definition.arn.split(':')[4]}:root")


def latest_active(backend: EC2ContainerServiceBackend, family: str) -> TaskDefinition:
    """The newest ACTIVE revision of ``family``.

    :raises ServiceException: ClientException when there is none.
    """
    revisions = backend.task_definitions.get(family) or {}
    active = [number for number, each in revisions.items() if each.status == "ACTIVE"]
    if not active:
        raise TaskDefinitionNotFoundException()
    return revisions[max(active)]


def install() -> None:
    """Wrap moto's RegisterTaskDefinition and DescribeTaskDefinition."""
    register: Callable[..., TaskDefinition] = EC2ContainerServiceBackend.register_task_definition
    describe: Callable[..., TaskDefinition] = EC2ContainerServiceBackend.describe_task_definition
    deregister: Callable[..., TaskDefinition] = EC2ContainerServiceBackend.deregister_task_definition
    if hasattr(register, "__wrapped__"):
        return

    @wraps(register)
    def checked_register(
        self: EC2ContainerServiceBackend, family: str, container_definitions: list[dict[str, Any]], **kwargs: Any
    ) -> TaskDefinition:
        self._validate_container_defs(
            kwargs.get("memory"), container_definitions, kwargs.get("requires_compatibilities")
        )
        check_containers(container_definitions, kwargs.get("volumes") or [])
        if "FARGATE" in (kwargs.get("requires_compatibilities") or []):
            check_fargate({"container_definitions": container_definitions, **kwargs})
        made = register(self, family, container_definitions, **kwargs)
        fill_defaults(made)
        return made

    @wraps(describe)
    def describe_latest_active(self: EC2ContainerServiceBackend, task_definition_str: str) -> TaskDefinition:
        name = task_definition_str.split("/")[-1]
        return describe(self, task_definition_str) if ":" in name else latest_active(self, name)

    @wraps(deregister)
    def dated_deregister(self: EC2ContainerServiceBackend, task_definition_str: str) -> TaskDefinition:
        gone = deregister(self, task_definition_str)
        vars(gone).setdefault("deregistered_at", utcnow())
        return gone

    backend: Any = EC2ContainerServiceBackend
    backend.register_task_definition = checked_register
    backend.describe_task_definition = describe_latest_active
    backend.deregister_task_definition = dated_deregister
