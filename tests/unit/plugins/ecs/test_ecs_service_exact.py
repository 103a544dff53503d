# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans and verdicts of a service, whole: each field of a request, of a diff and of a result, and each word."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs import service as service_module
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.inputs import InvalidInput
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.service import (
    ServicePlan,
    State,
    Verdict,
    as_result,
    breaker_rolls_back,
    deployments,
    describe_revision,
    desired_service,
    is_gone,
    judge,
    network_configuration,
    plan_service,
    same_revision,
)
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.shapes import request_shape
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.tags import TagChange

ARN = "arn:aws:ecs:eu-west-2:123456789012:task-definition/web:"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def network(**vpc: Any) -> dict[str, Any]:
    return {"networkConfiguration": {"awsvpcConfiguration": vpc}}


def plan(current: dict[str, Any], desired: dict[str, Any], revision: str = "web:1", **more: Any) -> ServicePlan:
    running = {"taskDefinition": f"{ARN}1", **current}
    return plan_service(running, "web", "c", revision, desired, **more)


@pytest.mark.parametrize(
    ("made", "changed"),
    [
        (ServicePlan(), False),
        (ServicePlan(create={"serviceName": "web"}), True),
        (ServicePlan(update={"service": "web"}), True),
        (ServicePlan(tags=TagChange({"a": "1"})), True),
    ],
)
def test_a_plan_with_anything_to_do_is_a_change(made: ServicePlan, changed: bool) -> None:
    assert made.changed is changed


def test_an_option_that_the_installed_botocore_does_not_know(monkeypatch: pytest.MonkeyPatch) -> None:
    members = {key: of for key, of in request_shape("CreateService").members.items() if key != "platformVersion"}
    monkeypatch.setattr(service_module, "request_shape", lambda _: SimpleNamespace(members=members))
    assert desired_service({"desired_count": "2"}) == {"desiredCount": 2}
    with pytest.raises(InvalidInput, match=r"^platform_version is not known to the installed botocore"):
        desired_service({"platform_version": "1.4.0"})


def test_a_network_that_is_not_given() -> None:
    assert network_configuration({"subnets": None, "assign_public_ip": None}) == {}


@pytest.mark.parametrize(
    ("arn", "name"), [(f"{ARN}7", "web:7"), ("web:7", "web:7"), (None, "no revision"), ("", "no revision")]
)
def test_the_short_name_of_a_revision(arn: str | None, name: str) -> None:
    assert describe_revision(arn) == name


@pytest.mark.parametrize(
    ("one", "other", "same"), [(f"{ARN}1", "web:1", True), (f"{ARN}1", f"{ARN}2", False), ("a/web:1", "b/web:1", True)]
)
def test_same_revision(one: str, other: str, same: bool) -> None:
    assert same_revision(one, other) is same


def test_deployments_are_told_newest_first() -> None:
    ages: list[dict[str, Any]] = [
        {"id": "undated", "status": "ACTIVE"},
        {"id": "old", "status": "ACTIVE", "createdAt": NOW},
        {"id": "new", "status": "PRIMARY", "createdAt": NOW + timedelta(minutes=2)},
        {"id": "middle", "status": "ACTIVE", "createdAt": NOW + timedelta(minutes=1)},
    ]
    assert [one["id"] for one in deployments({"deployments": ages})] == ["new", "middle", "old", "undated"]
    assert [one["id"] for one in deployments({"deployments": ages}, "ACTIVE")] == ["middle", "old", "undated"]
    assert deployments({}) == []


@pytest.mark.parametrize(
    ("more", "sent", "tags"),
    [
        ({}, {}, {}),
        ({"client_token": "t"}, {"clientToken": "t"}, {}),
        ({"tags": {"a": "1"}}, {"tags": [{"key": "a", "value": "1"}]}, {"a": "1"}),
    ],
)
def test_a_service_that_is_not_there_is_created(more: Any, sent: Any, tags: Any) -> None:
    desired = {"desiredCount": 2, **network(subnets=["s-2", "s-1"], securityGroups=["g-2", "g-1"])}
    assert plan_service(None, "web", "c", f"{ARN}1", desired, **more) == ServicePlan(
        create={"cluster": "c", "serviceName": "web", "taskDefinition": f"{ARN}1", **desired, **sent},
        after={
            "task_definition": f"{ARN}1",
            "desired_count": 2,
            "network_configuration": {
                "awsvpc_configuration": {"subnets": ["s-1", "s-2"], "security_groups": ["g-1", "g-2"]}
            },
            "tags": tags,
        },
    )


def test_an_update_of_everything_at_once() -> None:
    current = {
        "desiredCount": 2,
        "platformVersion": "1.4.0",
        "tags": [{"key": "team", "value": "ml"}],
        "deployments": [{"status": "PRIMARY", "taskDefinition": f"{ARN}1", "rolloutState": "FAILED"}],
    }
    desired = {
        "desiredCount": 3,
        "platformVersion": "LATEST",
        "enableExecuteCommand": True,
        "availabilityZoneRebalancing": "ENABLED",
        "propagateTags": "NONE",
    }
    # What had no value cannot be taken back, and the count is not what failed.
    assert plan(current, desired, f"{ARN}2", keep_desired_count=True, tags={"team": "mm"}) == ServicePlan(
        update={
            "cluster": "c",
            "service": "web",
            "taskDefinition": f"{ARN}2",
            "platformVersion": "LATEST",
            "enableExecuteCommand": True,
            "availabilityZoneRebalancing": "ENABLED",
        },
        undo={"platformVersion": "1.4.0", "enableExecuteCommand": False},
        tags=TagChange({"team": "mm"}),
        before={
            "task_definition": f"{ARN}1",
            "platform_version": "1.4.0",
            "enable_execute_command": False,
            "propagate_tags": "NONE",
            "tags": {"team": "ml"},
        },
        after={
            "task_definition": f"{ARN}2",
            "platform_version": "LATEST",
            "enable_execute_command": True,
            "availability_zone_rebalancing": "ENABLED",
            "propagate_tags": "NONE",
            "tags": {"team": "mm"},
        },
    )


def test_a_forced_deployment_is_shown() -> None:
    made = plan({}, {}, force_new_deployment=True)
    assert made.before == {"task_definition": f"{ARN}1", "tags": {}, "new_deployment": False}
    assert made.after == {"task_definition": f"{ARN}1", "tags": {}, "new_deployment": True}


def test_a_service_that_somebody_else_deploys_has_no_revision() -> None:
    # API_Service: an external deployment controller keeps the revision in its task sets.
    made = plan_service({}, "web", "c", "web:1", {})
    assert made.update == {"cluster": "c", "service": "web", "taskDefinition": "web:1"}
    assert made.before == {"task_definition": "", "tags": {}}


def spot(**item: Any) -> dict[str, Any]:
    return {"capacityProvider": "FARGATE_SPOT", **item}


BALANCERS = [{"targetGroupArn": "g-1", "containerPort": 1}, {"targetGroupArn": "g-2", "containerPort": 2}]


@pytest.mark.parametrize(
    ("current", "desired"),
    [
        ({"capacityProviderStrategy": [spot()]}, {"capacityProviderStrategy": [spot(base=0, weight=0)]}),
        (
            {"capacityProviderStrategy": [{"weight": 1, "capacityProvider": "FARGATE"}, spot()]},
            {"capacityProviderStrategy": [spot(), {"capacityProvider": "FARGATE", "weight": 1}]},
        ),
        ({}, {"capacityProviderStrategy": []}),
        ({"loadBalancers": BALANCERS[::-1]}, {"loadBalancers": BALANCERS}),
        ({"loadBalancers": [dict(reversed(BALANCERS[0].items()))]}, {"loadBalancers": BALANCERS[:1]}),
        ({"loadBalancers": [{**BALANCERS[0], "loadBalancerName": ""}]}, {"loadBalancers": BALANCERS[:1]}),
        (network(subnets=["s-1"]), network(subnets=["s-1"], securityGroups=[], assignPublicIp="DISABLED")),
        (network(subnets=["s-2", "s-1"], securityGroups=["g-1"]), network(subnets=["s-1", "s-2"])),
        ({}, {"deploymentConfiguration": {}}),
    ],
)
def test_the_same_in_other_words(current: dict[str, Any], desired: dict[str, Any]) -> None:
    assert plan(current, desired).update is None


@pytest.mark.parametrize(
    ("current", "desired", "sent"),
    [
        (
            {"capacityProviderStrategy": [spot(weight=1)]},
            {"capacityProviderStrategy": [spot(weight=2)]},
            {"capacityProviderStrategy": [spot(weight=2)], "forceNewDeployment": True},
        ),
        ({}, network(subnets=["s-1"]), network(subnets=["s-1"])),
        (
            network(subnets=["s-1"], assignPublicIp="ENABLED"),
            network(subnets=["s-2"]),
            network(subnets=["s-2"], assignPublicIp="ENABLED"),
        ),
        (
            {"deploymentConfiguration": {"maximumPercent": 200}},
            {"deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": True}}},
            {"deploymentConfiguration": {"maximumPercent": 200, "deploymentCircuitBreaker": {"enable": True}}},
        ),
    ],
)
def test_what_differs_is_sent_with_the_rest_of_its_structure(current: Any, desired: Any, sent: Any) -> None:
    assert plan(current, desired).update == {"cluster": "c", "service": "web", **sent}


OURS = {"id": "ecs-svc/2", "createdAt": NOW}


def leads(**other: Any) -> dict[str, Any]:
    """A service in which another deployment, of revision 3, is PRIMARY; it began when ours did."""
    now = {"id": "ecs-svc/3", "status": "PRIMARY", "createdAt": NOW, "taskDefinition": f"{ARN}3", **other}
    return {"deployments": [now]}


UNSEEN = Verdict(State.WAITING, "ECS does not show the new deployment yet")
REPLACED = Verdict(State.REPLACED, "another deployment, of web:3, took its place")


@pytest.mark.parametrize(
    ("service", "verdict"),
    [
        (
            {"deployments": [{**OURS, "status": "PRIMARY"}]},
            Verdict(State.STEADY, "0 of 0 tasks running, 0 pending"),
        ),
        (
            {"desiredCount": 1, "deployments": [{**OURS, "status": "PRIMARY", "rolloutState": "IN_PROGRESS"}]},
            Verdict(State.WAITING, "0 of 1 tasks running, 0 pending, rollout IN_PROGRESS"),
        ),
        (
            {"deployments": [{**OURS, "status": "PRIMARY", "rolloutState": "FAILED"}]},
            Verdict(State.FAILED, "the deployment failed"),
        ),
        ({"deployments": []}, UNSEEN),
        (leads(createdAt=NOW - timedelta(minutes=1)), UNSEEN),
        (leads(), REPLACED),
        (leads(rolloutStateReason="ECS deployment ecs-svc/3 in progress."), REPLACED),
        (leads(rolloutStateReason="Circuit breaker."), Verdict(State.FAILED, "Circuit breaker.")),
        (leads(rolloutStateReason="Rolling back."), Verdict(State.FAILED, "Rolling back.")),
        (
            leads(createdAt=NOW - timedelta(minutes=1), updatedAt=NOW),
            Verdict(State.FAILED, "ECS went back to web:3"),
        ),
    ],
)
def test_the_words_of_a_verdict(service: dict[str, Any], verdict: Verdict) -> None:
    assert judge(service, OURS) == verdict


def test_a_deployment_of_unknown_age_is_replaced_by_any_other() -> None:
    assert judge(leads(), {"id": "ecs-svc/2"}) == REPLACED


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        ({}, False),
        ({"deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": False, "rollback": True}}}, False),
        ({"deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}}, True),
    ],
)
def test_a_circuit_breaker_that_is_off_rolls_nothing_back(service: dict[str, Any], expected: bool) -> None:
    assert breaker_rolls_back(service) is expected


@pytest.mark.parametrize(
    ("service", "gone"), [(None, True), ({"status": "INACTIVE"}, True), ({"status": "DRAINING"}, False)]
)
def test_is_gone(service: dict[str, Any] | None, gone: bool) -> None:
    assert is_gone(service) is gone


def test_a_result_has_the_last_ten_events() -> None:
    events = [{"id": str(number), "message": f"event {number}"} for number in range(12)]
    described = {
        "serviceName": "web",
        "tags": [{"key": "team", "value": "ml"}],
        "events": events,
        "deployments": [
            {"id": "ecs-svc/1", "status": "ACTIVE"},
            {"id": "ecs-svc/2", "status": "PRIMARY", "createdAt": NOW, "rolloutState": "COMPLETED"},
        ],
    }
    primary = {
        "id": "ecs-svc/2",
        "status": "PRIMARY",
        "created_at": "2026-01-01T00:00:00+00:00",
        "rollout_state": "COMPLETED",
    }
    assert as_result(described) == {
        "service": {
            "service_name": "web",
            "tags": {"team": "ml"},
            "events": events[:10],
            "deployments": [{"id": "ecs-svc/1", "status": "ACTIVE"}, primary],
        },
        "deployment": primary,
    }
    assert as_result({"serviceName": "web"}) == {
        "service": {"service_name": "web", "tags": {}, "events": []},
        "deployment": {},
    }
    assert as_result({}) == {}
