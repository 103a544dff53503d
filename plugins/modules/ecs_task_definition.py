#!/usr/bin/python
# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ecs_task_definition
version_added: 1.0.0
short_description: Register ECS task definitions, one revision for each real change
description:
  - Compares a whole task definition with the latest ACTIVE revision of its family, field by field.
  - Registers exactly one new revision when anything differs, and none when nothing does.
  - What ECS fills in by itself is not a difference, nor is the order of containers, environment variables, secrets,
    mount points, port mappings and other lists whose order has no meaning. The order of C(command) in O(containers) and
    of other lists is.
  - A change of nothing but tags is made in place, without a new revision.
options:
  state:
    description:
      - V(present) registers a revision when one is needed.
      - V(absent) deregisters the family's ACTIVE revisions. Tasks that run already go on.
    type: str
    choices: [present, absent]
    default: present
  family:
    description:
      - The family's name.
    type: str
    required: true
    aliases: [name]
  containers:
    description:
      - The container definitions. Required with O(state=present).
      - Every key that the installed botocore knows of C(ContainerDefinition) can be used, in snake_case or as ECS
        writes it, see U(https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html).
        An unknown key is refused, and the nearest known one is named.
      - C(environment) may be a dictionary of values, and C(secrets) and C(log_configuration.secret_options) may be
        dictionaries of ARNs, instead of lists.
      - The value of each of C(secrets) must be the ARN of a Secrets Manager secret (C(arn:key::) for one JSON key), or
        of an SSM parameter.
    type: list
    elements: dict
  volumes:
    description:
      - The volumes that containers may mount, as in
        U(https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Volume.html), keys in snake_case.
    type: list
    elements: dict
  cpu:
    description:
      - CPU units of the task (V(1024) are one vCPU), or a text such as V(0.5 vCPU).
      - With Fargate, a pair of O(cpu) and O(memory) that it does not offer is refused before any call.
    type: str
  memory:
    description:
      - Memory of the task in MiB, or a text such as V(1 GB).
    type: str
  network_mode:
    description:
      - The tasks' network.
    type: str
    choices: [awsvpc, bridge, host, none]
    default: awsvpc
  requires_compatibilities:
    description:
      - Where the task must be able to run.
    type: list
    elements: str
    default: [FARGATE]
  execution_role_arn:
    description:
      - The ARN of the role with which ECS pulls the image, reads the secrets and writes the logs.
    type: str
  task_role_arn:
    description:
      - The ARN of the role that the containers have.
    type: str
  runtime_platform:
    description:
      - C(cpu_architecture) and C(operating_system_family).
      - On Fargate the default is V(X86_64) and V(LINUX).
    type: dict
  ephemeral_storage:
    description:
      - C(size_in_gib), the task's disk on Fargate. ECS gives 20 GiB when it is not set.
    type: dict
  placement_constraints:
    description:
      - Where the tasks may be placed; not for Fargate.
    type: list
    elements: dict
  proxy_configuration:
    description:
      - An App Mesh proxy.
    type: dict
  pid_mode:
    description:
      - The process namespace of the containers.
    type: str
    choices: [host, task]
  ipc_mode:
    description:
      - The IPC namespace of the containers.
    type: str
    choices: [host, task, none]
  enable_fault_injection:
    description:
      - Whether the tasks take fault injection requests.
    type: bool
  keep_revisions:
    description:
      - How many ACTIVE revisions to keep; older ones are deregistered.
      - When it is not set, O(state=present) keeps all, and O(state=absent) none.
      - Keep at least two where services are to be rolled back, ECS cannot go back to an INACTIVE revision.
    type: int
  keep:
    description:
      - ARNs of revisions that stay ACTIVE whatever O(keep_revisions) is.
    type: list
    elements: str
    default: []
  keep_used_in:
    description:
      - Name or ARN of a cluster. Revisions that its tasks or services use stay ACTIVE whatever O(keep_revisions) is.
      - From an INACTIVE revision no new task can be started, though a service goes on with one that it has.
    type: str
  ignore_tags:
    description:
      - Keys of tags that belong to somebody else. O(purge_tags) does not remove them, and a new revision does not take
        them over from the one before.
      - The default is the tag with which M(mlops.mlflow_aws.ecs_task_run) notes that a revision has run.
    type: list
    elements: str
    default: ['mlflow:ran']
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.tags
  - amazon.aws.boto3
notes:
  - Check mode is fully supported. It makes only reading calls, and tells the number that the next revision would get.
  - Diff mode is fully supported. Values that look secret by their name, and passwords in URLs, are hidden, with a note
    where they changed. Texts of more than 200 characters are shown as a digest.
  - The module is idempotent. Its result hides the same environment values as the diff does, and so does the invocation.
  - When O(tags) is not set, a new revision takes over the tags of the one before.
seealso:
  - module: mlops.mlflow_aws.ecs_rollout
  - module: mlops.mlflow_aws.ecs_task_run
author:
  - The mlops.mlflow_aws authors (@mlops)
"""

EXAMPLES = r"""
- name: A web service on Fargate
  mlops.mlflow_aws.ecs_task_definition:
    family: shop-web
    cpu: 512
    memory: 1024
    execution_role_arn: arn:aws:iam::123456789012:role/shop-execution
    task_role_arn: arn:aws:iam::123456789012:role/shop-task
    containers:
      - name: web
        image: public.ecr.aws/docker/library/nginx:1.29
        environment:
          LEVEL: info
        secrets:
          DB_PASSWORD: "arn:aws:secretsmanager:eu-west-2:123456789012:secret:shop-db-AbCdEf:password::"
        port_mappings:
          - container_port: 8080
        health_check:
          command: [CMD, curl, -f, http://localhost:8080/]
          start_period: 30
        log_configuration:
          log_driver: awslogs
          options:
            awslogs-group: /ecs/shop
            awslogs-region: eu-west-2
            awslogs-stream-prefix: web
    tags:
      team: shop
  register: definition

- name: What would change
  mlops.mlflow_aws.ecs_task_definition:
    family: shop-web
    cpu: 1024
    memory: 2048
    containers:
      - name: web
        image: public.ecr.aws/docker/library/nginx:1.29
  check_mode: true
  diff: true

- name: Deregister all but the last two revisions
  mlops.mlflow_aws.ecs_task_definition:
    family: shop-web
    state: absent
    keep_revisions: 2
"""

RETURN = r"""
task_definition:
  description:
    - The latest revision, as ECS describes it, with snake_case keys. Environment values that look secret are hidden.
    - In check mode, what would be registered.
  returned: when O(state=present)
  type: dict
  contains:
    family:
      description: The family.
      returned: always
      type: str
      sample: shop-web
    revision:
      description: The revision's number.
      returned: always
      type: int
      sample: 7
    container_definitions:
      description: The containers.
      returned: always
      type: list
      elements: dict
task_definition_arn:
  description:
    - The ARN of the latest revision.
    - In check mode that of the coming one, or C(family:number) where the account cannot be told yet.
  returned: when O(state=present)
  type: str
  sample: arn:aws:ecs:eu-west-2:123456789012:task-definition/shop-web:7
revision:
  description: The number of the latest revision; in check mode, of the coming one.
  returned: when O(state=present)
  type: int
  sample: 7
changes:
  description: The fields that differed from the latest revision.
  returned: when O(state=present)
  type: list
  elements: str
  sample: [containers.web.environment.LEVEL, cpu]
tags:
  description: The latest revision's tags.
  returned: when O(state=present)
  type: dict
  sample: {team: shop}
deregistered:
  description: The ARNs of the revisions that were, or in check mode would be, deregistered.
  returned: always
  type: list
  elements: str
  sample: [arn:aws:ecs:eu-west-2:123456789012:task-definition/shop-web:5]
"""

from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.client import EcsClient
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.common import (
    TAG_OPTIONS,
    aws_module,
    clients,
    run_module,
)
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.inputs import InvalidInput
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.tags import as_text
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.task_definition import (
    DefinitionPlan,
    Revision,
    as_result,
    desired_definition,
    plan_definition,
    surplus,
    warnings,
)

ARGUMENT_SPEC: dict[str, Any] = {
    "state": {"choices": ["present", "absent"], "default": "present"},
    "family": {"required": True, "aliases": ["name"]},
    "containers": {"type": "list", "elements": "dict"},
    "volumes": {"type": "list", "elements": "dict"},
    "cpu": {},
    "memory": {},
    "network_mode": {"choices": ["awsvpc", "bridge", "host", "none"], "default": "awsvpc"},
    "requires_compatibilities": {"type": "list", "elements": "str", "default": ["FARGATE"]},
    "execution_role_arn": {},
    "task_role_arn": {},
    "runtime_platform": {"type": "dict"},
    "ephemeral_storage": {"type": "dict"},
    "placement_constraints": {"type": "list", "elements": "dict"},
    "proxy_configuration": {"type": "dict"},
    "pid_mode": {"choices": ["host", "task"]},
    "ipc_mode": {"choices": ["host", "task", "none"]},
    "enable_fault_injection": {"type": "bool"},
    "keep_revisions": {"type": "int"},
    "keep": {"type": "list", "elements": "str", "default": []},
    "keep_used_in": {},
    "ignore_tags": {"type": "list", "elements": "str", "default": ["mlflow:ran"]},
    **TAG_OPTIONS,
}


def coming(plan: DefinitionPlan, ecs: EcsClient, family: str, latest: Revision | None) -> Revision:
    """The revision that a plan would register, as far as it can be told beforehand."""
    number = ecs.next_number(family)
    arn = f"{latest.arn.rsplit(':', 1)[0]}:{number}" if latest else f"{family}:{number}"
    return Revision(arn, {**(plan.register or {}), "revision": number}, plan.after["tags"])


def present(module: AnsibleAWSModule, ecs: EcsClient, desired: dict[str, Any]) -> dict[str, Any]:
    """Registers a revision or changes tags, where the latest revision differs."""
    params, family = module.params, module.params["family"]
    latest = ecs.latest(family)
    plan = plan_definition(latest, desired, as_text(params["tags"]), params["purge_tags"], params["ignore_tags"])
    if latest is None or plan.register is not None:
        latest = coming(plan, ecs, family, latest) if module.check_mode else ecs.register(plan.register or desired)
    if plan.tags and not module.check_mode:
        ecs.change_tags(latest.arn, plan.tags)
    deregistered = tidy(module, ecs, params["keep_revisions"], [latest.arn])
    return {
        "changed": bool(plan.register or plan.tags or deregistered),
        "task_definition": as_result(latest.definition),
        "task_definition_arn": latest.arn,
        "revision": latest.number,
        "changes": [difference.path for difference in plan.differences],
        "tags": plan.after["tags"],
        "deregistered": deregistered,
        "diff": {"before": plan.before, "after": plan.after},
    }


def tidy(module: AnsibleAWSModule, ecs: EcsClient, keep: int | None, newest: list[str]) -> list[str]:
    """Deregisters the family's old revisions; ``newest`` is counted even where check mode has not registered it."""
    if keep is None:
        return []
    family, cluster = module.params["family"], module.params["keep_used_in"]
    arns = surplus(list({*ecs.revisions(family), *newest}), keep)
    kept = set(module.params["keep"])
    if arns and cluster:
        kept |= ecs.used_revisions(cluster, family)
    arns = [arn for arn in arns if arn not in kept]
    for arn in [] if module.check_mode else arns:
        ecs.deregister(arn)
    return arns


def absent(module: AnsibleAWSModule, ecs: EcsClient) -> dict[str, Any]:
    """Deregisters the family's ACTIVE revisions, but for those to keep."""
    active = ecs.revisions(module.params["family"])
    arns = tidy(module, ecs, module.params["keep_revisions"] or 0, [])
    after = [arn for arn in active if arn not in arns]
    diff = {"before": {"active_revisions": active}, "after": {"active_revisions": after}}
    return {"changed": bool(arns), "deregistered": arns, "diff": diff}


def work(module: AnsibleAWSModule) -> dict[str, Any]:
    """What the module does; all bad input is refused before the first call."""
    keep, is_present = module.params["keep_revisions"], module.params["state"] == "present"
    if keep is not None and keep < (1 if is_present else 0):
        raise InvalidInput(f"keep_revisions is {keep}; it must be at least {1 if is_present else 0}.")
    desired = desired_definition(module.params) if is_present else {}
    for advice in warnings(desired) if is_present else []:
        module.warn(advice)
    ecs, _logs = clients(module)
    return present(module, ecs, desired) if is_present else absent(module, ecs)


def main() -> None:
    """Entry point."""
    module = aws_module(
        argument_spec=ARGUMENT_SPEC,
        required_if=[("state", "present", ["containers"])],
    )
    run_module(module, work)


if __name__ == "__main__":
    main()
