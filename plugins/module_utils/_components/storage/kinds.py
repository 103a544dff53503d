# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The artifact bucket and its lifecycle rule, field by field."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.fields import (
    Described,
    Field,
    Kind,
    Variable,
)
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.stack import Stack

_BUCKET, _CREATION = "amazon.aws.s3_bucket", "mlops.mlflow_aws.artifact_bucket"
#: The statement that the role adds to the bucket's policy.
_SID = "MlflowTlsOnly"


def _adopted(stack: Stack) -> bool:
    return bool((stack.resources["storage"] or {}).get("adopted"))


def _bucket(stack: Stack) -> Mapping[str, Stack]:
    return {stack.inputs["storage_bucket"]: stack}


def _tags(stack: Stack, _subject: Any) -> dict[str, Any] | None:
    """Those of a bucket of the stack's own.

    An adopted one keeps its tags and is not marked as the stack's: a destroy of its owner must find it.
    """
    return None if _adopted(stack) else stack.tags("storage")


def _policy(stack: Stack) -> dict[str, Any]:
    """The policy with the statement of the stack; what others wrote into that of an adopted bucket stays."""
    found: dict[str, Any] = json.loads((stack.resources["storage"] or {}).get("policy") or '{"Statement": []}')
    # A single statement may stand there without a list.
    statements = [found["Statement"]] if isinstance(found["Statement"], Mapping) else found["Statement"]
    others = [one for one in statements if "Sid" not in one] + [
        one for one in statements if one.get("Sid", _SID) != _SID
    ]
    return {"Version": "2012-10-17", **found, "Statement": [*others, _tls_only(stack)]}


def _tls_only(stack: Stack) -> dict[str, Any]:
    arn = f"arn:{stack.region['partition']}:s3:::{stack.inputs['storage_bucket']}"
    return {
        "Sid": _SID,
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn, f"{arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def _encryption(stack: Stack) -> str | None:
    """An adopted bucket keeps the encryption that its owner gave it, unless the inventory names a key."""
    return "aws:kms" if stack.inputs["storage_kms_key_id"] else None if _adopted(stack) else "AES256"


def _default_encryption(key: str) -> Any:
    """A setting of the first rule of GetBucketEncryption."""

    def read(row: Described) -> Any:
        rules = row["Encryption"].get("Rules", [])
        return rules[0]["ApplyServerSideEncryptionByDefault"].get(key) if rules else None

    return read


def _public_access(row: Described) -> dict[str, bool]:
    block = row["PublicAccess"]
    return {
        "block_public_acls": block.get("BlockPublicAcls", False),
        "ignore_public_acls": block.get("IgnorePublicAcls", False),
        "block_public_policy": block.get("BlockPublicPolicy", False),
        "restrict_public_buckets": block.get("RestrictPublicBuckets", False),
    }


BUCKET = Kind(
    "bucket",
    _bucket,
    # The first one creates it with its tags in the same call: whose it is shows although a run is killed after it.
    modules=(_CREATION, _BUCKET),
    tags=_tags,
    fields=(
        Field("versioning", lambda row: row["Versioning"].get("Status") == "Enabled", True, modules=(_BUCKET,)),
        Field("encryption", _default_encryption("SSEAlgorithm"), _encryption, modules=(_BUCKET,)),
        Field(
            "encryption_key_id",
            _default_encryption("KMSMasterKeyID"),
            lambda stack: stack.inputs["storage_kms_key_id"] or None,
            modules=(_BUCKET,),
        ),
        Field(
            "object_ownership",
            lambda row: next((rule.get("ObjectOwnership") for rule in row["Ownership"].get("Rules", [])), None),
            "BucketOwnerEnforced",
            modules=(_BUCKET,),
        ),
        Field(
            "public_access",
            _public_access,
            dict.fromkeys(
                ("block_public_acls", "ignore_public_acls", "block_public_policy", "restrict_public_buckets"), True
            ),
            modules=(_BUCKET,),
        ),
        Field("policy", lambda row: json.loads(row["Policy"]), _policy, modules=(_BUCKET,)),
    ),
)


def _rule(stack: Stack) -> Mapping[str, Stack]:
    return {stack.names.stack: stack}


def _texts(value: Mapping[str, Any]) -> dict[str, str]:
    return {key: str(item) for key, item in sorted(value.items())}


#: Of old versions and broken uploads. Current objects are MLflow's to delete: what somebody has expire or move them is
#: shown as it stands, and what the task does not name, the module takes away. API LifecycleRule.
LIFECYCLE_RULE = Kind(
    "lifecycle rule",
    _rule,
    modules=("community.aws.s3_lifecycle",),
    fields=(
        Field(
            "prefix",
            lambda row: (row.get("Filter") or {}).get("Prefix", row.get("Prefix")),
            lambda stack: f"{stack.inputs['stack_artifact_prefix']}/",
        ),
        Field(
            "noncurrent_version_expiration_days",
            "NoncurrentVersionExpiration.NoncurrentDays",
            Variable("storage_noncurrent_days"),
        ),
        Field(
            "noncurrent_versions_kept",
            lambda row: (row.get("NoncurrentVersionExpiration") or {}).get("NewerNoncurrentVersions", 0),
            0,
            modules=(),
        ),
        Field("expiration", lambda row: _texts(row.get("Expiration") or {}), {}, modules=()),
        Field(
            "transitions",
            lambda row: [
                _texts(move)
                for move in [*(row.get("Transitions") or []), *(row.get("NoncurrentVersionTransitions") or [])]
            ],
            [],
            modules=(),
        ),
        Field(
            "abort_incomplete_multipart_upload_days",
            "AbortIncompleteMultipartUpload.DaysAfterInitiation",
            Variable("storage_abort_upload_days"),
        ),
        Field("status", lambda row: row["Status"].lower(), "enabled"),
    ),
)

KINDS = (BUCKET, LIFECYCLE_RULE)
