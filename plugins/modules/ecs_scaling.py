#!/usr/bin/python
# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ecs_scaling
version_added: 1.0.0
short_description: Scale an ECS service with Application Auto Scaling, or stop doing so
description:
  - Registers the service's count of tasks as a scalable target, and gives it target tracking policies.
  - M(community.aws.application_autoscaling_policy) does the first half of this, but it writes in check mode, and it
    never removes a target, so that the former minimum still holds after the last policy is gone.
options:
  state:
    description:
      - V(present) gives the service this range and these policies.
      - V(absent) removes the scalable target with all of its policies and scheduled actions. The count of tasks stays
        as it is.
    type: str
    choices: [present, absent]
    default: present
  service:
    description:
      - The service's name.
    type: str
    required: true
    aliases: [name]
  cluster:
    description:
      - The cluster's name or ARN.
    type: str
    default: default
  min_capacity:
    description:
      - The fewest tasks. Required with O(state=present).
    type: int
  max_capacity:
    description:
      - The most tasks. Required with O(state=present).
    type: int
  policies:
    description:
      - Target tracking policies. Each is found by its name; other policies of the service stay as they are.
    type: list
    elements: dict
    suboptions:
      name:
        description: The policy's name.
        type: str
        required: true
      metric:
        description: The predefined metric that the policy tracks.
        type: str
        required: true
        choices: [ECSServiceAverageCPUUtilization, ECSServiceAverageMemoryUtilization]
      target_value:
        description: The value, in percent, that the policy aims at.
        type: float
        required: true
      scale_in_cooldown:
        description: Seconds between the end of one removal of tasks and the next.
        type: int
        default: 300
      scale_out_cooldown:
        description: Seconds between the end of one addition of tasks and the next.
        type: int
        default: 60
  absent_policies:
    description:
      - Names of policies that the service must not have. They are deleted where they exist.
    type: list
    elements: str
    default: []
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
notes:
  - Check mode and diff mode are supported. Check mode writes nothing.
seealso:
  - module: mlops.mlflow_aws.ecs_rollout
author:
  - The mlops.mlflow_aws authors (@mlops)
"""

EXAMPLES = r"""
- name: Two to six tasks, so that the CPU is used by 70 percent
  mlops.mlflow_aws.ecs_scaling:
    cluster: shop-cluster
    service: web
    min_capacity: 2
    max_capacity: 6
    policies:
      - name: web-cpu
        metric: ECSServiceAverageCPUUtilization
        target_value: 70

- name: No autoscaling any more
  mlops.mlflow_aws.ecs_scaling:
    cluster: shop-cluster
    service: web
    state: absent
"""

RETURN = r"""
scaling:
  description: Range and policies of the service after the change; empty without a scalable target.
  returned: always
  type: dict
  sample:
    min_capacity: 2
    max_capacity: 6
    policies:
      web-cpu:
        metric: ECSServiceAverageCPUUtilization
        target_value: 70.0
        scale_in_cooldown: 300
        scale_out_cooldown: 60
"""

from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.client import retries
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.common import aws_module, run_module
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.scaling import (
    DIMENSION,
    ScalingClient,
    after,
    current_scaling,
    plan_scaling,
    wanted_scaling,
)

POLICY_SPEC: dict[str, Any] = {
    "name": {"required": True},
    "metric": {
        "required": True,
        "choices": ["ECSServiceAverageCPUUtilization", "ECSServiceAverageMemoryUtilization"],
    },
    "target_value": {"type": "float", "required": True},
    "scale_in_cooldown": {"type": "int", "default": 300},
    "scale_out_cooldown": {"type": "int", "default": 60},
}
ARGUMENT_SPEC: dict[str, Any] = {
    "state": {"choices": ["present", "absent"], "default": "present"},
    "service": {"required": True, "aliases": ["name"]},
    "cluster": {"default": "default"},
    "min_capacity": {"type": "int"},
    "max_capacity": {"type": "int"},
    "policies": {"type": "list", "elements": "dict", "options": POLICY_SPEC},
    "absent_policies": {"type": "list", "elements": "str", "default": []},
}


def work(module: AnsibleAWSModule) -> dict[str, Any]:
    """What the module does; all bad input is refused before the first call."""
    wanted, absent = wanted_scaling(module.params), module.params["absent_policies"]
    where = (module.params["cluster"], module.params["service"])
    client = ScalingClient(module.client("application-autoscaling", retry_decorator=retries()))
    target = next((row for row in client.targets(*where) if row["ScalableDimension"] == DIMENSION), None)
    current = current_scaling(target, client.policies(*where) if target else [])
    plan, then = plan_scaling(current, wanted, absent), after(current, wanted, absent)
    if not module.check_mode:
        if plan.deregister and target:
            client.deregister(target)
        if plan.register:
            client.register(*where, *plan.register)
        for name in plan.put:
            client.put_policy(*where, name, wanted.policies[name])
        for name in plan.delete:
            client.delete_policy(*where, name)
    diff = {"before": current.as_dict(), "after": then.as_dict()}
    return {"changed": plan.changed, "scaling": then.as_dict(), "diff": diff}


def main() -> None:
    """Entry point."""
    module = aws_module(
        argument_spec=ARGUMENT_SPEC, required_if=[("state", "present", ["min_capacity", "max_capacity"])]
    )
    run_module(module, work)


if __name__ == "__main__":
    main()
