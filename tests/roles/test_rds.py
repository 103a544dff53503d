# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The database that the role makes: a real PostgreSQL, asked as its master user."""

from __future__ import annotations

import time
from typing import Any

import psycopg2
import pytest

from tests.roles.scenario import STACK, Scenario, tags

GROUP = f"{STACK}-db-postgres15"
PLAN = {
    f"create DB subnet group {STACK}-db",
    f"create DB parameter group {GROUP}",
    f"create DB instance {STACK}-db",
}


def keep_fewer_backups(scenario: Scenario) -> None:
    scenario.aws("rds").modify_db_instance(
        DBInstanceIdentifier=f"{STACK}-db", BackupRetentionPeriod=2, ApplyImmediately=True
    )


def log_every_statement(scenario: Scenario) -> None:
    parameter = {"ParameterName": "log_min_duration_statement", "ParameterValue": "0", "ApplyMethod": "immediate"}
    scenario.aws("rds").modify_db_parameter_group(DBParameterGroupName=GROUP, Parameters=[parameter])


DRIFTS = {
    keep_fewer_backups: f"change DB instance {STACK}-db: backup_retention_period",
    log_every_statement: f"change DB parameter group {GROUP}: parameters.log_min_duration_statement",
}
CHANGE: dict[str, Any] = {
    "rds_max_allocated_storage": 0,
    "rds_parameters": {"log_min_duration_statement": 700, "max_connections": 90},
}


def kept(scenario: Scenario) -> str:
    """RDS's own id of the instance: a replaced one has another."""
    return str(scenario.database()["DbiResourceId"])


def available(scenario: Scenario) -> dict[str, Any]:
    """The instance, once RDS is done with it."""
    waiter = scenario.aws("rds").get_waiter("db_instance_available")
    waiter.wait(DBInstanceIdentifier=f"{STACK}-db", WaiterConfig={"Delay": 1, "MaxAttempts": 120})
    return scenario.database()


def setting(scenario: Scenario, name: str) -> str:
    """A setting of PostgreSQL, as the server has it in force."""
    with scenario.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT current_setting(%s)", (name,))
        return str(cursor.fetchone()[0])


def test_the_plan_of_a_first_run(planned: list[str]) -> None:
    assert set(planned) == PLAN


def test_the_instance(applied: Scenario) -> None:
    instance = available(applied)
    assert instance["StorageEncrypted"] is True
    assert instance["PubliclyAccessible"] is False
    assert instance["EngineVersion"].startswith("15.")
    assert instance["BackupRetentionPeriod"] == 7
    assert instance["MaxAllocatedStorage"] == 100
    assert tags(instance["TagList"])["mlflow:component"] == "rds"
    assert [row["DBParameterGroupName"] for row in instance["DBParameterGroups"]] == [GROUP]


def test_it_lies_in_the_private_subnets_behind_its_own_group(applied: Scenario) -> None:
    ec2, instance = applied.aws("ec2"), applied.database()
    names = [{"Name": "group-name", "Values": [f"{STACK}-rds"]}]
    (group,) = ec2.describe_security_groups(Filters=names)["SecurityGroups"]
    assert [row["VpcSecurityGroupId"] for row in instance["VpcSecurityGroups"]] == [group["GroupId"]]
    private = ec2.describe_subnets(Filters=[{"Name": "tag:mlflow:tier", "Values": ["private"]}])["Subnets"]
    found = {row["SubnetIdentifier"] for row in instance["DBSubnetGroup"]["Subnets"]}
    assert found == {row["SubnetId"] for row in private}
    assert len(found) == 2


def test_the_master_user_gets_in_over_tls_alone(applied: Scenario) -> None:
    with applied.connect() as connection:
        assert connection.info.ssl_in_use
    with pytest.raises(psycopg2.OperationalError, match="no encryption"):
        applied.connect(sslmode="disable")
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        applied.connect(password="a guess")


def test_the_parameters_are_in_force(applied: Scenario) -> None:
    until(lambda: setting(applied, "log_min_duration_statement") == "5s")


def test_a_dynamic_parameter_comes_into_force_and_a_static_one_waits(changed: Scenario) -> None:
    until(lambda: setting(changed, "log_min_duration_statement") == "700ms")
    (group,) = changed.database()["DBParameterGroups"]
    assert group["ParameterApplyStatus"] == "pending-reboot"
    assert setting(changed, "max_connections") != "90"


def test_the_reboot_is_said_not_made(changed: Scenario) -> None:
    for run in ("change", "again"):
        assert f"aws rds reboot-db-instance --region eu-west-2 --db-instance-identifier {STACK}-db" in (
            changed.runs[run].output
        )


def test_it_does_not_grow_any_more(changed: Scenario) -> None:
    assert "MaxAllocatedStorage" not in changed.database()


def until(condition: Any, seconds: float = 20.0) -> None:
    """RDS takes parameters over a moment after it was asked to."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "still not so"
        time.sleep(0.5)
