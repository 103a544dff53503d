# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roles by their full names in somebody else's playbook, in their VPC, on their database, behind their load balancer.

Each test takes the stack that the one before left, so a failure makes the later ones meaningless.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from deployed_runs import Ended, Site

from tests.account import added, resources
from tests.unit.plugins.stack import stack_theirs as theirs

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

#: What these tests make by hand builds upon itself, call by call.
CONSISTENCY = 0.0

STACK = "newcomer"
PLAYBOOK = """\
- name: Our platform, with MLflow
  hosts: platform
  gather_facts: false
  roles:
    - mlops.mlflow_aws.network
    - mlops.mlflow_aws.secrets
    - mlops.mlflow_aws.rds
    - mlops.mlflow_aws.storage
    - mlops.mlflow_aws.alb
    - mlops.mlflow_aws.ecs_mlflow
    - mlops.mlflow_aws.mlflow_access
    - mlops.mlflow_aws.verify
"""


@pytest.fixture(scope="module")
def made(account: Site) -> theirs.Theirs:
    return theirs.make(account.stack.aws, port=account.http_port)


@pytest.fixture(scope="module")
def before(account: Site, made: theirs.Theirs) -> dict[str, set[str]]:
    """What the company has, before this collection comes."""
    return resources(account.stack)


@pytest.fixture(scope="module")
def inventory(account: Site, made: theirs.Theirs) -> Path:
    folder: Path = account.folder / "platform"
    (folder / "group_vars").mkdir(parents=True)
    (folder / "hosts.yml").write_text(
        json.dumps({"platform": {"hosts": {STACK: {}}}, "mlflow": {"hosts": {STACK: {}}}})
    )
    variables = {
        "ansible_connection": "local",
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
        "stack_name": STACK,
        "stack_region": "eu-west-2",
        "stack_output_dir": str(account.output),
        "storage_bucket": "newcomer-artifacts",
        "ecs_mlflow_desired_count": 1,
        "ecs_mlflow_autoscaling": False,
        "ecs_mlflow_workers": 1,
        "ecs_mlflow_stop_timeout": 10,
        **made.variables(),
    }
    (folder / "group_vars" / "platform.yml").write_text(json.dumps(variables))
    (folder / "site.yml").write_text(PLAYBOOK)
    return folder


def _run(account: Site, inventory: Path, playbook: str = "", *, check: bool = False, **variables: object) -> Ended:
    return account.run(
        playbook or str(inventory / "site.yml"), inventory=str(inventory / "hosts.yml"), check=check, **variables
    )


def test_a_database_that_lets_nobody_in_is_refused_before_a_change(
    account: Site, inventory: Path, before: dict[str, set[str]], made: theirs.Theirs
) -> None:
    ended = _run(
        account,
        inventory,
        stack_security_group_ids={"ecs": made.groups["balancer"]},
        stack_private_subnet_ids=[made.subnets["private"][0]],
    )
    assert ended.code != 0
    assert "stack_private_subnet_ids: " in ended.output
    assert added(before, resources(account.stack)) == {}


def test_the_plan_names_only_what_the_roles_make(account: Site, inventory: Path, before: dict[str, set[str]]) -> None:
    planned = _run(account, inventory, check=True).assert_good()
    assert f"create security group {STACK}-ecs" in planned.output
    for theirs_to_make in ("VPC", "subnet", "NAT gateway", "DB instance", "load balancer", "target group", "listener"):
        assert f"create {theirs_to_make} " not in planned.output
    assert added(before, resources(account.stack)) == {}


def test_it_runs_with_nothing_made_but_what_is_missing(
    account: Site, inventory: Path, before: dict[str, set[str]], made: theirs.Theirs
) -> None:
    _run(account, inventory).assert_good()
    stack = account.stack
    new = added(before, resources(stack))
    for kind in (
        "Vpcs", "Subnets", "InternetGateways", "NatGateways", "RouteTables", "VpcEndpoints", "Addresses",
        "DBInstances", "DBSubnetGroups", "DBParameterGroups", "LoadBalancers", "TargetGroups",
    ):  # fmt: skip
        assert kind not in new, new[kind]
    assert len(new["SecurityGroups"]) == 1
    assert new["SecretList"] == {
        f"{STACK}/{use}" for use in ("database/mlflow", "mlflow/admin", "mlflow/flask", "mlflow/gateway")
    }
    assert stack.health["healthy"] is True
    assert stack.url.endswith(f":{account.http_port}")
    assert stack.search(stack.login) == 200
    assert stack.search(("admin", "wrong")) == 401


def test_a_second_run_changes_nothing(account: Site, inventory: Path) -> None:
    _run(account, inventory).assert_nothing_changed()
    _run(account, inventory, stack_full_run=True).assert_nothing_changed()
    _run(account, inventory, check=True).assert_nothing_changed()
    _run(account, inventory, check=True, stack_full_run=True).assert_nothing_changed()


def test_the_playbooks_of_the_collection_take_the_same_inventory(account: Site, inventory: Path) -> None:
    _run(account, inventory, "site.yml").assert_nothing_changed()
    assert _run(account, inventory, "playbooks/drift.yml").code == 0


def test_destroy_leaves_what_is_theirs(
    account: Site, inventory: Path, before: dict[str, set[str]], made: theirs.Theirs
) -> None:
    _run(account, inventory, "playbooks/destroy.yml", destroy_confirm=STACK).assert_good()
    after = resources(account.stack)
    left = added(before, after)
    assert left.pop("Buckets") == {"newcomer-artifacts"}
    assert left == {}
    assert added(after, before) == {}
    groups = account.stack.aws("elbv2").describe_target_groups(TargetGroupArns=[made.target_group])["TargetGroups"]
    assert len(groups) == 1
    master = account.stack.aws("secretsmanager").describe_secret(SecretId=made.master_secret)
    assert "DeletedDate" not in master
