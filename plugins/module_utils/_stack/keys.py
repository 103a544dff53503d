# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The KMS keys that encrypt secrets and artifacts, and what is wrong with those that cannot be used.

A key that is gone ends no discovery: a destroy has no need of it, and a run says what it encrypts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.reading import Client

try:
    from botocore.exceptions import ClientError
except ImportError:  # AnsibleAWSModule reports the missing library
    ClientError = Exception

#: What DescribeKey answers of an alias or a key that is not there, or that the caller may not see.
_UNREAD = ("NotFoundException", "AccessDeniedException")
#: States (API KeyMetadata, KeyState) of a key that works or is about to.
_WORKING = frozenset({"Enabled", "Creating", "Updating"})


def key_facts(kms: Client, key: str | None) -> dict[str, Any]:
    """``kms_key_arn`` of a key that AWS named by ARN, id or alias, and ``kms_key_fault``, why it cannot be used.

    The ARN is None for the key that AWS manages by itself, and for one that cannot be read. The fault is None, or
    ``key`` as AWS named it and ``why``: a code of AWS or a state of the key.

    Of a key that AWS manages nothing is asked: its policy lets everybody use it whom the service lets in (KMS developer
    guide, "AWS managed keys"), and a deployer has no right to it. Nor of one that is named by its ARN, which a deployer
    may use by way of the service only.
    """
    if key is None or key.rpartition(":")[2].startswith("alias/aws/"):
        return {"kms_key_arn": None, "kms_key_fault": None}
    if key.partition(":key/")[1]:
        return {"kms_key_arn": key, "kms_key_fault": None}
    try:
        found = kms.describe_key(KeyId=key)["KeyMetadata"]
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code not in _UNREAD:
            raise
        return {"kms_key_arn": None, "kms_key_fault": {"key": key, "why": code}}
    state = found.get("KeyState", "Enabled")
    return {
        "kms_key_arn": found["Arn"],
        "kms_key_fault": None if state in _WORKING else {"key": key, "why": state},
    }


def key_problems(resources: Mapping[str, Any], region: str) -> list[str]:
    """A sentence for each resource whose key cannot be used: its variable, the resource, the key and the remedy.

    :param resources: what discovery found.
    """
    return [
        f"{variable}: the {resource} is encrypted with the KMS key {fault['key']}, {_why(fault, region)}{instead}"
        for variable, resource, fault, instead in _faults(resources, region)
    ]


def _faults(resources: Mapping[str, Any], region: str) -> Iterator[tuple[str, str, Mapping[str, str], str]]:
    """Variable, resource, fault, and how to use another key."""
    living = {use: row for use, row in (resources["secrets"] or {}).items() if row}
    for row in {**resources["deleted_secrets"], **living}.values():
        if row["kms_key_fault"]:
            yield (
                "secrets_kms_key_id" if row["mine"] else "stack_db_master_secret_arn",
                f"secret {row['name']}",
                row["kms_key_fault"],
                # A secret that is encrypted anew is decrypted with the key that its value names, not with the alias.
                ", or have AWS encrypt the secret with another key: aws secretsmanager update-secret --region "
                f"{region} --secret-id {row['name']} --kms-key-id KEY",
            )
    bucket = resources["storage"]
    if bucket and bucket["kms_key_fault"]:
        yield (
            "storage_kms_key_id",
            f"bucket {bucket['bucket']}",
            bucket["kms_key_fault"],
            f", or give the bucket another default key (aws s3api put-bucket-encryption --region {region})",
        )


def _why(fault: Mapping[str, str], region: str) -> str:
    key, why = fault["key"], fault["why"]
    alias = key.partition("alias/")[2]
    if why == "AccessDeniedException":
        return "which this run may not see; allow it kms:DescribeKey on that key (docs/deployer-policy.json)"
    if why == "NotFoundException" and alias:
        return (
            "which does not exist; create the alias again for the key that it had: aws kms create-alias --region "
            f"{region} --alias-name alias/{alias} --target-key-id KEY"
        )
    if why == "NotFoundException":
        return "which does not exist, so that nobody can read what it encrypts; store that again with another key"
    if why == "PendingDeletion":
        return (
            f"which waits for its deletion; cancel that: aws kms cancel-key-deletion --region {region} --key-id KEY, "
            f"and then aws kms enable-key --region {region} --key-id KEY"
        )
    if why == "Disabled":
        return f"which is disabled; enable it: aws kms enable-key --region {region} --key-id KEY"
    return f"whose state is {why}; make it usable"
