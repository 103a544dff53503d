# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of the load balancer: target group, load balancer and listeners."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils.stack.reading import absent, pages, tags

from .common import Account, Settings


def alb(account: Account) -> Settings:
    """Settings of the load balancer, with the options of the modules that the role alb uses."""
    client, names = account.clients["elbv2"], account.names
    groups = absent(lambda: client.describe_target_groups(Names=[names.target_group]), "TargetGroupNotFound")
    balancers = absent(lambda: client.describe_load_balancers(Names=[names.load_balancer]), "LoadBalancerNotFound")
    # Where AWS raises, others answer an empty list.
    group = next(iter(groups["TargetGroups"]), None) if groups else None
    balancer = next(iter(balancers["LoadBalancers"]), None) if balancers else None
    return {
        "target group": {group["TargetGroupName"]: _target_group(account, group)} if group else {},
        "load balancer": {balancer["LoadBalancerName"]: _load_balancer(account, balancer)} if balancer else {},
        "listener": _listeners(account, balancer, group) if balancer else {},
    }


def _target_group(account: Account, row: Mapping[str, Any]) -> dict[str, Any]:
    arn = row["TargetGroupArn"]
    attributes = _attributes(account.clients["elbv2"].describe_target_group_attributes(TargetGroupArn=arn))
    return {
        "protocol": row["Protocol"].lower(),
        "port": row["Port"],
        "target_type": row["TargetType"],
        "health_check_path": row["HealthCheckPath"],
        "health_check_protocol": row["HealthCheckProtocol"].lower(),
        "health_check_port": row.get("HealthCheckPort", "traffic-port"),
        "health_check_interval": row["HealthCheckIntervalSeconds"],
        "health_check_timeout": row["HealthCheckTimeoutSeconds"],
        "healthy_threshold_count": row["HealthyThresholdCount"],
        "unhealthy_threshold_count": row["UnhealthyThresholdCount"],
        "successful_response_codes": row["Matcher"]["HttpCode"],
        "deregistration_delay_timeout": attributes.get("deregistration_delay.timeout_seconds"),
        "attributes": {"stickiness.enabled": attributes.get("stickiness.enabled", "false")},
        "tags": _tags_of(account, arn),
        "ids": [arn],
    }


def _load_balancer(account: Account, row: Mapping[str, Any]) -> dict[str, Any]:
    arn = row["LoadBalancerArn"]
    attributes = _attributes(account.clients["elbv2"].describe_load_balancer_attributes(LoadBalancerArn=arn))
    return {
        "scheme": row["Scheme"],
        "subnets": account.labels(zone["SubnetId"] for zone in row["AvailabilityZones"]),
        "security_groups": account.labels(row.get("SecurityGroups", [])),
        "http_drop_invalid_header_fields": attributes.get("routing.http.drop_invalid_header_fields.enabled"),
        "http_desync_mitigation_mode": attributes.get("routing.http.desync_mitigation_mode"),
        "idle_timeout": attributes.get("idle_timeout.timeout_seconds"),
        "deletion_protection": attributes.get("deletion_protection.enabled"),
        "tags": _tags_of(account, arn),
        "ids": [arn],
    }


def _listeners(
    account: Account, balancer: Mapping[str, Any], group: Mapping[str, Any] | None
) -> dict[str, dict[str, Any]]:
    """By port. A rule beyond the default action is shown, so that one that was added by hand is seen."""
    client = account.clients["elbv2"]
    found = {}
    for row in pages(client, "describe_listeners", "Listeners", LoadBalancerArn=balancer["LoadBalancerArn"]):
        rules = client.describe_rules(ListenerArn=row["ListenerArn"])["Rules"]
        found[str(row["Port"])] = {
            "protocol": row["Protocol"],
            "default_actions": [_action(action, group) for action in row["DefaultActions"]],
            "rules": [rule["Priority"] for rule in rules if not rule["IsDefault"]],
        }
    return found


def _action(action: Mapping[str, Any], group: Mapping[str, Any] | None) -> str:
    """``forward to NAME`` for our own target group; the ARN of another one, and no more than the type of the rest."""
    if action["Type"] != "forward":
        return str(action["Type"])
    several = (action.get("ForwardConfig") or {}).get("TargetGroups", [])
    arn = action.get("TargetGroupArn") or next((one["TargetGroupArn"] for one in several), "no target group")
    return f"forward to {group['TargetGroupName'] if group and group['TargetGroupArn'] == arn else arn}"


def _attributes(answer: Mapping[str, Any]) -> dict[str, str]:
    return {row["Key"]: row["Value"] for row in answer["Attributes"]}


def _tags_of(account: Account, arn: str) -> dict[str, str]:
    rows = account.clients["elbv2"].describe_tags(ResourceArns=[arn])["TagDescriptions"]
    return tags([tag for row in rows for tag in row["Tags"]])
