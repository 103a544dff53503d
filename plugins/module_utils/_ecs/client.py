# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The calls to ECS and CloudWatch Logs that the modules need. Plain arguments in, ECS's own structures out."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry

from .._transient import IAM_PROPAGATION, LISTENER_PROPAGATION, PASS_ROLE, SERVICE_LINKED_ROLE, Kind
from .errors import EcsError, aws_action, aws_lookup
from .reasons import LogStream, hint_for
from .roles import NewRoles, no_new_roles, roles_of
from .tags import TagChange, from_api, to_list
from .task_definition import Definition, Revision, family_of, revision_number
from .waiting import insist

T = TypeVar("T")

#: What a role, a service-linked role or a target group that was made a moment ago looks like to ECS.
_NOT_YET = (IAM_PROPAGATION, SERVICE_LINKED_ROLE, LISTENER_PROPAGATION)
#: DescribeTasks takes 100 tasks, TagResource and DescribeServices need no pages here.
_TASKS_PER_CALL = 100
_SERVICES_PER_CALL = 10


def retries() -> Any:
    """The retry decorator for boto3 clients: amazon.aws's list lacks the codes with which ECS throttles."""
    return AWSRetry.jittered_backoff(
        retries=10, delay=1, max_delay=20, catch_extra_error_codes=["ThrottlingException", "ServerException"]
    )


class EcsClient:
    """ECS as the modules use it.

    :param client: a boto3 ECS client, wrapped by :class:`RetryingBotoClientWrapper`.
    :param new_roles: knows whether a role is so new that IAM may not see it yet.
    """

    def __init__(
        self,
        client: Any,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        new_roles: NewRoles | None = None,
    ) -> None:
        self._client = client
        self.new_roles = new_roles or no_new_roles()
        self._clock = clock
        self._sleep = sleep

    # Task definitions

    @aws_action("list task definitions")
    def revisions(self, family: str, status: str = "ACTIVE") -> list[str]:
        """The ARNs of a family's revisions with this status, oldest first."""
        pages = self._pages("list_task_definitions", "taskDefinitionArns", familyPrefix=family, status=status)
        return sorted((arn for arn in pages if family_of(arn) == family), key=revision_number)

    def latest(self, family: str) -> Revision | None:
        """The newest ACTIVE revision of a family."""
        arns = self.revisions(family)
        return self.revision(arns[-1]) if arns else None

    @aws_action("describe the task definition")
    def revision(self, name: str) -> Revision:
        """One revision, by ARN or ``family:7``."""
        answer = self._client.describe_task_definition(taskDefinition=name, include=["TAGS"], aws_retry=True)
        definition = answer["taskDefinition"]
        return Revision(definition["taskDefinitionArn"], definition, from_api(answer.get("tags")))

    def used_revisions(self, cluster: str, family: str) -> set[str]:
        """The ARNs of a family's revisions that tasks of a cluster run, or that its services' deployments ask for."""
        found = {task["taskDefinitionArn"] for task in self.tasks(cluster, "RUNNING", family=family)}
        for service in self.services(cluster):
            rows = [service, *service.get("deployments", [])]
            found |= {row["taskDefinition"] for row in rows if row.get("taskDefinition")}
        return {arn for arn in found if family_of(arn) == family}

    def resolve(self, name: str) -> Revision | None:
        """The revision that a family, ``family:7`` or an ARN names; None when there is none that is ACTIVE."""
        if ":" not in name.rsplit("/", 1)[-1]:
            return self.latest(family_of(name))
        matching = [arn for arn in self.revisions(family_of(name)) if revision_number(arn) == revision_number(name)]
        return self.revision(matching[0]) if matching else None

    def next_number(self, family: str) -> int:
        """The number that the next revision gets: ECS never uses one twice, even when all are deregistered."""
        known = [*self.revisions(family), *self.revisions(family, "INACTIVE")]
        return max((revision_number(arn) for arn in known), default=0) + 1

    @aws_action("register the task definition")
    def register(self, request: Definition) -> Revision:
        """Registers a revision."""
        call = self._client.register_task_definition
        answer = self._once_ready(lambda: call(**request, aws_retry=True), passed=roles_of(request))
        definition = answer["taskDefinition"]
        return Revision(definition["taskDefinitionArn"], definition, from_api(request.get("tags")))

    @aws_action("deregister the task definition")
    def deregister(self, arn: str) -> None:
        """Makes a revision INACTIVE: what runs goes on, nothing new can be started from it."""
        self._client.deregister_task_definition(taskDefinition=arn, aws_retry=True)

    # Tags

    @aws_action("change tags")
    def change_tags(self, arn: str, change: TagChange) -> None:
        """Changes a resource's tags in place."""
        if change.to_remove:
            self._client.untag_resource(resourceArn=arn, tagKeys=change.to_remove, aws_retry=True)
        if change.to_set:
            self._client.tag_resource(resourceArn=arn, tags=to_list(change.to_set), aws_retry=True)

    # Tasks

    @aws_action("run the task")
    def run_task(self, request: dict[str, Any]) -> dict[str, Any]:
        """Starts one task.

        :raises EcsError: ECS refused it or has no room for it.
        """
        token = str(uuid.uuid4())  # one for all attempts, so that a retried call starts no second task
        call = self._client.run_task
        answer = self._once_ready(lambda: call(**request, count=1, clientToken=token, aws_retry=True))
        if not answer.get("tasks"):
            told = "; ".join(f"{f.get('reason', '')} {f.get('detail', '')}".strip() for f in answer.get("failures", []))
            hint = f" Look at this first: {hint_for(told)}." if hint_for(told) else ""
            raise EcsError(f"ECS did not start the task: {told or 'no reason given'}.{hint}")
        task: dict[str, Any] = answer["tasks"][0]
        return task

    @aws_lookup("list tasks", default=[])
    def tasks(
        self, cluster: str, desired_status: str, *, family: str | None = None, service: str | None = None
    ) -> list[dict[str, Any]]:
        """The tasks of a family or of a service; ECS remembers stopped ones for about an hour.

        :param desired_status: RUNNING or STOPPED, as ECS wants the tasks.
        """
        arguments = {"cluster": cluster, "desiredStatus": desired_status}
        if family:
            arguments["family"] = family
        if service:
            arguments["serviceName"] = service
        arns = list(self._pages("list_tasks", "taskArns", **arguments))
        found: list[dict[str, Any]] = []
        for start in range(0, len(arns), _TASKS_PER_CALL):
            found.extend(self._describe_tasks(cluster, arns[start : start + _TASKS_PER_CALL]))
        return found

    @aws_action("describe the task")
    def task(self, cluster: str, arn: str) -> dict[str, Any] | None:
        """One task, or None when ECS does not know it (any more)."""
        return next(iter(self._describe_tasks(cluster, [arn])), None)

    def _describe_tasks(self, cluster: str, arns: list[str]) -> list[dict[str, Any]]:
        answer = self._client.describe_tasks(cluster=cluster, tasks=arns, include=["TAGS"], aws_retry=True)
        found: list[dict[str, Any]] = answer["tasks"]
        return found

    # Services

    @aws_lookup("describe the service")
    def service(self, cluster: str, name: str) -> dict[str, Any] | None:
        """A service, or None when it or its cluster does not exist. A deleted one is INACTIVE for a while."""
        answer = self._client.describe_services(cluster=cluster, services=[name], include=["TAGS"], aws_retry=True)
        for failure in answer.get("failures", []):
            if failure.get("reason") != "MISSING":
                raise EcsError(f"Failed to describe the service {name}: {failure.get('reason')}")
        found: dict[str, Any] | None = next(iter(answer["services"]), None)
        return found

    @aws_lookup("list the services", default=[])
    def services(self, cluster: str) -> list[dict[str, Any]]:
        """All services of a cluster."""
        arns = list(self._pages("list_services", "serviceArns", cluster=cluster))
        found: list[dict[str, Any]] = []
        for start in range(0, len(arns), _SERVICES_PER_CALL):
            some = arns[start : start + _SERVICES_PER_CALL]
            found += self._client.describe_services(cluster=cluster, services=some, aws_retry=True)["services"]
        return found

    @aws_action("create the service")
    def create_service(self, request: dict[str, Any]) -> dict[str, Any]:
        """Creates a service."""
        answer = self._once_ready(lambda: self._client.create_service(**request, aws_retry=True))
        service: dict[str, Any] = answer["service"]
        return service

    @aws_action("update the service")
    def update_service(self, request: dict[str, Any]) -> dict[str, Any]:
        """Changes the fields of a service that the request has."""
        answer = self._once_ready(lambda: self._client.update_service(**request, aws_retry=True))
        service: dict[str, Any] = answer["service"]
        return service

    @aws_lookup("delete the service")
    def delete_service(self, cluster: str, name: str) -> None:
        """Deletes a service with all its tasks."""
        self._client.delete_service(cluster=cluster, service=name, force=True, aws_retry=True)

    # Helpers

    def _pages(self, operation: str, key: str, **arguments: Any) -> Iterator[str]:
        call = getattr(self._client, operation)
        while True:
            answer = call(**arguments, aws_retry=True)
            yield from answer.get(key, [])
            if not answer.get("nextToken"):
                return
            arguments["nextToken"] = answer["nextToken"]

    def _once_ready(self, call: Callable[[], T], passed: list[str | None] | None = None) -> T:
        """Makes a call again while ECS does not see a role or target group that was made a moment ago.

        :param passed: roles that the call passes. That the caller may not pass one is permanent, unless it is new.
        """

        def kind_of(text: str) -> Kind | None:
            if passed and PASS_ROLE.matches(text):
                return PASS_ROLE if self.new_roles.among(passed) else None
            return next((kind for kind in _NOT_YET if kind.matches(text)), None)

        return insist(call, kind_of, self._clock, self._sleep)


#: How many pages of a log stream are read for its last lines.
_LOG_PAGES = 5


class LogReader:
    """The ends of containers' log streams.

    :param client_for: gives a boto3 CloudWatch Logs client for a region; None is the module's own region.
    """

    def __init__(self, client_for: Callable[[str | None], Any]) -> None:
        self._client_for = client_for

    @aws_lookup("read the log stream", default=[])
    def tail(self, stream: LogStream, lines: int) -> list[str]:
        """The last lines of a stream, oldest first; none when the stream does not exist (yet)."""
        if lines < 1:
            return []
        client, where = self._client_for(stream.region), {"logGroupName": stream.group, "logStreamName": stream.stream}
        found: list[str] = []
        token: dict[str, str] = {}
        # A page may be empty though there is more; the end is where the token stays the same (API GetLogEvents).
        for _page in range(_LOG_PAGES):
            answer = client.get_log_events(**where, **token, limit=lines, startFromHead=False, aws_retry=True)
            found = [event["message"].rstrip("\n") for event in answer["events"]] + found
            following = {"nextToken": answer.get("nextBackwardToken", "")}
            if len(found) >= lines or following in (token, {"nextToken": ""}):
                break
            token = following
        return found[-lines:]

    def tails(self, streams: list[LogStream], lines: int) -> dict[str, list[str]]:
        """The last lines of several containers. Logs that cannot be read are told as a line: they explain, no more."""
        result: dict[str, list[str]] = {}
        for stream in streams:
            try:
                result[stream.container] = self.tail(stream, lines)
            except EcsError as error:
                result[stream.container] = [f"(the log group {stream.group} could not be read: {error})"]
        return result
