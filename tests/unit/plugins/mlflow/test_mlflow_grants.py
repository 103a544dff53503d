# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is planned for the permissions of users and roles, and what a server's generation can keep."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.errors import InvalidOptionsError
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.grants import (
    PARTS,
    Address,
    check_grant,
    plan_grants,
)
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.resources import Resource, wanted_permissions
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.roles import (
    Role,
    WantedRole,
    plan_role,
    refuse_reserved,
)
from ansible_collections.mlops.mlflow_aws.plugins.modules.mlflow_role import openness
from hypothesis import given
from hypothesis import strategies as st

ONE, TWO, MODEL = Address("experiment", "1"), Address("experiment", "2"), Address("registered_model", "m")


@pytest.mark.parametrize(
    ("current", "wanted", "options", "expected"),
    [
        ({}, {ONE: "READ"}, {}, ["grant READ on experiment 1 to alice"]),
        (
            {},
            {MODEL: "EDIT", ONE: "READ"},
            {},
            ["grant READ on experiment 1 to alice", "grant EDIT on registered_model m to alice"],
        ),
        ({ONE: "READ"}, {ONE: "READ"}, {}, []),
        ({ONE: "READ", TWO: "EDIT"}, {ONE: "READ"}, {}, []),
        ({ONE: "READ"}, {ONE: "EDIT"}, {}, ["change experiment 1 of alice to EDIT"]),
        (
            {TWO: "EDIT"},
            {ONE: "READ"},
            {"exclusive": True},
            ["grant READ on experiment 1 to alice", "revoke experiment 2 from alice"],
        ),
        (
            {ONE: "READ", MODEL: "READ"},
            {},
            {"exclusive": True},
            ["revoke experiment 1 from alice", "revoke registered_model m from alice"],
        ),
        ({ONE: "READ", TWO: "READ"}, {}, {"absent": [ONE, MODEL]}, ["revoke experiment 1 from alice"]),
        ({}, {}, {"absent": [ONE]}, []),
    ],
)
def test_grants(
    current: Mapping[Address, str], wanted: Mapping[Address, str], options: dict[str, Any], expected: list[str]
) -> None:
    assert [action.says() for action in plan_grants(current, "alice", wanted, **options).actions] == expected


HELD = st.dictionaries(
    st.builds(Address, st.sampled_from(["experiment", "prompt"]), st.sampled_from("123*")),
    st.sampled_from(["READ", "EDIT", "MANAGE"]),
)


@given(HELD, HELD, st.booleans())
def test_grants_reach_their_goal_in_one_go(
    current: Mapping[Address, str], wanted: Mapping[Address, str], exclusive: bool
) -> None:
    after = plan_grants(current, "alice", wanted, exclusive=exclusive).after
    assert wanted.items() <= after.items()
    assert dict(after) == (dict(wanted) if exclusive else {**current, **wanted})
    assert plan_grants(after, "alice", wanted, exclusive=exclusive).actions == ()


@pytest.mark.parametrize(
    ("generation", "resource_type", "resource", "permission", "message"),
    [
        (2, "prompt", "p", "READ", "MLflow 2.x has no permissions on prompt"),
        (2, "experiment", "*", "READ", "no permission on every experiment"),
        (2, "experiment", "1", "USE", "MLflow 2.x has no permission USE"),
        (3, "experiment", "1", "NO_PERMISSIONS", "MLflow 3.x has no permission NO_PERMISSIONS"),
        (3, "run", "abc", "READ", "grants run all together only"),
        (3, "registered_model", "m" * 256, "READ", "256 characters, and a grant keeps 255"),
        (3, "workspace", "*", "USE", "no permissions on workspace"),
    ],
)
def test_refused_grants(generation: int, resource_type: str, resource: str, permission: str, message: str) -> None:
    with pytest.raises(InvalidOptionsError, match=message) as caught:
        check_grant(generation, resource_type, resource, permission)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("generation", "resource_type", "resource", "permission"),
    [
        (2, "experiment", "1", "NO_PERMISSIONS"),
        (2, "registered_model", "m" * 256, "MANAGE"),
        (3, "experiment", "*", "DENY"),
        (3, "run", "*", "USE"),
        (3, "registered_model", "m" * 255, "READ"),
        (3, "scorer", "1/s", None),
    ],
)
def test_accepted_grants(generation: int, resource_type: str, resource: str, permission: str | None) -> None:
    check_grant(generation, resource_type, resource, permission)


@pytest.mark.parametrize(
    ("resource", "message"),
    [
        ({"resource_type": "experiment"}, "needs one of name and id"),
        ({"resource_type": "experiment", "name": "a", "id": "1"}, "needs one of name and id"),
        ({"resource_type": "scorer", "name": "s"}, "by its name and its experiment"),
        ({"resource_type": "experiment", "name": "a", "experiment": "b"}, "experiment belongs to a scorer"),
    ],
)
def test_refused_resources(resource: dict[str, str], message: str) -> None:
    with pytest.raises(InvalidOptionsError, match=message):
        Resource(**resource)


def test_parts_need_no_name() -> None:
    assert {Resource(part).shown for part in PARTS} == {"*"}


def test_a_resource_that_stands_there_twice() -> None:
    item = {"resource_type": "experiment", "name": "a", "id": None, "experiment": None, "permission": "READ"}
    with pytest.raises(InvalidOptionsError, match="experiment a stands twice"):
        wanted_permissions([item, {**item, "permission": "EDIT"}])


def role(**more: Any) -> Role:
    return Role(**{"id": 3, "name": "team", "workspace": "default", **more})


@pytest.mark.parametrize(
    ("current", "wanted", "expected"),
    [
        (None, {}, ["create role team"]),
        (
            None,
            {"description": "d", "permissions": {ONE: "READ"}, "members": frozenset({"bob", "alice"})},
            [
                "create role team",
                "permit READ on experiment 1 to role team",
                "give role team to alice",
                "give role team to bob",
            ],
        ),
        (role(description="d"), {}, []),
        (role(description="d"), {"description": "d"}, []),
        (role(description="d"), {"description": ""}, ["describe role team"]),
        (role(permissions={ONE: "READ"}), {"permissions": {ONE: "EDIT"}}, ["permit EDIT on experiment 1 to role team"]),
        (
            role(permissions={ONE: "READ"}),
            {"permissions": {TWO: "READ"}},
            ["permit READ on experiment 2 to role team", "remove experiment 1 from role team"],
        ),
        (role(permissions={ONE: "READ"}), {"permissions": {}}, ["remove experiment 1 from role team"]),
        (role(permissions={ONE: "READ"}), {"permissions": {}, "purge_permissions": False}, []),
        (
            role(members=frozenset({"alice", "bob"})),
            {"members": frozenset({"bob", "carol"})},
            ["give role team to carol", "take role team from alice"],
        ),
        (role(members=frozenset({"alice"})), {"members": frozenset(), "purge_members": False}, []),
        (role(), {"members": frozenset("gfedcba")}, [f"give role team to {name}" for name in "abcdefg"]),
        (
            role(members=frozenset("gfedcba")),
            {"members": frozenset()},
            [f"take role team from {name}" for name in "abcdefg"],
        ),
        (
            role(),
            {"permissions": {MODEL: "EDIT", ONE: "READ"}},
            ["permit READ on experiment 1 to role team", "permit EDIT on registered_model m to role team"],
        ),
        (
            role(permissions={Address("prompt", name): "READ" for name in "gfedcba"}),
            {"permissions": {}},
            [f"remove prompt {name} from role team" for name in "abcdefg"],
        ),
        (None, {"present": False}, []),
        (role(), {"present": False}, ["delete role team"]),
    ],
)
def test_roles(current: Role | None, wanted: dict[str, Any], expected: list[str]) -> None:
    goal = WantedRole("team", "default", **wanted)
    planned = plan_role(current, goal)
    assert [action.says() for action in planned.actions] == expected
    assert plan_role(planned.after, goal).actions == ()


@pytest.mark.parametrize(
    ("current", "wanted", "after"),
    [
        (None, {}, role(id=0, members=frozenset())),
        (None, {"description": "d"}, role(id=0, description="d", members=frozenset())),
        (
            role(permissions={ONE: "READ", TWO: "READ"}),
            {"permissions": {MODEL: "READ", TWO: "EDIT"}, "purge_permissions": False},
            role(permissions={ONE: "READ", TWO: "EDIT", MODEL: "READ"}),
        ),
    ],
)
def test_roles_as_planned(current: Role | None, wanted: dict[str, Any], after: Role) -> None:
    assert plan_role(current, WantedRole("team", "default", **wanted)).after == after


def test_roles_of_single_users_are_not_ours() -> None:
    with pytest.raises(InvalidOptionsError, match="which MLflow keeps for the grants of single users"):
        refuse_reserved("__user_7__")


@pytest.mark.parametrize(
    ("items", "state", "warned"),
    [
        ([("workspace", "USE")], "present", ["USE"]),
        ([("workspace", "MANAGE"), ("experiment", "READ")], "present", ["MANAGE"]),
        ([("experiment", "READ"), ("registered_model", "EDIT")], "present", []),
        ([("workspace", "USE")], "absent", []),
        (None, "present", []),
    ],
)
def test_a_role_that_shows_everything_is_warned_of(items: Any, state: str, warned: list[str]) -> None:
    permissions = None if items is None else [{"resource_type": kind, "permission": what} for kind, what in items]
    found = openness({"name": "team", "permissions": permissions, "state": state})
    assert [word for text in found for word in warned if f"role team: {word} on workspace" in text] == warned
    assert len(found) == len(warned)
