# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scaling of the service in the comparison, when somebody has removed a part of it."""

from __future__ import annotations

from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.ecs_mlflow.kinds import SCALING
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack import discovery
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.comparison import compare
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.names import stack_names
from botocore.stub import Stubber

from tests.unit.plugins.stack import stack_inputs, stack_looks

NAMES = stack_names("scaled-by-hand", "eu-west-2")
WANTED = SCALING.desired(
    stack_inputs.stack(
        stack_name=NAMES.stack,
        ecs_mlflow_autoscaling=True,
        ecs_mlflow_min_count=1,
        ecs_mlflow_max_count=4,
        ecs_mlflow_autoscaling_cpu=70,
        ecs_mlflow_autoscaling_memory=70,
    )
)[NAMES.service]


CPU = {
    "TargetValue": 70.0,
    "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"},
    "ScaleInCooldown": 300,
    "ScaleOutCooldown": 60,
}
WHERE: dict[str, Any] = {
    "ServiceNamespace": "ecs",
    "ResourceId": f"service/{NAMES.cluster}/{NAMES.service}",
    "ScalableDimension": "ecs:service:DesiredCount",
    "CreationTime": 0,
}


def _current(aws: Any, *policies: dict[str, Any]) -> dict[str, Any]:
    """The settings of a service whose target has these policies; botocore's Stubber checks the answers."""
    scaling = aws.client("application-autoscaling")
    target = {**WHERE, "MinCapacity": 1, "MaxCapacity": 4, "RoleARN": "arn:aws:iam::123456789012:role/scaling"}
    with Stubber(scaling) as stubbed:
        stubbed.add_response("describe_scalable_targets", {"ScalableTargets": [target]})
        stubbed.add_response("describe_scaling_policies", {"ScalingPolicies": list(policies)})
        clients = {**stack_looks.clients(aws.client), "application-autoscaling": scaling}
        account = discovery.account_of(clients, NAMES, region="eu-west-2")
        resources = {"secrets": None, "ecs_mlflow": None}
        found: dict[str, Any] = discovery.current_state(account, resources, ["ecs_mlflow"])["ecs_mlflow"]
    return found


def test_a_policy_that_is_missing_is_a_change(aws: Any) -> None:
    (change,) = compare({"scaling": {NAMES.service: WANTED}}, _current(aws)).changes
    assert (change.action, change.kind, change.name) == ("change", "scaling", NAMES.service)
    assert {key.split(".")[0] for key in change.after} == {"cpu_policy", "memory_policy"}


def test_of_two_policies_the_one_that_is_missing_is_told(aws: Any) -> None:
    policy = {
        **WHERE,
        "PolicyARN": "arn:aws:autoscaling:eu-west-2:123456789012:scalingPolicy:1",
        "PolicyName": f"{NAMES.stack}-cpu",
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": CPU,
    }
    (change,) = compare({"scaling": {NAMES.service: WANTED}}, _current(aws, policy)).changes
    assert {key.split(".")[0] for key in change.after} == {"memory_policy"}
