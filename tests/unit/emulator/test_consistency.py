# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An embedded AWS that tells late: what is new is not found, IAM's changes count later, what is deleted still holds."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.embedded import EmbeddedAws

#: Seconds until reads see what was created. Long enough for a few calls of a busy machine.
SECONDS = 3.0


@pytest.fixture(scope="module")
def late(start_aws: Callable[..., EmbeddedAws]) -> EmbeddedAws:
    """An account that tells late."""
    return start_aws(consistency=SECONDS)


def name(prefix: str) -> str:
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


def code(call: Callable[..., Any], **parameters: Any) -> str:
    """The code of a refusal, empty for a success."""
    try:
        call(**parameters)
    except ClientError as failure:
        return str(failure.response["Error"]["Code"])
    return ""


def in_the_end(look: Callable[[], Any], seconds: float) -> Any:
    """What ``look`` answers once that is true, within some seconds more than AWS takes here."""
    end = time.monotonic() + seconds + 10
    while True:
        found = look()
        if found or time.monotonic() > end:
            return found
        time.sleep(0.25)


def test_a_new_network_is_not_found_at_once(late: EmbeddedAws) -> None:
    ec2 = late.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    assert code(ec2.describe_vpcs, VpcIds=[vpc]) == "InvalidVpcID.NotFound"
    assert vpc not in [row["VpcId"] for row in ec2.describe_vpcs()["Vpcs"]]
    assert code(ec2.create_subnet, VpcId=vpc, CidrBlock="10.0.1.0/24") == "InvalidVpcID.NotFound"
    assert in_the_end(lambda: code(ec2.describe_vpcs, VpcIds=[vpc]) == "", SECONDS)
    assert vpc in [row["VpcId"] for row in ec2.describe_vpcs()["Vpcs"]]


def test_new_tags_are_not_seen_at_once(late: EmbeddedAws) -> None:
    ec2 = late.client("ec2")
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    by_tag = {"Filters": [{"Name": "tag:team", "Values": ["ml"]}]}

    def tags() -> list[Any]:
        rows = ec2.describe_internet_gateways(InternetGatewayIds=[gateway])["InternetGateways"]
        return list(rows[0]["Tags"])

    assert in_the_end(lambda: code(ec2.describe_internet_gateways, InternetGatewayIds=[gateway]) == "", SECONDS)
    ec2.create_tags(Resources=[gateway], Tags=[{"Key": "team", "Value": "ml"}])
    assert tags() == []
    assert ec2.describe_internet_gateways(**by_tag)["InternetGateways"] == []
    assert in_the_end(tags, SECONDS) == [{"Key": "team", "Value": "ml"}]
    assert len(ec2.describe_internet_gateways(**by_tag)["InternetGateways"]) == 1


def test_a_new_secret_is_not_seen_at_once(late: EmbeddedAws) -> None:
    secrets, secret = late.client("secretsmanager"), name("s")
    arn = secrets.create_secret(Name=secret, SecretString="x")["ARN"]
    for each in (secret, arn):
        assert code(secrets.get_secret_value, SecretId=each) == "ResourceNotFoundException"
    assert secret not in [row["Name"] for row in secrets.list_secrets()["SecretList"]]
    assert in_the_end(lambda: code(secrets.get_secret_value, SecretId=arn) == "", SECONDS)


TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Action": "sts:AssumeRole"}],
    }
)
MAY_LIST = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}]}
)


def test_changes_of_a_role_count_late(late: EmbeddedAws) -> None:
    iam, sts, role = late.client("iam"), late.client("sts"), name("r")
    arn = iam.create_role(RoleName=role, AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    assert code(iam.get_role, RoleName=role) == "NoSuchEntity"
    assert code(iam.create_role, RoleName=role, AssumeRolePolicyDocument=TRUST) == "EntityAlreadyExists"
    assume = {"RoleArn": arn, "RoleSessionName": "test"}
    assert code(sts.assume_role, **assume) == "AccessDenied"
    assert in_the_end(lambda: code(sts.assume_role, **assume) == "", 2 * SECONDS)

    iam.put_role_policy(RoleName=role, PolicyName="p", PolicyDocument=MAY_LIST)
    keys = sts.assume_role(**assume)["Credentials"]
    env = {
        "AWS_ACCESS_KEY_ID": keys["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": keys["SecretAccessKey"],
        "AWS_SESSION_TOKEN": keys["SessionToken"],
    }
    s3 = late.client("s3", env=env)
    assert code(s3.list_buckets) == "AccessDenied"
    assert in_the_end(lambda: code(s3.list_buckets) == "", 2 * SECONDS)
    iam.delete_role_policy(RoleName=role, PolicyName="p")
    assert code(s3.list_buckets) == "", "what was taken away still counts"
    assert in_the_end(lambda: code(s3.list_buckets) == "AccessDenied", 2 * SECONDS)


def test_a_first_use_is_refused_until_its_role_can_be_assumed(late: EmbeddedAws) -> None:
    ecs = late.client("ecs")
    cluster = {"clusterName": name("c")}
    assert code(ecs.create_cluster, **cluster) == "InvalidParameterException"
    assert in_the_end(lambda: code(ecs.create_cluster, **cluster) == "", 2 * SECONDS)


def test_scaling_policies_are_refused_for_longer_than_their_target(late: EmbeddedAws) -> None:
    scaling = late.client("application-autoscaling")
    target = {
        "ServiceNamespace": "ecs",
        "ResourceId": f"service/{name('c')}/web",
        "ScalableDimension": "ecs:service:DesiredCount",
    }
    metric = {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"}
    policy = {
        **target,
        "PolicyName": "cpu",
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": {"TargetValue": 50.0, "PredefinedMetricSpecification": metric},
    }
    register = {**target, "MinCapacity": 1, "MaxCapacity": 2}
    # There is no such cluster, which is told only where the role can be assumed.
    nothing = "ClusterNotFoundException"
    assert code(scaling.register_scalable_target, **register) == "ValidationException"
    assert in_the_end(lambda: code(scaling.register_scalable_target, **register) == nothing, 2 * SECONDS)
    assert code(scaling.put_scaling_policy, **policy) == "FailedResourceAccessException"
    assert in_the_end(
        lambda: code(scaling.put_scaling_policy, **policy) != "FailedResourceAccessException", 3 * SECONDS
    )


@pytest.fixture(scope="module")
def network(late: EmbeddedAws) -> dict[str, Any]:
    """A VPC with two subnets and a security group, which everybody sees."""
    ec2 = late.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    assert in_the_end(lambda: code(ec2.describe_vpcs, VpcIds=[vpc]) == "", SECONDS)
    zones = ("eu-west-2a", "eu-west-2b")
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.9.{i}.0/24", AvailabilityZone=zone)["Subnet"]["SubnetId"]
        for i, zone in enumerate(zones)
    ]
    group = ec2.create_security_group(GroupName="x", Description="x", VpcId=vpc)["GroupId"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    assert in_the_end(lambda: code(ec2.describe_internet_gateways, InternetGatewayIds=[gateway]) == "", SECONDS)
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    return {"vpc": vpc, "subnets": subnets, "group": group, "gateway": gateway}


def test_what_a_load_balancer_used_is_held_for_a_while(late: EmbeddedAws, network: dict[str, Any]) -> None:
    ec2, elb = late.client("ec2"), late.client("elbv2")
    group = ec2.create_security_group(GroupName="lb", Description="x", VpcId=network["vpc"])["GroupId"]
    assert in_the_end(lambda: code(ec2.describe_security_groups, GroupIds=[group]) == "", SECONDS)
    target = elb.create_target_group(Name=name("t"), Protocol="HTTP", Port=80, VpcId=network["vpc"], TargetType="ip")
    arn = target["TargetGroups"][0]["TargetGroupArn"]
    balancer = elb.create_load_balancer(Name=name("lb"), Subnets=network["subnets"], SecurityGroups=[group])
    balancer_arn = balancer["LoadBalancers"][0]["LoadBalancerArn"]
    elb.create_listener(
        LoadBalancerArn=balancer_arn,
        Protocol="HTTP",
        Port=18099,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": arn}],
    )
    by_group = {"Filters": [{"Name": "group-id", "Values": [group]}]}
    rows = ec2.describe_network_interfaces(**by_group)["NetworkInterfaces"]
    assert {row["SubnetId"] for row in rows} == set(network["subnets"])
    assert all(row["Description"].startswith("ELB app/") and row["RequesterManaged"] for row in rows)
    elb.delete_load_balancer(LoadBalancerArn=balancer_arn)
    detach = {"InternetGatewayId": network["gateway"], "VpcId": network["vpc"]}
    assert code(ec2.delete_security_group, GroupId=group) == "DependencyViolation"
    assert code(ec2.delete_subnet, SubnetId=network["subnets"][0]) == "DependencyViolation"
    assert code(ec2.detach_internet_gateway, **detach) == "DependencyViolation"
    assert code(elb.delete_target_group, TargetGroupArn=arn) == "ResourceInUse"
    assert in_the_end(lambda: code(ec2.delete_security_group, GroupId=group) == "", 5 * SECONDS)
    assert in_the_end(lambda: code(elb.delete_target_group, TargetGroupArn=arn) == "", 5 * SECONDS)
    assert code(ec2.detach_internet_gateway, **detach) == ""


def test_what_a_database_used_is_held_for_a_while(late: EmbeddedAws, network: dict[str, Any]) -> None:
    rds, ec2, group = late.client("rds"), late.client("ec2"), name("g")
    subnet_group = {"DBSubnetGroupName": group, "DBSubnetGroupDescription": "x", "SubnetIds": network["subnets"]}
    assert code(rds.create_db_subnet_group, **subnet_group) == "InvalidParameterValue", "a first use"
    assert in_the_end(lambda: code(rds.create_db_subnet_group, **subnet_group) == "", 2 * SECONDS)
    rds.create_db_parameter_group(DBParameterGroupName=group, DBParameterGroupFamily="postgres15", Description="x")
    database = {"DBInstanceIdentifier": name("db")}
    rds.create_db_instance(
        **database,
        Engine="postgres",
        DBInstanceClass="db.t3.micro",
        AllocatedStorage=20,
        MasterUsername="master",
        MasterUserPassword="long-enough-1",
        DBSubnetGroupName=group,
        DBParameterGroupName=group,
        VpcSecurityGroupIds=[network["group"]],
    )
    rds.get_waiter("db_instance_available").wait(**database, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    rds.modify_db_instance(**database, AllocatedStorage=30, ApplyImmediately=True)
    assert rds.describe_db_instances(**database)["DBInstances"][0]["DBInstanceStatus"] == "storage-optimization"
    assert code(rds.modify_db_instance, **database, AllocatedStorage=40) == "InvalidParameterCombination"
    by_group = {"Filters": [{"Name": "group-id", "Values": [network["group"]]}]}
    rows = ec2.describe_network_interfaces(**by_group)["NetworkInterfaces"]
    assert [row["Description"] for row in rows] == ["RDSNetworkInterface"]
    rds.delete_db_instance(**database, SkipFinalSnapshot=True)
    rds.get_waiter("db_instance_deleted").wait(**database, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    assert code(rds.delete_db_parameter_group, DBParameterGroupName=group) == "InvalidDBParameterGroupState"
    assert code(rds.delete_db_subnet_group, DBSubnetGroupName=group) == "InvalidDBSubnetGroupStateFault"
    assert code(ec2.delete_security_group, GroupId=network["group"]) == "DependencyViolation"
    assert in_the_end(lambda: code(rds.delete_db_parameter_group, DBParameterGroupName=group) == "", 5 * SECONDS)
    assert in_the_end(lambda: code(rds.delete_db_subnet_group, DBSubnetGroupName=group) == "", 5 * SECONDS)
    assert in_the_end(lambda: code(ec2.delete_security_group, GroupId=network["group"]) == "", 5 * SECONDS)


def test_without_the_mode_everything_is_seen_and_free_at_once(aws: EmbeddedAws) -> None:
    ec2, elb = aws.client("ec2"), aws.client("elbv2")
    vpc = ec2.create_vpc(CidrBlock="10.8.0.0/16")["Vpc"]["VpcId"]
    zones = ("eu-west-2a", "eu-west-2b")
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.8.{i}.0/24", AvailabilityZone=zone)["Subnet"]["SubnetId"]
        for i, zone in enumerate(zones)
    ]
    group = ec2.create_security_group(GroupName="x", Description="x", VpcId=vpc)["GroupId"]
    made = elb.create_load_balancer(Name=name("lb"), Subnets=subnets, SecurityGroups=[group], Scheme="internal")
    assert code(ec2.delete_security_group, GroupId=group) == "DependencyViolation"
    elb.delete_load_balancer(LoadBalancerArn=made["LoadBalancers"][0]["LoadBalancerArn"])
    ec2.delete_security_group(GroupId=group)
    ec2.delete_subnet(SubnetId=subnets[0])
