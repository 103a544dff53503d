# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the settings of the artifact bucket and its lifecycle rules."""

from __future__ import annotations

from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.account import Found
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.fields import Row
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.reading import absent, tags


def rows(found: Found) -> dict[str, list[Row]]:
    """The bucket with the answers of the APIs that describe it, and the lifecycle rules that have an id."""
    if found.resources["storage"] is None:
        return {}
    s3, name = found.clients["s3"], found.account.bucket

    def read(operation: str, key: str, missing: str) -> Any:
        """What an operation answers; an empty mapping where nothing is configured."""
        answer = absent(lambda: getattr(s3, operation)(Bucket=name), missing)
        return answer[key] if answer else {}

    described = {
        "Versioning": s3.get_bucket_versioning(Bucket=name),
        "Encryption": read(
            "get_bucket_encryption",
            "ServerSideEncryptionConfiguration",
            "ServerSideEncryptionConfigurationNotFoundError",
        ),
        "Ownership": read("get_bucket_ownership_controls", "OwnershipControls", "OwnershipControlsNotFoundError"),
        "PublicAccess": read(
            "get_public_access_block", "PublicAccessBlockConfiguration", "NoSuchPublicAccessBlockConfiguration"
        ),
        "Policy": read("get_bucket_policy", "Policy", "NoSuchBucketPolicy") or "{}",
    }
    own = tags(read("get_bucket_tagging", "TagSet", "NoSuchTagSet") or [])
    rules = read("get_bucket_lifecycle_configuration", "Rules", "NoSuchLifecycleConfiguration") or []
    return {
        "bucket": [Row(name, described, own, (f"arn:aws:s3:::{name}",))],
        "lifecycle rule": [Row(rule["ID"], rule) for rule in rules if "ID" in rule],
    }
