# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is planned for users."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.client import User
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.errors import InvalidOptionsError
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.grants import Address
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.users import (
    UserState,
    WantedUser,
    plan_user,
)

PASSWORD = "a-good-enough-one"


def state(*, admin: bool = False, **more: Any) -> UserState:
    return UserState(User(7, "alice", admin), **more)


def words(current: UserState | None, wanted: WantedUser, asking: str | None = "admin") -> list[str]:
    return [action.says() for action in plan_user(current, wanted, asking).actions]


@pytest.mark.parametrize(
    ("current", "wanted", "expected"),
    [
        (None, {"password": PASSWORD}, ["create user alice"]),
        (None, {"password": PASSWORD, "is_admin": False}, ["create user alice"]),
        (None, {"password": PASSWORD, "is_admin": True}, ["create user alice", "make user alice an admin"]),
        (state(accepts=True), {"password": PASSWORD}, []),
        (state(accepts=False), {"password": PASSWORD}, ["set the password of user alice"]),
        # update_password on_create: nobody asked.
        (state(accepts=None), {"password": PASSWORD}, []),
        (state(), {}, []),
        (state(), {"is_admin": True}, ["make user alice an admin"]),
        (state(admin=True), {}, []),
        (state(admin=True), {"is_admin": True}, []),
        (state(admin=True), {"is_admin": False}, ["make user alice a plain user"]),
        (
            state(accepts=False),
            {"password": PASSWORD, "is_admin": True},
            ["set the password of user alice", "make user alice an admin"],
        ),
        (None, {"present": False}, []),
        (state(), {"present": False}, ["delete user alice"]),
        (
            state(grants=frozenset({Address("experiment", "2"), Address("experiment", "1")})),
            {"present": False},
            ["revoke experiment 1 from user alice", "revoke experiment 2 from user alice", "delete user alice"],
        ),
        (state(admin=True, admins=frozenset({"alice", "admin"})), {"present": False}, ["delete user alice"]),
    ],
)
def test_plan(current: UserState | None, wanted: dict[str, Any], expected: list[str]) -> None:
    assert words(current, WantedUser("alice", **wanted)) == expected


@pytest.mark.parametrize(
    ("current", "wanted", "asking", "message"),
    [
        (None, {}, "admin", "does not exist, and no password is given"),
        (state(admin=True), {"present": False}, "alice", "is the one who asks, and cannot be deleted"),
        (state(admin=True), {"is_admin": False}, "alice", "is the one who asks, and cannot be made a plain user"),
        (state(admin=True), {"present": False}, None, "cannot be deleted with a token"),
        (state(admin=True), {"is_admin": False}, None, "cannot be made a plain user with a token"),
        (state(admin=True, admins=frozenset({"alice"})), {"present": False}, None, "the last admin"),
        (state(admin=True, admins=frozenset({"alice"})), {"is_admin": False}, None, "the last admin"),
    ],
)
def test_refusals(current: UserState | None, wanted: dict[str, Any], asking: str | None, message: str) -> None:
    with pytest.raises(InvalidOptionsError, match=message) as caught:
        plan_user(current, WantedUser("alice", **wanted), asking)
    assert caught.value.remedy


def test_the_planned_state_needs_no_further_plan() -> None:
    wanted = WantedUser("alice", password=PASSWORD, is_admin=True)
    for current in (None, state(accepts=False), state(accepts=True), state(admin=True, accepts=False)):
        after = plan_user(current, wanted, "admin").after
        assert plan_user(after, wanted, "admin").actions == ()


def test_a_new_user_as_planned() -> None:
    planned = plan_user(None, WantedUser("alice", password=PASSWORD, is_admin=True), "admin")
    assert planned.after == UserState(User(0, "alice", True), accepts=True)


@pytest.mark.parametrize("current", [state(), state(admins=frozenset())])
def test_a_plain_user_may_go_whoever_asks(current: UserState) -> None:
    assert words(current, WantedUser("alice", present=False), asking=None) == ["delete user alice"]


def test_no_password_is_shown() -> None:
    assert PASSWORD not in repr(WantedUser("alice", password=PASSWORD))
