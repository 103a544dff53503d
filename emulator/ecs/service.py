# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services and their deployments: state, and the documents in which the API describes them."""

from __future__ import annotations

import random
import time
from collections import deque
from datetime import datetime
from typing import Any
from uuid import uuid4

from moto.core.utils import utcnow
from moto.ecs.models import TaskDefinition

from emulator.ecs.network import Target
from emulator.ecs.task import PENDING_STATES, Task

#: Events that DescribeServices answers, newest first.
KEPT_EVENTS = 100

DEFAULT_DEPLOYMENT_CONFIGURATION: dict[str, Any] = {
    "deploymentCircuitBreaker": {"enable": False, "rollback": False},
    "maximumPercent": 200,
    "minimumHealthyPercent": 100,
    "strategy": "ROLLING",
    "bakeTimeInMinutes": 0,
}


class Deployment:
    """One revision of a service on its way in, in charge, or on its way out.

    :param settings: the parameters that a new deployment takes over from the service:
        ``networkConfiguration``, ``loadBalancers``, ``platformVersion``, ``launchType`` or
        ``capacityProviderStrategy``.
    """

    def __init__(self, definition: TaskDefinition, settings: dict[str, Any]) -> None:
        # Looks like AWS's; only has to be unique.
        self.id = f"ecs-svc/{random.randint(10**18, 10**19 - 1)}"
        self.definition = definition
        self.settings = settings
        self.status = "PRIMARY"
        self.created_at = self.updated_at = utcnow()
        self.failed_tasks = 0
        #: Reason of the last failure: start, container or elb.
        self.last_failure = "start"
        self.rollout_state = "IN_PROGRESS"
        self.rollout_reason = f"ECS deployment {self.id} in progress."

    def become(self, state: str, reason: str) -> None:
        """Change the rollout state."""
        self.rollout_state, self.rollout_reason, self.updated_at = state, reason, utcnow()


class Service:
    """A service of launch type Fargate.

    moto's other parts (tags, application auto scaling) find it in the backend's ``services`` and use
    ``arn``, ``physical_resource_id``, ``name``, ``cluster_name``, ``desired_count`` and ``tags``.

    :param parameters: those of CreateService that DescribeServices answers.
    """

    def __init__(
        self,
        *,
        account: str,
        region: str,
        cluster_name: str,
        cluster_arn: str,
        name: str,
        desired_count: int,
        parameters: dict[str, Any],
        tags: list[dict[str, str]],
        created_by: str,
    ) -> None:
        self.account, self.region = account, region
        self.cluster_name, self.cluster_arn = cluster_name, cluster_arn
        self.name = name
        self.arn = f"{cluster_arn.replace(':cluster/', ':service/')}/{name}"
        self.desired_count = desired_count
        self.parameters = parameters
        self.tags = tags
        self.created_by = created_by
        self.created_at = utcnow()
        self.status = "ACTIVE"
        self.events: deque[dict[str, Any]] = deque(maxlen=KEPT_EVENTS)
        self.deployments: list[Deployment] = []
        self.last_completed: Deployment | None = None
        self.tasks: list[Task] = []
        self.steady = False
        #: Tasks that failed one after the other, and when the next may start (time.monotonic()).
        self.failures = 0
        self.start_after = 0.0
        #: Ids of the tasks whose failure was counted, that were found healthy once, and that an
        #: event called registered with their target groups.
        self.counted: set[str] = set()
        self.approved: set[str] = set()
        self.announced: set[str] = set()
        #: Id of each task that failed its checks and waits for a replacement: why it will be stopped.
        self.failing: dict[str, str] = {}

    @property
    def physical_resource_id(self) -> str:
        """The ARN, under the name that moto uses."""
        return self.arn

    @property
    def launch_type(self) -> str | None:
        """FARGATE or EC2; None with a capacity provider strategy."""
        found = self.parameters.get("launchType")
        return str(found) if found else None

    @property
    def scheduling_strategy(self) -> str:
        """Always REPLICA here."""
        return "REPLICA"

    @property
    def primary(self) -> Deployment:
        """The deployment that the service is moving to, or has reached."""
        return self.deployments[0]

    @property
    def configuration(self) -> dict[str, Any]:
        """The complete deploymentConfiguration."""
        found: dict[str, Any] = self.parameters["deploymentConfiguration"]
        return found

    @property
    def grace_period(self) -> float:
        """Seconds in which failed health checks of a new task do not count."""
        return float(self.parameters.get("healthCheckGracePeriodSeconds") or 0)

    def of(self, deployment: Deployment) -> list[Task]:
        """The tasks of ``deployment`` that have not stopped."""
        return [task for task in self.tasks if task.owner is deployment and task.last_status != "STOPPED"]

    def targets(self, deployment: Deployment) -> list[tuple[str, Target]]:
        """Container name and target for each load balancer of ``deployment``."""
        return [
            (each["containerName"], Target(each["targetGroupArn"], int(each["containerPort"])))
            for each in deployment.settings.get("loadBalancers") or []
        ]

    def add_event(self, message: str) -> None:
        """Note an event; ``(service name)`` is put before it."""
        self.events.appendleft(
            {"id": str(uuid4()), "createdAt": utcnow(), "message": f"(service {self.name}) {message}"}
        )

    def deploy(self, deployment: Deployment) -> None:
        """Make ``deployment`` the primary one; the others go as its tasks become healthy."""
        for other in self.deployments:
            other.status = "ACTIVE"
        self.deployments = [deployment, *(each for each in self.deployments if each is not deployment)]
        deployment.status = "PRIMARY"
        self.failures, self.start_after = 0, 0.0
        self.steady = False

    def roll_back(self, deployment: Deployment) -> None:
        """Make an earlier deployment the primary one again, with all settings that it had."""
        newer = {name for each in self.deployments for name in each.settings}
        kept = {name: value for name, value in self.parameters.items() if name not in newer}
        self.parameters = {**kept, **deployment.settings}
        self.deploy(deployment)

    def note_failure(self, delay: float) -> None:
        """Count one more failed task; the next starts after ``delay`` seconds."""
        self.failures += 1
        self.start_after = time.monotonic() + delay

    def count(self, *states: str) -> int:
        """How many tasks are in one of ``states``."""
        return sum(task.last_status in states for task in self.tasks)

    def describe(self, tags: bool = False) -> dict[str, Any]:
        """The service as DescribeServices answers it."""
        found: dict[str, Any] = {
            **self.parameters,
            "serviceArn": self.arn,
            "serviceName": self.name,
            "clusterArn": self.cluster_arn,
            "status": self.status,
            "desiredCount": self.desired_count,
            "runningCount": self.count("RUNNING"),
            "pendingCount": self.count(*PENDING_STATES),
            "platformFamily": "Linux",
            "taskDefinition": self.primary.definition.arn,
            "deployments": [self._deployment(each) for each in self.deployments if self.status != "INACTIVE"],
            "taskSets": [],
            "roleArn": (
                f"arn:aws:iam::{self.account}:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS"
                if self.parameters.get("loadBalancers")
                else None
            ),
            "events": list(self.events),
            "createdAt": self.created_at,
            "createdBy": self.created_by,
            "schedulingStrategy": self.scheduling_strategy,
        }
        if tags:
            found["tags"] = self.tags
        return {name: value for name, value in found.items() if value is not None}

    def _deployment(self, deployment: Deployment) -> dict[str, Any]:
        tasks = self.of(deployment)
        live = sum(not task.is_stopping for task in tasks)
        strategy = deployment.settings.get("capacityProviderStrategy")
        found: dict[str, Any] = {
            "id": deployment.id,
            "status": deployment.status,
            "taskDefinition": deployment.definition.arn,
            "desiredCount": self.desired_count if deployment is self.primary else live,
            "pendingCount": sum(task.last_status in PENDING_STATES for task in tasks),
            "runningCount": sum(task.last_status == "RUNNING" for task in tasks),
            "failedTasks": deployment.failed_tasks,
            "createdAt": deployment.created_at,
            "updatedAt": deployment.updated_at,
            "launchType": None if strategy else deployment.settings.get("launchType"),
            "capacityProviderStrategy": strategy,
            "platformVersion": "1.4.0",
            "platformFamily": "Linux",
            "networkConfiguration": deployment.settings["networkConfiguration"],
            "rolloutState": deployment.rollout_state,
            "rolloutStateReason": deployment.rollout_reason,
        }
        return {name: value for name, value in found.items() if value is not None}


def age(moment: datetime) -> float:
    """Seconds since ``moment``, a time of moto."""
    return float((utcnow() - moment).total_seconds())
