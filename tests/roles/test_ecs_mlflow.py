# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The service that the role runs, as ECS, the load balancer and IAM have it."""

from __future__ import annotations

import json
from typing import Any

from tests.account import resources
from tests.roles.scenario import BUCKET, STACK, Scenario, tags

CLUSTER = f"{STACK}-cluster"
PREFIX = f"{STACK}-eu-west-2"
INSIGHTS = f"/aws/ecs/containerinsights/{CLUSTER}/performance"
URL = "http://127.0.0.1:18082"
PLAN = {
    f"create log group /ecs/{STACK}",
    *(f"create IAM role {PREFIX}-{use}" for use in ("execution", "migration-execution", "task")),
    f"create cluster {CLUSTER}",
    f"create task definition {STACK}",
    f"create task definition {STACK}-migration",
    f"create migration {STACK}-migration",
    f"create service {STACK}",
}


def service(scenario: Scenario) -> dict[str, Any]:
    """The ECS service."""
    (row,) = scenario.aws("ecs").describe_services(cluster=CLUSTER, services=[STACK])["services"]
    return dict(row)


def tasks(scenario: Scenario, **which: str) -> list[dict[str, Any]]:
    """The tasks of the cluster of these."""
    ecs = scenario.aws("ecs")
    arns = ecs.list_tasks(cluster=CLUSTER, **which)["taskArns"]
    return list(ecs.describe_tasks(cluster=CLUSTER, tasks=arns)["tasks"]) if arns else []


def definition(scenario: Scenario, name: str) -> dict[str, Any]:
    """A task definition: a revision, or the newest of a family."""
    return dict(scenario.aws("ecs").describe_task_definition(taskDefinition=name)["taskDefinition"])


def scaling(scenario: Scenario) -> list[tuple[int, int]]:
    """The ranges within which tasks are scaled."""
    rows = scenario.every(
        "application-autoscaling", "describe_scalable_targets", "ScalableTargets", ServiceNamespace="ecs"
    )
    return [(row["MinCapacity"], row["MaxCapacity"]) for row in rows]


def policy(scenario: Scenario, role: str) -> list[dict[str, Any]]:
    """The statements of a role's one policy."""
    iam = scenario.aws("iam")
    (name,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
    return list(iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]["Statement"])


def forget_logs(scenario: Scenario) -> None:
    scenario.aws("logs").put_retention_policy(logGroupName=f"/ecs/{STACK}", retentionInDays=1)


def widen_role(scenario: Scenario) -> None:
    everything = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    (name,) = scenario.aws("iam").list_role_policies(RoleName=f"{PREFIX}-task")["PolicyNames"]
    document = json.dumps({"Version": "2012-10-17", "Statement": [everything]})
    scenario.aws("iam").put_role_policy(RoleName=f"{PREFIX}-task", PolicyName=name, PolicyDocument=document)


def scale(scenario: Scenario) -> None:
    scenario.aws("application-autoscaling").register_scalable_target(
        ServiceNamespace="ecs",
        ResourceId=f"service/{CLUSTER}/{STACK}",
        ScalableDimension="ecs:service:DesiredCount",
        MinCapacity=1,
        MaxCapacity=3,
    )


DRIFTS = {
    forget_logs: f"change log group /ecs/{STACK}: retention",
    widen_role: f"change IAM role {PREFIX}-task: policy.Statement",
    scale: f"remove scaling {STACK}",
}
CHANGE: dict[str, Any] = {
    "ecs_mlflow_autoscaling": True,
    "ecs_mlflow_min_count": 1,
    "ecs_mlflow_max_count": 2,
    "ecs_mlflow_environment": {"MLFLOW_LOGGING_LEVEL": "WARNING"},
}
MADE = {"taskDefinitionArns": 1, "ScalableTargets": 1, "NetworkInterfaces": 1}
#: Each task has one of its own.
GONE = {"NetworkInterfaces": 1}
TOLD = {
    f"change task definition {STACK}: definition.containers.mlflow.environment.MLFLOW_LOGGING_LEVEL",
    f"create scaling {STACK}",
}


def before_change(scenario: Scenario) -> None:
    """Check mode tells the change, and makes none of it."""
    # ECS makes it for Container Insights, and it outlives the cluster: destroy removes it.
    scenario.aws("logs").create_log_group(logGroupName=INSIGHTS)
    before = resources(scenario)
    scenario.apply("told", check=True, **CHANGE).assert_good()
    assert resources(scenario) == before, "check mode has written"


def kept(scenario: Scenario) -> Any:
    """The service's own birthday: a replaced one has another."""
    return service(scenario)["createdAt"]


def test_the_plan_of_a_first_run(planned: list[str]) -> None:
    assert set(planned) == PLAN


def test_the_service_is_steady(applied: Scenario) -> None:
    row = service(applied)
    assert (row["status"], row["desiredCount"], row["runningCount"], row["pendingCount"]) == ("ACTIVE", 1, 1, 0)
    (deployment,) = row["deployments"]
    assert deployment["rolloutState"] == "COMPLETED"
    assert row["taskDefinition"] == definition(applied, STACK)["taskDefinitionArn"]


def test_the_load_balancer_sends_requests_to_its_task(applied: Scenario) -> None:
    (balanced,) = service(applied)["loadBalancers"]
    found = applied.aws("elbv2").describe_target_health(TargetGroupArn=balanced["targetGroupArn"])
    assert [row["TargetHealth"]["State"] for row in found["TargetHealthDescriptions"]] == ["healthy"]
    assert applied.ask(f"{URL}/health") == (200, "OK")
    assert applied.ask(f"{URL}/version") == (401, "")
    # The migration has made the admin.
    assert applied.ask(f"{URL}/version", use="mlflow/admin") == (200, "3.17.2")


def test_the_databases_were_migrated_by_a_task_of_their_own(applied: Scenario) -> None:
    (migration,) = tasks(applied, family=f"{STACK}-migration", desiredStatus="STOPPED")
    assert {row["exitCode"] for row in migration["containers"]} == {0}
    (server,) = tasks(applied, serviceName=STACK)
    assert migration["stoppedAt"] <= server["createdAt"]


def test_the_secrets_say_which_database_holds_the_data(applied: Scenario) -> None:
    """Should the database be lost together with service and task definitions."""
    database = applied.database()["DbiResourceId"]
    client = applied.aws("secretsmanager")
    for use in ("database/master", "database/mlflow", "mlflow/admin", "mlflow/flask", "mlflow/gateway"):
        assert tags(client.describe_secret(SecretId=f"{STACK}/{use}")["Tags"])["mlflow:migrated"] == database


def test_no_secret_stands_in_a_task_definition(applied: Scenario) -> None:
    uses = {"database/master": "password", "database/mlflow": "password", "mlflow/admin": "password"}
    values = [applied.secret(use)[key] for use, key in {**uses, "mlflow/flask": "key", "mlflow/gateway": "key"}.items()]
    for family in (STACK, f"{STACK}-migration"):
        text = json.dumps(definition(applied, family), default=str)
        # Not in an assert with the value: pytest would print it.
        leaked = sum(value in text for value in values)
        assert leaked == 0
        assert "arn:aws:secretsmanager:" in text


def test_mlflow_may_use_its_own_artifacts_and_nothing_else(applied: Scenario) -> None:
    named = {one for row in policy(applied, f"{PREFIX}-task") for one in _list(row["Resource"])}
    assert named == {f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/mlflow-artifacts/*"}
    actions = {one for row in policy(applied, f"{PREFIX}-task") for one in _list(row["Action"])}
    assert all(action.startswith("s3:") and action != "s3:*" for action in actions)


def test_logs_are_kept_for_thirty_days_and_nothing_is_scaled(applied: Scenario) -> None:
    groups = applied.every("logs", "describe_log_groups", "logGroups", logGroupNamePrefix=f"/ecs/{STACK}")
    assert [row["retentionInDays"] for row in groups] == [30]
    assert scaling(applied) == []


def test_check_mode_tells_the_change(changed: Scenario) -> None:
    assert set(changed.runs["told"].plan()) == TOLD


def test_a_changed_variable_is_one_new_revision_and_runs(changed: Scenario) -> None:
    test_the_service_is_steady(changed)
    newest = definition(changed, STACK)
    server = next(row for row in newest["containerDefinitions"] if row["name"] == "mlflow")
    assert {"name": "MLFLOW_LOGGING_LEVEL", "value": "WARNING"} in server["environment"]
    assert [row["taskDefinitionArn"] for row in tasks(changed, serviceName=STACK)] == [newest["taskDefinitionArn"]]
    assert newest["revision"] == 2


def test_tasks_are_scaled(changed: Scenario) -> None:
    assert scaling(changed) == [(1, 2)]
    policies = changed.every(
        "application-autoscaling", "describe_scaling_policies", "ScalingPolicies", ServiceNamespace="ecs"
    )
    followed = [row["TargetTrackingScalingPolicyConfiguration"] for row in policies]
    assert {row["PredefinedMetricSpecification"]["PredefinedMetricType"]: row["TargetValue"] for row in followed} == {
        "ECSServiceAverageCPUUtilization": 70.0,
        "ECSServiceAverageMemoryUtilization": 80.0,
    }


def test_destroy_leaves_nothing(destroyed: Scenario) -> None:
    names = [row["logGroupName"] for row in destroyed.every("logs", "describe_log_groups", "logGroups")]
    names += [row["RoleName"] for row in destroyed.every("iam", "list_roles", "Roles")]
    names += destroyed.every("ecs", "list_task_definitions", "taskDefinitionArns", status="ACTIVE")
    assert [name for name in names if STACK in name] == []
    (cluster,) = destroyed.aws("ecs").describe_clusters(clusters=[CLUSTER])["clusters"]
    assert cluster["status"] == "INACTIVE"
    assert scaling(destroyed) == []


def _list(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
