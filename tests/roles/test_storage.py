# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bucket that the role makes, and one that it adopts."""

from __future__ import annotations

import json
from typing import Any

from tests.roles.scenario import BUCKET, STACK, Scenario, tags

ADOPTED = f"{STACK}-adopted"
PLAN = {f"create bucket {BUCKET}", f"create lifecycle rule {STACK}"}
CLOSED = ["BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"]


def allow_plain_http(scenario: Scenario) -> None:
    scenario.aws("s3").delete_bucket_policy(Bucket=BUCKET)


def publish(scenario: Scenario) -> None:
    scenario.aws("s3").delete_public_access_block(Bucket=BUCKET)


def suspend_versions(scenario: Scenario) -> None:
    scenario.aws("s3").put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Suspended"})


def keep_versions(scenario: Scenario) -> None:
    scenario.aws("s3").delete_bucket_lifecycle(Bucket=BUCKET)


#: One bucket is one line of the plan.
_IN_BUCKET = (
    f"change bucket {BUCKET}: policy.Statement, policy.Version, public_access.block_public_acls, "
    "public_access.block_public_policy, public_access.ignore_public_acls, public_access.restrict_public_buckets, "
    "versioning"
)
DRIFTS = {
    allow_plain_http: _IN_BUCKET,
    publish: _IN_BUCKET,
    suspend_versions: _IN_BUCKET,
    keep_versions: f"create lifecycle rule {STACK}",
}
CHANGE: dict[str, Any] = {
    "storage_noncurrent_days": 30,
    "stack_artifact_prefix": "models",
    "stack_tags": {"Team": "fraud"},
}


def policy(scenario: Scenario, bucket: str) -> dict[str, Any]:
    return dict(json.loads(scenario.aws("s3").get_bucket_policy(Bucket=bucket)["Policy"]))


def rules(scenario: Scenario, bucket: str) -> dict[str, Any]:
    """The lifecycle rules by their ids."""
    return {row["ID"]: row for row in scenario.aws("s3").get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]}


def encryption(scenario: Scenario, bucket: str) -> dict[str, str]:
    found = scenario.aws("s3").get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    return dict(found[0]["ApplyServerSideEncryptionByDefault"])


def versioning(scenario: Scenario, bucket: str) -> str:
    return str(scenario.aws("s3").get_bucket_versioning(Bucket=bucket).get("Status"))


def marks(scenario: Scenario, bucket: str) -> dict[str, str]:
    return tags(scenario.aws("s3").get_bucket_tagging(Bucket=bucket)["TagSet"])


def test_the_plan_of_a_first_run(planned: list[str]) -> None:
    assert set(planned) == PLAN


def test_it_is_versioned_encrypted_and_closed(applied: Scenario) -> None:
    assert versioning(applied, BUCKET) == "Enabled"
    assert encryption(applied, BUCKET) == {"SSEAlgorithm": "AES256"}
    closed = applied.aws("s3").get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"]
    assert closed == dict.fromkeys(CLOSED, True)
    assert marks(applied, BUCKET) == {"mlflow:stack": STACK, "mlflow:component": "storage"}


def test_it_takes_tls_only(applied: Scenario) -> None:
    (statement,) = policy(applied, BUCKET)["Statement"]
    assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "s3:*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert statement["Resource"] == [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"]


def test_old_versions_go(applied: Scenario) -> None:
    (rule,) = rules(applied, BUCKET).values()
    assert (rule["ID"], rule["Status"]) == (STACK, "Enabled")
    assert rule["NoncurrentVersionExpiration"]["NoncurrentDays"] == 90
    assert rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"] == 7


def test_old_versions_go_sooner(changed: Scenario) -> None:
    # And the rule of the former prefix has not stayed behind.
    (rule,) = rules(changed, BUCKET).values()
    assert (rule["ID"], rule["Filter"]) == (STACK, {"Prefix": "models/"})
    assert rule["NoncurrentVersionExpiration"]["NoncurrentDays"] == 30
    assert marks(changed, BUCKET)["Team"] == "fraud"


def test_somebodys_bucket_is_adopted_and_left_as_it_is_else(changed: Scenario) -> None:
    s3 = changed.aws("s3")
    key = changed.aws("kms").create_key()["KeyMetadata"]["Arn"]
    s3.create_bucket(Bucket=ADOPTED, CreateBucketConfiguration={"LocationConstraint": "eu-west-2"})
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    s3.put_bucket_encryption(
        Bucket=ADOPTED,
        ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": default}]},
    )
    s3.put_bucket_tagging(Bucket=ADOPTED, Tagging={"TagSet": [{"Key": "Owner", "Value": "somebody"}]})
    theirs = {
        "Sid": "Theirs",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:DeleteBucket",
        "Resource": f"arn:aws:s3:::{ADOPTED}",
    }
    # A statement alone, without a list, is a policy too.
    s3.put_bucket_policy(
        Bucket=ADOPTED, Policy=json.dumps({"Version": "2008-10-17", "Id": "theirs", "Statement": theirs})
    )
    rule = {"ID": "theirs", "Filter": {"Prefix": "reports/"}, "Status": "Enabled", "Expiration": {"Days": 30}}
    s3.put_bucket_lifecycle_configuration(Bucket=ADOPTED, LifecycleConfiguration={"Rules": [rule]})

    changed.apply("adopt", storage_bucket=ADOPTED, stack_adopt=[ADOPTED]).assert_good()
    # Asked for once: the lifecycle rule shows that the stack uses it.
    changed.apply("adopt again", storage_bucket=ADOPTED).assert_nothing_changed()

    assert versioning(changed, ADOPTED) == "Enabled"
    assert encryption(changed, ADOPTED) == default
    assert marks(changed, ADOPTED) == {"Owner": "somebody"}
    assert set(rules(changed, ADOPTED)) == {STACK, "theirs"}
    found = policy(changed, ADOPTED)
    assert [row["Sid"] for row in found["Statement"]] == ["Theirs", "MlflowTlsOnly"]
    assert (found["Id"], found["Version"]) == ("theirs", "2008-10-17")
