# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bringing a service to a revision: apply the plan, wait until it is steady, and undo it when it does not get there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .client import EcsClient, LogReader
from .errors import EcsError, EcsFailure
from .reasons import TaskReport, failed_tasks, log_streams, look_first, report
from .roles import denied_at_start, roles_of
from .service import (
    WITHOUT_DEPLOYMENT,
    Service,
    ServicePlan,
    State,
    Verdict,
    breaker_rolls_back,
    describe_revision,
    is_gone,
    judge,
    primary,
    same_revision,
    serving_revision,
)
from .waiting import Patience

_EVENTS_SHOWN = 8
#: How often in a row DescribeServices may say that a service is missing before that is believed.
_LOOKS_UNSEEN = 6
_TASKS_SHOWN = 3


@dataclass(frozen=True)
class Rollout:
    """One service, and how long to wait for it.

    :param rollback: whether to go back to the previous revision when the circuit breaker does not.
    :param log_lines: how many log lines of a failed task a message shows.
    """

    ecs: EcsClient
    logs: LogReader
    cluster: str
    name: str
    patience: Patience
    rollback: bool = True
    log_lines: int = 40

    def read(self) -> Service | None:
        """The service, or None when there is none (an INACTIVE one counts as none)."""
        service = self.ecs.service(self.cluster, self.name)
        return None if is_gone(service) else service

    def apply(self, plan: ServicePlan, current: Service | None) -> Service:
        """Makes the calls that a plan asks for, at most one that can begin a deployment."""
        service = current or {}
        if plan.create is not None:
            return self.ecs.create_service(plan.create)
        # Tags first: they can be set again at any time, while an update begins a deployment.
        if plan.tags:
            self.ecs.change_tags(service["serviceArn"], plan.tags)
        if plan.update is not None:
            service = self.ecs.update_service(plan.update)
        return service

    def settle(self, service: Service, before: Service | None, plan: ServicePlan) -> Service:
        """Waits until the service's deployment is steady.

        :param service: as the last call answered it.
        :param before: as it was before this run, or None.
        :raises EcsFailure: it is not; the message has the reasons, and the service was rolled back where possible.
        """
        deployment = primary(service)
        (seen, verdict), done = self._watch(deployment)
        if verdict.state is State.FAILED and self._was_too_early(deployment):
            deployment = self._once_more(deployment, plan)
            (seen, verdict), done = self._watch(deployment)
        if verdict.state is State.STEADY:
            return seen
        wanted = describe_revision(deployment.get("taskDefinition"))
        evidence = self._evidence(seen, deployment)
        outcome = verdict.text if done else f"not steady after {self.patience.timeout:.0f} s ({verdict.text})"
        head = f"The service {self.name} did not become steady with {wanted}: {outcome}."
        rolled_back, told = False, ""
        if verdict.state is not State.REPLACED:
            try:
                rolled_back, told = self._roll_back(seen, before, deployment, plan, verdict)
            except EcsError as error:
                # What led here matters more than what came of the way back.
                told = f"It could not be rolled back: {error}"
        raise EcsFailure(
            "\n".join(part for part in (head, told, evidence.text()) if part),
            rolled_back=rolled_back,
            previous_task_definition=previous_revision(before, deployment),
            **evidence.as_result(),
        )

    def _was_too_early(self, deployment: Mapping[str, Any]) -> bool:
        """Whether every task that failed was denied rights that IAM may not have known yet."""
        revision = deployment.get("taskDefinition")
        try:
            failed = failed_tasks(
                self.ecs.tasks(self.cluster, "STOPPED", service=self.name), revision, deployment.get("id")
            )
            if not failed or not all(denied_at_start(report(task).as_result()) for task in failed):
                return False
            roles = roles_of(self.ecs.revision(str(revision)).definition)
        except EcsError:  # the failure itself is what has to be told
            return False
        return self.ecs.new_roles.among(roles, deployment.get("createdAt"))

    def _once_more(self, deployment: Mapping[str, Any], plan: ServicePlan) -> dict[str, Any]:
        """Begins the deployment of a plan again; the circuit breaker may have gone back meanwhile."""
        request = {"cluster": self.cluster, "service": self.name, **(plan.update or {})}
        request.update(taskDefinition=deployment["taskDefinition"], forceNewDeployment=True)
        return primary(self.ecs.update_service(request))

    def _watch(self, deployment: Mapping[str, Any]) -> tuple[tuple[Service, Verdict], bool]:
        unseen = 0

        def look() -> tuple[Service, Verdict]:
            nonlocal unseen
            service = self.ecs.service(self.cluster, self.name)
            if service is None and unseen < _LOOKS_UNSEEN:
                # A service that was just made may not be seen at once.
                unseen += 1
                return {}, Verdict(State.WAITING, "ECS does not show the service yet")
            if service is None or is_gone(service):
                raise EcsFailure(f"The service {self.name} was deleted while it was waited for.")
            unseen = 0
            return service, judge(service, deployment)

        return self.patience.until(look, lambda seen: seen[1].state is not State.WAITING)

    def _roll_back(
        self,
        seen: Service,
        before: Service | None,
        deployment: Mapping[str, Any],
        plan: ServicePlan,
        verdict: Verdict,
    ) -> tuple[bool, str]:
        """Goes back to the revision that served before; what came of it, in words."""
        target = previous_revision(before or seen, deployment)
        if target is None:
            return False, "There is no earlier revision that worked to go back to: the service is left as it is."
        by, following = "the circuit breaker", None
        if verdict.state is State.FAILED and breaker_rolls_back(seen):
            following = self._next_primary(deployment)
        if following is None:
            if not self.rollback:
                return False, "It was not rolled back (rollback: false)."
            by, following = "this module", self._go_back(target, deployment, plan)
        elif plan.undo:
            # The circuit breaker restores the revision, not the fields that begin no deployment.
            self._put_back(plan)
        (last, state), _steady = self._watch(following)
        serving = describe_revision(primary(last).get("taskDefinition"))
        if state.state is State.STEADY:
            return True, f"It was rolled back by {by}: {serving} is serving ({state.text})."
        return False, f"{by.capitalize()} went back to {serving}, which is not steady either: {state.text}."

    def _go_back(self, target: str, deployment: Mapping[str, Any], plan: ServicePlan) -> dict[str, Any]:
        """Begins a deployment of an earlier revision, with the fields as they were before this run."""
        request = {"cluster": self.cluster, "service": self.name, **plan.undo, "taskDefinition": target}
        if same_revision(target, str(deployment.get("taskDefinition"))):
            request["forceNewDeployment"] = True
        return primary(self.ecs.update_service(request))

    def _put_back(self, plan: ServicePlan) -> None:
        """Restores the fields that UpdateService changes without a deployment."""
        quiet = {key: value for key, value in plan.undo.items() if key in WITHOUT_DEPLOYMENT}
        if quiet:
            self.ecs.update_service({"cluster": self.cluster, "service": self.name, **quiet})

    def _next_primary(self, deployment: Mapping[str, Any]) -> dict[str, Any] | None:
        """The deployment with which the circuit breaker takes ours back; it begins a moment after ours failed."""

        def look() -> dict[str, Any]:
            return primary(self.ecs.service(self.cluster, self.name) or {})

        newest, changed = self.patience.until(look, lambda now: now.get("id") not in (None, deployment.get("id")))
        return newest if changed else None

    def _evidence(self, service: Service, deployment: Mapping[str, Any]) -> Evidence:
        """What the service's events, its stopped tasks and their logs say. Reading it never hides the failure."""
        since = str(deployment.get("createdAt", ""))
        events = [e for e in service.get("events", []) if str(e.get("createdAt", "")) >= since]
        messages = [str(event.get("message", "")) for event in events[:_EVENTS_SHOWN]]
        try:
            return Evidence(messages, self._stopped_tasks(deployment))
        except EcsError as error:
            return Evidence([*messages, f"(the stopped tasks could not be read: {error})"], [])

    def _stopped_tasks(self, deployment: Mapping[str, Any]) -> list[TaskReport]:
        revision = deployment.get("taskDefinition")
        stopped = self.ecs.tasks(self.cluster, "STOPPED", service=self.name)
        failed = failed_tasks(stopped, revision, deployment.get("id"))[:_TASKS_SHOWN]
        if not failed or not revision:
            return []
        definition = self.ecs.revision(revision).definition
        # The log of one task is enough to read; the others nearly always say the same.
        ran = next((task for task in failed if any("exitCode" in c for c in task.get("containers", []))), failed[0])
        tails = self.logs.tails(log_streams(definition, ran["taskArn"]), self.log_lines)
        return [report(task, tails if task is ran else None) for task in failed]

    def remove(self, service: Service | None) -> None:
        """Scales an ACTIVE service to zero and deletes it; its tasks take a while to stop."""
        if service is None or service.get("status") != "ACTIVE":
            return
        if service.get("desiredCount", 0) > 0 and service.get("schedulingStrategy") != "DAEMON":
            self.ecs.update_service({"cluster": self.cluster, "service": self.name, "desiredCount": 0})
        self.ecs.delete_service(self.cluster, self.name)

    def wait_gone(self) -> None:
        """Waits until the service is deleted and its last task has stopped.

        :raises EcsFailure: it is not, in time.
        """

        def look() -> tuple[Service | None, int]:
            running = self.ecs.tasks(self.cluster, "RUNNING", service=self.name)
            stopping = [
                task
                for task in self.ecs.tasks(self.cluster, "STOPPED", service=self.name)
                if task.get("lastStatus") != "STOPPED"
            ]
            return self.read(), len(running) + len(stopping)

        (service, tasks), gone = self.patience.until(look, lambda seen: seen[0] is None and seen[1] == 0)
        if not gone:
            status = service.get("status") if service else "deleted"
            raise EcsFailure(
                f"The service {self.name} is {status} with {tasks} tasks after {self.patience.timeout:.0f} s."
                " Run again to go on waiting, or raise wait_timeout."
            )


@dataclass(frozen=True)
class Evidence:
    """Why a deployment failed, as far as ECS tells."""

    events: list[str]
    tasks: list[TaskReport]

    def text(self) -> str:
        """As a message shows it."""
        lines = []
        if self.events:
            lines += ["Service events, newest first:", *(f"  {event}" for event in self.events)]
        lines += [task.text() for task in self.tasks]
        if not any(task.hint() for task in self.tasks):
            hint = look_first("\n".join(self.events), [task.log_tail for task in self.tasks])
            if hint:
                lines.append(f"Look at this first: {hint}.")
        return "\n".join(lines)

    def as_result(self) -> dict[str, Any]:
        """As the module returns it."""
        return {"events": self.events, "stopped_tasks": [task.as_result() for task in self.tasks]}


def previous_revision(service: Service | None, deployment: Mapping[str, Any]) -> str | None:
    """The revision to go back to: the newest that was ever steady, in a deployment other than ``deployment``."""
    if service is None:
        return None
    others = [d for d in service.get("deployments", []) if d.get("id") != deployment.get("id")]
    return serving_revision({"deployments": others})
