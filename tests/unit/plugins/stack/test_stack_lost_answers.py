# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A creation whose answer is lost does not end a run: the task is tried again, finds what it made, and goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.mlops.mlflow_aws.plugins.module_utils.transient import is_transient

from tests.unit.plugins.lost_answers import lossy
from tests.unit.plugins.run_module import run_module
from tests.unit.plugins.stack.stack_whole import TRUST

ROOT = Path(__file__).resolve().parents[4]
REGION = "ap-southeast-2"
TAGS = {"mlflow:stack": "lost-answers"}
Ground = dict[str, Any]

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
    "PUT /lost-answers-artifacts": (
        "artifact_bucket",
        lambda ground: {"name": "lost-answers-artifacts"},
        lambda aws, ground: int(bool(aws("s3").head_bucket(Bucket="lost-answers-artifacts"))),
    ),
}
#: Modules of which a run writes no tag in that way.
_UNTAGGED = ("amazon.aws.ec2_vpc_route_table",)


@pytest.fixture(scope="module")
def ground(aws: Any) -> Ground:
    """A VPC with what the modules build on."""
    ec2 = aws.client("ec2", region=REGION)
    vpc = ec2.create_vpc(CidrBlock="10.8.0.0/16")["Vpc"]["VpcId"]
    other = ec2.create_vpc(CidrBlock="10.88.0.0/16")["Vpc"]["VpcId"]
    gateways = [ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"] for _number in range(2)]
    ec2.attach_internet_gateway(InternetGatewayId=gateways[1], VpcId=other)
    return {
        "vpc": vpc,
        "gateway": gateways[0],
        "other_gateway": gateways[1],
        "table": ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"],
        "subnets": [
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.8.{number}.0/24", AvailabilityZone=f"{REGION}{zone}")["Subnet"][
                "SubnetId"
            ]
            for number, zone in ((1, "a"), (2, "b"))
        ],
    }


@pytest.mark.parametrize("lose", CREATIONS)
def test_the_task_is_tried_again_and_finds_what_it_made(aws: Any, ground: Ground, lose: str) -> None:
    module, arguments, count = CREATIONS[lose]
    args = {**arguments(ground), "region": REGION}
    if module not in _UNTAGGED:
        args["tags"] = TAGS
    with lossy(aws.endpoint, lose) as way:
        env = {**aws.process_env, "AWS_ENDPOINT_URL": way.url, "AWS_RETRY_MODE": "standard", "AWS_MAX_ATTEMPTS": "10"}
        told = run_module(module, args, env)
        assert way.lost == 1, told
        if told.get("failed"):
            assert is_transient(told, "already_exists"), told
            told = run_module(module, args, env)
    assert not told.get("failed"), told
    assert count(lambda service: aws.client(service, region=REGION), ground) == 1


#: Modules of the roles that create something which can be there already.
CREATING = {module for module, _arguments, _count in CREATIONS.values()} | {"amazon.aws.rds_instance"}


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
