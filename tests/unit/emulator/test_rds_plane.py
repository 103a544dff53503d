# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The RDS plane: real PostgreSQL servers behind the RDS API."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import yaml
from botocore.exceptions import ClientError
from moto.rds.exceptions import RDSClientError

from emulator.kernel import start_time
from emulator.rds import binaries, changes, rules, settings
from emulator.rds.cluster import reserve
from emulator.rds.worker import Job, Worker
from tests.embedded import EmbeddedAws, emulator

MASTER = "master"


def name(prefix: str) -> str:
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


def password() -> str:
    return secrets.token_urlsafe(24)


def connect(instance: dict[str, Any], secret: str, sslmode: str = "require", **options: Any) -> Any:
    """A connection to the endpoint that DescribeDBInstances answered, in autocommit mode."""
    endpoint = instance["Endpoint"]
    connection = psycopg2.connect(
        host=endpoint["Address"],
        port=endpoint["Port"],
        user=options.pop("user", MASTER),
        password=secret,
        dbname=options.pop("dbname", "orders"),
        sslmode=sslmode,
        connect_timeout=10,
        **options,
    )
    connection.autocommit = True
    return connection


def query(instance: dict[str, Any], secret: str, statement: str, **options: Any) -> list[tuple[Any, ...]]:
    with contextlib.closing(connect(instance, secret, **options)) as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


def describe(rds: Any, identifier: str) -> dict[str, Any]:
    found: dict[str, Any] = rds.describe_db_instances(DBInstanceIdentifier=identifier)["DBInstances"][0]
    return found


def eventually(probe: Callable[[], Any], seconds: float = 60.0) -> Any:
    end = time.monotonic() + seconds
    while not (found := probe()) and time.monotonic() < end:
        time.sleep(0.1)
    return found


@pytest.fixture(scope="module")
def rds(aws: EmbeddedAws) -> Any:
    return aws.client("rds")


def request(identifier: str, secret: str, **more: Any) -> dict[str, Any]:
    return {
        "DBInstanceIdentifier": identifier,
        "Engine": "postgres",
        "EngineVersion": "15.7",
        "DBInstanceClass": "db.t3.micro",
        "AllocatedStorage": 20,
        "MasterUsername": MASTER,
        "MasterUserPassword": secret,
        "DBName": "orders",
        "Port": 15432,
        **more,
    }


@pytest.fixture(scope="module")
def shared(rds: Any) -> Iterator[tuple[str, str]]:
    """The identifier and password of an instance that tests leave as they find it."""
    identifier, secret = name("shared"), password()
    rds.create_db_instance(**request(identifier, secret))
    yield identifier, secret
    rds.delete_db_instance(DBInstanceIdentifier=identifier, SkipFinalSnapshot=True)


def refused(call: Callable[..., Any], **arguments: Any) -> tuple[str, str]:
    """The code and message of the error that a call must end in."""
    with pytest.raises(ClientError) as failure:
        call(**arguments)
    error = failure.value.response["Error"]
    return error["Code"], error["Message"]


# -- a server behind the record ---------------------------------------------------------------------


def test_master_user_reaches_the_endpoint_over_tls(rds: Any, shared: tuple[str, str], aws: EmbeddedAws) -> None:
    identifier, secret = shared
    instance = describe(rds, identifier)
    assert instance["DBInstanceStatus"] == "available"
    assert instance["EngineVersion"] == "15.7"
    authority = aws.state / "rds" / f"{instance['CACertificateIdentifier']}.pem"
    with contextlib.closing(connect(instance, secret, "verify-full", sslrootcert=str(authority))) as connection:
        assert connection.info.ssl_in_use
        cursor = connection.cursor()
        cursor.execute("SELECT current_user, current_database(), current_setting('is_superuser')")
        assert cursor.fetchone() == (MASTER, "orders", "off")
        cursor.execute("SELECT pg_has_role(current_user, 'rds_superuser', 'member')")
        assert cursor.fetchone() == (True,)
    assert int(query(instance, secret, "SHOW server_version_num")[0][0]) // 10000 == 16
    assert query(instance, secret, "SHOW password_encryption") == [("scram-sha-256",)]


def test_wrong_password_and_plain_text_are_refused(rds: Any, shared: tuple[str, str]) -> None:
    identifier, secret = shared
    instance = describe(rds, identifier)
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        connect(instance, password())
    # rds.force_ssl is 1 in the default group of version 15.
    with pytest.raises(psycopg2.OperationalError, match=r"no pg_hba\.conf entry .* no encryption"):
        connect(instance, secret, "disable")
    for user in ("rdsadmin", "rds_superuser"):
        with pytest.raises(psycopg2.OperationalError):
            connect(instance, secret, user=user)


def test_master_user_makes_roles_and_databases_of_others(rds: Any, shared: tuple[str, str]) -> None:
    identifier, secret = shared
    instance, own = describe(rds, identifier), password()
    for statement in (
        f"CREATE ROLE app LOGIN PASSWORD '{own}'",
        f"GRANT app TO {MASTER}",
        "CREATE DATABASE app OWNER app",
    ):
        query(instance, secret, statement)
    assert query(instance, own, "SELECT current_user", user="app", dbname="app") == [("app",)]
    with pytest.raises(psycopg2.Error, match=r"permission denied|must be superuser|Only roles with"):
        query(instance, secret, "CREATE ROLE boss SUPERUSER")


def test_a_query_can_be_cancelled(rds: Any, shared: tuple[str, str]) -> None:
    identifier, secret = shared
    with contextlib.closing(connect(describe(rds, identifier), secret)) as connection:
        threading.Timer(0.3, connection.cancel).start()
        with pytest.raises(psycopg2.errors.QueryCanceled):
            connection.cursor().execute("SELECT pg_sleep(30)")


def test_large_results_pass_the_endpoint_whole(rds: Any, shared: tuple[str, str]) -> None:
    identifier, secret = shared
    (found,) = query(describe(rds, identifier), secret, "SELECT repeat('x', 20000000)")
    assert found[0] == "x" * 20_000_000


def test_no_secret_in_arguments_logs_or_files(rds: Any, shared: tuple[str, str], aws: EmbeddedAws) -> None:
    identifier, secret = shared
    server, front = (
        next(part for part in aws.parts() if part["name"] == each) for each in (identifier, f"{identifier} (endpoint)")
    )
    for part in (server, front):
        assert secret not in Path(f"/proc/{part['pid']}/cmdline").read_text(encoding="utf-8")
    data = Path(server["log"]).parent / "data"
    for folder, _, files in os.walk(aws.state):
        for file in (Path(folder, each) for each in files):
            if file.is_relative_to(data) and file.parent.name != "data":
                continue  # PostgreSQL's own, below a folder of mode 0700
            assert file.stat().st_mode & 0o077 == 0, file
            assert secret.encode() not in file.read_bytes(), file
    assert data.stat().st_mode & 0o077 == 0


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_the_server_is_not_root_and_loopback_only(rds: Any, shared: tuple[str, str], aws: EmbeddedAws) -> None:
    server = next(part for part in aws.parts() if part["name"] == shared[0])
    status = dict(
        line.split(":\t", 1)
        for line in Path(f"/proc/{server['pid']}/status").read_text("utf-8").splitlines()
        if ":\t" in line
    )
    assert "0" not in status["Uid"].split()
    # At most the two capabilities that overlook file permissions.
    assert int(status["CapEff"], 16) & ~0b110 == 0
    with socket.socket() as probe:
        probe.settimeout(2)
        hosts = {found[4][0] for found in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
        for host in (each for each in map(str, hosts) if not each.startswith("127.")):
            assert probe.connect_ex((host, server["port"])) != 0


# -- the life of an instance ------------------------------------------------------------------------


def test_a_life(rds: Any, aws: EmbeddedAws) -> None:
    """Create, modify the password, stop, start, reboot, snapshot, restore, delete with a final snapshot."""
    identifier, secret, newer = name("life"), password(), password()
    created = rds.create_db_instance(**request(identifier, secret, BackupRetentionPeriod=1))["DBInstance"]
    assert created["DBInstanceStatus"] == "creating"
    assert "Endpoint" not in created
    instance = describe(rds, identifier)
    query(instance, secret, "CREATE TABLE t AS SELECT generate_series(1, 1000) AS n")

    changed = rds.modify_db_instance(DBInstanceIdentifier=identifier, MasterUserPassword=newer)["DBInstance"]
    assert changed["DBInstanceStatus"] == "resetting-master-credentials"
    assert changed["PendingModifiedValues"] == {"MasterUserPassword": "****"}
    instance = describe(rds, identifier)
    assert instance["PendingModifiedValues"] == {}
    with pytest.raises(psycopg2.OperationalError):
        connect(instance, secret)
    assert query(instance, newer, "SELECT count(*) FROM t") == [(1000,)]

    assert rds.stop_db_instance(DBInstanceIdentifier=identifier)["DBInstance"]["DBInstanceStatus"] == "stopping"
    stopped = describe(rds, identifier)
    assert (stopped["DBInstanceStatus"], stopped["Endpoint"]) == ("stopped", instance["Endpoint"])
    with pytest.raises(psycopg2.OperationalError, match="refused"):
        connect(stopped, newer)
    assert refused(rds.reboot_db_instance, DBInstanceIdentifier=identifier)[0] == "InvalidDBInstanceState"
    assert refused(rds.create_db_snapshot, DBInstanceIdentifier=identifier, DBSnapshotIdentifier="no") == (
        "InvalidDBInstanceState",
        f"Cannot create a snapshot because the database instance {identifier} is not currently in the available state.",
    )
    rds.start_db_instance(DBInstanceIdentifier=identifier)
    assert query(describe(rds, identifier), newer, "SELECT count(*) FROM t") == [(1000,)]
    with contextlib.closing(connect(describe(rds, identifier), newer)) as connection:
        rds.reboot_db_instance(DBInstanceIdentifier=identifier)
        assert describe(rds, identifier)["DBInstanceStatus"] == "available"
        with pytest.raises(psycopg2.Error):
            connection.cursor().execute("SELECT 1")

    snapshot, final = name("manual"), name("final")
    made = rds.create_db_snapshot(DBInstanceIdentifier=identifier, DBSnapshotIdentifier=snapshot)["DBSnapshot"]
    assert (made["Status"], made["PercentProgress"]) == ("creating", 0)
    (shown,) = rds.describe_db_snapshots(DBSnapshotIdentifier=snapshot)["DBSnapshots"]
    assert (shown["Status"], shown["PercentProgress"]) == ("available", 100)
    query(describe(rds, identifier), newer, "DELETE FROM t")

    restored = name("restored")
    rds.restore_db_instance_from_db_snapshot(DBInstanceIdentifier=restored, DBSnapshotIdentifier=snapshot)
    copy = describe(rds, restored)
    assert copy["Endpoint"] != instance["Endpoint"]
    assert copy["DbiResourceId"] != instance["DbiResourceId"]
    assert query(copy, newer, "SELECT count(*) FROM t") == [(1000,)]
    assert query(describe(rds, identifier), newer, "SELECT count(*) FROM t") == [(0,)]
    rds.delete_db_instance(DBInstanceIdentifier=restored, SkipFinalSnapshot=True)

    assert refused(rds.delete_db_instance, DBInstanceIdentifier=identifier) == (
        "InvalidParameterCombination",
        "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.",
    )
    deleted = rds.delete_db_instance(DBInstanceIdentifier=identifier, FinalDBSnapshotIdentifier=final)["DBInstance"]
    assert deleted["DBInstanceStatus"] == "deleting"
    assert refused(rds.describe_db_instances, DBInstanceIdentifier=identifier)[0] == "DBInstanceNotFound"
    kinds = {
        each["DBSnapshotIdentifier"]: each["Status"]
        for each in rds.describe_db_snapshots(DBInstanceIdentifier=identifier)["DBSnapshots"]
    }
    assert kinds == {snapshot: "available", final: "available"}  # the automated one went with it
    messages = [
        each["Message"] for each in rds.describe_events(SourceType="db-instance", SourceIdentifier=identifier)["Events"]
    ]
    assert [each for each in messages if "DB instance" in each][-4:] == [
        "DB instance stopped",
        "DB instance started",
        "DB instance restarted",
        "DB instance deleted",
    ]

    folders = {each.name for each in (aws.state / "rds" / "snapshots").iterdir()}
    for each in (snapshot, final):
        rds.delete_db_snapshot(DBSnapshotIdentifier=each)
    assert len(folders - {each.name for each in (aws.state / "rds" / "snapshots").iterdir()}) == 2
    assert not list((aws.state / "rds").glob(f"{identifier}.*"))


def test_a_copy_of_a_snapshot_outlives_it(rds: Any, shared: tuple[str, str]) -> None:
    identifier, secret = shared
    first, copy, restored = name("first"), name("copy"), name("of-copy")
    rds.create_db_snapshot(DBInstanceIdentifier=identifier, DBSnapshotIdentifier=first)
    rds.copy_db_snapshot(SourceDBSnapshotIdentifier=first, TargetDBSnapshotIdentifier=copy)
    (shown,) = eventually(
        lambda: [
            each
            for each in rds.describe_db_snapshots(DBSnapshotIdentifier=copy)["DBSnapshots"]
            if each["Status"] == "available"
        ]
    )
    assert shown["SourceDBSnapshotIdentifier"].endswith(f":snapshot:{first}")
    rds.delete_db_snapshot(DBSnapshotIdentifier=first)
    rds.restore_db_instance_from_db_snapshot(DBInstanceIdentifier=restored, DBSnapshotIdentifier=copy)
    assert query(describe(rds, restored), secret, "SELECT 1") == [(1,)]
    rds.delete_db_instance(DBInstanceIdentifier=restored, SkipFinalSnapshot=True)
    rds.delete_db_snapshot(DBSnapshotIdentifier=copy)


def test_there_are_no_read_replicas(rds: Any, shared: tuple[str, str]) -> None:
    code, message = refused(
        rds.create_db_instance_read_replica, DBInstanceIdentifier=name("r"), SourceDBInstanceIdentifier=shared[0]
    )
    assert (code, "no read replicas" in message) == ("InvalidParameterCombination", True)


def test_restore_to_the_latest_time(rds: Any, shared: tuple[str, str]) -> None:
    identifier, secret = shared
    query(describe(rds, identifier), secret, "CREATE TABLE latest AS SELECT 42 AS n")
    target = name("latest")
    arguments = {"SourceDBInstanceIdentifier": identifier, "TargetDBInstanceIdentifier": target}
    code, _ = refused(rds.restore_db_instance_to_point_in_time, **arguments, RestoreTime="2020-01-01T00:00:00Z")
    assert code == "InvalidRestoreFault"
    rds.restore_db_instance_to_point_in_time(**arguments, UseLatestRestorableTime=True)
    assert query(describe(rds, target), secret, "SELECT n FROM latest") == [(42,)]
    assert "ReadReplicaSourceDBInstanceIdentifier" not in describe(rds, target)
    rds.delete_db_instance(DBInstanceIdentifier=target, SkipFinalSnapshot=True)


def test_a_server_that_dies_is_started_again(rds: Any, shared: tuple[str, str], aws: EmbeddedAws) -> None:
    identifier, secret = shared
    instance = describe(rds, identifier)
    query(instance, secret, "CREATE TABLE committed AS SELECT 1 AS n")
    for part in (f"{identifier} (endpoint)", identifier):
        os.kill(next(each["pid"] for each in aws.parts() if each["name"] == part), signal.SIGKILL)

    def rows() -> list[tuple[Any, ...]]:
        try:
            return query(instance, secret, "SELECT n FROM committed")
        except psycopg2.Error:
            return []

    assert eventually(rows) == [(1,)]
    events = rds.describe_events(SourceType="db-instance", SourceIdentifier=identifier)["Events"]
    assert [each["Message"] for each in events][-1] == "Recovery of the DB instance is complete."


def test_modifications_wait_for_their_window_unless_told(rds: Any, shared: tuple[str, str]) -> None:
    identifier, secret = shared

    def modify(**more: Any) -> dict[str, Any]:
        rds.modify_db_instance(DBInstanceIdentifier=identifier, **more)
        return describe(rds, identifier)

    waiting = modify(AllocatedStorage=30, DBInstanceClass="db.t3.small", CopyTagsToSnapshot=True)
    assert waiting["CopyTagsToSnapshot"] is True
    assert (waiting["AllocatedStorage"], waiting["DBInstanceClass"]) == (20, "db.t3.micro")
    assert waiting["PendingModifiedValues"] == {"AllocatedStorage": 30, "DBInstanceClass": "db.t3.small"}
    before = query(waiting, secret, "SHOW max_connections")
    done = modify(MultiAZ=True, ApplyImmediately=True)
    assert (done["AllocatedStorage"], done["DBInstanceClass"], done["MultiAZ"]) == (30, "db.t3.small", True)
    assert done["PendingModifiedValues"] == {}
    assert int(query(done, secret, "SHOW max_connections")[0][0]) > int(before[0][0])

    moved = modify(DBPortNumber=15433)
    assert moved["Endpoint"]["Port"] != waiting["Endpoint"]["Port"]
    assert query(moved, secret, "SELECT 1") == [(1,)]

    renamed = name("renamed")
    rds.modify_db_instance(DBInstanceIdentifier=identifier, NewDBInstanceIdentifier=renamed, ApplyImmediately=True)
    assert describe(rds, renamed)["DBInstanceArn"].endswith(renamed)
    assert refused(rds.describe_db_instances, DBInstanceIdentifier=identifier)[0] == "DBInstanceNotFound"
    rds.modify_db_instance(DBInstanceIdentifier=renamed, NewDBInstanceIdentifier=identifier, ApplyImmediately=True)
    assert query(describe(rds, identifier), secret, "SELECT 1") == [(1,)]


def test_parameter_groups_reach_the_server(rds: Any, shared: tuple[str, str]) -> None:
    identifier, secret = shared
    group = name("group")
    rds.create_db_parameter_group(DBParameterGroupName=group, DBParameterGroupFamily="postgres15", Description="test")

    def set_parameter(parameter: str, value: str, method: str) -> None:
        row = {"ParameterName": parameter, "ParameterValue": value, "ApplyMethod": method}
        rds.modify_db_parameter_group(DBParameterGroupName=group, Parameters=[row])

    def status() -> str:
        return str(describe(rds, identifier)["DBParameterGroups"][0]["ParameterApplyStatus"])

    set_parameter("work_mem", "5000", "pending-reboot")
    rds.modify_db_instance(DBInstanceIdentifier=identifier, DBParameterGroupName=group)
    assert status() == "pending-reboot"  # at once: a client that reads it too early would not reboot
    rds.reboot_db_instance(DBInstanceIdentifier=identifier)
    assert status() == "in-sync"
    assert query(describe(rds, identifier), secret, "SHOW work_mem") == [("5000kB",)]

    set_parameter("work_mem", "6000", "pending-reboot")
    assert status() == "pending-reboot"
    set_parameter("work_mem", "5000", "pending-reboot")
    assert status() == "in-sync"
    set_parameter("rds.force_ssl", "0", "immediate")
    set_parameter("log_min_duration_statement", "700", "immediate")
    shown = eventually(
        lambda: query(describe(rds, identifier), secret, "SHOW log_min_duration_statement") == [("700ms",)]
    )
    assert shown
    assert query(describe(rds, identifier), secret, "SELECT 1", sslmode="disable") == [(1,)]


def test_a_managed_password_is_in_the_secret(rds: Any, aws: EmbeddedAws) -> None:
    identifier = name("managed")
    arguments = request(identifier, "", ManageMasterUserPassword=True)
    del arguments["MasterUserPassword"]
    rds.create_db_instance(**arguments)
    instance = describe(rds, identifier)
    found = aws.client("secretsmanager").get_secret_value(SecretId=instance["MasterUserSecret"]["SecretArn"])
    secret = json.loads(found["SecretString"])
    assert query(instance, secret["password"], "SELECT 1", user=secret["username"]) == [(1,)]
    rds.delete_db_instance(DBInstanceIdentifier=identifier, SkipFinalSnapshot=True)


# -- refusals ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "code", "message"),
    [
        ({"EngineVersion": "15.99"}, "InvalidParameterCombination", "Cannot find version 15.99 for postgres"),
        ({"MasterUserPassword": "a" * 7}, "InvalidParameterValue", "shorter than 8 characters"),
        ({"MasterUserPassword": "a" * 129}, "InvalidParameterValue", "longer than 128 characters"),
        ({"MasterUserPassword": "with space and/at@"}, "InvalidParameterValue", "Only printable ASCII characters"),
        ({"MasterUsername": "rdsadmin"}, "InvalidParameterValue", "reserved word used by the engine"),
        ({"DBName": "1st"}, "InvalidParameterValue", "DBName must begin with a letter"),
        ({"AllocatedStorage": 5}, "InvalidParameterCombination", "Invalid storage size for engine name postgres"),
    ],
)
def test_create_refuses(rds: Any, more: dict[str, Any], code: str, message: str) -> None:
    identifier = name("refused")
    found = refused(rds.create_db_instance, **request(identifier, password()) | more)
    assert found[0] == code
    assert message in found[1]
    assert refused(rds.describe_db_instances, DBInstanceIdentifier=identifier)[0] == "DBInstanceNotFound"


def test_an_instance_exists_once_and_can_be_protected(rds: Any, shared: tuple[str, str]) -> None:
    identifier, _ = shared
    assert refused(rds.create_db_instance, **request(identifier, password()))[0] == "DBInstanceAlreadyExists"
    rds.modify_db_instance(DBInstanceIdentifier=identifier, DeletionProtection=True)
    code, message = refused(rds.delete_db_instance, DBInstanceIdentifier=identifier, SkipFinalSnapshot=True)
    assert code == "InvalidParameterCombination"
    assert "Cannot delete protected DB Instance" in message
    rds.modify_db_instance(DBInstanceIdentifier=identifier, DeletionProtection=False)
    both = {"SkipFinalSnapshot": True, "FinalDBSnapshotIdentifier": "x"}
    assert refused(rds.delete_db_instance, DBInstanceIdentifier=identifier, **both)[0] == "InvalidParameterCombination"


# -- time -------------------------------------------------------------------------------------------


def test_latency_and_the_end_of_everything(start_aws: Callable[..., EmbeddedAws]) -> None:
    slow = start_aws(latency=0.014)  # a creation is 368 s on AWS, so 5.1 s here
    rds, identifier, secret = slow.client("rds"), name("slow"), password()
    began = time.monotonic()
    rds.create_db_instance(**request(identifier, secret))
    assert time.monotonic() - began < 5.1
    shown = describe(rds, identifier)
    assert shown["DBInstanceStatus"] == "creating"
    assert "Endpoint" not in shown
    assert refused(rds.stop_db_instance, DBInstanceIdentifier=identifier)[0] == "InvalidDBInstanceState"
    assert eventually(lambda: describe(rds, identifier)["DBInstanceStatus"] == "available")
    assert time.monotonic() - began > 5.1
    assert query(describe(rds, identifier), secret, "SELECT 1") == [(1,)]
    # A creation can be cut short.
    other = name("short")
    rds.create_db_instance(**request(other, secret))
    deleting = rds.delete_db_instance(DBInstanceIdentifier=other, SkipFinalSnapshot=True)["DBInstance"]
    assert deleting["DBInstanceStatus"] == "deleting"
    assert "already being deleted" in refused(rds.delete_db_instance, DBInstanceIdentifier=other)[1]
    left = eventually(lambda: all(each["name"] != other for each in slow.parts()))
    assert left
    gone = eventually(lambda: other not in str(rds.describe_db_instances()["DBInstances"]))
    assert gone
    # And the end of the daemon is the end of every server.
    pids = [part["pid"] for part in slow.parts()]
    assert len(pids) == 3  # control plane, server, endpoint
    assert emulator("stop", "--state", str(slow.state)).returncode == 0
    assert not [pid for pid in pids if start_time(pid)]


def test_a_change_of_the_storage_is_followed_by_its_optimization(start_aws: Callable[..., EmbeddedAws]) -> None:
    """RDS user guide, "Increasing DB instance storage capacity" and "DB instance status"; API CreateDBSnapshot."""
    # Three hours and six on AWS: 5.4 and 10.8 seconds.
    rds, identifier, secret = start_aws(latency=0.0005).client("rds"), name("volume"), password()

    def status() -> str:
        return str(describe(rds, identifier)["DBInstanceStatus"])

    def modify(**more: Any) -> None:
        rds.modify_db_instance(DBInstanceIdentifier=identifier, ApplyImmediately=True, **more)

    rds.create_db_instance(**request(identifier, secret))
    assert eventually(lambda: status() == "available")
    modify(AllocatedStorage=30)
    began = time.monotonic()
    assert eventually(lambda: status() == "storage-optimization")
    assert describe(rds, identifier)["AllocatedStorage"] == 30
    assert query(describe(rds, identifier), secret, "SELECT 1") == [(1,)]
    refusal = (
        "InvalidParameterCombination",
        "You can't currently modify the storage of this DB instance because the previous storage change is being "
        "optimized.",
    )
    another = {"DBInstanceIdentifier": identifier, "AllocatedStorage": 40}
    for when in ({"ApplyImmediately": True}, {}):
        assert refused(rds.modify_db_instance, **another, **when) == refusal
    assert refused(rds.modify_db_instance, DBInstanceIdentifier=identifier, StorageType="gp3") == refusal

    # Whatever is not the storage may change; the storage may be named as it is.
    modify(AllocatedStorage=30, CopyTagsToSnapshot=True)
    snapshot = name("meanwhile")
    rds.create_db_snapshot(DBInstanceIdentifier=identifier, DBSnapshotIdentifier=snapshot)
    assert eventually(lambda: status() == "storage-optimization")
    rds.reboot_db_instance(DBInstanceIdentifier=identifier)

    # Six hours, also where the optimization is over before.
    assert eventually(lambda: status() == "available")
    assert time.monotonic() - began > 5.3
    assert refused(rds.modify_db_instance, **another) == refusal
    time.sleep(max(0.0, began + 11 - time.monotonic()))
    modify(AllocatedStorage=40)
    assert eventually(lambda: describe(rds, identifier)["AllocatedStorage"] == 40)


# -- amazon.aws -------------------------------------------------------------------------------------

PLAY = """
- hosts: localhost
  gather_facts: false
  tasks:
    - &instance
      amazon.aws.rds_instance:
        db_instance_identifier: "{{ identifier }}"
        engine: postgres
        engine_version: "15.7"
        db_instance_class: db.t3.micro
        allocated_storage: 20
        max_allocated_storage: 100
        storage_type: gp3
        storage_encrypted: true
        username: master
        password: "{{ lookup('ansible.builtin.env', 'TEST_PASSWORD') }}"
        db_name: orders
        multi_az: true
        backup_retention_period: 7
        preferred_backup_window: 03:00-03:30
        preferred_maintenance_window: Sun:04:00-Sun:04:30
        enable_performance_insights: true
        copy_tags_to_snapshot: true
        auto_minor_version_upgrade: true
        publicly_accessible: false
        enable_cloudwatch_logs_exports: [postgresql, upgrade]
        enable_iam_database_authentication: true
        ca_certificate_identifier: rds-ca-rsa2048-g1
        db_subnet_group_name: "{{ group }}"
        tags: {team: data}
        apply_immediately: true
        wait: true
      register: first
    - <<: *instance
      register: second
    - <<: *instance
      check_mode: true
      register: third
    - ansible.builtin.assert:
        that: [first is changed, second is not changed, third is not changed, second.endpoint.address == '127.0.0.1']
    - amazon.aws.rds_instance:
        db_instance_identifier: "{{ identifier }}"
        state: absent
        final_db_snapshot_identifier: "{{ identifier }}-final"
        wait: true
      register: gone
    - ansible.builtin.assert:
        that: [gone is changed, gone.final_snapshot.status == 'available']
"""


def test_amazon_aws_modules(aws: EmbeddedAws, tmp_path: Path) -> None:
    ec2 = aws.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.20.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.20.{number}.0/24", AvailabilityZone=f"eu-west-2{zone}")["Subnet"][
            "SubnetId"
        ]
        for number, zone in enumerate("bc")
    ]
    group, identifier = name("group"), name("ansible")
    aws.client("rds").create_db_subnet_group(
        DBSubnetGroupName=group, DBSubnetGroupDescription="test", SubnetIds=subnets
    )
    play = tmp_path / "play.yml"
    play.write_text(PLAY, encoding="utf-8")
    log = tmp_path / "ansible.log"
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("ansible-playbook")),
            "-i",
            "localhost,",
            "-c",
            "local",
            str(play),
            "-e",
            json.dumps({"identifier": identifier, "group": group, "ansible_python_interpreter": sys.executable}),
        ],
        env={
            **aws.process_env,
            "TEST_PASSWORD": password(),
            "ANSIBLE_HOME": str(tmp_path),
            "ANSIBLE_LOG_PATH": str(log),
            "ANSIBLE_NOCOLOR": "1",
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    # The module polls once a minute: no task of it may have missed a single answer.
    begun = [datetime.fromisoformat(line[:23]) for line in log.read_text().splitlines() if "| TASK [" in line]
    assert len(begun) == len(yaml.safe_load(PLAY)[0]["tasks"])
    assert max(after - before for before, after in itertools.pairwise(begun)) < timedelta(seconds=55)


# -- parts ------------------------------------------------------------------------------------------


def test_the_nearest_major_at_or_above_serves() -> None:
    majors = [each.major for each in binaries.installed()]
    assert [found.major for found in map(binaries.choose, ("13.15", "15.7", "16.8", "17.2", "18.1")) if found] == [
        16,
        16,
        16,
        18,
        18,
    ]
    assert binaries.choose(f"{max(majors) + 1}.0") is None


@pytest.mark.parametrize(
    ("instance_class", "connections"),
    [("db.t3.micro", 79), ("db.t3.small", 188), ("db.t4g.medium", 400), ("db.r6g.2xlarge", 400), ("db.odd", 79)],
)
def test_max_connections_follow_the_class(instance_class: str, connections: int) -> None:
    assert settings.connections_of(instance_class) == connections


def test_only_asked_parameters_are_taken() -> None:
    rows = [
        {"ParameterName": "work_mem", "ParameterValue": "4096", "Source": "user"},
        {"ParameterName": "random_page_cost", "ParameterValue": "3", "Source": "engine-default"},
        {"ParameterName": "listen_addresses", "ParameterValue": "*", "Source": "user"},
        {"ParameterName": "effective_cache_size", "ParameterValue": "{DBInstanceClassMemory/16384}", "Source": "user"},
        {"ParameterName": "pg_stat_statements.max", "ParameterValue": "10", "Source": "user"},
        {"ParameterName": "rds.force_ssl", "ParameterValue": "0", "Source": "user"},
    ]
    known = frozenset({"work_mem", "random_page_cost", "listen_addresses", "effective_cache_size"})
    found = settings.from_parameter_group("db.t3.micro", "15.7", rows, known)
    assert found == settings.Settings(79, False, (("work_mem", "4096"),))
    assert "listen_addresses = '127.0.0.1'" in settings.configuration(found)
    assert settings.from_parameter_group("db.t3.micro", "14.9", [], known).force_ssl is False
    assert settings.from_parameter_group("db.t3.micro", "15.7", [], known).force_ssl is True


def test_a_value_cannot_leave_its_line() -> None:
    text = settings.configuration(settings.Settings(10, True, (("search_path", "a'\nfsync = on\\"),)))
    assert "\nfsync = on" not in text
    assert "search_path = 'a'' fsync = on\\\\'" in text


@pytest.mark.parametrize(
    ("asked", "got"), [("15.7", "15.7"), ("15", "15.10"), ("15.99", None), ("1", None), ("15.1", None)]
)
def test_versions(asked: str, got: str | None) -> None:
    offered = ["15.7", "15.10", "16.4"]
    if got is None:
        with pytest.raises(RDSClientError, match="Cannot find version"):
            rules.resolve_version(asked, offered)
    else:
        assert rules.resolve_version(asked, offered) == got


@pytest.mark.parametrize(
    ("current", "wanted", "major", "same", "message"),
    [
        ("15.7", "15.10", False, True, None),
        ("15.7", "16.4", True, True, None),
        ("15.10", "15.7", False, True, "Cannot upgrade postgres from 15.10 to 15.7"),
        ("15.7", "16.4", False, True, "The AllowMajorVersionUpgrade flag must be present"),
        ("15.7", "17.2", True, False, "Cannot upgrade postgres from 15.7 to 17.2"),
    ],
)
def test_upgrades(current: str, wanted: str, major: bool, same: bool, message: str | None) -> None:
    if message is None:
        rules.check_upgrade(current, wanted, major, same)
    else:
        with pytest.raises(RDSClientError, match=message):
            rules.check_upgrade(current, wanted, major, same)


@pytest.mark.parametrize(
    ("wanted", "used", "asked", "family", "message"),
    [
        ("15.10", "mine15", None, None, None),
        ("15.10", "mine15", "mine16", "postgres16", "Use a parameter group with DBParameterGroupFamily postgres15"),
        (
            "16.4",
            "mine15",
            None,
            None,
            "mine15 is custom. You must explicitly specify a new DB instance parameter group",
        ),
        ("16.4", "mine15", "mine15", "postgres15", "Use a parameter group with DBParameterGroupFamily postgres16"),
        ("16.4", "mine15", "default.postgres16", "postgres16", None),
        ("16.4", "default.postgres15", None, None, None),
    ],
)
def test_a_major_step_takes_a_parameter_group_of_its_family(
    wanted: str, used: str, asked: str | None, family: str | None, message: str | None
) -> None:
    if message is None:
        rules.check_parameter_group("15.7", wanted, used, asked, family)
    else:
        with pytest.raises(RDSClientError, match=message):
            rules.check_parameter_group("15.7", wanted, used, asked, family)


CURRENT = {"db_instance_class": "db.t3.micro", "backup_retention_period": 7, "allocated_storage": 20}


@pytest.mark.parametrize(
    ("request_", "status", "now", "pending"),
    [
        ({"db_instance_class": "db.t3.micro"}, None, {}, {}),
        ({"db_instance_class": "db.t3.small"}, None, {}, {"DBInstanceClass": "db.t3.small", "AllocatedStorage": 50}),
        (
            {"db_instance_class": "db.t3.small", "apply_immediately": True},
            "modifying",
            {},
            {"DBInstanceClass": "db.t3.small", "AllocatedStorage": 50},
        ),
        ({"backup_retention_period": 14}, None, {"backup_retention_period": 14}, {}),
        ({"backup_retention_period": 0}, None, {}, {"BackupRetentionPeriod": 0}),
        ({"master_user_password": "secret"}, "resetting-master-credentials", {}, {"MasterUserPassword": "****"}),
        ({"db_port_number": 5432}, None, {}, {}),
        ({"db_port_number": 5433}, "modifying", {}, {"Port": 5433}),
        ({"deletion_protection": True}, None, {"deletion_protection": True}, {}),
        ({"allocated_storage": 20}, None, {}, {}),
    ],
)
def test_modifications_are_sorted(
    request_: dict[str, Any], status: str | None, now: dict[str, Any], pending: dict[str, Any]
) -> None:
    waiting = {"allocated_storage": 50} if "AllocatedStorage" in pending else {}
    found = changes.sort(request_, CURRENT, waiting, 5432)
    assert (found.status(), found.now, found.pending()) == (status, now, pending)


def test_a_port_that_is_taken_is_replaced() -> None:
    with reserve(None, frozenset()) as first:
        port = first.getsockname()[1]
        with reserve(port, frozenset({port})) as other:
            assert other.getsockname()[1] != port
        first.listen()
        with reserve(port, frozenset()) as other:
            assert other.getsockname()[1] != port
    with reserve(port, frozenset()) as again:
        assert again.getsockname()[1] == port


def test_a_worker_settles_what_is_late_and_only_that() -> None:
    log: list[str] = []
    worker = Worker("test", lambda: None)

    def job(label: str, ready_at: float) -> Job:
        return Job(
            label, ready_at, lambda: time.sleep(0.05), lambda: log.append(label), lambda error: log.append(f"!{label}")
        )

    worker.submit(job("now", 0.0))
    worker.settle()
    assert log == ["now"]
    worker.submit(job("later", time.monotonic() + 60))
    began = time.monotonic()
    worker.settle()
    assert time.monotonic() - began < 30
    assert log == ["now"]
    worker.hurry()
    worker.settle()
    assert log == ["now", "later"]
    begun = threading.Event()
    worker.submit(replace(job("waits", time.monotonic() + 60), work=begun.set))
    worker.submit(job("never begun", 0.0))
    assert begun.wait(10)
    worker.close()
    assert log == ["now", "later", "!never begun"]
