# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Patches of RDS: automated backups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moto.core.responses import ActionResult
from moto.rds.models import RDSBackend
from moto.rds.responses import RDSResponse

from emulator.patches.patching import around, page

#: Filters of DescribeDBInstanceAutomatedBackups, and the field that each looks at.
_FILTERS = {"status": "Status", "db-instance-id": "DBInstanceIdentifier", "dbi-resource-id": "DbiResourceId"}


def automated_backups_are_described() -> None:
    """DescribeDBInstanceAutomatedBackups honours filters, and keeps a deleted instance apart from a later namesake.

    https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeDBInstanceAutomatedBackups.html
    """

    @around(RDSResponse, "describe_db_instance_automated_backups")
    def describe(_original: Any, self: RDSResponse) -> ActionResult:
        asked = {row["Name"]: row["Values"] for row in self.params.get("Filters", [])}
        asked |= {
            name: [self.params[parameter]]
            for name, parameter in (("db-instance-id", "DBInstanceIdentifier"), ("dbi-resource-id", "DbiResourceId"))
            if self.params.get(parameter)
        }
        rows: list[Mapping[str, Any]] = [
            row
            for row in _rows(self.backend)
            if all(str(row[_FILTERS[name]]).rsplit(":", 1)[-1] in values for name, values in asked.items())
        ]
        return page("DBInstanceAutomatedBackups", rows, self.params)


def _rows(backend: RDSBackend) -> list[Mapping[str, Any]]:
    living = {one.dbi_resource_id: one for one in backend.databases.values()}
    rows: list[Mapping[str, Any]] = [
        _row(one, "active", one.created, one.created) for one in living.values() if int(one.backup_retention_period)
    ]
    retained: dict[str, list[Any]] = {}
    for snapshot in backend.database_snapshots.values():
        if snapshot.snapshot_type == "automated" and snapshot.database.dbi_resource_id not in living:
            retained.setdefault(snapshot.database.dbi_resource_id, []).append(snapshot)
    for snapshots in retained.values():
        times = sorted(one.created for one in snapshots)
        rows.append(_row(snapshots[-1].database, "retained", times[0], times[-1]))
    return rows


def _row(database: Any, status: str, earliest: Any, latest: Any) -> dict[str, Any]:
    return {
        "DBInstanceArn": database.db_instance_arn,
        "DbiResourceId": database.dbi_resource_id,
        "Region": database.region,
        "DBInstanceIdentifier": database.db_instance_identifier,
        "RestoreWindow": {"EarliestTime": earliest, "LatestTime": latest},
        "AllocatedStorage": database.allocated_storage,
        "Status": status,
        "Engine": database.engine,
        "EngineVersion": database.engine_version,
        "MasterUsername": database.master_username,
        "Encrypted": database.storage_encrypted,
        "BackupRetentionPeriod": int(database.backup_retention_period),
    }


PATCHES = (automated_backups_are_described,)
