#!/usr/bin/python
# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ecs_rollout
version_added: 1.0.0
short_description: Bring an ECS service to a revision, and wait until it is steady
description:
  - Creates or updates a service so that exactly the given revision runs, and waits for the steady state. That is a
    PRIMARY deployment that is COMPLETED, as many tasks running as are desired, and none pending.
  - Compares every given field with the service. Any difference makes exactly one update, none makes none. A change of
    nothing but tags begins no deployment.
  - When the service does not become steady, the module fails with the service's events, the reasons and exit codes of
    the stopped tasks, the last log lines of one of them, and what to look at first; and the service is rolled back.
  - A deployment of the same revision that is under way is waited for, no second one is begun. So an interrupted
    playbook can be run again.
options:
  state:
    description:
      - V(present) makes the service run the revision.
      - V(absent) scales the service to zero, deletes it, and waits until it and its tasks are gone. A scalable target
        of Application Auto Scaling goes with it, and its policies.
    type: str
    choices: [present, absent]
    default: present
  name:
    description:
      - The service's name.
    type: str
    required: true
    aliases: [service]
  cluster:
    description:
      - The cluster's name or ARN.
    type: str
    default: default
  task_definition:
    description:
      - The revision to run, as an ARN or as C(family:revision). A family alone means its latest ACTIVE revision.
      - Required with O(state=present).
    type: str
  desired_count:
    description:
      - How many tasks to run. When it is not set, an existing service keeps its count and a new one gets 1.
    type: int
  keep_desired_count:
    description:
      - Whether an existing service keeps its count even though O(desired_count) is set. For services that autoscaling
        owns, whose first count only is O(desired_count).
    type: bool
    default: false
  subnets:
    description:
      - The subnets of the tasks' network interfaces. Needed for tasks with the network mode V(awsvpc).
    type: list
    elements: str
  security_groups:
    description:
      - The security groups of the tasks' network interfaces.
    type: list
    elements: str
  assign_public_ip:
    description:
      - Whether the tasks' network interfaces get public addresses.
    type: bool
  load_balancers:
    description:
      - The target groups that the tasks are registered with, C(target_group_arn), C(container_name) and
        C(container_port) each.
    type: list
    elements: dict
  health_check_grace_period_seconds:
    description:
      - How many seconds a new task has before a load balancer's health checks may stop it.
    type: int
  deployment_configuration:
    description:
      - How a deployment goes, as in
        U(https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentConfiguration.html), in snake_case.
      - What is not given keeps the value that the service has.
    type: dict
  enable_execute_command:
    description:
      - Whether ECS Exec can be used in the tasks' containers.
    type: bool
  platform_version:
    description:
      - The Fargate platform version.
    type: str
  propagate_tags:
    description:
      - Whose tags the tasks get.
    type: str
    choices: [TASK_DEFINITION, SERVICE, NONE]
  enable_ecs_managed_tags:
    description:
      - Whether ECS tags the tasks with the names of cluster and service.
    type: bool
  availability_zone_rebalancing:
    description:
      - Whether ECS spreads the tasks over the zones again after a zone's failure.
    type: str
    choices: [ENABLED, DISABLED]
  launch_type:
    description:
      - Where the tasks run. ECS cannot change it afterwards, so a difference is an error.
      - When neither it nor O(capacity_provider_strategy) is set, a new service gets the cluster's default strategy.
    type: str
    choices: [FARGATE, EC2, EXTERNAL]
  capacity_provider_strategy:
    description:
      - Which capacity providers run the tasks, C(capacity_provider), C(weight) and C(base) each.
    type: list
    elements: dict
  force_new_deployment:
    description:
      - Begin a new deployment although nothing differs. This is a change each time.
    type: bool
    default: false
  rollback:
    description:
      - Whether the module goes back to the revision that served before when the service does not become steady, and the
        service's own circuit breaker does not.
      - The other fields that this run changed are taken back too, but for O(desired_count) and O(tags).
    type: bool
    default: true
  roles_changed:
    description:
      - Whether the task's roles, or their policies, were changed a moment ago, for example by an earlier task of the
        play.
      - IAM makes changes known within seconds. A task that starts earlier is denied its secrets, its logs or its
        image,
        and never runs. When this is V(true), or a role is younger than two minutes,
        the module begins one more deployment. Otherwise such a failure is told at once.
    type: bool
    default: false
  wait:
    description:
      - Whether to wait for the steady state. Without waiting, nothing is rolled back by the module.
    type: bool
    default: true
  wait_timeout:
    description:
      - How many seconds to wait for the steady state, and as long again for the end of a rollback.
    type: int
    default: 1200
  wait_sleep:
    description:
      - How many seconds lie between two looks.
    type: float
    default: 5
  log_lines:
    description:
      - How many log lines of each container of a failed task a failure shows.
    type: int
    default: 40
  no_log_tail:
    description:
      - Read and show no log lines.
    type: bool
    default: false
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.tags
  - amazon.aws.boto3
notes:
  - An option that is not set leaves its field alone.
  - Check mode and diff mode are fully supported, also for a cluster or a revision that does not exist yet.
  - The module is idempotent, but for O(force_new_deployment=true). A deployment that failed and was rolled back is
    tried again by the next run.
  - Log lines in a failure are shown as the containers wrote them; nothing is hidden. See O(no_log_tail).
seealso:
  - module: mlops.mlflow_aws.ecs_task_definition
  - module: mlops.mlflow_aws.ecs_task_run
author:
  - The mlops.mlflow_aws authors (@mlops)
"""

EXAMPLES = r"""
- name: Two tasks behind a load balancer
  mlops.mlflow_aws.ecs_rollout:
    name: shop-web
    cluster: shop-cluster
    task_definition: "{{ definition.task_definition_arn }}"
    desired_count: 2
    keep_desired_count: true
    launch_type: FARGATE
    subnets: "{{ private_subnets }}"
    security_groups: ["{{ task_security_group }}"]
    assign_public_ip: false
    load_balancers:
      - target_group_arn: "{{ target_group.target_group_arn }}"
        container_name: web
        container_port: 8080
    health_check_grace_period_seconds: 120
    deployment_configuration:
      minimum_healthy_percent: 100
      maximum_percent: 200
      deployment_circuit_breaker:
        enable: true
        rollback: true
    tags:
      team: shop

- name: Restart all tasks
  mlops.mlflow_aws.ecs_rollout:
    name: shop-web
    cluster: shop-cluster
    task_definition: shop-web
    force_new_deployment: true

- name: Remove the service
  mlops.mlflow_aws.ecs_rollout:
    name: shop-web
    cluster: shop-cluster
    state: absent
"""

RETURN = r"""
service:
  description: The service as ECS describes it, keys in snake_case, tags as a dictionary, with its newest events.
  returned: when O(state=present), but not in check mode for a service that does not exist
  type: dict
  contains:
    service_arn:
      description: The service's ARN.
      returned: always
      type: str
      sample: arn:aws:ecs:eu-west-2:123456789012:service/shop-cluster/shop-web
    desired_count:
      description: How many tasks are wanted.
      returned: always
      type: int
      sample: 2
    running_count:
      description: How many tasks run.
      returned: always
      type: int
      sample: 2
deployment:
  description: The PRIMARY deployment, keys in snake_case.
  returned: when O(state=present), but not in check mode for a service that does not exist
  type: dict
  contains:
    id:
      description: The deployment's id.
      returned: always
      type: str
      sample: ecs-svc/1234567890123456789
    task_definition:
      description: The ARN of its revision.
      returned: always
      type: str
      sample: arn:aws:ecs:eu-west-2:123456789012:task-definition/shop-web:7
    rollout_state:
      description: How far it is.
      returned: always
      type: str
      sample: COMPLETED
previous_task_definition:
  description: The ARN of the revision of the PRIMARY deployment before this run; on failure, the one to go back to.
  returned: when O(state=present); null when there was none
  type: str
  sample: arn:aws:ecs:eu-west-2:123456789012:task-definition/shop-web:6
rolled_back:
  description: Whether the revision before is serving again.
  returned: when O(state=present)
  type: bool
  sample: false
waited_seconds:
  description: How long the module waited.
  returned: success
  type: float
  sample: 83.2
events:
  description: The service's events since the deployment began, newest first.
  returned: when the service did not become steady
  type: list
  elements: str
stopped_tasks:
  description: The newest tasks of the deployment that failed.
  returned: when the service did not become steady
  type: list
  elements: dict
  contains:
    task_arn:
      description: The task's ARN.
      returned: always
      type: str
    stopped_reason:
      description: Why it stopped, as ECS says it.
      returned: always
      type: str
      sample: Essential container in task exited
    stop_code:
      description: ECS's code for it.
      returned: always
      type: str
      sample: EssentialContainerExited
    exit_code:
      description: The exit code of each container; null for one that never ran.
      returned: always
      type: dict
      sample: {web: 1}
    container_reasons:
      description: What ECS says of single containers.
      returned: always
      type: dict
    log_tail:
      description: The last log lines of each container, for one of the tasks.
      returned: always
      type: dict
"""

import time
import uuid
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.client import EcsClient, retries
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.common import (
    NETWORK_OPTIONS,
    ROLE_OPTIONS,
    TAG_OPTIONS,
    aws_module,
    clients,
    log_lines,
    patience,
    run_module,
    wait_options,
)
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.errors import EcsFailure
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.rollout import Rollout
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.scaling import ScalingClient
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.service import (
    as_result,
    desired_service,
    plan_service,
    primary,
)
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.tags import as_text

ARGUMENT_SPEC: dict[str, Any] = {
    "state": {"choices": ["present", "absent"], "default": "present"},
    "name": {"required": True, "aliases": ["service"]},
    "cluster": {"default": "default"},
    "task_definition": {},
    "desired_count": {"type": "int"},
    "keep_desired_count": {"type": "bool", "default": False},
    **NETWORK_OPTIONS,
    "load_balancers": {"type": "list", "elements": "dict"},
    "health_check_grace_period_seconds": {"type": "int"},
    "deployment_configuration": {"type": "dict"},
    "enable_execute_command": {"type": "bool"},
    "platform_version": {},
    "propagate_tags": {"choices": ["TASK_DEFINITION", "SERVICE", "NONE"]},
    "enable_ecs_managed_tags": {"type": "bool"},
    "availability_zone_rebalancing": {"choices": ["ENABLED", "DISABLED"]},
    "launch_type": {"choices": ["FARGATE", "EC2", "EXTERNAL"]},
    "capacity_provider_strategy": {"type": "list", "elements": "dict"},
    "force_new_deployment": {"type": "bool", "default": False},
    "rollback": {"type": "bool", "default": True},
    **ROLE_OPTIONS,
    **TAG_OPTIONS,
    **wait_options(1200),
}


def revision_arn(module: AnsibleAWSModule, ecs: EcsClient) -> str:
    """The ARN of the wanted revision; in check mode the given name of one that does not exist yet."""
    name: str = module.params["task_definition"]
    revision = ecs.resolve(name)
    if revision is None and not module.check_mode:
        raise EcsFailure(
            f"There is no ACTIVE task definition {name}. Register it first, with mlops.mlflow_aws.ecs_task_definition."
        )
    return revision.arn if revision else name


def present(module: AnsibleAWSModule, rollout: Rollout, desired: dict[str, Any]) -> dict[str, Any]:
    """Creates or updates the service where it differs, and waits."""
    params, started = module.params, time.monotonic()
    arn, current = revision_arn(module, rollout.ecs), rollout.read()
    if current and current.get("status") == "DRAINING":
        if not module.check_mode:
            rollout.wait_gone()  # ECS makes no new service of this name before
        current = None
    plan = plan_service(
        current,
        params["name"],
        params["cluster"],
        arn,
        desired,
        keep_desired_count=params["keep_desired_count"],
        force_new_deployment=params["force_new_deployment"],
        tags=as_text(params["tags"]),
        purge_tags=params["purge_tags"],
        # A call whose answer was lost is repeated: without a token ECS would refuse the second one.
        client_token=str(uuid.uuid4()),
    )
    service = current or {}
    if not module.check_mode:
        service = rollout.apply(plan, current)
        if params["wait"]:
            service = rollout.settle(service, current, plan)
    return {
        "changed": plan.changed,
        **as_result(service),
        "previous_task_definition": primary(current or {}).get("taskDefinition"),
        "rolled_back": False,
        "waited_seconds": round(time.monotonic() - started, 1),
        "diff": {"before": plan.before, "after": plan.after},
    }


def absent(module: AnsibleAWSModule, rollout: Rollout, scaling: ScalingClient) -> dict[str, Any]:
    """Deletes the service with its scalable target, and waits until it is gone."""
    started, service = time.monotonic(), rollout.read()
    # A target outlives its service: it would scale the next one of this name.
    targets = scaling.targets(module.params["cluster"], module.params["name"])
    changed = bool(service and service.get("status") == "ACTIVE") or bool(targets)
    if not module.check_mode:
        for target in targets:
            scaling.deregister(target)
        rollout.remove(service)
        if module.params["wait"]:
            rollout.wait_gone()
    diff = {"before": {"name": module.params["name"]} if changed else {}, "after": {}}
    return {"changed": changed, "waited_seconds": round(time.monotonic() - started, 1), "diff": diff}


def work(module: AnsibleAWSModule) -> dict[str, Any]:
    """What the module does; all bad input is refused before the first call."""
    params = module.params
    is_present, waiting, lines = params["state"] == "present", patience(params), log_lines(params)
    desired = desired_service(params) if is_present else {}
    ecs, logs = clients(module)
    rollout = Rollout(ecs, logs, params["cluster"], params["name"], waiting, params["rollback"], lines)
    if is_present:
        return present(module, rollout, desired)
    scaling = ScalingClient(module.client("application-autoscaling", retry_decorator=retries()))
    return absent(module, rollout, scaling)


def main() -> None:
    """Entry point."""
    module = aws_module(
        argument_spec=ARGUMENT_SPEC,
        required_if=[("state", "present", ["task_definition"])],
        mutually_exclusive=[("launch_type", "capacity_provider_strategy")],
    )
    run_module(module, work)


if __name__ == "__main__":
    main()
