# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ECS plane: services and tasks of launch type Fargate as processes of this machine.

What differs from Fargate, because there is no container runtime:

* No chroot: mount points are rewritten to folders (:mod:`emulator.ecs.paths`); ``readOnly`` mounts
  and ``readonlyRootFilesystem`` are kept in the definition but not enforced, and all processes run as
  the emulator's user, whatever ``user`` says. cpu and memory are not limited.
* No network namespace: container ports are translated for Python programs (:mod:`emulator.ecs.shim`).
* One image content for all images (:mod:`emulator.ecs.image`).
* Processes that leave their group *and* clear their environment are not found at the end of a
  container; on macOS those that leave their group are not.
"""

from __future__ import annotations

import threading
import time

from emulator.ecs import definitions
from emulator.ecs.api import Actions
from emulator.ecs.endpoint import TaskEndpoint
from emulator.ecs.image import ImageCache, Registry, cache_folder
from emulator.ecs.launch import Launcher
from emulator.ecs.listening import ListenerWatch
from emulator.ecs.logs import LogShipper
from emulator.ecs.runner import Tools
from emulator.ecs.scheduler import Scheduler
from emulator.ecs.shim import PortPool
from emulator.ecs.store import Store
from emulator.plane import Context

#: The most that the plane waits for the ends of its tasks; what runs then is ended with the daemon.
STOP_SECONDS = 30.0


class EcsPlane:
    """Runs ECS services and tasks."""

    name = "ecs"

    def __init__(self, context: Context) -> None:
        folder = context.state / self.name
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._store = Store()
        self._shipper = LogShipper()
        self._endpoint = TaskEndpoint()
        self._tools = Tools(
            context=context,
            folder=folder,
            registry=Registry(context.state / "images.json"),
            images=ImageCache(cache_folder()),
            ports=PortPool(),
            shipper=self._shipper,
            endpoint=self._endpoint,
        )
        self._launcher = Launcher(self._store, self._tools, self._changed)
        self._scheduler = Scheduler(self._store, self._launcher.for_deployment)
        self._watch = ListenerWatch(lambda: list(self._store.tasks.values()), context.processes.recorded)
        self._stop_lock = threading.Lock()
        self._stopped = False

    @property
    def serves(self) -> tuple[str, ...]:
        """The endpoint of metadata and credentials."""
        return (self._endpoint.url.removeprefix("http://"),)

    def _changed(self) -> None:
        self._scheduler.wake()

    def install(self) -> None:
        """Put the plane's actions in the place of moto's."""
        definitions.install()
        Actions(self._store, self._launcher, self._changed).install()

    def start(self) -> None:
        """Start to schedule."""
        self._shipper.start()
        self._endpoint.start()
        self._scheduler.start()
        self._watch.start()

    def stop(self) -> None:
        """Stop all tasks at once and wait for their ends."""
        with self._stop_lock:
            if self._stopped:
                return
            self._stopped = True
            self._tools.ending.set()
            self._scheduler.stop()
            self._watch.stop()
            with self._store.lock:
                tasks, runs = list(self._store.tasks.values()), list(self._store.runs.values())
            for task in tasks:
                task.request_stop("UserInitiated", "The emulator stops.")
                task.notify()
            until = time.monotonic() + STOP_SECONDS
            for run in runs:
                run.thread.join(max(0.0, until - time.monotonic()))
            self._endpoint.stop()
            self._shipper.stop()
