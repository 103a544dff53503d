# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A creation whose answer is lost does not end a run: the task is tried again, finds what it made, and goes on."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._transient import is_transient

from tests.unit.plugins.lost_answers import lossy
from tests.unit.plugins.run_module import run_module
from tests.unit.plugins.stack.stack_whole import TRUST

ROOT = Path(__file__).resolve().parents[4]
REGION = "ap-southeast-2"
TAGS = {"mlflow:stack": "lost-answers"}
#: Seconds until a read sees what was created.
UNSEEN = 6.0
Ground = dict[str, Any]


def _balancer(ground: Ground, name: str) -> dict[str, Any]:
    listener = {"Protocol": "HTTP", "Port": 80}
    return {
        "name": name,
        "scheme": "internal",
        "subnets": ground["subnets"],
        "security_groups": [ground["group"]],
        "listeners": [{**listener, "DefaultActions": [{"Type": "forward", "TargetGroupName": ground["targets"]}]}],
        "wait": False,
        "state": "present",
    }


#: By what loses its answer: the module, its arguments, and how to count what it made.
CREATIONS: dict[str, tuple[str, Callable[[Ground], dict[str, Any]], Callable[[Any, Ground], int]]] = {
    "Action=CreateSubnet": (
        "amazon.aws.ec2_vpc_subnet",
        lambda ground: {"vpc_id": ground["vpc"], "cidr": "10.8.9.0/24", "az": f"{REGION}a"},
        lambda aws, ground: len(
            aws("ec2").describe_subnets(Filters=[{"Name": "cidr-block", "Values": ["10.8.9.0/24"]}])["Subnets"]
        ),
    ),
    "Action=CreateSecurityGroup": (
        "amazon.aws.ec2_security_group",
        lambda ground: {"name": "lost", "description": "lost", "vpc_id": ground["vpc"]},
        lambda aws, ground: len(
            aws("ec2").describe_security_groups(Filters=[{"Name": "group-name", "Values": ["lost"]}])["SecurityGroups"]
        ),
    ),
    "Action=AuthorizeSecurityGroupIngress": (
        "amazon.aws.ec2_security_group",
        lambda ground: {
            "name": "ruled",
            "description": "ruled",
            "vpc_id": ground["vpc"],
            "rules": [{"proto": "tcp", "ports": [80], "cidr_ip": "10.0.0.0/8"}],
        },
        lambda aws, ground: len(
            aws("ec2").describe_security_groups(Filters=[{"Name": "group-name", "Values": ["ruled"]}])[
                "SecurityGroups"
            ][0]["IpPermissions"]
        ),
    ),
    "Action=AttachInternetGateway": (
        "amazon.aws.ec2_vpc_igw",
        lambda ground: {"vpc_id": ground["vpc"], "internet_gateway_id": ground["gateway"]},
        lambda aws, ground: len(
            aws("ec2").describe_internet_gateways(InternetGatewayIds=[ground["gateway"]])["InternetGateways"][0][
                "Attachments"
            ]
        ),
    ),
    "Action=CreateRoute": (
        "amazon.aws.ec2_vpc_route_table",
        lambda ground: {
            "vpc_id": ground["vpc"],
            "lookup": "id",
            "route_table_id": ground["table"],
            "routes": [{"dest": "0.0.0.0/0", "gateway_id": ground["other_gateway"]}],
        },
        lambda aws, ground: (
            len(aws("ec2").describe_route_tables(RouteTableIds=[ground["table"]])["RouteTables"][0]["Routes"]) - 1
        ),
    ),
    "Action=CreateDBSubnetGroup": (
        "amazon.aws.rds_subnet_group",
        lambda ground: {"name": "lost", "description": "lost", "subnets": ground["subnets"], "state": "present"},
        lambda aws, ground: len(aws("rds").describe_db_subnet_groups(DBSubnetGroupName="lost")["DBSubnetGroups"]),
    ),
    "Action=CreateDBParameterGroup": (
        "amazon.aws.rds_instance_param_group",
        lambda ground: {"name": "lost", "description": "lost", "engine": "postgres15", "state": "present"},
        lambda aws, ground: len(
            aws("rds").describe_db_parameter_groups(DBParameterGroupName="lost")["DBParameterGroups"]
        ),
    ),
    "Action=CreateTargetGroup": (
        "target_group",
        lambda ground: {"name": "lost", "port": 5000, "vpc_id": ground["vpc"], "health_check_path": "/health"},
        lambda aws, ground: len(aws("elbv2").describe_target_groups(Names=["lost"])["TargetGroups"]),
    ),
    "Action=CreateRole": (
        "amazon.aws.iam_role",
        lambda ground: {"name": "lost-answers", "assume_role_policy_document": TRUST, "create_instance_profile": False},
        lambda aws, ground: int(aws("iam").get_role(RoleName="lost-answers")["Role"]["RoleName"] == "lost-answers"),
    ),
    "CreateLogGroup": (
        "amazon.aws.cloudwatchlogs_log_group",
        lambda ground: {"log_group_name": "/lost/answers", "retention": 7, "state": "present"},
        lambda aws, ground: len(aws("logs").describe_log_groups(logGroupNamePrefix="/lost/answers")["logGroups"]),
    ),
    "CreateSecret": (
        "community.aws.secretsmanager_secret",
        lambda ground: {"name": "lost/answers", "json_secret": {"key": "not-a-real-one"}, "overwrite": False},
        lambda aws, ground: int("DeletedDate" not in aws("secretsmanager").describe_secret(SecretId="lost/answers")),
    ),
    "CreateCluster": (
        "ecs_cluster_settings",
        lambda ground: {"cluster": "lost-answers"},
        lambda aws, ground: len(aws("ecs").describe_clusters(clusters=["lost-answers"])["clusters"]),
    ),
    "Action=CreateVpcEndpoint": (
        "amazon.aws.ec2_vpc_endpoint",
        lambda ground: {
            "vpc_id": ground["vpc"],
            "service": f"com.amazonaws.{REGION}.s3",
            "vpc_endpoint_type": "Gateway",
            "route_table_ids": [ground["endpoint_table"]],
        },
        lambda aws, ground: len(
            aws("ec2").describe_vpc_endpoints(Filters=[{"Name": "vpc-id", "Values": [ground["vpc"]]}])["VpcEndpoints"]
        ),
    ),
    "Action=CreateDBInstance": (
        "amazon.aws.rds_instance",
        lambda ground: {
            "id": "lost",
            "engine": "postgres",
            "engine_version": "15.7",
            "db_instance_class": "db.t3.micro",
            "allocated_storage": 20,
            "max_allocated_storage": 100,
            "storage_type": "gp3",
            "storage_encrypted": True,
            "master_username": "boss",
            "master_user_password": "not-a-real-one",
            "force_update_password": False,
            "port": 5432,
            "db_subnet_group_name": ground["subnet_group"],
            "db_parameter_group_name": ground["parameter_group"],
            "vpc_security_group_ids": [ground["group"]],
            "deletion_protection": False,
            "enable_performance_insights": True,
            "auto_minor_version_upgrade": True,
            "publicly_accessible": False,
            "multi_az": False,
            "backup_retention_period": 7,
            "copy_tags_to_snapshot": True,
            "apply_immediately": True,
            "wait": False,
        },
        lambda aws, ground: len(aws("rds").describe_db_instances(DBInstanceIdentifier="lost")["DBInstances"]),
    ),
    "Action=CreateLoadBalancer": (
        "amazon.aws.elb_application_lb",
        lambda ground: _balancer(ground, "lost-balancer"),
        lambda aws, ground: len(aws("elbv2").describe_load_balancers(Names=["lost-balancer"])["LoadBalancers"]),
    ),
    "Action=CreateListener": (
        "amazon.aws.elb_application_lb",
        lambda ground: _balancer(ground, "lost-listener"),
        lambda aws, ground: len(
            aws("elbv2").describe_listeners(
                LoadBalancerArn=aws("elbv2").describe_load_balancers(Names=["lost-listener"])["LoadBalancers"][0][
                    "LoadBalancerArn"
                ]
            )["Listeners"]
        ),
    ),
    "PUT /lost-answers-artifacts": (
        "artifact_bucket",
        lambda ground: {"name": "lost-answers-artifacts"},
        lambda aws, ground: int(bool(aws("s3").head_bucket(Bucket="lost-answers-artifacts"))),
    ),
}
#: Modules of which a run writes no tag in that way.
_UNTAGGED = ("amazon.aws.ec2_vpc_route_table",)


def _ground(aws: Any, unseen: float = 0) -> Ground:
    """A VPC with what the modules build on.

    :param unseen: seconds until a call sees what was created.
    """
    ec2, elbv2, rds = (aws.client(service, region=REGION) for service in ("ec2", "elbv2", "rds"))
    vpc = ec2.create_vpc(CidrBlock="10.8.0.0/16")["Vpc"]["VpcId"]
    other = ec2.create_vpc(CidrBlock="10.88.0.0/16")["Vpc"]["VpcId"]
    gateways = [ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"] for _number in range(2)]
    time.sleep(unseen)
    ec2.attach_internet_gateway(InternetGatewayId=gateways[1], VpcId=other)
    found = {
        "vpc": vpc,
        "gateway": gateways[0],
        "other_gateway": gateways[1],
        "table": ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"],
        "endpoint_table": ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"],
        "group": ec2.create_security_group(GroupName="ground", Description="x", VpcId=vpc)["GroupId"],
        "targets": elbv2.create_target_group(Name="ground", Protocol="HTTP", Port=5000, VpcId=vpc, TargetType="ip")[
            "TargetGroups"
        ][0]["TargetGroupName"],
        "subnets": [
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.8.{number}.0/24", AvailabilityZone=f"{REGION}{zone}")["Subnet"][
                "SubnetId"
            ]
            for number, zone in ((1, "a"), (2, "b"))
        ],
    }
    group = {"DBSubnetGroupName": "ground", "DBSubnetGroupDescription": "x", "SubnetIds": found["subnets"]}
    if unseen:
        # The first use of RDS makes its service-linked role, and fails.
        time.sleep(unseen)
        with contextlib.suppress(rds.exceptions.ClientError):
            rds.create_db_subnet_group(**group)
        time.sleep(2 * unseen)
    with contextlib.suppress(rds.exceptions.DBSubnetGroupAlreadyExistsFault):
        rds.create_db_subnet_group(**group)
    rds.create_db_parameter_group(DBParameterGroupName="ground", DBParameterGroupFamily="postgres15", Description="x")
    time.sleep(unseen)
    return {**found, "subnet_group": "ground", "parameter_group": "ground"}


@pytest.fixture(scope="module")
def ground(aws: Any) -> Ground:
    """What the modules build on."""
    return _ground(aws)


@pytest.fixture(scope="module")
def eventual(start_aws: Callable[..., Any]) -> Any:
    """An AWS that shows what was created to no read before the third attempt of a task."""
    return start_aws(consistency=UNSEEN)


@pytest.fixture(scope="module")
def eventual_ground(eventual: Any) -> Ground:
    """The same there."""
    return _ground(eventual, UNSEEN + 1)


def _run(module: str, args: dict[str, Any], env: dict[str, str]) -> dict[str, Any]:
    """What a module returns; a crash, as that of one which reads back what it cannot see yet, as ansible-core does."""
    try:
        return run_module(module, args, env)
    except AssertionError as crashed:
        if "Traceback" not in str(crashed):
            raise
        return {"failed": True, "msg": f"Task failed: Module failed: {str(crashed).strip().splitlines()[-1]}"}


def _attempts(aws: Any, ground: Ground, lose: str, delay: float) -> int:
    """How often the task is tried until it succeeds, as the roles try it: with its first answer lost."""
    module, arguments, _count = CREATIONS[lose]
    args = {**arguments(ground), "region": REGION}
    if module not in _UNTAGGED:
        args["tags"] = TAGS
    with lossy(aws.endpoint, lose) as way:
        env = {**aws.process_env, "AWS_ENDPOINT_URL": way.url, "AWS_RETRY_MODE": "standard", "AWS_MAX_ATTEMPTS": "10"}
        for attempt in range(1, 13):
            told = _run(module, args, env)
            if not told.get("failed"):
                assert way.lost == 1
                return attempt
            assert is_transient(told, "already_exists", "not_visible", "service_linked_role"), told
            time.sleep(delay)
    raise AssertionError(f"failed twelve times: {told}")


@pytest.mark.parametrize("lose", CREATIONS)
def test_the_task_is_tried_again_and_finds_what_it_made(aws: Any, ground: Ground, lose: str) -> None:
    assert _attempts(aws, ground, lose, 0) <= 2
    assert CREATIONS[lose][2](lambda service: aws.client(service, region=REGION), ground) == 1


@pytest.mark.slow
@pytest.mark.parametrize("lose", CREATIONS)
def test_an_attempt_that_does_not_see_yet_what_one_before_it_made_is_not_the_last(
    eventual: Any, eventual_ground: Ground, lose: str
) -> None:
    _attempts(eventual, eventual_ground, lose, UNSEEN / 3)
    time.sleep(UNSEEN)
    assert CREATIONS[lose][2](lambda service: eventual.client(service, region=REGION), eventual_ground) == 1


#: Modules of the roles that create something which can be there already.
CREATING = {module for module, _arguments, _count in CREATIONS.values()}


def _tasks(nodes: Any) -> Iterator[dict[str, Any]]:
    for node in nodes or []:
        if "block" in node:
            yield from _tasks(node["block"])
        else:
            yield node


def test_each_task_of_such_a_module_is_tried_again() -> None:
    without = []
    for path in sorted((ROOT / "roles").glob("*/tasks/*.yml")):
        for task in _tasks(yaml.safe_load(path.read_text(encoding="utf-8"))):
            made = [name for name in task if name.removeprefix("mlops.mlflow_aws.") in CREATING]
            creates = made and task[made[0]].get("state", "present") == "present"
            if creates and "'already_exists'" not in str(task.get("until")):
                without.append(f"{path.relative_to(ROOT)}: {task['name']}")
    assert without == []
