# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan tells what a first run makes, drift is found and named whatever it is, and one run mends it.

Each test takes the stack that the one before left, so a failure makes the later ones meaningless.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.deployed.deployed_runs import Site
from tests.deployed.deployed_stack import Stack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

STACK = "fraud-scoring-mlflow-local"
BUCKET = "fraud-models-test-local"
IN_BUCKET = (
    "policy.Statement, policy.Version, public_access.block_public_acls, public_access.block_public_policy, "
    "public_access.ignore_public_acls, public_access.restrict_public_buckets, versioning"
)


#: A service whose health check or number of tasks was changed is steady again sooner or later.
PASSING = ", rollout"


def words(output: str) -> list[str]:
    """The plan that a run in check mode ends with, without the line of counts."""
    lines = output[output.index(f"\nPLAN [{STACK}]") :].splitlines()[2:]
    end = next(index for index, line in enumerate(lines) if " to create, " in line)
    return [line.strip().removesuffix(PASSING) for line in lines[:end]]


def drift(account: Site) -> list[dict[str, Any]]:
    """What drift.yml finds; its exit code is 2 where that is anything."""
    ended = account.run("playbooks/drift.yml")
    found = json.loads((account.output / "drift.json").read_text(encoding="utf-8"))
    assert (ended.code, found["drift"]) == ((2, True) if found["changes"] else (0, False)), ended.output[-3000:]
    assert (found["stack"], found["region"]) == (STACK, "eu-west-2")
    changes: list[dict[str, Any]] = found["changes"]
    return changes


def said(changes: list[dict[str, Any]]) -> set[str]:
    """Each change in words, as the plan tells it."""
    return {
        f"{row['action']} {row['kind']} {row['name']}"
        + (f": {', '.join(sorted(row['after']))}".removesuffix(PASSING) if row["action"] == "change" else "")
        for row in changes
    }


def only_group(stack: Stack, name: str) -> dict[str, Any]:
    filters = [{"Name": "group-name", "Values": [name]}]
    row: dict[str, Any] = stack.aws("ec2").describe_security_groups(Filters=filters)["SecurityGroups"][0]
    return row


def by_name(stack: Stack, operation: str, key: str, name: str) -> dict[str, Any]:
    filters = [{"Name": "tag:Name", "Values": [name]}]
    row: dict[str, Any] = getattr(stack.aws("ec2"), operation)(Filters=filters)[key][0]
    return row


def open_ssh(stack: Stack) -> None:
    rule = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    group = only_group(stack, f"{STACK}-ecs")["GroupId"]
    stack.aws("ec2").authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])


def close_database(stack: Stack) -> None:
    group = only_group(stack, f"{STACK}-rds")
    stack.aws("ec2").revoke_security_group_ingress(GroupId=group["GroupId"], IpPermissions=group["IpPermissions"])


def cut_the_way_out(stack: Stack) -> None:
    table = by_name(stack, "describe_route_tables", "RouteTables", f"{STACK}-private-eu-west-2a")
    stack.aws("ec2").delete_route(RouteTableId=table["RouteTableId"], DestinationCidrBlock="0.0.0.0/0")


def tag_subnet(stack: Stack) -> None:
    subnet = by_name(stack, "describe_subnets", "Subnets", f"{STACK}-public-eu-west-2a")
    stack.aws("ec2").create_tags(Resources=[subnet["SubnetId"]], Tags=[{"Key": "Owner", "Value": "somebody"}])


def publish_subnet(stack: Stack) -> None:
    subnet = by_name(stack, "describe_subnets", "Subnets", f"{STACK}-private-eu-west-2a")
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
        DBInstanceIdentifier=f"{STACK}-db", BackupRetentionPeriod=2, ApplyImmediately=True
    )


def tag_database(stack: Stack) -> None:
    rds = stack.aws("rds")
    arn = rds.describe_db_instances(DBInstanceIdentifier=f"{STACK}-db")["DBInstances"][0]["DBInstanceArn"]
    rds.add_tags_to_resource(ResourceName=arn, Tags=[{"Key": "mlflow:component", "Value": "mine"}])


def log_every_statement(stack: Stack) -> None:
    parameter = {"ParameterName": "log_min_duration_statement", "ParameterValue": "0", "ApplyMethod": "immediate"}
    stack.aws("rds").modify_db_parameter_group(DBParameterGroupName=f"{STACK}-db-postgres15", Parameters=[parameter])


def allow_plain_http(stack: Stack) -> None:
    stack.aws("s3").delete_bucket_policy(Bucket=BUCKET)


def publish_bucket(stack: Stack) -> None:
    stack.aws("s3").delete_public_access_block(Bucket=BUCKET)


def suspend_versions(stack: Stack) -> None:
    stack.aws("s3").put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Suspended"})


def keep_versions(stack: Stack) -> None:
    stack.aws("s3").delete_bucket_lifecycle(Bucket=BUCKET)


def tag_secret(stack: Stack) -> None:
    stack.aws("secretsmanager").untag_resource(SecretId=f"{STACK}/mlflow/admin", TagKeys=["mlflow:component"])


def forget_logs(stack: Stack) -> None:
    stack.aws("logs").put_retention_policy(logGroupName=f"/ecs/{STACK}", retentionInDays=1)


def widen_role(stack: Stack) -> None:
    name = next(row["RoleName"] for row in stack.aws("iam").list_roles()["Roles"] if row["RoleName"].endswith("-task"))
    everything = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [everything]})
    stack.aws("iam").put_role_policy(RoleName=name, PolicyName="mlflow", PolicyDocument=document)


def scale_by_hand(stack: Stack) -> None:
    stack.aws("ecs").update_service(cluster=f"{STACK}-cluster", service=STACK, desiredCount=1)


def watch_nothing(stack: Stack) -> None:
    settings = [{"name": "containerInsights", "value": "enhanced"}]
    stack.aws("ecs").update_cluster_settings(cluster=f"{STACK}-cluster", settings=settings)


#: What somebody does by hand, and what drift.yml calls it.
DRIFTS: list[tuple[Callable[[Stack], None], str]] = [
    (open_ssh, f"change security group {STACK}-ecs: rules"),
    (close_database, f"change security group {STACK}-rds: rules"),
    (cut_the_way_out, f"change route table {STACK}-private-eu-west-2a: default_route"),
    (tag_subnet, "change subnet 10.0.1.0/24: tags.Owner"),
    (publish_subnet, "change subnet 10.0.11.0/24: map_public"),
    (listen_elsewhere, "remove listener 18999"),
    (idle, f"change load balancer {STACK}-alb: idle_timeout"),
    (check_elsewhere, f"change target group {STACK}-tg: health_check_path"),
    (keep_fewer_backups, f"change DB instance {STACK}-db: backup_retention_period, tags.mlflow:component"),
    (tag_database, f"change DB instance {STACK}-db: backup_retention_period, tags.mlflow:component"),
    (log_every_statement, f"change DB parameter group {STACK}-db-postgres15: parameters.log_min_duration_statement"),
    (allow_plain_http, f"change bucket {BUCKET}: {IN_BUCKET}"),
    (publish_bucket, f"change bucket {BUCKET}: {IN_BUCKET}"),
    (suspend_versions, f"change bucket {BUCKET}: {IN_BUCKET}"),
    (keep_versions, f"create lifecycle rule {STACK}"),
    (tag_secret, f"change secret {STACK}/mlflow/admin: tags.mlflow:component"),
    (forget_logs, f"change log group /ecs/{STACK}: retention"),
    (widen_role, f"change IAM role {STACK}-eu-west-2-task: policy.Statement"),
    (scale_by_hand, f"change service {STACK}: desired_count"),
    (watch_nothing, f"change cluster {STACK}-cluster: container_insights"),
]


def test_the_plan_of_an_empty_account_is_what_the_first_run_makes(account: Site) -> None:
    planned = account.run(check=True).assert_good()
    told = {line for line in words(planned.output) if line.startswith("create ")}
    made = account.deploy()
    assert made.code == 0
    assert drift(account) == []
    # What is there now is what a plan with nothing there would name, and no more.
    stack_info = json.loads((account.output / "drift.json").read_text(encoding="utf-8"))
    assert stack_info["changes"] == []
    assert len(told) >= 36
    again = account.run(check=True).assert_good()
    assert words(again.output) == []
    kept = int(again.output.rsplit(" to leave", 1)[0].rsplit(" ", 1)[1])
    assert kept == len([line for line in told if "the admin's login" not in line])


def test_a_full_run_finds_no_more_than_the_comparison(account: Site) -> None:
    account.run(stack_full_run=True).assert_nothing_changed()


def test_twenty_kinds_of_drift_are_found_named_and_mended_by_one_run(account: Site) -> None:
    assert len(DRIFTS) == 20
    for by_hand, _ in DRIFTS:
        by_hand(account.stack)
    found = said(drift(account))
    assert found == {name for _, name in DRIFTS}
    planned = account.run(check=True).assert_good()
    assert set(words(planned.output)) == found
    account.run().assert_good()
    assert drift(account) == []
    account.run(stack_full_run=True).assert_nothing_changed()


@pytest.mark.parametrize(
    ("tag", "by_hand"),
    [("network", open_ssh), ("storage", allow_plain_http), ("alb", idle), ("ecs_mlflow", forget_logs)],
)
def test_the_right_tag_alone_mends(account: Site, tag: str, by_hand: Callable[[Stack], None]) -> None:
    by_hand(account.stack)
    ended = account.run(tags=tag).assert_good()
    assert ended.recap()["changed"] == 1, ended.changed_tasks()
    assert drift(account) == []
