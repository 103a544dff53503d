# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bucket has its tags from the call that creates it, and one that exists is left alone."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest
from ansible_collections.mlops.mlflow_aws.plugins.modules.artifact_bucket import request
from botocore.validate import validate_parameters

from tests.unit.plugins.lost_answers import lossy
from tests.unit.plugins.run_module import run_module

TAGS = {"mlflow:stack": "one", "Number": 7}
IN_S3 = [{"Key": "mlflow:stack", "Value": "one"}, {"Key": "Number", "Value": "7"}]


@pytest.mark.parametrize(
    ("region", "tags", "configuration"),
    [
        ("eu-west-2", TAGS, {"LocationConstraint": "eu-west-2", "Tags": IN_S3}),
        # S3 refuses us-east-1 as a constraint: no constraint is that region.
        ("us-east-1", TAGS, {"Tags": IN_S3}),
        ("us-east-1", {}, None),
        ("eu-west-2", {}, {"LocationConstraint": "eu-west-2"}),
    ],
)
def test_the_request_has_the_tags(region: str, tags: dict[str, Any], configuration: dict[str, Any] | None) -> None:
    asked = request("one", region, tags)
    assert asked.get("CreateBucketConfiguration") == configuration
    shape = botocore.session.get_session().get_service_model("s3").operation_model("CreateBucket").input_shape
    validate_parameters(asked, shape)


@pytest.mark.parametrize("region", ["eu-west-2", "us-east-1"])
def test_it_is_made_once_and_then_left_alone(aws: Any, region: str) -> None:
    s3, name = aws.client("s3", region=region), f"tagged-at-once-{region}"
    args = {"name": name, "tags": TAGS, "region": region}
    told = run_module("artifact_bucket", args, aws.process_env, check=True)
    assert (told["changed"], told["tags"]) == (True, {"mlflow:stack": "one", "Number": "7"})
    assert name not in {row["Name"] for row in s3.list_buckets()["Buckets"]}
    made = run_module("artifact_bucket", args, aws.process_env)
    assert (made["changed"], made["tags"]) == (True, {"mlflow:stack": "one", "Number": "7"}), made
    assert s3.get_bucket_tagging(Bucket=name)["TagSet"] == IN_S3
    again = run_module("artifact_bucket", {**args, "tags": {"By": "another"}}, aws.process_env)
    assert (again["changed"], again["tags"]) == (False, {"mlflow:stack": "one", "Number": "7"})
    assert s3.get_bucket_tagging(Bucket=name)["TagSet"] == IN_S3
    s3.delete_bucket_tagging(Bucket=name)
    assert run_module("artifact_bucket", args, aws.process_env)["tags"] == {}
    s3.delete_bucket(Bucket=name)


def test_a_creation_that_is_killed_leaves_a_bucket_with_its_tags(aws: Any) -> None:
    """The answer never comes, and the run ends: the next one finds its own bucket."""
    name = "killed-at-creation"
    args = {"name": name, "tags": TAGS, "region": "eu-west-2"}
    with lossy(aws.endpoint, f"PUT /{name}") as way:
        env = {**aws.process_env, "AWS_ENDPOINT_URL": way.url}
        run_module("artifact_bucket", args, env)
        assert way.lost == 1
    s3 = aws.client("s3")
    assert s3.get_bucket_tagging(Bucket=name)["TagSet"] == IN_S3
    s3.delete_bucket(Bucket=name)


def test_what_s3_refuses_is_told(aws: Any) -> None:
    told = run_module("artifact_bucket", {"name": "xy", "tags": {}, "region": "eu-west-2"}, aws.process_env)
    assert told["msg"].startswith("Creating the bucket xy failed: "), told
