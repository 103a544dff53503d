# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parameters that exclude each other, which no model tells: the API pages do, beside each parameter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from emulator.conduct.calls import ApiCall, Refusal

#: (signing name, action) -> sets of parameters of which at most one may be given, and the code of the refusal.
_ONE_OF: dict[tuple[str, str], tuple[tuple[tuple[str, ...], ...], str]] = {
    ("elasticloadbalancing", "DescribeLoadBalancers"): (
        (("LoadBalancerArns", "Names"), ("LoadBalancerArns", "PageSize"), ("Names", "PageSize")),
        "ValidationError",
    ),
    ("elasticloadbalancing", "DescribeTargetGroups"): (
        (
            ("LoadBalancerArn", "TargetGroupArns", "Names"),
            ("TargetGroupArns", "PageSize"),
            ("Names", "PageSize"),
        ),
        "ValidationError",
    ),
    ("elasticloadbalancing", "DescribeListeners"): ((("LoadBalancerArn", "ListenerArns"),), "ValidationError"),
    ("elasticloadbalancing", "DescribeRules"): ((("ListenerArn", "RuleArns"),), "ValidationError"),
    ("elasticloadbalancing", "CreateLoadBalancer"): ((("Subnets", "SubnetMappings"),), "ValidationError"),
    ("elasticloadbalancing", "SetSubnets"): ((("Subnets", "SubnetMappings"),), "ValidationError"),
    ("ec2", "DescribeInstances"): ((("InstanceIds", "MaxResults"),), "InvalidParameterCombination"),
    ("ec2", "CreateNetworkInterface"): (
        (("PrivateIpAddresses", "SecondaryPrivateIpAddressCount"),),
        "InvalidParameterCombination",
    ),
    ("ec2", "CreateRoute"): (
        (
            ("GatewayId", "NatGatewayId", "NetworkInterfaceId", "InstanceId", "TransitGatewayId", "VpcEndpointId"),
            ("DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId"),
        ),
        "InvalidParameterCombination",
    ),
    ("logs", "DescribeLogGroups"): (
        (("logGroupNamePrefix", "logGroupNamePattern"), ("logGroupIdentifiers", "limit")),
        "InvalidParameterException",
    ),
    ("secretsmanager", "CreateSecret"): ((("SecretString", "SecretBinary"),), "InvalidParameterException"),
    ("secretsmanager", "PutSecretValue"): ((("SecretString", "SecretBinary"),), "InvalidParameterException"),
    ("secretsmanager", "UpdateSecret"): ((("SecretString", "SecretBinary"),), "InvalidParameterException"),
    ("secretsmanager", "DeleteSecret"): (
        (("ForceDeleteWithoutRecovery", "RecoveryWindowInDays"),),
        "InvalidParameterException",
    ),
    ("ecs", "CreateService"): ((("launchType", "capacityProviderStrategy"),), "InvalidParameterException"),
    ("ecs", "RunTask"): ((("launchType", "capacityProviderStrategy"),), "InvalidParameterException"),
}
#: (signing name, action) -> parameters of which one must be given.
_ANY_OF = {
    ("elasticloadbalancing", "DescribeListeners"): ("LoadBalancerArn", "ListenerArns"),
    ("elasticloadbalancing", "DescribeRules"): ("ListenerArn", "RuleArns"),
    ("elasticloadbalancing", "SetSubnets"): ("Subnets", "SubnetMappings"),
}
#: RDS: "Minimum 20, maximum 100" (MaxRecords, each Describe action); the model has no range.
_MAX_RECORDS = range(20, 101)
#: API_DescribeTags of ELB: "You can specify up to 20 resources in a single call".
_MOST_TAGGED = 20


def check(call: ApiCall) -> None:
    """:raises Refusal: parameters that exclude each other were given, or none of those of which one is needed."""
    where, given = (call.service, call.action), call.input
    groups, code = _ONE_OF.get(where, ((), ""))
    for group in groups:
        both = [name for name in group if _is_given(given, name)]
        if len(both) > 1:
            raise Refusal(code, f"{' and '.join(both)} cannot be specified at the same time")
    needed = _ANY_OF.get(where, ())
    if needed and not any(_is_given(given, name) for name in needed):
        raise Refusal("ValidationError", f"{' or '.join(needed)} must be specified")
    records = given.get("MaxRecords") if call.service == "rds" else None
    if records is not None and int(records) not in _MAX_RECORDS:
        raise Refusal("InvalidParameterValue", f"Invalid value {records} for MaxRecords. Must be between 20 and 100")
    if where == ("elasticloadbalancing", "DescribeTags") and len(given.get("ResourceArns", [])) > _MOST_TAGGED:
        raise Refusal("ValidationError", f"Up to {_MOST_TAGGED} resources can be described at a time")


def _is_given(parameters: Mapping[str, Any], name: str) -> bool:
    return parameters.get(name) not in (None, [], {}, False, "false")
