#!/usr/bin/python
# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: artifact_bucket
version_added: "1.0.0"
short_description: Create a bucket together with its tags
description:
  - Creates a bucket of S3 with its tags in the same call, so that whose it is shows from its first moment on, also
    where the run is killed right after it. M(amazon.aws.s3_bucket) tags it with a later call.
  - A bucket of that name is left as it is. M(amazon.aws.s3_bucket) changes it.
  - Needs the right C(s3:TagResource) beside C(s3:CreateBucket).
author:
  - The mlops.mlflow_aws authors (@mlops)
requirements:
  - botocore >= 1.39.2
options:
  name:
    description: Name of the bucket.
    type: str
    required: true
  tags:
    description: Tags of the bucket.
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
  - module: amazon.aws.s3_bucket
"""

EXAMPLES = r"""
- name: Create a bucket for artifacts
  mlops.mlflow_aws.artifact_bucket:
    name: fraud-models-test
    tags: {Team: fraud}
"""

RETURN = r"""
tags:
  description: The tags that the bucket has.
  returned: always
  type: dict
"""

from collections.abc import Mapping
from typing import Any

try:  # noqa: SIM105 - the form of import that ansible-test knows
    import botocore.exceptions
except ImportError:
    pass  # AnsibleAWSModule reports it

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.tagging import ansible_dict_to_boto3_tag_list
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.reading import Client, absent, tags

ARGUMENTS: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "tags": {"type": "dict", "required": True},
}
#: The region of buckets that name none, which S3 takes for no location constraint (API CreateBucket).
_UNNAMED = "us-east-1"


def request(name: str, region: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The request of API CreateBucket."""
    configuration: dict[str, Any] = {} if region == _UNNAMED else {"LocationConstraint": region}
    if wanted:
        configuration["Tags"] = ansible_dict_to_boto3_tag_list({key: str(value) for key, value in wanted.items()})
    return {"Bucket": name, **({"CreateBucketConfiguration": configuration} if configuration else {})}


def existing_tags(s3: Client, name: str) -> dict[str, str] | None:
    """The tags of a bucket; None where it does not exist.

    :raises botocore.exceptions.ClientError: with 403, where it is somebody else's.
    """
    if absent(lambda: s3.head_bucket(Bucket=name), "404", "NoSuchBucket") is None:
        return None
    found = absent(lambda: s3.get_bucket_tagging(Bucket=name), "NoSuchTagSet")
    return tags(found["TagSet"] if found else [])


def main() -> None:
    module = AnsibleAWSModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    module.require_botocore_at_least("1.39.2", reason="to create a bucket with its tags")
    name, wanted = module.params["name"], module.params["tags"]
    try:
        s3 = module.client("s3", config={"retries": {"mode": "standard", "max_attempts": 12}})
        found = existing_tags(s3, name)
        changed = found is None
        if changed and not module.check_mode:
            s3.create_bucket(**request(name, module.region, wanted))
            s3.get_waiter("bucket_exists").wait(Bucket=name)
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
        module.fail_json_aws(error, msg=f"Creating the bucket {name} failed")
    has = {key: str(value) for key, value in wanted.items()} if found is None else found
    module.exit_json(changed=changed, tags=has)


if __name__ == "__main__":
    main()
