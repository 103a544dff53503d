# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Service-linked roles: the first use of a service in an account creates one, and may be too early to assume it.

Sources: IAM User Guide, "Using service-linked roles"; terraform-provider-aws#15452, terraform-aws-rds#364,
terraform-provider-aws, internal/service/ecs/cluster.go (retried for the time of IAM's propagation); for the policies of
a scalable target terraform-provider-aws#920 and #2135.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from moto.iam.models import iam_backends

from emulator.conduct.calls import ApiCall, Refusal
from emulator.consistency import Consistency

PATH = "/aws-service-role/"
_PARTITION = "aws"


@dataclass(frozen=True)
class LinkedRole:
    """A service-linked role, and what its service says as long as it cannot assume it.

    :param code: None where the service waits by itself.
    :param lag: how many times IAM's propagation passes before the service can use it for this.
    """

    principal: str
    name: str
    code: str | None = None
    message: str = ""
    lag: int = 1


_RDS = ("rds.amazonaws.com", "AWSServiceRoleForRDS", "InvalidParameterValue")
_ECS = LinkedRole(
    "ecs.amazonaws.com",
    "AWSServiceRoleForECS",
    "InvalidParameterException",
    "Unable to assume the service linked role. Please verify that the ECS service linked role exists.",
)
_DATABASE = LinkedRole(
    *_RDS,
    "Unable to create the resource. Verify that you have permission to create service linked role. Otherwise wait and "
    "try again later",
)
_SUBNETS = LinkedRole(
    *_RDS,
    "Missing necessary credentials. Please check "
    "http://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAM.ServiceLinkedRoles.html",
)
_SCALED = ("ecs.application-autoscaling.amazonaws.com", "AWSServiceRoleForApplicationAutoScaling_ECSService")
_SCALING = LinkedRole(*_SCALED, "ValidationException", "Unable to assume IAM role: {arn}")
# The role is assumed by then, and what it asks ECS is refused.
_POLICIES = LinkedRole(
    *_SCALED,
    "FailedResourceAccessException",
    "Unable to retrieve capacity for resource: {resource}, scalable dimension: {dimension}. Reason: The security token "
    "included in the request is invalid.",
    lag=2,
)
_BALANCING = LinkedRole("elasticloadbalancing.amazonaws.com", "AWSServiceRoleForElasticLoadBalancing")
#: (signing name, action) -> the role that it needs.
FIRST_USES = {
    ("ecs", "CreateCluster"): _ECS,
    ("rds", "CreateDBSubnetGroup"): _SUBNETS,
    ("rds", "CreateDBInstance"): _DATABASE,
    ("rds", "RestoreDBInstanceFromDBSnapshot"): _DATABASE,
    ("elasticloadbalancing", "CreateLoadBalancer"): _BALANCING,
    ("application-autoscaling", "RegisterScalableTarget"): _SCALING,
    ("application-autoscaling", "PutScalingPolicy"): _POLICIES,
}

#: Whether the caller may do an action on a resource, with further context keys.
May = Callable[[str, str, dict[str, str]], bool]


class LinkedRoles:
    """Creates service-linked roles at the first use of their services."""

    def __init__(self, consistency: Consistency) -> None:
        self._consistency = consistency
        self._born: dict[str, float] = {}
        self._lock = threading.Lock()

    def check(self, call: ApiCall, may: May) -> None:
        """Make sure that the service has its role.

        :raises Refusal: the caller may not have it created, or it is too new.
        """
        role = FIRST_USES.get((call.service, call.action))
        if role is None or (
            call.service == "application-autoscaling" and call.parameters.get("ServiceNamespace") != "ecs"
        ):
            return
        arn = f"arn:aws:iam::{call.account}:role{PATH}{role.principal}/{role.name}"
        with self._lock:
            known = {each.name for each in list(iam_backends[call.account][_PARTITION].roles.values())}
            if role.name not in known:
                if not may("iam:CreateServiceLinkedRole", arn, {"iam:AWSServiceName": role.principal}):
                    raise _refusal(role, arn, call)
                self._create(call.account, role, arn)
            ready = self._born.get(arn, float("-inf")) + role.lag * self._consistency.propagation
            if role.code is not None and time.monotonic() < ready:
                raise _refusal(role, arn, call)

    def _create(self, account: str, role: LinkedRole, arn: str) -> None:
        trust = {"Effect": "Allow", "Principal": {"Service": role.principal}, "Action": "sts:AssumeRole"}
        iam_backends[account][_PARTITION].create_role(
            role_name=role.name,
            assume_role_policy_document=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
            path=f"{PATH}{role.principal}/",
            permissions_boundary=None,
            description="",
            tags=[],
            max_session_duration="3600",
            linked_service=role.principal,
        )
        self._born[arn] = time.monotonic()


def _refusal(role: LinkedRole, arn: str, call: ApiCall) -> Refusal:
    if role.code is None:
        return Refusal("AccessDenied", f"You are not authorized to create the service-linked role {arn}", 403)
    return Refusal(
        role.code,
        role.message.format(
            arn=arn, resource=call.parameters.get("ResourceId"), dimension=call.parameters.get("ScalableDimension")
        ),
    )
