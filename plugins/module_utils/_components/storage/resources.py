# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The artifact bucket: where it lies, whose it is, and what in it stands in the way of setting it up.

A bucket is the one resource that a stack may use without owning it: it is called as its owner likes, and keeps its
tags. That is asked for once (``stack_adopt``); from then on the lifecycle rule, or the service, of the stack shows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.account import Account
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.keys import key_facts
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.names import StackNames
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.ownership import STACK_TAG
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.reading import (
    Client,
    absent,
    newest_revision,
    tags,
)

from .sharing import sharing_stacks

try:
    from botocore.exceptions import ClientError
except ImportError:  # AnsibleAWSModule reports the missing library
    ClientError = Exception

#: In the service's environment: where its artifacts lie, as ``s3://bucket/prefix``.
ARTIFACTS = "MLFLOW_AWS_ARTIFACTS"
_BLOCKS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


def where(clients: Mapping[str, Client], name: str, region: str) -> dict[str, Any]:
    """Where a bucket lies: ``state`` is absent, here, elsewhere or foreign; ``region`` is its region.

    HeadBucket names the region in a header even where it refuses (API HeadBucket).
    """
    try:
        answer = clients["s3"].head_bucket(Bucket=name)
    except ClientError as error:
        headers = error.response["ResponseMetadata"].get("HTTPHeaders", {})
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        place = headers.get("x-amz-bucket-region")
        if status == 404:
            return {"name": name, "state": "absent", "region": None}
        if status in (301, 400) or (place and place != region):
            return {"name": name, "state": "elsewhere", "region": place or "another region"}
        if status == 403:
            return {"name": name, "state": "foreign", "region": place}
        raise
    place = answer["ResponseMetadata"]["HTTPHeaders"].get("x-amz-bucket-region") or answer.get("BucketRegion")
    return {"name": name, "state": "here" if place in (None, region) else "elsewhere", "region": place or region}


def resources(account: Account) -> dict[str, Any] | None:
    """The artifact bucket, how it encrypts, whether this stack created it (its tags say so), and who else uses it.

    None where it is not there, and where it is somebody else's.
    """
    clients, names, name, region = account.clients, account.names, account.bucket, account.region
    if not name or where(clients, name, region)["state"] != "here":
        return None
    s3 = clients["s3"]
    tagging = absent(lambda: s3.get_bucket_tagging(Bucket=name), "NoSuchTagSet")
    policy = absent(lambda: s3.get_bucket_policy(Bucket=name), "NoSuchBucketPolicy")
    lifecycle = absent(lambda: s3.get_bucket_lifecycle_configuration(Bucket=name), "NoSuchLifecycleConfiguration")
    own = tags(tagging["TagSet"] if tagging else [])
    rules = {str(rule.get("ID", "")) for rule in (lifecycle or {}).get("Rules", [])}
    access = _access(s3, name, policy["Policy"] if policy else None)
    if not (names.stack in rules or own.get(STACK_TAG) in account.sharers or _serves(clients, names, name)):
        # The tag of another stack counts for that stack, unless it keeps no artifacts there: then it says nothing.
        shared = own.get(STACK_TAG) is None or own[STACK_TAG] in rules
        row = {"shared": shared, "hindrances": hindrances({"bucket": name, **access}, region)}
        if not account.owner.owns("bucket", name, name, own, adoptable=shared, **row):
            return None
    encryption = absent(lambda: s3.get_bucket_encryption(Bucket=name), "ServerSideEncryptionConfigurationNotFoundError")
    encrypting = encryption["ServerSideEncryptionConfiguration"]["Rules"] if encryption else []
    default: dict[str, Any] = next((rule["ApplyServerSideEncryptionByDefault"] for rule in encrypting), {})
    return {
        "bucket": name,
        "tags": own,
        "adopted": own.get(STACK_TAG) != names.stack,
        "shared_with": sharing_stacks(clients, names, lifecycle or {}, region),
        "policy": policy["Policy"] if policy else None,
        "encryption": default.get("SSEAlgorithm"),
        # The ARN is None also with aws:kms, where the key is the one that AWS manages.
        **key_facts(clients["kms"], default.get("KMSMasterKeyID")),
        **access,
    }


def _serves(clients: Mapping[str, Client], names: StackNames, name: str) -> bool:
    """Whether the stack's service keeps its artifacts in the bucket."""
    revision = newest_revision(clients["ecs"], names.task_family)
    if revision is None or tags(revision.get("tags"), "key", "value").get(STACK_TAG) != names.stack:
        return False
    containers = revision["taskDefinition"]["containerDefinitions"]
    places = [row["value"] for one in containers for row in one.get("environment", []) if row["name"] == ARTIFACTS]
    return any(place.partition("://")[2].partition("/")[0] == name for place in places)


def _access(s3: Client, name: str, policy: str | None) -> dict[str, Any]:
    """What lets others into the bucket, as far as a run would end it.

    ``grants`` are those of the ACL, empty where ACLs are off; ``public_policy`` and ``website`` are false where the
    bucket is closed to the public already.
    """
    ownership = absent(lambda: s3.get_bucket_ownership_controls(Bucket=name), "OwnershipControlsNotFoundError")
    rules = (ownership or {}).get("OwnershipControls", {}).get("Rules", [])
    blocked = absent(lambda: s3.get_public_access_block(Bucket=name), "NoSuchPublicAccessBlockConfiguration")
    block = (blocked or {}).get("PublicAccessBlockConfiguration", {})
    grants: list[str] = []
    if not any(rule.get("ObjectOwnership") == "BucketOwnerEnforced" for rule in rules):
        grants = _grants(s3.get_bucket_acl(Bucket=name))
    status = absent(lambda: s3.get_bucket_policy_status(Bucket=name), "NoSuchBucketPolicy") if policy else None
    website = None
    if not all(block.get(one) for one in _BLOCKS):
        website = absent(lambda: s3.get_bucket_website(Bucket=name), "NoSuchWebsiteConfiguration")
    return {
        "grants": grants,
        # S3 refuses to write it again, also where the block has made it void (user guide, "BlockPublicPolicy").
        "public_policy": bool((status or {}).get("PolicyStatus", {}).get("IsPublic")),
        "website": website is not None,
    }


def _grants(acl: Mapping[str, Any]) -> list[str]:
    """What an ACL grants to anybody but the owner of the bucket, in words."""
    owner = acl.get("Owner", {}).get("ID")
    found = []
    for grant in acl.get("Grants", []):
        grantee = grant.get("Grantee", {})
        who = grantee.get("URI", "").rpartition("/")[2] or grantee.get("DisplayName") or grantee.get("ID", "somebody")
        if grantee.get("URI") or grantee.get("ID") != owner:
            found.append(f"{grant.get('Permission')} to {who}")
    return sorted(found)


def hindrances(found: Mapping[str, Any], region: str) -> list[str]:
    """Why a bucket cannot be set up as the artifacts' bucket, one sentence each; none of what a run has set up.

    :param found: ``bucket``, ``grants``, ``public_policy`` and ``website`` of :func:`resources`.
    """
    name, sentences = found["bucket"], []
    if found.get("grants"):
        # S3 user guide, "Troubleshooting" of Object Ownership; terraform-provider-aws#26164
        sentences.append(
            f"storage_bucket: the ACL of bucket {name} grants {', '.join(found['grants'])}, and with such an ACL S3 "
            "refuses to give everything in the bucket to its owner (InvalidBucketAclWithObjectOwnership); grant it by "
            f"the bucket's policy and take the ACL back (aws s3api put-bucket-acl --bucket {name} --acl private "
            f"--region {region}), or choose another bucket"
        )
    if found.get("public_policy"):
        sentences.append(
            f"storage_bucket: the policy of bucket {name} is public, and a run closes the bucket to the public, after "
            "which S3 refuses to write that policy (BlockPublicPolicy); take out the statements that allow everybody "
            "something without a condition on where from, or choose another bucket"
        )
    if found.get("website"):
        sentences.append(
            f"storage_bucket: bucket {name} serves a website, which ends when a run closes the bucket to the public; "
            f"move the website elsewhere (aws s3api delete-bucket-website --bucket {name} --region {region}), or "
            "choose another bucket"
        )
    return sentences
