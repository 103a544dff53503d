# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of one instance: its record in the control plane, its server, and what turns one into the other.

Every public method is called by a request, changes the record, and leaves the work to the
instance's worker. Only the worker touches the cluster.
"""

from __future__ import annotations

import logging
import shutil
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Protocol

from moto.rds.models import DBInstance, DBSnapshot

from emulator.clock import Clock
from emulator.consistency import Consistency
from emulator.rds import model
from emulator.rds.changes import STORAGE, Changes
from emulator.rds.cluster import Cluster, ClusterError, reserve
from emulator.rds.settings import Settings
from emulator.rds.worker import Job, Worker

log = logging.getLogger(__name__)

#: Statuses in which nothing goes on that keeps an instance from an operation. In storage-optimization only the storage
#: cannot be changed (RDS user guide, "Viewing Amazon RDS DB instance status").
IDLE = frozenset({"available", "storage-optimization"})


class Plane(Protocol):
    """What an instance needs of its plane."""

    clock: Clock
    consistency: Consistency
    #: Held while a record is read or written that requests can see.
    lock: threading.RLock

    def settings(self, instance: Instance) -> Settings:
        """The settings that the instance's class and parameter group ask for."""

    def dynamic_settings(self, instance: Instance, running: Settings) -> Settings:
        """The same, as far as a running server takes them over."""

    def ports(self) -> frozenset[int]:
        """The ports of all instances."""

    def new_snapshot(self, database: DBInstance, identifier: str, kind: str) -> DBSnapshot:
        """A record of a snapshot that is being made."""

    def forget(self, instance: Instance) -> None:
        """Drop an instance that is gone."""

    def event(self, database: DBInstance, event: str) -> None:
        """Add to DescribeEvents."""


def files_of(snapshot: DBSnapshot) -> Path | None:
    """Where the copy behind a snapshot lies; None for one that moto made up."""
    found: Path | None = getattr(snapshot, "emulator_files", None)
    return found


def _nothing() -> None:
    """The work of a job that only takes time."""


class Instance:
    """An RDS instance that is served by a PostgreSQL.

    :param database: its record in moto.
    :param cluster: its server, not yet made.
    """

    def __init__(self, plane: Plane, database: DBInstance, cluster: Cluster) -> None:
        self.database = database
        self.cluster = cluster
        self._plane = plane
        #: The port that the caller asked for; the one that is served may be another.
        self.asked_port = int(database.port or 5432)
        self._listener: socket.socket | None = reserve(self.asked_port, plane.ports())
        self.port = int(self._listener.getsockname()[1])
        self._published = False
        #: Attributes that wait for the maintenance window.
        self.waiting: dict[str, Any] = {}
        #: What the running server was started with.
        self._applied: Settings | None = None
        self._applied_group: str | None = None
        self._deleting = False
        #: The ``time.monotonic()`` until which RDS optimizes the volume, and takes no other change of it.
        self._optimizes_until = 0.0
        self._storage_until = 0.0
        self.worker = Worker(database.db_instance_identifier, self._watch)

    @property
    def endpoint(self) -> dict[str, Any] | None:
        """The endpoint, None until the instance has been available for the first time."""
        return {"Address": "127.0.0.1", "Port": self.port} if self._published else None

    @property
    def keeps_storage(self) -> bool:
        """Whether the last change of the storage is too recent for another one."""
        return time.monotonic() < self._storage_until

    # -- requests --------------------------------------------------------------------------------

    def create(self, password: str) -> None:
        """Make the server with an empty database."""
        database = self.database

        def work() -> None:
            settings = self._settings()
            self.cluster.create(settings, str(database.master_username), password, database.db_name)
            self._started_with(settings)

        self._submit("creating", "rds.create", work, self._first_available, failure="failed")

    def restore(self, fetch: Callable[[], tuple[Path, bool]], password: str | None) -> None:
        """Make the server of a copy.

        :param fetch: gives the copy's folder, and whether it is to be deleted afterwards.
        :param password: a new master password; else the one in the copy stays.
        """

        def work() -> None:
            files, temporary = fetch()
            try:
                settings = self._settings()
                self.cluster.adopt(files, settings)
                self._started_with(settings)
            finally:
                if temporary:
                    shutil.rmtree(files, ignore_errors=True)
            if password:
                self.cluster.set_password(str(self.database.master_username), password)

        self._submit("creating", "rds.restore", work, self._first_available, failure="restore-error")

    def modify(self, changes: Changes) -> None:
        """Apply what takes time; see :class:`Changes`."""
        self.waiting = changes.later
        self._show_pending(changes.pending())
        status = changes.status()
        if status is None:
            return

        def done() -> None:
            if changes.password:
                self.cluster.set_password(str(self.database.master_username), changes.password)
                self._plane.event(self.database, "DB_INSTANCE_RESET_MASTER_CREDENTIALS")
            with self._plane.lock:
                self._record(changes.soon)
            if STORAGE & set(changes.soon):
                self._optimize()
            if changes.port is not None:
                self._move(changes.port)
            if {"db_instance_class", "engine_version"} & set(changes.soon):
                self._restart()
            with self._plane.lock:
                self._show_pending(Changes(later=self.waiting).pending())
            self._become("available")

        self._submit(status, "rds.modify", _nothing, done, failure="incompatible-parameters")

    def reboot(self) -> None:
        """Restart the server, with what the parameter group says by now."""

        def done() -> None:
            self._serve()
            self._plane.event(self.database, "DB_INSTANCE_RESTART")
            self._become("available")

        self._submit("rebooting", "rds.reboot", self._halt, done, failure="incompatible-parameters")

    def stop(self, snapshot: DBSnapshot | None) -> None:
        """Stop the server, after a snapshot when one is given."""

        def work() -> None:
            if snapshot is not None:
                self._copy(snapshot)
            self._halt()

        def done() -> None:
            if snapshot is not None:
                self._finish(snapshot)
            self._plane.event(self.database, "DB_INSTANCE_STOP")
            self._become("stopped")

        self._submit("stopping", "rds.stop", work, done, failure="available", snapshot=snapshot)

    def start(self) -> None:
        """Start a server that was stopped."""

        def done() -> None:
            self._serve()
            self._plane.event(self.database, "DB_INSTANCE_START")
            self._become("available")

        self._submit("starting", "rds.start", _nothing, done, failure="incompatible-parameters")

    def snapshot(self, snapshot: DBSnapshot) -> None:
        """Copy the data into a snapshot."""

        def done() -> None:
            self._finish(snapshot)
            self._become("available")

        self._submit(
            "backing-up",
            "rds.snapshot",
            lambda: self._copy(snapshot),
            done,
            failure="available",
            snapshot=snapshot,
        )

    def delete(self, snapshot: DBSnapshot | None, unregister: Callable[[], None]) -> None:
        """End everything, after a final snapshot when one is given.

        :param unregister: takes the record away.
        """
        self._deleting = True
        self.worker.hurry()

        def work() -> None:
            if snapshot is not None:
                self._copy(snapshot)
            self.cluster.stop()

        def done() -> None:
            if snapshot is not None:
                self._finish(snapshot)
            self._plane.event(self.database, "DB_INSTANCE_DELETE")
            with self._plane.lock:
                unregister()
            self._retire()

        self._submit("deleting", "rds.delete", work, done, failure="failed", snapshot=snapshot)

    def copy(self, target: Path) -> Future[None]:
        """Copy the data as it is now to ``target``, for a restore to the latest time."""
        result: Future[None] = Future()

        def work() -> None:
            if self.database.status == "stopped":
                shutil.copytree(self.cluster.data, target, symlinks=True)
            else:
                self.cluster.copy_to(target)

        self.worker.submit(
            Job("copy", 0.0, work, lambda: result.set_result(None), lambda error: result.set_exception(error))
        )
        return result

    def close(self) -> None:
        """End the server and leave its record alone; for the end of the plane. May be called twice."""
        self.worker.close()
        self.cluster.stop()
        self._release()

    # -- the worker's side -----------------------------------------------------------------------

    def _submit(
        self,
        status: str,
        operation: str,
        work: Callable[[], None],
        done: Callable[[], None],
        failure: str,
        snapshot: DBSnapshot | None = None,
    ) -> None:
        """Let the worker do an operation, in ``status``; it takes as long as on AWS.

        :param failure: the status when it goes wrong.
        """
        self.database.status = status

        def failed(error: Exception) -> None:
            with self._plane.lock:
                self.database.status = failure
                self._show_pending({})
                if snapshot is not None:
                    snapshot.status = "failed"

        self.worker.submit(Job(operation, self._plane.clock.ready_at(operation), work, done, failed))

    def _first_available(self) -> None:
        if self._deleting:
            return
        self._open()
        self._published = True
        if self.database.backup_retention_period:
            # RDS takes the first automated backup as the last part of a creation.
            with self._plane.lock:
                stamp = self.database.created.strftime("%Y-%m-%d-%H-%M")
                identifier = f"rds:{self.database.db_instance_identifier}-{stamp}"
                snapshot = self._plane.new_snapshot(self.database, identifier, "automated")
                self.database.status = "backing-up"
            self._plane.event(self.database, "DB_INSTANCE_BACKUP_START")
            try:
                self._copy(snapshot)
                self._finish(snapshot)
            except ClusterError:
                log.exception("%s: the first automated backup failed", self.cluster.name)
                snapshot.status = "failed"
            self._plane.event(self.database, "DB_INSTANCE_BACKUP_FINISH")
        self._become("available")

    def _copy(self, snapshot: DBSnapshot) -> None:
        files = files_of(snapshot)
        assert files is not None
        self.cluster.copy_to(files)
        snapshot.percent_progress = 50  # type: ignore[attr-defined]

    def _finish(self, snapshot: DBSnapshot) -> None:
        with self._plane.lock:
            snapshot.percent_progress = 100  # type: ignore[attr-defined]
            snapshot.status = "available"

    def _become(self, status: str) -> None:
        """Show that an operation is over; an instance that is to be deleted stays "deleting"."""
        with self._plane.lock:
            if not self._deleting:
                optimizes = status == "available" and time.monotonic() < self._optimizes_until
                self.database.status = "storage-optimization" if optimizes else status

    def _optimize(self) -> None:
        """RDS works on the volume after a change of it, for as long as something deleted lingers at least."""
        now, clock = time.monotonic(), self._plane.clock
        self._optimizes_until = max(clock.ready_at("rds.optimize"), now + self._plane.consistency.lingering)
        self._storage_until = max(clock.ready_at("rds.storage"), self._optimizes_until)

    def _record(self, attributes: dict[str, Any]) -> None:
        database = self.database
        renamed = attributes.get("db_instance_identifier")
        if renamed:
            databases = database.backend.databases
            databases.pop(database.db_instance_identifier, None)
            databases[renamed] = database
        # The throughput is only kept for a type that has one.
        order = sorted(attributes, key=lambda name: name != "storage_type")
        for name in order:
            setattr(database, name, attributes[name])
        if "storage_type" in attributes and "iops" not in attributes:
            database.iops = None
        model.set_storage(database)
        model.set_zones(database)
        if "ca_certificate_identifier" in attributes:
            details: dict[str, Any] = getattr(database, "certificate_details", {})
            model.set_certificate(database, database.ca_certificate_identifier, details["ValidTill"])

    def _show_pending(self, values: dict[str, Any]) -> None:
        self.database.pending_modified_values = values  # type: ignore[attr-defined]

    def _move(self, port: int) -> None:
        """Serve at another port."""
        self.cluster.close()
        self._release()
        self.asked_port = port
        self.database.port = port
        self._listener = reserve(port, self._plane.ports() - {self.port})
        self._open()

    def _restart(self) -> None:
        self._halt()
        self._serve()

    def _halt(self) -> None:
        """Stop the server and keep its port."""
        self.cluster.stop()
        self._release()
        self._listener = reserve(self.port, self._plane.ports() - {self.port})

    def _serve(self) -> None:
        settings = self._settings()
        self.cluster.start(settings)
        self._started_with(settings)
        self._open()

    def _open(self) -> None:
        """Open the endpoint, at another port when the reserved one was taken meanwhile."""
        listener = self._listener or reserve(self.port, self._plane.ports() - {self.port})
        self._listener = None
        try:
            self.cluster.open(listener)
        except ClusterError:
            listener = reserve(None, self._plane.ports())
            self.port = int(listener.getsockname()[1])
            self.cluster.open(listener)
        else:
            self.port = self.cluster.port

    def _release(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def _retire(self) -> None:
        self._plane.forget(self)
        self._release()
        self.worker.close()
        self.cluster.remove()

    def _settings(self) -> Settings:
        with self._plane.lock:
            return self._plane.settings(self)

    def _started_with(self, settings: Settings) -> None:
        self._applied = settings
        self._applied_group = self.database.db_parameter_group_name

    def _watch(self) -> None:
        """Between operations: bring back what died, and follow the parameter group."""
        with self._plane.lock:
            orphan = self.database.backend.databases.get(self.database.db_instance_identifier) is not self.database
            status = self.database.status
        if orphan:  # moto was reset
            self.cluster.stop()
            self._retire()
            return
        if status not in IDLE:
            return
        if status == "storage-optimization":
            self._become("available")
        server_died, front_died = self.cluster.failed()
        if server_died:
            log.warning("%s: PostgreSQL died; it is started again", self.cluster.name)
            self._plane.event(self.database, "DB_INSTANCE_RECOVERY_START")
            try:
                self.cluster.recover(self._applied or self._settings())
            except ClusterError:
                self._become("failed")
                raise
            self._plane.event(self.database, "DB_INSTANCE_RECOVERY_FINISH")
        if front_died:
            log.warning("%s: the endpoint died; it is opened again", self.cluster.name)
            self.cluster.close()
            self._open()
        self._follow_parameters()

    def _follow_parameters(self) -> None:
        """Dynamic parameters of the group that the server was started with take effect as they change."""
        wanted = self._settings()
        if self._applied is None or wanted == self._applied:
            return
        if self.database.db_parameter_group_name == self._applied_group:
            with self._plane.lock:
                dynamic = self._plane.dynamic_settings(self, self._applied)
            if dynamic != self._applied:
                self.cluster.reload(dynamic)
                self._applied = dynamic

    @property
    def apply_status(self) -> str:
        """ParameterApplyStatus as of now: ``in-sync``, ``applying`` or ``pending-reboot``.

        https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DBParameterGroupStatus.html
        """
        with self._plane.lock:
            running = self._applied
            if running is None or self._plane.settings(self) == running:
                return "in-sync"
            same_group = self.database.db_parameter_group_name == self._applied_group
            soon = same_group and self._plane.dynamic_settings(self, running) != running
        return "applying" if soon else "pending-reboot"
