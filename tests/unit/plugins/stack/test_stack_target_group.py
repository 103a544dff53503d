# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A target group has its tags from the call that creates it, and one that exists is left alone."""

from __future__ import annotations

from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.modules.target_group import ARGUMENTS, request

from tests.unit.plugins.run_module import run_module

REGION = "eu-west-2"


def _options(**given: Any) -> dict[str, Any]:
    return {name: given.get(name, spec.get("default")) for name, spec in ARGUMENTS.items()}


def test_the_request_has_the_tags_and_nothing_that_was_not_asked_for() -> None:
    given = _options(name="one", port=5000, vpc_id="vpc-1", tags={"mlflow:stack": "one", "Number": 7})
    assert request(given) == {
        "Name": "one",
        "Protocol": "HTTP",
        "Port": 5000,
        "VpcId": "vpc-1",
        "TargetType": "ip",
        "Tags": [{"Key": "mlflow:stack", "Value": "one"}, {"Key": "Number", "Value": "7"}],
    }
    checked = {
        "health_check_path": "/health",
        "health_check_protocol": "http",
        "health_check_interval": 10,
        "health_check_timeout": 5,
        "healthy_threshold_count": 2,
        "unhealthy_threshold_count": 3,
        "successful_response_codes": "200",
    }
    asked = request({**given, **checked})
    assert {key: asked[key] for key in asked if key.startswith(("Health", "Unhealthy", "Matcher"))} == {
        "HealthCheckPath": "/health",
        "HealthCheckProtocol": "HTTP",
        "HealthCheckIntervalSeconds": 10,
        "HealthCheckTimeoutSeconds": 5,
        "HealthyThresholdCount": 2,
        "UnhealthyThresholdCount": 3,
        "Matcher": {"HttpCode": "200"},
    }


def test_it_is_made_once_and_then_left_alone(aws: Any) -> None:
    ec2, elb = aws.client("ec2"), aws.client("elbv2")
    vpc = ec2.create_vpc(CidrBlock="10.44.0.0/16")["Vpc"]["VpcId"]
    args = {
        "name": "tagged-at-once",
        "port": 5000,
        "vpc_id": vpc,
        "health_check_path": "/health",
        "tags": {"mlflow:stack": "one"},
        "region": REGION,
    }
    told = run_module("target_group", args, aws.process_env, check=True)
    assert (told["changed"], told["target_group_arn"]) == (True, None)
    made = run_module("target_group", args, aws.process_env)
    assert made["changed"] is True, made
    arn = made["target_group_arn"]
    assert elb.describe_tags(ResourceArns=[arn])["TagDescriptions"][0]["Tags"] == [
        {"Key": "mlflow:stack", "Value": "one"}
    ]
    again = run_module("target_group", {**args, "port": 5001, "tags": {"By": "another"}}, aws.process_env)
    assert (again["changed"], again["target_group_arn"]) == (False, arn)
    assert len(elb.describe_tags(ResourceArns=[arn])["TagDescriptions"][0]["Tags"]) == 1
    elb.delete_target_group(TargetGroupArn=arn)


def test_what_elb_refuses_is_told(aws: Any) -> None:
    args = {"name": "no-such-vpc", "port": 5000, "vpc_id": "vpc-0", "tags": {}, "region": REGION}
    told = run_module("target_group", args, aws.process_env)
    assert told["msg"].startswith("Creating the target group no-such-vpc failed: ")
