# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The RDS plane: which instances there are, and what each request means for them.

The requests come in through :mod:`emulator.rds.hooks`; the work is done by
:class:`emulator.rds.instance.Instance`.
"""

from __future__ import annotations

import contextlib
import logging
import secrets
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from moto.rds.models import DBInstance, DBSnapshot

from emulator.patches.rds_engines import default_version, offered_versions
from emulator.plane import Context
from emulator.rds import changes, model, rules, settings
from emulator.rds.binaries import choose, parameter_names
from emulator.rds.changes import DEFERRABLE
from emulator.rds.cluster import Cluster
from emulator.rds.errors import (
    InvalidDBInstanceState,
    InvalidDBSnapshotState,
    InvalidParameterCombination,
    InvalidParameterValue,
    InvalidRestore,
    PointInTimeRestoreNotEnabled,
)
from emulator.rds.instance import IDLE, Instance, files_of
from emulator.rds.settings import Settings
from emulator.rds.tls import Authority
from emulator.rds.worker import Job, Worker

log = logging.getLogger(__name__)

ENGINE = "postgres"


class RdsPlane:
    """Real PostgreSQL servers behind moto's RDS. See :class:`emulator.plane.Plane`."""

    name = "rds"
    serves = ()

    def __init__(self, context: Context) -> None:
        self.clock = context.clock
        self.consistency = context.consistency
        self.lock = threading.RLock()
        self._context = context
        self._root = context.state / self.name
        self._snapshots = self._root / "snapshots"
        self._secret = secrets.token_urlsafe(32)
        self._authority: Authority | None = None
        self._instances: dict[str, Instance] = {}  # by DbiResourceId
        self._copies: Worker | None = None
        self._busy: dict[str, Worker] = {}  # who makes a snapshot, by its ARN
        self._inside = threading.local()
        self._stopped = False

    # -- the plane's own life --------------------------------------------------------------------

    def install(self) -> None:
        """Hook moto's RDS backend."""
        from emulator.rds import hooks

        hooks.install(self)

    def start(self) -> None:
        """Make the folder and the certificate authority."""
        self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._snapshots.mkdir(exist_ok=True, mode=0o700)
        self._authority = Authority(self._root)
        self._copies = Worker("copies", lambda: None)

    def stop(self) -> None:
        """End every server, all at once. May be called twice."""
        with self.lock:
            self._stopped = True
            instances = list(self._instances.values())
        if self._copies is not None:
            self._copies.close()
        if instances:
            with ThreadPoolExecutor(max_workers=8) as pool:
                list(pool.map(_close, instances))

    # -- what hooks need -------------------------------------------------------------------------

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the lock; what is called meanwhile never waits for a worker, which may want it too."""
        with self.lock:
            self._inside.depth = getattr(self._inside, "depth", 0) + 1
            try:
                yield
            finally:
                self._inside.depth -= 1

    @contextlib.contextmanager
    def restore(self) -> Iterator[None]:
        """This thread is in a restore of moto's, which ends in a creation."""
        self._inside.restoring = True
        try:
            yield
        finally:
            self._inside.restoring = False

    def restoring(self) -> bool:
        """Whether this thread is in :meth:`restore`."""
        return getattr(self._inside, "restoring", False)

    def instance(self, database: DBInstance) -> Instance | None:
        """The instance behind a record; None for an engine that is moto's alone."""
        return self._instances.get(database.dbi_resource_id)

    def settle(self, databases: list[DBInstance]) -> None:
        """Wait for the work of these instances that is late; see :meth:`Worker.settle`."""
        if getattr(self._inside, "depth", 0):
            return
        for database in databases:
            instance = self.instance(database)
            if instance is not None:
                instance.worker.settle()

    def settle_snapshots(self, snapshots: list[DBSnapshot]) -> None:
        """Wait for the snapshots whose time has come."""
        if getattr(self._inside, "depth", 0):
            return
        for snapshot in snapshots:
            worker = self._busy.get(snapshot.arn)
            if worker is not None and snapshot.status == "creating":
                worker.settle()

    # -- requests --------------------------------------------------------------------------------

    def check_creation(self, request: dict[str, Any]) -> str:
        """Judge a CreateDBInstance, fill in the version, and take the password out.

        :param request: in snake case; changed in place.
        :returns: the master password, empty when Secrets Manager is to make it.
        :raises RDSClientError: as AWS.
        """
        password = request.pop("master_user_password", None) or ""
        request["engine_version"] = rules.resolve_version(
            request.get("engine_version") or default_version(), offered_versions()
        )
        if not request.get("master_username"):
            raise InvalidParameterValue("The parameter MasterUsername must be provided and must not be blank.")
        rules.check_master(request["master_username"])
        if request.get("manage_master_user_password"):
            if password:
                raise InvalidParameterCombination(
                    "You can't specify MasterUserPassword for an instance with ManageMasterUserPassword enabled."
                )
        elif not password:
            raise InvalidParameterValue("The parameter MasterUserPassword must be provided and must not be blank.")
        else:
            rules.check_password(password)
        if request.get("db_name"):
            rules.check_database(request["db_name"])
        if not request.get("allocated_storage"):
            raise InvalidParameterValue("The parameter AllocatedStorage must be provided and must not be blank.")
        storage_type = request.get("storage_type") or DBInstance.default_storage_type(request.get("iops"))
        rules.check_storage(
            storage_type, int(request["allocated_storage"]), request.get("iops"), request.get("storage_throughput")
        )
        return str(password)

    def created(self, database: DBInstance, request: Mapping[str, Any], password: str) -> None:
        """A record was made: make its server."""
        instance = self._take(database, request)
        instance.create(password or model.managed_password(database) or "")

    def restored(self, database: DBInstance, request: Mapping[str, Any], source: DBSnapshot | Instance) -> None:
        """A record was made of a snapshot, or of an instance as it is now: make its server."""
        instance = self._take(database, request)
        database.source_db_instance_identifier = None
        # Unlike the rest these are not inherited.
        database.deletion_protection = bool(request.get("deletion_protection"))
        database.multi_az = bool(request.get("multi_az"))
        model.set_zones(database)
        instance.restore(self._fetcher(source), model.managed_password(database))

    def check_source(self, source: DBSnapshot) -> None:
        """:raises InvalidDBSnapshotState: when a snapshot is not complete."""
        if source.status != "available":
            raise InvalidDBSnapshotState(f"DB snapshot {source.db_snapshot_identifier} is not in the available state.")
        if files_of(source) is None:
            raise InvalidRestore(f"DB snapshot {source.db_snapshot_identifier} holds no data.")

    def check_point_in_time(self, source: Instance, request: Mapping[str, Any]) -> None:
        """Only the latest restorable time can be restored to: no log is kept here.

        :raises PointInTimeRestoreNotEnabled: without backups.
        :raises InvalidRestore: for another time.
        :raises InvalidParameterCombination: when no time is given, or two.
        """
        database = source.database
        latest, moment = bool(request.get("use_latest_restorable_time")), request.get("restore_time")
        if latest and moment:
            raise InvalidParameterCombination("Cannot specify both RestoreTime and UseLatestRestorableTime")
        if not latest and not moment:
            raise InvalidParameterCombination("Must specify either RestoreTime or UseLatestRestorableTime")
        if not database.backup_retention_period:
            raise PointInTimeRestoreNotEnabled(
                f"Point-in-time restore is not enabled for {database.db_instance_identifier}."
            )
        if not latest:
            raise InvalidRestore(
                f"The specified instance cannot be restored to {moment}: the embedded AWS keeps no transaction "
                "logs. Use UseLatestRestorableTime, or restore a snapshot."
            )

    def modify(self, instance: Instance, request: dict[str, Any], original: Callable[[dict[str, Any]], Any]) -> None:
        """ModifyDBInstance.

        :param original: moto's own, for what changes at once.
        :raises RDSClientError: as AWS.
        """
        database = instance.database
        if database.status not in IDLE:
            raise InvalidDBInstanceState("Database instance is not in available state.")
        if not set(request) - changes.STEERING:
            raise InvalidParameterCombination("No modifications were requested")
        self._check_modification(instance, request)
        sorted_changes = changes.sort(request, self._deferrable(database), instance.waiting, instance.asked_port)
        changed = {*sorted_changes.soon, *sorted_changes.later} & set(request)
        if changed & changes.STORAGE and instance.keeps_storage:
            # As the Terraform provider for AWS knows it (hashicorp/terraform-provider-aws#12493).
            raise InvalidParameterCombination(
                "You can't currently modify the storage of this DB instance because the previous storage change is "
                "being optimized."
            )
        now = sorted_changes.now
        insights = {name: now.pop(name) for name in list(now) if "performance_insights" in name}
        original({"db_instance_identifier": database.db_instance_identifier, **now})
        if insights:
            enabled = getattr(database, "performance_insights_enabled", False)
            model.set_insights(
                database,
                bool(insights.get("enable_performance_insights", enabled)),
                insights.get("performance_insights_kms_key_id"),
                insights.get("performance_insights_retention_period"),
            )
        if now.get("manage_master_user_password"):
            sorted_changes.password = model.managed_password(database)
        instance.modify(sorted_changes)

    def snapshot(self, database: DBInstance, record: Callable[[], DBSnapshot]) -> DBSnapshot:
        """CreateDBSnapshot.

        :raises InvalidDBInstanceState: unless the instance is available.
        """
        self._check_can_snapshot(database)
        snapshot = self._prepare_snapshot(record(), database)
        self._of(database).snapshot(snapshot)
        return snapshot

    def copy_snapshot(self, source: DBSnapshot, record: Callable[[], DBSnapshot]) -> DBSnapshot:
        """CopyDBSnapshot: the copy has files of its own."""
        self.check_source(source)
        snapshot = self._prepare_snapshot(record(), source.database)
        snapshot.source_db_snapshot_identifier = source.arn  # type: ignore[attr-defined]
        files, target = files_of(source), files_of(snapshot)
        copies = self._copies
        assert files is not None
        assert target is not None
        assert copies is not None

        def work() -> None:
            shutil.copytree(files, target, symlinks=True)

        def done() -> None:
            snapshot.percent_progress = 100  # type: ignore[attr-defined]
            snapshot.status = "available"

        def failed(error: Exception) -> None:
            snapshot.status = "failed"

        self._busy[snapshot.arn] = copies
        copies.submit(Job("copy", self.clock.ready_at("rds.snapshot"), work, done, failed))
        return snapshot

    def check_can_delete(self, snapshot: DBSnapshot) -> None:
        """:raises InvalidDBSnapshotState: while a snapshot is being made."""
        if snapshot.status == "creating":
            raise InvalidDBSnapshotState(
                f"Cannot delete the snapshot {snapshot.db_snapshot_identifier} because it is not currently in the "
                "available or failed state."
            )

    def deleted_snapshot(self, snapshot: DBSnapshot) -> None:
        """A snapshot's record is gone: so are its files."""
        self._busy.pop(snapshot.arn, None)
        files = files_of(snapshot)
        if files is not None:
            shutil.rmtree(files, ignore_errors=True)

    def stop_instance(self, database: DBInstance, record: Callable[[], DBSnapshot] | None) -> None:
        """StopDBInstance, with a snapshot first when ``record`` makes one."""
        if database.status != "available":
            raise InvalidDBInstanceState(f"Instance {database.db_instance_identifier} is not in available state.")
        snapshot = self._prepare_snapshot(record(), database) if record else None
        self._of(database).stop(snapshot)

    def start_instance(self, database: DBInstance) -> None:
        """StartDBInstance."""
        if database.status != "stopped":
            raise InvalidDBInstanceState(
                f"Instance {database.db_instance_identifier} is not stopped, it cannot be started."
            )
        self._of(database).start()

    def reboot(self, database: DBInstance) -> None:
        """RebootDBInstance."""
        if database.status not in IDLE:
            raise InvalidDBInstanceState("Instance cannot currently reboot due to an in-progress management operation.")
        self._of(database).reboot()

    def delete(
        self,
        database: DBInstance,
        final: str | None,
        skip: bool,
        record: Callable[[], DBSnapshot],
        unregister: Callable[[], None],
    ) -> None:
        """DeleteDBInstance.

        :param final: FinalDBSnapshotIdentifier; ``record`` makes it.
        :param skip: SkipFinalSnapshot.
        """
        if database.status == "deleting":
            raise InvalidDBInstanceState(f"Instance {database.db_instance_identifier} is already being deleted.")
        if database.deletion_protection:
            raise InvalidParameterCombination(
                "Cannot delete protected DB Instance, please disable deletion protection and try again."
            )
        if final and skip:
            raise InvalidParameterCombination("You cannot specify both FinalDBSnapshotIdentifier and SkipFinalSnapshot")
        if not final and not skip:
            raise InvalidParameterCombination(
                "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified."
            )
        snapshot = None
        if final:
            self._check_can_snapshot(database)
            snapshot = self._prepare_snapshot(record(), database)
        self._of(database).delete(snapshot, unregister)

    # -- what an instance needs (emulator.rds.instance.Plane) ------------------------------------

    def settings(self, instance: Instance) -> Settings:
        """The settings that the instance's class and parameter group ask for."""
        return settings.from_parameter_group(
            instance.database.db_instance_class,
            instance.database.engine_version,
            self._parameters(instance.database),
            parameter_names(instance.cluster.binaries),
        )

    def dynamic_settings(self, instance: Instance, running: Settings) -> Settings:
        """The same, as far as a running server takes them over."""
        return settings.follow(running, self._parameters(instance.database), self.settings(instance))

    def ports(self) -> frozenset[int]:
        """The ports of all instances, whether they run or not."""
        with self.lock:
            return frozenset(instance.port for instance in self._instances.values())

    def new_snapshot(self, database: DBInstance, identifier: str, kind: str) -> DBSnapshot:
        """The record of an automated snapshot."""
        from emulator.rds import hooks

        record = hooks.original_create_snapshot(database.backend, database.db_instance_identifier, identifier, kind)
        return self._prepare_snapshot(record, database)

    def forget(self, instance: Instance) -> None:
        """Drop an instance that is gone."""
        with self.lock:
            self._instances.pop(instance.database.dbi_resource_id, None)

    def event(self, database: DBInstance, event: str) -> None:
        """Add to DescribeEvents; the kinds are in :mod:`emulator.rds.hooks`."""
        database.add_event(event)

    # -- inside ----------------------------------------------------------------------------------

    def _take(self, database: DBInstance, request: Mapping[str, Any]) -> Instance:
        """Make the instance behind a new record; the record goes when that cannot be."""
        try:
            instance = self._instance_for(database, request)
        except Exception:
            database.backend.databases.pop(database.db_instance_identifier, None)
            raise
        self._instances[database.dbi_resource_id] = instance
        return instance

    def _instance_for(self, database: DBInstance, request: Mapping[str, Any]) -> Instance:
        assert self._authority is not None
        if self._stopped:
            raise InvalidDBInstanceState("The embedded AWS is stopping.")
        database.master_user_password = None  # nobody needs it in memory from here on
        binaries = choose(database.engine_version)
        if binaries is None:
            raise InvalidParameterCombination(f"Cannot find version {database.engine_version} for postgres")
        model.complete(database, request, self._authority.valid_until)
        folder = self._root / f"{database.db_instance_identifier}.{database.dbi_resource_id[3:11].lower()}"
        cluster = Cluster(
            database.db_instance_identifier,
            folder,
            binaries,
            self._context.processes,
            self._authority,
            self._secret,
        )
        return Instance(self, database, cluster)

    def _of(self, database: DBInstance) -> Instance:
        instance = self.instance(database)
        assert instance is not None
        return instance

    def _fetcher(self, source: DBSnapshot | Instance) -> Callable[[], tuple[Path, bool]]:
        if isinstance(source, DBSnapshot):
            files = files_of(source)
            assert files is not None
            found = files
            return lambda: (found, False)
        temporary = self._snapshots / f"restore-{secrets.token_hex(8)}"

        def fetch() -> tuple[Path, bool]:
            source.copy(temporary).result()
            return temporary, True

        return fetch

    def _prepare_snapshot(self, snapshot: DBSnapshot, database: DBInstance) -> DBSnapshot:
        model.describe_snapshot(snapshot, database)
        snapshot.emulator_files = self._snapshots / secrets.token_hex(8)  # type: ignore[attr-defined]
        instance = self.instance(database)
        if instance is not None:
            self._busy[snapshot.arn] = instance.worker
        return snapshot

    def _check_can_snapshot(self, database: DBInstance) -> None:
        if database.status not in IDLE:  # API CreateDBSnapshot
            raise InvalidDBInstanceState(
                f"Cannot create a snapshot because the database instance {database.db_instance_identifier} "
                "is not currently in the available state."
            )

    def _check_modification(self, instance: Instance, request: dict[str, Any]) -> None:
        database = instance.database
        password = request.get("master_user_password")
        if password is not None:
            if getattr(database, "manage_master_user_password", False):
                raise InvalidParameterCombination(
                    "You can't specify MasterUserPassword for an instance with ManageMasterUserPassword enabled."
                )
            rules.check_password(password)
        if request.get("rotate_master_user_password"):
            raise InvalidParameterCombination("The embedded AWS does not rotate managed master passwords.")
        if request.get("engine_version"):
            wanted = rules.resolve_version(request["engine_version"], offered_versions())
            if request["engine_version"] == database.engine_version.split(".", 1)[0]:
                wanted = database.engine_version  # a major version alone: there already
            request["engine_version"] = wanted
            rules.check_upgrade(
                database.engine_version,
                wanted,
                bool(request.get("allow_major_version_upgrade")),
                choose(wanted) == instance.cluster.binaries,
            )
        size = request.get("allocated_storage") or database.allocated_storage
        if size < database.allocated_storage:
            raise InvalidParameterCombination(
                f"Requested storage size ({size}) cannot be less than the current storage size "
                f"({database.allocated_storage})"
            )
        rules.check_storage(
            request.get("storage_type") or database.storage_type,
            size,
            request.get("iops"),
            request.get("storage_throughput"),
        )
        asked, family = request.get("db_parameter_group_name"), None
        if asked:
            # Makes a default group, or refuses an unknown one.
            family = database.backend.describe_db_parameter_groups({"db_parameter_group_name": asked})[0].family
        (used,) = database.db_parameter_groups()
        version = request.get("engine_version") or database.engine_version
        rules.check_parameter_group(database.engine_version, version, used.name, asked, family)
        if request.get("db_subnet_group_name"):
            database.backend.describe_db_subnet_groups(request["db_subnet_group_name"])
        renamed = request.get("new_db_instance_identifier")
        if renamed:
            request["new_db_instance_identifier"] = renamed = renamed.lower()
            database.backend._validate_db_identifier(renamed)
            if renamed in database.backend.databases and renamed != database.db_instance_identifier:
                raise InvalidParameterValue(f"DBInstance {renamed} already exists")

    @staticmethod
    def _deferrable(database: DBInstance) -> dict[str, Any]:
        group = getattr(database, "db_subnet_group", None)
        found = {
            attribute: getattr(database, attribute)
            for attribute, _ in DEFERRABLE.values()
            if attribute != "db_subnet_group_name"
        }
        return {**found, "db_subnet_group_name": group.name if group is not None else None}

    @staticmethod
    def _parameters(database: DBInstance) -> list[Mapping[str, Any]]:
        return [dict(row) for group in database.db_parameter_groups() for row in group.parameters.values()]


def _close(instance: Instance) -> None:
    try:
        instance.close()
    except Exception:
        log.exception("%s did not stop cleanly", instance.cluster.name)
