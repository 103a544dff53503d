# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody changes by hand in AWS, and what plan and drift.yml call it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.deployed.deployed_stack import Stack

IN_BUCKET = (
    "policy.Statement, policy.Version, public_access.block_public_acls, public_access.block_public_policy, "
    "public_access.ignore_public_acls, public_access.restrict_public_buckets, versioning"
)


def only_group(stack: Stack, name: str) -> dict[str, Any]:
    filters = [{"Name": "group-name", "Values": [name]}]
    row: dict[str, Any] = stack.aws("ec2").describe_security_groups(Filters=filters)["SecurityGroups"][0]
    return row


def by_name(stack: Stack, operation: str, key: str, name: str) -> dict[str, Any]:
    filters = [{"Name": "tag:Name", "Values": [name]}]
    row: dict[str, Any] = getattr(stack.aws("ec2"), operation)(Filters=filters)[key][0]
    return row


def bucket(stack: Stack) -> str:
    (row,) = stack.aws("s3").list_buckets()["Buckets"]
    return str(row["Name"])


def open_ssh(stack: Stack) -> None:
    rule = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    group = only_group(stack, f"{stack.name}-ecs")["GroupId"]
    stack.aws("ec2").authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])


def close_database(stack: Stack) -> None:
    group = only_group(stack, f"{stack.name}-rds")
    stack.aws("ec2").revoke_security_group_ingress(GroupId=group["GroupId"], IpPermissions=group["IpPermissions"])


def cut_the_way_out(stack: Stack) -> None:
    table = by_name(stack, "describe_route_tables", "RouteTables", f"{stack.name}-private-eu-west-2a")
    stack.aws("ec2").delete_route(RouteTableId=table["RouteTableId"], DestinationCidrBlock="0.0.0.0/0")


def tag_subnet(stack: Stack) -> None:
    subnet = by_name(stack, "describe_subnets", "Subnets", f"{stack.name}-public-eu-west-2a")
    # The first is somebody else's, and no drift.
    own = [{"Key": "Owner", "Value": "somebody"}, {"Key": "mlflow:component", "Value": "mine"}]
    stack.aws("ec2").create_tags(Resources=[subnet["SubnetId"]], Tags=own)


def publish_subnet(stack: Stack) -> None:
    subnet = by_name(stack, "describe_subnets", "Subnets", f"{stack.name}-private-eu-west-2a")
    stack.aws("ec2").modify_subnet_attribute(SubnetId=subnet["SubnetId"], MapPublicIpOnLaunch={"Value": True})


def listen_elsewhere(stack: Stack) -> None:
    elb = stack.aws("elbv2")
    balancer = elb.describe_load_balancers()["LoadBalancers"][0]["LoadBalancerArn"]
    group = elb.describe_target_groups()["TargetGroups"][0]["TargetGroupArn"]
    action = {"Type": "forward", "TargetGroupArn": group}
    elb.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=18999, DefaultActions=[action])


def idle(stack: Stack) -> None:
    elb = stack.aws("elbv2")
    balancer = elb.describe_load_balancers()["LoadBalancers"][0]["LoadBalancerArn"]
    attributes = [{"Key": "idle_timeout.timeout_seconds", "Value": "11"}]
    elb.modify_load_balancer_attributes(LoadBalancerArn=balancer, Attributes=attributes)


def check_elsewhere(stack: Stack) -> None:
    elb = stack.aws("elbv2")
    group = elb.describe_target_groups()["TargetGroups"][0]["TargetGroupArn"]
    elb.modify_target_group(TargetGroupArn=group, HealthCheckPath="/version")


def keep_fewer_backups(stack: Stack) -> None:
    stack.aws("rds").modify_db_instance(
        DBInstanceIdentifier=f"{stack.name}-db", BackupRetentionPeriod=2, ApplyImmediately=True
    )


def tag_database(stack: Stack) -> None:
    rds = stack.aws("rds")
    arn = rds.describe_db_instances(DBInstanceIdentifier=f"{stack.name}-db")["DBInstances"][0]["DBInstanceArn"]
    rds.add_tags_to_resource(ResourceName=arn, Tags=[{"Key": "mlflow:component", "Value": "mine"}])


def log_every_statement(stack: Stack) -> None:
    parameter = {"ParameterName": "log_min_duration_statement", "ParameterValue": "0", "ApplyMethod": "immediate"}
    stack.aws("rds").modify_db_parameter_group(
        DBParameterGroupName=f"{stack.name}-db-postgres15", Parameters=[parameter]
    )


def allow_plain_http(stack: Stack) -> None:
    stack.aws("s3").delete_bucket_policy(Bucket=bucket(stack))


def publish_bucket(stack: Stack) -> None:
    stack.aws("s3").delete_public_access_block(Bucket=bucket(stack))


def suspend_versions(stack: Stack) -> None:
    stack.aws("s3").put_bucket_versioning(Bucket=bucket(stack), VersioningConfiguration={"Status": "Suspended"})


def keep_versions(stack: Stack) -> None:
    stack.aws("s3").delete_bucket_lifecycle(Bucket=bucket(stack))


def tag_secret(stack: Stack) -> None:
    stack.aws("secretsmanager").untag_resource(SecretId=f"{stack.name}/mlflow/admin", TagKeys=["mlflow:component"])


def forget_logs(stack: Stack) -> None:
    stack.aws("logs").put_retention_policy(logGroupName=f"/ecs/{stack.name}", retentionInDays=1)


def widen_role(stack: Stack) -> None:
    name = next(row["RoleName"] for row in stack.aws("iam").list_roles()["Roles"] if row["RoleName"].endswith("-task"))
    everything = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [everything]})
    stack.aws("iam").put_role_policy(RoleName=name, PolicyName="mlflow", PolicyDocument=document)


def scale_by_hand(stack: Stack, number: int) -> None:
    stack.aws("ecs").update_service(cluster=f"{stack.name}-cluster", service=stack.name, desiredCount=number)


def scale_wider(stack: Stack) -> None:
    stack.aws("application-autoscaling").register_scalable_target(
        ServiceNamespace="ecs",
        ResourceId=f"service/{stack.name}-cluster/{stack.name}",
        ScalableDimension="ecs:service:DesiredCount",
        MaxCapacity=9,
    )


def describe_another_task(stack: Stack) -> None:
    ecs = stack.aws("ecs")
    found = ecs.describe_task_definition(taskDefinition=stack.name, include=["TAGS"])
    definition = found["taskDefinition"]
    server = next(row for row in definition["containerDefinitions"] if row["name"] == "mlflow")
    server["environment"] = [
        *(row for row in server["environment"] if row["name"] != "BY_HAND"),
        {"name": "BY_HAND", "value": "1"},
    ]
    taken = (
        "family",
        "taskRoleArn",
        "executionRoleArn",
        "networkMode",
        "containerDefinitions",
        "volumes",
        "requiresCompatibilities",
        "cpu",
        "memory",
        "runtimePlatform",
    )
    ecs.register_task_definition(**{key: definition[key] for key in taken if key in definition}, tags=found["tags"])


def watch_nothing(stack: Stack) -> None:
    settings = [{"name": "containerInsights", "value": "enhanced"}]
    stack.aws("ecs").update_cluster_settings(cluster=f"{stack.name}-cluster", settings=settings)


#: What somebody does by hand, and what drift.yml calls it.
DRIFTS: list[tuple[Callable[[Stack], None], str]] = [
    (open_ssh, "change security group {stack}-ecs: rules"),
    (close_database, "change security group {stack}-rds: rules"),
    (cut_the_way_out, "change route table {stack}-private-eu-west-2a: default_route"),
    (tag_subnet, "change subnet 10.0.1.0/24: tags.mlflow:component"),
    (publish_subnet, "change subnet 10.0.11.0/24: map_public"),
    (listen_elsewhere, "remove listener 18999"),
    (idle, "change load balancer {stack}-alb: idle_timeout"),
    (check_elsewhere, "change target group {stack}-tg: health_check_path"),
    (keep_fewer_backups, "change DB instance {stack}-db: backup_retention_period, tags.mlflow:component"),
    (tag_database, "change DB instance {stack}-db: backup_retention_period, tags.mlflow:component"),
    (log_every_statement, "change DB parameter group {stack}-db-postgres15: parameters.log_min_duration_statement"),
    (allow_plain_http, "change bucket {bucket}: " + IN_BUCKET),
    (publish_bucket, "change bucket {bucket}: " + IN_BUCKET),
    (suspend_versions, "change bucket {bucket}: " + IN_BUCKET),
    (keep_versions, "create lifecycle rule {stack}"),
    (tag_secret, "change secret {stack}/mlflow/admin: tags.mlflow:component"),
    (forget_logs, "change log group /ecs/{stack}: retention"),
    (widen_role, "change IAM role {stack}-eu-west-2-task: policy.Statement"),
    (scale_wider, "change scaling {stack}: max_capacity"),
    (describe_another_task, "change task definition {stack}: definition.containers.mlflow.environment.BY_HAND"),
    # The service does not run the newest revision.
    (describe_another_task, "change service {stack}: task_definition"),
    (watch_nothing, "change cluster {stack}-cluster: container_insights"),
]
