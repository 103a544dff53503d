# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of a task: from its first state to its last, in a thread of its own."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from emulator.ecs import logs, network
from emulator.ecs.container import Container, Launch
from emulator.ecs.endpoint import TaskEndpoint
from emulator.ecs.environment import compose, image_path, passed_through
from emulator.ecs.errors import StartFailure
from emulator.ecs.health import HealthMonitor
from emulator.ecs.image import Image, ImageCache, Registry, is_private_registry
from emulator.ecs.paths import PathMap
from emulator.ecs.roles import denial
from emulator.ecs.secrets import Reader
from emulator.ecs.shim import PortPool, TaskNetwork
from emulator.ecs.task import Task
from emulator.plane import Context

log = logging.getLogger(__name__)

#: Where the seconds of a task's start go on AWS: interface, then secrets and image, then targets.
_PROVISIONING, _PENDING, _ACTIVATING = 0.3, 0.6, 0.1


class _Stopping(Exception):
    """Somebody asked the task to stop before it ran."""


@dataclass
class Tools:
    """What all tasks share.

    :param folder: the folder of the ECS plane in the state folder.
    :param ending: set when the plane stops: no more draining, no more patience.
    """

    context: Context
    folder: Path
    registry: Registry
    images: ImageCache
    ports: PortPool
    shipper: logs.LogShipper
    endpoint: TaskEndpoint
    ending: threading.Event = field(default_factory=threading.Event)
    #: Seconds between SIGTERM and SIGKILL when the plane stops.
    last_patience: float = 3.0


class TaskRun:
    """Runs one task."""

    def __init__(self, task: Task, tools: Tools) -> None:
        self._task = task
        self._tools = tools
        self._folder = tools.folder / "tasks" / task.id
        self._network: TaskNetwork | None = None
        self._streams: dict[str, logs.StreamName] = {}
        self._secrets: dict[str, dict[str, str]] = {}
        self._images: dict[str, Image] = {}
        self._registered: list[network.Target] = []
        self.thread = threading.Thread(target=self._run, name=f"task {task.id}", daemon=True)

    def start(self) -> None:
        """Start the task's thread."""
        self.thread.start()

    def discard(self) -> None:
        """Remove what is left of the task on disk: its logs."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _run(self) -> None:
        task = self._task
        # What AWS checks, in the order in which a task would fail. A further check is one more step.
        steps: tuple[Callable[[], None], ...] = (
            self._attach_network,
            self._authorise_images,
            self._read_secrets,
            self._open_logs,
            self._pull_images,
            self._make_volumes,
        )
        try:
            for step in steps:
                self._check_stop()
                step()
            self._supervise()
        except StartFailure as failure:
            self._blame(failure)
        except _Stopping:
            pass
        except Exception as error:
            log.exception("task %s failed", task.id)
            task.request_stop("TaskFailedToStart", f"InternalError: {type(error).__name__}", failed=True)
        finally:
            try:
                self._wind_down()
            except Exception:
                log.exception("task %s was not taken down cleanly", task.id)
            task.become("STOPPED", "stoppedAt")

    def _blame(self, failure: StartFailure) -> None:
        for container in self._task.containers:
            if container.name == failure.container and container.reason is None:
                container.reason = str(failure)
        self._task.request_stop("TaskFailedToStart", str(failure), failed=True)

    def _check_stop(self) -> None:
        if self._task.is_stopping:
            raise _Stopping

    def _pass_time(self, share: float) -> None:
        """Wait for a share of the time that the clock gives to a task's start."""
        until = time.monotonic() + self._tools.context.clock.seconds("ecs.task.start") * share
        with self._task.condition:
            while time.monotonic() < until and not self._task.is_stopping:
                self._task.condition.wait(until - time.monotonic())
        self._check_stop()

    # The steps of the start.

    def _attach_network(self) -> None:
        task, tools = self._task, self._tools
        self._pass_time(_PROVISIONING)
        try:
            interface = network.attach(
                task.account, task.region, task.subnet, task.network["securityGroups"], task.attachment_id
            )
        except OSError as error:
            raise StartFailure(f"RESOURCE:ENI: {error}") from None
        task.interface = interface
        declared = [
            mapping["containerPort"]
            for each in task.containers
            for mapping in each.definition.get("portMappings") or []
        ]
        ports = {port: tools.ports.take() for port in declared}
        self._network = TaskNetwork(self._folder / "network", interface.address, ports)
        for port, host_port in ports.items():
            tools.context.addresses.publish(interface.vpc, interface.address, port, host_port)
        task.become("PENDING", "pullStartedAt")
        self._pass_time(_PENDING)

    def _authorise_images(self) -> None:
        task = self._task
        if not any(is_private_registry(each.definition["image"]) for each in task.containers):
            return
        denied = denial(task.execution_role_arn, task.id, "ecr:GetAuthorizationToken", "*")
        if denied:
            raise StartFailure(
                "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval "
                "failed: unable to retrieve ecr registry auth: service call has been retried 1 time(s): "
                f"{denied} status code: 400"
            )

    def _read_secrets(self) -> None:
        task = self._task
        reader = Reader(task.execution_role_arn, task.id, task.account, task.region)
        for container in task.containers:
            self._secrets[container.name] = {
                each["name"]: reader.read(each["valueFrom"]) for each in container.definition.get("secrets") or []
            }

    def _open_logs(self) -> None:
        task = self._task
        for container in task.containers:
            name = logs.stream_of(container.definition, task.account, task.region, task.id)
            if name is not None:
                logs.open_stream(container.definition, name, task.execution_role_arn, task.id)
                self._streams[container.name] = name

    def _pull_images(self) -> None:
        for container in self._task.containers:
            try:
                self._images[container.name] = self._tools.registry.pull(container.definition["image"])
            except StartFailure as failure:
                raise StartFailure(str(failure), container.name) from None
        self._tools.images.prepare()
        self._task.become("PENDING", "pullStoppedAt")

    def _make_volumes(self) -> None:
        for volume in self._task.definition.volumes:
            (self._folder / "volumes" / volume["name"]).mkdir(parents=True, exist_ok=True)
        assert self._network is not None
        for url in (self._tools.context.endpoint, self._tools.endpoint.url):
            self._network.url(url)
        self._network.write()

    # The containers.

    def _supervise(self) -> None:
        """Start containers as their dependencies allow, then watch them until the task has to stop."""
        task = self._task
        while not task.is_stopping:
            seen = task.version
            self._start_ready()
            ended = [each for each in task.containers if each.ended.is_set()]
            dead = next((each for each in ended if each.essential), None)
            if dead is not None:
                self._stop_after(dead)
                return
            if task.last_status == "PENDING" and all(each.last_status != "PENDING" for each in task.containers):
                self._activate()
            with task.condition:
                if task.version == seen:
                    task.condition.wait(self._next_timeout())

    def _stop_after(self, dead: Container) -> None:
        if dead.started_at is None:
            self._task.request_stop("TaskFailedToStart", dead.reason or "Task failed to start", failed=True)
        else:
            self._task.request_stop("EssentialContainerExited", "Essential container in task exited", failed=True)

    def _start_ready(self) -> None:
        by_name = {each.name: each for each in self._task.containers}
        for container in self._task.containers:
            if container.last_status != "PENDING":
                continue
            ready = True
            for dependency in container.definition.get("dependsOn") or []:
                other = by_name[dependency["containerName"]]
                met, lost = dependency_state(other, dependency["condition"])
                if lost:
                    self._give_up(container, other, lost)
                ready = ready and met
            if ready and container.last_status == "PENDING":
                self._check_stop()
                try:
                    self._launch(container)
                except StartFailure:
                    if container.essential:
                        raise

    @staticmethod
    def _give_up(container: Container, other: Container, why: str) -> None:
        # 143 is what AWS shows for a container that never ran (amazon-ecs-agent, pull request 3218).
        left = f" - Exit: {other.exit_code}" if other.exit_code is not None else ""
        container.fail(
            "CannotStartContainerError: dependency graph: failed to resolve container ordering dependency "
            f"[{other.name}({other.definition['image']}) ({other.last_status}->RUNNING){left}] for target "
            f"[{container.name}({container.definition['image']}) (NONE->RUNNING)] {why}",
            exit_code=143,
        )

    def _next_timeout(self) -> float | None:
        """Seconds until the next ``startTimeout`` ends, None when nobody waits for one."""
        waits = [left for each in self._task.containers if (left := start_time_left(each)) is not None]
        return max(0.05, min(waits)) if waits and self._task.last_status == "PENDING" else None

    def _launch(self, container: Container) -> None:
        task, tools, net = self._task, self._tools, self._network
        assert net is not None
        assert task.interface is not None
        definition = container.definition
        folder = self._folder / "containers" / container.name
        layer = folder / "usr-local"
        home, temporary, work = folder / "home", folder / "tmp", folder / "work"
        for each in (home, temporary, work):
            each.mkdir(parents=True, exist_ok=True)
        programs = tools.images.layer(self._images[container.name], layer, [net.folder])
        mounts = {
            mount["containerPath"]: self._folder / "volumes" / mount["sourceVolume"]
            for mount in definition.get("mountPoints") or []
        }
        paths = PathMap({**mounts, "/usr/local": layer})
        metadata = tools.endpoint.add_container(task, container.name)
        base = {
            **passed_through(),
            **tools.images.settings(),
            "PATH": image_path([str(each) for each in programs]),
            "HOME": str(home),
            "TMPDIR": str(temporary),
            "LANG": "C.UTF-8",
            "HOSTNAME": task.interface.dns_name,
            "AWS_EXECUTION_ENV": "AWS_ECS_FARGATE",
            "AWS_DEFAULT_REGION": task.region,
            "AWS_REGION": task.region,
            "AWS_ENDPOINT_URL": net.url(tools.context.endpoint),
            # Fargate has no instance metadata; this machine's own, where there is one, is none of the task's business.
            "AWS_EC2_METADATA_DISABLED": "true",
            "ECS_CONTAINER_METADATA_URI_V4": net.url(tools.endpoint.url + metadata),
        }
        if task.role_arn:
            path, token = tools.endpoint.add_credentials(task)
            base["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = net.url(tools.endpoint.url + path)
            base["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = token
        given = {each["name"]: paths.translate(each["value"]) for each in definition.get("environment") or []}
        environment = compose(base, given, self._secrets[container.name], str(net.folder))
        words = [*(definition.get("entryPoint") or []), *(definition.get("command") or [])]
        directory = definition.get("workingDirectory")
        if directory:
            translated = Path(paths.translate(directory))
            work = translated if str(translated) != directory else work / directory.strip("/")
            work.mkdir(parents=True, exist_ok=True)
        stream = self._streams.get(container.name)
        declared = [mapping["containerPort"] for mapping in definition.get("portMappings") or []]
        launch = Launch(
            title=f"{task.definition.family}/{container.name}/{task.id}",
            # An image's own command is used where the definition says none: the python image's is python3.
            argv=[paths.translate(word) for word in words] or ["python3"],
            environment=environment,
            folder=work,
            log=self._folder / f"{container.name}.log",
            port=net.ports[declared[0]] if declared else None,
            line=partial(tools.shipper.add, stream) if stream else _nowhere,
            flush=tools.shipper.flush,
            mark=metadata,
        )
        container.run(launch, tools.context.processes)
        if container.has_check:
            command = [paths.translate(word) for word in definition["healthCheck"]["command"]]
            HealthMonitor(container, command, tools.context.clock.scale).start()

    def _activate(self) -> None:
        task = self._task
        task.become("ACTIVATING")
        self._pass_time(_ACTIVATING)
        assert task.interface is not None
        for target in task.targets:
            if network.register(task.account, task.region, target, task.interface.address):
                self._registered.append(target)
        task.become("RUNNING", "startedAt")

    # The end.

    def _wind_down(self) -> None:
        task, tools = self._task, self._tools
        if task.last_status in ("RUNNING", "ACTIVATING"):
            task.become("DEACTIVATING")
        self._drain()
        task.become("STOPPING")
        self._stop_containers()
        task.become("DEPROVISIONING", "executionStoppedAt")
        tools.endpoint.forget(task)
        if task.interface is not None:
            tools.context.addresses.withdraw(task.interface.vpc, task.interface.address)
            network.detach(task.account, task.region, task.interface)
        if self._network is not None:
            tools.ports.give_back(self._network.ports.values())
        # The logs stay; what a task writes to its own disk is gone with it, as on Fargate.
        for name in ("volumes", "containers", "network"):
            shutil.rmtree(self._folder / name, ignore_errors=True)

    def _drain(self) -> None:
        """Leave the target groups, and let open connections end while the containers still answer."""
        task = self._task
        if task.interface is None:
            return
        delay = 0.0
        for target in self._registered:
            delay = max(delay, network.deregister(task.account, task.region, target, task.interface.address))
        until = time.monotonic() + delay
        with task.condition:
            while time.monotonic() < until and not self._tools.ending.is_set():
                if not all(each.last_status == "RUNNING" for each in task.containers if each.essential):
                    return
                task.condition.wait(until - time.monotonic())

    def _stop_containers(self) -> None:
        """Stop every container, those that others depend on last."""
        left = list(self._task.containers)
        while left:
            needed = {
                dependency["containerName"] for each in left for dependency in each.definition.get("dependsOn") or []
            }
            now = [each for each in left if each.name not in needed] or left
            threads = [threading.Thread(target=self._stop_container, args=(each,), daemon=True) for each in now]
            for thread in threads:
                thread.start()
            for thread, each in zip(threads, now, strict=True):
                thread.join(each.stop_timeout + 15)  # stop() itself gives up ten seconds after SIGKILL
            left = [each for each in left if each not in now]

    def _stop_container(self, container: Container) -> None:
        container.stop(container.stop_timeout, self._tools.ending, self._tools.last_patience)


def dependency_state(other: Container, condition: str) -> tuple[bool, str | None]:
    """Whether a dependency on ``other`` is met, and why it never will be (None while it may)."""
    ended = other.ended.is_set()
    if condition == "START":
        return other.started_at is not None, (
            "as dependency did not start." if ended and other.started_at is None else None
        )
    if condition == "COMPLETE":
        met, lost = ended, None
    elif condition == "SUCCESS":
        met = ended and other.exit_code == 0
        lost = "as dependency did not exit successfully." if ended and not met else None
    else:
        met = not ended and other.health == "HEALTHY"
        lost = "as dependency is not HEALTHY." if ended or other.health == "UNHEALTHY" else None
    left = start_time_left(other)
    if not met and lost is None and left is not None and left <= 0:
        lost = "as dependency did not reach its condition in its start timeout."
    return met, lost


def start_time_left(container: Container) -> float | None:
    """Seconds that others still wait for ``container``; None without ``startTimeout`` or before its start."""
    limit = container.definition.get("startTimeout")
    if not limit or container.started_monotonic is None:
        return None
    return float(container.started_monotonic + limit - time.monotonic())


def _nowhere(line: str) -> None:
    """The line goes to the log file only."""
