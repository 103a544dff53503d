# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The resources of the load balancer, field by field."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.fields import (
    Described,
    Field,
    Kind,
    Range,
    Variable,
    ids,
)
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.stack import Stack

_OURS, _COMMUNITY = "mlops.mlflow_aws.target_group", "community.aws.elb_target_group"
_SECONDS, _CHECKS = "seconds", "checks"


def _attribute(key: str, default: str | None = None) -> Callable[[Described], str | None]:
    """An attribute, as DescribeTargetGroupAttributes and DescribeLoadBalancerAttributes list it."""
    return lambda row: row["Attributes"].get(key, default)


def _tags(stack: Stack, _subject: Any) -> dict[str, Any]:
    return stack.tags("alb")


def tier(stack: Stack) -> str:
    """The tier of the subnets in which the load balancer stands."""
    return "public" if stack.inputs["alb_scheme"] == "internet-facing" else "private"


def _target_group(stack: Stack) -> Mapping[str, Stack]:
    return {stack.names.target_group: stack}


def _load_balancer(stack: Stack) -> Mapping[str, Stack]:
    return {stack.names.load_balancer: stack}


def _listener(stack: Stack) -> Mapping[str, Stack]:
    return {str(stack.inputs["stack_http_port"]): stack}


#: API CreateTargetGroup, and "Target group attributes" of the Elastic Load Balancing user guide.
TARGET_GROUP = Kind(
    "target group",
    # The first one creates it with its tags in the same call: whose it is shows although a run is killed after it.
    modules=(_OURS, _COMMUNITY),
    resources=_target_group,
    tags=_tags,
    fields=(
        Field("protocol", lambda row: row["Protocol"].lower(), "http"),
        Field("port", "Port", Variable("stack_service_port")),
        Field("target_type", "TargetType", "ip"),
        Field("health_check_path", "HealthCheckPath", "/health"),
        Field("health_check_protocol", lambda row: row["HealthCheckProtocol"].lower(), "http"),
        Field("health_check_port", lambda row: row.get("HealthCheckPort", "traffic-port"), "traffic-port"),
        Field(
            "health_check_interval",
            "HealthCheckIntervalSeconds",
            Variable("alb_health_interval", Range(5, 300, _SECONDS)),
        ),
        Field(
            "health_check_timeout", "HealthCheckTimeoutSeconds", Variable("alb_health_timeout", Range(2, 120, _SECONDS))
        ),
        Field(
            "healthy_threshold_count", "HealthyThresholdCount", Variable("alb_healthy_threshold", Range(2, 10, _CHECKS))
        ),
        Field(
            "unhealthy_threshold_count",
            "UnhealthyThresholdCount",
            Variable("alb_unhealthy_threshold", Range(2, 10, _CHECKS)),
        ),
        Field("successful_response_codes", "Matcher.HttpCode", "200"),
        Field(
            "deregistration_delay_timeout",
            _attribute("deregistration_delay.timeout_seconds"),
            Variable("alb_deregistration_delay", Range(0, 3600, _SECONDS)),
            modules=(_COMMUNITY,),
        ),
        # Any task answers any request: a client that is bound to one loses it with a rollout.
        Field(
            "attributes",
            lambda row: {"stickiness.enabled": row["Attributes"].get("stickiness.enabled", "false")},
            {"stickiness.enabled": "false"},
            modules=(_OURS,),
        ),
    ),
)

#: API CreateLoadBalancer, and "Load balancer attributes" of the Elastic Load Balancing user guide.
LOAD_BALANCER = Kind(
    "load balancer",
    modules=("amazon.aws.elb_application_lb",),
    resources=_load_balancer,
    tags=_tags,
    fields=(
        Field("scheme", "Scheme", Variable("alb_scheme")),
        Field("http_drop_invalid_header_fields", _attribute("routing.http.drop_invalid_header_fields.enabled"), True),
        Field("http_desync_mitigation_mode", _attribute("routing.http.desync_mitigation_mode"), "defensive"),
        Field(
            "idle_timeout",
            _attribute("idle_timeout.timeout_seconds"),
            Variable("alb_idle_timeout", Range(1, 4000, _SECONDS)),
        ),
        Field("deletion_protection", _attribute("deletion_protection.enabled"), Variable("alb_deletion_protection")),
        Field(
            "subnets",
            ids(lambda row: [zone["SubnetId"] for zone in row["AvailabilityZones"]]),
            lambda stack: stack.subnet_cidrs(tier(stack)),
            passed=lambda stack: stack.subnet_ids(tier(stack)),
        ),
        Field(
            "security_groups",
            ids(lambda row: row.get("SecurityGroups", [])),
            lambda stack: [stack.security_group("alb")],
            passed=lambda stack: stack.security_group_ids("alb"),
        ),
    ),
)

#: By port. Rules beside the default action are shown, so that one that somebody added by hand is seen.
LISTENER = Kind(
    "listener",
    modules=("amazon.aws.elb_application_lb",),
    resources=_listener,
    exclusive=True,
    fields=(
        Field("protocol", "Protocol", "HTTP", modules=()),
        Field(
            "default_actions",
            lambda row: [_action(action, row["TargetGroup"]) for action in row["DefaultActions"]],
            lambda stack: [f"forward to {stack.names.target_group}"],
            modules=(),
        ),
        Field(
            "rules", lambda row: [rule["Priority"] for rule in row["Rules"] if not rule["IsDefault"]], [], modules=()
        ),
    ),
)


def _action(action: Described, group: Described | None) -> str:
    """``forward to NAME`` for the stack's target group, or to the ARN of another one; of any other action, its type."""
    if action["Type"] != "forward":
        return str(action["Type"])
    several = (action.get("ForwardConfig") or {}).get("TargetGroups", [])
    arn = action.get("TargetGroupArn") or next((one["TargetGroupArn"] for one in several), "no target group")
    return f"forward to {group['TargetGroupName'] if group and group['TargetGroupArn'] == arn else arn}"


KINDS = (TARGET_GROUP, LOAD_BALANCER, LISTENER)
