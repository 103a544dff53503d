# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the artifact bucket's variables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.storage.resources import hindrances
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._preflight.conflicts import overlapping
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._preflight.kms import key_problem

#: S3 user guide, "General purpose bucket naming rules".
_TAKEN_BEGINNINGS = ("xn--", "sthree-", "amzn-s3-demo-")
_TAKEN_ENDINGS = ("-s3alias", "--ol-s3", "--x-s3", "--table-s3")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


def input_problems(inputs: Mapping[str, Any]) -> list[str]:
    """Problems of ``storage_*`` variables that need no call to AWS."""
    found = []
    bucket = inputs["storage_bucket"]
    # S3 user guide, bucket naming rules. Dots break TLS to the bucket's own host name.
    if not _BUCKET.fullmatch(bucket) or "." in bucket:
        found.append(
            f"storage_bucket: '{bucket}' is not a bucket name; use 3 to 63 lower-case letters, digits and hyphens"
        )
    elif bucket.startswith(_TAKEN_BEGINNINGS) or bucket.endswith(_TAKEN_ENDINGS):
        found.append(
            f"storage_bucket: '{bucket}' begins or ends as names do that S3 keeps for itself "
            f"({', '.join((*_TAKEN_BEGINNINGS, *_TAKEN_ENDINGS))}); choose another"
        )
    for variable in ("storage_noncurrent_days", "storage_abort_upload_days"):
        if int(inputs[variable]) < 1:
            found.append(f"{variable}: {inputs[variable]}; S3 counts whole days, use 1 or more")
    keys = {"storage_kms_key_id": inputs["storage_kms_key_id"]}
    keys |= {f"storage_former_kms_key_ids[{n}]": key for n, key in enumerate(inputs["storage_former_kms_key_ids"])}
    region = inputs["stack_region"]
    found += [problem for variable, key in keys.items() if (problem := key_problem(variable, key, region))]
    return found


def account_problems(inputs: Mapping[str, Any], region: Mapping[str, Any], resources: Mapping[str, Any]) -> list[str]:
    """Problems that only AWS can show."""
    found = region_problems(inputs, region)
    return found + change_problems(inputs, resources)


def region_problems(inputs: Mapping[str, Any], region: Mapping[str, Any]) -> list[str]:
    """A bucket that lies elsewhere or belongs to somebody else."""
    bucket, found = inputs["storage_bucket"], region["bucket"]
    if found["state"] == "elsewhere":
        return [
            f"storage_bucket: '{bucket}' lies in region {found['region']}, the stack in {region['region']}; "
            f"choose a bucket in {region['region']}, a name that does not exist yet, or deploy to {found['region']}"
        ]
    if found["state"] == "foreign":
        return [
            f"storage_bucket: '{bucket}' exists, but these credentials may not use it (it may belong to another "
            "account); choose another name, or ask its owner for access"
        ]
    return []


def change_problems(inputs: Mapping[str, Any], resources: Mapping[str, Any]) -> list[str]:
    """Artifacts of another stack where this one would keep its own, or artifacts that a new key would lock away."""
    now = resources["storage"] or {}
    found = hindrances(now, inputs["stack_region"]) if now else []
    found += [
        f"stack_artifact_prefix: '{inputs['stack_artifact_prefix']}' of bucket {now['bucket']} meets "
        f"'{other['prefix']}', where the stack {other['stack']} keeps its artifacts; choose another prefix or another "
        "storage_bucket"
        for other in now.get("shared_with", [])
        if overlapping(inputs["stack_artifact_prefix"], other["prefix"])
    ]
    key, has = inputs["storage_kms_key_id"], now.get("kms_key_arn")
    # The bucket of somebody else keeps its own encryption unless the inventory names a key.
    stays = now.get("adopted") and not key
    if has and not stays and has not in (key, *inputs["storage_former_kms_key_ids"]):
        # Not "set storage_kms_key_id to it": that would lock away what the key of the inventory has encrypted.
        found.append(
            f"storage_kms_key_id: '{key}', but bucket {now['bucket']} encrypts with {has} so far, and what it holds "
            "cannot be read without that key; list it in storage_former_kms_key_ids"
        )
    return found
