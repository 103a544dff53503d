# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One resource of every kind that the roles make, under the names of a stack, made by boto3."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.scaling import DIMENSION, resource_id
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.names import StackNames, user_secret_name

from tests.unit.plugins.stack import stack_looks
from tests.unit.plugins.stack.stack_looks import clients

__all__ = ["TAGGED", "bucket_of", "clients", "make", "read", "settings"]

TRUST = (
    '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", '
    '"Principal": {"Service": "ecs-tasks.amazonaws.com"}}]}'
)
#: The kinds that have tags, as the settings call them.
TAGGED = (
    "VPC", "internet gateway", "subnet", "NAT gateway", "elastic address", "route table", "S3 gateway endpoint",
    "security group", "secret", "secret of a user", "DB subnet group", "DB parameter group", "DB instance", "bucket",
    "target group", "load balancer", "log group", "IAM role", "cluster", "task definition", "service",
)  # fmt: skip


def read(
    made: Mapping[str, Any], names: StackNames, region: str, bucket: str = ""
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The resources, and the current state of all components."""
    return stack_looks.both(made, names, region, bucket_name=bucket or bucket_of(names))


def settings(made: Mapping[str, Any], names: StackNames, region: str, bucket: str = "") -> dict[str, Any]:
    """The current state of all components in one, by kind and name."""
    return {kind: rows for part in read(made, names, region, bucket)[1].values() for kind, rows in part.items()}


def bucket_of(names: StackNames) -> str:
    return f"{names.stack}-artifacts"


def make(made: Mapping[str, Any], names: StackNames, region: str, own: Mapping[str, str]) -> None:
    """Make everything.

    :param made: clients by service.
    :param own: tags of each resource, beside that of the stack.
    """
    values = {"mlflow:stack": names.stack, **own}
    upper = [{"Key": key, "Value": value} for key, value in values.items()]
    network = _network(made["ec2"], names, region, values)
    _secrets(made["secretsmanager"], names, upper)
    _database(made["rds"], names, upper, network)
    s3 = made["s3"]
    s3.create_bucket(Bucket=bucket_of(names), CreateBucketConfiguration={"LocationConstraint": region})
    s3.put_bucket_tagging(Bucket=bucket_of(names), Tagging={"TagSet": upper})
    s3.put_bucket_ownership_controls(
        Bucket=bucket_of(names), OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    )
    _rule(s3, names)
    group = _balancer(made["elbv2"], names, upper, network)
    _service(made, names, values, upper, network, group)


def _network(ec2: Any, names: StackNames, region: str, values: Mapping[str, str]) -> dict[str, Any]:
    def tagged(kind: str, **more: str) -> list[dict[str, Any]]:
        tags = {**values, **{key.replace("__", ":"): value for key, value in more.items()}}
        return [{"ResourceType": kind, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}]

    vpc = ec2.create_vpc(CidrBlock="10.7.0.0/16", TagSpecifications=tagged("vpc"))["Vpc"]["VpcId"]
    gateway = ec2.create_internet_gateway(TagSpecifications=tagged("internet-gateway"))["InternetGateway"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway["InternetGatewayId"], VpcId=vpc)
    subnets: dict[str, list[str]] = {"public": [], "private": []}
    for number, tier in ((1, "public"), (2, "public"), (11, "private"), (12, "private")):
        made = ec2.create_subnet(
            VpcId=vpc,
            CidrBlock=f"10.7.{number}.0/24",
            AvailabilityZone=f"{region}{'ab'[number % 10 - 1]}",
            TagSpecifications=tagged("subnet", mlflow__tier=tier),
        )
        subnets[tier].append(made["Subnet"]["SubnetId"])
    address = ec2.allocate_address(Domain="vpc", TagSpecifications=tagged("elastic-ip", Name=f"{names.stack}-nat-0"))[
        "AllocationId"
    ]
    ec2.create_nat_gateway(SubnetId=subnets["public"][0], AllocationId=address, TagSpecifications=tagged("natgateway"))
    table = ec2.create_route_table(VpcId=vpc, TagSpecifications=tagged("route-table", Name=f"{names.stack}-public"))
    for subnet in subnets["public"]:
        ec2.associate_route_table(RouteTableId=table["RouteTable"]["RouteTableId"], SubnetId=subnet)
    ec2.create_vpc_endpoint(
        VpcId=vpc,
        ServiceName=f"com.amazonaws.{region}.s3",
        VpcEndpointType="Gateway",
        RouteTableIds=[table["RouteTable"]["RouteTableId"]],
        TagSpecifications=tagged("vpc-endpoint"),
    )
    groups = [
        ec2.create_security_group(
            GroupName=name, Description=name, VpcId=vpc, TagSpecifications=tagged("security-group")
        )["GroupId"]
        for name in (names.security_group_alb, names.security_group_ecs, names.security_group_rds)
    ]
    return {"vpc": vpc, "subnets": subnets, "groups": groups}


def _secrets(client: Any, names: StackNames, upper: list[dict[str, str]]) -> None:
    for name in (*names.secrets().values(), user_secret_name(names.stack, "ann")):
        client.create_secret(Name=name, SecretString='{"password": "not-a-real-one"}', Tags=upper)


def _database(rds: Any, names: StackNames, upper: list[dict[str, str]], network: Mapping[str, Any]) -> None:
    rds.create_db_subnet_group(
        DBSubnetGroupName=names.database_subnet_group,
        DBSubnetGroupDescription="private",
        SubnetIds=network["subnets"]["private"],
        Tags=upper,
    )
    group = f"{names.database_parameter_group}-postgres15"
    rds.create_db_parameter_group(
        DBParameterGroupName=group, DBParameterGroupFamily="postgres15", Description="for the test", Tags=upper
    )
    rds.create_db_instance(
        DBInstanceIdentifier=names.database,
        Engine="postgres",
        EngineVersion="15.7",
        DBInstanceClass="db.t3.micro",
        AllocatedStorage=20,
        StorageEncrypted=True,
        PubliclyAccessible=False,
        MasterUsername="boss",
        MasterUserPassword="not-a-real-one",
        DBSubnetGroupName=names.database_subnet_group,
        DBParameterGroupName=group,
        VpcSecurityGroupIds=[network["groups"][2]],
        Tags=upper,
    )


def _rule(s3: Any, names: StackNames) -> None:
    rule = {
        "ID": names.stack,
        "Status": "Enabled",
        "Filter": {"Prefix": "mlflow-artifacts/"},
        "NoncurrentVersionExpiration": {"NoncurrentDays": 9},
    }
    s3.put_bucket_lifecycle_configuration(Bucket=bucket_of(names), LifecycleConfiguration={"Rules": [rule]})


def _balancer(elb: Any, names: StackNames, upper: list[dict[str, str]], network: Mapping[str, Any]) -> str:
    made = elb.create_target_group(
        Name=names.target_group,
        Protocol="HTTP",
        Port=5000,
        VpcId=network["vpc"],
        TargetType="ip",
        HealthCheckPath="/health",
        Tags=upper,
    )
    group = str(made["TargetGroups"][0]["TargetGroupArn"])
    balancer = elb.create_load_balancer(
        Name=names.load_balancer,
        Subnets=network["subnets"]["public"],
        SecurityGroups=[network["groups"][0]],
        Tags=upper,
    )
    elb.create_listener(
        LoadBalancerArn=balancer["LoadBalancers"][0]["LoadBalancerArn"],
        Protocol="HTTP",
        Port=18080,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": group}],
    )
    return group


def _service(
    made: Mapping[str, Any],
    names: StackNames,
    values: Mapping[str, str],
    upper: list[dict[str, str]],
    network: Mapping[str, Any],
    group: str,
) -> None:
    made["logs"].create_log_group(logGroupName=names.log_group, tags=dict(values))
    for role in (names.execution_role, names.migration_execution_role, names.task_role):
        made["iam"].create_role(RoleName=role, AssumeRolePolicyDocument=TRUST, Tags=upper)
        made["iam"].put_role_policy(RoleName=role, PolicyName="mlflow", PolicyDocument=TRUST_NOBODY)
    ecs, lower = made["ecs"], [{"key": key, "value": value} for key, value in values.items()]
    ecs.create_cluster(clusterName=names.cluster, tags=lower)
    for family in (names.task_family, names.migration_family):
        ecs.register_task_definition(
            family=family,
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            cpu="256",
            memory="512",
            executionRoleArn=made["iam"].get_role(RoleName=names.execution_role)["Role"]["Arn"],
            containerDefinitions=[
                {
                    "name": "mlflow",
                    "image": "registry.example.org/one:1",
                    "portMappings": [{"containerPort": 5000}],
                    "environment": [{"name": "LEVEL", "value": "info"}],
                }
            ],
            tags=lower,
        )
    ecs.create_service(
        cluster=names.cluster,
        serviceName=names.service,
        taskDefinition=names.task_family,
        launchType="FARGATE",
        desiredCount=0,
        networkConfiguration={
            "awsvpcConfiguration": {
                "subnets": network["subnets"]["private"],
                "securityGroups": [network["groups"][1]],
            }
        },
        loadBalancers=[{"targetGroupArn": group, "containerName": "mlflow", "containerPort": 5000}],
        tags=lower,
    )
    scaling = made["application-autoscaling"]
    where = {
        "ServiceNamespace": "ecs",
        "ResourceId": resource_id(names.cluster, names.service),
        "ScalableDimension": DIMENSION,
    }
    scaling.register_scalable_target(**where, MinCapacity=0, MaxCapacity=2)
    scaling.put_scaling_policy(
        **where,
        PolicyName=f"{names.stack}-cpu",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "TargetValue": 50.0,
            "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"},
        },
    )


#: A policy of a role that allows nothing of anybody's.
TRUST_NOBODY = (
    '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", '
    '"Resource": "arn:aws:s3:::nobody/nothing"}]}'
)
