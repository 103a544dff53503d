# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What carries the stack's tag and is not in the plan is shown, of every kind of which there can be too many."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ansible_collections.mlops.mlflow_aws.plugins.callback.plan import summary
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.network.egress import (
    address_labels,
    nat_labels,
)
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.network.kinds import ADDRESS, NAT_GATEWAY
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.rds.kinds import PARAMETER_GROUP
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack import teardown
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.comparison import compare
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.names import StackNames, stack_names

from tests.unit.plugins.stack import stack_inputs, stack_whole

REGION = "eu-central-1"
STACK = "surplus"
TAGS = [{"Key": "mlflow:stack", "Value": STACK}]
Whole = tuple[dict[str, Any], StackNames]


def test_only_what_carries_the_tag_is_surplus() -> None:
    mine, theirs = {"mlflow:stack": "fraud"}, {"mlflow:stack": "credit"}
    wanted = {"group": {"a": {"tags": mine}}, "endpoint": {}}
    current = {
        "group": {
            "a": {"tags": mine, "ids": ["1"]},
            "b": {"tags": mine, "ids": ["2"]},
            "c": {"tags": theirs, "ids": ["3"]},
            "d": {"tags": {}, "ids": ["4"]},
            "e": {},
        },
        "endpoint": {"x": {"tags": mine, "ids": ["5"]}},
        # Another role's.
        "secret": {"s": {"tags": mine, "ids": ["6"]}},
    }
    found = compare(wanted, current, stack="fraud")
    assert [row.says() for row in found.surplus] == ["surplus group b", "surplus endpoint x"]
    assert [row.before for row in found.surplus] == [{"ids": ["2"]}, {"ids": ["5"]}]
    assert (found.changes, found.kept) == ((), 1)
    # What a run removes is no surplus, and neither is anything where nobody asks.
    assert [row.name for row in compare(wanted, current, ["group"], stack="fraud").surplus] == ["x"]
    assert compare({"group": {"a": {}, "b": None}}, current, stack="fraud").surplus == ()
    assert compare(wanted, current).surplus == ()


def test_the_plan_counts_it_apart() -> None:
    assert summary(["surplus group b", "change a b: c"], 4) == (
        "0 to create, 1 to change, 0 to remove, 4 to leave, 1 surplus (docs/ownership.md)"
    )
    assert summary([], 4) == "0 to create, 0 to change, 0 to remove, 4 to leave"


def _network(*gateways: tuple[str, str, str]) -> dict[str, Any]:
    rows = [
        {"id": one, "subnet_id": subnet, "mine": True, "allocation_ids": [address]} for one, subnet, address in gateways
    ]
    subnets = [{"id": "subnet-1", "cidr": "10.0.1.0/24", "zone": "eu-west-2a", "tier": "public"}]
    return {"subnets": subnets, "nat_gateways": rows}


def _address(name: str, number: int) -> dict[str, Any]:
    return {"name": name, "public_ip": f"203.0.113.{number}", "allocation_id": f"eipalloc-{number}", "nat": True}


def test_a_second_address_of_one_name_is_removed_and_the_used_one_kept() -> None:
    network = _network(("nat-1", "subnet-1", "eipalloc-2"))
    addresses = [_address("fraud-nat-0", 1), _address("fraud-nat-0", 2)]
    assert address_labels(addresses, network) == {"203.0.113.1": "203.0.113.1", "203.0.113.2": "fraud-nat-0"}
    asked = stack_inputs.stack({"network": network, "elastic_ips": addresses}, stack_name="fraud")
    wanted = ADDRESS.desired(asked)
    assert wanted["203.0.113.1"] is None
    assert (wanted["fraud-nat-0"] or {})["tags"]["Name"] == "fraud-nat-0"


def test_a_second_gateway_of_one_subnet_is_removed_and_the_used_one_kept() -> None:
    network = _network(("nat-1", "subnet-1", "eipalloc-1"), ("nat-2", "subnet-1", "eipalloc-2"))
    assert nat_labels(network["nat_gateways"], {"subnet-1": "10.0.1.0/24"}) == {
        "nat-1": "in 10.0.1.0/24",
        "nat-2": "nat-2",
    }
    resources = {"network": network, "elastic_ips": [_address("fraud-nat-0", 1)]}
    wanted = NAT_GATEWAY.desired(stack_inputs.stack(resources, stack_name="fraud"))
    assert wanted["nat-2"] is None
    assert wanted["in 10.0.1.0/24"] is not None


@pytest.fixture(scope="module")
def whole(aws: Any) -> Iterator[Whole]:
    names = stack_names(STACK, REGION)
    clients = stack_whole.clients(lambda service: aws.client(service, region=REGION))
    stack_whole.make(clients, names, REGION, {})
    yield clients, names
    clients["rds"].delete_db_instance(DBInstanceIdentifier=names.database, SkipFinalSnapshot=True)


def _vpc(whole: Whole) -> str:
    clients, names = whole
    found = stack_whole.read(clients, names, REGION)[0]["network"]
    assert found is not None
    return str(found["vpc_id"])


def _tagged(kind: str) -> list[dict[str, Any]]:
    return [{"ResourceType": kind, "Tags": TAGS}]


def _group(whole: Whole) -> str:
    made = whole[0]["ec2"].create_security_group(
        GroupName="by-hand", Description="x", VpcId=_vpc(whole), TagSpecifications=_tagged("security-group")
    )
    return str(made["GroupId"])


def _subnet(whole: Whole) -> str:
    made = whole[0]["ec2"].create_subnet(
        VpcId=_vpc(whole), CidrBlock="10.7.99.0/24", TagSpecifications=_tagged("subnet")
    )
    return str(made["Subnet"]["SubnetId"])


def _endpoint(whole: Whole) -> str:
    made = whole[0]["ec2"].create_vpc_endpoint(
        VpcId=_vpc(whole),
        ServiceName=f"com.amazonaws.{REGION}.dynamodb",
        VpcEndpointType="Gateway",
        TagSpecifications=_tagged("vpc-endpoint"),
    )
    return str(made["VpcEndpoint"]["VpcEndpointId"])


def _elastic(whole: Whole) -> str:
    made = whole[0]["ec2"].allocate_address(Domain="vpc", TagSpecifications=_tagged("elastic-ip"))
    return str(made["AllocationId"])


def _parameters(whole: Whole) -> str:
    clients, names = whole
    made = clients["rds"].create_db_parameter_group(
        DBParameterGroupName=f"{names.database_parameter_group}-postgres14",
        DBParameterGroupFamily="postgres14",
        Description="of a former major version",
        Tags=TAGS,
    )
    return str(made["DBParameterGroup"]["DBParameterGroupArn"])


@pytest.mark.parametrize(
    ("kind", "make", "in_teardown"),
    [
        ("security group", _group, "security_group_ids"),
        ("subnet", _subnet, "subnet_cidrs"),
        ("VPC endpoint", _endpoint, "endpoint_ids"),
        ("elastic address", _elastic, "elastic_ips"),
        ("DB parameter group", _parameters, "parameter_groups"),
    ],
)
def test_each_kind_is_shown_and_goes_with_a_destroy(
    whole: Whole, kind: str, make: Callable[[Whole], str], in_teardown: str
) -> None:
    clients, names = whole
    wanted: dict[str, dict[str, Any]] = {
        kind: {name: {} for name in stack_whole.settings(clients, names, REGION)[kind]}
    }
    one = make(whole)
    current = stack_whole.settings(clients, names, REGION)
    (row,) = compare(wanted, current, stack=STACK).surplus
    assert (row.kind, row.before) == (kind, {"ids": [one]})
    # What a destroy goes over (roles/network/tasks/destroy.yml, roles/rds/tasks/destroy.yml).
    found = stack_whole.read(clients, names, REGION)[0]
    (vpc,) = teardown.owned_vpcs(clients["ec2"], names)
    rows = {
        **vpc,
        "elastic_ips": [row["allocation_id"] for row in found["elastic_ips"]],
        "parameter_groups": found["rds_groups"]["parameter_groups"],
    }[in_teardown]
    assert one in rows or row.name in rows


@pytest.fixture
def copy_with_its_group(whole: Whole) -> Iterator[str]:
    """A DB instance beside the stack's own: a copy of the database, with a parameter group of the stack."""
    clients, names = whole
    rds, group = clients["rds"], f"{names.database_parameter_group}-postgres16"
    rds.create_db_parameter_group(
        DBParameterGroupName=group, DBParameterGroupFamily="postgres16", Description="x", Tags=TAGS
    )
    rds.create_db_instance(
        DBInstanceIdentifier=f"{STACK}-copy",
        Engine="postgres",
        EngineVersion="16",
        DBInstanceClass="db.t3.micro",
        AllocatedStorage=20,
        MasterUsername="boss",
        MasterUserPassword="not-a-real-one",
        DBParameterGroupName=group,
    )
    yield group
    rds.delete_db_instance(DBInstanceIdentifier=f"{STACK}-copy", SkipFinalSnapshot=True)


def test_a_parameter_group_of_a_former_major_version_goes_unless_another_instance_uses_it(
    whole: Whole, copy_with_its_group: str
) -> None:
    clients, names = whole
    prefix = f"{names.database_parameter_group}-postgres"
    for major, tags in ((11, TAGS), (12, [])):
        clients["rds"].create_db_parameter_group(
            DBParameterGroupName=f"{prefix}{major}",
            DBParameterGroupFamily=f"postgres{major}",
            Description="of a former major version",
            Tags=tags,
        )
    current = stack_whole.settings(clients, names, REGION)
    asked = stack_inputs.stack(current={"rds": current}, stack_name=STACK, rds_engine_version="15")
    groups = PARAMETER_GROUP.desired(asked)
    wanted = {PARAMETER_GROUP.name: {name: fields and {} for name, fields in groups.items()}}
    found = compare(wanted, current, stack=STACK)
    removed = {row.name: row for row in found.changes}
    assert {row.action for row in found.changes} == {"remove"}
    assert f"{prefix}11" in removed
    assert removed.keys() & {f"{prefix}12", copy_with_its_group} == set()
    assert [row.name for row in found.surplus] == [copy_with_its_group]
    # The plan shows its settings, and not the hundreds of values that nobody set.
    assert set(removed[f"{prefix}11"].before) == {"description", "engine", "parameters", "tags", "ids"}
