# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps each service at its desired count, one revision after the other.

Source: Amazon ECS developer guide, "Amazon ECS services", "Service event messages" and "How the
Amazon ECS deployment circuit breaker detects failures".
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable

from emulator.ecs import network
from emulator.ecs.deployment import Counts, breaker_threshold, next_step, restart_delay
from emulator.ecs.errors import LaunchFailure
from emulator.ecs.service import Deployment, Service, age
from emulator.ecs.store import Store
from emulator.ecs.task import PENDING_STATES, Task

log = logging.getLogger(__name__)

#: How long a task without any health check has to run before it counts as good. Seconds.
SETTLED = 1.0
#: The most that :meth:`Scheduler.stop` waits for a round under way.
STOP_SECONDS = 10.0
#: Stopped tasks are answered for an hour.
KEPT_SECONDS = 3600.0

_FAILURES = {
    "start": "tasks failed to start.",
    "container": "task failed container health checks.",
    "elb": "task failed ELB health checks.",
}

Launcher = Callable[[Service, Deployment], Task]


class Scheduler:
    """Looks after the services whenever something changed, and twice a second.

    :param launch: makes and starts a task of a deployment.
    """

    TICK = 0.5

    def __init__(self, store: Store, launch: Launcher) -> None:
        self._store = store
        self._launch = launch
        self._wake = threading.Event()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ecs-scheduler", daemon=True)

    def start(self) -> None:
        """Start to schedule."""
        self._thread.start()

    def stop(self) -> None:
        """Schedule no more; tasks are left as they are."""
        self._ending.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS)

    def wake(self) -> None:
        """Look after the services soon."""
        self._wake.set()

    def _run(self) -> None:
        while not self._ending.is_set():
            # Without a service there is nothing that time alone could change.
            busy = any(service.status != "INACTIVE" for service in self._store.services)
            self._wake.wait(self.TICK if busy else None)
            self._wake.clear()
            try:
                with self._store.lock:
                    self._round()
            except Exception:  # the next round may do better; without one, nothing would run any more
                log.exception("the services could not be looked after")

    def _round(self) -> None:
        """Look after everything once; what goes wrong with one service does not harm the others."""
        for service in list(self._store.services):
            if self._ending.is_set():
                return
            try:
                self._look_after(service)
            except Exception:
                log.exception("service %s could not be looked after", service.arn)
        self._store.forget_stopped(KEPT_SECONDS)
        self._store.count_clusters()

    def _look_after(self, service: Service) -> None:
        if service.status == "INACTIVE":
            return
        self._announce_targets(service)
        self._count_failures(service)
        if service.status == "DRAINING":
            self._drain(service)
            return
        self._find_failing(service)
        self._break_circuit(service)
        self._step(service)
        self._retire(service)
        self._note_completion(service)

    def _drain(self, service: Service) -> None:
        for deployment in service.deployments:
            self._stop(service, service.of(deployment), deployment)
        if not any(service.of(deployment) for deployment in service.deployments):
            service.status = "INACTIVE"
            service.deployments = service.deployments[:1]

    @staticmethod
    def _announce_targets(service: Service) -> None:
        registered: Counter[str] = Counter()
        deregistered: Counter[str] = Counter()
        for task in service.tasks:
            if task.last_status == "RUNNING" and task.id not in service.announced:
                service.announced.add(task.id)
                registered.update(target.group for target in task.targets)
            elif task.last_status not in ("RUNNING", *PENDING_STATES) and task.id in service.announced:
                service.announced.remove(task.id)
                deregistered.update(target.group for target in task.targets)
        for what, groups in (("registered", registered), ("deregistered", deregistered)):
            for group, number in groups.items():
                service.add_event(f"{what} {number} targets in (target-group {group})")

    # Health.

    def is_healthy(self, service: Service, task: Task) -> bool:
        """Whether a deployment may count on ``task``."""
        if task.is_stopping or task.last_status != "RUNNING" or task.interface is None:
            return False
        if task.has_check and task.health_status != "HEALTHY":
            return False
        for target in task.targets:
            if network.target_health(task.account, task.region, target, task.interface.address)[0] != "healthy":
                return False
        return task.has_check or bool(task.targets) or age(task.times["startedAt"]) >= SETTLED

    def _find_failing(self, service: Service) -> None:
        """Take note of the tasks that fail their checks: :meth:`_step` replaces them.

        Source: Amazon ECS developer guide, "Amazon ECS service task replacement": the replacement comes first.
        """
        for task in service.tasks:
            if (
                task.id in service.failing
                or task.is_stopping
                or task.last_status != "RUNNING"
                or task.interface is None
            ):
                continue
            if age(task.times["startedAt"]) < service.grace_period:
                continue
            if task.health_status == "UNHEALTHY":
                service.add_event(f"(task {task.id}) failed container health checks.")
                self._fail(service, task, "container", "Task failed container health checks")
                continue
            for target in task.targets:
                state, why = network.target_health(task.account, task.region, target, task.interface.address)
                if state == "unhealthy":
                    service.add_event(
                        f"(task {task.id}) (port {target.port}) is unhealthy in (target-group {target.group}) "
                        f"due to (reason {why})."
                    )
                    self._fail(service, task, "elb", f"Task failed ELB health checks in (target-group {target.group})")
                    break

    def _fail(self, service: Service, task: Task, kind: str, reason: str) -> None:
        deployment = self._of(task)
        deployment.last_failure = kind
        service.failing[task.id] = reason
        service.counted.add(task.id)
        self._note_failure(service, deployment)

    @staticmethod
    def _stop_failing(service: Service, tasks: list[Task]) -> None:
        for task in tasks:
            service.add_event(f"has stopped 1 running tasks: (task {task.id}).")
            task.request_stop("ServiceSchedulerInitiated", service.failing[task.id], failed=True)

    def _count_failures(self, service: Service) -> None:
        """Take note of tasks that failed since the last look, and forget those that stopped."""
        for task in list(service.tasks):
            if task.failed and task.id not in service.counted:
                service.counted.add(task.id)
                if task.stop_code in ("TaskFailedToStart", "EssentialContainerExited"):
                    self._of(task).last_failure = "start"
                self._note_failure(service, self._of(task))
            if task.last_status == "STOPPED":
                service.tasks.remove(task)
                for known in (service.counted, service.approved, service.announced):
                    known.discard(task.id)
                service.failing.pop(task.id, None)

    @staticmethod
    def _of(task: Task) -> Deployment:
        assert isinstance(task.owner, Deployment)
        return task.owner

    @staticmethod
    def _note_failure(service: Service, deployment: Deployment) -> None:
        service.steady = False
        if deployment.rollout_state == "IN_PROGRESS":
            deployment.failed_tasks += 1
        if deployment is service.primary:
            service.note_failure(restart_delay(service.failures))
            if service.failures == 3:
                service.add_event(
                    "is unable to consistently start tasks successfully. For more information, see the "
                    "Troubleshooting section of the Amazon ECS Developer Guide."
                )

    # Deployments.

    def _break_circuit(self, service: Service) -> None:
        deployment = service.primary
        breaker = service.configuration["deploymentCircuitBreaker"]
        if not breaker.get("enable") or deployment.rollout_state != "IN_PROGRESS":
            return
        if deployment.failed_tasks < breaker_threshold(service.desired_count, breaker.get("thresholdConfiguration")):
            return
        why = _FAILURES[deployment.last_failure]
        deployment.become("FAILED", f"ECS deployment circuit breaker: {why}")
        service.add_event(f"(deployment {deployment.id}) deployment failed: {why}")
        target = service.last_completed
        if not breaker.get("rollback"):
            return
        if target is None or target is deployment:
            service.add_event("rollback was not possible: no rollback candidate was found.")
            return
        service.add_event(f"rolling back to deployment {target.id}.")
        target.become("IN_PROGRESS", f"ECS deployment circuit breaker: rolling back to deploymentId {target.id}.")
        target.failed_tasks = 0
        service.roll_back(target)

    def _step(self, service: Service) -> None:
        primary = service.primary
        live = [task for task in service.of(primary) if not task.is_stopping]
        failing = [task for task in live if task.id in service.failing]
        new = [task for task in live if task.id not in service.failing]
        old = [task for each in service.deployments[1:] for task in service.of(each) if not task.is_stopping]
        healthy = {task.id for task in [*new, *old] if self.is_healthy(service, task)}
        new_healthy = [task for task in new if task.id in healthy]
        for task in new_healthy:
            if task.id not in service.approved:
                service.approved.add(task.id)
                service.failures = 0
                if service.configuration["deploymentCircuitBreaker"].get("resetOnHealthyTask", True):
                    primary.failed_tasks = 0
        step = next_step(
            Counts(
                desired=service.desired_count,
                minimum_percent=int(service.configuration["minimumHealthyPercent"]),
                maximum_percent=int(service.configuration["maximumPercent"]),
                new_live=len(new),
                new_healthy=len(new_healthy),
                old_live=len(old),
                old_healthy=sum(task.id in healthy for task in old),
                failing=len(failing),
                halted=primary.rollout_state == "FAILED",
            )
        )
        # Unhealthy tasks go first, then the youngest.
        goes_first = sorted(new, key=lambda task: (task.id in healthy, -task.times["createdAt"].timestamp()))
        self._stop(service, goes_first[: step.stop_new], primary)
        old.sort(key=lambda task: (task.id in healthy, task.times["createdAt"]))
        self._stop(service, old[: step.stop_old], primary)
        self._stop_failing(service, failing[: step.stop_failing])
        if step.start and self._store.now() >= service.start_after:
            self._start(service, primary, step.start)

    def _start(self, service: Service, deployment: Deployment, number: int) -> None:
        started: list[Task] = []
        try:
            for _ in range(number):
                started.append(self._launch(service, deployment))
        except LaunchFailure as failure:
            service.add_event(f"failed to launch a task with (error {failure}).")
            deployment.last_failure = "start"
            self._note_failure(service, deployment)
        if started:
            service.tasks.extend(started)
            service.steady = False
            names = " ".join(f"(task {task.id})" for task in started)
            service.add_event(f"has started {len(started)} tasks: {names}.")

    @staticmethod
    def _stop(service: Service, tasks: list[Task], because: Deployment) -> None:
        stopped = [task for task in tasks if not task.is_stopping]
        if not stopped:
            return
        service.steady = False
        draining = [task for task in stopped if task.targets and task.last_status == "RUNNING"]
        for task in stopped:
            task.request_stop("ServiceSchedulerInitiated", f"Scaling activity initiated by (deployment {because.id})")
        if draining:
            service.add_event(f"has begun draining connections on {len(draining)} tasks.")
        names = " ".join(f"(task {task.id})" for task in stopped)
        service.add_event(f"has stopped {len(stopped)} running tasks: {names}.")

    @staticmethod
    def _retire(service: Service) -> None:
        """Drop the old deployments whose last task has stopped."""
        service.deployments = [each for each in service.deployments if each is service.primary or service.of(each)]

    def _note_completion(self, service: Service) -> None:
        primary = service.primary
        tasks = service.of(primary)
        complete = (
            len(service.deployments) == 1
            and len(tasks) == service.desired_count
            and all(self.is_healthy(service, task) for task in tasks)
        )
        if not complete:
            return
        if primary.rollout_state == "IN_PROGRESS":
            primary.become("COMPLETED", f"ECS deployment {primary.id} completed.")
            service.add_event(f"(deployment {primary.id}) deployment completed.")
        if primary.rollout_state == "COMPLETED":
            service.last_completed = primary
        if not service.steady:
            service.steady = True
            service.add_event("has reached a steady state.")
