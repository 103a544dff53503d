# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the embedded AWS conducts calls: what it refuses by the models and the API pages, client tokens, first uses."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError

from emulator.conduct.calls import ApiCall, as_tree
from emulator.conduct.validation import check
from emulator.iam.errors import Protocol
from tests.embedded import EmbeddedAws


def name(prefix: str) -> str:
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


def refused(call: Callable[..., Any], **parameters: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as failure:
        call(**parameters)
    error = failure.value.response["Error"]
    return str(error["Code"]), str(error["Message"])


# --- requests are held against the models

#: service, operation, parameters, code, words: a value too short, too long, out of range, no match, not one of a set.
BROKEN: list[tuple[str, str, dict[str, Any], str, str]] = [
    (
        "iam",
        "create_role",
        {"RoleName": "a b", "AssumeRolePolicyDocument": "{}"},
        "ValidationError",
        "regular expression",
    ),
    ("iam", "get_role", {"RoleName": "x" * 65}, "ValidationError", "less than or equal to 64"),
    ("iam", "tag_role", {"RoleName": "x", "Tags": [{"Key": "a?", "Value": "b"}]}, "ValidationError", "Tags.1.Key"),
    ("ecs", "list_tasks", {"desiredStatus": "GONE"}, "InvalidParameterException", "enum value set"),
    ("logs", "create_log_group", {"logGroupName": "a b"}, "InvalidParameterException", "regular expression"),
    ("logs", "describe_log_groups", {"limit": 51}, "InvalidParameterException", "less than or equal to 50"),
    ("elbv2", "describe_load_balancers", {"PageSize": 401}, "ValidationError", "less than or equal to 400"),
    ("elbv2", "create_target_group", {"Name": "x", "Protocol": "SMTP"}, "ValidationError", "enum value set"),
    ("elbv2", "create_target_group", {"Name": "x", "Port": 70000}, "ValidationError", "less than or equal to 65535"),
    ("ec2", "describe_vpcs", {"MaxResults": 1001}, "InvalidParameterValue", "less than or equal to 1000"),
    ("ec2", "create_vpc", {"CidrBlock": "10.0.0.0/16", "InstanceTenancy": "x"}, "InvalidParameterValue", "enum value"),
    (
        "secretsmanager",
        "create_secret",
        {"Name": "a", "ClientRequestToken": "x" * 65},
        "ValidationException",
        "less than or equal to 64",
    ),
    (
        "application-autoscaling",
        "describe_scalable_targets",
        {"ServiceNamespace": "ecss"},
        "ValidationException",
        "enum value set",
    ),
    ("rds", "describe_db_instances", {"MaxRecords": 19}, "InvalidParameterValue", "Must be between 20 and 100"),
]


@pytest.mark.parametrize(("service", "operation", "parameters", "code", "words"), BROKEN)
def test_a_request_that_breaks_a_constraint_is_refused(
    aws: EmbeddedAws, service: str, operation: str, parameters: dict[str, Any], code: str, words: str
) -> None:
    told = refused(getattr(aws.client(service), operation), **parameters)
    assert told[0] == code
    assert words in told[1]


def test_unknown_and_missing_parameters_are_refused() -> None:
    """A client of boto3 sends none; others do."""

    def told(service: str, action: str, protocol: Protocol, **parameters: Any) -> str:
        with pytest.raises(Exception, match=r"parameter") as failure:
            check(ApiCall(service, action, protocol, "1", "eu-west-2", parameters))
        return str(failure.value)

    assert told("ec2", "CreateVpc", Protocol.EC2, **{"CidrBlock": "x", "Nmae": "y"}).endswith("Nmae is not recognized")
    assert "RoleName" in told("iam", "GetRole", Protocol.QUERY, Version="2010-05-08")
    assert "clusterr is not recognized" in told("ecs", "CreateCluster", Protocol.JSON, clusterr="x")


def test_a_refusal_shows_no_secret(aws: EmbeddedAws) -> None:
    told = refused(aws.client("secretsmanager").create_secret, Name=name("s"), SecretString="needle" * 11000)
    assert "less than or equal to 65536" in told[1]
    assert "needle" not in told[1]


@pytest.mark.parametrize("service", ["ec2", "iam", "ecs", "elbv2", "rds", "logs", "secretsmanager"])
def test_every_pattern_of_the_models_can_be_read(service: str) -> None:
    """One that Python cannot read would be skipped in silence."""
    from emulator.conduct.validation import _compiled

    model = botocore.session.get_session().get_service_model(service)
    patterns = {str(model.shape_for(each).metadata.get("pattern", "")) for each in model.shape_names}
    assert [pattern for pattern in patterns if pattern and _compiled(pattern) is None] == []


def test_a_tree_of_parameters() -> None:
    fields = {"Filter.1.Name": "a", "Filter.1.Value.1": "b", "Filter.10.Name": "c", "Tags": "", "Id": "x"}
    assert as_tree(fields) == {
        "Filter": {"1": {"Name": "a", "Value": {"1": "b"}}, "10": {"Name": "c"}},
        "Tags": "",
        "Id": "x",
    }


# --- parameters that exclude each other

ARN = "arn:aws:elasticloadbalancing:eu-west-2:123456789012:loadbalancer/app/x/1"
INVALID = "InvalidParameterException"
TOGETHER: list[tuple[str, str, dict[str, Any], str]] = [
    ("elbv2", "describe_load_balancers", {"Names": ["x"], "PageSize": 10}, "ValidationError"),
    ("elbv2", "describe_load_balancers", {"Names": ["x"], "LoadBalancerArns": [ARN]}, "ValidationError"),
    ("elbv2", "describe_target_groups", {"Names": ["x"], "LoadBalancerArn": ARN}, "ValidationError"),
    ("elbv2", "describe_listeners", {}, "ValidationError"),
    ("elbv2", "set_subnets", {"LoadBalancerArn": ARN}, "ValidationError"),
    ("logs", "describe_log_groups", {"logGroupNamePrefix": "a", "logGroupNamePattern": "b"}, INVALID),
    ("secretsmanager", "create_secret", {"Name": "x", "SecretString": "a", "SecretBinary": b"b"}, INVALID),
    ("ec2", "describe_instances", {"InstanceIds": ["i-1"], "MaxResults": 5}, "InvalidParameterCombination"),
]  # fmt: skip


@pytest.mark.parametrize(("service", "operation", "parameters", "code"), TOGETHER)
def test_parameters_that_exclude_each_other(
    aws: EmbeddedAws, service: str, operation: str, parameters: dict[str, Any], code: str
) -> None:
    told = refused(getattr(aws.client(service), operation), **parameters)
    assert told[0] == code
    assert "cannot be specified at the same time" in told[1] or "must be specified" in told[1]


# --- tags

REFUSED_TAGS = [
    ({"Key": "aws:x", "Value": "y"}, 'Tag keys cannot start with the reserved prefix "aws:".'),
    ({"Key": "RDS:x", "Value": "y"}, 'Tag keys cannot start with the reserved prefix "rds:".'),
    ({"Key": "x", "Value": "aws:cdk"}, 'Tag values cannot start with the reserved prefix "aws:".'),
    ({"Key": "x", "Value": "off(M-F,18)"}, "Tag values may only contain unicode letters"),
]


@pytest.mark.parametrize(("tag", "words"), REFUSED_TAGS)
def test_tags_that_rds_does_not_take(aws: EmbeddedAws, tag: dict[str, str], words: str) -> None:
    rds = aws.client("rds")
    group = {"DBParameterGroupName": name("g"), "DBParameterGroupFamily": "postgres15", "Description": "x"}
    code, told = refused(rds.create_db_parameter_group, **group, Tags=[tag])
    assert (code, told[: len(words)]) == ("InvalidParameterValue", words)
    made = rds.create_db_parameter_group(**group, Tags=[{"Key": "x", "Value": "Größe a+b"}])["DBParameterGroup"]
    assert refused(rds.add_tags_to_resource, ResourceName=made["DBParameterGroupArn"], Tags=[tag])[1] == told


# --- client tokens, and one route for a prefix list


def test_a_client_token_makes_a_second_call_the_first(aws: EmbeddedAws) -> None:
    ec2 = aws.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.44.0.0/16")["Vpc"]["VpcId"]
    other = ec2.create_vpc(CidrBlock="10.45.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.44.1.0/24")["Subnet"]["SubnetId"]
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    token = name("token")
    first, again = (ec2.create_route_table(VpcId=vpc, ClientToken=token)["RouteTable"] for _ in range(2))
    assert first == again
    assert refused(ec2.create_route_table, VpcId=other, ClientToken=token)[0] == "IdempotentParameterMismatch"
    assert ec2.create_route_table(VpcId=vpc, ClientToken=name("token"))["RouteTable"] != first

    made = {"SubnetId": subnet, "AllocationId": address, "ClientToken": token}
    first, again = (ec2.create_nat_gateway(**made)["NatGateway"]["NatGatewayId"] for _ in range(2))
    assert first == again
    found = ec2.describe_nat_gateways(Filters=[{"Name": "subnet-id", "Values": [subnet]}])["NatGateways"]
    assert [row["NatGatewayId"] for row in found] == [first]
    assert refused(ec2.create_nat_gateway, **{**made, "ConnectivityType": "public"})[0] == "IdempotentParameterMismatch"


def test_a_call_that_failed_may_be_made_again_with_its_token(aws: EmbeddedAws) -> None:
    ec2 = aws.client("ec2")
    token = name("token")
    assert (
        refused(ec2.create_route_table, VpcId="vpc-00000000000000000", ClientToken=token)[0] == "InvalidVpcID.NotFound"
    )
    vpc = ec2.create_vpc(CidrBlock="10.46.0.0/16")["Vpc"]["VpcId"]
    assert ec2.create_route_table(VpcId=vpc, ClientToken=token)["RouteTable"]["VpcId"] == vpc


def test_a_route_table_has_one_gateway_endpoint_of_a_service(aws: EmbeddedAws) -> None:
    ec2 = aws.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.47.0.0/16")["Vpc"]["VpcId"]
    tables = [ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"] for _ in range(2)]
    endpoint = {"VpcId": vpc, "ServiceName": "com.amazonaws.eu-west-2.s3", "VpcEndpointType": "Gateway"}
    first = ec2.create_vpc_endpoint(**endpoint, RouteTableIds=tables[:1])["VpcEndpoint"]["VpcEndpointId"]
    code, words = refused(ec2.create_vpc_endpoint, **endpoint, RouteTableIds=tables)
    assert code == "RouteAlreadyExists"
    assert words.startswith(f"route table {tables[0]} already has a route with destination-prefix-list-id pl-")
    second = ec2.create_vpc_endpoint(**endpoint, RouteTableIds=tables[1:])["VpcEndpoint"]["VpcEndpointId"]
    told = refused(ec2.modify_vpc_endpoint, VpcEndpointId=first, AddRouteTableIds=tables[1:])
    assert told[0] == "RouteAlreadyExists"
    ec2.delete_vpc_endpoints(VpcEndpointIds=[second])
    ec2.modify_vpc_endpoint(VpcEndpointId=first, AddRouteTableIds=tables[1:])
    # Another service has a prefix list of its own.
    ec2.create_vpc_endpoint(**{**endpoint, "ServiceName": "com.amazonaws.eu-west-2.dynamodb"}, RouteTableIds=tables)


def test_a_service_has_one_private_name_in_a_vpc(aws: EmbeddedAws) -> None:
    ec2 = aws.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.48.0.0/16")["Vpc"]["VpcId"]
    endpoint = {"VpcId": vpc, "ServiceName": "com.amazonaws.eu-west-2.logs", "VpcEndpointType": "Interface"}
    ec2.create_vpc_endpoint(**endpoint, PrivateDnsEnabled=True)
    assert "conflicting DNS domain" in refused(ec2.create_vpc_endpoint, **endpoint, PrivateDnsEnabled=True)[1]
    ec2.create_vpc_endpoint(**endpoint, PrivateDnsEnabled=False)


# --- service-linked roles


def test_the_first_use_of_a_service_makes_its_role(aws: EmbeddedAws) -> None:
    aws.client("ecs").create_cluster(clusterName=name("c"))
    role = aws.client("iam").get_role(RoleName="AWSServiceRoleForECS")["Role"]
    assert role["Path"] == "/aws-service-role/ecs.amazonaws.com/"
    assert role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] == {"Service": "ecs.amazonaws.com"}


def test_who_may_not_create_the_role_cannot_use_the_service(start_aws: Callable[..., EmbeddedAws]) -> None:
    aws = start_aws()
    iam = aws.client("iam")
    iam.create_user(UserName="ci")
    allowed = [{"Effect": "Allow", "Action": "ecs:*", "Resource": "*"}]

    def let(statements: list[dict[str, Any]]) -> None:
        document = json.dumps({"Version": "2012-10-17", "Statement": statements})
        iam.put_user_policy(UserName="ci", PolicyName="p", PolicyDocument=document)

    let(allowed)
    key = iam.create_access_key(UserName="ci")["AccessKey"]
    env = {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
    ecs = aws.client("ecs", env=env)
    code, words = refused(ecs.create_cluster, clusterName="c")
    assert code == "InvalidParameterException"
    assert words.startswith("Unable to assume the service linked role.")
    names = {"StringEquals": {"iam:AWSServiceName": "ecs.amazonaws.com"}}
    let([*allowed, {"Effect": "Allow", "Action": "iam:CreateServiceLinkedRole", "Resource": "*", "Condition": names}])
    ecs.create_cluster(clusterName="c")
