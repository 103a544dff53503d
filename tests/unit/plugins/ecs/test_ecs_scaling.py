# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a service is scaled: the difference as a table, and the module against the embedded AWS."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.errors import EcsError
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.inputs import InvalidInput
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.scaling import (
    Scaling,
    ScalingClient,
    ScalingPlan,
    after,
    current_scaling,
    plan_scaling,
    policy,
    resource_id,
    wanted_scaling,
)
from botocore.exceptions import ClientError

from tests.unit.plugins.ecs.ecs_samples import FakeClock
from tests.unit.plugins.run_module import run_module

CPU, MEMORY = "ECSServiceAverageCPUUtilization", "ECSServiceAverageMemoryUtilization"
BASE = Scaling((2, 6), {"web-cpu": policy(CPU, 70, 300, 60), "web-memory": policy(MEMORY, 80, 300, 60)})
OTHERS = {"by-hand": policy(None, 0, None, None)}


def _cpu(**change: Any) -> Scaling:
    return Scaling((2, 6), {**BASE.policies, "web-cpu": {**BASE.policies["web-cpu"], **change}})


PLANS: list[tuple[str, Scaling, Scaling, ScalingPlan]] = [
    ("nothing there", Scaling(), BASE, ScalingPlan(register=(2, 6), put=("web-cpu", "web-memory"))),
    ("equal", BASE, BASE, ScalingPlan()),
    ("minimum", Scaling((1, 6), BASE.policies), BASE, ScalingPlan(register=(2, 6))),
    ("maximum", Scaling((2, 9), BASE.policies), BASE, ScalingPlan(register=(2, 6))),
    ("target value", _cpu(target_value=71.0), BASE, ScalingPlan(put=("web-cpu",))),
    ("metric", _cpu(metric=MEMORY), BASE, ScalingPlan(put=("web-cpu",))),
    ("cooldown in", _cpu(scale_in_cooldown=None), BASE, ScalingPlan(put=("web-cpu",))),
    ("cooldown out", _cpu(scale_out_cooldown=61), BASE, ScalingPlan(put=("web-cpu",))),
    ("other policies stay", Scaling((2, 6), {**BASE.policies, **OTHERS}), BASE, ScalingPlan()),
    ("one policy missing", Scaling((2, 6), OTHERS), BASE, ScalingPlan(put=("web-cpu", "web-memory"))),
    ("switched off", BASE, Scaling(), ScalingPlan(deregister=True)),
    ("off without policies", Scaling((2, 6)), Scaling(), ScalingPlan(deregister=True)),
    ("off already", Scaling(), Scaling(), ScalingPlan()),
]


CPU_ONLY = Scaling((2, 6), {"web-cpu": BASE.policies["web-cpu"]})


def test_a_policy_that_must_not_be_there_is_deleted() -> None:
    current = Scaling((2, 6), {**BASE.policies, **OTHERS})
    plan = plan_scaling(current, CPU_ONLY, ["web-memory", "web-nothing"])
    assert (plan, plan.changed) == (ScalingPlan(delete=("web-memory",)), True)
    then = after(current, CPU_ONLY, ["web-memory"])
    assert set(then.policies) == {"web-cpu", *OTHERS}
    assert plan_scaling(then, CPU_ONLY, ["web-memory"]) == ScalingPlan()


@pytest.mark.parametrize(("current", "wanted", "expected"), [row[1:] for row in PLANS], ids=[row[0] for row in PLANS])
def test_plan(current: Scaling, wanted: Scaling, expected: ScalingPlan) -> None:
    plan = plan_scaling(current, wanted)
    assert plan == expected
    assert plan.changed is (after(current, wanted) != current)
    assert not plan_scaling(after(current, wanted), wanted).changed


def test_what_aws_answers_is_understood() -> None:
    body = {
        "TargetValue": 70.0,
        "PredefinedMetricSpecification": {"PredefinedMetricType": CPU},
        "ScaleInCooldown": 300,
        "ScaleOutCooldown": 60,
    }
    rows = [
        {"PolicyName": "web-cpu", "TargetTrackingScalingPolicyConfiguration": {**body, "DisableScaleIn": False}},
        {"PolicyName": "never-in", "TargetTrackingScalingPolicyConfiguration": {**body, "DisableScaleIn": True}},
        {"PolicyName": "steps", "StepScalingPolicyConfiguration": {"AdjustmentType": "ChangeInCapacity"}},
    ]
    found = current_scaling({"MinCapacity": 2, "MaxCapacity": 6}, rows)
    assert found.capacity == (2, 6)
    assert found.policies["web-cpu"] == BASE.policies["web-cpu"]
    assert found.policies["never-in"]["metric"] is None
    assert found.policies["steps"] == policy(None, 0, None, None)
    assert current_scaling(None, rows) == Scaling()


ROW = {"metric": CPU, "target_value": 70, "scale_in_cooldown": 300, "scale_out_cooldown": 60}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"min_capacity": 3, "max_capacity": 2, "policies": []}, "no range"),
        ({"min_capacity": -1, "max_capacity": 2, "policies": None}, "no range"),
        ({"min_capacity": 1, "max_capacity": 2, "policies": [{"name": "a", **ROW}, {"name": "a", **ROW}]}, "same name"),
    ],
)
def test_wrong_options(options: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        wanted_scaling({"state": "present", **options})


@pytest.mark.parametrize("policies", [None, [{"name": "web-cpu", **ROW}]])
def test_options_that_fit(policies: list[dict[str, Any]] | None) -> None:
    options = {"state": "present", "min_capacity": 0, "max_capacity": 6, "policies": policies}
    wanted = wanted_scaling(options)
    shown = {"min_capacity": 0, "max_capacity": 6, "policies": {"web-cpu": policy(CPU, 70, 300, 60)}}
    assert wanted.as_dict() == (shown if policies else {**shown, "policies": {}})
    assert wanted_scaling({**options, "state": "absent"}) == Scaling()
    assert Scaling().as_dict() == {}


@pytest.mark.parametrize("cluster", ["scaled", "arn:aws:ecs:eu-west-2:123456789012:cluster/scaled"])
def test_the_name_that_autoscaling_gives_a_service(cluster: str) -> None:
    assert resource_id(cluster, "web") == "service/scaled/web"


@pytest.fixture
def service(aws: Any) -> Iterator[dict[str, str]]:
    """A service without tasks."""
    ec2, ecs = aws.client("ec2"), aws.client("ecs")
    vpc = ec2.create_vpc(CidrBlock="10.78.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.78.0.0/24")["Subnet"]["SubnetId"]
    ecs.create_cluster(clusterName="scaled")
    ecs.register_task_definition(
        family="scaled",
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="256",
        memory="512",
        containerDefinitions=[{"name": "app", "image": "public.ecr.aws/docker/library/python:3.11-slim"}],
    )
    ecs.create_service(
        cluster="scaled",
        serviceName="web",
        taskDefinition="scaled",
        desiredCount=0,
        launchType="FARGATE",
        networkConfiguration={"awsvpcConfiguration": {"subnets": [subnet]}},
    )
    yield {"cluster": "scaled", "service": "web"}
    ecs.delete_service(cluster="scaled", service="web", force=True)
    ecs.delete_cluster(cluster="scaled")


def _seen(aws: Any) -> tuple[list[Any], list[Any]]:
    scaling = aws.client("application-autoscaling")
    where = {"ServiceNamespace": "ecs"}
    return (
        [
            (row["MinCapacity"], row["MaxCapacity"])
            for row in scaling.describe_scalable_targets(**where)["ScalableTargets"]
            if row["ResourceId"] == "service/scaled/web"
        ],
        [
            (row["PolicyName"], row["TargetTrackingScalingPolicyConfiguration"]["TargetValue"])
            for row in scaling.describe_scaling_policies(**where)["ScalingPolicies"]
            if row["ResourceId"] == "service/scaled/web"
        ],
    )


def test_check_writes_nothing_and_tells_what_happens(aws: Any, service: dict[str, str]) -> None:
    """Create, modify and delete, each as check, real, check again, real again."""
    policies = [{"name": "web-cpu", "metric": CPU, "target_value": 70}]
    args = {**service, "region": "eu-west-2"}
    present = {**args, "min_capacity": 2, "max_capacity": 6, "policies": policies}
    steps: list[tuple[dict[str, Any], tuple[list[Any], list[Any]]]] = [
        (present, ([(2, 6)], [("web-cpu", 70.0)])),
        ({**present, "min_capacity": 1}, ([(1, 6)], [("web-cpu", 70.0)])),
        ({**present, "policies": [{**policies[0], "target_value": 55}]}, ([(2, 6)], [("web-cpu", 55.0)])),
        # The target goes too: its minimum would hold on.
        ({**args, "state": "absent"}, ([], [])),
    ]
    for options, expected in steps:
        before = _seen(aws)
        told = run_module("ecs_scaling", options, env=aws.env, check=True)
        assert (told["changed"], _seen(aws)) == (True, before)
        made = run_module("ecs_scaling", options, env=aws.env)
        assert (made["changed"], made["diff"], made["scaling"]) == (True, told["diff"], told["diff"]["after"])
        assert _seen(aws) == expected
        for check in (True, False):
            again = run_module("ecs_scaling", options, env=aws.env, check=check)
            assert (again["changed"], again["diff"]["before"]) == (False, again["diff"]["after"])
        assert _seen(aws) == expected


LINKED = (
    "Unable to assume IAM role: arn:aws:iam::123456789012:role/aws-service-role/ecs.application-autoscaling."
    "amazonaws.com/AWSServiceRoleForApplicationAutoScaling_ECSService"
)
TOKEN = (
    "Unable to retrieve capacity for resource: service/c/web, scalable dimension: ecs:service:DesiredCount. Reason: "
    "The security token included in the request is invalid."
)


class Refusing:
    """Application Auto Scaling of an account that never used it: refuses an operation so often, then does it."""

    def __init__(self, operation: str, code: str, words: str, times: int) -> None:
        self.operation, self.code, self.words, self.left = operation, code, words, times

    def __getattr__(self, operation: str) -> Any:
        def call(**_given: Any) -> dict[str, Any]:
            assert operation == self.operation
            self.left -= 1
            if self.left >= 0:
                raise ClientError({"Error": {"Code": self.code, "Message": self.words}}, operation)
            return {"ScalingPolicies": []}

        return call


@pytest.mark.parametrize(
    ("operation", "code", "words", "use"),
    [
        ("register_scalable_target", "ValidationException", LINKED, lambda aws: aws.register("c", "web", 2, 6)),
        (
            "put_scaling_policy",
            "FailedResourceAccessException",
            TOKEN,
            lambda aws: aws.put_policy("c", "web", "web-cpu", BASE.policies["web-cpu"]),
        ),
        ("describe_scaling_policies", "FailedResourceAccessException", TOKEN, lambda aws: aws.policies("c", "web")),
    ],
)
def test_a_service_linked_role_that_is_too_new_is_waited_for(operation: str, code: str, words: str, use: Any) -> None:
    clock = FakeClock()
    use(ScalingClient(Refusing(operation, code, words, 3), clock.time, clock.sleep))
    assert clock.now == 15
    with pytest.raises(EcsError, match=re.escape(words)):
        use(ScalingClient(Refusing(operation, code, words, 1000), clock.time, clock.sleep))
    assert clock.now == 15 + 120
