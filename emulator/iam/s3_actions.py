# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which IAM action and resource an S3 request is.

Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon S3"; S3 User Guide,
"Required permissions for Amazon S3 API operations".
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from emulator.iam.signatures import HttpRequest

#: Sub-resource of a bucket -> name of its permission after Get or Put.
_BUCKET = {
    "accelerate": "AccelerateConfiguration",
    "acl": "BucketAcl",
    "analytics": "AnalyticsConfiguration",
    "cors": "BucketCORS",
    "encryption": "EncryptionConfiguration",
    "intelligent-tiering": "IntelligentTieringConfiguration",
    "inventory": "InventoryConfiguration",
    "lifecycle": "LifecycleConfiguration",
    "location": "BucketLocation",
    "logging": "BucketLogging",
    "metrics": "MetricsConfiguration",
    "notification": "BucketNotification",
    "object-lock": "BucketObjectLockConfiguration",
    "ownershipControls": "BucketOwnershipControls",
    "policy": "BucketPolicy",
    "policyStatus": "BucketPolicyStatus",
    "publicAccessBlock": "BucketPublicAccessBlock",
    "replication": "ReplicationConfiguration",
    "requestPayment": "BucketRequestPayment",
    "tagging": "BucketTagging",
    "versioning": "BucketVersioning",
    "website": "BucketWebsite",
}
#: Sub-resource of an object -> name of its permission after Get, Put or Delete.
_OBJECT = {
    "acl": "ObjectAcl",
    "tagging": "ObjectTagging",
    "retention": "ObjectRetention",
    "legal-hold": "ObjectLegalHold",
    "attributes": "ObjectAttributes",
    "torrent": "ObjectTorrent",
}


@dataclass(frozen=True)
class S3Action:
    """An IAM action on a bucket or an object; both are empty for the whole account."""

    action: str
    bucket: str = ""
    key: str = ""

    @property
    def arn(self) -> str:
        """The resource as policies name it."""
        if not self.bucket:
            return "*"
        return f"arn:aws:s3:::{self.bucket}" + (f"/{self.key}" if self.key else "")


def s3_actions(request: HttpRequest) -> list[S3Action]:
    """The actions that the caller of ``request`` must be allowed, all of them.

    ``DeleteObjects`` needs one for each key: here one denied key refuses the whole request.
    """
    bucket, _, raw_key = request.path.lstrip("/").partition("/")
    bucket, key = unquote(bucket), unquote(raw_key)
    arguments = dict(request.arguments())
    if not bucket:
        return [S3Action("s3:ListAllMyBuckets")]
    if key:
        return _object_actions(request, bucket, key, arguments)
    if request.method == "POST" and "delete" in arguments:
        return _delete_many(request.body, bucket)
    action = _bucket_action(request.method, arguments)
    found = [S3Action(f"s3:{action}", bucket)]
    if action == "CreateBucket" and _has_tags(request.body):
        # API CreateBucket, "Permissions": general purpose buckets with tags
        found.append(S3Action("s3:TagResource", bucket))
    return found


def _has_tags(body: bytes) -> bool:
    try:
        return any(node.tag.rpartition("}")[2] == "Tag" for node in ElementTree.fromstring(body).iter())
    except ElementTree.ParseError:
        return False


def _bucket_action(method: str, arguments: Mapping[str, str]) -> str:
    part = next((name for name in arguments if name in _BUCKET), None)
    if part:
        if method in ("GET", "HEAD"):
            return f"Get{_BUCKET[part]}"
        if method == "DELETE" and part in ("policy", "website"):
            return f"Delete{_BUCKET[part]}"
        return f"Put{_BUCKET[part]}"
    if method in ("GET", "HEAD"):
        if "versions" in arguments:
            return "ListBucketVersions"
        return "ListBucketMultipartUploads" if "uploads" in arguments else "ListBucket"
    return {"PUT": "CreateBucket", "DELETE": "DeleteBucket"}.get(method, "PutObject")


def _object_actions(request: HttpRequest, bucket: str, key: str, arguments: Mapping[str, str]) -> list[S3Action]:
    method = request.method
    part = next((name for name in arguments if name in _OBJECT), None)
    version = "Version" if "versionId" in arguments else ""
    if method == "POST":
        name = {"restore": "RestoreObject", "select": "GetObject"}
        return [S3Action("s3:" + next((name[a] for a in arguments if a in name), "PutObject"), bucket, key)]
    verb = {"GET": "Get", "HEAD": "Get", "PUT": "Put", "DELETE": "Delete"}.get(method, "Get")
    if part:
        what = _OBJECT[part]
        if version and part in ("acl", "tagging", "attributes"):
            what = what.replace("Object", "ObjectVersion")
        return [S3Action(f"s3:{verb}{what}", bucket, key)]
    if "uploadId" in arguments and method in ("GET", "DELETE"):
        return [S3Action("s3:ListMultipartUploadParts" if method == "GET" else "s3:AbortMultipartUpload", bucket, key)]
    found = [S3Action(f"s3:{verb}Object{version if method != 'PUT' else ''}", bucket, key)]
    source = request.headers.get("x-amz-copy-source")
    if method == "PUT" and source:
        from_bucket, _, from_key = unquote(source.partition("?")[0]).lstrip("/").partition("/")
        from_version = "Version" if "versionId=" in source else ""
        found.append(S3Action(f"s3:GetObject{from_version}", from_bucket, from_key))
    return found


def _delete_many(body: bytes, bucket: str) -> list[S3Action]:
    try:
        tree = ElementTree.fromstring(body)
    except ElementTree.ParseError:
        return [S3Action("s3:DeleteObject", bucket)]
    found = []
    for node in tree.iter():
        if node.tag.rsplit("}", 1)[-1] != "Object":
            continue
        fields = {child.tag.rsplit("}", 1)[-1]: child.text or "" for child in node}
        version = "Version" if fields.get("VersionId") else ""
        found.append(S3Action(f"s3:DeleteObject{version}", bucket, fields.get("Key", "")))
    return found or [S3Action("s3:DeleteObject", bucket)]
