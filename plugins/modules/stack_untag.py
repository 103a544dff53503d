#!/usr/bin/python
# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: stack_untag
version_added: "1.0.0"
short_description: Remove tags from AWS resources by their keys
description:
  - Removes the named tags and touches no other one, also where somebody changes the tags of the resource at the same
    time. C(purge_tags) of other modules removes every tag that they were not given.
  - Only S3 has no such call. Of a bucket, all tags are written anew, but for those that are removed.
author:
  - The mlops.mlflow_aws authors (@mlops)
options:
  resources:
    description: What to remove from which resources, RV(mlops.mlflow_aws.stack_plan#module:untag).
    type: list
    elements: dict
    required: true
    suboptions:
      ids:
        description:
          - Ids of EC2's resources, and ARNs of the others.
          - These may be of ECS, Elastic Load Balancing, IAM (roles), CloudWatch Logs, RDS, S3 (buckets) and
            Secrets Manager.
        type: list
        elements: str
        required: true
      keys:
        description: Keys of the tags to remove. One that is not there is no error.
        type: list
        elements: str
        required: true
attributes:
  check_mode:
    description: Can run in check_mode and return changed status prediction without modifying target.
    support: full
    details:
      - What is to be removed counts as there.
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in check_mode), when in diff mode.
    support: none
  idempotent:
    description:
      - When run twice in a row outside check mode, with the same arguments, the second invocation indicates no change.
    support: none
    details:
      - It does not look whether the tags are there. M(mlops.mlflow_aws.stack_plan) tells which are.
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
seealso:
  - module: mlops.mlflow_aws.stack_plan
"""

EXAMPLES = r"""
- name: Remove a tag from a VPC and a secret
  mlops.mlflow_aws.stack_untag:
    resources:
      - ids: [vpc-0123456789abcdef0, "arn:aws:secretsmanager:eu-west-2:123456789012:secret:fraud-AbCdEf"]
        keys: [Team]
"""

RETURN = r"""
removed:
  description: The resources, each with the keys that were removed from it.
  returned: always
  type: list
  elements: dict
  sample: [{id: vpc-0123456789abcdef0, keys: [Team]}]
"""

from typing import Any

try:  # noqa: SIM105 - the form of import that ansible-test knows
    import botocore.exceptions
except ImportError:
    pass  # AnsibleAWSModule reports it

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.clients import one_session
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.untag import remove_tags, service_of

ARGUMENTS: dict[str, Any] = {
    "resources": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "ids": {"type": "list", "elements": "str", "required": True},
            # Keys of tags, and no secrets.
            "keys": {"type": "list", "elements": "str", "required": True, "no_log": False},
        },
    },
}


def main() -> None:
    module = AnsibleAWSModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    given = [row for row in module.params["resources"] if row["keys"]]
    rows = [{"id": one, "keys": sorted(row["keys"])} for row in given for one in row["ids"]]
    row: dict[str, Any] = {}
    try:
        services = sorted({service_of(row["id"]) for row in rows})
        if not module.check_mode:
            retries = {"retries": {"mode": "standard", "max_attempts": 12}}
            with one_session():
                clients = {service: module.client(service, config=retries) for service in services}
            for row in rows:
                remove_tags(clients, row["id"], row["keys"])
    except ValueError as error:
        module.fail_json(msg=f"resources: {error}")
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
        module.fail_json_aws(error, msg=f"Removing the tags {', '.join(row['keys'])} of {row['id']} failed")
    module.exit_json(changed=bool(rows), removed=rows)


if __name__ == "__main__":
    main()
