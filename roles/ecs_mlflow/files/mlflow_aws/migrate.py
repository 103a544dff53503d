# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``mlflow-aws migrate``: MLflow's own role, its two databases, both schemas, the first admin.

Runs as a one-off task before any server starts or changes version. Running it again changes
nothing that is right already; running it twice at once is safe (an advisory lock on the server).
"""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import encrypt_password

from mlflow_aws import database as db
from mlflow_aws import gateway
from mlflow_aws.errors import Refusal
from mlflow_aws.locations import PROXIED, beside
from mlflow_aws.settings import Database, Master, MigrateSettings, migrate_settings

#: Seconds that a database instance may need until it accepts connections.
PATIENCE = 180.0
#: Seconds to wait for another migration of the same server.
LOCK_PATIENCE = 900
#: Any constant does, as long as every migration of this collection takes the same.
LOCK_KEY = 0x6D6C666C6F77
#: Passwords that MLflow has shipped as defaults, and the ones that people write in their place.
KNOWN_PASSWORDS = frozenset(("password", "password1234", "password12345", "adminadminadmin", "changeme1234"))
SHORTEST_PASSWORD = 12


def check_admin_password(password: str) -> None:
    """Whether the first admin may have ``password``.

    :raises Refusal: it is shorter than 12 characters (MLflow 3's own limit) or publicly known.
    """
    if password.lower() in KNOWN_PASSWORDS:
        raise Refusal("the admin password is a publicly known default: store a generated one in its secret")
    if len(password) < SHORTEST_PASSWORD:
        raise Refusal(f"the admin password has fewer than {SHORTEST_PASSWORD} characters: store a longer one")


@contextmanager
def _lock(connection: Any) -> Iterator[None]:
    """Hold the advisory lock of migrations while the block runs; closing the connection frees it too."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", (LOCK_KEY,))
        if not cursor.fetchone()[0]:
            print(f"another migration runs on this server: waiting up to {LOCK_PATIENCE} seconds", flush=True)
            cursor.execute("SELECT set_config('lock_timeout', %s, false)", (f"{LOCK_PATIENCE}s",))
            try:
                cursor.execute("SELECT pg_advisory_lock(%s)", (LOCK_KEY,))
            except psycopg2.errors.LockNotAvailable:
                raise Refusal(f"another migration held its lock for {LOCK_PATIENCE} seconds: see its log") from None
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", (LOCK_KEY,))


def _role_can_login(settings: Database, first_database: str) -> bool:
    """Whether the role has this password already. The privilege to connect is checked after the password."""
    try:
        db.connect(settings, first_database).close()
    except psycopg2.OperationalError as error:
        return "permission denied for database" in str(error)
    return True


def _ensure_role(connection: Any, name: str) -> None:
    """The role ``name`` exists, and may log in and nothing else."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT rolcanlogin, rolsuper, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = %s", (name,)
        )
        row = cursor.fetchone()
        if row is None:
            cursor.execute(sql.SQL("CREATE ROLE {} WITH LOGIN NOCREATEDB NOCREATEROLE").format(sql.Identifier(name)))
            print(f"role {name}: created")
        else:
            _ensure_attributes(cursor, sql.Identifier(name), name, *row)


def _ensure_password(connection: Any, settings: Database, master: Master) -> None:
    """The user that connects has this password."""
    if _role_can_login(settings, master.database):
        return
    # The server is given the SCRAM verifier, so that no statement log ever holds the password.
    verifier = encrypt_password(settings.password, settings.user, connection, "scram-sha-256")
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("ALTER ROLE {} WITH PASSWORD {}").format(sql.Identifier(settings.user), sql.Literal(verifier))
        )
    print(f"role {settings.user}: password set")


def _ensure_second(connection: Any, settings: Database) -> None:
    """The second user acts as the owner from the moment it connects, so that all it makes is the owner's."""
    owner, second = sql.Identifier(settings.owner), sql.Identifier(settings.user)
    with connection.cursor() as cursor:
        right = "SET" if connection.server_version >= 160000 else "MEMBER"
        cursor.execute("SELECT pg_has_role(%s, %s, %s)", (settings.user, settings.owner, right))
        is_member = cursor.fetchone()[0]
        cursor.execute(
            "SELECT coalesce(bool_or(%s = ANY (setconfig)), false) FROM pg_db_role_setting "
            "WHERE setrole = %s::regrole AND setdatabase = 0",
            (f"role={settings.owner}", f'"{settings.user}"'),
        )
        acts = cursor.fetchone()[0]
        try:
            if not is_member:
                cursor.execute(sql.SQL("GRANT {} TO {}").format(owner, second))
            if not acts:
                cursor.execute(sql.SQL("ALTER ROLE {} SET role TO {}").format(second, owner))
        except psycopg2.errors.InsufficientPrivilege:
            raise Refusal(
                f"the master user may not let {settings.user} act as {settings.owner}, since somebody else created "
                f"one of them: run GRANT {settings.owner} TO {settings.user} and ALTER ROLE {settings.user} SET role "
                f"TO {settings.owner} as its creator"
            ) from None
    if not is_member or not acts:
        print(f"role {settings.user}: acts as {settings.owner}")


def _ensure_attributes(
    cursor: Any, role: sql.Identifier, name: str, login: bool, superuser: bool, createdb: bool, createrole: bool
) -> None:
    """An existing role gets LOGIN and loses every right that MLflow does not need."""
    changes = [] if login else ["LOGIN"]
    # Only what differs is named: PostgreSQL lets none but a superuser even mention SUPERUSER.
    held = ((superuser, "NOSUPERUSER"), (createdb, "NOCREATEDB"), (createrole, "NOCREATEROLE"))
    changes += [word for has, word in held if has]
    if not changes:
        return
    try:
        cursor.execute(sql.SQL("ALTER ROLE {} WITH ").format(role) + sql.SQL(" ".join(changes)))
    except psycopg2.errors.InsufficientPrivilege:
        raise Refusal(
            f"the role {name} needs {', '.join(changes)} and the master user may not change it: "
            "give MLFLOW_AWS_DB_USER another name"
        ) from None
    print(f"role {name}: {', '.join(changes)}")


def _ensure_membership(connection: Any, name: str) -> None:
    """Let the master user create databases that the role ``name`` owns.

    RDS's master user is no superuser. It must be a member of the role; since PostgreSQL 16 with the
    SET option, which whoever created the role may grant to itself.
    """
    modern = connection.server_version >= 160000
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        if cursor.fetchone()[0]:
            return
        cursor.execute("SELECT pg_has_role(current_user, %s, %s)", (name, "SET" if modern else "MEMBER"))
        if cursor.fetchone()[0]:
            return
        options = sql.SQL(" WITH INHERIT TRUE, SET TRUE") if modern else sql.SQL("")
        try:
            cursor.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(name)) + options)
        except psycopg2.errors.InsufficientPrivilege:
            raise Refusal(
                f"the master user may not administer the role {name}, which somebody else created: "
                f"run GRANT {name} TO the master user WITH ADMIN OPTION as its creator, or name another role"
            ) from None


def _ensure_users(connection: Any, settings: Database, master: Master) -> None:
    """The owner of the databases, and the user that connects: the owner itself, or the second one."""
    _ensure_role(connection, settings.owner)
    _ensure_membership(connection, settings.owner)
    if settings.user != settings.owner:
        _ensure_role(connection, settings.user)
        _ensure_second(connection, settings)
    _ensure_password(connection, settings, master)


def _ensure_database(connection: Any, name: str, owner: str) -> None:
    """The database exists in UTF-8 and belongs to ``owner``."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = %s", (name,))
        row = cursor.fetchone()
        if row is None:
            cursor.execute(
                sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING 'UTF8'").format(
                    sql.Identifier(name), sql.Identifier(owner)
                )
            )
            print(f"database {name}: created")
        elif row[0] != owner:
            try:
                cursor.execute(
                    sql.SQL("ALTER DATABASE {} OWNER TO {}").format(sql.Identifier(name), sql.Identifier(owner))
                )
            except psycopg2.errors.InsufficientPrivilege:
                raise Refusal(
                    f"the database {name} belongs to {row[0]}: make {owner} its owner, or name another"
                ) from None
            print(f"database {name}: owner {row[0]} became {owner}")


def _adopt_relations(settings: Database, master: Master, name: str) -> None:
    """Tables that the master user made (a stack built by hand) become the role's, or no migration could alter them."""
    connection = db.connect(settings, name, master.user, master.password)
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
                "WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p', 'v', 'm', 'S') "
                "AND pg_get_userbyid(c.relowner) = current_user "
                "AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass "
                "AND d.objid = c.oid AND d.deptype IN ('a', 'e', 'i'))"
            )
            adopted = [row[0] for row in cursor.fetchall()]
            for relation in adopted:
                # ALTER TABLE is the statement for views and sequences too.
                cursor.execute(
                    sql.SQL("ALTER TABLE public.{} OWNER TO {}").format(
                        sql.Identifier(relation), sql.Identifier(settings.owner)
                    )
                )
        if adopted:
            print(f"database {name}: {len(adopted)} tables of {master.user} became {settings.owner}'s")
    finally:
        connection.close()


def _close_to_others(settings: Database, name: str) -> None:
    """Nobody but the owner (and administrators) may connect to the database."""
    connection = db.connect(settings, name)
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT EXISTS (SELECT 1 FROM pg_database d, "
                "aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a "
                "WHERE d.datname = current_database() AND a.grantee = 0)"
            )
            if cursor.fetchone()[0]:
                cursor.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name)))
                print(f"database {name}: closed to other roles")
    finally:
        connection.close()


def _migrate_tracking(settings: Database, empty: bool) -> None:
    """Create or upgrade the tracking schema, and make the experiment 0 before servers could race for it."""
    from mlflow.store.db import utils
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    uri = db.sqlalchemy_uri(settings, settings.tracking)
    engine = utils.create_sqlalchemy_engine_with_retry(uri)
    try:
        if empty:
            # `mlflow db upgrade` fails on an empty database in MLflow 2: the oldest tables come first.
            utils._initialize_tables(engine)
        else:
            utils._upgrade_db(engine)
    finally:
        engine.dispose()

    class Store(SqlAlchemyStore):
        """The bucket may hold what a former database knew as experiment 0, and this task may not look into it."""

        def _get_artifact_location(self, experiment_id: int) -> str:
            return beside(f"{PROXIED}:/{experiment_id}")

    Store(uri, f"{PROXIED}:/")  # type: ignore[no-untyped-call]


def _migrate_auth(settings: MigrateSettings) -> None:
    """Create or upgrade the login schema, and make the first admin when it is absent."""
    from mlflow.server.auth.db import utils
    from mlflow.server.auth.sqlalchemy_store import SqlAlchemyStore
    from mlflow.store.db.utils import create_sqlalchemy_engine_with_retry

    uri = db.sqlalchemy_uri(settings.database, settings.database.auth)
    engine = create_sqlalchemy_engine_with_retry(uri)
    try:
        utils.migrate(engine, "head")
    finally:
        engine.dispose()
    store = SqlAlchemyStore()
    store.init_db(uri)
    name = settings.admin_username
    if not store.has_user(name):
        check_admin_password(settings.admin_password)
        store.create_user(name, settings.admin_password, is_admin=True)
        print(f"admin {name}: created")
        return
    if not store.get_user(name).is_admin:
        raise Refusal(f"the user {name} exists but is no admin: name another MLFLOW_AWS_ADMIN_USERNAME")
    print(f"admin {name}: exists, its password is left alone")
    if any(store.authenticate_user(name, known) for known in ("password", "password1234")):
        print(f"WARNING: admin {name} still has a publicly known default password: rotate it now")


def _protect_stored_secrets(settings: MigrateSettings) -> None:
    connection = db.connect(settings.database, settings.database.tracking)
    try:
        gateway.rewrap(connection, settings.gateway_passphrase)
        gateway.disarm(connection, settings.gateway_passphrase)
    finally:
        connection.close()


def _prepare_environment() -> None:
    """What MLflow reads at import: telemetry off, and an ini without a database for its auth package."""
    warnings.simplefilter("ignore")  # deprecations between MLflow and its libraries are no news for an operator
    os.environ.update(MLFLOW_DISABLE_TELEMETRY="true", DO_NOT_TRACK="true", GIT_PYTHON_REFRESH="quiet")
    handle, name = tempfile.mkstemp(prefix="mlflow-aws-", suffix=".ini")
    with os.fdopen(handle, "w", encoding="utf-8") as ini:
        ini.write("[mlflow]\ndefault_permission = NO_PERMISSIONS\ndatabase_uri = sqlite://\n")
        ini.write("admin_username =\nadmin_password =\n")
    os.environ["MLFLOW_AUTH_CONFIG_PATH"] = name
    # The engines of the migration are short-lived: two connections each are plenty.
    os.environ.setdefault("MLFLOW_SQLALCHEMYSTORE_POOL_SIZE", "2")


def run(settings: MigrateSettings) -> None:
    """Do the whole migration; prints what it changed and the revisions before and after.

    :raises Refusal: a person must mend something first.
    """
    database, master = settings.database, settings.master
    folder = db.mlflow_folder()
    schemas = ((db.tracking_schema(folder), database.tracking), (db.auth_schema(folder), database.auth))
    connection = db.wait_for(
        lambda: db.connect(database, master.database, master.user, master.password),
        f"PostgreSQL at {database.host}",
        PATIENCE,
    )
    try:
        with _lock(connection):
            _ensure_users(connection, database, master)
            for _schema, name in schemas:
                _ensure_database(connection, name, database.owner)
                _adopt_relations(database, master, name)
                _close_to_others(database, name)
            before = _revisions_of(database, schemas)
            _prepare_environment()
            try:
                _migrate_tracking(database, empty=before[0] is None)
                _migrate_auth(settings)
                _protect_stored_secrets(settings)
            finally:
                Path(os.environ["MLFLOW_AUTH_CONFIG_PATH"]).unlink(missing_ok=True)
            after = _revisions_of(database, schemas)
    finally:
        connection.close()
    for (schema, name), old, new in zip(schemas, before, after, strict=True):
        if new != schema.head:
            raise Refusal(f"the {schema.what} database {name} is at {new} after the migration, expected {schema.head}")
        change = f"{new}, up to date" if old == new else f"{old or 'empty'} -> {new}"
        print(f"{schema.what} database {name}: {change}")


def _revisions_of(database: Database, schemas: tuple[tuple[db.Schema, str], ...]) -> list[str | None]:
    found = []
    for schema, name in schemas:
        connection = db.connect(database, name)
        try:
            found.append(schema.current(connection))
        finally:
            connection.close()
        schema.check_not_newer(found[-1])
    return found


def main(environ: Mapping[str, str]) -> int:
    """The command: 0 when both databases are at the newest schema and the admin exists."""
    run(migrate_settings(environ))
    return 0


def reset_admin(environ: Mapping[str, str]) -> int:
    """The command ``reset-admin``: 0 when the admin has the password of its secret, which was lost and made anew.

    :raises Refusal: there is no such admin, or the password is a bad one.
    """
    settings = migrate_settings(environ)
    name, password = settings.admin_username, settings.admin_password
    check_admin_password(password)
    _prepare_environment()
    try:
        from mlflow.server.auth.sqlalchemy_store import SqlAlchemyStore

        store = SqlAlchemyStore()
        store.init_db(db.sqlalchemy_uri(settings.database, settings.database.auth))
        if not store.has_user(name):
            raise Refusal(f"there is no user {name}: run the migration, which creates it")
        store.update_user(name, password=password, is_admin=True)
    finally:
        Path(os.environ["MLFLOW_AUTH_CONFIG_PATH"]).unlink(missing_ok=True)
    print(f"admin {name}: password set")
    return 0
