# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ModifyDBInstance: what changes at once, what soon, and what waits for the maintenance window.

https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Overview.DBInstance.Modifying.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

#: Arguments that steer the request and change nothing themselves.
STEERING = frozenset(
    {
        "db_instance_identifier",
        "apply_immediately",
        "allow_major_version_upgrade",
        "certificate_rotation_restart",
        "engine",
    }
)

#: Settings that wait for the maintenance window unless ApplyImmediately is given: the argument,
#: the attribute of the instance, and the name among PendingModifiedValues.
DEFERRABLE = {
    "allocated_storage": ("allocated_storage", "AllocatedStorage"),
    "backup_retention_period": ("backup_retention_period", "BackupRetentionPeriod"),
    "ca_certificate_identifier": ("ca_certificate_identifier", "CACertificateIdentifier"),
    "db_instance_class": ("db_instance_class", "DBInstanceClass"),
    "db_subnet_group_name": ("db_subnet_group_name", "DBSubnetGroupName"),
    "enable_iam_database_authentication": ("enable_iam_database_authentication", "IAMDatabaseAuthenticationEnabled"),
    "engine_version": ("engine_version", "EngineVersion"),
    "iops": ("iops", "Iops"),
    "license_model": ("license_model", "LicenseModel"),
    "multi_az": ("multi_az", "MultiAZ"),
    "new_db_instance_identifier": ("db_instance_identifier", "DBInstanceIdentifier"),
    "storage_throughput": ("storage_throughput", "StorageThroughput"),
    "storage_type": ("storage_type", "StorageType"),
}

#: Attributes of the volume, which RDS optimizes after a change of one of them.
STORAGE = frozenset({"allocated_storage", "iops", "storage_throughput", "storage_type"})

#: What AWS shows in place of a password.
MASKED = "****"


@dataclass
class Changes:
    """One request, sorted.

    :param now: arguments for moto's own update, done while the caller waits.
    :param soon: attributes that change when the instance has been "modifying".
    :param later: attributes that wait for the maintenance window.
    :param password: the new master password.
    :param port: the new port.
    """

    now: dict[str, Any] = field(default_factory=dict)
    soon: dict[str, Any] = field(default_factory=dict)
    later: dict[str, Any] = field(default_factory=dict)
    password: str | None = field(default=None, repr=False)
    port: int | None = None

    def status(self) -> str | None:
        """The status that the instance takes, None when nothing takes time."""
        if self.soon and set(self.soon) == {"db_instance_identifier"} and self.port is None and not self.password:
            return "renaming"
        if self.soon or self.port is not None:
            return "modifying"
        return "resetting-master-credentials" if self.password else None

    def pending(self) -> dict[str, Any]:
        """PendingModifiedValues."""
        names = dict(DEFERRABLE.values())
        shown = {names[attribute]: value for attribute, value in (self.later | self.soon).items()}
        if self.password:
            shown["MasterUserPassword"] = MASKED
        if self.port is not None:
            shown["Port"] = self.port
        return shown


def sort(request: Mapping[str, Any], current: Mapping[str, Any], waiting: Mapping[str, Any], port: int) -> Changes:
    """Sort the arguments of a request, without those that change nothing.

    :param request: the arguments in snake case.
    :param current: the attributes of :data:`DEFERRABLE` as they are.
    :param waiting: attributes that earlier requests left for the maintenance window; a request
        with ApplyImmediately brings them in.
    :param port: the port that the instance was asked to have.
    """
    changes = Changes(later=dict(waiting))
    immediately = bool(request.get("apply_immediately"))
    for argument, value in request.items():
        if argument in STEERING or value is None:
            continue
        if argument == "master_user_password":
            changes.password = value
        elif argument == "db_port_number":
            changes.port = value if value != port else None
        elif argument in DEFERRABLE:
            attribute = DEFERRABLE[argument][0]
            changes.later.pop(attribute, None)
            if value != current.get(attribute):
                changes.later[attribute] = value
        else:
            changes.now[argument] = value
    # Retention may go up or down at once; only from or to "no backups" there is something to do.
    retention = changes.later.get("backup_retention_period")
    if retention is not None and retention > 0 and current.get("backup_retention_period"):
        changes.now["backup_retention_period"] = changes.later.pop("backup_retention_period")
    if immediately:
        changes.soon, changes.later = changes.later, {}
    return changes
