# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors that are worth another try, in AWS's own words, and those that are not."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.mlops.mlflow_aws.plugins.module_utils.transient import KINDS
from ansible_collections.mlops.mlflow_aws.plugins.test.transient import TestModule as Plugin

transient = Plugin().tests()["transient"]

TEXTS = [
    (
        "service_linked_role",
        "An error occurred (InvalidParameterException) when calling the CreateCluster operation: Unable to assume the"
        " service linked role. Please verify that the ECS service linked role exists.",
    ),
    (
        "service_linked_role",
        "InvalidParameterValue: Missing necessary credentials. Please check"
        " http://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAM.ServiceLinkedRoles.html",
    ),
    (
        "service_linked_role",
        "Unable to create the resource. Verify that you have permission to create service linked role. Otherwise"
        " wait and"
        " try again later",
    ),
    (
        "service_linked_role",
        "ValidationException: Unable to assume IAM role:"
        " arn:aws:iam::123456789012:role/aws-service-role/ecs.application-"
        "autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_ECSService",
    ),
    ("iam_propagation", "ECS was unable to assume the role 'arn:aws:iam::1:role/x' that was provided for this task."),
    ("in_use", "(DependencyViolation) when calling DeleteSecurityGroup: resource sg-1 has a dependent object"),
    ("in_use", "Network vpc-1 has some mapped public address(es). Please unmap those first"),
    ("in_use", "(InvalidIPAddress.InUse) Address 1.2.3.4 is in use."),
    ("in_use", "(AuthFailure) You do not have permission to access the specified resource."),
    ("in_use", "One or more database instances are still members of this parameter group x"),
    ("in_use", "Cannot delete the subnet group 'x' because at least one database instance: x is still using it."),
    ("in_use", "(ResourceInUse) Target group 'arn:x' is currently in use by a listener or a rule"),
    ("in_use", "(ClusterContainsTasksException) The Cluster cannot be deleted while Tasks are active."),
    ("not_visible", "(InvalidVpcID.NotFound) The vpc ID 'vpc-1' does not exist"),
    ("not_visible", "(InvalidGroup.NotFound) The security group 'sg-1' does not exist"),
    ("not_visible", "(InvalidRouteTableID.NotFound) The routeTable ID 'rtb-1' does not exist"),
    ("not_visible", "(NoSuchEntity) The role with name x cannot be found."),
    ("not_visible", "Module failed: 'NoneType' object is not subscriptable"),
    ("not_visible", "(DBSubnetGroupNotFoundFault) DB subnet group 'x' does not exist."),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "text"), TEXTS)
@pytest.mark.parametrize("change", [str, str.lower])
def test_an_error_that_goes_away_by_itself(kind: str, text: str, change: Any) -> None:
    failed = {"failed": True, "msg": f"Failed to do it: {change(text)}"}
    assert transient(failed)
    assert transient(failed, kind)
    assert not transient(failed, *(other for other in KINDS if other != kind))


@pytest.mark.parametrize(
    "text",
    [
        "User: x is not authorized to perform: iam:CreateServiceLinkedRole on resource: y",
        "User: x is not authorized to perform: rds:CreateDBInstance on resource: y",
        "InvalidParameterCombination: Cannot find version 15.3 for postgres",
        "The security group 'sg-1' already exists for VPC 'vpc-1'",
        "The vpc CIDR block 10.0.0.0/8 is invalid",
    ],
)
def test_an_error_that_stays(text: str) -> None:
    assert not transient({"failed": True, "msg": text})


def test_the_code_alone_is_enough() -> None:
    """Some modules say what they did, and leave AWS's code to ``error``."""
    failed = {"failed": True, "msg": "Unable to delete", "error": {"code": "DependencyViolation", "message": "x"}}
    assert transient(failed, "in_use")


def test_a_crash_has_no_message_when_until_is_asked() -> None:
    """What amazon.aws.ec2_vpc_subnet does when EC2 does not list its new subnet yet."""
    crashed = {"failed": True, "changed": False, "exception": "(traceback unavailable)"}
    assert transient(crashed, "not_visible")
    assert not transient(crashed, "in_use")
    of_2_18 = {
        "failed": True,
        "msg": "MODULE FAILURE",
        "module_stderr": "TypeError: 'NoneType' object is not subscriptable",
    }
    assert transient(of_2_18, "not_visible")


def test_a_success_is_not_tried_again() -> None:
    assert not transient({"changed": True, "msg": "DependencyViolation"})


def test_an_unknown_kind_is_a_mistake() -> None:
    with pytest.raises(AnsibleFilterError, match="'inuse' is not one of iam_propagation, in_use"):
        transient({"failed": True, "msg": "x"}, "inuse")
