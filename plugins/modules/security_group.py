#!/usr/bin/python
# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: security_group
version_added: "1.0.0"
short_description: Create a security group of a VPC together with its tags
description:
  - Creates a security group with its tags, and waits until EC2 shows it.
  - A group of that name is left as it is. M(amazon.aws.ec2_security_group) sets its rules.
  - M(amazon.aws.ec2_security_group) can create a group, too, but then waits without end for the rule that lets
    everything out, which EC2 gives a new group. Another run, or an organisation's automation, may have taken that rule
    away by then.
author:
  - The mlops.mlflow_aws authors (@mlops)
options:
  name:
    description: Name of the security group.
    type: str
    required: true
  description:
    description: What the group is for. EC2 cannot change it.
    type: str
    required: true
  vpc_id:
    description: The VPC of the group.
    type: str
    required: true
  tags:
    description: Tags of a new group.
    type: dict
    required: true
  wait_timeout:
    description: Longest wait for EC2 to show the new group, in seconds.
    type: int
    default: 60
attributes:
  check_mode:
    description: Can run in check_mode and return changed status prediction without modifying target.
    support: full
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in check_mode), when in diff mode.
    support: none
  idempotent:
    description:
      - When run twice in a row outside check mode, with the same arguments, the second invocation indicates no change.
    support: full
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
seealso:
  - module: amazon.aws.ec2_security_group
"""

EXAMPLES = r"""
- name: Create the security group of the tasks
  mlops.mlflow_aws.security_group:
    name: fraud-ecs
    description: Tasks of MLflow
    vpc_id: vpc-0123456789abcdef0
    tags: {Team: fraud}
"""

RETURN = r"""
group_id:
  description: Id of the security group; null in check mode, where there is none.
  returned: always
  type: str
"""

import time
from typing import Any

try:  # noqa: SIM105 - the form of import that ansible-test knows
    import botocore.exceptions
except ImportError:
    pass  # AnsibleAWSModule reports it

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.tagging import ansible_dict_to_boto3_tag_list
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.reading import Client, absent, pages

#: Seconds between two looks for a group that was created.
SLEEP = 3

ARGUMENTS: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "description": {"type": "str", "required": True},
    "vpc_id": {"type": "str", "required": True},
    "tags": {"type": "dict", "required": True},
    "wait_timeout": {"type": "int", "default": 60},
}


def shown(ec2: Client, name: str, vpc_id: str) -> str | None:
    """The id of the group of this name in the VPC, where a name is unique; None for none."""
    asked = [{"Name": "group-name", "Values": [name]}, {"Name": "vpc-id", "Values": [vpc_id]}]
    found = [row["GroupId"] for row in pages(ec2, "describe_security_groups", "SecurityGroups", Filters=asked)]
    return next(iter(found), None)


def create(ec2: Client, name: str, description: str, vpc_id: str, tags: dict[str, Any]) -> bool:
    """Create the group; False where it exists by now: another run made it, or a request whose answer was lost."""
    rows = ansible_dict_to_boto3_tag_list({key: str(value) for key, value in tags.items()})
    specifications = [{"ResourceType": "security-group", "Tags": rows}] if rows else []
    answer = absent(
        lambda: ec2.create_security_group(
            GroupName=name, Description=description, VpcId=vpc_id, TagSpecifications=specifications
        ),
        "InvalidGroup.Duplicate",
    )
    return answer is not None


def await_shown(ec2: Client, name: str, vpc_id: str, seconds: int) -> str | None:
    """The id of a group that exists, as soon as EC2 shows it; None where it does not in time."""
    deadline = time.monotonic() + seconds
    while True:
        group = shown(ec2, name, vpc_id)
        if group or time.monotonic() >= deadline:
            return group
        time.sleep(SLEEP)


def main() -> None:
    module = AnsibleAWSModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    params = module.params
    name, vpc_id, changed = params["name"], params["vpc_id"], False
    try:
        ec2 = module.client("ec2", config={"retries": {"mode": "standard", "max_attempts": 12}})
        group = shown(ec2, name, vpc_id)
        if group is None and module.check_mode:
            module.exit_json(changed=True, group_id=None)
        if group is None:
            changed = create(ec2, name, params["description"], vpc_id, params["tags"])
            group = await_shown(ec2, name, vpc_id, params["wait_timeout"])
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
        module.fail_json_aws(error, msg=f"Creating the security group {name} failed")
    if group is None:
        module.fail_json(
            msg=f"EC2 does not show the security group {name} of {vpc_id}, though it exists, after "
            f"{params['wait_timeout']} s: run again, which looks for it"
        )
    module.exit_json(changed=changed, group_id=group)


if __name__ == "__main__":
    main()
