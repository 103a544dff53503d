# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bucket that is there is taken for the artifacts only where it is the stack's, in use by it, or adopted by name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.storage import checks as preflight
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.storage import resources as bucket
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack import discovery
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.names import stack_names
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.ownership import foreign_problems
from botocore.exceptions import ClientError

from tests.unit.plugins.run_module import run_module

REGION, STACK, BUCKET = "eu-west-2", "bucket-user", "somebodys-bucket"
NAMES = stack_names(STACK, REGION)
ADOPT = f'-e \'{{"stack_adopt": ["{BUCKET}"]}}\''
EVERYBODY = {
    "Sid": "Website",
    "Effect": "Allow",
    "Principal": "*",
    "Action": "s3:GetObject",
    "Resource": f"arn:aws:s3:::{BUCKET}/*",
}


@pytest.fixture
def s3(aws: Any) -> Iterator[Any]:
    """S3 with a bucket that somebody made."""
    client = aws.client("s3")
    client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    yield client
    client.delete_bucket(Bucket=BUCKET)


def tag(s3: Any, **tags: str) -> None:
    rows = [{"Key": key.replace("__", ":"), "Value": value} for key, value in tags.items()]
    s3.put_bucket_tagging(Bucket=BUCKET, Tagging={"TagSet": rows})


def set_rules(s3: Any, *stacks: str) -> None:
    rules = [
        {
            "ID": stack,
            "Filter": {"Prefix": f"{stack}/"},
            "Status": "Enabled",
            "NoncurrentVersionExpiration": {"NoncurrentDays": 90},
        }
        for stack in stacks
    ]
    s3.put_bucket_lifecycle_configuration(Bucket=BUCKET, LifecycleConfiguration={"Rules": rules})


def read(aws: Any, *adopted: str, sharers: tuple[str, ...] = ()) -> tuple[dict[str, Any] | None, list[str]]:
    """What discovery holds of the bucket, and why a run is refused."""
    clients = {service: aws.client(service) for service in ("s3", "ecs", "kms", "secretsmanager")}
    account = discovery.account_of(clients, NAMES, region=REGION, bucket_name=BUCKET, adopted=adopted, sharers=sharers)
    found = bucket.resources(account)
    return found, foreign_problems(account.owner.foreign, STACK, REGION)


def test_a_bucket_of_somebody_is_refused_until_it_is_adopted(aws: Any, s3: Any) -> None:
    tag(s3, Owner="web-team")
    found, (sentence,) = read(aws)
    assert found is None
    assert sentence.startswith(
        f"storage_bucket: '{BUCKET}', but this bucket exists and has no tag mlflow:stack, so it belongs to somebody "
        "else; choose another name, or, if this stack may keep its artifacts in it"
    )
    assert sentence.endswith(ADOPT)
    for name in (BUCKET, "bucket"):
        found, problems = read(aws, name)
        assert found is not None
        assert (found["adopted"], found["tags"], problems) == (True, {"Owner": "web-team"}, [])


def test_the_tag_of_the_stack_makes_it_the_stacks(aws: Any, s3: Any) -> None:
    tag(s3, mlflow__stack=STACK)
    found, problems = read(aws)
    assert found is not None
    assert (found["adopted"], problems) == (False, [])


def test_what_is_tagged_for_another_stack_is_refused_whatever_is_adopted(aws: Any, s3: Any) -> None:
    tag(s3, mlflow__stack="another-stack", Owner="web-team")
    for adopted in ((), (BUCKET, "bucket")):
        found, (sentence,) = read(aws, *adopted)
        assert found is None
        assert sentence == (
            f"storage_bucket: '{BUCKET}', but this bucket exists and is tagged mlflow:stack=another-stack, so it "
            "belongs to somebody else; choose another name"
        )


def test_two_stacks_share_a_bucket_where_the_inventory_says_so_or_it_is_adopted(aws: Any, s3: Any) -> None:
    tag(s3, mlflow__stack="another-stack")
    found, problems = read(aws, sharers=("another-stack",))
    assert found is not None
    assert (found["adopted"], problems) == (True, [])
    assert read(aws, sharers=("a-third",))[0] is None
    # Of another inventory: it keeps its artifacts there, as its lifecycle rule shows.
    set_rules(s3, "another-stack")
    found, (sentence,) = read(aws)
    assert found is None
    assert sentence.endswith(ADOPT)
    assert read(aws, BUCKET)[1] == []


def test_a_bucket_in_use_is_not_asked_for_again(aws: Any, s3: Any) -> None:
    set_rules(s3, "somebody", STACK)
    assert read(aws)[1] == []


def test_the_artifacts_of_the_stacks_service_show_its_use_too(aws: Any, s3: Any) -> None:
    """Of an adopted bucket from which somebody has removed the lifecycle rule."""
    ecs = aws.client("ecs")
    places = {BUCKET: "mlflow:stack", "another-bucket": "mlflow:stack", f"{BUCKET}-2": "mlflow:stack"}
    places = {**places, f"{BUCKET} ": "Owner"}
    told = {}
    for name, key in places.items():
        revision = ecs.register_task_definition(
            family=NAMES.task_family,
            requiresCompatibilities=["FARGATE"],
            networkMode="awsvpc",
            cpu="256",
            memory="512",
            tags=[{"key": key, "value": STACK}],
            containerDefinitions=[
                {
                    "name": "mlflow",
                    "image": "python",
                    "environment": [{"name": bucket.ARTIFACTS, "value": f"s3://{name.strip()}/mlflow-artifacts"}],
                }
            ],
        )["taskDefinition"]["taskDefinitionArn"]
        told[name] = read(aws)[1]
        ecs.deregister_task_definition(taskDefinition=revision)
    assert [name for name, problems in told.items() if not problems] == [BUCKET]


def _acl(s3: Any) -> None:
    s3.put_bucket_acl(Bucket=BUCKET, ACL="public-read")


def _policy(s3: Any) -> None:
    s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps({"Version": "2012-10-17", "Statement": [EVERYBODY]}))


def _website(s3: Any) -> None:
    s3.put_bucket_website(Bucket=BUCKET, WebsiteConfiguration={"IndexDocument": {"Suffix": "index.html"}})


HINDRANCES = {
    _acl: "the ACL of bucket somebodys-bucket grants READ to AllUsers, and with such an ACL S3 refuses",
    _policy: "the policy of bucket somebodys-bucket is public, and a run closes",
    _website: "bucket somebodys-bucket serves a website, which ends",
}


@pytest.mark.parametrize("make", HINDRANCES, ids=lambda make: make.__name__)
def test_what_a_run_would_break_is_told_before_it(aws: Any, s3: Any, make: Any) -> None:
    make(s3)
    # Both at once, and after the adoption by itself.
    _found, (sentence, hindrance) = read(aws)
    assert sentence.endswith(ADOPT)
    assert hindrance.startswith(f"storage_bucket: {HINDRANCES[make]}")
    found, problems = read(aws, BUCKET)
    assert problems == []
    inputs: dict[str, Any] = {"stack_region": REGION, "stack_artifact_prefix": "x", "storage_kms_key_id": ""}
    inputs["storage_former_kms_key_ids"] = []
    assert preflight.change_problems(inputs, {"storage": found}) == [hindrance]
    # Nobody else's words about what nobody may adopt.
    tag(s3, mlflow__stack="another-stack")
    assert len(read(aws, BUCKET)[1]) == 1


def test_what_is_closed_already_is_no_hindrance(aws: Any, s3: Any) -> None:
    """A website that nobody reaches, and an ACL that means nothing."""
    _website(s3)
    closed = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    s3.put_public_access_block(Bucket=BUCKET, PublicAccessBlockConfiguration=dict.fromkeys(closed, True))
    enforced = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    s3.put_bucket_ownership_controls(Bucket=BUCKET, OwnershipControls=enforced)
    found, _problems = read(aws, BUCKET)
    assert found is not None
    assert bucket.hindrances(found, REGION) == []


def test_the_embedded_aws_refuses_what_s3_refuses(aws: Any, s3: Any) -> None:
    enforced = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    _acl(s3)
    with pytest.raises(ClientError, match="InvalidBucketAclWithObjectOwnership"):
        s3.put_bucket_ownership_controls(Bucket=BUCKET, OwnershipControls=enforced)
    s3.put_bucket_acl(Bucket=BUCKET, ACL="private")
    s3.put_bucket_ownership_controls(Bucket=BUCKET, OwnershipControls=enforced)
    s3.put_public_access_block(Bucket=BUCKET, PublicAccessBlockConfiguration={"BlockPublicPolicy": True})
    with pytest.raises(ClientError, match=r"AccessDenied.*BlockPublicPolicy"):
        _policy(s3)
    private = {**EVERYBODY, "Effect": "Deny"}
    s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps({"Version": "2012-10-17", "Statement": [private]}))


def test_the_module_refuses_and_adopts(aws: Any, s3: Any) -> None:
    args = {"name": STACK, "region": REGION, "bucket": BUCKET}
    (sentence,) = run_module("stack_info", args, env=aws.env)["problems"]
    assert sentence.endswith(ADOPT)
    assert run_module("stack_info", {**args, "adopt": [BUCKET]}, env=aws.env)["problems"] == []
    tag(s3, mlflow__stack="sharer")
    shared = run_module("stack_info", {**args, "bucket_sharers": ["sharer"]}, env=aws.env)
    assert (shared["problems"], shared["resources"]["storage"]["adopted"]) == ([], True)
