#!/usr/bin/python
# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ec2_owned
version_added: "1.0.0"
short_description: Create a VPC or an elastic address together with the tag of its stack
description:
  - Creates what EC2 lets several have one name, with its tags in the same call, unless one with the same tags
    C(mlflow:stack) and C(Name) is there.
  - M(amazon.aws.ec2_vpc_net) and M(amazon.aws.ec2_eip) find such a one by C(Name) alone, which anybody may have given.
  - What exists is left as it is.
author:
  - The mlops.mlflow_aws authors (@mlops)
options:
  kind:
    description: What to create. An elastic address that is in use is none that is there.
    type: str
    choices: [vpc, elastic-ip]
    required: true
  cidr_block:
    description: Address block of a VPC.
    type: str
  tags:
    description: Its tags, C(mlflow:stack) and C(Name) among them.
    type: dict
    required: true
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
  - module: amazon.aws.ec2_vpc_net
  - module: amazon.aws.ec2_eip
"""

EXAMPLES = r"""
- name: Create the VPC of a stack, whatever else is called so
  mlops.mlflow_aws.ec2_owned:
    kind: vpc
    cidr_block: 10.0.0.0/16
    tags: {"mlflow:stack": fraud, Name: fraud}
"""

RETURN = r"""
id:
  description: Id of the VPC, or allocation id of the address; null in check mode, where there is none.
  returned: always
  type: str
"""

from collections.abc import Iterable, Mapping
from typing import Any

try:  # noqa: SIM105 - the form of import that ansible-test knows
    import botocore.exceptions
except ImportError:
    pass  # AnsibleAWSModule reports it

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.tagging import boto3_tag_specifications
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.ownership import STACK_TAG
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.reading import Client, pages

ARGUMENTS: dict[str, Any] = {
    "kind": {"type": "str", "choices": ["vpc", "elastic-ip"], "required": True},
    "cidr_block": {"type": "str"},
    "tags": {"type": "dict", "required": True},
}
#: The tags by which a resource is found. A name alone may have been given by anybody.
KNOWN_BY = (STACK_TAG, "Name")


def filters(tags: Mapping[str, str]) -> list[dict[str, Any]]:
    """Filters of EC2 for resources of this stack and name.

    :raises KeyError: where one of the two tags is missing, so that nothing would tell whose a resource is.
    """
    return [{"Name": f"tag:{key}", "Values": [tags[key]]} for key in KNOWN_BY]


def free(addresses: Iterable[Mapping[str, Any]]) -> list[str]:
    """Allocation ids of the addresses that nothing uses (API DescribeAddresses)."""
    return sorted(row["AllocationId"] for row in addresses if not row.get("AssociationId"))


def existing(ec2: Client, kind: str, tags: Mapping[str, str]) -> str | None:
    """The id of the one that is there; the first where there are several."""
    if kind == "vpc":
        found = sorted(row["VpcId"] for row in pages(ec2, "describe_vpcs", "Vpcs", Filters=filters(tags)))
    else:
        found = free(ec2.describe_addresses(Filters=filters(tags))["Addresses"])
    return next(iter(found), None)


def create(ec2: Client, kind: str, cidr_block: str | None, tags: Mapping[str, str]) -> str:
    """Make one with its tags (API CreateVpc, AllocateAddress), and answer its id."""
    specification = boto3_tag_specifications(dict(tags), types=[kind])
    if kind == "vpc":
        made: str = ec2.create_vpc(CidrBlock=cidr_block, TagSpecifications=specification)["Vpc"]["VpcId"]
    else:
        made = ec2.allocate_address(Domain="vpc", TagSpecifications=specification)["AllocationId"]
    return made


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec=ARGUMENTS, supports_check_mode=True, required_if=[("kind", "vpc", ["cidr_block"])]
    )
    kind, tags = module.params["kind"], {key: str(value) for key, value in module.params["tags"].items()}
    missing = [key for key in KNOWN_BY if key not in tags]
    if missing:
        module.fail_json(msg=f"tags lack {' and '.join(missing)}, by which the {kind} is found again")
    try:
        ec2 = module.client("ec2", config={"retries": {"mode": "standard", "max_attempts": 12}})
        found = existing(ec2, kind, tags)
        changed = found is None
        if changed and not module.check_mode:
            found = create(ec2, kind, module.params["cidr_block"], tags)
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
        module.fail_json_aws(error, msg=f"Creating the {kind} {tags['Name']} failed")
    module.exit_json(changed=changed, id=found)


if __name__ == "__main__":
    main()
