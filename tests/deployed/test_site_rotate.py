# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rotate.yml under load: nothing else changes, no request of a valid login fails, and old ones are refused.

Each test takes the stack that the one before left, so a failure makes the later ones meaningless.
"""

from __future__ import annotations

import re
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from tests.deployed.deployed_logins import Logins, connects
from tests.deployed.deployed_requests import RATE, Requests
from tests.deployed.deployed_runs import Site
from tests.deployed.deployed_stack import SECRETS, Stack, dotenv
from tests.deployed.deployed_wire import Cut, Wire, cut_after_each
from tests.playbooks import Ended

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1700)]

CLIENTS = 8
USERS = [{"name": "alice"}, {"name": "bob o'hara"}]
ROTATE = "playbooks/rotate.yml"
STACK = "fraud-scoring-mlflow-local"


@dataclass(frozen=True)
class Before:
    """What was valid before a rotation."""

    secrets: dict[str, dict[str, str]]
    users: dict[str, str]
    revisions: tuple[int, int]


def revisions(stack: Stack) -> tuple[int, int]:
    """The newest revision of the service's family and of the migration's."""
    found = [
        stack.aws("ecs").describe_task_definition(taskDefinition=family)["taskDefinition"]["revision"]
        for family in (stack.name, f"{stack.name}-migration")
    ]
    return found[0], found[1]


def look(stack: Stack) -> Before:
    return Before({use: stack.secret(use) for use in SECRETS}, stack.users(), revisions(stack))


def labels(stack: Stack, use: str) -> list[str]:
    """The labels of the secret's versions."""
    found = stack.aws("secretsmanager").describe_secret(SecretId=f"{stack.name}/{use}")["VersionIdsToStages"]
    return sorted(label for held in found.values() for label in held)


def retentions(stack: Stack) -> list[int]:
    """Days for which the stack's logs are kept."""
    groups = stack.aws("logs").describe_log_groups(logGroupNamePrefix=f"/ecs/{stack.name}")["logGroups"]
    return [row["retentionInDays"] for row in groups]


def under_load(site: Site, login: tuple[str, str], tags: str, **variables: Any) -> Ended:
    """Run the rotation while eight clients ask; every one of their requests is answered."""
    with ExitStack() as clients:
        asking = [clients.enter_context(Requests(site.stack, login)) for _ in range(CLIENTS)]
        ended = site.run(ROTATE, tags=tags, mlflow_users=USERS, **variables).assert_good()
    failed = [row for client in asking for row in client.failed()]
    answered = sum(len(client.answers) for client in asking)
    print(f"{answered} requests in {ended.seconds:.0f} s, failed {failed}")
    assert failed == []
    # Two cores run the playbook, two tasks and all clients: fewer than the rate, but never a standstill.
    assert answered > CLIENTS * RATE * ended.seconds / 10
    return ended


@pytest.fixture(scope="module")
def site(account: Site) -> Site:
    account.deploy(mlflow_users=USERS)
    return account


def test_all_that_the_stack_uses_itself(site: Site) -> None:
    stack, before = site.stack, look(site.stack)
    under_load(site, ("alice", before.users["alice"]), "admin,database,flask")
    after = look(stack)

    assert after.users == before.users
    assert after.secrets["database/master"] == before.secrets["database/master"]
    assert after.secrets["database/mlflow"]["username"] == before.secrets["database/mlflow"]["username"] + "_clone"
    for use in ("database/mlflow", "mlflow/admin", "mlflow/flask"):
        assert after.secrets[use][SECRETS[use]] != before.secrets[use][SECRETS[use]]
    # One rollout for the key and for the database together.
    assert after.revisions == (before.revisions[0] + 1, before.revisions[1] + 1)
    assert (connects(stack, before.secrets["database/mlflow"]), connects(stack, after.secrets["database/mlflow"])) == (
        False,
        True,
    )
    assert labels(stack, "database/mlflow") == ["AWSCURRENT"]
    logins = [
        tuple(found.secrets["mlflow/admin"][key] for key in ("username", "password")) for found in (before, after)
    ]
    assert [{stack.search((user, word)) for _ in range(8)} for user, word in logins] == [{401}, {200}]
    assert dotenv(site.output / "mlflow.env")["MLFLOW_TRACKING_PASSWORD"] == logins[1][1]


def test_the_rotated_stack_is_what_the_inventory_says(site: Site) -> None:
    site.run(mlflow_users=USERS).assert_nothing_changed()
    site.run(check=True, mlflow_users=USERS).assert_nothing_changed()


def test_a_rotation_changes_nothing_else_and_is_done_when_only_its_proof_fails(site: Site) -> None:
    """The inventory has changes that nobody has rolled out, and wants a server that answers in no time."""
    stack, before = site.stack, look(site.stack)
    kept = retentions(stack)
    assert 14 not in kept
    pending: dict[str, Any] = {
        "ecs_mlflow_log_retention_days": 14,
        "ecs_mlflow_environment": {"PENDING": "1"},
        "mlflow_users": [*USERS, {"name": "carol"}],
    }
    ended = site.run(ROTATE, tags="admin,flask", verify_latency_p95_ms=1, **pending)
    assert ended.code == 2
    (message,) = [text for text in ended.messages() if "the rotation is done" in text]
    assert "need not be repeated" in message
    assert "run playbooks/verify.yml" in message
    (told,) = re.findall(
        rf"{stack.name} has (\d+) pending changes, which site.yml would apply: ([^\"\n]+)", ended.output
    )
    changes = [change.partition(":")[0] for change in told[1].split("; ")]
    # Users are MLflow's own, which site.yml compares with MLflow itself.
    assert changes == [f"change log group /ecs/{stack.name}", f"change task definition {stack.name}"], told
    assert int(told[0]) == len(changes)

    after = look(stack)
    assert after.users == before.users
    assert after.secrets["database/mlflow"] == before.secrets["database/mlflow"]
    for use in ("mlflow/admin", "mlflow/flask"):
        assert after.secrets[use][SECRETS[use]] != before.secrets[use][SECRETS[use]]
    assert after.revisions == (before.revisions[0] + 1, before.revisions[1])
    assert "PENDING" not in stack.settings()
    assert retentions(stack) == kept
    site.run(mlflow_users=USERS).assert_nothing_changed()


def test_one_user(site: Site) -> None:
    stack, before = site.stack, look(site.stack)
    bob = "bob o'hara"
    under_load(site, ("alice", before.users["alice"]), "users", rotate_users=[bob])
    after = look(stack)
    assert (after.secrets, after.revisions) == (before.secrets, before.revisions)
    assert after.users["alice"] == before.users["alice"]
    assert [{stack.search((bob, found.users[bob])) for _ in range(8)} for found in (before, after)] == [{401}, {200}]


def test_a_user_that_is_none(site: Site) -> None:
    before = look(site.stack)
    ended = site.run(ROTATE, tags="users", rotate_users=["mallory"])
    assert ended.code != 0
    assert "mlflow/users/mallory does not exist" in ended.output
    assert look(site.stack) == before


def test_the_next_run_completes_a_killed_rotation(site: Site) -> None:
    """Killed when the secret is new and nothing else is: the old user works on until the next run is done."""
    stack, before = site.stack, look(site.stack)
    made = False

    def when_made(line: str) -> float | None:
        nonlocal made
        made = made or "Rotate | Make new values" in line
        return 0.0 if made and line.startswith("changed: ") else None

    killed = site.run(ROTATE, tags="database", stop=when_made, mlflow_users=USERS)
    assert killed.code < 0
    changed = stack.secret("database/mlflow")
    former = before.secrets["database/mlflow"]["username"]
    base = former.removesuffix("_clone")
    assert {former, changed["username"]} == {base, f"{base}_clone"}
    assert connects(stack, before.secrets["database/mlflow"])
    assert {stack.search(("alice", before.users["alice"])) for _ in range(8)} == {200}

    site.deploy(mlflow_users=USERS)
    after = look(stack)
    assert after.secrets["database/mlflow"] == changed
    assert (connects(stack, before.secrets["database/mlflow"]), connects(stack, changed)) == (False, True)
    assert after.revisions == (before.revisions[0] + 1, before.revisions[1] + 1)
    site.run(mlflow_users=USERS).assert_nothing_changed()


#: The parts of a rotation that are killed after each writing call, the variables of that, the secrets of their logins,
#: and the calls. The first two roll tasks out, the last two call MLflow.
CHAINS: dict[str, tuple[dict[str, Any], list[str], set[str]]] = {
    "database,flask": (
        {},
        ["database/mlflow"],
        {
            "PutSecretValue flask",
            "PutSecretValue mlflow",
            f"RegisterTaskDefinition {STACK}",
            f"RegisterTaskDefinition {STACK}-migration",
            f"RunTask {STACK}-migration",
            "TagResource",
            f"UpdateService {STACK}",
            f"RunTask {STACK}-migration retire",
            "UpdateSecretVersionStage mlflow",
        },
    ),
    "admin,users": (
        {"rotate_users": ["alice"]},
        ["mlflow/admin", "mlflow/users/alice"],
        {
            "PutSecretValue admin",
            "PATCH /api/2.0/mlflow/users/update-password admin",
            "PutSecretValue alice",
            "PATCH /api/2.0/mlflow/users/update-password alice",
        },
    ),
}


def keep_something(stack: Stack, login: tuple[str, str]) -> None:
    assert stack.ask("/api/2.0/mlflow/experiments/create", login, {"name": "kept"}) in (200, 400)


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("tags", CHAINS)
def test_killed_after_each_writing_call(site: Site, tags: str) -> None:
    """Former or new, one of the two works; who is not rotated notices nothing; nothing is lost."""
    stack, (variables, uses, calls) = site.stack, CHAINS[tags]
    bob = ("bob o'hara", stack.users()["bob o'hara"])
    logins, before = Logins(stack, bob, uses), look(stack)
    keep_something(stack, bob)
    with Wire(site.env["AWS_ENDPOINT_URL"]).serving() as aws, Wire(stack.url, renames=True).serving() as mlflow:
        killed = cut_after_each(
            *(site, [aws, mlflow], ROTATE),
            look=logins.look,
            most=len(calls) + 15,
            tags=tags,
            mlflow_access_url=mlflow.url,
            mlflow_users=USERS,
            **variables,
        )

    site.deploy(mlflow_users=USERS)
    site.run(mlflow_users=USERS).assert_nothing_changed()
    logins.assert_settled({*uses} - {"database/mlflow"})
    after = look(stack)
    assert stack.ask("/api/2.0/mlflow/experiments/get-by-name?experiment_name=kept", bob) == 200
    untouched = {"database/master", "database/mlflow", "mlflow/admin", "mlflow/flask", "mlflow/gateway"} - {*uses}
    untouched -= {"mlflow/flask"} if "flask" in tags else set()
    assert {use: after.secrets[use] for use in untouched} == {use: before.secrets[use] for use in untouched}
    assert set(killed) == calls


def test_a_rotation_of_a_user_that_was_killed_twice_at_the_same_place(site: Site) -> None:
    """The secret's two labels never leave the password that MLflow has behind."""
    stack = site.stack
    logins = Logins(stack, ("bob o'hara", stack.users()["bob o'hara"]), ["mlflow/users/alice"])
    with Wire(site.env["AWS_ENDPOINT_URL"]).serving() as aws:
        for _ in range(2):
            cut = Cut(lambda call: call.action == "PutSecretValue")
            ended = cut.run(site, [aws], ROTATE, tags="users", rotate_users=["alice"], mlflow_users=USERS)
            assert ended.code == -9, ended.output[-3000:]
            logins.look(str(cut.at), ended)
    site.run(ROTATE, tags="users", rotate_users=["alice"], mlflow_users=USERS).assert_good()
    logins.assert_settled({"mlflow/users/alice"})
