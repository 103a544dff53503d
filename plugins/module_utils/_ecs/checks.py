# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ECS would refuse in a task definition, or would accept and then never start: said before the first call.

The rules are those of RegisterTaskDefinition's reference and of "Task definition parameters" in the developer guide.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

from .fargate import check_size, cpu_units, memory_mib
from .inputs import InvalidInput
from .shapes import nearest

_ARN = re.compile(r"arn:[\w-]+:[\w-]+:[\w-]*:\d*:.+")
_SECRET_ARN = re.compile(r"arn:[\w-]+:(secretsmanager:[\w-]+:\d{12}:secret:|ssm:[\w-]+:\d{12}:parameter/).+")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")
_LIMIT_BYTES = 65536
#: Field -> (least, most), of a container's health check (API_HealthCheck).
_HEALTH_LIMITS = {"interval": (5, 300), "timeout": (2, 60), "retries": (1, 10), "startPeriod": (0, 300)}

Definition = dict[str, Any]


def is_fargate(definition: Definition) -> bool:
    """Whether the definition asks to be runnable on Fargate."""
    return "FARGATE" in definition.get("requiresCompatibilities", [])


def check_definition(definition: Definition) -> None:
    """Checks a whole RegisterTaskDefinition request.

    :raises InvalidInput: the first thing found that ECS would refuse, naming the option, the value and the remedy.
    """
    if not _NAME.fullmatch(definition["family"]):
        raise InvalidInput(
            f'family is "{definition["family"]}"; it may have up to 255 letters, digits, hyphens and underscores.'
        )
    for option, member in (("execution_role_arn", "executionRoleArn"), ("task_role_arn", "taskRoleArn")):
        if member in definition and not _ARN.fullmatch(definition[member]):
            raise InvalidInput(f'{option} is "{definition[member]}"; it must be the ARN of a role.')
    containers = definition["containerDefinitions"]
    volumes = [volume.get("name", "") for volume in definition.get("volumes", [])]
    _check_distinct(volumes, "volumes", "volume")
    _check_names(containers)
    for container in containers:
        _check_container(container, volumes)
    _check_dependencies(containers)
    if is_fargate(definition):
        _check_fargate(definition)
    elif _needs_agent_rights(containers, ("secrets",)) and "executionRoleArn" not in definition:
        raise InvalidInput("A container has secrets: execution_role_arn must name the role that may read them.")
    size = len(json.dumps(definition).encode())
    if size > _LIMIT_BYTES:
        raise InvalidInput(f"The task definition has {size} bytes; ECS takes at most {_LIMIT_BYTES}.")


def _check_distinct(names: Iterable[str], where: str, noun: str) -> None:
    for name, times in Counter(names).items():
        if not name:
            raise InvalidInput(f"{where}: a {noun} has no name.")
        if times > 1:
            raise InvalidInput(f'{where}: the {noun} "{name}" is there {times} times.')


def _check_names(containers: list[Definition]) -> None:
    if not containers:
        raise InvalidInput("containers is empty; a task definition has at least one container.")
    _check_distinct((container.get("name", "") for container in containers), "containers", "container")
    for container in containers:
        if not _NAME.fullmatch(container["name"]):
            raise InvalidInput(
                f'containers: the name "{container["name"]}" may have only letters, digits, hyphens and underscores'
                " (up to 255)."
            )
        if not container.get("image"):
            raise InvalidInput(f'containers: "{container["name"]}" has no image.')
    if not any(container.get("essential", True) for container in containers):
        raise InvalidInput("containers: none is essential; a task definition has at least one essential container.")


def _check_container(container: Definition, volumes: list[str]) -> None:
    where = f'containers: "{container["name"]}"'
    environment = [pair.get("name", "") for pair in container.get("environment", [])]
    secrets = [pair["name"] for pair in container.get("secrets", [])]
    _check_distinct(environment, f"{where}, environment", "variable")
    _check_distinct(secrets, f"{where}, secrets", "secret")
    both = sorted(set(environment) & set(secrets))
    if both:
        raise InvalidInput(f"{where}: {both[0]} is both an environment variable and a secret; keep one.")
    for secret in container.get("secrets", []):
        # The value is not shown: whoever put something else here may have put the secret itself.
        if not _SECRET_ARN.fullmatch(secret["valueFrom"]):
            raise InvalidInput(
                f"{where}: the secret {secret['name']} is not the ARN of a Secrets Manager secret"
                " or of an SSM parameter; give where the value lies, never the value."
            )
    for mount in container.get("mountPoints", []):
        if mount.get("sourceVolume") not in volumes:
            raise InvalidInput(
                f'{where} mounts the volume "{mount.get("sourceVolume")}", which is not in volumes.'
                f"{nearest(str(mount.get('sourceVolume')), volumes)}"
            )
    for field, (least, most) in _HEALTH_LIMITS.items():
        value = container.get("healthCheck", {}).get(field)
        if value is not None and not least <= value <= most:
            raise InvalidInput(f"{where}: the health check's {field} is {value}; ECS takes {least} to {most}.")


def _check_dependencies(containers: list[Definition]) -> None:
    by_name = {container["name"]: container for container in containers}
    edges: dict[str, list[str]] = {}
    for container in containers:
        where = f'containers: "{container["name"]}"'
        for dependency in container.get("dependsOn", []):
            other, condition = dependency["containerName"], dependency["condition"]
            if other not in by_name:
                raise InvalidInput(
                    f'{where} depends on "{other}", which is not in containers.{nearest(other, list(by_name))}'
                )
            if condition in ("COMPLETE", "SUCCESS") and by_name[other].get("essential", True):
                raise InvalidInput(
                    f'{where} waits for "{other}" to end ({condition}), but "{other}" is essential:'
                    " the task would end with it. Set essential: false there."
                )
            if condition == "HEALTHY" and "healthCheck" not in by_name[other]:
                raise InvalidInput(f'{where} waits for "{other}" to be HEALTHY, but "{other}" has no health_check.')
            edges.setdefault(container["name"], []).append(other)
    _check_acyclic(edges)


def _check_acyclic(edges: dict[str, list[str]]) -> None:
    done: set[str] = set()

    def visit(name: str, path: list[str]) -> None:
        if name in path:
            circle = " -> ".join([*path[path.index(name) :], name])
            raise InvalidInput(f"containers: they depend on each other in a circle: {circle}.")
        if name not in done:
            for other in edges.get(name, []):
                visit(other, [*path, name])
            done.add(name)

    for name in edges:
        visit(name, [])


def _needs_agent_rights(containers: list[Definition], fields: tuple[str, ...]) -> bool:
    return any(container.get(field) for container in containers for field in fields)


def _check_fargate(definition: Definition) -> None:
    containers = definition["containerDefinitions"]
    if definition.get("networkMode") != "awsvpc":
        raise InvalidInput(f'network_mode is "{definition.get("networkMode")}"; Fargate takes only awsvpc.')
    for option in ("cpu", "memory"):
        if option not in definition:
            raise InvalidInput(f"{option} is not given; Fargate needs it.")
    cpu, memory = cpu_units(definition["cpu"]), memory_mib(definition["memory"])
    check_size(cpu, memory)
    for option, total, limit in (("cpu", "cpu", cpu), ("memory", "memory", memory)):
        used = sum(container.get(option, 0) for container in containers)
        if used > limit:
            raise InvalidInput(f"The containers' {option} adds up to {used}; the task's {total} is {limit}.")
    for container in containers:
        if container.get("stopTimeout", 0) > 120:
            raise InvalidInput(
                f'containers: "{container["name"]}": stop_timeout is {container["stopTimeout"]};'
                " Fargate takes at most 120 seconds."
            )
        for mapping in container.get("portMappings", []):
            if mapping.get("hostPort", 0) not in (0, mapping.get("containerPort")):
                raise InvalidInput(
                    f'containers: "{container["name"]}": host_port {mapping["hostPort"]} differs from container_port'
                    f" {mapping.get('containerPort')}; with awsvpc they are the same, leave host_port out."
                )
    awslogs = any(container.get("logConfiguration", {}).get("logDriver") == "awslogs" for container in containers)
    if "executionRoleArn" not in definition and (awslogs or _needs_agent_rights(containers, ("secrets",))):
        raise InvalidInput(
            "A container has secrets or writes to CloudWatch Logs:"
            " on Fargate execution_role_arn must name the role that may."
        )
    disk = definition.get("ephemeralStorage", {}).get("sizeInGiB")
    if disk is not None and not 21 <= disk <= 200:
        raise InvalidInput(f"ephemeral_storage is {disk} GiB; Fargate takes 21 to 200, or leave it out for 20.")
