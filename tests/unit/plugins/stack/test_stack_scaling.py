# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scaling of the service in the comparison, when somebody has removed a part of it."""

from __future__ import annotations

from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils.plan import compare
from ansible_collections.mlops.mlflow_aws.plugins.module_utils.settings import readers
from ansible_collections.mlops.mlflow_aws.plugins.module_utils.settings.common import Account
from ansible_collections.mlops.mlflow_aws.plugins.module_utils.stack import discovery
from ansible_collections.mlops.mlflow_aws.plugins.module_utils.stack.names import stack_names
from ansible_collections.mlops.mlflow_aws.plugins.module_utils.stack.wanted_ecs import wanted_policies
from botocore.stub import Stubber

NAMES = stack_names("scaled-by-hand", "eu-west-2")
WANTED = {
    "min_capacity": 1,
    "max_capacity": 4,
    **wanted_policies(
        {
            "name": f"{NAMES.stack}-{kind}",
            "metric": f"ECSServiceAverage{metric}Utilization",
            "target_value": 70,
            "scale_in_cooldown": 300,
            "scale_out_cooldown": 60,
        }
        for kind, metric in (("cpu", "CPU"), ("memory", "Memory"))
    ),
}


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
        services = {*discovery.SERVICES, *readers.SERVICES}
        clients = {**{service: aws.client(service) for service in services}, "application-autoscaling": scaling}
        account = Account(clients, NAMES, {"secrets": None, "ecs": None}, "")
        found: dict[str, Any] = readers.read_settings(account, ["ecs_mlflow"])["ecs_mlflow"]
    return found


def test_a_policy_that_is_missing_is_a_change(aws: Any) -> None:
    (change,) = compare({"scaling": {NAMES.service: WANTED}}, _current(aws)).changes
    assert (change.action, change.kind, change.name) == ("change", "scaling", NAMES.service)
    assert {key.split(".")[0] for key in change.after} == {f"{NAMES.stack}-cpu", f"{NAMES.stack}-memory"}


def test_of_two_policies_the_one_that_is_missing_is_told(aws: Any) -> None:
    policy = {
        **WHERE,
        "PolicyARN": "arn:aws:autoscaling:eu-west-2:123456789012:scalingPolicy:1",
        "PolicyName": f"{NAMES.stack}-cpu",
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": CPU,
    }
    (change,) = compare({"scaling": {NAMES.service: WANTED}}, _current(aws, policy)).changes
    assert {key.split(".")[0] for key in change.after} == {f"{NAMES.stack}-memory"}
