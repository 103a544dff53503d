# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A task: its state, and the documents in which the API and the metadata endpoint describe it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import uuid4

from moto.core.utils import utcnow
from moto.ecs.models import TaskDefinition

from emulator.ecs.container import Container
from emulator.ecs.network import Interface, Target

PENDING_STATES = frozenset({"PROVISIONING", "PENDING", "ACTIVATING"})


class Task:
    """A task of a service or of RunTask.

    moto's tag functions find it in the backend's ``tasks`` and use ``task_arn``, ``cluster_arn`` and
    ``tags``.

    :param network: the complete awsvpcConfiguration.
    :param subnet: the one of its subnets that the task goes to.
    :param owner: the deployment that started it; None for RunTask.
    :param changed: called after every change of state, from any thread.
    """

    container_instance_arn = None  # Fargate has none; moto's filters ask

    def __init__(
        self,
        *,
        account: str,
        region: str,
        cluster_name: str,
        cluster_arn: str,
        definition: TaskDefinition,
        network: dict[str, Any],
        subnet: str,
        group: str,
        started_by: str,
        overrides: dict[str, Any],
        tags: list[dict[str, str]],
        launch_type: str | None,
        capacity_provider: str | None,
        platform_version: str,
        execute_command: bool,
        targets: list[tuple[str, Target]],
        owner: object | None,
        changed: Callable[[], None],
    ) -> None:
        self.id = uuid4().hex
        self.account, self.region = account, region
        self.cluster_name, self.cluster_arn = cluster_name, cluster_arn
        self.task_arn = f"{cluster_arn.replace(':cluster/', ':task/')}/{self.id}"
        self.definition = definition
        self.task_definition_arn = definition.arn
        self.network, self.subnet = network, subnet
        self.group, self.started_by = group, started_by
        self.overrides, self.tags = overrides, tags
        self.launch_type, self.capacity_provider = launch_type, capacity_provider
        self.platform_version = platform_version
        self.execute_command = execute_command
        self.targets = [target for _, target in targets]
        self.owner = owner
        self.role_arn: str | None = overrides.get("taskRoleArn") or getattr(definition, "task_role_arn", None)
        self.execution_role_arn: str | None = overrides.get("executionRoleArn") or getattr(
            definition, "execution_role_arn", None
        )
        self.condition = threading.Condition()
        self._changed = changed
        self.last_status = "PROVISIONING"
        self.desired_status = "RUNNING"
        self.stop_code: str | None = None
        self.stopped_reason: str | None = None
        #: The task was stopped, or never started, because something is wrong with it.
        self.failed = False
        self.version = 1
        self.attachment_id = str(uuid4())
        self.interface: Interface | None = None
        self.times: dict[str, datetime] = {"createdAt": utcnow()}
        self.containers = [
            Container(each, self._container_arn(), self.notify) for each in merged_containers(definition, overrides)
        ]

    def _container_arn(self) -> str:
        return f"{self.task_arn.replace(':task/', ':container/')}/{uuid4()}"

    def notify(self) -> None:
        """Wake who waits for this task: its own thread, and the scheduler."""
        with self.condition:
            self.version += 1
            self.condition.notify_all()
        self._changed()

    def become(self, status: str, *stamps: str) -> None:
        """Move on to ``status`` and note the time under each of ``stamps``."""
        now = utcnow()
        self.times.update(dict.fromkeys(stamps, now))
        self.last_status = status
        self.notify()

    def request_stop(self, code: str, reason: str, failed: bool = False) -> None:
        """Ask the task to stop; the first to ask gives the reason."""
        with self.condition:
            if self.desired_status == "STOPPED":
                return
            self.desired_status, self.stop_code, self.stopped_reason = "STOPPED", code, reason
            self.failed = failed
            self.times["stoppingAt"] = utcnow()
        self.notify()

    @property
    def is_stopping(self) -> bool:
        """Whether somebody has asked the task to stop."""
        return self.desired_status == "STOPPED"

    @property
    def health_status(self) -> str:
        """HEALTHY, UNHEALTHY or UNKNOWN, from the essential containers that have a check."""
        checked = [each.health for each in self.containers if each.essential and each.has_check]
        if "UNHEALTHY" in checked:
            return "UNHEALTHY"
        return "HEALTHY" if checked and set(checked) == {"HEALTHY"} else "UNKNOWN"

    @property
    def has_check(self) -> bool:
        """Whether an essential container has a health check."""
        return any(each.essential and each.has_check for each in self.containers)

    def describe(self, tags: bool = False) -> dict[str, Any]:
        """The task as DescribeTasks answers it."""
        found: dict[str, Any] = {
            "attachments": [self._attachment()],
            "attributes": [{"name": "ecs.cpu-architecture", "value": "x86_64"}],
            "clusterArn": self.cluster_arn,
            "containers": [self._container(each) for each in self.containers],
            "cpu": self.overrides.get("cpu") or self.definition.cpu,
            "memory": self.overrides.get("memory") or self.definition.memory,
            "desiredStatus": self.desired_status,
            "lastStatus": self.last_status,
            "enableExecuteCommand": self.execute_command,
            "group": self.group,
            "healthStatus": self.health_status,
            "launchType": self.launch_type,
            "capacityProviderName": self.capacity_provider,
            "overrides": {"containerOverrides": [], "inferenceAcceleratorOverrides": [], **self.overrides},
            "platformVersion": self.platform_version,
            "platformFamily": "Linux",
            "startedBy": self.started_by or None,
            "stopCode": self.stop_code,
            "stoppedReason": self.stopped_reason,
            "taskArn": self.task_arn,
            "taskDefinitionArn": self.task_definition_arn,
            "version": self.version,
            "ephemeralStorage": self.definition.ephemeral_storage or {"sizeInGiB": 20},
            **self.times,
        }
        if self.interface is not None:
            found.update(availabilityZone=self.interface.zone, connectivity="CONNECTED")
            found["connectivityAt"] = self.times["createdAt"]
        if tags:
            found["tags"] = self.tags
        return {name: value for name, value in found.items() if value is not None}

    def _attachment(self) -> dict[str, Any]:
        details = [{"name": "subnetId", "value": self.subnet}]
        status = "PRECREATED"
        if self.interface is not None:
            status = "DELETED" if self.last_status == "STOPPED" else "ATTACHED"
            details = [
                {"name": "subnetId", "value": self.interface.subnet},
                {"name": "networkInterfaceId", "value": self.interface.id},
                {"name": "macAddress", "value": self.interface.mac},
                {"name": "privateDnsName", "value": self.interface.dns_name},
                {"name": "privateIPv4Address", "value": self.interface.address},
            ]
        return {"id": self.attachment_id, "type": "ElasticNetworkInterface", "status": status, "details": details}

    def _container(self, container: Container) -> dict[str, Any]:
        found: dict[str, Any] = {
            "containerArn": container.arn,
            "taskArn": self.task_arn,
            "name": container.name,
            "image": container.definition["image"],
            "runtimeId": container.runtime_id if container.started_at else None,
            "lastStatus": container.last_status,
            "exitCode": container.exit_code,
            "reason": container.reason,
            "networkBindings": [],
            "networkInterfaces": [],
            "healthStatus": container.health if container.has_check else "UNKNOWN",
            "cpu": str(container.definition.get("cpu") or 0),
        }
        if self.interface is not None:
            found["networkInterfaces"] = [
                {"attachmentId": self.attachment_id, "privateIpv4Address": self.interface.address}
            ]
        for name in ("memory", "memoryReservation"):
            if container.definition.get(name):
                found[name] = str(container.definition[name])
        return {name: value for name, value in found.items() if value is not None}

    def metadata(self, container: str | None) -> dict[str, Any]:
        """The task (or one container) as the metadata endpoint of version 4 answers it."""
        if container is not None:
            return self._container_metadata(next(each for each in self.containers if each.name == container))
        return {
            "Cluster": self.cluster_arn,
            "TaskARN": self.task_arn,
            "Family": self.definition.family,
            "Revision": str(self.definition.revision),
            "DesiredStatus": self.desired_status,
            "KnownStatus": self.last_status,
            "Limits": {
                "CPU": int(self.definition.cpu or 0) / 1024,
                "Memory": int(self.definition.memory or 0),
            },
            "AvailabilityZone": self.interface.zone if self.interface else None,
            "LaunchType": "FARGATE",
            "ServiceName": self.group.removeprefix("service:") if self.group.startswith("service:") else None,
            "Containers": [self._container_metadata(each) for each in self.containers],
        }

    def _container_metadata(self, container: Container) -> dict[str, Any]:
        return {
            "DockerId": container.runtime_id,
            "Name": container.name,
            "Image": container.definition["image"],
            "DesiredStatus": self.desired_status,
            "KnownStatus": container.last_status,
            "ExitCode": container.exit_code,
            "StartedAt": container.started_at,
            "Type": "NORMAL",
            "ContainerARN": container.arn,
            "Networks": [
                {
                    "NetworkMode": "awsvpc",
                    "IPv4Addresses": [self.interface.address] if self.interface else [],
                    "MACAddress": self.interface.mac if self.interface else None,
                    "PrivateDNSName": self.interface.dns_name if self.interface else None,
                }
            ],
        }


def merged_containers(definition: TaskDefinition, overrides: dict[str, Any]) -> list[dict[str, Any]]:
    """The container definitions with the ``containerOverrides`` of RunTask applied."""
    wanted = {each.get("name"): each for each in overrides.get("containerOverrides") or []}
    merged = []
    containers: list[dict[str, Any]] = list(definition.container_definitions)
    for container in containers:
        override = wanted.get(container["name"], {})
        made = dict(container)
        for name in ("command", "cpu", "memory", "memoryReservation"):
            if override.get(name) is not None:
                made[name] = override[name]
        if override.get("environment"):
            names = {each["name"] for each in override["environment"]}
            kept = [each for each in container.get("environment") or [] if each["name"] not in names]
            made["environment"] = kept + override["environment"]
        merged.append(made)
    return merged
