# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Patches of S3."""

from __future__ import annotations

import copy
from typing import Any

from moto.iam.access_control import PermissionResult
from moto.s3.models import FakeBucket, FakeDeleteMarker, S3Backend

from emulator.patches.patching import around


def bucket_policies_are_the_gates() -> None:
    """Bucket policies are evaluated with their conditions and principals, by :mod:`emulator.iam`.

    moto's own reading takes every statement with a Condition that does not hold for a denial, such as the
    usual ``Deny`` without ``aws:SecureTransport``.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-policies.html
    """

    @around(FakeBucket, "get_permission")
    def get_permission(original: Any, self: FakeBucket, action: str, resource: str) -> PermissionResult:
        return PermissionResult.PERMITTED


def logging_to_buckets_with_any_policy() -> None:
    """PutBucketLogging reads target bucket policies whose Principal is ``*``, and one action or a list of them.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketLogging.html
    """

    @around(FakeBucket, "_log_permissions_enabled_policy")
    def allowed(original: Any, target_bucket: FakeBucket, target_prefix: str | None) -> bool:
        from emulator.iam.policies import Call, Principal, Verdict, resource_verdict

        policy = target_bucket.policy
        document = policy.decode() if isinstance(policy, bytes) else policy
        arn = f"arn:aws:s3:::{target_bucket.name}/{target_prefix or ''}log"
        call = Call(
            "s3:PutObject",
            (arn,),
            {"aws:SecureTransport": "true", "aws:SourceAccount": target_bucket.account_id},
        )
        verdict, _ = resource_verdict(document, Principal(service="logging.s3.amazonaws.com"), call)
        return verdict is Verdict.ALLOW


def deleted_objects_have_no_common_prefixes() -> None:
    """A listing with a delimiter shows no folder of which all objects are deleted.

    moto leaves out objects whose current version is a delete marker, but still shows their folders.
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html (CommonPrefixes),
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/DeleteMarker.html
    """

    @around(S3Backend, "list_objects")
    def list_objects(original: Any, self: S3Backend, bucket: FakeBucket, *args: Any, **kwargs: Any) -> Any:
        # A table bucket works its keys out; the original refuses it.
        if "keys" in vars(bucket):
            seen = copy.copy(bucket)
            vars(seen)["keys"] = {
                name: key for name, key in bucket.keys.items() if not isinstance(key, FakeDeleteMarker)
            }
            bucket = seen
        return original(self, bucket, *args, **kwargs)


PATCHES = (
    bucket_policies_are_the_gates,
    logging_to_buckets_with_any_policy,
    deleted_objects_have_no_common_prefixes,
)
