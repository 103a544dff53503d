# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""mlflow_user, mlflow_permission and mlflow_role against real MLflow servers; effects are checked by raw API calls.

Each is created, modified and deleted, each time in check mode, for real, in check mode again and again for real.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from tests.integration.plugins.mlflow_runs import VERSIONS, at_once, four_times, generation, odd_name, run, strong
from tests.integration.plugins.mlflow_servers import MlflowServer, between, mlflow_server

API_3 = "/api/3.0/mlflow"


@pytest.fixture(scope="module", params=VERSIONS)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    """One server of each version."""
    with mlflow_server(request.param, tmp_path_factory.mktemp("mlflow")) as running:
        yield running


only_3 = pytest.mark.parametrize("server", ["3.17.2"], indirect=True)
only_2 = pytest.mark.parametrize("server", VERSIONS[1:], indirect=True)


def raw_user(server: MlflowServer, name: str) -> dict[str, Any] | None:
    status, said = server.ask("GET", f"/api/2.0/mlflow/users/get?username={quote(name)}")
    assert status in (200, 404)
    return said["user"] if status == 200 else None


def new_user(server: MlflowServer, name: str | None = None) -> tuple[str, str]:
    name, password = name or f"user-{secrets.token_hex(4)}", strong()
    assert server.ask("POST", "/api/2.0/mlflow/users/create", {"username": name, "password": password})[0] == 200
    return name, password


def new_experiment(server: MlflowServer) -> tuple[str, str]:
    name = odd_name()
    status, said = server.ask("POST", "/api/2.0/mlflow/experiments/create", {"name": name})
    assert status == 200
    return name, str(said["experiment_id"])


def new_model(server: MlflowServer) -> str:
    name = odd_name().replace("/", "")
    assert server.ask("POST", "/api/2.0/mlflow/registered-models/create", {"name": name})[0] == 200
    return name


def raw_grants(server: MlflowServer, user: str) -> dict[tuple[str, str], str]:
    """What the user was granted explicitly, by a raw call of the server's own generation."""
    if generation(server) < 3:
        found = raw_user(server, user) or {}
        held = {("experiment", str(row["experiment_id"])): row["permission"] for row in found["experiment_permissions"]}
        return held | {
            ("registered_model", row["name"]): row["permission"] for row in found["registered_model_permissions"]
        }
    status, said = server.ask("GET", f"{API_3}/users/permissions/list?username={quote(user)}")
    assert status == 200
    rows = [row for row in said["permissions"] if row["role_name"].startswith("__user_")]
    return {(row["resource_type"], row["resource_pattern"]): row["permission"] for row in rows}


# -- mlflow_user ----------------------------------------------------------------------------------


def test_user_from_birth_to_death(server: MlflowServer) -> None:
    name, first, second = odd_name(), strong(), strong()

    def now() -> Any:
        found = raw_user(server, name)
        return found and (found["is_admin"], server.accepts(first, name), server.accepts(second, name))

    args: dict[str, Any] = {"name": name, "user_password": first}
    made = four_times("mlflow_user", server, now, [f"create user {name}"], **args)
    assert now() == (False, True, False)
    assert made["user"]["id"] == raw_user(server, name)["id"]  # type: ignore[index]

    args = {"name": name, "user_password": second, "is_admin": True}
    expected = [f"set the password of user {name}", f"make user {name} an admin"]
    four_times("mlflow_user", server, now, expected, **args)
    assert now() == (True, False, True)

    left = run("mlflow_user", server, name=name, user_password=first, update_password="on_create")
    assert left["changed"] is False
    four_times("mlflow_user", server, now, [f"make user {name} a plain user"], name=name, is_admin=False)
    four_times("mlflow_user", server, now, [f"delete user {name}"], name=name, state="absent")
    assert now() is None


def test_user_with_permissions_can_be_deleted(server: MlflowServer) -> None:
    name, _ = new_user(server)
    _, number = new_experiment(server)
    run("mlflow_permission", server, user=name, permissions=[_item("experiment", id=number, permission="READ")])
    assert run("mlflow_user", server, name=name, state="absent")["actions"][-1] == f"delete user {name}"
    assert raw_user(server, name) is None


def test_user_changes_its_own_password(server: MlflowServer) -> None:
    name, old = new_user(server)
    assert server.ask("PATCH", "/api/2.0/mlflow/users/update-admin", {"username": name, "is_admin": True})[0] == 200
    new = strong()
    own: dict[str, Any] = {"username": name, "name": name, "user_password": new}
    assert run("mlflow_user", server, password=old, **own)["actions"] == [f"set the password of user {name}"]
    assert server.accepts(new, name)
    assert run("mlflow_user", server, password=new, **own)["changed"] is False


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ({"name": "admin", "state": "absent"}, "is the one who asks, and cannot be deleted"),
        ({"name": "admin", "is_admin": False}, "is the one who asks, and cannot be made a plain user"),
        ({"name": "nobody-yet"}, "does not exist, and no password is given"),
        ({"name": "x", "user_password": "short"}, "fewer than 12 characters"),
        ({"name": "x", "user_password": "password1234"}, "one that MLflow has shipped"),
        ({"name": "a:b", "user_password": "a-good-enough-one"}, "name contains a colon"),
        ({"name": "x" * 500, "user_password": "a-good-enough-one"}, "500 characters, and MLflow keeps 255"),
    ],
)
def test_users_that_are_refused(server: MlflowServer, args: dict[str, Any], message: str) -> None:
    result = run("mlflow_user", server, **args)
    assert result["failed"]
    assert message in result["msg"]
    assert result["remedy"]
    assert server.accepts(server.password)
    assert raw_user(server, args["name"][:200]) is None or args["name"] == "admin"


def test_a_plain_user_may_not_manage_users(server: MlflowServer) -> None:
    name, password = new_user(server)
    args: dict[str, Any] = {"name": f"{name}-2", "user_password": strong()}
    result = run("mlflow_user", server, username=name, password=password, **args)
    assert "forbidden (403)" in result["msg"]
    assert raw_user(server, f"{name}-2") is None


# -- mlflow_permission ----------------------------------------------------------------------------


def _item(resource_type: str, **more: str) -> dict[str, str]:
    return {"resource_type": resource_type, **more}


def test_permissions_from_birth_to_death(server: MlflowServer) -> None:
    user, _ = new_user(server)
    experiment, number = new_experiment(server)
    model = new_model(server)

    def now() -> Any:
        return raw_grants(server, user)

    both = [
        _item("experiment", name=experiment, permission="READ"),
        _item("registered_model", name=model, permission="EDIT"),
    ]
    expected = [f"grant READ on experiment {number} to {user}", f"grant EDIT on registered_model {model} to {user}"]
    made = four_times("mlflow_permission", server, now, expected, user=user, permissions=both)
    assert now() == {("experiment", number): "READ", ("registered_model", model): "EDIT"}
    assert made["permissions"][0] == {"resource_type": "experiment", "resource_id": number, "permission": "READ"}

    more = [_item("experiment", id=number, permission="MANAGE")]
    expected = [f"change experiment {number} of {user} to MANAGE"]
    four_times("mlflow_permission", server, now, expected, user=user, permissions=more)
    assert now() == {("experiment", number): "MANAGE", ("registered_model", model): "EDIT"}

    expected = [f"revoke registered_model {model} from {user}"]
    four_times("mlflow_permission", server, now, expected, user=user, permissions=more, exclusive=True)

    gone = [_item("experiment", name=experiment), _item("registered_model", name="never-made")]
    expected = [f"revoke experiment {number} from {user}"]
    four_times("mlflow_permission", server, now, expected, user=user, permissions=gone, state="absent")
    assert now() == {}


@only_3
def test_permissions_that_only_3_has(server: MlflowServer) -> None:
    user, _ = new_user(server)
    experiment, number = new_experiment(server)
    prompt = f"prompt-{secrets.token_hex(4)}"
    tags = [{"key": "mlflow.prompt.is_prompt", "value": "true"}]
    assert server.ask("POST", "/api/2.0/mlflow/registered-models/create", {"name": prompt, "tags": tags})[0] == 200
    scorer = {"experiment_id": number, "name": "a/b c", "serialized_scorer": "{}"}
    wanted = [
        _item("experiment", name="*", permission="READ"),
        _item("run", permission="DENY"),
        _item("prompt", name=prompt, permission="USE"),
        _item("scorer", name=scorer["name"], experiment=experiment, permission="EDIT"),
        _item("mcp_server", name="tools", permission="USE"),
    ]
    run("mlflow_permission", server, user=user, permissions=wanted, exclusive=True)
    assert raw_grants(server, user) == {
        ("experiment", "*"): "READ",
        ("run", "*"): "DENY",
        ("prompt", prompt): "USE",
        ("scorer", f"{number}/a%2Fb%20c"): "EDIT",
        ("mcp_server", "tools"): "USE",
    }
    assert run("mlflow_permission", server, user=user, permissions=wanted, exclusive=True)["changed"] is False
    emptied = run("mlflow_permission", server, user=user, permissions=[], exclusive=True)
    assert len(emptied["actions"]) == 5
    assert raw_grants(server, user) == {}


@only_3
def test_what_a_role_permits_is_no_explicit_grant(server: MlflowServer) -> None:
    user, _ = new_user(server)
    role = f"role-{secrets.token_hex(4)}"
    given = [_item("experiment", name="*", permission="EDIT")]
    run("mlflow_role", server, name=role, permissions=given, members=[user])
    result = run("mlflow_permission", server, user=user, permissions=[], exclusive=True)
    assert (result["changed"], result["permissions"]) == (False, [])


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (_item("experiment", name="never made", permission="READ"), "there is no experiment never made"),
        (_item("registered_model", name="never made", permission="READ"), "there is no registered_model never made"),
        (_item("experiment", permission="READ"), "needs one of name and id"),
        (_item("experiment", id="1"), "permission is missing for experiment 1"),
    ],
)
def test_permissions_that_are_refused(server: MlflowServer, item: dict[str, str], message: str) -> None:
    user, _ = new_user(server)
    result = run("mlflow_permission", server, user=user, permissions=[item])
    assert message in result["msg"]
    assert result["remedy"]
    assert raw_grants(server, user) == {}


def test_check_mode_before_anything_exists(server: MlflowServer) -> None:
    items = [_item("experiment", name="made by a task before", permission="READ")]
    result = run("mlflow_permission", server, check=True, user="made-before", permissions=items)
    assert result["actions"] == ["grant READ on experiment made by a task before to made-before"]
    real = run("mlflow_permission", server, user="made-before", permissions=[], exclusive=True)
    assert "there is no user made-before" in real["msg"]


# -- mlflow_role ----------------------------------------------------------------------------------


def raw_role(server: MlflowServer, name: str) -> Any:
    """Description, permissions and ids of members of a role, or None."""
    _, said = server.ask("GET", f"{API_3}/roles/list")
    role = next((role for role in said["roles"] if role["name"] == name), None)
    if role is None:
        return None
    _, users = server.ask("GET", f"{API_3}/roles/users/list?role_id={role['id']}")
    held = {(row["resource_type"], row["resource_pattern"]): row["permission"] for row in role["permissions"]}
    return role["description"], held, {row["user_id"] for row in users["assignments"]}


@only_3
def test_role_from_birth_to_death(server: MlflowServer) -> None:
    name = odd_name()
    (one, _), (two, _) = new_user(server), new_user(server)
    ids = {user: raw_user(server, user)["id"] for user in (one, two)}  # type: ignore[index]
    experiment, number = new_experiment(server)

    def now() -> Any:
        return raw_role(server, name)

    wanted: dict[str, Any] = {
        "name": name,
        "description": "Works on \N{GRINNING FACE}",
        "permissions": [
            _item("experiment", name=experiment, permission="READ"),
            _item("workspace", permission="USE"),
        ],
        "members": [one],
    }
    expected = [
        f"create role {name}",
        f"permit READ on experiment {number} to role {name}",
        f"permit USE on workspace * to role {name}",
        f"give role {name} to {one}",
    ]
    four_times("mlflow_role", server, now, expected, **wanted)
    held = {("experiment", number): "READ", ("workspace", "*"): "USE"}
    assert now() == ("Works on \N{GRINNING FACE}", held, {ids[one]})

    wanted |= {
        "description": "",
        "permissions": [_item("experiment", id=number, permission="EDIT"), _item("run", permission="READ")],
        "members": [two],
    }
    expected = [
        f"describe role {name}",
        f"permit EDIT on experiment {number} to role {name}",
        f"permit READ on run * to role {name}",
        f"remove workspace * from role {name}",
        f"give role {name} to {two}",
        f"take role {name} from {one}",
    ]
    four_times("mlflow_role", server, now, expected, **wanted)
    assert now() == ("", {("experiment", number): "EDIT", ("run", "*"): "READ"}, {ids[two]})

    added = run("mlflow_role", server, name=name, members=[one], purge_members=False)
    assert added["actions"] == [f"give role {name} to {one}"]
    assert added["role"]["members"] == sorted([one, two])
    four_times("mlflow_role", server, now, [f"delete role {name}"], name=name, state="absent")
    assert now() is None


@only_3
@pytest.mark.parametrize(
    ("args", "message"),
    [
        ({"name": "__user_7__"}, "which MLflow keeps for the grants of single users"),
        ({"name": "r", "members": ["nobody-at-all"]}, "nobody-at-all"),
        ({"name": "r", "permissions": [_item("workspace", permission="READ")]}, "is USE or MANAGE"),
        ({"name": "r", "workspace": "another"}, "workspace"),
    ],
)
def test_roles_that_are_refused(server: MlflowServer, args: dict[str, Any], message: str) -> None:
    result = run("mlflow_role", server, **args)
    assert result["failed"], result
    assert message in result["msg"]
    run("mlflow_role", server, name="r", state="absent")


@only_2
def test_roles_need_3(server: MlflowServer) -> None:
    assert "has no roles" in run("mlflow_role", server, name="team")["msg"]


# -- two at once, and faults on the way -----------------------------------------------------------


def test_two_runs_at_once_make_one_user(server: MlflowServer) -> None:
    args: dict[str, Any] = {"name": f"twice-{secrets.token_hex(4)}", "user_password": strong()}
    results = at_once(*[lambda: run("mlflow_user", server, **args)] * 2)
    assert [result.get("failed", False) for result in results] == [False, False], results
    assert sorted(result["changed"] for result in results) == [False, True]
    assert server.accepts(args["user_password"], args["name"])


def test_two_runs_at_once_make_one_grant(server: MlflowServer) -> None:
    user, _ = new_user(server)
    _, number = new_experiment(server)
    items = [_item("experiment", id=number, permission="READ")]
    results = at_once(*[lambda: run("mlflow_permission", server, user=user, permissions=items)] * 2)
    assert [result.get("failed", False) for result in results] == [False, False], results
    assert sorted(result["changed"] for result in results) == [False, True]
    assert raw_grants(server, user) == {("experiment", number): "READ"}


def test_a_lost_answer_is_no_failure_and_no_second_write(server: MlflowServer) -> None:
    name = f"lost-{secrets.token_hex(4)}"
    _, number = new_experiment(server)
    granted = "/api/3.0/mlflow/users/permissions/grant" if generation(server) >= 3 else (
        "/api/2.0/mlflow/experiments/permissions/create"
    )  # fmt: skip
    lose = ("POST /api/2.0/mlflow/users/create", f"POST {granted}", "DELETE /api/2.0/mlflow/users/delete")
    with between(server, lose=lose) as proxy:
        made = run("mlflow_user", server, url=proxy.url, name=name, user_password=strong())
        assert made["actions"] == [f"create user {name}"]
        items = [_item("experiment", id=number, permission="READ")]
        given = run("mlflow_permission", server, url=proxy.url, user=name, permissions=items)
        assert given["actions"] == [f"grant READ on experiment {number} to {name}"]
        gone = run("mlflow_user", server, url=proxy.url, name=name, state="absent")
        assert gone["actions"][-1] == f"delete user {name}"
        assert sorted(proxy.lost) == sorted(lose)
    assert raw_user(server, name) is None


def test_a_server_that_answers_502_for_a_while(server: MlflowServer) -> None:
    name = f"patient-{secrets.token_hex(4)}"
    with between(server) as proxy:
        proxy.busy = True
        timer = threading.Timer(8, lambda: setattr(proxy, "busy", False))
        timer.start()
        began = time.monotonic()
        result = run("mlflow_user", server, url=proxy.url, name=name, user_password=strong(), wait_timeout=60)
        timer.join()
        assert time.monotonic() - began >= 8
        assert result["actions"] == [f"create user {name}"]
        proxy.busy = True
        told = run("mlflow_user", server, url=proxy.url, name=f"{name}-2", user_password=strong(), wait_timeout=3)
        assert "502" in told["msg"]
        assert "wait until the server is ready" in told["remedy"]
    assert raw_user(server, f"{name}-2") is None
