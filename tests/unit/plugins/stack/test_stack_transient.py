# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors that are worth another try, in AWS's own words, and those that are not."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._transient import KINDS
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
    (
        "service_linked_role",
        "An error occurred (FailedResourceAccessException) when calling the PutScalingPolicy operation: Unable to"
        " retrieve capacity for resource: service/c/web, scalable dimension: ecs:service:DesiredCount. Reason: The"
        " security token included in the request is invalid.",
    ),
    ("in_use", "(UpdateInProgressException) There's already a current Amazon ECS container agent update in progress"),
    ("already_exists", "(OperationAbortedException) when calling the CreateLogGroup operation: A conflicting"),
    ("iam_propagation", "ECS was unable to assume the role 'arn:aws:iam::1:role/x' that was provided for this task."),
    ("in_use", "(DependencyViolation) when calling DeleteSecurityGroup: resource sg-1 has a dependent object"),
    ("in_use", "Network vpc-1 has some mapped public address(es). Please unmap those first"),
    ("in_use", "(InvalidIPAddress.InUse) Address 1.2.3.4 is in use."),
    ("in_use", "(AuthFailure) You do not have permission to access the specified resource."),
    ("in_use", "One or more database instances are still members of this parameter group x"),
    ("in_use", "Cannot delete the subnet group 'x' because at least one database instance: x is still using it."),
    ("in_use", "(ResourceInUse) Target group 'arn:x' is currently in use by a listener or a rule"),
    ("in_use", "(ClusterContainsTasksException) The Cluster cannot be deleted while Tasks are active."),
    ("already_exists", "(InvalidGroup.Duplicate) The security group 'x' already exists for VPC 'vpc-1'"),
    ("already_exists", "(InvalidSubnet.Conflict) The CIDR '10.0.1.0/24' conflicts with another subnet"),
    ("already_exists", "(Resource.AlreadyAssigned) The address is already assigned"),
    ("already_exists", "(Resource.AlreadyAssociated) the specified association already exists"),
    ("already_exists", "(RouteAlreadyExists) The route identified by 0.0.0.0/0 already exists."),
    ("iam_propagation", "The ECS service cannot start: was unable to assume the configured role arn:aws:iam::1:role/x"),
    ("already_exists", "(DBSubnetGroupAlreadyExists) DB subnet group x already exists."),
    ("already_exists", "(EntityAlreadyExists) Role with name x already exists."),
    ("already_exists", "(BucketAlreadyOwnedByYou) Your previous request to create the named bucket succeeded"),
    ("already_exists", "Unable to create security group: Failed to create security group"),
    ("not_visible", "(InvalidVpcID.NotFound) The vpc ID 'vpc-1' does not exist"),
    ("not_visible", "(InvalidGroup.NotFound) The security group 'sg-1' does not exist"),
    ("not_visible", "(InvalidRouteTableID.NotFound) The routeTable ID 'rtb-1' does not exist"),
    ("not_visible", "(NoSuchEntity) The role with name x cannot be found."),
    ("not_visible", "(ResourceExistsException) The operation failed because the secret x already exists."),
    ("not_visible", "(DBSubnetGroupNotFoundFault) DB subnet group 'x' does not exist."),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "code", "text"),
    [
        ("denied", "UnauthorizedOperation", "You are not authorized to perform this operation."),
        ("already_exists", "InvalidGroup.Duplicate", "The security group 'x' already exists for VPC 'vpc-1'"),
    ],
)
def test_what_a_traceback_says_counts_more_than_a_message_without_it(kind: str, code: str, text: str) -> None:
    trace = f"botocore.exceptions.ClientError: An error occurred ({code}) when calling the X operation: {text}"
    failed = {"failed": True, "msg": "Failed to create security group", "exception": trace}
    assert transient(failed, "already_exists") is (kind == "already_exists")


#: A kind of which some errors, for another time, are another kind, too.
WITHIN = {"in_use": "parameter_group_in_use"}


@pytest.mark.parametrize(("kind", "text"), TEXTS)
@pytest.mark.parametrize("change", [str, str.lower])
def test_an_error_that_goes_away_by_itself(kind: str, text: str, change: Any) -> None:
    failed = {"failed": True, "msg": f"Failed to do it: {change(text)}"}
    assert transient(failed)
    assert transient(failed, kind)
    assert not transient(failed, *(other for other in KINDS if other not in (kind, WITHIN.get(kind))))


def test_a_parameter_group_in_use_is_a_kind_within_another() -> None:
    for _kind, text in TEXTS:
        found = transient({"failed": True, "msg": text}, "parameter_group_in_use")
        assert found == ("parameter group x" in text), text


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


class Held:
    """Attributes, as ansible-core's own classes around an exception have them."""

    def __init__(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)


class Lazy(dict[str, Any]):
    """A result as ansible-core 2.19 hands it to ``until``: templates see no text of the exception that it holds."""

    def __init__(self, said: str) -> None:
        held = Held(value=Held(event=Held(msg=said)))
        super().__init__(failed=True, changed=False, attempts=1, exception=held)

    def get(self, key: str, default: Any = None) -> Any:
        return "(traceback unavailable)" if key == "exception" else super().get(key, default)


def _crashes(said: str) -> list[dict[str, Any]]:
    """A module that crashed, as ansible-core 2.19 and 2.18 tell it."""
    return [Lazy(said), {"failed": True, "msg": "MODULE FAILURE\nSee stdout/stderr", "module_stderr": f"Error: {said}"}]


@pytest.mark.parametrize("said", ["'NoneType' object is not subscriptable", "list index out of range", "'VpcId'"])
def test_a_crash_is_taken_for_something_that_is_not_visible_yet(said: str) -> None:
    """What amazon.aws.ec2_vpc_subnet does when EC2 does not list its new subnet yet."""
    for crashed in _crashes(said):
        assert transient(crashed, "not_visible")
        assert not transient(crashed, "in_use", "service_linked_role", "iam_propagation")


def test_a_crash_without_any_text_is_one() -> None:
    assert transient({"failed": True, "changed": False, "exception": "(traceback unavailable)"}, "not_visible")


def test_a_refusal_that_a_module_does_not_catch_is_judged_by_its_text() -> None:
    """A right that is missing does not come by waiting."""
    call = "when calling the DeleteCluster operation:"
    denied = f"An error occurred (AccessDeniedException) {call} x is not authorized to perform: ecs:DeleteCluster"
    held = f"An error occurred (ClusterContainsTasksException) {call} The Cluster cannot be deleted."
    for crashed in _crashes(denied):
        assert not transient(crashed)
    for crashed in _crashes(held):
        assert transient(crashed, "in_use")
        assert not transient(crashed, "not_visible")


def test_a_success_is_not_tried_again() -> None:
    assert not transient({"changed": True, "msg": "DependencyViolation"})


def test_an_unknown_kind_is_a_mistake() -> None:
    with pytest.raises(AnsibleFilterError, match="'inuse' is not one of already_exists, iam_propagation"):
        transient({"failed": True, "msg": "x"}, "inuse")
