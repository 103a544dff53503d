# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Only the login of the stack's secret opens MLflow."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from tests.deployed.deployed_stack import Stack

pytestmark = pytest.mark.timeout(60)

#: Only an admin may read another user. (Since MLflow 3.17 whoever may use a workspace may list its users.)
ANOTHER_USER = "/api/2.0/mlflow/users/get?username="

#: What MLflow releases and recipes have shipped.
SHIPPED = [
    ("admin", "password"),
    ("admin", "password1234"),
    ("admin", "admin"),
    ("admin", "mlflow"),
    ("mlflow", "mlflow"),
    ("mlflow", "password"),
]


def test_the_login_opens(stack: Stack) -> None:
    assert stack.search(stack.login) == 200


def test_each_task_knows_the_login(stack: Stack) -> None:
    """More requests than tasks: the load balancer takes turns."""
    assert [stack.search(stack.login) for _ in range(12)] == [200] * 12


def test_no_login(stack: Stack) -> None:
    assert stack.search() == 401


def test_wrong_password(stack: Stack) -> None:
    user, password = stack.login
    nearly = [password + "x", password[:-1], password.swapcase(), ""]
    assert [stack.search((user, wrong)) for wrong in nearly] == [401] * len(nearly)


@pytest.mark.parametrize("login", SHIPPED, ids=lambda login: ":".join(login))
def test_shipped_password(stack: Stack, login: tuple[str, str]) -> None:
    assert stack.search(login) == 401


def test_users_of_the_inventory_log_in_with_the_password_of_their_secret(stack: Stack) -> None:
    users = stack.users()
    for name, password in users.items():
        assert [stack.search((name, password)) for _ in range(4)] == [200] * 4
        assert stack.search((name, password + "x")) == 401
    admin = quote(stack.login[0])
    admins = [name for name, password in users.items() if stack.ask(ANOTHER_USER + admin, (name, password)) == 200]
    assert (sorted(users), admins) == (["alice", "bob o'hara"], ["bob o'hara"])


def test_database_user_is_no_login(stack: Stack) -> None:
    secret = stack.secret("database/mlflow")
    assert stack.search((secret["username"], secret["password"])) == 401


def test_login_of_the_secret_is_the_login_of_the_file(stack: Stack) -> None:
    secret = stack.secret("mlflow/admin")
    assert (secret["username"], secret["password"]) == stack.login
