# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a stack has lost that nothing may silently replace: its database, or a secret that the database knows.

What shows that there was data:

- A service, or a revision of its task definition. Both are made only after the migration has ended well.
- A revision of the migration with the tag in which ``ecs_task_run`` notes that a task of it ended well.
- A secret with the tag in which ``stack_migrated`` notes the same after it, with the instance. ``destroy.yml`` takes it
  off before it deletes the database.
- A snapshot or a retained automated backup of the DB instance. Those of an instance of which ``destroy.yml`` took its
  final snapshot do not count, nor does the tag of such an instance: somebody confirmed that it may go.

A first deployment that was killed before its migration has none of these, and neither has one that was destroyed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.names import StackNames
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.ownership import STACK_TAG
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.reading import (
    Client,
    absent,
    newest_revision,
    pages,
    tags,
)

#: The tag in which ecs_task_run notes that a task of a revision ended well.
RAN_TAG = "mlflow:ran"
#: In which a secret has the DbiResourceId of the DB instance whose migration ended well.
MIGRATED_TAG = "mlflow:migrated"
#: In the migration's environment: the DbiResourceId of the DB instance that it migrates.
RESOURCE_ID = "MLFLOW_AWS_DB_RESOURCE_ID"
#: The DB instance was created with its value. The others are in use from the first task that they were given to.
_OF_THE_INSTANCE = "master"


def revision_facts(client: Client, family: str) -> dict[str, Any] | None:
    """Family, ARN, tags, database, and the ARNs of secrets of the newest ACTIVE revision of a family; None for none."""
    answer = newest_revision(client, family)
    if answer is None:
        return None
    containers = answer["taskDefinition"]["containerDefinitions"]
    environment = {row["name"]: row["value"] for one in containers for row in one.get("environment", [])}
    return {
        "family": family,
        "arn": answer["taskDefinition"]["taskDefinitionArn"],
        "tags": tags(answer.get("tags"), "key", "value"),
        "database": environment.get(RESOURCE_ID),
        # ARN:JSON-KEY:VERSION-STAGE:VERSION-ID (API Secret, valueFrom); the ARN has seven parts.
        "secrets": sorted(
            {":".join(row["valueFrom"].split(":")[:7]) for one in containers for row in one.get("secrets", [])}
        ),
    }


def backups(client: Client, names: StackNames) -> dict[str, list[dict[str, Any]]]:
    """Snapshots and retained automated backups of the stack's DB instance, the newest first.

    :returns: ``lost``, those of an instance that nobody destroyed, and ``former``, those of one that was.
    """
    found = absent(
        lambda: list(pages(client, "describe_db_snapshots", "DBSnapshots", DBInstanceIdentifier=names.database)),
        "DBSnapshotNotFound",
    )
    # A snapshot that has just been begun has no time yet.
    snapshots = [
        {
            "snapshot": row["DBSnapshotIdentifier"],
            "resource_id": row.get("DbiResourceId"),
            "time": str(row.get("SnapshotCreateTime", "")),
        }
        for row in found or []
        if row["Status"] != "failed"
    ]
    # The option DBInstanceIdentifier takes instances that exist only (API DescribeDBInstanceAutomatedBackups).
    asked = [{"Name": "status", "Values": ["retained"]}]
    retained = [
        {
            "snapshot": None,
            "resource_id": row.get("DbiResourceId"),
            "time": str(row.get("RestoreWindow", {}).get("LatestTime", "")),
        }
        for row in pages(client, "describe_db_instance_automated_backups", "DBInstanceAutomatedBackups", Filters=asked)
        if row["DBInstanceIdentifier"] == names.database and row.get("Status") == "retained"
    ]
    rows = sorted([*snapshots, *retained], key=lambda row: str(row["time"]), reverse=True)
    destroyed = {row["resource_id"] for row in snapshots if row["snapshot"].startswith(f"{names.final_snapshot}-")}
    return {
        "lost": [row for row in rows if row["resource_id"] not in destroyed],
        "former": [row for row in rows if row["resource_id"] in destroyed],
    }


def lost_problems(
    resources: Mapping[str, Any],
    names: StackNames,
    region: str,
    *,
    recreate_database: bool = False,
    recreate_secrets: Collection[str] = (),
) -> list[str]:
    """Why a run cannot begin: what is gone, what shows that it held data, and the way back; one sentence each.

    :param resources: what discovery found.
    :param recreate_database: whether this run may make an empty database.
    :param recreate_secrets: uses of secrets that this run may make with new values.
    """
    row = resources["rds"]
    if any(one["kind"] == "DB instance" for one in resources["foreign"]):
        return []
    if row is None or (row["mine"] and row["status"] == "deleting"):
        return [] if recreate_database else _lost_database(resources, names, region)
    return [
        _lost_secret(use, name, row["instance_id"])
        for use, name in lost_secrets(resources, names)
        if use not in recreate_secrets
    ]


def _lost_database(resources: Mapping[str, Any], names: StackNames, region: str) -> list[str]:
    evidence, rows = shown_data(resources, names), resources["backups"]["lost"]
    if not evidence:
        return []
    gone = "is being deleted" if resources["rds"] else "does not exist"
    return [
        f"stack_name: {names.stack}, but its DB instance {names.database} {gone}, and {', '.join(evidence)} "
        f"{'shows' if len(evidence) == 1 else 'show'} that it held data; {_way_back(rows, names, region)}, "
        "or discard its data with -e stack_recreate_database=true, which creates an empty database in this one run"
    ]


def shown_data(resources: Mapping[str, Any], names: StackNames) -> list[str]:
    """What shows that the stack's database held data, in words."""
    revisions = resources["revisions"]
    migration = revisions["migration"] or {"tags": {}}
    marked = _marked_secrets(resources)
    found = {
        f"the service {names.service}": resources["ecs_mlflow"]["service_arn"],
        f"the task definition {names.task_family}": revisions["service"],
        f"the migration {names.migration_family} that has run": RAN_TAG in migration["tags"],
        f"the tag {MIGRATED_TAG} of {_listed(marked)}": marked,
        f"{_counted(resources['backups']['lost'])}": resources["backups"]["lost"],
    }
    return [words for words, there in found.items() if there]


def _marked_secrets(resources: Mapping[str, Any]) -> list[str]:
    """Names of the secrets that say of an instance which nobody destroyed that it was migrated."""
    destroyed = {row["resource_id"] for row in resources["backups"]["former"]}
    rows = [*(resources["secrets"] or {}).values(), *resources["deleted_secrets"].values()]
    return sorted(row["name"] for row in rows if row and row["mine"] and row["migrated"] not in (None, *destroyed))


def _listed(names: Sequence[str]) -> str:
    return f"the secret {names[0]}" if len(names) == 1 else f"{len(names)} secrets"


def _counted(rows: Collection[Mapping[str, Any]]) -> str:
    return "1 backup of it" if len(rows) == 1 else f"{len(rows)} backups of it"


def _way_back(rows: Iterable[Mapping[str, Any]], names: StackNames, region: str) -> str:
    """The command that restores the newest backup, and the other snapshots that there are."""
    every = list(rows)
    if not every:
        return "RDS has no snapshot and no retained backup of it, so restore it from a backup of your own"
    newest = every[0]
    target = (
        f"--region {region} --db-subnet-group-name {names.database_subnet_group} "
        f"--vpc-security-group-ids ID-OF-{names.security_group_rds} "
        f"--copy-tags-to-snapshot --tags Key={STACK_TAG},Value={names.stack}"
    )
    command = (
        f"restore-db-instance-from-db-snapshot --db-snapshot-identifier {newest['snapshot']} "
        f"--db-instance-identifier {names.database}"
        if newest["snapshot"]
        else f"restore-db-instance-to-point-in-time --source-dbi-resource-id {newest['resource_id']} "
        f"--use-latest-restorable-time --target-db-instance-identifier {names.database}"
    )
    listed = ", ".join(
        f"{row['snapshot'] or 'retained automated backup'} ({row['time'] or 'in progress'})" for row in every
    )
    return f"restore it (there are {listed}) with aws rds {command} {target} and run site.yml again"


def lost_secrets(resources: Mapping[str, Any], names: StackNames) -> list[tuple[str, str]]:
    """Use and name of each secret that existed and is gone. Those that wait for their deletion are restored by a run.

    :param resources: what discovery found, with a DB instance.
    """
    held = {**(resources["secrets"] or {}), **resources["deleted_secrets"]}
    foreign = [row["name"] for row in resources["foreign"] if row["kind"] == "secret"]
    named = [arn for row in resources["revisions"].values() if row for arn in row["secrets"]]
    own = resources["rds"]["mine"]
    return [
        (use, name)
        for use, name in names.secrets().items()
        if not held.get(use)
        and name not in foreign
        and (own or use != "master")
        # Six random characters follow the name in an ARN (Secrets Manager user guide).
        and (use == _OF_THE_INSTANCE or any(arn.split(":")[6].rpartition("-")[0] == name for arn in named))
    ]


_CONSEQUENCES = {
    "master": "the DB instance then gets the new password as that of its master user",
    "database": "the migration then gives MLflow's database user the new password",
    "admin": "the migration then gives the admin the new password",
    "flask": "forms that are open in browsers then have to be loaded again",
    "gateway": "the keys of the AI gateway that are stored under it then have to be entered again",
}


def _lost_secret(use: str, name: str, instance: str) -> str:
    after = f"; {_CONSEQUENCES[use]}" if use in _CONSEQUENCES else ""
    return (
        f"stack_name: the secret {name} does not exist, but the DB instance {instance} was set up with its value, "
        f"which a new one would not fit; create it again with that value, or allow a new one in this one run with "
        f'-e \'{{"stack_recreate_secrets": ["{use}"]}}\'{after}'
    )
