# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The load balancer that the role makes, before any server is registered with it."""

from __future__ import annotations

import urllib.error
import urllib.request
from typing import Any

import pytest

from tests.roles.scenario import STACK, Scenario, tags

PORT = 18081
PLAN = {
    f"create target group {STACK}-tg",
    f"create load balancer {STACK}-alb",
    f"create listener {PORT}",
}


def balancer(scenario: Scenario) -> dict[str, Any]:
    """The load balancer, once it is there."""
    elb = scenario.aws("elbv2")
    waiter = elb.get_waiter("load_balancer_available")
    waiter.wait(Names=[f"{STACK}-alb"], WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    (row,) = elb.describe_load_balancers(Names=[f"{STACK}-alb"])["LoadBalancers"]
    return dict(row)


def group(scenario: Scenario) -> dict[str, Any]:
    """The target group."""
    (row,) = scenario.aws("elbv2").describe_target_groups(Names=[f"{STACK}-tg"])["TargetGroups"]
    return dict(row)


def attributes(scenario: Scenario) -> dict[str, str]:
    """The load balancer's attributes."""
    found = scenario.aws("elbv2").describe_load_balancer_attributes(
        LoadBalancerArn=balancer(scenario)["LoadBalancerArn"]
    )
    return tags(found["Attributes"])


def listeners(scenario: Scenario) -> list[tuple[int, str]]:
    """The ports that the load balancer listens at, and the target group behind each."""
    rows = scenario.aws("elbv2").describe_listeners(LoadBalancerArn=balancer(scenario)["LoadBalancerArn"])["Listeners"]
    return [(row["Port"], row["DefaultActions"][0]["TargetGroupArn"]) for row in rows]


def status(scenario: Scenario, port: int) -> int:
    """The status with which the load balancer answers.

    :raises urllib.error.URLError: nobody listens.
    """
    try:
        with urllib.request.urlopen(f"http://{balancer(scenario)['DNSName']}:{port}/health", timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refusal:
        return refusal.code


def idle(scenario: Scenario) -> None:
    wrong = [{"Key": "idle_timeout.timeout_seconds", "Value": "11"}]
    arn = balancer(scenario)["LoadBalancerArn"]
    scenario.aws("elbv2").modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=wrong)


def check_elsewhere(scenario: Scenario) -> None:
    arn = group(scenario)["TargetGroupArn"]
    scenario.aws("elbv2").modify_target_group(TargetGroupArn=arn, HealthCheckPath="/version")


def listen_elsewhere(scenario: Scenario) -> None:
    action = {"Type": "forward", "TargetGroupArn": group(scenario)["TargetGroupArn"]}
    scenario.aws("elbv2").create_listener(
        LoadBalancerArn=balancer(scenario)["LoadBalancerArn"], Protocol="HTTP", Port=18981, DefaultActions=[action]
    )


DRIFTS = {
    idle: f"change load balancer {STACK}-alb: idle_timeout",
    check_elsewhere: f"change target group {STACK}-tg: health_check_path",
    listen_elsewhere: "remove listener 18981",
}
CHANGE: dict[str, Any] = {
    "stack_http_port": 18091,
    "stack_tags": {"Team": "fraud"},
    "alb_idle_timeout": 120,
    "alb_health_interval": 15,
}


def test_the_plan_of_a_first_run(planned: list[str]) -> None:
    assert set(planned) == PLAN


def test_it_faces_the_internet_on_two_zones(applied: Scenario) -> None:
    row = balancer(applied)
    assert row["Scheme"] == "internet-facing"
    assert len(row["AvailabilityZones"]) == 2
    assert attributes(applied)["routing.http.drop_invalid_header_fields.enabled"] == "true"
    assert attributes(applied)["idle_timeout.timeout_seconds"] == "300"


def test_one_listener_leads_to_the_target_group(applied: Scenario) -> None:
    assert listeners(applied) == [(PORT, group(applied)["TargetGroupArn"])]
    row = group(applied)
    assert (row["TargetType"], row["Port"], row["HealthCheckPath"]) == ("ip", 5000, "/health")
    # Nobody is registered yet: the load balancer itself answers.
    assert status(applied, PORT) == 503


def test_it_moves_to_another_port(changed: Scenario) -> None:
    assert listeners(changed) == [(18091, group(changed)["TargetGroupArn"])]
    assert status(changed, 18091) == 503
    with pytest.raises(urllib.error.URLError):
        status(changed, PORT)


def test_other_settings_and_tags_are_taken_over(changed: Scenario) -> None:
    assert attributes(changed)["idle_timeout.timeout_seconds"] == "120"
    assert group(changed)["HealthCheckIntervalSeconds"] == 15
    arns = [balancer(changed)["LoadBalancerArn"], group(changed)["TargetGroupArn"]]
    for row in changed.aws("elbv2").describe_tags(ResourceArns=arns)["TagDescriptions"]:
        found = tags(row["Tags"])
        assert (found["Team"], found["mlflow:stack"], found["mlflow:component"]) == ("fraud", STACK, "alb")


def test_destroy_leaves_nothing(destroyed: Scenario) -> None:
    elb = destroyed.aws("elbv2")
    assert elb.describe_load_balancers()["LoadBalancers"] == []
    assert elb.describe_target_groups()["TargetGroups"] == []
