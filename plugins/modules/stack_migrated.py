#!/usr/bin/python
# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: stack_migrated
version_added: "1.0.0"
short_description: Note on the secrets of a stack that its database was migrated
description:
  - Gives secrets the tag C(mlflow:migrated) with the resource id of the DB instance that holds MLflow's data. Where
    that instance is lost, M(mlops.mlflow_aws.stack_info) knows by the tag that there was data, even when service, task
    definitions and snapshots are gone.
  - No other tag and no value of a secret is read or changed.
author:
  - The mlops.mlflow_aws authors (@mlops)
options:
  secrets:
    description: ARNs of the secrets.
    type: list
    elements: str
    required: true
  database:
    description: The resource id (C(DbiResourceId)) of the DB instance.
    type: str
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
  - module: mlops.mlflow_aws.stack_info
  - module: mlops.mlflow_aws.ecs_task_run
"""

EXAMPLES = r"""
- name: Note that the database was migrated
  mlops.mlflow_aws.stack_migrated:
    secrets: ["arn:aws:secretsmanager:eu-west-2:123456789012:secret:fraud/mlflow/admin-AbCdEf"]
    database: db-ABCDEFGHIJKLMNOPQRSTUVWXYZ
"""

RETURN = r"""
tagged:
  description: The secrets that got the tag.
  returned: always
  type: list
  elements: str
  sample: ["arn:aws:secretsmanager:eu-west-2:123456789012:secret:fraud/mlflow/admin-AbCdEf"]
"""

from typing import Any

try:  # noqa: SIM105 - the form of import that ansible-test knows
    import botocore.exceptions
except ImportError:
    pass  # AnsibleAWSModule reports it

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.lost import MIGRATED_TAG
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.reading import tags

ARGUMENTS: dict[str, Any] = {
    # ARNs, and no secrets.
    "secrets": {"type": "list", "elements": "str", "required": True, "no_log": False},
    "database": {"type": "str", "required": True},
}


def main() -> None:
    module = AnsibleAWSModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    database, arn, tagged = module.params["database"], "", []
    try:
        client = module.client("secretsmanager", config={"retries": {"mode": "standard", "max_attempts": 12}})
        for arn in module.params["secrets"]:
            if tags(client.describe_secret(SecretId=arn).get("Tags")).get(MIGRATED_TAG) == database:
                continue
            tagged.append(arn)
            if not module.check_mode:
                client.tag_resource(SecretId=arn, Tags=[{"Key": MIGRATED_TAG, "Value": database}])
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
        module.fail_json_aws(error, msg=f"Tagging {arn} with {MIGRATED_TAG} failed")
    module.exit_json(changed=bool(tagged), tagged=tagged)


if __name__ == "__main__":
    main()
