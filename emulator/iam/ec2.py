# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a call of EC2 must be allowed: one action on each resource that it names or makes, with its tags.

Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon EC2"; EC2 User Guide,
"Grant permission to tag Amazon EC2 resources during creation".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from moto.ec2.models import ec2_backends

from emulator.iam.policies import Call

Parameters = Mapping[str, Any]

#: Prefix of an id -> type of the resource in ARNs.
_TYPES = {
    "vpc": "vpc",
    "subnet": "subnet",
    "rtb": "route-table",
    "igw": "internet-gateway",
    "nat": "natgateway",
    "eipalloc": "elastic-ip",
    "sg": "security-group",
    "sgr": "security-group-rule",
    "vpce": "vpc-endpoint",
    "eni": "network-interface",
}
_ID = re.compile(rf"({'|'.join(_TYPES)})-[0-9a-f]+")
#: A parameter that names a resource itself, such as ``RouteTableId.1``; not one inside a structure.
_OWN = re.compile(r"[A-Za-z]+(\.\d+)?")
_TAG = re.compile(r"(?:TagSpecification\.\d+\.)?Tag\.\d+\.Key")

#: Action -> type of the resource that it makes.
_MAKES = {
    "CreateVpc": "vpc",
    "CreateSubnet": "subnet",
    "CreateRouteTable": "route-table",
    "CreateInternetGateway": "internet-gateway",
    "CreateNatGateway": "natgateway",
    "AllocateAddress": "elastic-ip",
    "CreateSecurityGroup": "security-group",
    "CreateVpcEndpoint": "vpc-endpoint",
}
#: Action -> types of the resources that it names and that IAM asks about.
_NAMES: dict[str, tuple[str, ...]] = {
    "CreateSubnet": ("vpc",),
    "CreateRouteTable": ("vpc",),
    "CreateNatGateway": ("subnet", "elastic-ip"),
    "CreateSecurityGroup": ("vpc",),
    "CreateVpcEndpoint": ("vpc", "route-table", "subnet", "security-group"),
    "ModifyVpcAttribute": ("vpc",),
    "ModifySubnetAttribute": ("subnet",),
    "ModifyVpcEndpoint": ("vpc-endpoint", "route-table", "subnet", "security-group"),
    "AttachInternetGateway": ("internet-gateway", "vpc"),
    "DetachInternetGateway": ("internet-gateway", "vpc"),
    "CreateRoute": ("route-table",),
    "ReplaceRoute": ("route-table",),
    "DeleteRoute": ("route-table",),
    "AssociateRouteTable": ("route-table", "subnet", "internet-gateway"),
    "DisassociateRouteTable": ("route-table", "subnet"),
    "ReplaceRouteTableAssociation": ("route-table", "subnet"),
    "AuthorizeSecurityGroupIngress": ("security-group",),
    "AuthorizeSecurityGroupEgress": ("security-group",),
    "RevokeSecurityGroupIngress": ("security-group",),
    "RevokeSecurityGroupEgress": ("security-group",),
    "UpdateSecurityGroupRuleDescriptionsIngress": ("security-group",),
    "UpdateSecurityGroupRuleDescriptionsEgress": ("security-group",),
    "ReleaseAddress": ("elastic-ip",),
    "DisassociateAddress": ("elastic-ip",),
    "DeleteVpc": ("vpc",),
    "DeleteSubnet": ("subnet",),
    "DeleteRouteTable": ("route-table",),
    "DeleteInternetGateway": ("internet-gateway",),
    "DeleteNatGateway": ("natgateway",),
    "DeleteSecurityGroup": ("security-group",),
    "DeleteVpcEndpoints": ("vpc-endpoint",),
    "CreateTags": tuple(_TYPES.values()),
    "DeleteTags": tuple(_TYPES.values()),
}


def ec2_calls(action: str, parameters: Parameters, region: str, account: str, context: Mapping[str, Any]) -> list[Call]:
    """What the caller must be allowed, all of it; empty for an action whose resources are not known here.

    :param action: without the service, for example ``CreateSubnet``.
    :param context: the context keys of the call, to which those of tags are added.
    """
    if action not in _MAKES and action not in _NAMES:
        return []

    def arn(kind: str, name: str) -> str:
        return f"arn:aws:ec2:{region}:{account}:{kind}/{name}"

    asked = _asked(parameters)
    calls = []
    for kind, name in _named(action, parameters, region, account):
        tags = dict(ec2_backends[account][region].tags.get(name, {}))
        has = {f"{service}:ResourceTag/{key}": value for service in ("aws", "ec2") for key, value in tags.items()}
        wants = _wants(asked) if action in ("CreateTags", "DeleteTags") else {}
        calls.append(Call(f"ec2:{action}", (arn(kind, name),), {**context, **has, **wants}))
    if action in _MAKES:
        new = (arn(_MAKES[action], "*"),)
        calls.append(Call(f"ec2:{action}", new, {**context, **_wants(asked)}))
        if asked:
            calls.append(Call("ec2:CreateTags", new, {**context, **_wants(asked), "ec2:CreateAction": action}))
    return calls


def _wants(asked: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {f"aws:RequestTag/{key}": value for key, value in asked.items()}
    return {**found, "aws:TagKeys": list(asked)} if asked else {}


def _asked(parameters: Parameters) -> dict[str, str]:
    """The tags that the call asks for."""
    return {
        str(key): str(parameters.get(f"{name.removesuffix('Key')}Value", ""))
        for name, key in parameters.items()
        if _TAG.fullmatch(name)
    }


def _named(action: str, parameters: Parameters, region: str, account: str) -> Iterator[tuple[str, str]]:
    """Type and id of each resource that the call names and that IAM asks about."""
    kinds = _NAMES.get(action, ())
    values = [str(value) for name, value in parameters.items() if _OWN.fullmatch(name)]
    association = parameters.get("AssociationId")
    if association in values:
        values += _associated(str(association), region, account)
    for value in values:
        found = _ID.fullmatch(value)
        if found and _TYPES[found.group(1)] in kinds:
            yield _TYPES[found.group(1)], value


def _associated(association: str, region: str, account: str) -> list[str]:
    """The route table of an association, and what it is associated with."""
    for table in ec2_backends[account][region].route_tables.values():
        for row in table.associations:
            if row["RouteTableAssociationId"] == association:
                return [table.id, str(row.get("SubnetId") or row.get("GatewayId") or "")]
    return []
