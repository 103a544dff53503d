# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why tasks stopped, in words: ECS's own reasons, the containers' exit codes, their last log lines, and where to look.

The reasons are those of the developer guide's "Amazon ECS stopped tasks error messages".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Task = dict[str, Any]

#: What a reason or a log line matches -> where to look. The first that matches is told.
_HINTS: tuple[tuple[str, str], ...] = (
    (
        r"could not (extend|write( to)?|create|open) (file|relation|temporary file).*no space left on device",
        "the database's disk is full: raise its allocated storage (rds_allocated_storage), and the most that it may"
        " grow to by itself (rds_max_allocated_storage); RDS takes one such change in six hours",
    ),
    (
        r"remaining connection slots are reserved|too many (clients already|connections for)|no free connection",
        "the database has no free connection: end what else holds some, run fewer tasks or workers, or take a larger"
        " instance class",
    ),
    (
        r"no space left on device|not enough space on the disk",
        "the task's disk is full: use a smaller image; Fargate gives a task 20 GiB, image included",
    ),
    (
        r"toomanyrequests|rate limit|pull rate",
        "the registry refuses more pulls: use an image of Amazon ECR or public.ecr.aws instead of Docker Hub",
    ),
    (
        r"CannotPull.*(not found|does not exist|manifest unknown)|pull image manifest.*not found",
        "the image or its tag does not exist: check the container's image",
    ),
    (
        r"CannotPull|pull image manifest|ref pull",
        "the task cannot reach its image: check the image name, the subnets' route to a NAT gateway or to endpoints of"
        " the registry, the security group's outgoing rules, and the execution role's rights on the registry",
    ),
    (
        r"ResourceInitializationError.*(secret|ssm)|pull secrets|AccessDenied.*secretsmanager|did not contain json key",
        "the task cannot read its secrets: check the execution role's rights on each secret (and on its KMS key), the"
        " secret's ARN and JSON key, and the subnets' route to Secrets Manager",
    ),
    (
        r"ResourceInitializationError.*(log|cloudwatch)|log group does not exist|failed to validate logger args",
        "the task cannot write its logs: check that the log group exists, the execution role may write to it, and the"
        " subnets have a route to CloudWatch Logs",
    ),
    (
        r"Unable to assume|is unable to assume the role|AssumeRole",
        "ECS cannot assume a role: check the trust policy (ecs-tasks.amazonaws.com) of the execution and the task role",
    ),
    (r"OutOfMemory|out of memory|OOM", "a container used more memory than it has: give the task more memory"),
    (
        r"ELB health checks|target-group.*(unhealthy|Health checks failed)",
        "the load balancer does not find the task healthy: check the target group's path, port and expected codes, the"
        " security groups between both, and whether health_check_grace_period_seconds leaves time to start",
    ),
    (
        r"failed container health checks",
        "the container's own health check fails: run its command in the container, and check its start_period",
    ),
    (
        r"CannotStartContainer|CannotCreateContainer|exec format error|no such file or directory",
        "the container cannot start: check command, entry_point, user and mount points, and that the image is built for"
        " the task's CPU architecture",
    ),
    (
        r"RESOURCE:ENI|network interface|private IP address|insufficient.*address",
        "no network interface for the task: check the free addresses in the subnets and the account's quota",
    ),
    (
        r"Capacity is unavailable|unable to place a task|RESOURCE:",
        "ECS finds no room for the task: try other zones or sizes, or check the account's Fargate quota",
    ),
    (r"Spot", "Fargate Spot took the task back: run it on FARGATE"),
)
#: What ECS says of a container whose dependency did not get as far as its condition asks.
_ORDERING = re.compile(r"failed to resolve container ordering dependency", re.IGNORECASE)
_EXIT_CODES = {
    125: "the container's run command failed",
    126: "the command is not executable",
    127: "the command was not found",
    137: "killed by SIGKILL: out of memory, or it did not stop within its stop_timeout",
    139: "segmentation fault",
    143: "stopped by SIGTERM",
}


@dataclass(frozen=True)
class LogStream:
    """Where the awslogs driver writes a container's output.

    :param region: the region of the log group; None is the task's own.
    """

    container: str
    group: str
    stream: str
    region: str | None = None


@dataclass(frozen=True)
class TaskReport:
    """What is known of one stopped task."""

    task_arn: str
    task_definition: str
    stop_code: str | None
    stopped_reason: str
    exit_codes: dict[str, int | None]
    container_reasons: dict[str, str] = field(default_factory=dict)
    log_tail: dict[str, list[str]] = field(default_factory=dict)

    def as_result(self) -> dict[str, Any]:
        """As a module returns it."""
        return {
            "task_arn": self.task_arn,
            "task_definition": self.task_definition,
            "stop_code": self.stop_code,
            "stopped_reason": self.stopped_reason,
            "exit_code": self.exit_codes,
            "container_reasons": self.container_reasons,
            "log_tail": self.log_tail,
        }

    def blocked(self) -> list[str]:
        """The containers that never ran because one that they depend on failed.

        ECS gives them exit code 143 or none, and a reason that sounds like their own fault (amazon-ecs-agent#3218).
        """
        return [name for name, reason in self.container_reasons.items() if _ORDERING.search(reason)]

    def culprits(self) -> list[str]:
        """The containers that blocked others: those that failed, and are not blocked themselves."""
        blocked = self.blocked()
        return [name for name, code in self.exit_codes.items() if code != 0 and name not in blocked] if blocked else []

    def text(self) -> str:
        """As a message shows it: the reason, each container that failed, its last log lines, and where to look.

        Containers come in the order in which they failed: one that others depend on first.
        """
        culprits, blocked = self.culprits(), self.blocked()
        rest = [name for name in self.exit_codes if name not in culprits]
        lines = [f"Task {short_id(self.task_arn)} stopped: {self._why()}"]
        for name in [*culprits, *rest]:
            line = self._container(name, culprits if name in blocked else [])
            lines += [f"  container {name}: {line}"] if line else []
        for name in [*culprits, *(name for name in self.log_tail if name not in culprits)]:
            if self.log_tail.get(name):
                lines.append(f"  last log lines of {name}:")
                lines.extend(f"    {line}" for line in self.log_tail[name])
        hint = self.hint()
        return "\n".join([*lines, f"  Look at this first: {hint}."] if hint else lines)

    def _why(self) -> str:
        culprits = self.culprits()
        if not culprits:
            return self.stopped_reason or self.stop_code or "no reason given"
        failed = " and ".join(f"{name} failed ({_ended(self.exit_codes[name])})" for name in culprits)
        return f"its container {failed}, so that {' and '.join(self.blocked())} could not start"

    def _container(self, name: str, waits_for: list[str]) -> str:
        """What became of a container; empty when it ended well."""
        code, reason = self.exit_codes[name], self.container_reasons.get(name)
        if waits_for:
            return f"never started, because it depends on {' and '.join(waits_for)}"
        return "" if code == 0 and not reason else f"{_ended(code)}{_suffix(reason)}"

    def hint(self) -> str | None:
        """Where to look first, or None when ECS's reasons say nothing familiar."""
        reasons = [reason for name, reason in self.container_reasons.items() if name not in self.blocked()]
        own = [] if _ORDERING.search(self.stopped_reason) else [self.stopped_reason]
        return hint_for("\n".join([*own, *reasons]))


def _ended(code: int | None) -> str:
    """An exit code in words."""
    if code is None:
        return "never started"
    return f"exit code {code} ({_EXIT_CODES[code]})" if code in _EXIT_CODES else f"exit code {code}"


def _suffix(reason: str | None) -> str:
    return f", {reason}" if reason else ""


def hint_for(text: str) -> str | None:
    """Where to look for a reason that ECS gave."""
    for pattern, hint in _HINTS:
        if re.search(pattern, text, re.IGNORECASE | re.DOTALL):
            return hint
    return None


def look_first(text: str, tails: Iterable[Mapping[str, list[str]]]) -> str | None:
    """Where to look when ECS's own reasons say nothing familiar, as of a container that ends by itself again and again.

    :param text: what else there is to go by.
    :param tails: container name -> its last log lines, of each task.
    """
    told = [(name, lines) for tail in tails for name, lines in tail.items() if lines]
    hint = hint_for("\n".join([text, *(line for _name, lines in told for line in lines)]))
    names = " and ".join(dict.fromkeys(name for name, _lines in told))
    return hint or (f"the last log lines of {names}; fix what they name, and run again" if names else None)


def short_id(arn: str) -> str:
    """The last part of an ARN."""
    return arn.rsplit("/", 1)[-1]


def exit_codes(task: Task) -> dict[str, int | None]:
    """Container name -> its exit code; None for one that never ran."""
    return {container["name"]: container.get("exitCode") for container in task.get("containers", [])}


def essential_containers(definition: Mapping[str, Any]) -> list[str]:
    """The names of a definition's essential containers."""
    return [c["name"] for c in definition.get("containerDefinitions", []) if c.get("essential", True)]


def succeeded(task: Task, essential: list[str]) -> bool:
    """Whether a stopped task did its work: every essential container ran and ended with 0."""
    codes = exit_codes(task)
    return task.get("lastStatus") == "STOPPED" and all(codes.get(name) == 0 for name in essential)


def report(task: Task, log_tail: dict[str, list[str]] | None = None) -> TaskReport:
    """What ECS says of a stopped task, with the log lines that were read of it."""
    return TaskReport(
        task_arn=task.get("taskArn", ""),
        task_definition=task.get("taskDefinitionArn", ""),
        stop_code=task.get("stopCode"),
        stopped_reason=task.get("stoppedReason", ""),
        exit_codes=exit_codes(task),
        container_reasons={c["name"]: c["reason"] for c in task.get("containers", []) if c.get("reason")},
        log_tail=log_tail or {},
    )


def log_streams(definition: Mapping[str, Any], task_arn: str) -> list[LogStream]:
    """Where a task's containers log, as far as they use awslogs with a stream prefix.

    Source: developer guide, "Using the awslogs log driver": the stream is ``prefix/container/task id``.
    """
    found = []
    for container in definition.get("containerDefinitions", []):
        configuration = container.get("logConfiguration") or {}
        options = configuration.get("options") or {}
        group, prefix = options.get("awslogs-group"), options.get("awslogs-stream-prefix")
        if configuration.get("logDriver") == "awslogs" and group and prefix:
            stream = f"{prefix}/{container['name']}/{short_id(task_arn)}"
            found.append(LogStream(container["name"], group, stream, options.get("awslogs-region")))
    return found


def failed_tasks(tasks: list[Task], task_definition: str | None = None, deployment: str | None = None) -> list[Task]:
    """The tasks that stopped by themselves or never started, newest first.

    Those that ECS stopped because it scaled or replaced them are left out, unless a health check was why.

    :param task_definition: only tasks of this revision's ARN.
    :param deployment: only tasks that this deployment started.
    """
    found = []
    for task in tasks:
        if task_definition and task.get("taskDefinitionArn") != task_definition:
            continue
        if deployment and task.get("startedBy") not in (None, "", deployment):
            continue
        code, reason = task.get("stopCode"), task.get("stoppedReason", "")
        if code in ("UserInitiated", "ServiceSchedulerInitiated") and "health check" not in reason.lower():
            continue
        found.append(task)
    return sorted(found, key=lambda task: str(task.get("stoppedAt") or task.get("createdAt") or ""), reverse=True)
