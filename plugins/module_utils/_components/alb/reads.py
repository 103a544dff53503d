# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the load balancer, its listeners and its target group."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.account import Account, Found
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.fields import Row
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.existing import url_of
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.reading import Client, absent, pages, tags

#: What :func:`resources` answers of a load balancer that does not exist yet.
_NO_LOAD_BALANCER: dict[str, Any] = {
    "load_balancer_arn": None,
    "dns_name": None,
    "zone_id": None,
    "state": None,
    "state_reason": None,
    "scheme": None,
    "listeners": {},
    "url": "",
    "subnet_ids": [],
    "security_group_ids": [],
    "deletion_protection": False,
}
_NO_TARGET_GROUP: dict[str, Any] = {"target_group_arn": None, "target_group_port": None}


def resources(account: Account) -> dict[str, Any] | None:
    """The load balancer, its listeners by port and the target group; ``url`` is where the listeners forward to it."""
    elb, existing = account.clients["elbv2"], account.existing.target_group_arn
    group, balancer = target_group(account), None if existing else load_balancer(account)
    if not existing:
        group = group if group and _owned(account, "target group", group["TargetGroupName"], _arn(group)) else None
        balancer = (
            balancer
            if balancer and _owned(account, "load balancer", balancer["LoadBalancerName"], _arn(balancer))
            else None
        )
    elif group is not None:
        listed = [_listed(elb, arn) for arn in group["LoadBalancerArns"]]
        balancer = next((one for one in listed if one and one["Type"] == "application"), None)
    if group is None and balancer is None:
        return None
    return {
        "mine": not existing,
        **(_NO_TARGET_GROUP if group is None else _of_target_group(group)),
        **(_NO_LOAD_BALANCER if balancer is None else _of_load_balancer(account, balancer)),
    }


def _of_target_group(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "target_group_arn": row["TargetGroupArn"],
        "target_group_port": row.get("Port"),
        "target_type": row["TargetType"],
        "protocol": row["Protocol"],
        "health_check_path": row.get("HealthCheckPath"),
        "vpc_id": row.get("VpcId"),
    }


def _of_load_balancer(account: Account, row: Mapping[str, Any]) -> dict[str, Any]:
    elb, group = account.clients["elbv2"], account.existing.target_group_arn
    listeners = _listeners(elb, row)
    rules = {one["ListenerArn"]: _rules(elb, one) for one in listeners} if group else {}
    return {
        "load_balancer_arn": row["LoadBalancerArn"],
        "dns_name": row["DNSName"],
        "zone_id": row.get("CanonicalHostedZoneId"),
        "state": row["State"]["Code"],
        "state_reason": row["State"].get("Reason"),
        "scheme": row["Scheme"],
        "listeners": {str(one["Port"]): one["ListenerArn"] for one in listeners},
        "url": url_of(row["DNSName"], listeners, rules, group) if group else "",
        "subnet_ids": [zone["SubnetId"] for zone in row["AvailabilityZones"]],
        "security_group_ids": row.get("SecurityGroups", []),
        "deletion_protection": _attributes_of_balancer(elb, row).get("deletion_protection.enabled") == "true",
    }


def rows(found: Found) -> dict[str, list[Row]]:
    """The target group, the load balancer and its listeners, with their attributes and rules."""
    elb, account = found.clients["elbv2"], found.account
    group, balancer = target_group(account), load_balancer(account)
    return {
        "target group": [_row(elb, group["TargetGroupName"], group, _attributes_of_group(elb, group))] if group else [],
        "load balancer": [_row(elb, balancer["LoadBalancerName"], balancer, _attributes_of_balancer(elb, balancer))]
        if balancer
        else [],
        "listener": [
            Row(str(one["Port"]), {**one, "Rules": _rules(elb, one), "TargetGroup": group})
            for one in (_listeners(elb, balancer) if balancer else [])
        ],
    }


def _row(elb: Client, name: str, described: Mapping[str, Any], attributes: Mapping[str, str]) -> Row:
    arn = _arn(described)
    return Row(name, {**described, "Attributes": attributes}, _tags(elb, arn), (arn,))


def load_balancer(account: Account) -> dict[str, Any] | None:
    """What DescribeLoadBalancers answers of the load balancer with the stack's name."""
    asked = {"Names": [account.names.load_balancer]}
    answer = absent(lambda: account.clients["elbv2"].describe_load_balancers(**asked), "LoadBalancerNotFound")
    # Where AWS raises, others answer an empty list.
    found: list[dict[str, Any]] = answer["LoadBalancers"] if answer else []
    return next(iter(found), None)


def target_group(account: Account) -> dict[str, Any] | None:
    """What DescribeTargetGroups answers of the target group that exists, or of that with the stack's name."""
    existing = account.existing.target_group_arn
    asked = {"TargetGroupArns": [existing]} if existing else {"Names": [account.names.target_group]}
    answer = absent(lambda: account.clients["elbv2"].describe_target_groups(**asked), "TargetGroupNotFound")
    found: list[dict[str, Any]] = answer["TargetGroups"] if answer else []
    return next(iter(found), None)


def _listed(elb: Client, arn: str) -> dict[str, Any] | None:
    """A load balancer that a target group names; None where it was deleted, which ELB shows there a little later."""
    answer = absent(lambda: elb.describe_load_balancers(LoadBalancerArns=[arn]), "LoadBalancerNotFound")
    return answer["LoadBalancers"][0] if answer and answer["LoadBalancers"] else None


def _owned(account: Account, kind: str, name: str, arn: str) -> bool:
    return account.owner.owns(kind, name, arn, _tags(account.clients["elbv2"], arn))


def _arn(row: Mapping[str, Any]) -> str:
    arn: str = row["TargetGroupArn"] if "TargetGroupArn" in row else row["LoadBalancerArn"]
    return arn


def _tags(elb: Client, arn: str) -> dict[str, str]:
    descriptions = elb.describe_tags(ResourceArns=[arn])["TagDescriptions"]
    return tags([tag for row in descriptions for tag in row["Tags"]])


def _listeners(elb: Client, balancer: Mapping[str, Any]) -> list[dict[str, Any]]:
    return list(pages(elb, "describe_listeners", "Listeners", LoadBalancerArn=balancer["LoadBalancerArn"]))


def _rules(elb: Client, listener: Mapping[str, Any]) -> list[dict[str, Any]]:
    return list(pages(elb, "describe_rules", "Rules", ListenerArn=listener["ListenerArn"]))


def _attributes_of_balancer(elb: Client, row: Mapping[str, Any]) -> dict[str, str]:
    return _attributes(elb.describe_load_balancer_attributes(LoadBalancerArn=row["LoadBalancerArn"]))


def _attributes_of_group(elb: Client, row: Mapping[str, Any]) -> dict[str, str]:
    return _attributes(elb.describe_target_group_attributes(TargetGroupArn=row["TargetGroupArn"]))


def _attributes(answer: Mapping[str, Any]) -> dict[str, str]:
    return {row["Key"]: row["Value"] for row in answer["Attributes"]}
