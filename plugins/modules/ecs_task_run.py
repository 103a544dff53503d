#!/usr/bin/python
# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ecs_task_run
version_added: 1.0.0
short_description: Run a one-off ECS task to its end
description:
  - Starts a task, waits until it has stopped, and returns its exit codes and its last log lines.
  - Fails when an essential container does not end with 0, or when the task could not start. The message has ECS's
    reason, the exit codes, the last log lines, and what to look at first.
  - A task of the same revision, with the same O(started_by) and O(overrides), that still runs is the one that an
    interrupted playbook began. It is waited for, and no second one is started.
options:
  cluster:
    description:
      - The cluster's name or ARN.
    type: str
    default: default
  task_definition:
    description:
      - The revision to run, as an ARN or as C(family:revision). A family alone means its latest ACTIVE revision.
    type: str
    required: true
  once_per_revision:
    description:
      - Whether the task is not run again when a task of exactly this revision, with the same O(overrides), has ended
        well before.
      - ECS forgets stopped tasks after about an hour, so a success is noted on the revision, in the tag O(success_tag).
    type: bool
    default: false
  success_tag:
    description:
      - The key of the tag on the revision that notes a success. Its value has the task's id and a digest of
        O(overrides).
      - M(mlops.mlflow_aws.ecs_task_definition) leaves the tag V(mlflow:ran) alone; give another key to its
        O(mlops.mlflow_aws.ecs_task_definition#module:ignore_tags) too.
    type: str
    default: mlflow:ran
  subnets:
    description:
      - The subnets for the task's network interface. Needed for tasks with the network mode V(awsvpc).
    type: list
    elements: str
  security_groups:
    description:
      - The security groups of the task's network interface.
    type: list
    elements: str
  assign_public_ip:
    description:
      - Whether the task's network interface gets a public address.
    type: bool
  launch_type:
    description:
      - Where the task runs.
    type: str
    choices: [FARGATE, EC2, EXTERNAL]
    default: FARGATE
  platform_version:
    description:
      - The Fargate platform version.
    type: str
  overrides:
    description:
      - What is different from the definition for some containers, as in
        U(https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerOverride.html), keys in snake_case.
      - C(environment) may be a dictionary. Overrides are readable for everyone who may describe the task, put no
        secrets there.
    type: list
    elements: dict
  started_by:
    description:
      - Who started the task; a task that still runs is found again by it.
    type: str
    default: mlops.mlflow_aws.ecs_task_run
  enable_execute_command:
    description:
      - Whether ECS Exec can be used in the task's containers.
    type: bool
  propagate_tags:
    description:
      - Whether the task gets the tags of its definition.
    type: str
    choices: [TASK_DEFINITION]
  tags:
    description:
      - The tags of a task that is started.
    type: dict
    aliases: [resource_tags]
  roles_changed:
    description:
      - Whether the task's roles, or their policies, were changed a moment ago, for example by an earlier task of the
        play.
      - IAM makes changes known within seconds. A task that starts earlier is denied its secrets, its logs or its
        image,
        and never runs. When this is V(true), or a role is younger than two minutes,
        another task is started, for up to two minutes. Otherwise such a failure is told at once.
    type: bool
    default: false
  wait:
    description:
      - Whether to wait until the task has stopped. Without waiting no success is noted.
    type: bool
    default: true
  wait_timeout:
    description:
      - How many seconds to wait. A task that takes longer is not stopped; the next run goes on waiting for it.
    type: int
    default: 1800
  wait_sleep:
    description:
      - How many seconds lie between two looks.
    type: float
    default: 5
  log_lines:
    description:
      - How many log lines of each container to return, from containers with the C(awslogs) driver and a stream prefix.
    type: int
    default: 40
  no_log_tail:
    description:
      - Return no log lines at all, and read none.
    type: bool
    default: false
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
notes:
  - Log lines are returned as the containers wrote them. Nothing in them can be known to be a secret, so nothing is
    hidden. Use O(no_log_tail=true) for a task that may write one.
  - Check mode is supported. It tells whether a task would be run. A revision that does not exist yet would be.
  - Diff mode is not supported.
  - The module is idempotent with O(once_per_revision=true), otherwise each run starts a task.
seealso:
  - module: mlops.mlflow_aws.ecs_task_definition
  - module: mlops.mlflow_aws.ecs_rollout
author:
  - The mlops.mlflow_aws authors (@mlops)
"""

EXAMPLES = r"""
- name: Migrate the database, once for each revision
  mlops.mlflow_aws.ecs_task_run:
    cluster: shop-cluster
    task_definition: "{{ migration.task_definition_arn }}"
    subnets: "{{ private_subnets }}"
    security_groups: ["{{ task_security_group }}"]
    once_per_revision: true

- name: Run another command, and wait ten minutes at most
  mlops.mlflow_aws.ecs_task_run:
    cluster: shop-cluster
    task_definition: shop-tools
    subnets: "{{ private_subnets }}"
    overrides:
      - name: tools
        command: [./export, --all]
        environment:
          TARGET: s3://shop-exports/today
    wait_timeout: 600
"""

RETURN = r"""
action:
  description:
    - V(run) when a task was started, V(attach) when one was under way, V(record) when one had ended well and only the
      note of it was missing, V(skip) when a success was noted before.
  returned: always
  type: str
  sample: run
task_arn:
  description: The task's ARN; only its id when O(ignore:action=skip).
  returned: when there is a task
  type: str
  sample: arn:aws:ecs:eu-west-2:123456789012:task/shop-cluster/0123456789abcdef0123456789abcdef
task_definition:
  description: The ARN of the revision, or in check mode the given name of one that does not exist yet.
  returned: always
  type: str
  sample: arn:aws:ecs:eu-west-2:123456789012:task-definition/shop-migrate:3
exit_code:
  description: The exit code of each container; null for one that never ran.
  returned: when a task has stopped or was waited for
  type: dict
  sample: {install: 0, migrate: 0}
stopped_reason:
  description: Why the task stopped, as ECS says it.
  returned: when a task has stopped
  type: str
  sample: Essential container in task exited
stop_code:
  description: ECS's code for it.
  returned: when a task has stopped
  type: str
  sample: EssentialContainerExited
container_reasons:
  description: What ECS says of single containers.
  returned: when a task has stopped
  type: dict
  sample: {migrate: "OutOfMemoryError: Container killed due to memory usage"}
duration:
  description: The seconds from the task's creation to its end.
  returned: when a task has stopped
  type: float
  sample: 71.4
log_tail:
  description: The last log lines of each container.
  returned: when a task has stopped or was waited for
  type: dict
  sample: {migrate: ["database is up to date"]}
"""

from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.common import (
    NETWORK_OPTIONS,
    ROLE_OPTIONS,
    aws_module,
    clients,
    log_lines,
    patience,
    run_module,
    wait_options,
)
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.errors import EcsFailure
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.task_run import (
    TaskRunner,
    check_overrides,
    run_request,
)

ARGUMENT_SPEC: dict[str, Any] = {
    "cluster": {"default": "default"},
    "task_definition": {"required": True},
    "once_per_revision": {"type": "bool", "default": False},
    "success_tag": {"default": "mlflow:ran"},
    **NETWORK_OPTIONS,
    "launch_type": {"choices": ["FARGATE", "EC2", "EXTERNAL"], "default": "FARGATE"},
    "platform_version": {},
    "overrides": {"type": "list", "elements": "dict"},
    "started_by": {"default": "mlops.mlflow_aws.ecs_task_run"},
    "enable_execute_command": {"type": "bool"},
    "propagate_tags": {"choices": ["TASK_DEFINITION"]},
    "tags": {"type": "dict", "aliases": ["resource_tags"]},
    **ROLE_OPTIONS,
    **wait_options(1800),
}


def work(module: AnsibleAWSModule) -> dict[str, Any]:
    """What the module does; all bad input is refused before the first call."""
    params = module.params
    request, waiting, lines = run_request(params), patience(params), log_lines(params)
    ecs, logs = clients(module)
    runner = TaskRunner(ecs, logs, params["cluster"], waiting, lines)
    revision = ecs.resolve(params["task_definition"])
    if revision is None:
        if module.check_mode:
            return {"changed": True, "action": "run", "task_definition": params["task_definition"]}
        raise EcsFailure(
            f"There is no ACTIVE task definition {params['task_definition']}."
            " Register it first, with mlops.mlflow_aws.ecs_task_definition."
        )
    check_overrides(request, revision)
    plan = runner.plan(revision, request, params["once_per_revision"], params["success_tag"])
    result = {"changed": plan.changed, "action": plan.action, "task_definition": revision.arn}
    task = plan.task
    if not module.check_mode:
        if plan.action == "run":
            task = runner.start(revision, request)
        if task and plan.action != "skip" and params["wait"]:
            task, ended = runner.complete(revision, request, task)
            result.update(ended)
            if params["once_per_revision"]:
                runner.record(revision, task["taskArn"], request, params["success_tag"])
    return {**result, "task_arn": task["taskArn"]} if task else result


def main() -> None:
    """Entry point."""
    module = aws_module(argument_spec=ARGUMENT_SPEC)
    run_module(module, work)


if __name__ == "__main__":
    main()
