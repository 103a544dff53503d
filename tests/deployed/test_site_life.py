# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of one stack, in order: built tag by tag, changed, broken, mended, destroyed.

Each test takes the stack that the one before left, so a failure makes the later ones meaningless.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.account import added, counts, resources
from tests.deployed.deployed_requests import Requests
from tests.deployed.deployed_runs import Site
from tests.deployed.deployed_stack import Stack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

STACK = "fraud-scoring-mlflow-local"
BUCKET = "fraud-models-test-local"
#: An environment value of the server, before the change of one character.
FIRST = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "120"}
CHANGED = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "121"}

#: Tags that need others on an empty account, and what their message says.
DEPENDENT = {
    "verify": f"{STACK} has no running MLflow yet: run --tags ecs_mlflow first",
    "mlflow_access": f"{STACK} has no running MLflow yet: run --tags ecs_mlflow first",
    "ecs_mlflow": f"{STACK} has no network, secrets, rds, storage, alb yet: "
    "run --tags network,secrets,rds,storage,alb first",
    "alb": f"{STACK} has no network yet: run --tags network first",
    "rds": f"{STACK} has no network yet: run --tags network first",
}
#: Tags in an order in which each finds what it needs, and what the first run of each adds to the account.
BUILDS: dict[str, dict[str, int]] = {
    "secrets": {"SecretList": 5},
    "storage": {"Buckets": 1},
    "network": {
        "Vpcs": 1,
        "Subnets": 4,
        "InternetGateways": 1,
        "NatGateways": 1,
        "Addresses": 1,
        "SecurityGroups": 4,  # the VPC's own and three of ours
        "RouteTables": 4,  # the VPC's own, a public one, a private one for each zone
        "VpcEndpoints": 1,
    },
    "rds": {"DBInstances": 1, "DBParameterGroups": 1, "DBSubnetGroups": 1},
    "alb": {"LoadBalancers": 1, "TargetGroups": 1},
    "ecs_mlflow": {"clusterArns": 1, "taskDefinitionArns": 2, "Roles": 3, "logGroups": 1},
    "mlflow_access": {},
    "verify": {},
}
#: Network interfaces belong to what is built, automatic snapshots to the database.
INCIDENTAL = {"NetworkInterfaces", "DBSnapshots"}


def revisions(stack: Stack) -> dict[str, int]:
    """The number of revisions, ever, of the service's and of the migration's family."""
    found = {}
    for use, family in (("service", STACK), ("migration", f"{STACK}-migration")):
        found[use] = sum(
            arn.rsplit("/", 1)[1].rsplit(":", 1)[0] == family
            for status in ("ACTIVE", "INACTIVE")
            for arn in stack.every(
                "ecs", "list_task_definitions", "taskDefinitionArns", familyPrefix=family, status=status
            )
        )
    return found


def steady(stack: Stack) -> bool:
    """Whether the service has one deployment, with all its tasks."""
    service = stack.service()
    return len(service["deployments"]) == 1 and service["runningCount"] == service["desiredCount"] == 2


@pytest.mark.parametrize("tag", DEPENDENT)
def test_tag_on_an_empty_account_names_what_it_needs(account: Site, empty: dict[str, set[str]], tag: str) -> None:
    ended = account.run(tags=tag)

    assert ended.code == 2, ended.output[-3000:]
    assert ended.messages() == [DEPENDENT[tag]]
    assert ended.recap()["changed"] == 0
    assert added(empty, resources(account.stack)) == {}


#: What check mode announces on an empty account, for each tag.
PREVIEWS = {
    "": f"create VPC {STACK}",
    "network": f"create VPC {STACK}",
    "secrets": f"create secret {STACK}/database/master",
    "rds": f"create DB instance {STACK}-db",
    "storage": f"create bucket {BUCKET}",
    "alb": f"create target group {STACK}-tg",
    "ecs_mlflow": f"create IAM role {STACK}-eu-west-2-execution",
    "mlflow_access": "would create the admin's login",
    "verify": "nothing can be checked before the service runs",
}


@pytest.mark.parametrize("tag", PREVIEWS)
def test_check_mode_on_an_empty_account_tells_what_would_be(
    account: Site, empty: dict[str, set[str]], tag: str
) -> None:
    ended = account.run(tags=tag, check=True).assert_good()

    assert PREVIEWS[tag] in " ".join(ended.output.split()), ended.output[-3000:]
    assert (ended.recap()["changed"] > 0) == (tag != "verify")
    assert added(empty, resources(account.stack)) == {}


@pytest.mark.parametrize("tag", BUILDS)
def test_tag_builds_what_it_is_for(account: Site, empty: dict[str, set[str]], tag: str) -> None:
    before = resources(account.stack)

    # On a stack that is half built, check mode of the whole works too.
    if tag in ("network", "alb", "mlflow_access"):
        account.run(check=True, ecs_mlflow_environment=FIRST).assert_good()
        assert resources(account.stack) == before
    account.run(tags=tag, ecs_mlflow_environment=FIRST).assert_good()

    new = {kind: n for kind, n in counts(added(before, resources(account.stack))).items() if kind not in INCIDENTAL}
    assert new == BUILDS[tag]


@pytest.mark.parametrize("tag", BUILDS)
def test_tag_on_a_built_stack_changes_nothing(account: Site, tag: str) -> None:
    before = resources(account.stack), revisions(account.stack)
    ended = account.run(tags=tag, ecs_mlflow_environment=FIRST)

    ended.assert_nothing_changed()
    assert any(f" : {tag} : " in f" : {task}" or task.startswith(f"mlops.mlflow_aws.{tag} :") for task in ended.tasks())
    assert (resources(account.stack), revisions(account.stack)) == before


def test_one_character_is_one_revision_and_one_rollout(account: Site) -> None:
    stack = account.stack
    before, tasks = revisions(stack), stack.running_tasks()
    with Requests(stack) as requests:
        account.run(tags="ecs_mlflow", ecs_mlflow_environment=CHANGED).assert_good()

    assert revisions(stack) == {**before, "service": before["service"] + 1}
    assert stack.settings()["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "121"
    assert steady(stack)
    # Each task was replaced, once.
    assert len(stack.running_tasks()) == len(tasks) == 2
    assert not stack.running_tasks() & tasks
    assert started_tasks(stack, stack.service()["taskDefinition"]) == 2
    assert requests.failed() == []
    account.run(tags="ecs_mlflow", ecs_mlflow_environment=CHANGED).assert_nothing_changed()


def started_tasks(stack: Stack, definition: str) -> int:
    """How many tasks of a revision there are or were (AWS describes stopped ones for an hour)."""
    arns = [
        arn
        for status in ("RUNNING", "STOPPED")
        for arn in stack.every("ecs", "list_tasks", "taskArns", cluster=f"{STACK}-cluster", desiredStatus=status)
    ]
    tasks = stack.aws("ecs").describe_tasks(cluster=f"{STACK}-cluster", tasks=arns)["tasks"]
    return sum(task["taskDefinitionArn"] == definition for task in tasks)


def test_revision_that_cannot_start_is_rolled_back(account: Site) -> None:
    stack = account.stack
    running, tasks = stack.service()["taskDefinition"], stack.running_tasks()
    switch = "MLFLOW_SERVER_ENABLE_JOB_EXECUTION"  # MLflow itself refuses what is no truth value, at its start
    with Requests(stack) as requests:
        ended = account.run(tags="ecs_mlflow", ecs_mlflow_environment={**CHANGED, switch: "maybe"})

    assert ended.code == 2, ended.output[-3000:]
    (message,) = ended.messages()
    assert f"{switch} value must be one of" in message
    assert "rolled back" in message
    assert stack.service()["taskDefinition"] == running
    assert stack.running_tasks() == tasks
    assert steady(stack)
    assert requests.failed() == []


def test_image_that_cannot_be_pulled_never_reaches_the_service(account: Site) -> None:
    stack = account.stack
    running, tasks = stack.service()["taskDefinition"], stack.running_tasks()

    ended = account.run(
        tags="ecs_mlflow", ecs_mlflow_environment=CHANGED, ecs_mlflow_image="public.ecr.aws/docker/library/pythn:3.11"
    )

    assert ended.code == 2, ended.output[-3000:]
    (message,) = ended.messages()
    assert "CannotPullContainerError" in message
    assert (stack.service()["taskDefinition"], stack.running_tasks()) == (running, tasks)
    assert stack.search(stack.login) == 200


def test_good_values_and_another_size_mend_the_stack(account: Site) -> None:
    stack = account.stack
    before, tasks = revisions(stack), stack.running_tasks()
    with Requests(stack) as requests:
        account.run(tags="ecs_mlflow", ecs_mlflow_environment=CHANGED, ecs_mlflow_cpu=256).assert_good()

    # The migration's task has the size of the service's.
    assert revisions(stack) == {use: number + 1 for use, number in before.items()}
    assert stack.settings()["MLFLOW_AWS_WORKERS"] != "0"
    assert steady(stack)
    assert not stack.running_tasks() & tasks
    assert started_tasks(stack, stack.service()["taskDefinition"]) == 2
    assert requests.failed() == []
    account.run(ecs_mlflow_environment=CHANGED, ecs_mlflow_cpu=256).assert_nothing_changed()


@pytest.mark.parametrize("name", [None, "fraud-scoring-mlflow", f"{STACK} ", ""])
def test_destroy_refuses_without_the_name(account: Site, name: str | None) -> None:
    before = resources(account.stack)

    confirm: dict[str, Any] = {} if name is None else {"destroy_confirm": name}
    ended = account.run("playbooks/destroy.yml", **confirm)

    assert ended.code == 2
    (message,) = ended.messages()
    assert f"This would destroy {STACK} in eu-west-2" in message
    assert f"The bucket {BUCKET} stays" in message
    assert f"-e destroy_confirm={STACK}" in message
    assert ended.recap()["changed"] == 0
    assert resources(account.stack) == before
    assert account.stack.search(account.stack.login) == 200


def test_destroy_leaves_the_bucket_and_the_last_snapshot(account: Site, empty: dict[str, set[str]]) -> None:
    stack = account.stack
    stack.aws("s3").put_object(Bucket=BUCKET, Key="mlflow-artifacts/kept", Body=b"precious")
    # As ECS does for Container Insights.
    stack.aws("logs").create_log_group(logGroupName=f"/aws/ecs/containerinsights/{STACK}-cluster/performance")

    (stack.output / "mlflow-alice.env").touch(0o600)
    (stack.output / "a-person-s.txt").touch()

    account.run("playbooks/destroy.yml", destroy_confirm=STACK, rds_skip_final_snapshot=False).assert_good()

    # Logins that do not work any more, and results of what is gone. health.json and drift.json are among them.
    assert not [*stack.output.glob("*.env"), *stack.output.glob("*.json")]
    assert (stack.output / "a-person-s.txt").exists()

    left = added(empty, resources(stack))
    assert left.pop("Buckets") == {BUCKET}
    snapshots = left.pop("DBSnapshots")
    assert [name.startswith(f"{STACK}-final-") for name in snapshots] == [True]
    assert left == {}
    assert stack.aws("s3").get_object(Bucket=BUCKET, Key="mlflow-artifacts/kept")["Body"].read() == b"precious"
    assert {part["kind"] for part in stack.parts()} <= {"control-plane", "elb"}


def test_destroy_again_finds_nothing_to_do(account: Site) -> None:
    ended = account.run("playbooks/destroy.yml", destroy_confirm=STACK, rds_skip_final_snapshot=False)
    ended.assert_nothing_changed()
