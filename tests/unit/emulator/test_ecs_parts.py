# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of the ECS plane that need no process: tables."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from moto.elbv2.models import elbv2_backends

from emulator.cli import absolute_folders
from emulator.ecs import network
from emulator.ecs.deployment import Counts, Step, breaker_threshold, next_step, restart_delay
from emulator.ecs.environment import compose, passed_through
from emulator.ecs.errors import StartFailure
from emulator.ecs.image import ImageCache, Registry, cache_folder, parse_reference
from emulator.ecs.listening import open_listeners
from emulator.ecs.paths import PathMap
from emulator.ecs.scheduler import Scheduler
from emulator.ecs.service import Deployment, Service
from emulator.ecs.shim import TaskNetwork
from emulator.ecs.store import Store
from emulator.ecs.task_network import Ports

ROOT = Path(__file__).resolve().parents[3]
MOUNTS = {"/opt/app": Path("/host/a"), "/opt/app/data": Path("/host/d"), "/srv/": Path("/host/s")}


@pytest.mark.parametrize(
    ("text", "translated"),
    [
        ("/opt/app", "/host/a"),
        ("/opt/app/bin/run", "/host/a/bin/run"),
        ("/opt/app/data/x", "/host/d/x"),
        ("/opt/app/database", "/host/a/database"),
        ("/opt/app-old", "/opt/app-old"),
        ("/opt/application", "/opt/application"),
        ("/opt/app.bak", "/opt/app.bak"),
        ("/data/opt/app", "/data/opt/app"),
        ("opt/app", "opt/app"),
        ("--home=/opt/app", "--home=/host/a"),
        ("/opt/app/bin:/usr/bin:/srv", "/host/a/bin:/usr/bin:/host/s"),
        ("file:///opt/app/x", "file:///host/a/x"),
        ("sqlite:////opt/app/db", "sqlite:////host/a/db"),
        ("s3://opt/app", "s3://opt/app"),
        ("http://host/opt/app", "http://host/opt/app"),
        ("open('/srv/x')", "open('/host/s/x')"),
        ("cp /opt/app /srv && ls", "cp /host/a /host/s && ls"),
        ("", ""),
    ],
)
def test_mount_points_are_rewritten_as_whole_paths(text: str, translated: str) -> None:
    assert PathMap(MOUNTS).translate(text) == translated


def test_nothing_mounted_changes_nothing() -> None:
    assert PathMap({}).translate("/opt/app") == "/opt/app"


@pytest.mark.parametrize(
    ("counts", "step"),
    [
        # A new service.
        (Counts(2, 100, 200, 0, 0), Step(start=2)),
        (Counts(2, 100, 200, 2, 1), Step()),
        # A new revision: two more first, the old ones only when the new ones are healthy.
        (Counts(2, 100, 200, 0, 0, 2, 2), Step(start=2)),
        (Counts(2, 100, 200, 2, 0, 2, 2), Step()),
        (Counts(2, 100, 200, 2, 1, 2, 2), Step(stop_old=1)),
        (Counts(2, 100, 200, 2, 2, 2, 2), Step(stop_old=2)),
        # No room above: make room, but keep half.
        (Counts(4, 50, 100, 0, 0, 4, 4), Step(stop_old=2)),
        (Counts(4, 50, 100, 2, 0, 2, 2), Step()),
        (Counts(4, 50, 100, 2, 2, 2, 2), Step(stop_old=2)),
        (Counts(1, 0, 100, 0, 0, 1, 1), Step(stop_old=1)),
        # One at a time.
        (Counts(2, 100, 150, 0, 0, 2, 2), Step(start=1)),
        (Counts(2, 100, 150, 1, 1, 2, 2), Step(stop_old=1)),
        # Old tasks that are not healthy hold nothing up.
        (Counts(2, 100, 200, 2, 0, 2, 0), Step(stop_old=2)),
        (Counts(2, 50, 100, 0, 0, 2, 1), Step(stop_old=1)),
        # Scaling.
        (Counts(1, 100, 200, 3, 3), Step(stop_new=2)),
        (Counts(0, 100, 200, 2, 2, 1, 1), Step(stop_new=2, stop_old=1)),
        (Counts(5, 100, 100, 2, 2), Step(start=3)),
        # Failing tasks: replacements first, and a failing one goes for each that is healthy.
        (Counts(2, 100, 200, 1, 1, failing=1), Step(start=1)),
        (Counts(2, 100, 200, 0, 0, failing=2), Step(start=2)),
        (Counts(2, 100, 200, 2, 1, failing=2), Step(stop_failing=1)),
        (Counts(2, 100, 200, 2, 2, failing=2), Step(stop_failing=2)),
        # No room above: one by one, the next when the last replacement is healthy.
        (Counts(2, 50, 100, 0, 0, failing=2), Step(stop_failing=1)),
        (Counts(2, 50, 100, 1, 0, failing=1), Step()),
        (Counts(2, 50, 100, 1, 1, failing=1), Step(stop_failing=1)),
        (Counts(2, 50, 100, 0, 0, failing=1), Step(start=1)),
        (Counts(0, 100, 200, 0, 0, failing=2), Step(stop_failing=2)),
        (Counts(2, 100, 200, 0, 0, failing=1, halted=True), Step(stop_failing=1)),
        # A failed deployment starts nothing and costs no old task.
        (Counts(2, 100, 200, 0, 0, 2, 2, halted=True), Step()),
    ],
)
def test_next_step(counts: Counts, step: Step) -> None:
    assert next_step(counts) == step


@pytest.mark.parametrize(
    ("desired", "configuration", "threshold"),
    [
        (1, None, 3),
        (6, None, 3),
        (7, None, 4),
        (25, None, 13),
        (1000, None, 200),
        (10, {"type": "COUNT", "value": 2}, 2),
        (1000, {"type": "UNBOUNDED_PERCENT", "value": 50}, 500),
        (10, {"type": "BOUNDED_PERCENT", "value": 80}, 8),
    ],
)
def test_breaker_threshold(desired: int, configuration: dict[str, object] | None, threshold: int) -> None:
    assert breaker_threshold(desired, configuration) == threshold


def test_one_cache_serves_every_state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EMULATOR_CACHE", raising=False)
    monkeypatch.chdir(tmp_path)  # the daemon works in its state folder
    assert cache_folder() == ROOT / ".cache" / "emulator"
    monkeypatch.setenv("EMULATOR_CACHE", str(tmp_path))
    monkeypatch.delenv("UV_CACHE_DIR", raising=False)
    assert ImageCache(cache_folder()).settings()["UV_CACHE_DIR"] == str(tmp_path / "uv")
    monkeypatch.setenv("UV_CACHE_DIR", "/caches/uv")
    assert ImageCache(cache_folder()).settings()["UV_CACHE_DIR"] == "/caches/uv"


def test_folders_that_the_caller_names_are_the_callers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    named = {"UV_CACHE_DIR": "caches/uv", "EMULATOR_CACHE": "/c", "PIP_CACHE_DIR": "", "HOME": "x"}
    assert absolute_folders(named) == {"UV_CACHE_DIR": str(tmp_path / "caches" / "uv"), "EMULATOR_CACHE": "/c"}


def test_restart_delay_grows_to_a_limit() -> None:
    assert [restart_delay(n) for n in (0, 1, 2, 3)] == [0.0, 0.25, 0.5, 1.0]
    assert restart_delay(1000) == 10.0


@pytest.mark.parametrize(
    "text",
    [
        "python:3.11-slim",
        "python",
        "docker.io/library/python:3.13.1-slim-bookworm",
        "public.ecr.aws/docker/library/python:3.11-slim",
        "registry.example:5000/mirror/library/python:3.12-alpine3.20",
        "123456789012.dkr.ecr.eu-west-2.amazonaws.com/docker-hub/library/python:3.11-slim",
        "mirror.gcr.io/library/python@sha256:" + "a" * 64,
    ],
)
def test_the_python_image_is_known_by_any_mirror(text: str, tmp_path: Path) -> None:
    assert Registry(tmp_path / "images.json").pull(text).folder is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("python:does-not-exist", "docker.io/library/python:does-not-exist: not found"),
        ("public.ecr.aws/docker/library/python:nope", "public.ecr.aws/docker/library/python:nope: not found"),
        ("nginx:1.27", "pull access denied, repository does not exist or may require authorization"),
        ("example.org/python:3.11", "example.org/python:3.11: not found"),
        ("UPPER/case:1", "invalid reference format"),
        ("python:", "invalid reference format"),
        ("python:3.11@sha256:short", "invalid reference format"),
        ("123456789012.dkr.ecr.eu-west-2.amazonaws.com/absent:1", "absent:1: not found"),
    ],
)
def test_other_images_cannot_be_pulled(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(StartFailure, match=r"^CannotPullContainerError: ") as caught:
        Registry(tmp_path / "images.json").pull(text)
    assert message in str(caught.value)


def test_an_image_can_be_a_folder(tmp_path: Path) -> None:
    images = tmp_path / "images.json"
    images.write_text(json.dumps({"acme/app:1": str(tmp_path), "acme/app:2": "/does/not/exist"}), encoding="utf-8")
    assert Registry(images).pull("acme/app:1").folder == tmp_path
    with pytest.raises(StartFailure, match="no such folder"):
        Registry(images).pull("acme/app:2")


def test_canonical_reference() -> None:
    found = parse_reference("acme/app")
    assert found is not None
    assert found.canonical == "docker.io/acme/app:latest"


def test_the_emulators_environment_stays_outside() -> None:
    passed = passed_through(
        {
            "AWS_SECRET_ACCESS_KEY": "x",
            "AWS_PROFILE": "x",
            "PATH": "/x",
            "HOME": "/x",
            "PYTHONPATH": "/x",
            "VIRTUAL_ENV": "/x",
            "UV_PYTHON": "/x",
            "HTTPS_PROXY": "http://proxy:3128",
            "PIP_INDEX_URL": "https://index/simple",
            "UV_INDEX_URL": "https://index/simple",
            "SSL_CERT_FILE": "/ca.pem",
        }
    )
    assert passed == {
        "HTTPS_PROXY": "http://proxy:3128",
        "PIP_INDEX_URL": "https://index/simple",
        "UV_INDEX_URL": "https://index/simple",
        "SSL_CERT_FILE": "/ca.pem",
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
    }


def test_secrets_win_and_the_shim_is_always_first() -> None:
    made = compose({"A": "base", "B": "base"}, {"B": "given", "C": "given", "PYTHONPATH": "/mine"}, {"C": "s"}, "/shim")
    assert made == {"A": "base", "B": "given", "C": "s", "PYTHONPATH": "/shim:/mine"}


def test_a_target_is_deregistered_however_it_is_filed(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = elbv2_backends["123456789012"]["eu-west-2"]
    group = SimpleNamespace(
        targets={"10.0.0.9:5000": {"Id": "10.0.0.9", "Port": "5000"}},
        attributes={"deregistration_delay.timeout_seconds": "7"},
    )
    monkeypatch.setitem(backend.target_groups, "arn", group)
    calls: list[Any] = []
    monkeypatch.setattr(backend, "deregister_targets", lambda arn, targets: calls.append((arn, targets)))
    states = iter([("healthy", ""), ("unused", "")])
    monkeypatch.setattr(network, "target_health", lambda *_: next(states))
    where = ("123456789012", "eu-west-2")
    assert network.deregister(*where, network.Target("arn", 5000), "10.0.0.9") == 7.0
    assert calls == [("arn", [{"Id": "10.0.0.9", "Port": 5000}])]
    assert network.deregister(*where, network.Target("arn", 5001), "10.0.0.9") == 0.0
    assert network.deregister(*where, network.Target("gone", 5000), "10.0.0.9") == 0.0
    assert len(calls) == 1
    # Nothing was ever sent to a target that no listener uses: there is nothing to wait for.
    assert network.deregister(*where, network.Target("arn", 5000), "10.0.0.9") == 0.0
    assert len(calls) == 2


def test_ports_of_a_task() -> None:
    ports = Ports({"address": "10.0.0.9", "ports": {"5000": 23456}, "aliases": {"1": 5000}})
    assert ports.bound("0.0.0.0", 5000) == ("127.0.0.1", 23456)
    assert ports.bound(None, 5000) == ("127.0.0.1", 23456)
    assert ports.bound(b"::", 5000) == ("127.0.0.1", 23456)
    assert ports.bound("10.0.0.9", 5000) == ("127.0.0.1", 23456)
    assert ports.bound("", 9090) == ("127.0.0.1", 9090)
    assert ports.bound("192.0.2.1", 5000) == ("127.0.0.1", 23456)
    assert ports.bound("some.host.internal", 9090) == ("127.0.0.1", 9090)
    assert ports.bound("127.0.0.5", 9090) == ("127.0.0.5", 9090)
    assert ports.connected("localhost", 5000) == ("127.0.0.1", 23456)
    assert ports.connected("127.0.0.1", 1) == ("127.0.0.1", 5000)
    assert ports.connected("127.0.0.1", 5432) == ("127.0.0.1", 5432)
    assert ports.connected("192.0.2.1", 5000) == ("192.0.2.1", 5000)


@pytest.mark.skipif(sys.byteorder != "little", reason="the table is written in this machine's byte order")
def test_who_listens_off_loopback() -> None:
    rows = [
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode",
        "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  0 0 11 1 x",
        "   1: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  0 0 12 1 x",
        "   2: 0100000A:1388 00000000:0000 0A 00000000:00000000 00:00000000 00000000  0 0 13 1 x",
        "   3: 0100000A:1388 0200000A:0001 01 00000000:00000000 00:00000000 00000000  0 0 14 1 x",
        f"   4: {'0' * 32}:1F90 {'0' * 32}:0000 0A 00000000:00000000 00:00000000 00000000  0 0 15 1 x",
        f"   5: {'0' * 24}01000000:1F90 {'0' * 32}:0000 0A 00000000:00000000 00:00000000 00000000  0 0 16 1 x",
        f"   6: {'0' * 16}FFFF00000100007F:1F90 {'0' * 32}:0000 0A 00000000:00000000 00:00000000 00000000  0 0 17 1 x",
    ]
    assert dict(open_listeners("\n".join(rows))) == {"12": "0.0.0.0:8080", "13": "10.0.0.1:5000", "15": "[::]:8080"}


def test_a_round_that_fails_does_not_end_the_scheduler(monkeypatch: pytest.MonkeyPatch) -> None:
    rounds: list[int] = []

    def fails(seconds: float) -> None:
        rounds.append(len(rounds))
        if len(rounds) == 1:
            raise RuntimeError("broken round")

    store = Store()
    monkeypatch.setattr(store, "forget_stopped", fails)
    scheduler = Scheduler(store, lambda *_: pytest.fail("nothing to launch"))
    scheduler.start()
    deadline = time.monotonic() + 10
    while len(rounds) < 2 and time.monotonic() < deadline:
        scheduler.wake()
        time.sleep(0.02)
    scheduler.stop()
    assert len(rounds) >= 2


def test_a_rollback_brings_back_every_setting() -> None:
    service = Service(
        account="123456789012",
        region="eu-west-2",
        cluster_name="c",
        cluster_arn="arn:aws:ecs:eu-west-2:123456789012:cluster/c",
        name="s",
        desired_count=1,
        parameters={"launchType": "FARGATE", "propagateTags": "NONE"},
        tags=[],
        created_by="x",
    )
    definition: Any = SimpleNamespace(arn="arn")
    first = Deployment(definition, {"launchType": "FARGATE", "networkConfiguration": {}})
    service.deploy(first)
    strategy = [{"capacityProvider": "FARGATE_SPOT"}]
    service.deploy(Deployment(definition, {"capacityProviderStrategy": strategy, "networkConfiguration": {"n": 1}}))
    service.parameters = {"capacityProviderStrategy": strategy, "networkConfiguration": {"n": 1}, "propagateTags": "X"}
    service.roll_back(first)
    assert service.parameters == {"launchType": "FARGATE", "networkConfiguration": {}, "propagateTags": "X"}
    assert service.primary is first
    assert service.launch_type == "FARGATE"


def test_a_service_of_the_machine_on_a_port_of_the_task_gets_another_one(tmp_path: Path) -> None:
    network = TaskNetwork(tmp_path, "10.0.0.9", {5000: 23456})
    assert network.url("http://127.0.0.1:4566") == "http://127.0.0.1:4566"
    changed = network.url("http://127.0.0.1:5000/v4/x")
    assert changed == network.url("http://127.0.0.1:5000/v4/x")
    network.write()
    table = json.loads((tmp_path / "ports.json").read_text(encoding="utf-8"))
    alias = int(changed.split(":")[2].split("/")[0])
    assert Ports(table).connected("127.0.0.1", alias) == ("127.0.0.1", 5000)
