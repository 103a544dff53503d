# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of the artifact bucket."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils.stack.reading import absent, tags

from .common import Account, Settings


def storage(account: Account) -> Settings:
    """Settings of the bucket, with the options of the modules that the role storage uses."""
    if account.resources["storage"] is None:
        return {"bucket": {}, "lifecycle rule": {}}
    s3, name = account.clients["s3"], account.bucket
    versioning = s3.get_bucket_versioning(Bucket=name)
    encryption = absent(lambda: s3.get_bucket_encryption(Bucket=name), "ServerSideEncryptionConfigurationNotFoundError")
    rules = (encryption or {}).get("ServerSideEncryptionConfiguration", {}).get("Rules", [])
    default: dict[str, Any] = next((rule["ApplyServerSideEncryptionByDefault"] for rule in rules), {})
    ownership = absent(lambda: s3.get_bucket_ownership_controls(Bucket=name), "OwnershipControlsNotFoundError")
    owners = (ownership or {}).get("OwnershipControls", {}).get("Rules", [])
    blocked = absent(lambda: s3.get_public_access_block(Bucket=name), "NoSuchPublicAccessBlockConfiguration")
    block = (blocked or {}).get("PublicAccessBlockConfiguration", {})
    policy = absent(lambda: s3.get_bucket_policy(Bucket=name), "NoSuchBucketPolicy")
    tagging = absent(lambda: s3.get_bucket_tagging(Bucket=name), "NoSuchTagSet")
    lifecycle = absent(lambda: s3.get_bucket_lifecycle_configuration(Bucket=name), "NoSuchLifecycleConfiguration")
    return {
        "bucket": {
            name: {
                "versioning": versioning.get("Status") == "Enabled",
                "encryption": default.get("SSEAlgorithm"),
                "encryption_key_id": default.get("KMSMasterKeyID"),
                "object_ownership": next((rule.get("ObjectOwnership") for rule in owners), None),
                "public_access": {
                    "block_public_acls": block.get("BlockPublicAcls", False),
                    "ignore_public_acls": block.get("IgnorePublicAcls", False),
                    "block_public_policy": block.get("BlockPublicPolicy", False),
                    "restrict_public_buckets": block.get("RestrictPublicBuckets", False),
                },
                "policy": json.loads(policy["Policy"]) if policy else {},
                "tags": tags((tagging or {}).get("TagSet")),
                "ids": [f"arn:aws:s3:::{name}"],
            }
        },
        "lifecycle rule": {rule["ID"]: _rule(rule) for rule in (lifecycle or {}).get("Rules", []) if "ID" in rule},
    }


def _rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    """What a rule does. Current objects are MLflow's to delete: what expires or moves them is told as it stands."""
    expiration = rule.get("NoncurrentVersionExpiration") or {}
    moves = [*(rule.get("Transitions") or []), *(rule.get("NoncurrentVersionTransitions") or [])]
    return {
        "prefix": (rule.get("Filter") or {}).get("Prefix", rule.get("Prefix")),
        "noncurrent_version_expiration_days": expiration.get("NoncurrentDays"),
        "noncurrent_versions_kept": expiration.get("NewerNoncurrentVersions", 0),
        "expiration": {key: str(value) for key, value in (rule.get("Expiration") or {}).items()},
        "transitions": [{key: str(value) for key, value in sorted(move.items())} for move in moves],
        "abort_incomplete_multipart_upload_days": (rule.get("AbortIncompleteMultipartUpload") or {}).get(
            "DaysAfterInitiation"
        ),
        "status": rule["Status"].lower(),
    }
