# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes tasks: for a deployment of a service, or for RunTask."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.ecs.models import Cluster, TaskDefinition

from emulator.ecs.errors import LaunchFailure
from emulator.ecs.network import choose_subnet
from emulator.ecs.roles import check_assumable
from emulator.ecs.runner import TaskRun, Tools
from emulator.ecs.service import Deployment, Service
from emulator.ecs.store import Store
from emulator.ecs.task import Task

#: What LATEST means on Fargate for Linux.
PLATFORM_VERSION = "1.4.0"
_FARGATE = ("FARGATE", "FARGATE_SPOT")


class Launcher:
    """Makes and starts tasks, for callers that hold the store's lock.

    :param changed: wakes the scheduler.
    """

    def __init__(self, store: Store, tools: Tools, changed: Callable[[], None]) -> None:
        self._store = store
        self._tools = tools
        self._changed = changed

    def for_deployment(self, service: Service, deployment: Deployment) -> Task:
        """Start one task of ``deployment``.

        :raises LaunchFailure: when ECS cannot place it.
        """
        propagated: list[dict[str, str]] = []
        propagate = service.parameters.get("propagateTags")
        if propagate == "SERVICE":
            propagated = list(service.tags)
        elif propagate == "TASK_DEFINITION":
            propagated = list(deployment.definition.tags)
        if service.parameters.get("enableECSManagedTags"):
            propagated += [
                {"key": "aws:ecs:serviceName", "value": service.name},
                {"key": "aws:ecs:clusterName", "value": service.cluster_name},
            ]
        return self._start(
            service.cluster_name,
            service.cluster_arn,
            service.account,
            service.region,
            definition=deployment.definition,
            network=deployment.settings["networkConfiguration"]["awsvpcConfiguration"],
            group=f"service:{service.name}",
            started_by=deployment.id,
            overrides={},
            tags=propagated,
            launch_type=deployment.settings.get("launchType"),
            strategy=deployment.settings.get("capacityProviderStrategy"),
            execute_command=bool(service.parameters.get("enableExecuteCommand")),
            targets=service.targets(deployment),
            owner=deployment,
        )

    def alone(
        self,
        cluster: Cluster,
        account: str,
        region: str,
        definition: TaskDefinition,
        network: dict[str, Any],
        parameters: dict[str, Any],
    ) -> Task:
        """Start one task of RunTask.

        :param parameters: those of RunTask.
        :raises LaunchFailure: when ECS cannot place it.
        """
        tags = list(parameters.get("tags") or [])
        if parameters.get("propagateTags") == "TASK_DEFINITION":
            given = {tag["key"] for tag in tags}
            tags += [tag for tag in definition.tags if tag["key"] not in given]
        return self._start(
            cluster.name,
            cluster.arn,
            account,
            region,
            definition=definition,
            network=network,
            group=parameters.get("group") or f"family:{definition.family}",
            started_by=parameters.get("startedBy") or "",
            overrides=parameters.get("overrides") or {},
            tags=tags,
            launch_type=parameters.get("launchType"),
            strategy=parameters.get("capacityProviderStrategy"),
            execute_command=bool(parameters.get("enableExecuteCommand")),
            targets=[],
            owner=None,
        )

    def _start(
        self,
        cluster_name: str,
        cluster_arn: str,
        account: str,
        region: str,
        *,
        strategy: list[dict[str, Any]] | None,
        launch_type: str | None,
        **rest: Any,
    ) -> Task:
        provider = strategy[0]["capacityProvider"] if strategy else None
        if (provider or launch_type) not in _FARGATE:
            raise LaunchFailure("No Container Instances were found in your cluster.")
        if self._tools.ending.is_set():
            raise LaunchFailure("Capacity is unavailable at this time. Please try again later or in a different "
                                "availability zone")  # fmt: skip
        busy = self._store.subnets_in_use(rest["group"])
        task = Task(
            subnet=choose_subnet(rest["network"]["subnets"], busy),
            account=account,
            region=region,
            cluster_name=cluster_name,
            cluster_arn=cluster_arn,
            # Everything on Fargate has this launch type, however it was asked for.
            launch_type="FARGATE",
            capacity_provider=provider,
            platform_version=PLATFORM_VERSION,
            changed=self._changed,
            **rest,
        )
        check_assumable(task.execution_role_arn, task.role_arn)
        run = TaskRun(task, self._tools)
        self._store.add_task(task, run)
        run.start()
        return task
