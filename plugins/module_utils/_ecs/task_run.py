# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One-off tasks: whether one has to be run, and running it to its end."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .._transient import START_DENIED
from .client import EcsClient, LogReader
from .errors import EcsFailure
from .inputs import InvalidInput
from .reasons import (
    Task,
    TaskReport,
    essential_containers,
    exit_codes,
    log_streams,
    look_first,
    report,
    short_id,
    succeeded,
)
from .roles import BETWEEN_ATTEMPTS, STILL_DENIED, denied_at_start, roles_of
from .service import network_configuration
from .shapes import nearest, request_shape, snake_name, to_api
from .tags import TagChange, to_list
from .task_definition import Revision
from .waiting import Patience

#: The module's options that are fields of RunTask with the same name.
OPTIONS = ("enable_execute_command", "launch_type", "platform_version", "propagate_tags")
#: CloudWatch Logs shows the last lines of a stopped task a little later.
_LOG_DELAY = Patience(timeout=10, interval=2)


@dataclass(frozen=True)
class RunPlan:
    """What to do: ``skip`` (done before), ``record`` (done before, but not noted), ``attach`` or ``run``.

    :param task: the task to attach to, or that did the work before.
    """

    action: str
    task: Task | None = None

    @property
    def changed(self) -> bool:
        """Whether anything happens."""
        return self.action != "skip"


def run_request(options: Mapping[str, Any]) -> dict[str, Any]:
    """The RunTask fields that the module's options give, without cluster and task definition.

    :raises InvalidInput: an unknown key or a wrong type.
    """
    shape = request_shape("RunTask")
    by_option = {snake_name(member): member for member in shape.members}
    result: dict[str, Any] = {"startedBy": options["started_by"]}
    for option in OPTIONS:
        if options.get(option) is not None:
            member = by_option[option]
            result[member] = to_api(options[option], shape.members[member], option)
    network = network_configuration(options)
    if network:
        result["networkConfiguration"] = network
    if options.get("overrides"):
        of_overrides = shape.members["overrides"].members["containerOverrides"].member
        result["overrides"] = {
            "containerOverrides": [
                to_api(item, of_overrides, f"overrides[{index}]") for index, item in enumerate(options["overrides"])
            ]
        }
    if options.get("tags"):
        result["tags"] = to_list({str(key): str(value) for key, value in options["tags"].items()})
    return result


def check_overrides(request: Mapping[str, Any], revision: Revision) -> None:
    """Refuses overrides of containers that the revision does not have.

    :raises InvalidInput: naming the container and the nearest one there is.
    """
    names = [container["name"] for container in revision.definition.get("containerDefinitions", [])]
    for item in request.get("overrides", {}).get("containerOverrides", []):
        if item.get("name") not in names:
            raise InvalidInput(
                f'overrides: "{item.get("name")}" is not a container of {short_id(revision.arn)}.'
                f"{nearest(str(item.get('name')), names)}"
            )


def canonical_overrides(overrides: Mapping[str, Any] | None) -> list[Any]:
    """Overrides as they are compared: ECS answers an entry for each container, overridden or not."""
    found = []
    for item in (overrides or {}).get("containerOverrides", []):
        kept = {key: value for key, value in item.items() if key != "name" and value not in (None, [], {}, "")}
        if "environment" in kept:
            kept["environment"] = sorted(kept["environment"], key=lambda pair: str(pair.get("name")))
        if kept:
            found.append({"name": item.get("name"), **kept})
    return sorted(found, key=lambda item: str(item["name"]))


def overrides_digest(overrides: Mapping[str, Any] | None) -> str:
    """A short digest of overrides, for the tag that records a success."""
    text = json.dumps(canonical_overrides(overrides), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def success_mark(task_arn: str, overrides: Mapping[str, Any] | None) -> str:
    """The value of the tag that records that a task of a revision ended well. ECS forgets tasks after an hour."""
    return f"{short_id(task_arn)} {overrides_digest(overrides)}"


def plan_run(
    revision: Revision,
    request: Mapping[str, Any],
    running: list[Task],
    stopped: list[Task],
    *,
    once_per_revision: bool,
    success_tag: str,
) -> RunPlan:
    """Decides whether a task is to be started.

    A task of the same revision, starter and overrides that still runs is the one that a killed playbook began: it is
    waited for. Before that, with ``once_per_revision``, a success that was recorded, or that ECS still remembers,
    is enough.
    """
    overrides = request.get("overrides")
    same = [
        task
        for task in (*running, *stopped)
        if task.get("taskDefinitionArn") == revision.arn
        and canonical_overrides(task.get("overrides")) == canonical_overrides(overrides)
    ]
    if once_per_revision:
        recorded = revision.tags.get(success_tag, "").split(" ")
        if recorded[-1] == overrides_digest(overrides):
            return RunPlan("skip", {"taskArn": recorded[0]})
        essential = essential_containers(revision.definition)
        ended_well = [task for task in same if succeeded(task, essential)]
        if ended_well:
            return RunPlan("record", ended_well[0])
    for task in same:
        if task.get("lastStatus") != "STOPPED" and task.get("startedBy") == request.get("startedBy"):
            return RunPlan("attach", task)
    return RunPlan("run")


#: How often in a row DescribeTasks may say that a task is missing before that is believed.
_LOOKS_UNSEEN = 6


@dataclass(frozen=True)
class TaskRunner:
    """Runs one-off tasks."""

    ecs: EcsClient
    logs: LogReader
    cluster: str
    patience: Patience
    log_lines: int

    def plan(self, revision: Revision, request: Mapping[str, Any], once_per_revision: bool, tag: str) -> RunPlan:
        """Reads what ran and runs, and decides."""
        family = revision.definition["family"]
        running = self.ecs.tasks(self.cluster, "RUNNING", family=family)
        stopped = self.ecs.tasks(self.cluster, "STOPPED", family=family)
        return plan_run(revision, request, running, stopped, once_per_revision=once_per_revision, success_tag=tag)

    def start(self, revision: Revision, request: dict[str, Any]) -> Task:
        """Starts a task of this revision."""
        return self.ecs.run_task({"cluster": self.cluster, "taskDefinition": revision.arn, **request})

    def record(self, revision: Revision, task_arn: str, request: Mapping[str, Any], tag: str) -> None:
        """Notes on the revision that a task of it did its work."""
        mark = success_mark(task_arn, request.get("overrides"))
        self.ecs.change_tags(revision.arn, TagChange({tag: mark}))

    def complete(self, revision: Revision, request: dict[str, Any], task: Task) -> tuple[Task, dict[str, Any]]:
        """Waits until a task has stopped; starts another when it was denied rights that IAM may not know yet.

        :returns: the task that did the work, and how it ended.
        :raises EcsFailure: as :meth:`finish`.
        """
        end = self.patience.clock() + START_DENIED.seconds
        while True:
            try:
                return task, self.finish(revision, task)
            except EcsFailure as failure:
                if not denied_at_start(failure.kwargs):
                    raise
                # Asked for each failure: a task that ran longer ago than its role is old says nothing of IAM's delay.
                if not self.ecs.new_roles.among(roles_of(revision.definition), task.get("createdAt")):
                    raise
                if self.patience.clock() >= end:
                    raise EcsFailure(f"{failure.message}\n{STILL_DENIED}", **failure.kwargs) from failure
            self.patience.sleep(BETWEEN_ATTEMPTS)
            task = self.start(revision, request)

    def finish(self, revision: Revision, task: Task) -> dict[str, Any]:
        """Waits until a task has stopped, and tells how it ended.

        :raises EcsFailure: it failed, never started, or did not stop in time.
        """
        arn = task["taskArn"]
        name, last, unseen = short_id(revision.arn), task, 0

        def look() -> Task | None:
            """The task; None once ECS has forgotten it. A new one may not be seen at once (API RunTask)."""
            nonlocal last, unseen
            now = self.ecs.task(self.cluster, arn)
            if now is not None:
                last, unseen = now, 0
                return now
            unseen += 1
            return last if unseen <= _LOOKS_UNSEEN else None

        seen, done = self.patience.until(look, lambda now: now is None or now.get("lastStatus") == "STOPPED")
        if seen is None:
            raise EcsFailure(f"ECS has forgotten the task {short_id(arn)}, and how it ended.", task_arn=arn)
        if not done:
            tails = self._tails(revision, arn, wait=False)
            text = _with_tails(
                f"The task {short_id(arn)} of {name} is still {seen.get('lastStatus')} after"
                f" {self.patience.timeout:.0f} s. It was not stopped; the next run waits for it again."
                " Raise wait_timeout, or stop it.",
                tails,
            )
            raise EcsFailure(text, task_arn=arn, exit_code=exit_codes(seen), log_tail=tails)
        good = succeeded(seen, essential_containers(revision.definition))
        ran = [name for name, code in exit_codes(seen).items() if code is not None]
        told = report(seen, self._tails(revision, arn, wait=bool(ran)))
        result = {**told.as_result(), "duration": duration(seen)}
        if not good:
            raise EcsFailure(f"A task of {name} failed.\n{_failure_text(told)}", **result)
        return result

    def _tails(self, revision: Revision, arn: str, wait: bool) -> dict[str, list[str]]:
        """The last lines of each container that has a log; ``wait`` gives CloudWatch time to show them."""
        if self.log_lines < 1:
            return {}
        streams = log_streams(revision.definition, arn)
        if not streams:
            return {}
        if not wait:
            return self.logs.tails(streams, self.log_lines)
        tails, _found = _LOG_DELAY.until(
            lambda: self.logs.tails(streams, self.log_lines), lambda found: any(found.values())
        )
        return tails


def _failure_text(told: TaskReport) -> str:
    text = told.text()
    if told.hint():
        return text
    hint = look_first("", [told.log_tail])
    return f"{text}\n  Look at this first: {hint}." if hint else text


def _with_tails(text: str, tails: Mapping[str, list[str]]) -> str:
    lines = [text]
    for container, tail in tails.items():
        if tail:
            lines += [f"  last log lines of {container}:", *(f"    {line}" for line in tail)]
    return "\n".join(lines)


def duration(task: Task) -> float | None:
    """Seconds from a task's creation to its end, or None when ECS does not say."""
    begin, end = task.get("createdAt"), task.get("stoppedAt")
    if isinstance(begin, datetime) and isinstance(end, datetime):
        return round((end - begin).total_seconds(), 1)
    return None
