# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every derived name is taken by AWS, stays the same, and belongs to one stack."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._preflight.stack import NAME_LIMIT, input_problems
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.names import (
    ELB_NAME_LIMIT,
    ROLE_NAME_LIMIT,
    StackNames,
    limited,
    stack_names,
    user_env_name,
    user_secret_name,
)
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.unit.plugins.stack.stack_inputs import inputs

ROOT = Path(__file__).resolve().parents[4]

#: What AWS takes, from the API reference of the call that makes it.
LIMITS = {
    "cluster": (255, r"[A-Za-z0-9_-]+"),  # ecs CreateCluster
    "service": (255, r"[A-Za-z0-9_-]+"),  # ecs CreateService
    "task_family": (255, r"[A-Za-z0-9_-]+"),  # ecs RegisterTaskDefinition
    "migration_family": (255, r"[A-Za-z0-9_-]+"),
    "log_group": (512, r"[.\-_/#A-Za-z0-9]+"),  # logs CreateLogGroup
    "insights_log_group": (512, r"[.\-_/#A-Za-z0-9]+"),
    "database": (63, r"[a-z](-?[a-z0-9])*"),  # rds CreateDBInstance
    "database_subnet_group": (255, r"[a-z0-9 ._-]+"),  # rds CreateDBSubnetGroup
    "database_parameter_group": (255, r"[a-z](-?[a-z0-9])*"),  # rds CreateDBParameterGroup
    # The time is added to it: 16 characters.
    "final_snapshot": (255 - 16, r"[a-z](-?[a-z0-9])*"),  # rds DeleteDBInstance
    "load_balancer": (32, r"(?!internal-)[A-Za-z0-9](-?[A-Za-z0-9])*"),  # elbv2 CreateLoadBalancer
    "target_group": (32, r"[A-Za-z0-9](-?[A-Za-z0-9])*"),  # elbv2 CreateTargetGroup
    "security_group_alb": (255, r"(?!sg-)[a-zA-Z0-9 ._:/()#,@\[\]+=&;{}!$*-]+"),  # ec2 CreateSecurityGroup
    "security_group_ecs": (255, r"(?!sg-)[a-zA-Z0-9 ._:/()#,@\[\]+=&;{}!$*-]+"),
    "security_group_rds": (255, r"(?!sg-)[a-zA-Z0-9 ._:/()#,@\[\]+=&;{}!$*-]+"),
    "execution_role": (64, r"[\w+=,.@-]+"),  # iam CreateRole
    "migration_execution_role": (64, r"[\w+=,.@-]+"),
    "task_role": (64, r"[\w+=,.@-]+"),
    # secretsmanager CreateSecret
    "secret_master": (512, r"[A-Za-z0-9/_+=.@-]+"),
    "secret_database": (512, r"[A-Za-z0-9/_+=.@-]+"),
    "secret_admin": (512, r"[A-Za-z0-9/_+=.@-]+"),
    "secret_flask": (512, r"[A-Za-z0-9/_+=.@-]+"),
    "secret_gateway": (512, r"[A-Za-z0-9/_+=.@-]+"),
}

REGION = "eu-west-2"
IDENTITY = inputs("stack")
names_of_stacks = st.from_regex(r"[a-z][a-z0-9]{0,12}(-[a-z0-9]{1,12}){0,3}", fullmatch=True).filter(
    lambda name: not input_problems({**IDENTITY, "stack_name": name})
)


def test_limits_cover_every_name() -> None:
    assert set(LIMITS) == set(StackNames.__dataclass_fields__) - {"stack"}


@given(names_of_stacks)
def test_every_name_is_within_the_limits_of_aws(stack: str) -> None:
    for kind, name in stack_names(stack, REGION).as_dict().items():
        if kind != "stack":
            limit, pattern = LIMITS[kind]
            assert len(name) <= limit, kind
            assert re.fullmatch(pattern, name), (kind, name)


def test_longest_name_of_a_stack_is_within_the_limits() -> None:
    for kind, name in stack_names("x" * NAME_LIMIT, REGION).as_dict().items():
        assert kind == "stack" or len(name) <= LIMITS[kind][0], kind


@given(names_of_stacks, names_of_stacks)
def test_two_stacks_share_no_name(one: str, other: str) -> None:
    # A stack called like another one's part is the person's own making, seen in the names of both.
    assume(not one.startswith(other + "-") and not other.startswith(one + "-") and one != other)
    first, second = stack_names(one, REGION).as_dict(), stack_names(other, REGION).as_dict()
    assert not set(first.values()) & set(second.values())


ROLES = ("execution_role", "migration_execution_role", "task_role")


@given(names_of_stacks)
def test_a_stack_has_roles_of_its_own_in_each_region(stack: str) -> None:
    """IAM knows no regions: a destroy in one must not find the roles of the other."""
    here, there = (stack_names(stack, region).as_dict() for region in ("ap-northeast-1", "ap-northeast-2"))
    assert {kind for kind in here if here[kind] != there[kind]} == set(ROLES)
    assert not {here[kind] for kind in ROLES} & {there[kind] for kind in ROLES}


@pytest.mark.parametrize("region", ["eu-west-2", "ap-southeast-1", "us-isob-east-1"])
def test_longest_roles_are_shortened_and_stay_apart(region: str) -> None:
    one, other = (stack_names("x" * (NAME_LIMIT - 1) + end, region).as_dict() for end in "ab")
    names = {found[kind] for found in (one, other) for kind in ROLES}
    assert len(names) == 6
    assert max(map(len, names)) <= ROLE_NAME_LIMIT


def test_two_long_names_that_begin_alike_stay_two() -> None:
    one, other = "fraud-scoring-mlflow-in-london-a", "fraud-scoring-mlflow-in-london-b"
    for kind in ("load_balancer", "target_group"):
        first, second = getattr(stack_names(one, REGION), kind), getattr(stack_names(other, REGION), kind)
        assert first != second
        assert len(first) <= ELB_NAME_LIMIT


def test_names_are_those_of_the_first_release() -> None:
    """A name that changes is a second resource beside the first."""
    assert stack_names("fraud-scoring-mlflow", REGION).as_dict() == {
        "stack": "fraud-scoring-mlflow",
        "cluster": "fraud-scoring-mlflow-cluster",
        "service": "fraud-scoring-mlflow",
        "task_family": "fraud-scoring-mlflow",
        "migration_family": "fraud-scoring-mlflow-migration",
        "log_group": "/ecs/fraud-scoring-mlflow",
        "insights_log_group": "/aws/ecs/containerinsights/fraud-scoring-mlflow-cluster/performance",
        "database": "fraud-scoring-mlflow-db",
        "database_subnet_group": "fraud-scoring-mlflow-db",
        "database_parameter_group": "fraud-scoring-mlflow-db",
        "final_snapshot": "fraud-scoring-mlflow-final",
        "load_balancer": "fraud-scoring-mlflow-alb",
        "target_group": "fraud-scoring-mlflow-tg",
        "security_group_alb": "fraud-scoring-mlflow-alb",
        "security_group_ecs": "fraud-scoring-mlflow-ecs",
        "security_group_rds": "fraud-scoring-mlflow-rds",
        "execution_role": "fraud-scoring-mlflow-eu-west-2-execution",
        "migration_execution_role": "fraud-scoring-mlflow-eu-west-2-migration-execution",
        "task_role": "fraud-scoring-mlflow-eu-west-2-task",
        "secret_master": "fraud-scoring-mlflow/database/master",
        "secret_database": "fraud-scoring-mlflow/database/mlflow",
        "secret_admin": "fraud-scoring-mlflow/mlflow/admin",
        "secret_flask": "fraud-scoring-mlflow/mlflow/flask",
        "secret_gateway": "fraud-scoring-mlflow/mlflow/gateway",
    }


def test_a_shortened_name_is_that_of_the_first_release() -> None:
    # sha256("a-rather-long-name-of-a-stack-alb") begins with these six digits.
    assert limited("a-rather-long-name-of-a-stack", "-alb", 32) == "a-rather-long-name-of-ca91c4-alb"


@settings(max_examples=200)
@given(names_of_stacks, st.sampled_from(["-alb", "-tg"]), st.integers(16, 40))
def test_limited_keeps_suffix_and_limit(name: str, suffix: str, limit: int) -> None:
    short = limited(name, suffix, limit)
    assert len(short) <= limit
    assert short.endswith(suffix)
    assert "--" not in short
    assert short == limited(name, suffix, limit)
    assert (short == name + suffix) == (len(name + suffix) <= limit)


def test_no_room_for_a_digest() -> None:
    with pytest.raises(ValueError, match=r"no name of 10 characters can end in '-alb'"):
        limited("a-name-of-a-stack", "-alb", 10)


def test_the_documentation_lists_every_name() -> None:
    """The table of docs/architecture.md, held to the code."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    shown = dict(re.findall(r"^\| .*? \| `([a-z_]+)` \| `([^`]+)` \|", text, re.MULTILINE))
    assert shown == stack_names("fraud-scoring-mlflow", REGION).as_dict()


@given(st.lists(st.text(min_size=1, max_size=255), min_size=2, max_size=2, unique=True))
def test_the_secret_of_each_user_has_a_name_that_secrets_manager_takes(users: list[str]) -> None:
    assume(not any("\ud800" <= character <= "\udfff" for user in users for character in user))
    found = [user_secret_name("x" * NAME_LIMIT, user) for user in users]
    assert len(set(found)) == 2
    for name in found:
        assert re.fullmatch(r"[A-Za-z0-9/_+=.@-]{1,512}", name)


def test_the_secret_of_a_user_is_readable_where_it_can_be() -> None:
    assert user_secret_name("fraud", "alice.b@example.org") == "fraud/mlflow/users/alice.b@example.org"
    assert user_secret_name("fraud", "a/b ü") == "fraud/mlflow/users/a=2Fb=20=C3=BC"


def test_each_user_has_a_file_of_a_plain_name() -> None:
    users = ["alice", "../alice", "a/b", "a=2Fb", "a b", "ü", "*", "x" * 255, "x" * 255 + "y"]
    found = [user_env_name(user) for user in users]
    assert len(set(found)) == len(users)
    for name in found:
        assert re.fullmatch(r"mlflow-[A-Za-z0-9_+.@=-]+\.env", name)
        assert len(name) <= 200
    assert found[0] == "mlflow-alice.env"
