# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A first deployment that is killed again and again converges, and nothing was made twice; so does a destruction.

Each test takes the stack that the one before left.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.account import added, counts, resources
from tests.deployed.deployed_runs import Site
from tests.deployed.deployed_stack import Stack
from tests.deployed.deployed_wire import Cut, Wire, cut_after_each, expire_in

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

STACK = "fraud-scoring-mlflow-local"

USERS = [{"name": "alice"}, {"name": "bob"}]
VARIABLES: dict[str, Any] = {"network_nat": "per_zone", "ecs_mlflow_autoscaling": True, "mlflow_users": USERS}

#: Where the run is killed. A task, and how many seconds after its beginning: before, in, and after its calls to AWS.
#: Or a call: right after AWS has carried it out, and before the run hears of that. Each run goes on from what the one
#: before left.
KILLS: list[tuple[str, float] | str] = [
    ("Vpc | Create the VPC", 1.2),
    ("Nat | Allocate the addresses", 1.3),
    ("Nat | Create the gateways without waiting for them", 0.0),
    ("Nat | Create the gateways without waiting for them", 1.5),
    ("Secrets | Make those that do not exist", 2.5),
    ("Instance | Create or change the database", 2.0),
    "CreateTargetGroup",
    ("Load balancer | Create the load balancer and its listener", 1.5),
    "CreateRole",
    "PutRolePolicy",
    "CreateCluster",
    "RegisterTaskDefinition",
    ("Migrate | Run the migration of the databases", 5.0),
    "CreateService",
    "RegisterScalableTarget",
    ("Service | Roll the revision out and wait until it is steady", 8.0),
    ("Admin | Make the admin what the secret says", 0.5),
]

#: One of each, and a NAT gateway with its address in each of the two zones.
WANTED = {
    "Vpcs": 1,
    "Subnets": 4,
    "InternetGateways": 1,
    "NatGateways": 2,
    "Addresses": 2,
    "SecurityGroups": 4,
    "RouteTables": 4,
    "VpcEndpoints": 1,
    "SecretList": 7,
    "DBInstances": 1,
    "DBParameterGroups": 1,
    "DBSubnetGroups": 1,
    "Buckets": 1,
    "LoadBalancers": 1,
    "TargetGroups": 1,
    "clusterArns": 1,
    "taskDefinitionArns": 2,
    "Roles": 3,
    "logGroups": 1,
    "ScalableTargets": 1,
}
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
)
#: What one sentence says when the credentials of a run end before it does.
EXPIRED = "The AWS credentials of this run have expired"


class Killer:
    """Says when the run has begun a task."""

    def __init__(self, task: str, delay: float) -> None:
        self._task, self._delay = task, delay

    def __call__(self, line: str) -> float | None:
        return self._delay if line.startswith("TASK [") and line.split(" : ", 1)[-1].startswith(self._task) else None


@pytest.fixture(scope="module")
def wire(account: Site) -> Iterator[Wire]:
    """The wire to the embedded AWS."""
    with Wire(account.env["AWS_ENDPOINT_URL"]).serving() as wire:
        yield wire


def doubled(site: Site, empty: dict[str, set[str]]) -> dict[str, int]:
    """What there is more of than there should be."""
    made = counts(added(empty, resources(site.stack)))
    return {kind: number for kind, number in made.items() if number > WANTED.get(kind, number)}


@pytest.mark.parametrize("where", KILLS, ids=[each if isinstance(each, str) else each[0] for each in KILLS])
def test_killed(account: Site, empty: dict[str, set[str]], wire: Wire, where: tuple[str, float] | str) -> None:
    if isinstance(where, str):
        cut = Cut(lambda call: call.action == where)
        ended = cut.run(account, [wire], **VARIABLES)
        assert cut.at is not None, ended.output[-3000:]
    else:
        ended = account.run(stop=Killer(*where), **VARIABLES)

    assert ended.code == -9, ended.output[-3000:]
    assert doubled(account, empty) == {}


def test_next_run_converges(account: Site, empty: dict[str, set[str]]) -> None:
    account.deploy(**VARIABLES)

    made = counts(added(empty, resources(account.stack)))
    assert {kind: made[kind] for kind in WANTED} == WANTED
    stack = account.stack
    assert stack.health["healthy"] is True
    assert len(stack.running_tasks()) == stack.service()["desiredCount"] == 2
    assert stack.search(stack.login) == 200


def test_migration_ran_once(account: Site) -> None:
    """The run that was killed while the migration went on had begun it; the next one waited for it."""
    stack = account.stack
    arns = [
        arn
        for status in ("RUNNING", "STOPPED")
        for arn in stack.every(
            "ecs",
            "list_tasks",
            "taskArns",
            cluster=f"{STACK}-cluster",
            family=f"{STACK}-migration",
            desiredStatus=status,
        )
    ]
    tasks = stack.aws("ecs").describe_tasks(cluster=f"{STACK}-cluster", tasks=arns)["tasks"]
    codes = [container["exitCode"] for task in tasks for container in task["containers"]]
    assert (len(tasks), codes) == (1, [0, 0])


def test_second_run_changes_nothing(account: Site) -> None:
    account.run(**VARIABLES).assert_nothing_changed()


#: Tasks that wait for long, and calls with which their waiting begins.
WAITS = [
    ("Database | Wait until the database takes connections", "DescribeDBInstances"),
    ("Migrate | Run the migration of the databases", "RunTask"),
    ("Service | Roll the revision out and wait until it is steady", "UpdateService"),
]


def test_credentials_that_expire_in_a_long_wait(account: Site, empty: dict[str, set[str]], wire: Wire) -> None:
    """One sentence says what to do, and the next run goes on."""
    changed: dict[str, Any] = {
        **VARIABLES,
        "ecs_mlflow_environment": {"MLFLOW_HTTP_REQUEST_TIMEOUT": "121"},
        # Of the migration's task, too.
        "ecs_mlflow_memory": 2048,
    }
    for task, action in WAITS:
        ended = expire_in(account, wire, task, action, **changed)
        assert ended.code == 2, ended.output[-3000:]
        assert ended.tasks()[-1].split(" : ", 1)[-1] == task, ended.output[-3000:]
        assert EXPIRED in ended.output, ended.output[-3000:]
        assert "run the same command again" in ended.output

    account.deploy(**changed)
    # The former revisions are kept (ecs_mlflow_keep_revisions).
    assert {*doubled(account, empty)} <= {"taskDefinitionArns"}
    assert account.stack.settings()["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "121"
    assert account.stack.search(account.stack.login) == 200
    account.run(**changed).assert_nothing_changed()


#: Calls that destroy.yml makes, each for whatever there is of its kind.
DESTRUCTION = {
    *("UpdateService", "DeleteService", "DeregisterTaskDefinition", "DeleteCluster", "DeleteRolePolicy", "DeleteRole"),
    *("DeleteLogGroup", "DeleteListener", "DeleteLoadBalancer", "DeleteTargetGroup", "DeleteDBInstance"),
    *("DeleteDBParameterGroup", "DeleteDBSubnetGroup", "DeleteSecret", "DeleteVpcEndpoints", "DeleteNatGateway"),
    *("DeleteSubnet", "DeleteRouteTable", "DeleteSecurityGroup", "DetachInternetGateway", "DeleteInternetGateway"),
    *("DeleteVpc", "ReleaseAddress"),
}


def make_what_is_of_others(site: Site) -> None:
    """What somebody else has beside the stack, with names that are nearly those of the stack."""
    stack = site.stack
    ec2 = stack.aws("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    time.sleep(site.settling)
    ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24")
    ec2.create_route_table(VpcId=vpc)
    ec2.create_security_group(VpcId=vpc, GroupName=f"{STACK}-rds", Description="theirs")
    ec2.create_internet_gateway()
    ec2.allocate_address(Domain="vpc")
    # Without any owner, each discovery would look twice: the tags of what is new may be seen late.
    for name in ("mlflow/users/theirs", "database/theirs"):
        tags = [{"Key": "mlflow:stack", "Value": "theirs"}]
        stack.aws("secretsmanager").create_secret(Name=f"{STACK}/{name}", SecretString="theirs", Tags=tags)
    stack.aws("logs").create_log_group(logGroupName=f"/ecs/{STACK}-theirs")
    stack.aws("iam").create_role(RoleName=f"{STACK}-eu-west-2-theirs", AssumeRolePolicyDocument=TRUST)
    stack.aws("ecs").create_cluster(clusterName=f"{STACK}-theirs")
    stack.aws("ecs").register_task_definition(
        family=f"{STACK}-theirs", containerDefinitions=[{"name": "theirs", "image": "python:3.11", "memory": 128}]
    )
    stack.aws("elbv2").create_target_group(Name=f"{STACK}-x", Protocol="HTTP", Port=80, VpcId=vpc)
    stack.aws("rds").create_db_parameter_group(
        DBParameterGroupName=f"{STACK}-theirs", DBParameterGroupFamily="postgres15", Description="theirs"
    )
    stack.aws("rds").create_db_snapshot(DBInstanceIdentifier=f"{STACK}-db", DBSnapshotIdentifier=f"{STACK}-theirs")
    stack.aws("rds").get_waiter("db_snapshot_available").wait(DBSnapshotIdentifier=f"{STACK}-theirs")
    time.sleep(site.settling)


def own_snapshots(stack: Stack) -> list[str]:
    """Of the last snapshots of the database, their statuses."""
    rows = stack.every("rds", "describe_db_snapshots", "DBSnapshots", SnapshotType="manual")
    return [row["Status"] for row in rows if row["DBSnapshotIdentifier"].startswith(f"{STACK}-final-")]


@pytest.mark.timeout(5400)
def test_destroy_that_is_killed_after_each_writing_call(account: Site, empty: dict[str, set[str]], wire: Wire) -> None:
    """What is left is the bucket, one last snapshot, and what belongs to others."""
    stack = account.stack
    before = resources(stack)
    make_what_is_of_others(account)
    theirs = added(before, resources(stack))

    killed = cut_after_each(
        *(account, [wire], "playbooks/destroy.yml"),
        look=lambda *_: None,
        most=100,
        destroy_confirm=STACK,
        rds_skip_final_snapshot=False,
        **VARIABLES,
    )
    left = added(empty, resources(stack))
    (bucket,) = left.pop("Buckets")
    assert bucket == "fraud-models-test-local"
    last = left["DBSnapshots"] - theirs["DBSnapshots"]
    assert (len(last), own_snapshots(stack)) == (1, ["available"])
    assert {**left, "DBSnapshots": left["DBSnapshots"] - last} == theirs
    assert {name.partition(" ")[0] for name in killed} >= DESTRUCTION
    account.run("playbooks/destroy.yml", destroy_confirm=STACK, rds_skip_final_snapshot=False).assert_nothing_changed()
