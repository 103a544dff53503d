# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of a service: one update for any difference, none for none; and what a deployment's state means."""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.inputs import InvalidInput
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.service import (
    ServicePlan,
    State,
    breaker_rolls_back,
    desired_service,
    judge,
    plan_service,
    serving_revision,
)

ARN = "arn:aws:ecs:eu-west-2:123456789012:task-definition/web:"
GROUP = "arn:aws:elasticloadbalancing:eu-west-2:123456789012:targetgroup/web/0123456789abcdef"
NOW = datetime(2026, 1, 1, tzinfo=UTC)

OPTIONS: dict[str, Any] = {
    "desired_count": 2,
    "subnets": ["subnet-1", "subnet-2"],
    "security_groups": ["sg-1"],
    "assign_public_ip": False,
    "load_balancers": [{"target_group_arn": GROUP, "container_name": "app", "container_port": 5000}],
    "health_check_grace_period_seconds": 120,
    "deployment_configuration": {
        "minimum_healthy_percent": 100,
        "maximum_percent": 200,
        "deployment_circuit_breaker": {"enable": True, "rollback": True},
    },
    "enable_execute_command": False,
    "launch_type": "FARGATE",
    "platform_version": "LATEST",
    "propagate_tags": "SERVICE",
    "enable_ecs_managed_tags": True,
}


def current() -> dict[str, Any]:
    """The service as DescribeServices answers it, after it was made from OPTIONS with revision 1."""
    return {
        "serviceArn": "arn:aws:ecs:eu-west-2:123456789012:service/c/web",
        "serviceName": "web",
        "status": "ACTIVE",
        "desiredCount": 2,
        "runningCount": 2,
        "pendingCount": 0,
        "launchType": "FARGATE",
        "platformVersion": "LATEST",
        "taskDefinition": f"{ARN}1",
        "propagateTags": "SERVICE",
        "enableECSManagedTags": True,
        "enableExecuteCommand": False,
        "healthCheckGracePeriodSeconds": 120,
        "loadBalancers": [{"targetGroupArn": GROUP, "containerName": "app", "containerPort": 5000}],
        "networkConfiguration": {
            "awsvpcConfiguration": {
                "subnets": ["subnet-2", "subnet-1"],
                "securityGroups": ["sg-1"],
                "assignPublicIp": "DISABLED",
            }
        },
        "deploymentConfiguration": {
            "deploymentCircuitBreaker": {"enable": True, "rollback": True},
            "maximumPercent": 200,
            "minimumHealthyPercent": 100,
            "strategy": "ROLLING",
            "bakeTimeInMinutes": 0,
        },
        "tags": [{"key": "team", "value": "ml"}],
        "deployments": [
            {
                "id": "ecs-svc/1",
                "status": "PRIMARY",
                "taskDefinition": f"{ARN}1",
                "rolloutState": "COMPLETED",
                "desiredCount": 2,
                "runningCount": 2,
                "createdAt": NOW,
            }
        ],
    }


def plan(
    options: dict[str, Any], service: dict[str, Any] | None = None, revision: str = "web:1", **more: Any
) -> ServicePlan:
    return plan_service(service or current(), "web", "c", revision, desired_service(options), **more)


def test_nothing_differs() -> None:
    made = plan(OPTIONS, tags={"team": "ml"})
    assert not made.changed
    assert made.before == made.after


@pytest.mark.parametrize("revision", ["web:1", f"{ARN}1"])
def test_an_arn_and_a_short_name_are_one_revision(revision: str) -> None:
    assert plan({}, revision=revision).update is None


CHANGES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"desired_count": 3}, {"desiredCount": 3}),
    ({"desired_count": 0}, {"desiredCount": 0}),
    ({"subnets": ["subnet-1", "subnet-3"]}, {"networkConfiguration": {"subnets": ["subnet-1", "subnet-3"]}}),
    ({"security_groups": ["sg-2"]}, {"networkConfiguration": {"securityGroups": ["sg-2"]}}),
    ({"security_groups": []}, {"networkConfiguration": {"securityGroups": []}}),
    ({"assign_public_ip": True}, {"networkConfiguration": {"assignPublicIp": "ENABLED"}}),
    ({"load_balancers": []}, {"loadBalancers": []}),
    ({"health_check_grace_period_seconds": 121}, {"healthCheckGracePeriodSeconds": 121}),
    ({"health_check_grace_period_seconds": 0}, {"healthCheckGracePeriodSeconds": 0}),
    ({"enable_execute_command": True}, {"enableExecuteCommand": True}),
    ({"platform_version": "1.4.0"}, {"platformVersion": "1.4.0"}),
    ({"propagate_tags": "NONE"}, {"propagateTags": "NONE"}),
    ({"enable_ecs_managed_tags": False}, {"enableECSManagedTags": False}),
    ({"deployment_configuration": {"maximum_percent": 150}}, {"deploymentConfiguration": {"maximumPercent": 150}}),
    (
        {"deployment_configuration": {"deployment_circuit_breaker": {"enable": True, "rollback": False}}},
        {"deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": True, "rollback": False}}},
    ),
]


@pytest.mark.parametrize(("options", "expected"), CHANGES, ids=[str(change[0])[:60] for change in CHANGES])
def test_any_change_is_one_update_of_that_field(options: dict[str, Any], expected: dict[str, Any]) -> None:
    made = plan({**OPTIONS, **options})
    assert made.create is None
    assert made.update is not None
    field, value = next(iter(expected.items()))
    assert set(made.update) == {"cluster", "service", field}
    sent, had = made.update[field], current()[field]
    if field == "networkConfiguration":
        sent, had = sent["awsvpcConfiguration"], had["awsvpcConfiguration"]
    if isinstance(value, dict):  # UpdateService replaces the whole structure: the rest is kept
        assert {key: sent[key] for key in value} == value
        untouched = {key: part for key, part in had.items() if key not in value}
        assert {key: sorted(sent[key]) if key == "subnets" else sent[key] for key in untouched} == {
            key: sorted(part) if key == "subnets" else part for key, part in untouched.items()
        }
    else:
        assert sent == value
    assert made.before != made.after
    if field != "desiredCount":
        assert made.undo == {field: current()[field]}


def test_several_changes_are_one_update() -> None:
    made = plan({**OPTIONS, "desired_count": 3, "platform_version": "1.4.0"}, revision="web:2")
    assert made.update == {
        "cluster": "c",
        "service": "web",
        "desiredCount": 3,
        "platformVersion": "1.4.0",
        "taskDefinition": "web:2",
    }
    assert made.undo == {"platformVersion": "LATEST"}  # the count is not what failed


def test_an_option_that_is_not_set_leaves_its_field_alone() -> None:
    assert not plan({}).changed


def test_order_of_subnets_and_absent_defaults_are_no_difference() -> None:
    service = current()
    for field in ("healthCheckGracePeriodSeconds", "platformVersion", "enableExecuteCommand", "loadBalancers"):
        del service[field]
    options = {
        **OPTIONS,
        "health_check_grace_period_seconds": 0,
        "load_balancers": [],
        "subnets": ["subnet-1", "subnet-2"],
    }
    assert not plan(options, service).changed


def test_autoscaling_keeps_its_count() -> None:
    service = {**current(), "desiredCount": 5}
    assert plan(OPTIONS, service).update == {"cluster": "c", "service": "web", "desiredCount": 2}
    assert not plan(OPTIONS, service, keep_desired_count=True).changed


def test_a_first_service_has_all_that_is_given() -> None:
    made = plan_service(None, "web", "c", f"{ARN}1", desired_service(OPTIONS), keep_desired_count=True, tags={"a": "1"})
    assert made.update is None
    assert made.create is not None
    assert made.create["desiredCount"] == 2
    assert made.create["taskDefinition"] == f"{ARN}1"
    assert made.create["tags"] == [{"key": "a", "value": "1"}]
    assert made.create["networkConfiguration"]["awsvpcConfiguration"]["assignPublicIp"] == "DISABLED"
    assert made.before == {}


@pytest.mark.parametrize(
    ("tags", "purge", "to_set", "to_remove"),
    [
        (None, True, {}, []),
        ({"team": "ml"}, True, {}, []),
        ({"team": "mm"}, True, {"team": "mm"}, []),
        ({"x": "1"}, True, {"x": "1"}, ["team"]),
        ({"x": "1"}, False, {"x": "1"}, []),
    ],
)
def test_tags_begin_no_deployment(tags: Any, purge: bool, to_set: Any, to_remove: Any) -> None:
    made = plan(OPTIONS, tags=tags, purge_tags=purge)
    assert made.update is None
    assert (made.tags.to_set, made.tags.to_remove) == (to_set, to_remove)
    assert made.changed is bool(to_set or to_remove)


def test_a_new_deployment_can_be_forced() -> None:
    assert plan(OPTIONS, force_new_deployment=True).update == {
        "cluster": "c",
        "service": "web",
        "forceNewDeployment": True,
    }


class TestAfterAFailure:
    """A re-run with the revision that failed tries again; one during a deployment waits for it."""

    def service(self, *deployments: dict[str, Any]) -> dict[str, Any]:
        return {**current(), "deployments": list(deployments)}

    def test_rolled_back_by_the_circuit_breaker(self) -> None:
        service = self.service({"status": "PRIMARY", "taskDefinition": f"{ARN}1", "rolloutState": "COMPLETED"})
        made = plan(OPTIONS, {**service, "taskDefinition": f"{ARN}2"}, revision=f"{ARN}2")
        assert made.update == {"cluster": "c", "service": "web", "taskDefinition": f"{ARN}2"}

    def test_failed_and_left_alone(self) -> None:
        service = self.service({"status": "PRIMARY", "taskDefinition": f"{ARN}2", "rolloutState": "FAILED"})
        made = plan(OPTIONS, service, revision=f"{ARN}2")
        assert made.update == {"cluster": "c", "service": "web", "forceNewDeployment": True}

    def test_under_way(self) -> None:
        service = self.service(
            {"status": "PRIMARY", "taskDefinition": f"{ARN}2", "rolloutState": "IN_PROGRESS"},
            {"status": "ACTIVE", "taskDefinition": f"{ARN}1", "rolloutState": "COMPLETED"},
        )
        assert plan(OPTIONS, service, revision=f"{ARN}2").update is None
        assert serving_revision(service) == f"{ARN}1"


def test_what_ecs_cannot_change_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r'launch_type is "EC2".*"FARGATE".*Delete the service first'):
        plan({"launch_type": "EC2"})


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"security_groups": ["sg-1"]}, "subnets is empty"),
        ({"subnets": []}, "subnets is empty"),
        ({"desired_count": -1}, "desired_count is -1"),
        ({"health_check_grace_period_seconds": -5}, "health_check_grace_period_seconds is -5"),
        ({"load_balancers": [{"target_group": "x"}]}, 'Did you mean "target_group_arn"'),
        ({"load_balancers": [{"container_port": "http"}]}, "whole number"),
        ({"deployment_configuration": {"max_percent": 1}}, 'Did you mean "maximum_percent"'),
        ({"deployment_configuration": {"deployment_circuit_breaker": {"enable": True}}}, 'lacks "rollback"'),
    ],
)
def test_bad_input(options: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        desired_service(options)


def test_a_capacity_provider_strategy_needs_a_new_deployment() -> None:
    options = {"capacity_provider_strategy": [{"capacity_provider": "FARGATE_SPOT", "weight": 1}]}
    made = plan(options)
    assert made.update is not None
    assert made.update["forceNewDeployment"] is True
    has = {**current(), "capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT", "weight": 1, "base": 0}]}
    assert not plan(options, has).changed


OURS = {"id": "ecs-svc/2", "createdAt": NOW + timedelta(minutes=1)}


def state(
    rollout: str = "IN_PROGRESS", running: int = 2, pending: int = 0, own: int = 2, **deployment: Any
) -> dict[str, Any]:
    service = copy.deepcopy(current())
    service.update(runningCount=running, pendingCount=pending)
    service["deployments"] = [
        {
            **OURS,
            "status": "PRIMARY",
            "taskDefinition": f"{ARN}2",
            "rolloutState": rollout,
            "runningCount": own,
            **deployment,
        }
    ]
    return service


OLD = {
    "id": "ecs-svc/1",
    "status": "PRIMARY",
    "taskDefinition": f"{ARN}1",
    "createdAt": NOW,
    "rolloutState": "COMPLETED",
}
FAILED = {**OURS, "status": "ACTIVE", "rolloutState": "FAILED", "rolloutStateReason": "tasks failed to start."}
BACK = {
    **OLD,
    "id": "ecs-svc/3",
    "createdAt": NOW + timedelta(minutes=2),
    "rolloutState": "IN_PROGRESS",
    "rolloutStateReason": "ECS deployment circuit breaker: rolling back to deploymentId ecs-svc/1.",
}


@pytest.mark.parametrize(
    ("service", "expected", "words"),
    [
        (state("COMPLETED"), State.STEADY, "2 of 2"),
        (state("IN_PROGRESS"), State.WAITING, "IN_PROGRESS"),
        (state("COMPLETED", running=1), State.WAITING, "1 of 2"),
        (state("COMPLETED", running=3), State.WAITING, "3 of 2"),
        (state("COMPLETED", pending=1), State.WAITING, "1 pending"),
        (state("COMPLETED", own=1), State.WAITING, "2 of 2"),
        (state("FAILED", rolloutStateReason="tasks failed to start."), State.FAILED, "tasks failed to start."),
        ({**state(), "deployments": [BACK, FAILED]}, State.FAILED, "tasks failed to start."),
        ({**state(), "deployments": [BACK]}, State.FAILED, "rolling back"),
        ({**state(), "deployments": [OLD]}, State.WAITING, "does not show"),
        ({**state(), "deployments": [{**OLD, "updatedAt": NOW}]}, State.WAITING, "does not show"),
        (
            {**state(), "deployments": [{**OLD, "updatedAt": NOW + timedelta(minutes=2)}]},
            State.FAILED,
            "went back to web:1",
        ),
        (
            {**state(), "deployments": [{**BACK, "rolloutStateReason": "by hand"}]},
            State.REPLACED,
            "web:1, took its place",
        ),
    ],
)
def test_judge(service: dict[str, Any], expected: State, words: str) -> None:
    verdict = judge(service, OURS)
    assert verdict.state is expected
    assert words in verdict.text


@pytest.mark.parametrize(
    ("breaker", "expected"),
    [(None, False), ({"enable": True, "rollback": False}, False), ({"enable": True, "rollback": True}, True)],
)
def test_breaker(breaker: Any, expected: bool) -> None:
    assert breaker_rolls_back({"deploymentConfiguration": {"deploymentCircuitBreaker": breaker}}) is expected
