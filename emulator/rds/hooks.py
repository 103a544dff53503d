# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where moto's RDS backend hands over to the plane. Instances of other engines stay moto's alone."""

from __future__ import annotations

import copy
import functools
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from moto.rds import models
from moto.rds.exceptions import DBInstanceAlreadyExists
from moto.rds.models import DBInstance, DBSnapshot, MasterUserSecret, RDSBackend

from emulator.rds import model
from emulator.rds.errors import InvalidParameterCombination

if TYPE_CHECKING:
    from emulator.rds.plane import RdsPlane

#: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Events.Messages.html
EVENTS = {
    "DB_INSTANCE_RESTART": ("availability", "DB instance restarted"),
    "DB_INSTANCE_STOP": ("notification", "DB instance stopped"),
    "DB_INSTANCE_START": ("notification", "DB instance started"),
    "DB_INSTANCE_DELETE": ("deletion", "DB instance deleted"),
    "DB_INSTANCE_RECOVERY_START": (
        "recovery",
        "Recovery of the DB instance has started. Recovery time will vary with the amount of data to be recovered.",
    ),
    "DB_INSTANCE_RECOVERY_FINISH": ("recovery", "Recovery of the DB instance is complete."),
}

original_create_snapshot: Callable[..., DBSnapshot] = RDSBackend.create_db_snapshot


def install(plane: RdsPlane) -> None:
    """Put every hook in place, for ``plane``. A later plane takes the place of an earlier one."""
    for name, (category, message) in EVENTS.items():
        models.Event.EVENT_MAP[name] = {"Categories": [category], "Message": message}
    for hook in (
        _create,
        _restore_snapshot,
        _restore_time,
        _replica,
        _describe,
        _modify,
        _reboot,
        _stop,
        _start,
        _delete,
        _create_snapshot,
        _describe_snapshots,
        _copy_snapshot,
        _delete_snapshot,
        _automated_backup,
        _endpoint,
        _latest_restorable,
        _parameter_groups,
        _managed_password,
    ):
        hook(plane)


_ORIGINALS: dict[tuple[type, str], Any] = {}


def _original(owner: type, name: str) -> Any:
    """moto's own attribute, also when it is hooked already."""
    return _ORIGINALS.setdefault((owner, name), owner.__dict__[name])


def _hook(owner: type, name: str, replacement: Callable[..., Any]) -> None:
    setattr(owner, name, functools.wraps(_original(owner, name))(replacement))


def _property(name: str, getter: Callable[[DBInstance], Any]) -> None:
    setattr(DBInstance, name, property(getter, doc=_original(DBInstance, name).__doc__))


def _find(self: RDSBackend, identifier: str) -> DBInstance:
    """The record with this identifier, once the work on it that is late is done."""
    return self.describe_db_instances(identifier)[0]


def _create(plane: RdsPlane) -> None:
    """CreateDBInstance makes a server. It returns at once, in status creating."""
    original = _original(RDSBackend, "create_db_instance")

    def create_db_instance(self: RDSBackend, db_kwargs: Any) -> DBInstance:
        request = dict(db_kwargs)
        # A restore of moto's ends here too: its caller makes the server.
        if plane.restoring() or request.get("engine") != "postgres" or request.get("db_cluster_identifier"):
            return original(self, db_kwargs)  # type: ignore[no-any-return]
        with plane.exclusive():
            if request["db_instance_identifier"] in self.databases:
                return original(self, request)  # type: ignore[no-any-return]  # refuses
            password = plane.check_creation(request)
            database: DBInstance = original(self, request)
            plane.created(database, request, password)
            return database

    _hook(RDSBackend, "create_db_instance", create_db_instance)


def _restore_snapshot(plane: RdsPlane) -> None:
    """RestoreDBInstanceFromDBSnapshot makes a server of the snapshot's files."""
    original = _original(RDSBackend, "restore_db_instance_from_db_snapshot")

    def restore_db_instance_from_db_snapshot(self: RDSBackend, from_snapshot_id: str, overrides: Any) -> DBInstance:
        snapshot = self.get_db_snapshot(from_snapshot_id)
        if plane.instance(snapshot.database) is None and not hasattr(snapshot, "emulator_files"):
            return original(self, from_snapshot_id, overrides)  # type: ignore[no-any-return]
        plane.settle_snapshots([snapshot])
        with plane.exclusive():
            plane.check_source(snapshot)
            request = dict(overrides)
            with plane.restore():
                database: DBInstance = original(self, from_snapshot_id, request)
            plane.restored(database, request, snapshot)
            return database

    _hook(RDSBackend, "restore_db_instance_from_db_snapshot", restore_db_instance_from_db_snapshot)


def _restore_time(plane: RdsPlane) -> None:
    """RestoreDBInstanceToPointInTime makes a server of another one as it is now."""
    original = _original(RDSBackend, "restore_db_instance_to_point_in_time")

    def restore_db_instance_to_point_in_time(
        self: RDSBackend, source_db_identifier: str, target_db_identifier: str, overrides: Any
    ) -> DBInstance:
        source = plane.instance(_find(self, source_db_identifier))
        if source is None:
            return original(self, source_db_identifier, target_db_identifier, overrides)  # type: ignore[no-any-return]
        with plane.exclusive():
            request = dict(overrides)
            plane.check_point_in_time(source, request)
            if target_db_identifier in self.databases:
                raise DBInstanceAlreadyExists()
            with plane.restore():
                database: DBInstance = original(self, source_db_identifier, target_db_identifier, request)
            plane.restored(database, request, source)
            return database

    _hook(RDSBackend, "restore_db_instance_to_point_in_time", restore_db_instance_to_point_in_time)


def _replica(plane: RdsPlane) -> None:
    """There are no read replicas here; one that shares the server of its primary would be a lie."""
    original = _original(RDSBackend, "create_db_instance_read_replica")

    def create_db_instance_read_replica(self: RDSBackend, db_kwargs: Any) -> DBInstance:
        if plane.instance(self.find_db_from_id(db_kwargs["source_db_instance_identifier"])) is not None:
            raise InvalidParameterCombination("The embedded AWS has no read replicas of postgres instances.")
        return original(self, db_kwargs)  # type: ignore[no-any-return]

    _hook(RDSBackend, "create_db_instance_read_replica", create_db_instance_read_replica)


def _describe(plane: RdsPlane) -> None:
    """DescribeDBInstances does not show as running what should be done by now."""
    original = _original(RDSBackend, "describe_db_instances")

    def describe_db_instances(
        self: RDSBackend, db_instance_identifier: str | None = None, filters: Any = None
    ) -> list[DBInstance]:
        # moto adds to the filters that it is given.
        with plane.lock:
            found = original(self, db_instance_identifier, copy.deepcopy(filters))
        plane.settle(found)
        with plane.lock:  # deleted or renamed meanwhile?
            return original(self, db_instance_identifier, copy.deepcopy(filters))  # type: ignore[no-any-return]

    _hook(RDSBackend, "describe_db_instances", describe_db_instances)


def _modify(plane: RdsPlane) -> None:
    """ModifyDBInstance changes the server too, and has pending values."""
    original = _original(RDSBackend, "modify_db_instance")

    def modify_db_instance(self: RDSBackend, db_instance_identifier: str, db_kwargs: Any) -> DBInstance:
        database = _find(self, db_instance_identifier)
        instance = plane.instance(database)
        if instance is None:
            return original(self, db_instance_identifier, db_kwargs)  # type: ignore[no-any-return]
        with plane.exclusive():
            plane.modify(
                instance,
                dict(db_kwargs),
                lambda now: original(self, database.db_instance_identifier, now),
            )
            return database

    _hook(RDSBackend, "modify_db_instance", modify_db_instance)


def _reboot(plane: RdsPlane) -> None:
    """RebootDBInstance restarts the server."""
    original = _original(RDSBackend, "reboot_db_instance")

    def reboot_db_instance(self: RDSBackend, db_instance_identifier: str) -> DBInstance:
        database = _find(self, db_instance_identifier)
        if plane.instance(database) is None:
            return original(self, db_instance_identifier)  # type: ignore[no-any-return]
        with plane.exclusive():
            plane.reboot(database)
            return database

    _hook(RDSBackend, "reboot_db_instance", reboot_db_instance)


def _stop(plane: RdsPlane) -> None:
    """StopDBInstance stops the server."""
    original = _original(RDSBackend, "stop_db_instance")

    def stop_db_instance(
        self: RDSBackend, db_instance_identifier: str, db_snapshot_identifier: str | None = None
    ) -> DBInstance:
        database = _find(self, db_instance_identifier)
        if plane.instance(database) is None:
            return original(self, db_instance_identifier, db_snapshot_identifier)  # type: ignore[no-any-return]
        create = functools.partial(original_create_snapshot, self, db_instance_identifier, db_snapshot_identifier)
        with plane.exclusive():
            plane.stop_instance(database, create if db_snapshot_identifier else None)
            return database

    _hook(RDSBackend, "stop_db_instance", stop_db_instance)


def _start(plane: RdsPlane) -> None:
    """StartDBInstance starts the server."""
    original = _original(RDSBackend, "start_db_instance")

    def start_db_instance(self: RDSBackend, db_instance_identifier: str) -> DBInstance:
        database = _find(self, db_instance_identifier)
        if plane.instance(database) is None:
            return original(self, db_instance_identifier)  # type: ignore[no-any-return]
        with plane.exclusive():
            plane.start_instance(database)
            return database

    _hook(RDSBackend, "start_db_instance", start_db_instance)


def _delete(plane: RdsPlane) -> None:
    """DeleteDBInstance takes its time, and takes the server and its files away."""
    original = _original(RDSBackend, "delete_db_instance")

    def delete_db_instance(
        self: RDSBackend,
        db_instance_identifier: str,
        final_db_snapshot_identifier: str | None = None,
        skip_final_snapshot: bool | None = False,
        delete_automated_backups: bool | None = True,
    ) -> DBInstance:
        with plane.exclusive():
            # Under the lock nothing is waited for: a creation may be cut short.
            database = _find(self, db_instance_identifier)
            if plane.instance(database) is None:
                return original(  # type: ignore[no-any-return]
                    self,
                    db_instance_identifier,
                    final_db_snapshot_identifier,
                    skip_final_snapshot,
                    delete_automated_backups,
                )

            def unregister() -> None:
                with plane.exclusive():
                    database.deletion_protection = False
                    original(self, database.db_instance_identifier, None, True, delete_automated_backups)

            plane.delete(
                database,
                final_db_snapshot_identifier,
                bool(skip_final_snapshot),
                functools.partial(original_create_snapshot, self, db_instance_identifier, final_db_snapshot_identifier),
                unregister,
            )
            return database

    _hook(RDSBackend, "delete_db_instance", delete_db_instance)


def _create_snapshot(plane: RdsPlane) -> None:
    """CreateDBSnapshot copies the data."""
    original = _original(RDSBackend, "create_db_snapshot")

    def create_db_snapshot(
        self: RDSBackend, db_instance_identifier: str, db_snapshot_identifier: str, *more: Any, **options: Any
    ) -> DBSnapshot:
        database = _find(self, db_instance_identifier)
        record = functools.partial(original, self, db_instance_identifier, db_snapshot_identifier, *more, **options)
        if plane.instance(database) is None:
            return record()  # type: ignore[no-any-return]
        with plane.exclusive():
            return plane.snapshot(database, record)

    _hook(RDSBackend, "create_db_snapshot", create_db_snapshot)


def _describe_snapshots(plane: RdsPlane) -> None:
    """DescribeDBSnapshots does not show as running what should be done by now."""
    original = _original(RDSBackend, "describe_db_snapshots")

    def describe_db_snapshots(self: RDSBackend, *arguments: Any, **options: Any) -> list[DBSnapshot]:
        with plane.lock:
            found: list[DBSnapshot] = original(self, *arguments, **options)
        plane.settle_snapshots(found)
        return found

    _hook(RDSBackend, "describe_db_snapshots", describe_db_snapshots)


def _copy_snapshot(plane: RdsPlane) -> None:
    """CopyDBSnapshot copies the files."""
    original = _original(RDSBackend, "copy_db_snapshot")

    def copy_db_snapshot(
        self: RDSBackend, source_db_snapshot_identifier: str, target_db_snapshot_identifier: str, **options: Any
    ) -> DBSnapshot:
        source = self.get_db_snapshot(source_db_snapshot_identifier)
        record = functools.partial(
            original, self, source_db_snapshot_identifier, target_db_snapshot_identifier, **options
        )
        if not hasattr(source, "emulator_files"):
            return record()  # type: ignore[no-any-return]
        plane.settle_snapshots([source])
        with plane.exclusive():
            return plane.copy_snapshot(source, record)

    _hook(RDSBackend, "copy_db_snapshot", copy_db_snapshot)


def _delete_snapshot(plane: RdsPlane) -> None:
    """DeleteDBSnapshot removes the files."""
    original = _original(RDSBackend, "delete_db_snapshot")

    def delete_db_snapshot(self: RDSBackend, db_snapshot_identifier: str) -> DBSnapshot:
        known = self.database_snapshots.get(db_snapshot_identifier)
        if known is not None:
            plane.settle_snapshots([known])
        with plane.exclusive():
            if known is not None:
                plane.check_can_delete(known)
            snapshot: DBSnapshot = original(self, db_snapshot_identifier)
            plane.deleted_snapshot(snapshot)
            return snapshot

    _hook(RDSBackend, "delete_db_snapshot", delete_db_snapshot)


def _automated_backup(plane: RdsPlane) -> None:
    """The first automated backup is taken when there is something to back up."""
    original = _original(DBInstance, "save_automated_backup")

    def save_automated_backup(self: DBInstance) -> None:
        if self.engine != "postgres" or self.db_cluster_identifier:
            original(self)

    _hook(DBInstance, "save_automated_backup", save_automated_backup)


def _endpoint(plane: RdsPlane) -> None:
    """The endpoint is the one that works; there is none while an instance is created."""
    original = _original(DBInstance, "endpoint")

    def endpoint(self: DBInstance) -> dict[str, Any] | None:
        instance = plane.instance(self)
        return original.fget(self) if instance is None else instance.endpoint

    _property("endpoint", endpoint)
    address = _original(DBInstance, "address")

    def host(self: DBInstance) -> str:
        served = plane.instance(self)
        known = served.endpoint if served is not None else None
        return str(known["Address"]) if known is not None else str(address.fget(self))

    _property("address", host)


def _latest_restorable(plane: RdsPlane) -> None:
    """LatestRestorableTime is absent without backups, and before the first one."""
    original = _original(DBInstance, "latest_restorable_time")

    def latest_restorable_time(self: DBInstance) -> Any:
        instance = plane.instance(self)
        if instance is not None and (instance.endpoint is None or not self.backup_retention_period):
            return None
        return original.fget(self)

    _property("latest_restorable_time", latest_restorable_time)


def _parameter_groups(plane: RdsPlane) -> None:
    """ParameterApplyStatus says whether the server runs with what the group says."""
    original = _original(DBInstance, "db_parameter_group_status_list")

    def db_parameter_group_status_list(self: DBInstance) -> Any:
        instance = plane.instance(self)
        if instance is None:
            return original.fget(self)
        status = instance.apply_status
        return [
            {"DBParameterGroupName": group.name, "ParameterApplyStatus": status} for group in self.db_parameter_groups()
        ]

    _property("db_parameter_group_status_list", db_parameter_group_status_list)


def _managed_password(plane: RdsPlane) -> None:
    """A managed master secret holds the instance's own user and a random password, not moto's fixed one."""

    def secret_string(self: MasterUserSecret) -> str:
        return json.dumps({"username": self.resource.master_username, "password": model.generate_password()})

    _hook(MasterUserSecret, "_generate_secret_string", secret_string)
