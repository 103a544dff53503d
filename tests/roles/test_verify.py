# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proof: what it says of a stack is what boto3 sees of it, whole and broken."""

from __future__ import annotations

import json
from typing import Any

from tests.roles.scenario import STACK, Scenario

CLUSTER = f"{STACK}-cluster"
DRIFTS: dict[Any, str] = {}
CHANGE: dict[str, Any] = {"verify_stages": ["network", "health", "aws"]}


def health(scenario: Scenario) -> dict[str, Any]:
    """What the role left of its last run."""
    return dict(json.loads((scenario.folder / "output" / "health.json").read_text(encoding="utf-8")))


def failed(scenario: Scenario) -> dict[str, str]:
    """The stages that failed in the last run, and why."""
    return {row["name"]: row["detail"] for row in health(scenario)["stages"] if not row["ok"]}


def group(scenario: Scenario) -> str:
    """The target group's ARN."""
    return str(scenario.aws("elbv2").describe_target_groups()["TargetGroups"][0]["TargetGroupArn"])


def targets(scenario: Scenario) -> list[dict[str, Any]]:
    """The targets, with their health."""
    return list(
        scenario.aws("elbv2").describe_target_health(TargetGroupArn=group(scenario))["TargetHealthDescriptions"]
    )


def running(scenario: Scenario) -> int:
    """How many tasks the service runs."""
    found = scenario.aws("ecs").describe_services(cluster=CLUSTER, services=[STACK])["services"]
    return int(found[0]["runningCount"])


def steady(scenario: Scenario) -> None:
    """Wait until ECS and the load balancer are content."""
    ecs, elb = scenario.aws("ecs"), scenario.aws("elbv2")
    patience = {"Delay": 1, "MaxAttempts": 180}
    ecs.get_waiter("services_stable").wait(cluster=CLUSTER, services=[STACK], WaiterConfig=patience)
    elb.get_waiter("target_in_service").wait(TargetGroupArn=group(scenario), WaiterConfig=patience)


def test_there_is_nothing_to_plan(planned: list[str]) -> None:
    assert planned == []


def test_the_stack_is_whole_and_the_role_says_so(applied: Scenario) -> None:
    report = health(applied)
    assert report["healthy"] is True
    assert report["stack"] == STACK
    assert "3.17.2" in json.dumps(report["version"])
    assert running(applied) == 1
    assert [row["TargetHealth"]["State"] for row in targets(applied)] == ["healthy"]


def test_only_what_is_asked_for_is_checked(changed: Scenario) -> None:
    assert [row["name"] for row in health(changed)["stages"]] == CHANGE["verify_stages"]
    assert health(changed)["healthy"] is True


def test_a_target_that_somebody_took_out_is_named(changed: Scenario) -> None:
    (target,) = targets(changed)
    changed.aws("elbv2").deregister_targets(TargetGroupArn=group(changed), Targets=[target["Target"]])
    run = changed.apply("no target", verify_stages=["aws"], verify_wait_timeout=5)
    assert run.code == 2
    assert list(failed(changed)) == ["aws"]
    assert "the target group has no targets" in failed(changed)["aws"]
    assert failed(changed)["aws"] in run.messages()[0]
    changed.aws("elbv2").register_targets(TargetGroupArn=group(changed), Targets=[target["Target"]])
    steady(changed)
    changed.apply("target again", verify_stages=["aws"]).assert_nothing_changed()


def test_a_service_that_somebody_stopped_is_named(changed: Scenario) -> None:
    ecs = changed.aws("ecs")
    ecs.update_service(cluster=CLUSTER, service=STACK, desiredCount=0)
    ecs.get_waiter("services_stable").wait(
        cluster=CLUSTER, services=[STACK], WaiterConfig={"Delay": 1, "MaxAttempts": 120}
    )
    assert running(changed) == 0
    run = changed.apply("no service", verify_wait_timeout=5)
    assert run.code == 2
    assert health(changed)["healthy"] is False
    assert {"network", "health"} & set(failed(changed))
    ecs.update_service(cluster=CLUSTER, service=STACK, desiredCount=1)
    steady(changed)
    changed.apply("service again").assert_nothing_changed()
