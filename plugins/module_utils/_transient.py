# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors of AWS that go away by themselves: the same call succeeds a little later.

The one home of their texts: the ECS client and the test plugin ``mlops.mlflow_aws.transient``, which the roles use in
``until``, both ask here. Each text is AWS's own; a comment names the issue or page that it comes from.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

#: Stands for the message of a module that crashed.
CRASHED = "the module crashed"
#: An answer of AWS, as botocore words it (ClientError.MSG_TEMPLATE).
_REFUSAL = re.compile(r"An error occurred \([^)]+\) when calling")
#: What ansible-core 2.19 and 2.18 make the message of a crash begin with.
_CRASH = re.compile(r"(Task failed: )?Module failed: |MODULE FAILURE")


@dataclass(frozen=True)
class Kind:
    """One reason why AWS refuses what it accepts later.

    :param patterns: regular expressions, matched case-insensitively; one is enough.
    :param seconds: how long the error may last before it counts as permanent.
    :param unsaid: further ones, of messages that leave out what AWS answered; they count only where nothing else, such
        as a traceback, has it.
    """

    patterns: tuple[str, ...]
    seconds: int
    unsaid: tuple[str, ...] = ()

    def matches(self, text: str) -> bool:
        """Whether ``text``, an error message of AWS with its code, is of this kind."""
        patterns = self.patterns if _REFUSAL.search(text) else self.patterns + self.unsaid
        return any(re.search(pattern, text, re.IGNORECASE | re.MULTILINE) for pattern in patterns)


#: A service-linked role is created by the first use of a service in an account; that first call can fail.
SERVICE_LINKED_ROLE = Kind(
    (
        # ECS: CreateCluster, CreateService, RunTask (terraform-provider-aws#15452, containers-roadmap#2614)
        r"Unable to assume the service linked role",
        # RDS: CreateDBSubnetGroup (terraform-aws-rds#364) and CreateDBInstance (RDS User Guide, service-linked roles)
        r"Missing necessary credentials.*ServiceLinkedRoles",
        r"create service linked role\. Otherwise wait and try again later",
        # Application Auto Scaling: RegisterScalableTarget
        r"Unable to assume IAM role: arn:[\w-]+:iam::\d*:role/aws-service-role/",
        # Application Auto Scaling: PutScalingPolicy and DescribeScalingPolicies, whose role may not yet ask ECS or
        # CloudWatch (terraform-provider-aws#920, #2135)
        r"FailedResourceAccessException.*security token included in the request is invalid",
    ),
    120,
)
#: A role or policy that was changed a moment ago is not known everywhere (IAM User Guide, "Changes that I make are not
#: always immediately visible"). Terraform's provider, too, retries for two minutes.
IAM_PROPAGATION = Kind(
    (
        # RunTask, and the events of a service (boto3#1878, pulumi-awsx#927)
        r"was unable to assume the role",
        r"is unable to assume the role",
        # CreateService (terraform#2869, terraform-provider-aws#38538)
        r"Unable to assume (the )?role",
        r"was unable to assume the configured",
        # RegisterTaskDefinition
        r"Role is not valid",
    ),
    120,
)
#: Seen by ECS before the listener that was made a moment ago.
LISTENER_PROPAGATION = Kind((r"does not have an associated load balancer",), 120)
#: The caller may pass a role, but IAM does not see the role yet (terraform-aws-ecs#414). The same text is a permanent
#: refusal, too: only the age of the role tells.
PASS_ROLE = Kind((r"not authorized to perform: iam:PassRole",), 120)
#: A task's start that was denied what its execution role may do (developer guide, "ResourceInitializationError").
#: Permanent, too, unless role or policy are new.
START_DENIED = Kind(
    (
        r"ResourceInitializationError.*(AccessDenied|not authorized to perform|unable to assume|NoCredential)",
        r"was unable to assume the role",
    ),
    120,
)
_GROUP_IN_USE = (r"InvalidDBParameterGroupState", r"are still members of this parameter group")
#: What is deleted is still referred to by something whose own deletion is not complete.
IN_USE = Kind(
    (
        # EC2: security groups, subnets, gateways, VPCs (terraform-provider-aws#40)
        r"DependencyViolation",
        r"has a dependent object",
        r"has dependencies and cannot be deleted",
        r"has some mapped public address",
        # EC2: an address that a NAT gateway holds until it is deleted
        r"InvalidIPAddress\.InUse",
        r"AuthFailure.*do not have permission to access the specified resource",
        # RDS: parameter groups (terraform-aws-rds#78) and subnet groups
        *_GROUP_IN_USE,
        r"InvalidDBSubnetGroupState",
        r"at least one database instance: .* is still using it",
        # ELB: target groups (terraform-provider-aws#1315)
        r"is currently in use by a listener or a rule",
        # ECS: clusters
        r"ClusterContains(Services|Tasks|ContainerInstances)",
        r"UpdateInProgressException",
        # IAM: roles
        r"DeleteConflict",
    ),
    # Network interfaces of a load balancer stay for minutes.
    600,
)
#: Of a DB parameter group that no DB instance shows any more. After a major upgrade RDS may hold on to the former one
#: for hours (refinebio#2638, terraform-aws-rds#94), for which no run waits.
PARAMETER_GROUP_IN_USE = Kind(_GROUP_IN_USE, 60)
#: What was created a moment ago is not found yet (EC2 API Reference, "Eventual consistency").
NOT_VISIBLE = Kind(
    (
        r"Invalid\w+(ID|Id)?\.NotFound",
        r"InvalidGroup\.NotFound",
        r"NatGatewayNotFound",
        r"NoSuchEntity",
        r"ResourceNotFoundException",
        # Secrets Manager: CreateSecret by an attempt that did not see what the one before it made
        r"ResourceExistsException",
        r"(LoadBalancer|TargetGroup|Listener)NotFound",
        r"ClusterNotFoundException",
        r"DB(SubnetGroup|ParameterGroup|Instance)NotFound",
        r"One or more (subnets|load balancers) not found",
        # Modules of amazon.aws that read back what they have just created, and crash when it is not there; what AWS
        # refused them is no such crash
        rf"^{CRASHED}$",
    ),
    60,
)
#: What a request whose answer was lost has created. botocore sends it again, and where the operation has no client
#: token, AWS says that it is there. Tried again, a module finds it. What is somebody else's was refused before the run.
ALREADY_EXISTS = Kind(
    (
        # EC2 (API Reference, "Error codes")
        r"InvalidGroup\.Duplicate",
        r"InvalidPermission\.Duplicate",
        r"InvalidSubnet\.Conflict",
        r"Resource\.AlreadyAssociated",
        r"Resource\.AlreadyAssigned",
        r"RouteAlreadyExists",
        # RDS: subnet groups, parameter groups, instances
        r"DB\w+AlreadyExists",
        # ELB: target groups, load balancers, listeners
        r"Duplicate(TargetGroupName|LoadBalancerName|Listener)",
        # IAM: roles
        r"EntityAlreadyExists",
        # CloudWatch Logs: log groups; the request itself may be one of two at once, or follow a deletion (S3 as well)
        r"ResourceAlreadyExistsException",
        r"OperationAborted",
        # S3: buckets, outside us-east-1
        r"BucketAlreadyOwnedByYou",
        # ECS: services
        r"Creation of service was not idempotent",
    ),
    60,
    # amazon.aws.ec2_security_group leaves AWS's code out of its message. The callback mlops.mlflow_aws.errors has the
    # traceback sent, which has it; without the callback, what has another reason is tried for the minute, too.
    (
        r"Failed to create security group$",
        r"Failed to authorize security group (ingress|egress)$",
    ),
)
KINDS: dict[str, Kind] = {
    "already_exists": ALREADY_EXISTS,
    "iam_propagation": IAM_PROPAGATION,
    "in_use": IN_USE,
    "not_visible": NOT_VISIBLE,
    "parameter_group_in_use": PARAMETER_GROUP_IN_USE,
    "service_linked_role": SERVICE_LINKED_ROLE,
}


def has_crashed(result: Mapping[str, Any]) -> bool:
    """Whether a module failed by an exception that it did not expect, of which AWS's answer is no part."""
    if not result.get("failed") or _REFUSAL.search(_said(result)):
        return False
    return "msg" not in result or bool(_CRASH.match(str(result["msg"])))


def error_text(result: Mapping[str, Any]) -> str:
    """The error message of a failed module, with AWS's code where the module returns it; empty for a success."""
    if not result.get("failed"):
        return ""
    return f"{CRASHED}\n{_said(result)}" if has_crashed(result) else _said(result)


def _said(result: Mapping[str, Any]) -> str:
    error = result.get("error")
    parts = [result.get("msg", ""), _crash_text(result), result.get("exception", ""), result.get("module_stderr", "")]
    if isinstance(error, Mapping):
        parts += [error.get("code", ""), error.get("message", "")]
    return "\n".join(str(part) for part in parts if part)


def _crash_text(result: Mapping[str, Any]) -> str:
    """What the exception of a crash said, where a template asks.

    ansible-core 2.19 makes a message of it only after ``until`` was asked, and shows templates a text without it
    (ansible/executor/task_executor.py, "error normalization has not yet occurred"). What it holds for the later
    message lies behind the value that templates see. Where another release keeps it elsewhere, there is no text.
    """
    held = dict.get(result, "exception") if isinstance(result, dict) else None
    for name in ("value", "event", "msg"):
        held = getattr(held, name, held if name == "value" else None)
    return held if isinstance(held, str) else ""


def is_transient(result: Mapping[str, Any], *kinds: str) -> bool:
    """Whether a module failed with an error of one of these kinds (keys of :data:`KINDS`; none: any of them).

    :raises KeyError: for an unknown kind.
    """
    text = error_text(result)
    return bool(text) and any(KINDS[kind].matches(text) for kind in kinds or KINDS)
