# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the plane knows: services, tasks, and their place in moto's backends."""

from __future__ import annotations

import threading
import time
from typing import Any

from moto.ecs.models import EC2ContainerServiceBackend, ecs_backends

from emulator.ecs.runner import TaskRun
from emulator.ecs.service import Service, age
from emulator.ecs.task import PENDING_STATES, Task


class Store:
    """The services and tasks of all accounts and regions.

    They also stand in the ``services`` and ``tasks`` of moto's backends, where its tag functions,
    resource groups and application auto scaling look for them. ``lock`` guards everything.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.services: list[Service] = []
        self.runs: dict[str, TaskRun] = {}
        self.tasks: dict[str, Task] = {}

    @staticmethod
    def now() -> float:
        """The clock of all deadlines, ``time.monotonic()``."""
        return time.monotonic()

    @staticmethod
    def backend(account: str, region: str) -> EC2ContainerServiceBackend:
        """moto's backend."""
        return ecs_backends[account][region]

    def add_service(self, service: Service) -> None:
        """Remember a new service, in place of an INACTIVE one of the same name."""
        self.services = [each for each in self.services if (each.arn, each.account) != (service.arn, service.account)]
        self.services.append(service)
        known: Any = self.backend(service.account, service.region).services
        known[f"{service.cluster_name}:{service.name}"] = service

    def find_service(self, cluster_arn: str, name_or_arn: str) -> Service | None:
        """The service of that name or ARN in a cluster."""
        name = name_or_arn.split("/")[-1]
        return next((each for each in self.services if each.cluster_arn == cluster_arn and each.name == name), None)

    def add_task(self, task: Task, run: TaskRun) -> None:
        """Remember a new task."""
        self.tasks[task.task_arn] = task
        self.runs[task.task_arn] = run
        known: Any = self.backend(task.account, task.region).tasks
        known.setdefault(task.cluster_name, {})[task.task_arn] = task

    def find_task(self, cluster_arn: str, id_or_arn: str) -> Task | None:
        """The task of that id or ARN in a cluster."""
        name = id_or_arn.split("/")[-1]
        return self.tasks.get(f"{cluster_arn.replace(':cluster/', ':task/')}/{name}")

    def tasks_of(self, cluster_arn: str) -> list[Task]:
        """The tasks of a cluster, oldest first."""
        return [task for task in self.tasks.values() if task.cluster_arn == cluster_arn]

    def subnets_in_use(self, group: str) -> list[str]:
        """The subnet of each task of ``group`` that is meant to run."""
        return [task.subnet for task in self.tasks.values() if task.group == group and not task.is_stopping]

    def forget_stopped(self, seconds: float) -> None:
        """Forget the tasks, and remove the logs of those, that stopped more than ``seconds`` ago."""
        for task in list(self.tasks.values()):
            if task.last_status == "STOPPED" and age(task.times["stoppedAt"]) > seconds:
                del self.tasks[task.task_arn]
                self.runs.pop(task.task_arn).discard()
                self.backend(task.account, task.region).tasks[task.cluster_name].pop(task.task_arn, None)

    def count_clusters(self) -> None:
        """Keep the counts that DescribeClusters answers true."""
        backends = [backend for regions in list(ecs_backends.values()) for backend in list(regions.values())]
        for cluster in [cluster for backend in backends for cluster in list(backend.clusters.values())]:
            tasks = self.tasks_of(cluster.arn)
            cluster.running_tasks_count = sum(task.last_status == "RUNNING" for task in tasks)
            cluster.pending_tasks_count = sum(task.last_status in PENDING_STATES for task in tasks)
            cluster.active_services_count = sum(
                each.cluster_arn == cluster.arn and each.status != "INACTIVE" for each in self.services
            )
