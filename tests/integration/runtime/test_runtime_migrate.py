# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``mlflow-aws migrate`` against a real PostgreSQL, with a master user that is no superuser (as on RDS)."""

from __future__ import annotations

import contextlib
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import psycopg2
import pytest

from tests.integration.runtime.runtime_parts import Runtime, Task
from tests.postgres import password, running_postgres


def hides_secrets(task: Task, done: subprocess.CompletedProcess[str]) -> bool:
    """Whether the output of a command holds none of the secrets, nor a traceback."""
    text = done.stdout + done.stderr
    return "Traceback" not in text and not any(value in text for value in task.secrets.values())


def test_first_run_makes_everything(migrated: Task) -> None:
    env, postgres = migrated.env, migrated.postgres
    role, tracking, auth = (env[f"MLFLOW_AWS_DB_{name}"] for name in ("USER", "TRACKING", "LOGINS"))
    attributes = "rolcanlogin, rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls"
    assert postgres.query(f"SELECT {attributes} FROM pg_roles WHERE rolname = %s", (role,)) == [
        (True, False, False, False, False, False)
    ]
    for name in (tracking, auth):
        found = postgres.query(
            "SELECT pg_get_userbyid(datdba), pg_encoding_to_char(encoding), has_database_privilege('public', oid, "
            "'CONNECT') FROM pg_database WHERE datname = %s",
            (name,),
        )
        assert found == [(role, "UTF8", False)]
    assert postgres.query("SELECT username, is_admin FROM users", database=auth) == [("admin", True)]
    # Whatever lies in the folder of another database's experiment 0.
    ((location,),) = postgres.query("SELECT artifact_location FROM experiments", database=tracking)
    assert re.fullmatch(r"mlflow-artifacts:/0-[0-9a-f]{16}", location)


def test_second_run_changes_nothing(migrated: Task) -> None:
    auth = migrated.env["MLFLOW_AWS_DB_LOGINS"]
    before = migrated.postgres.query("SELECT password_hash FROM users", database=auth)
    tracking = migrated.env["MLFLOW_AWS_DB_TRACKING"]
    # As every stack has it from before experiments looked for an empty folder.
    migrated.postgres.query("UPDATE experiments SET artifact_location = 'mlflow-artifacts:/0'", database=tracking)
    located = migrated.postgres.query("SELECT * FROM experiments", database=tracking)
    done = migrated.run("migrate", MLFLOW_AWS_ADMIN_PASSWORD=password())
    assert done.returncode == 0, done.stderr
    assert hides_secrets(migrated, done)
    assert done.stdout.count("up to date") == 2
    assert "its password is left alone" in done.stdout
    assert not any(word in done.stdout for word in ("created", "password set", "closed", "->"))
    assert migrated.postgres.query("SELECT password_hash FROM users", database=auth) == before
    assert migrated.postgres.query("SELECT * FROM experiments", database=tracking) == located


def test_the_admin_is_given_the_password_of_a_secret_that_was_created_again(migrated: Task) -> None:
    auth, new = migrated.env["MLFLOW_AWS_DB_LOGINS"], password()
    before = migrated.postgres.query("SELECT username, is_admin, password_hash FROM users", database=auth)
    done = migrated.run("reset-admin", MLFLOW_AWS_ADMIN_PASSWORD=new)
    assert (done.returncode, done.stdout) == (0, "admin admin: password set\n"), done.stderr
    assert new not in done.stdout + done.stderr
    after = migrated.postgres.query("SELECT username, is_admin, password_hash FROM users", database=auth)
    assert [row[:2] for row in after] == [row[:2] for row in before] == [("admin", True)]
    assert after[0][2] != before[0][2]
    assert migrated.run("reset-admin").returncode == 0
    for change, words in (
        ({"MLFLOW_AWS_ADMIN_USERNAME": "nobody"}, "there is no user nobody: run the migration"),
        ({"MLFLOW_AWS_ADMIN_PASSWORD": "short"}, "fewer than 12 characters"),
    ):
        refused = migrated.run("reset-admin", **change)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert words in refused.stderr


def test_no_password_in_the_statement_log_of_postgres(migrated: Task, tmp_path_factory: pytest.TempPathFactory) -> None:
    logs = [path.read_text(encoding="utf-8") for path in tmp_path_factory.getbasetemp().glob("postgres*/log")]
    assert any("ALTER ROLE" in text and "SCRAM-SHA-256$" in text for text in logs)
    assert not any(migrated.secrets["MLFLOW_AWS_DB_PASSWORD"] in text for text in logs)


def test_two_at_once(runtime: Runtime, new_task: Callable[..., Task]) -> None:
    task = new_task(runtime)
    both = [
        subprocess.Popen(
            [runtime.command, "migrate"],
            env={**task.env, **task.secrets},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(2)
    ]
    outputs = [process.communicate(timeout=240)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    assert sorted(output.count("up to date") for output in outputs) == [0, 2]


def test_changed_password_of_the_role(migrated: Task) -> None:
    new = password()
    try:
        done = migrated.run("migrate", MLFLOW_AWS_DB_PASSWORD=new)
        assert done.returncode == 0, done.stderr
        assert "password set" in done.stdout
        role, name = migrated.env["MLFLOW_AWS_DB_USER"], migrated.env["MLFLOW_AWS_DB_TRACKING"]
        migrated.postgres.connect(name, role, new).close()
    finally:
        assert migrated.run("migrate").returncode == 0


def test_two_users_take_turns_and_the_former_one_is_retired(migrated: Task) -> None:
    """A rotation: both users work until the former one is retired; whatever is made is the owner's."""
    postgres, env = migrated.postgres, migrated.env
    owner, tracking = env["MLFLOW_AWS_DB_USER"], env["MLFLOW_AWS_DB_TRACKING"]
    second, old = f"{owner}_clone", migrated.secrets["MLFLOW_AWS_DB_PASSWORD"]
    turn = {"MLFLOW_AWS_DB_USER": second, "MLFLOW_AWS_DB_PASSWORD": password()}
    try:
        done = migrated.run("migrate", **turn)
        assert done.returncode == 0, done.stderr
        assert f"role {second}: acts as {owner}" in done.stdout
        assert turn["MLFLOW_AWS_DB_PASSWORD"] not in done.stdout + done.stderr
        again = migrated.run("migrate", **turn)
        assert not any(word in again.stdout for word in ("created", "password set", "acts as", "->")), again.stdout
        postgres.connect(tracking, owner, old).close()
        new = turn["MLFLOW_AWS_DB_PASSWORD"]
        with contextlib.closing(postgres.connect(tracking, second, new)) as connection:
            with connection.cursor() as cursor:
                cursor.execute("CREATE TABLE made_by_the_second (n int)")
                cursor.execute("SELECT tableowner FROM pg_tables WHERE tablename = 'made_by_the_second'")
                assert cursor.fetchall() == [(owner,)]
                cursor.execute("DROP TABLE made_by_the_second")
            for _ in range(2):
                retired = migrated.run("retire", **turn)
                assert (retired.returncode, retired.stderr) == (0, "")
                assert retired.stdout.strip() == f"role {owner}: has no password any more"
            with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
                postgres.connect(tracking, owner, old)
            with connection.cursor() as cursor:
                cursor.execute("SELECT count(*) FROM experiments")
                assert cursor.fetchall() == [(1,)]
    finally:
        back = migrated.run("migrate")
    assert back.returncode == 0, back.stderr
    assert f"role {owner}: password set" in back.stdout
    assert migrated.run("retire").stdout.strip() == f"role {second}: has no password any more"
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        postgres.connect(tracking, second, turn["MLFLOW_AWS_DB_PASSWORD"])


def test_weak_first_password(runtime_of: Callable[[str], Runtime], new_task: Callable[..., Task]) -> None:
    task = new_task(runtime_of("3.17.2"))
    done = task.run("migrate", MLFLOW_AWS_ADMIN_PASSWORD="password1234")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("mlflow-aws migrate: the admin password")
    assert "publicly known" in done.stderr
    assert task.postgres.query("SELECT count(*) FROM users", database=task.env["MLFLOW_AWS_DB_LOGINS"]) == [(0,)]


def test_errors_are_one_line_without_secrets(
    runtime_of: Callable[[str], Runtime], new_task: Callable[..., Task], nobody_listens: int
) -> None:
    task = new_task(runtime_of("3.17.2"))
    cases = [
        ({"MLFLOW_AWS_DB_MASTER_PASSWORD": password()}, "refused the connection"),
        ({"MLFLOW_AWS_DB_MASTER_DATABASE": "nowhere"}, "does not exist"),
        ({"MLFLOW_AWS_DB_SSLMODE": "require"}, "does not support SSL"),
        ({"MLFLOW_AWS_DB_HOST": f"127.0.0.1:{nobody_listens}"}, "MLFLOW_AWS_DB_PORT"),
    ]
    for change, message in cases:
        done = task.run("migrate", **change)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("mlflow-aws migrate: ")
        assert done.stderr.count("\n") == 1
        assert message in done.stderr
        assert not any(word in done.stderr for word in [*task.secrets.values(), *change.values()] if "%40" in word)


@pytest.mark.slow
def test_stack_made_by_hand_is_adopted(runtime_of: Callable[[str], Runtime], new_task: Callable[..., Task]) -> None:
    """The master user owns database and tables, as in a stack in which MLflow connected as master."""
    task = new_task(runtime_of("3.17.2"))
    first, postgres = task.run("migrate"), task.postgres
    assert first.returncode == 0, first.stderr
    name, role = task.env["MLFLOW_AWS_DB_TRACKING"], task.env["MLFLOW_AWS_DB_USER"]
    with contextlib.closing(postgres.connect(name)) as connection, connection.cursor() as cursor:
        cursor.execute(f'ALTER DATABASE "{name}" OWNER TO {postgres.master}')
        cursor.execute(f'REASSIGN OWNED BY "{role}" TO {postgres.master}')
    done = task.run("migrate")
    assert done.returncode == 0, done.stderr
    owners = postgres.query(
        "SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class WHERE relnamespace = 'public'::regnamespace",
        database=name,
    )
    assert owners == [(role,)]
    assert f"owner {postgres.master} became {role}" in done.stdout


@pytest.mark.slow
def test_role_with_too_many_rights_loses_them(
    runtime_of: Callable[[str], Runtime], new_task: Callable[..., Task]
) -> None:
    task = new_task(runtime_of("3.17.2"))
    role = task.env["MLFLOW_AWS_DB_USER"]
    master = task.postgres.connect("postgres", task.postgres.master, task.postgres.master_password)
    with contextlib.closing(master), master.cursor() as cursor:
        cursor.execute(f'CREATE ROLE "{role}" CREATEDB NOLOGIN')
    done = task.run("migrate")
    assert done.returncode == 0, done.stderr
    assert task.postgres.query("SELECT rolcreatedb, rolcanlogin FROM pg_roles WHERE rolname = %s", (role,)) == [
        (False, True)
    ]


def test_role_of_somebody_else(runtime_of: Callable[[str], Runtime], new_task: Callable[..., Task]) -> None:
    task = new_task(runtime_of("3.17.2"))
    task.postgres.query(f'CREATE ROLE "{task.env["MLFLOW_AWS_DB_USER"]}" LOGIN')
    done = task.run("migrate")
    assert done.returncode == 1
    assert "mlflow-aws migrate: " in done.stderr
    assert hides_secrets(task, done)


@pytest.mark.slow
def test_postgres_18(
    runtime_of: Callable[[str], Runtime], new_task: Callable[..., Task], tmp_path_factory: pytest.TempPathFactory
) -> None:
    with running_postgres("18", tmp_path_factory.mktemp("postgres18")) as postgres:
        task = new_task(runtime_of("3.17.2"), postgres)
        done = task.run("migrate")
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("empty -> ") == 2


def test_server_refuses_what_is_not_migrated(
    runtime_of: Callable[[str], Runtime], new_task: Callable[..., Task], tmp_path: Path
) -> None:
    task = new_task(runtime_of("3.17.2"))
    env, postgres = task.env, task.postgres
    name, auth = env["MLFLOW_AWS_DB_TRACKING"], env["MLFLOW_AWS_DB_LOGINS"]

    def refusal() -> str:
        done = task.run("serve")
        assert done.returncode == 1
        assert done.stderr.count("\n") == 1
        assert hides_secrets(task, done)
        return done.stderr

    with (
        contextlib.closing(postgres.connect("postgres", postgres.master, postgres.master_password)) as master,
        master.cursor() as cursor,
    ):
        cursor.execute(
            f'CREATE ROLE "{env["MLFLOW_AWS_DB_USER"]}" LOGIN PASSWORD %s', (task.secrets["MLFLOW_AWS_DB_PASSWORD"],)
        )
    assert "run the migration task first" in refusal()
    with contextlib.closing(postgres.connect()) as connection, connection.cursor() as cursor:
        for each in (name, auth):
            cursor.execute(f'CREATE DATABASE "{each}" OWNER "{env["MLFLOW_AWS_DB_USER"]}"')
    assert "at revision none" in refusal()
    assert postgres.query("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", database=name) == [(0,)]
    done = task.run("migrate")
    assert done.returncode == 0, done.stderr
    postgres.query("UPDATE users SET username = 'other'", database=auth)
    assert "the admin admin does not exist: run the migration task first" in refusal()
    postgres.query("UPDATE alembic_version SET version_num = 'f00f00f00f00'", database=name)
    assert "a newer MLflow migrated it" in refusal()
    assert "a newer MLflow migrated it" in task.run("migrate").stderr


@pytest.mark.slow
def test_upgrade_from_2_to_3(runtime_of: Callable[[str], Runtime], new_task: Callable[..., Task]) -> None:
    old = new_task(runtime_of("2.18.0"))
    assert old.run("migrate").returncode == 0
    new = old.with_runtime(runtime_of("3.17.2"))
    refused = new.run("serve")
    assert refused.returncode == 1
    assert "run the migration task first" in refused.stderr
    done = new.run("migrate")
    assert done.returncode == 0, done.stderr
    assert "its password is left alone" in done.stdout
    assert "tracking database" in done.stdout
    back = old.run("serve")
    assert back.returncode == 1
    assert "a newer MLflow migrated it" in back.stderr


def test_role_password_is_the_only_key(migrated: Task) -> None:
    name, role = migrated.env["MLFLOW_AWS_DB_TRACKING"], migrated.env["MLFLOW_AWS_DB_USER"]
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        migrated.postgres.connect(name, role, password())
