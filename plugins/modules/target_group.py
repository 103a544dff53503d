#!/usr/bin/python
# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: target_group
version_added: "1.0.0"
short_description: Create a target group together with its tags
description:
  - Creates a target group of Elastic Load Balancing with its tags in the same call, so that whose it is shows from its
    first moment on, also where the run is killed right after it. M(community.aws.elb_target_group) tags it with a
    second call.
  - Of a target group of that name only O(attributes) are changed. M(community.aws.elb_target_group) changes the rest,
    and cannot switch stickiness off.
author:
  - The mlops.mlflow_aws authors (@mlops)
options:
  name:
    description: Name of the target group.
    type: str
    required: true
  protocol:
    description: Protocol in which the load balancer speaks to the targets.
    type: str
    choices: [http, https]
    default: http
  port:
    description: Port at which the targets listen.
    type: int
    required: true
  vpc_id:
    description: The VPC of the targets.
    type: str
    required: true
  target_type:
    description: What the targets are.
    type: str
    choices: [instance, ip]
    default: ip
  health_check_path:
    description: Path that the health check asks for.
    type: str
  health_check_protocol:
    description: Protocol of the health check.
    type: str
    choices: [http, https]
  health_check_port:
    description: Port of the health check; V(traffic-port) is that of the target.
    type: str
  health_check_interval:
    description: Seconds between two health checks.
    type: int
  health_check_timeout:
    description: Seconds after which a health check without an answer has failed.
    type: int
  healthy_threshold_count:
    description: Health checks in a row that make a target healthy.
    type: int
  unhealthy_threshold_count:
    description: Health checks in a row that make a target unhealthy.
    type: int
  successful_response_codes:
    description: Statuses of HTTP with which a health check succeeds, such as V(200) or V(200-299).
    type: str
  attributes:
    description: Attributes of API ModifyTargetGroupAttributes by their keys. Those that are not named are left alone.
    type: dict
    default: {}
  tags:
    description: Tags of the target group.
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
  - module: community.aws.elb_target_group
"""

EXAMPLES = r"""
- name: Create a target group for tasks of Fargate
  mlops.mlflow_aws.target_group:
    name: fraud-tg
    port: 5000
    vpc_id: vpc-0123456789abcdef0
    health_check_path: /health
    tags: {Team: fraud}
"""

RETURN = r"""
target_group_arn:
  description: ARN of the target group; null in check mode, where there is none.
  returned: always
  type: str
"""

from collections.abc import Mapping
from typing import Any

try:  # noqa: SIM105 - the form of import that ansible-test knows
    import botocore.exceptions
except ImportError:
    pass  # AnsibleAWSModule reports it

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.tagging import ansible_dict_to_boto3_tag_list
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.reading import absent

ARGUMENTS: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "protocol": {"type": "str", "choices": ["http", "https"], "default": "http"},
    "port": {"type": "int", "required": True},
    "vpc_id": {"type": "str", "required": True},
    "target_type": {"type": "str", "choices": ["instance", "ip"], "default": "ip"},
    "health_check_path": {"type": "str"},
    "health_check_protocol": {"type": "str", "choices": ["http", "https"]},
    "health_check_port": {"type": "str"},
    "health_check_interval": {"type": "int"},
    "health_check_timeout": {"type": "int"},
    "healthy_threshold_count": {"type": "int"},
    "unhealthy_threshold_count": {"type": "int"},
    "successful_response_codes": {"type": "str"},
    "attributes": {"type": "dict", "default": {}},
    "tags": {"type": "dict", "required": True},
}


def request(options: Mapping[str, Any]) -> dict[str, Any]:
    """The request of API CreateTargetGroup for the module's options."""
    check_protocol, codes = options["health_check_protocol"], options["successful_response_codes"]
    asked = {
        "Name": options["name"],
        "Protocol": options["protocol"].upper(),
        "Port": options["port"],
        "VpcId": options["vpc_id"],
        "TargetType": options["target_type"],
        "HealthCheckPath": options["health_check_path"],
        "HealthCheckProtocol": check_protocol.upper() if check_protocol else None,
        "HealthCheckPort": options["health_check_port"],
        "HealthCheckIntervalSeconds": options["health_check_interval"],
        "HealthCheckTimeoutSeconds": options["health_check_timeout"],
        "HealthyThresholdCount": options["healthy_threshold_count"],
        "UnhealthyThresholdCount": options["unhealthy_threshold_count"],
        "Matcher": {"HttpCode": codes} if codes else None,
        "Tags": ansible_dict_to_boto3_tag_list({key: str(value) for key, value in options["tags"].items()}) or None,
    }
    return {key: value for key, value in asked.items() if value is not None}


def differing(client: Any, arn: str, asked: Mapping[str, Any]) -> list[dict[str, str]]:
    """The attributes of a target group to set, as API ModifyTargetGroupAttributes takes them."""
    rows = client.describe_target_group_attributes(TargetGroupArn=arn)["Attributes"] if asked else []
    now = {row["Key"]: row["Value"] for row in rows}
    return [{"Key": key, "Value": str(value)} for key, value in asked.items() if now.get(key) != str(value)]


def main() -> None:
    module = AnsibleAWSModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    name = module.params["name"]
    doing = "Creating"
    try:
        client = module.client("elbv2", config={"retries": {"mode": "standard", "max_attempts": 12}})
        found = absent(lambda: client.describe_target_groups(Names=[name]), "TargetGroupNotFound")
        rows = found["TargetGroups"] if found else []
        changed = not rows
        if changed and not module.check_mode:
            # The same request once more, after an answer that was lost, is no error (API CreateTargetGroup).
            rows = client.create_target_group(**request(module.params))["TargetGroups"]
        if rows:
            doing, group = "Setting the attributes of", rows[0]["TargetGroupArn"]
            attributes = differing(client, group, module.params["attributes"])
            if attributes and not module.check_mode:
                client.modify_target_group_attributes(TargetGroupArn=group, Attributes=attributes)
            changed = changed or bool(attributes)
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
        module.fail_json_aws(error, msg=f"{doing} the target group {name} failed")
    arn = next((row["TargetGroupArn"] for row in rows), None)
    if arn is None and not module.check_mode:
        module.fail_json(msg=f"ELB answered no target group to the creation of {name}: run again, which looks for it")
    module.exit_json(changed=changed, target_group_arn=arn)


if __name__ == "__main__":
    main()
