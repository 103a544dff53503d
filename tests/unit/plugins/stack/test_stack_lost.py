# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What held data and is gone is never replaced silently; a deployment that never held any goes on."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack import lost
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.lost import lost_problems
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.names import stack_names

from tests.unit.plugins.run_module import run_module

REGION = "eu-west-2"
NAMES = stack_names("fraud", REGION)
ARN = "arn:aws:secretsmanager:eu-west-2:123456789012:secret:"
SNAPSHOT = {"snapshot": "before-upgrade", "resource_id": "db-A", "time": "2026-11-29 03:00:00+00:00"}
RETAINED = {"snapshot": None, "resource_id": "db-A", "time": "2026-11-30 09:15:00+00:00"}
REVISION = {"arn": "arn:td:1", "tags": {}, "database": "db-A", "secrets": []}
RAN = {**REVISION, "tags": {"mlflow:ran": "task 0123"}}
INSTANCE = {"instance_id": "fraud-db", "status": "available", "mine": True}
SECRETS = {use: {"name": name, "mine": True, "migrated": None} for use, name in NAMES.secrets().items()}


def _marked(*uses: str, instance: str = "db-A", **changes: Any) -> dict[str, Any]:
    """The secrets, some of which say that the instance was migrated."""
    return {use: {**row, **({"migrated": instance, **changes} if use in uses else {})} for use, row in SECRETS.items()}


def _resources(**changes: Any) -> dict[str, Any]:
    """What discovery finds of a stack without a database, and without anything that shows data."""
    return {
        "rds": None,
        "ecs_mlflow": {"service_arn": None},
        "secrets": SECRETS,
        "deleted_secrets": {},
        "foreign": [],
        "revisions": {"service": None, "migration": None},
        "backups": {"lost": [], "former": []},
        **changes,
    }


LEFT_BY_A_KILL: list[dict[str, Any]] = [
    {},
    {"secrets": None},
    # The migration was registered and begun, and did not end well.
    {"revisions": {"service": None, "migration": REVISION}},
    # destroy.yml took its final snapshot.
    {"backups": {"lost": [], "former": [SNAPSHOT]}},
    # ... and was killed before it took the tag off the secrets, as one of a release without the tag never does.
    {"backups": {"lost": [], "former": [SNAPSHOT]}, "secrets": _marked("admin", "database")},
    # The secret that is given with a database.
    {"secrets": _marked("master", mine=False)},
    # Somebody else's is reported as such.
    {"foreign": [{"kind": "DB instance", "name": "fraud-db"}], "backups": {"lost": [SNAPSHOT], "former": []}},
    {"rds": INSTANCE, "revisions": {"service": REVISION, "migration": RAN}},
    {"rds": {**INSTANCE, "status": "creating"}},
]


@pytest.mark.parametrize("changes", LEFT_BY_A_KILL, ids=range(len(LEFT_BY_A_KILL)))
def test_a_deployment_that_never_held_data_goes_on(changes: dict[str, Any]) -> None:
    assert lost_problems(_resources(**changes), NAMES, REGION) == []


LOST: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    (
        {"ecs_mlflow": {"service_arn": "arn:service"}},
        ("does not exist", "the service fraud shows", "RDS has no snapshot"),
    ),
    ({"revisions": {"service": REVISION, "migration": None}}, ("the task definition fraud shows",)),
    ({"revisions": {"service": None, "migration": RAN}}, ("the migration fraud-migration that has run shows",)),
    # The definitions are deregistered, and there is no backup.
    ({"secrets": _marked("admin")}, ("the tag mlflow:migrated of the secret fraud/mlflow/admin shows",)),
    ({"secrets": _marked("admin", "gateway")}, ("the tag mlflow:migrated of 2 secrets shows",)),
    ({"secrets": None, "deleted_secrets": {"admin": _marked("admin")["admin"]}}, ("of the secret fraud/mlflow/admin",)),
    # The tag is of the instance that was created after the one that was destroyed.
    (
        {"secrets": _marked("admin", instance="db-B"), "backups": {"lost": [], "former": [SNAPSHOT]}},
        ("the tag mlflow:migrated of the secret fraud/mlflow/admin shows", "RDS has no snapshot"),
    ),
    (
        {"backups": {"lost": [SNAPSHOT], "former": []}},
        (
            "1 backup of it shows",
            "before-upgrade (2026-11-29 03:00:00+00:00)",
            "--db-snapshot-identifier before-upgrade",
        ),
    ),
    (
        {"backups": {"lost": [RETAINED, SNAPSHOT], "former": []}, "ecs_mlflow": {"service_arn": "arn:service"}},
        (
            "the service fraud, 2 backups of it show",
            "restore-db-instance-to-point-in-time --source-dbi-resource-id db-A --use-latest-restorable-time",
            "before-upgrade",
        ),
    ),
    (
        {"rds": {**INSTANCE, "status": "deleting"}, "ecs_mlflow": {"service_arn": "arn:service"}},
        ("fraud-db is being deleted, and",),
    ),
]


@pytest.mark.parametrize(("changes", "words"), LOST, ids=range(len(LOST)))
def test_a_lost_database_is_one_sentence_with_the_way_back(changes: dict[str, Any], words: tuple[str, ...]) -> None:
    (sentence,) = lost_problems(_resources(**changes), NAMES, REGION)
    for each in ("stack_name: fraud", "fraud-db", "-e stack_recreate_database=true", *words):
        assert each in sentence
    assert lost_problems(_resources(**changes), NAMES, REGION, recreate_database=True) == []


def _named(*uses: str) -> dict[str, Any]:
    secrets = [f"{ARN}{NAMES.secrets()[use]}-AbC123" for use in uses]
    return {"service": {**REVISION, "secrets": secrets}, "migration": None}


def _without(use: str) -> dict[str, Any]:
    return {**SECRETS, use: None}


@pytest.mark.parametrize("use", ["master", "database", "admin", "flask"])
def test_a_lost_secret_of_a_database_that_exists_is_one_sentence(use: str) -> None:
    # The instance was created with the master's; the others are in use once a task definition names them.
    unused = _resources(rds=INSTANCE, secrets=_without(use))
    assert bool(lost_problems(unused, NAMES, REGION)) == (use == "master")
    found = unused if use == "master" else {**unused, "revisions": _named(use)}
    (sentence,) = lost_problems(found, NAMES, REGION)
    assert f"the secret {NAMES.secrets()[use]} does not exist, but the DB instance fraud-db" in sentence
    assert f'"stack_recreate_secrets": ["{use}"]' in sentence
    assert lost_problems(found, NAMES, REGION, recreate_secrets=[use]) == []
    # The next run restores one that waits for its deletion, and an empty database takes any.
    waiting = {**found, "deleted_secrets": {use: SECRETS[use]}}
    assert lost_problems(waiting, NAMES, REGION) == []
    assert lost_problems({**unused, "rds": None}, NAMES, REGION) == []


@pytest.mark.parametrize("use", ["database", "admin", "flask"])
def test_of_a_database_that_is_given_a_secret_is_lost_once_a_task_definition_names_it(use: str) -> None:
    found = _resources(rds={**INSTANCE, "mine": False}, secrets=_without(use))
    assert lost_problems(found, NAMES, REGION) == []
    (sentence,) = lost_problems({**found, "revisions": _named(use)}, NAMES, REGION)
    assert NAMES.secrets()[use] in sentence


def test_the_secrets_are_tagged_once_for_each_instance(aws: Any) -> None:
    client = aws.client("secretsmanager")
    arns = [
        client.create_secret(Name=f"tagged-once/{name}", SecretString="x", Tags=[{"Key": "Owner", "Value": "me"}])[
            "ARN"
        ]
        for name in ("admin", "master")
    ]

    def tagged() -> list[dict[str, str]]:
        rows = [client.describe_secret(SecretId=arn) for arn in arns]
        return [{tag["Key"]: tag["Value"] for tag in row["Tags"]} for row in rows]

    def run(database: str, *secrets: str, check: bool = False) -> dict[str, Any]:
        args = {"secrets": list(secrets or arns), "database": database, "region": REGION}
        return run_module("stack_migrated", args, aws.process_env, check=check)

    assert run("db-A", check=True)["tagged"] == arns
    assert tagged() == [{"Owner": "me"}] * 2
    assert run("db-A", arns[0])["tagged"] == arns[:1]
    # The rest of what a killed run began.
    assert run("db-A")["tagged"] == arns[1:]
    assert tagged() == [{"Owner": "me", lost.MIGRATED_TAG: "db-A"}] * 2
    assert run("db-A")["changed"] is False
    assert run("db-B")["changed"] is True
    assert tagged() == [{"Owner": "me", lost.MIGRATED_TAG: "db-B"}] * 2
    gone = f"{ARN}gone-AbCdEf"
    assert run("db-A", gone)["msg"].startswith(f"Tagging {gone} with mlflow:migrated failed: ")


def test_a_revision_tells_its_database_and_secrets(aws: Any) -> None:
    ecs = aws.client("ecs")
    for number in (1, 2):
        made = ecs.register_task_definition(
            family="told-migration",
            requiresCompatibilities=["FARGATE"],
            networkMode="awsvpc",
            cpu="256",
            memory="512",
            executionRoleArn="arn:aws:iam::123456789012:role/told",
            containerDefinitions=[
                {
                    "name": "migrate",
                    "image": "python",
                    "environment": [{"name": lost.RESOURCE_ID, "value": f"db-{number}"}],
                    "secrets": [{"name": "PASSWORD", "valueFrom": f"{ARN}told/mlflow-AbC123:password::v{number}"}],
                }
            ],
            tags=[{"key": lost.RAN_TAG, "value": f"task {number}"}],
        )["taskDefinition"]["taskDefinitionArn"]
    found = lost.revision_facts(ecs, "told-migration")
    assert found == {
        "family": "told-migration",
        "arn": made,
        "tags": {lost.RAN_TAG: "task 2"},
        "database": "db-2",
        "secrets": [f"{ARN}told/mlflow-AbC123"],
    }
    # A family of which the name is only the beginning is another one.
    assert lost.revision_facts(ecs, "told") is None


def test_backups_of_an_instance_that_was_destroyed_are_told_apart(aws: Any) -> None:
    """By hand with its backups retained, by hand without, and by destroy.yml, which takes its final snapshot."""
    rds, names = aws.client("rds"), stack_names("three-lives", REGION)

    def live(name: str, **deletion: Any) -> str:
        row = rds.create_db_instance(
            DBInstanceIdentifier=names.database,
            Engine="postgres",
            EngineVersion="15.7",
            DBInstanceClass="db.t3.micro",
            AllocatedStorage=20,
            BackupRetentionPeriod=7,
            MasterUsername="mlflow_master",
            MasterUserPassword="".join(["not", "a", "secret", "1"]),
        )["DBInstance"]
        waiter = rds.get_waiter("db_instance_available")
        waiter.config.delay = 1
        waiter.wait(DBInstanceIdentifier=names.database)
        rds.create_db_snapshot(DBInstanceIdentifier=names.database, DBSnapshotIdentifier=name)
        rds.get_waiter("db_snapshot_available").wait(DBSnapshotIdentifier=name)
        rds.delete_db_instance(DBInstanceIdentifier=names.database, **deletion)
        gone = rds.get_waiter("db_instance_deleted")
        gone.config.delay = 1
        gone.wait(DBInstanceIdentifier=names.database)
        return str(row["DbiResourceId"])

    first = live("first-life", FinalDBSnapshotIdentifier=f"{names.final_snapshot}-20261101-120000")
    found = lost.backups(rds, names)
    assert found["lost"] == []
    assert {row["snapshot"] for row in found["former"]} >= {"first-life"}
    second = live("second-life", SkipFinalSnapshot=True, DeleteAutomatedBackups=False)
    found = lost.backups(rds, names)
    assert {row["resource_id"] for row in found["former"]} == {first}
    assert {row["resource_id"] for row in found["lost"]} == {second}
    assert {"second-life", None} <= {row["snapshot"] for row in found["lost"]}
    assert lost.backups(rds, stack_names("three", REGION)) == {"lost": [], "former": []}
