# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""By what each module of AWS finds what it changes: never by a name that somebody else may have given, unjudged.

A module that looks for a resource by something that is not the stack's alone takes over what it finds. So what a task
of a role names has to be an id that discovery found, a place inside what is the stack's, or a name of which discovery
judges whose it is (``ownership.KINDS``). A module that is new to the roles needs its row here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.registry import COMPONENTS
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.ownership import KINDS

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Found:
    """How a module finds its resource.

    :param by: the arguments of which a task has to give one, always and not only sometimes (``omit``).
    :param kind: the kind of which discovery judges whose it is; empty where ``by`` is an id.
    """

    by: tuple[str, ...]
    kind: str = ""


#: Preflight refuses a subnet of somebody else in a block of the stack's.
JUDGED = {*KINDS, "subnet"}
MODULES = {
    # By an id.
    "amazon.aws.ec2_vpc_net": Found(("vpc_id",)),
    "amazon.aws.ec2_eip": Found(("public_ip",)),
    # In a place of the stack's own.
    "amazon.aws.ec2_vpc_subnet": Found(("vpc_id",), "subnet"),
    "amazon.aws.ec2_vpc_igw": Found(("vpc_id", "internet_gateway_id"), "internet gateway"),
    "amazon.aws.ec2_vpc_route_table": Found(("vpc_id",), "route table"),
    "amazon.aws.ec2_vpc_endpoint": Found(("vpc_id", "vpc_endpoint_id"), "S3 gateway endpoint"),
    "amazon.aws.ec2_vpc_nat_gateway": Found(("subnet_id", "nat_gateway_id"), "NAT gateway"),
    "amazon.aws.ec2_security_group": Found(("vpc_id", "group_id"), "security group"),
    # By a name that one resource of the account and region has.
    "amazon.aws.rds_subnet_group": Found(("name",), "DB subnet group"),
    "amazon.aws.rds_instance_param_group": Found(("name",), "DB parameter group"),
    "amazon.aws.rds_instance": Found(("id",), "DB instance"),
    "amazon.aws.s3_bucket": Found(("name",), "bucket"),
    "community.aws.s3_lifecycle": Found(("name",), "bucket"),
    "amazon.aws.elb_application_lb": Found(("name",), "load balancer"),
    "community.aws.elb_target_group": Found(("name",), "target group"),
    "amazon.aws.cloudwatchlogs_log_group": Found(("log_group_name",), "log group"),
    "amazon.aws.iam_role": Found(("name",), "IAM role"),
    "amazon.aws.iam_policy": Found(("iam_name",), "IAM role"),
    "community.aws.secretsmanager_secret": Found(("name",), "secret"),
}


def _tasks(nodes: Any) -> Iterator[dict[str, Any]]:
    for node in nodes or []:
        if "block" in node:
            yield from _tasks(node["block"])
        else:
            yield node


#: By module, the options that plans pass to it.
PASSED: dict[str, set[str]] = {}
for _component in COMPONENTS.values():
    for _kind in _component.kinds:
        for _module in _kind.modules:
            _taken = {one.option or one.name for one in _kind.fields if one.modules is None or _module in one.modules}
            PASSED.setdefault(_module, set()).update(_taken | ({"tags"} if _kind.tags else set()))

CALLS = [
    pytest.param(module, arguments, id=f"{path.parts[-3]}: {task['name']}")
    for path in sorted((ROOT / "roles").glob("*/tasks/*.yml"))
    for task in _tasks(yaml.safe_load(path.read_text(encoding="utf-8")))
    for module, arguments in task.items()
    if module.startswith(("amazon.aws.", "community.aws.")) and not str(module).startswith("module_defaults")
]


@pytest.mark.parametrize(("module", "arguments"), CALLS)
def test_each_task_names_what_it_changes_by_more_than_a_name_of_anybody(module: str, arguments: dict[str, Any]) -> None:
    how = MODULES[module]
    given = [one for one in how.by if one in {*arguments, *PASSED.get(module, ())}]
    assert given, f"{module} needs one of {how.by}"
    assert any("omit" not in str(arguments.get(one)) for one in given), arguments
    # Looks for an address by a tag, which may be anybody's.
    assert "reuse_existing_ip_allowed" not in arguments
    # The tags that a table is looked up by have the stack's own among them.
    if arguments.get("lookup", "id") != "id":
        assert "tags" in {*arguments, *PASSED[module]}


def test_every_kind_is_judged_and_every_row_used() -> None:
    assert {how.kind for how in MODULES.values() if how.kind} <= JUDGED
    assert {call.values[0] for call in CALLS} == set(MODULES)
