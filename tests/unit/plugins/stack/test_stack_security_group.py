# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A security group is created once, with its tags, and nobody waits for a rule that somebody may take away."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.network.kinds import SECURITY_GROUP
from ansible_collections.mlops.mlflow_aws.plugins.modules import security_group
from botocore.exceptions import ClientError

from tests.unit.plugins.run_module import run_module
from tests.unit.plugins.stack import stack_inputs

REGION = "eu-west-2"
ROLE = Path(__file__).resolve().parents[4] / "roles" / "network" / "tasks"


@pytest.fixture(name="vpc")
def _vpc(aws: Any) -> str:
    found: str = aws.client("ec2").create_vpc(CidrBlock="10.45.0.0/16")["Vpc"]["VpcId"]
    return found


def test_it_is_made_once_and_then_left_alone(aws: Any, vpc: str) -> None:
    args = {"name": "made-once", "description": "Tasks", "vpc_id": vpc, "tags": {"Number": 7}, "region": REGION}
    told = run_module("security_group", args, aws.process_env, check=True)
    assert (told["changed"], told["group_id"]) == (True, None)
    made = run_module("security_group", args, aws.process_env)
    assert made["changed"] is True, made
    ec2 = aws.client("ec2")
    (group,) = ec2.describe_security_groups(GroupIds=[made["group_id"]])["SecurityGroups"]
    assert (group["Description"], group["Tags"]) == ("Tasks", [{"Key": "Number", "Value": "7"}])
    again = run_module("security_group", {**args, "tags": {"By": "another"}}, aws.process_env)
    assert (again["changed"], again["group_id"]) == (False, made["group_id"])


def test_a_group_whose_rules_somebody_took_away_is_ready_for_its_own(aws: Any, vpc: str) -> None:
    """amazon.aws.ec2_security_group creates none then, and so does not wait for the rule that is gone."""
    args = {"name": "stripped", "description": "Tasks", "vpc_id": vpc, "region": REGION}
    made = run_module("security_group", {**args, "tags": {}}, aws.process_env)
    ec2 = aws.client("ec2")
    (group,) = ec2.describe_security_groups(GroupIds=[made["group_id"]])["SecurityGroups"]
    ec2.revoke_security_group_egress(GroupId=made["group_id"], IpPermissions=group["IpPermissionsEgress"])

    again = run_module("security_group", {**args, "tags": {}}, aws.process_env)

    assert (again["changed"], again["group_id"]) == (False, made["group_id"])


def test_two_runs_at_once_find_one_group(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other one made it between the look and the creation, and EC2 shows it a little later, without any rule."""
    seen: list[list[dict[str, Any]]] = [[], [{"GroupId": "sg-1", "IpPermissionsEgress": []}]]
    monkeypatch.setattr(security_group, "SLEEP", 0)

    def refuse(**_asked: Any) -> None:
        raise ClientError({"Error": {"Code": "InvalidGroup.Duplicate", "Message": ""}}, "CreateSecurityGroup")

    pages = SimpleNamespace(paginate=lambda **_asked: iter([{"SecurityGroups": seen.pop(0)}]))
    ec2 = SimpleNamespace(create_security_group=refuse, get_paginator=lambda _operation: pages)
    assert security_group.create(ec2, "one", "Tasks", "vpc-1", {}) is False
    assert security_group.await_shown(ec2, "one", "vpc-1", 60) == "sg-1"


def test_the_wait_for_a_group_ends() -> None:
    pages = SimpleNamespace(paginate=lambda **_asked: iter([{"SecurityGroups": []}]))
    ec2 = SimpleNamespace(get_paginator=lambda _operation: pages)
    assert security_group.await_shown(ec2, "one", "vpc-1", 0) is None


def test_the_role_lets_no_module_create_a_group_that_waits_without_end() -> None:
    tasks = yaml.safe_load((ROLE / "security_groups.yml").read_text(encoding="utf-8"))
    creates, rules = (
        next((place, task) for place, task in enumerate(tasks) if module in task)
        for module in ("mlops.mlflow_aws.security_group", "amazon.aws.ec2_security_group")
    )
    assert creates[0] < rules[0]
    assert creates[1]["loop"] == rules[1]["loop"]
    of_both = (creates[1]["mlops.mlflow_aws.security_group"], rules[1]["amazon.aws.ec2_security_group"])
    assert of_both[0]["vpc_id"] == of_both[1]["vpc_id"]
    for options in SECURITY_GROUP.options(stack_inputs.stack(), {}).values():
        for option in ("name", "description"):
            assert options["security_group"][option] == options["ec2_security_group"][option]
