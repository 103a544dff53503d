#!/usr/bin/python
# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: stack_plan
version_added: "1.0.0"
short_description: Compare what an inventory asks for with what AWS has
description:
  - Tells resource by resource what a run would create, change or remove. It writes nothing and asks nobody.
  - The roles run it before their writing tasks, which are skipped where nothing differs. In check mode it is the plan,
    and reports a change where there is one.
author:
  - The mlops.mlflow_aws authors (@mlops)
options:
  component:
    description: Name of the role whose resources these are.
    type: str
    choices: [network, secrets, rds, storage, alb, ecs_mlflow]
    required: true
  stack:
    description:
      - What AWS has, as M(mlops.mlflow_aws.stack_info) answers it with the component in
        O(mlops.mlflow_aws.stack_info#module:current).
      - What the stack is to have follows from the variables of the roles of this collection that the play has.
    type: dict
    required: true
notes:
  - Fails where another component has to exist before, except in check mode.
  - Tags that the stack did not give to a resource are left alone. The keys of those that it gave, but for those that
    it always gives, stand in the tag C(mlflow:tags) of the resource.
  - Supports check mode and diff mode.
  - This is an action plugin. It runs on the controller.
seealso:
  - module: mlops.mlflow_aws.stack_info
"""

EXAMPLES = r"""
- name: Read what exists
  mlops.mlflow_aws.stack_info:
    name: "{{ stack_name }}"
    region: "{{ stack_region }}"
    region_facts: true
    current: [network]
  register: found

- name: Compare the network with what the inventory asks for
  mlops.mlflow_aws.stack_plan:
    component: network
    stack: "{{ found }}"
  register: plan

- name: Create a subnet as the plan says
  module_defaults:
    amazon.aws.ec2_vpc_subnet: "{{ plan.options.subnet['10.0.1.0/24'].ec2_vpc_subnet }}"
  amazon.aws.ec2_vpc_subnet:
    vpc_id: "{{ found.resources.network.vpc_id }}"
"""

RETURN = r"""
changes:
  description: What has to be done. Of a resource that is changed, only the fields that differ.
  returned: always
  type: list
  elements: dict
  contains:
    action:
      description: C(create), C(change) or C(remove).
      type: str
    kind:
      description: What it is.
      type: str
    name:
      description: Name of the resource.
      type: str
    before:
      description: Fields as AWS has them.
      type: dict
    after:
      description: Fields as they are wanted.
      type: dict
  sample: [{action: change, kind: subnet, name: 10.0.1.0/24, before: {map_public: true}, after: {map_public: false}}]
words:
  description: The same, a sentence each.
  returned: always
  type: list
  elements: str
  sample: ["change subnet 10.0.1.0/24: map_public"]
surplus:
  description: What carries the stack's tag and is not wanted. A run leaves it alone, and C(destroy.yml) removes it.
  returned: always
  type: list
  elements: dict
  sample: [{action: surplus, kind: security group, name: fraud-test, before: {ids: [sg-0123456789abcdef0]}, after: {}}]
surplus_words:
  description: The same, a sentence each.
  returned: always
  type: list
  elements: str
  sample: ["surplus security group fraud-test"]
kept:
  description: Number of resources that are as wanted.
  returned: always
  type: int
options:
  description: By kind and name of each wanted resource, the options by which each module sets it, tags included.
  returned: always
  type: dict
  sample: {subnet: {10.0.1.0/24: {ec2_vpc_subnet: {az: eu-west-2a, map_public: false, tags: {Team: fraud}}}}}
missing:
  description: What does not exist yet and modules need in check mode, a sentence each.
  returned: always
  type: list
  elements: str
  sample: ["create subnet 10.0.1.0/24"]
untag:
  description: Tags that the stack gave to resources and that they shall have no more.
  returned: always
  type: list
  elements: dict
  contains:
    ids:
      description: The resources, as M(mlops.mlflow_aws.stack_untag) takes them.
      type: list
      elements: str
    keys:
      description: The keys of the tags to remove.
      type: list
      elements: str
"""
