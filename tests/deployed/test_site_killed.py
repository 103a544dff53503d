# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A first deployment that is killed again and again converges, and nothing was made twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.account import added, counts, resources
from tests.deployed.deployed_runs import Site
from tests.deployed.deployed_wire import Call, Cut, Wire

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
    ("Load balancer | Create the load balancer and its listener", 1.5),
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


def test_credentials_that_expire_in_a_long_wait(account: Site, empty: dict[str, set[str]], wire: Wire) -> None:
    """While the service becomes steady: one sentence says what to do, and the next run completes."""
    changed: dict[str, Any] = {**VARIABLES, "ecs_mlflow_environment": {"MLFLOW_HTTP_REQUEST_TIMEOUT": "121"}}

    def expire(call: Call) -> bool:
        wire.expired = wire.expired or call.action == "UpdateService"
        return False

    try:
        ended = Cut(expire).run(account, [wire], **changed)
    finally:
        wire.expired = False
    assert ended.code == 2, ended.output[-3000:]
    assert ended.output.count(EXPIRED) == 1, ended.output[-3000:]
    assert "run the same command again" in ended.output

    account.deploy(**changed)
    # The former revisions are kept (ecs_mlflow_keep_revisions).
    assert {*doubled(account, empty)} <= {"taskDefinitionArns"}
    assert account.stack.settings()["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "121"
    assert account.stack.search(account.stack.login) == 200
    account.run(**changed).assert_nothing_changed()
