# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Patches of S3."""

from __future__ import annotations

import copy
import xml.etree.ElementTree as ElementTree
from typing import Any

from moto.iam.access_control import PermissionResult
from moto.s3.exceptions import S3ClientError
from moto.s3.models import OWNER, FakeBucket, FakeDeleteMarker, S3Backend
from moto.s3.responses import S3Response
from moto.s3.utils import bucket_policy_is_public

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


def buckets_are_made_with_tags() -> None:
    """CreateBucket tags the bucket that it makes.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html (CreateBucketConfiguration, Tags)
    """

    @around(S3Response, "_bucket_response_put")
    def put(original: Any, self: S3Response, request: Any, bucket_name: str, querystring: dict[str, Any]) -> Any:
        made = not querystring and bucket_name not in self.backend.buckets
        answer = original(self, request, bucket_name, querystring)
        if made and (found := tags_of_creation(self.body)):
            self.backend.put_bucket_tagging(bucket_name, found)
        return answer


def tags_of_creation(body: bytes | str) -> dict[str, str]:
    """The tags in the body of a CreateBucket."""
    if not body:
        return {}
    try:
        tree = ElementTree.fromstring(body)
    except ElementTree.ParseError:
        return {}
    found = {}
    for node in tree.iter():
        if node.tag.rpartition("}")[2] == "Tag":
            fields = {child.tag.rpartition("}")[2]: child.text or "" for child in node}
            found[fields.get("Key", "")] = fields.get("Value", "")
    return found


def public_policies_are_blocked() -> None:
    """PutBucketPolicy fails for a public policy where the public access block has BlockPublicPolicy.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html
    """

    @around(S3Backend, "put_bucket_policy")
    def put_bucket_policy(original: Any, self: S3Backend, bucket_name: str, policy: bytes) -> Any:
        block = self.get_bucket(bucket_name).public_access_block
        if block and str(block.block_public_policy).lower() == "true" and bucket_policy_is_public(policy):
            raise Denied(
                "AccessDenied",
                "User is not authorized to perform: s3:PutBucketPolicy on resource: "
                f'"arn:aws:s3:::{bucket_name}" because public policies are blocked by the BlockPublicPolicy block '
                "public access setting.",
            )
        return original(self, bucket_name, policy)


class Denied(S3ClientError):
    """A refusal for which moto has no exception."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = code


def enforced_owners_grant_nothing() -> None:
    """PutBucketOwnershipControls refuses BucketOwnerEnforced while the bucket's ACL grants anything to anybody else.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-ownership-error-responses.html
    """

    @around(S3Backend, "put_bucket_ownership_controls")
    def put_ownership(original: Any, self: S3Backend, bucket_name: str, ownership: Any) -> Any:
        acl = self.get_bucket(bucket_name).acl
        others = [one for grant in (acl.grants if acl else []) for one in grant.grantees if one.uri or one.id != OWNER]
        if ownership == "BucketOwnerEnforced" and others:
            raise Denied(
                "InvalidBucketAclWithObjectOwnership",
                "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting",
            )
        return original(self, bucket_name, ownership)


PATCHES = (
    buckets_are_made_with_tags,
    public_policies_are_blocked,
    enforced_owners_grant_nothing,
    bucket_policies_are_the_gates,
    logging_to_buckets_with_any_policy,
    deleted_objects_have_no_common_prefixes,
)
