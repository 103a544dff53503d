# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has a name of the stack without its tag is somebody else's, whatever its kind; adopted, it is the stack's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.names import stack_names
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.ownership import (
    KINDS,
    STACK_TAG,
    Owner,
    foreign_problems,
)

from tests.unit.plugins.run_module import run_module
from tests.unit.plugins.stack import stack_looks

REGION = "eu-west-2"
STACK = "taken-names"
NAMES = stack_names(STACK, REGION)
OURS = [{"Key": STACK_TAG, "Value": STACK}]
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


def _network(aws: Any, undo: ExitStack) -> dict[str, str]:
    """A VPC with a subnet, both the stack's, and in them parts of somebody else in the places of the stack's."""
    ec2 = aws.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]
    undo.callback(ec2.delete_vpc, VpcId=vpc)
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.7.1.0/24")["Subnet"]["SubnetId"]
    undo.callback(ec2.delete_subnet, SubnetId=subnet)
    mine = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    undo.callback(ec2.delete_route_table, RouteTableId=mine)
    ec2.create_tags(Resources=[vpc, subnet, mine], Tags=OURS)
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    undo.callback(ec2.delete_internet_gateway, InternetGatewayId=gateway)
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    undo.callback(ec2.detach_internet_gateway, InternetGatewayId=gateway, VpcId=vpc)
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    undo.callback(ec2.delete_route_table, RouteTableId=table)
    link = ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)["AssociationId"]
    undo.callback(ec2.disassociate_route_table, AssociationId=link)
    endpoint = ec2.create_vpc_endpoint(
        VpcId=vpc, ServiceName=f"com.amazonaws.{REGION}.s3", VpcEndpointType="Gateway", RouteTableIds=[mine]
    )["VpcEndpoint"]["VpcEndpointId"]
    undo.callback(ec2.delete_vpc_endpoints, VpcEndpointIds=[endpoint])
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    undo.callback(ec2.release_address, AllocationId=address)
    nat = ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address)["NatGateway"]["NatGatewayId"]
    undo.callback(ec2.delete_nat_gateway, NatGatewayId=nat)
    group = ec2.create_security_group(GroupName=NAMES.security_group_ecs, Description="x", VpcId=vpc)["GroupId"]
    undo.callback(ec2.delete_security_group, GroupId=group)
    return {
        "vpc": vpc,
        "subnet": subnet,
        "internet gateway": gateway,
        "route table": table,
        "S3 gateway endpoint": endpoint,
        "NAT gateway": nat,
        "security group": group,
    }


def _load_balancing(aws: Any, undo: ExitStack, network: dict[str, str]) -> dict[str, str]:
    elb, ec2 = aws.client("elbv2"), aws.client("ec2")
    second = ec2.create_subnet(VpcId=network["vpc"], CidrBlock="10.7.2.0/24", AvailabilityZone="eu-west-2b")
    undo.callback(ec2.delete_subnet, SubnetId=second["Subnet"]["SubnetId"])
    made = elb.create_load_balancer(
        Name=NAMES.load_balancer, Subnets=[network["subnet"], second["Subnet"]["SubnetId"]], Scheme="internal"
    )
    balancer = made["LoadBalancers"][0]["LoadBalancerArn"]
    undo.callback(elb.delete_load_balancer, LoadBalancerArn=balancer)
    group = elb.create_target_group(
        Name=NAMES.target_group, Protocol="HTTP", Port=5000, VpcId=network["vpc"], TargetType="ip"
    )["TargetGroups"][0]["TargetGroupArn"]
    undo.callback(elb.delete_target_group, TargetGroupArn=group)
    return {"load balancer": balancer, "target group": group}


def _containers(aws: Any, undo: ExitStack) -> dict[str, str]:
    ecs, iam, logs = aws.client("ecs"), aws.client("iam"), aws.client("logs")
    cluster = ecs.create_cluster(clusterName=NAMES.cluster)["cluster"]["clusterArn"]
    undo.callback(ecs.delete_cluster, cluster=cluster)
    revision = ecs.register_task_definition(
        family=NAMES.task_family,
        requiresCompatibilities=["FARGATE"],
        networkMode="awsvpc",
        cpu="256",
        memory="512",
        containerDefinitions=[{"name": "theirs", "image": "theirs", "essential": True}],
    )["taskDefinition"]["taskDefinitionArn"]
    undo.callback(ecs.deregister_task_definition, taskDefinition=revision)
    role = iam.create_role(RoleName=NAMES.task_role, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    undo.callback(iam.delete_role, RoleName=NAMES.task_role)
    logs.create_log_group(logGroupName=NAMES.log_group)
    undo.callback(logs.delete_log_group, logGroupName=NAMES.log_group)
    arn = logs.describe_log_groups(logGroupNamePrefix=NAMES.log_group)["logGroups"][0]["arn"].removesuffix(":*")
    return {"cluster": cluster, "task definition": revision, "IAM role": role, "log group": arn}


def _data(aws: Any, undo: ExitStack, network: dict[str, str]) -> dict[str, str]:
    rds, sm = aws.client("rds"), aws.client("secretsmanager")
    group = rds.create_db_subnet_group(
        DBSubnetGroupName=NAMES.database_subnet_group, DBSubnetGroupDescription="x", SubnetIds=[network["subnet"]]
    )["DBSubnetGroup"]["DBSubnetGroupArn"]
    undo.callback(rds.delete_db_subnet_group, DBSubnetGroupName=NAMES.database_subnet_group)
    name = f"{NAMES.database_parameter_group}-postgres15"
    parameters = rds.create_db_parameter_group(
        DBParameterGroupName=name, DBParameterGroupFamily="postgres15", Description="x"
    )["DBParameterGroup"]["DBParameterGroupArn"]
    undo.callback(rds.delete_db_parameter_group, DBParameterGroupName=name)
    instance = rds.create_db_instance(
        DBInstanceIdentifier=NAMES.database,
        Engine="mysql",
        DBInstanceClass="db.t3.micro",
        AllocatedStorage=20,
        MasterUsername="somebody",
        MasterUserPassword="".join(["not", "a", "secret", "1"]),
    )["DBInstance"]["DBInstanceArn"]
    undo.callback(rds.delete_db_instance, DBInstanceIdentifier=NAMES.database, SkipFinalSnapshot=True)
    secret = sm.create_secret(Name=NAMES.secret_admin, SecretString="{}")["Name"]
    undo.callback(sm.delete_secret, SecretId=secret, ForceDeleteWithoutRecovery=True)
    return {"DB subnet group": group, "DB parameter group": parameters, "DB instance": instance, "secret": secret}


@pytest.fixture(scope="module")
def theirs(aws: Any) -> Iterator[dict[str, str]]:
    """Ids of one resource of each kind that has a name of the stack and lacks its tag."""
    with ExitStack() as undo:
        network = _network(aws, undo)
        rest = {**_load_balancing(aws, undo, network), **_containers(aws, undo), **_data(aws, undo, network)}
        made = {**network, **rest}
        yield {kind: one for kind, one in made.items() if kind not in ("vpc", "subnet")}


def _discover(aws: Any, adopted: tuple[str, ...] = ()) -> dict[str, Any]:
    return stack_looks.resources(stack_looks.clients(aws.client), NAMES, REGION, adopted=adopted)


def test_every_kind_is_seen_as_somebody_elses_and_left_out(aws: Any, theirs: dict[str, str]) -> None:
    # A service lies in a cluster, and this one is not ours to look into. Buckets: test_stack_bucket.py.
    assert set(theirs) == set(KINDS) - {"service", "bucket"}
    found = _discover(aws)
    assert {row["kind"]: row["id"] for row in found["foreign"]} == theirs
    assert {row["stack"] for row in found["foreign"]} == {None}
    assert (found["secrets"], found["rds"], found["alb"]) == (None, None, None)
    assert set(found["ecs_mlflow"].values()) == {None}
    assert found["revisions"] == {"service": None, "migration": None}
    assert found["rds_groups"] == {"subnet_group": None, "parameter_groups": []}
    network = found["network"]
    assert (network["internet_gateway_id"], network["endpoint_ids"]) == (None, [])
    assert [row["mine"] for row in network["nat_gateways"]] == [False]
    assert network["security_group_ids"]["ecs"] is None


def test_what_is_adopted_by_kind_name_or_id_is_the_stacks(aws: Any, theirs: dict[str, str]) -> None:
    assert _discover(aws, tuple(theirs))["foreign"] == []
    assert _discover(aws, tuple(theirs.values()))["foreign"] == []
    left = {row["kind"] for row in _discover(aws, (NAMES.database, "IAM role"))["foreign"]}
    # Instance and subnet group have one name.
    assert left == set(theirs) - {"DB instance", "DB subnet group", "IAM role"}


def test_a_service_of_somebody_else_in_the_stacks_cluster_is_seen(aws: Any, theirs: dict[str, str]) -> None:
    ecs = aws.client("ecs")
    subnets = [row["id"] for row in _discover(aws)["network"]["subnets"]]
    arn = ecs.create_service(
        cluster=theirs["cluster"],
        serviceName=NAMES.service,
        taskDefinition=theirs["task definition"],
        launchType="FARGATE",
        desiredCount=0,
        networkConfiguration={"awsvpcConfiguration": {"subnets": subnets}},
    )["service"]["serviceArn"]
    try:
        found = _discover(aws, ("cluster",))
        assert found["ecs_mlflow"]["service_arn"] is None
        assert ("service", arn) in [(row["kind"], row["id"]) for row in found["foreign"]]
    finally:
        ecs.delete_service(cluster=theirs["cluster"], service=arn, force=True)


def test_the_module_refuses_each_with_the_remedy(aws: Any, theirs: dict[str, str]) -> None:
    answer = run_module("stack_info", {"name": STACK, "region": REGION}, env=aws.env)
    assert len(answer["problems"]) == len(theirs)
    for kind in theirs:
        (sentence,) = [one for one in answer["problems"] if f"but the {kind} " in one]
        assert "aws " in sentence
        assert f"--region {REGION}" in sentence
        assert "stack_adopt" in sentence
    # It does not stand in the way of a destroy, which leaves it alone.
    assert answer["conflicts"] == []


@pytest.mark.parametrize(("adopted", "owns"), [("cluster", False), ("fraud-cluster", True), ("arn:c", True)])
def test_what_another_stack_has_tagged_is_not_adopted_by_its_kind(adopted: str, owns: bool) -> None:
    owner = Owner("fraud", [adopted])
    assert owner.owns("cluster", "fraud-cluster", "arn:c", {STACK_TAG: "credit"}) is owns
    assert owner.owns("cluster", "fraud-cluster", "arn:c", {"Team": "risk"})


def test_the_tag_of_another_stack_is_told() -> None:
    owner = Owner("fraud")
    assert owner.owns("cluster", "fraud-cluster", "arn:c", {STACK_TAG: "fraud"})
    assert not owner.owns("cluster", "fraud-cluster", "arn:c", {STACK_TAG: "credit", "Team": "risk"})
    (sentence,) = foreign_problems(owner.foreign, "fraud", REGION)
    assert sentence == (
        "stack_name: fraud, but the cluster fraud-cluster exists and is tagged mlflow:stack=credit, so it belongs to "
        "somebody else; choose another name, or if it is this stack's, tag it (aws ecs tag-resource --resource-arn "
        "arn:c --tags key=mlflow:stack,value=fraud --region eu-west-2) or name it in stack_adopt, such as "
        '-e \'{"stack_adopt": ["fraud-cluster"]}\''
    )
