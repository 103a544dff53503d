#!/usr/bin/python
# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: vpc_endpoint_policy
version_added: "1.0.0"
short_description: Set the policy of a VPC endpoint
description:
  - Sets the policy of a VPC endpoint that exists. M(amazon.aws.ec2_vpc_endpoint) gives one to an endpoint that it
    creates, and never changes it.
author:
  - The mlops.mlflow_aws authors (@mlops)
options:
  vpc_endpoint_id:
    description: Id of the endpoint.
    type: str
    required: true
  policy:
    description: The policy.
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
  - module: amazon.aws.ec2_vpc_endpoint
"""

EXAMPLES = r"""
- name: Let everything pass, as a new endpoint does
  mlops.mlflow_aws.vpc_endpoint_policy:
    vpc_endpoint_id: vpce-0123456789abcdef0
    policy:
      Version: "2008-10-17"
      Statement: [{Effect: Allow, Principal: "*", Action: "*", Resource: "*"}]
"""

RETURN = r"""
policy:
  description: The policy that the endpoint has.
  returned: always
  type: dict
"""

import json
from typing import Any

try:  # noqa: SIM105 - the form of import that ansible-test knows
    import botocore.exceptions
except ImportError:
    pass  # AnsibleAWSModule reports it

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.policy import compare_policies

ARGUMENTS: dict[str, Any] = {
    "vpc_endpoint_id": {"type": "str", "required": True},
    "policy": {"type": "dict", "required": True},
}


def main() -> None:
    module = AnsibleAWSModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    endpoint, wanted = module.params["vpc_endpoint_id"], module.params["policy"]
    rows: list[dict[str, Any]] = []
    try:
        client = module.client("ec2", config={"retries": {"mode": "standard", "max_attempts": 12}})
        rows = client.describe_vpc_endpoints(VpcEndpointIds=[endpoint])["VpcEndpoints"]
        changed = bool(rows) and compare_policies(json.loads(rows[0].get("PolicyDocument") or "{}"), wanted)
        if changed and not module.check_mode:
            client.modify_vpc_endpoint(VpcEndpointId=endpoint, PolicyDocument=json.dumps(wanted))
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
        module.fail_json_aws(error, msg=f"Setting the policy of the VPC endpoint {endpoint} failed")
    if not rows:
        module.fail_json(msg=f"vpc_endpoint_id: {endpoint} is no VPC endpoint of this region; name one that exists")
    module.exit_json(changed=changed, policy=wanted)


if __name__ == "__main__":
    main()
