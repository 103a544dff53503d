# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""As many connections as the preflight asks for are enough, and with fewer requests fail: two tasks, 16 clients."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.ecs_mlflow import connections

from tests.integration.runtime.runtime_parts import VERSIONS, Runtime, Server, Task, serving
from tests.postgres import Postgres, running_postgres
from tests.unit.plugins.stack.stack_inputs import everything

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

TASKS, CLIENTS, SECONDS = 2, 16, 20.0
#: What two tasks can open, by the defaults of the role: that is the budget of a stack of one task, which a deployment
#: doubles.
WANTED = TASKS * connections.of_a_task(everything())


@contextlib.contextmanager
def database(folder: Path, usable: int) -> Iterator[Postgres]:
    """A PostgreSQL that has ``usable`` connections for MLflow, and RDS's reserved ones for the superuser."""
    limits = {"max_connections": usable + connections.RESERVED, "superuser_reserved_connections": connections.RESERVED}
    with running_postgres("16", folder, **limits) as running:
        yield running


@contextlib.contextmanager
def two_tasks(task: Task, folder: Path) -> Iterator[list[Server]]:
    """Two tasks of one revision, as a deployment of a service of one has them."""
    # As many workers as the memory of the defaults holds; the pools are those of the program.
    assert task.env["MLFLOW_AWS_WORKERS"] == "2"
    with contextlib.ExitStack() as stack:
        servers = []
        for number in range(TASKS):
            scratch = folder / f"scratch{number}"
            scratch.mkdir()
            own = dict.fromkeys(("MLFLOW_AWS_SCRATCH", "HOME", "TMPDIR"), str(scratch))
            servers.append(stack.enter_context(serving(task, folder / f"log{number}", **own)))
        yield servers


class Load:
    """Clients that do what people's programs do, each on new connections, and count what they were answered."""

    def __init__(self, servers: list[Server]) -> None:
        self._servers = servers
        self._until = time.monotonic() + SECONDS
        self.answers: Counter[int] = Counter()
        self.wrong: list[tuple[str, Any, str]] = []

    def client(self, number: int) -> None:
        server = self._servers[number % len(self._servers)]
        run = 0
        while time.monotonic() < self._until:
            run += 1
            self._one_run(server, f"{number}-{run}")

    def _one_run(self, server: Server, name: str) -> None:
        experiment = self._post(server, "experiments/create", {"name": f"experiment {name}"}, "experiment_id")
        run = self._post(server, "runs/create", {"experiment_id": experiment, "start_time": 1}, "run")
        run_id = run["info"]["run_id"] if run else ""
        for step in range(5):
            metrics = [{"key": f"m{key}", "value": 1.0, "timestamp": 1, "step": step} for key in range(20)]
            tags = [{"key": "step", "value": str(step)}]
            params = [{"key": f"p{step}", "value": "v"}]
            self._post(server, "runs/log-batch", {"run_id": run_id, "metrics": metrics, "params": params, "tags": tags})
        self._post(server, "runs/search", {"experiment_ids": [experiment]})
        self._post(server, "registered-models/create", {"name": f"model {name}"})
        self._post(server, "experiments/search", {"max_results": 10})

    def _post(self, server: Server, path: str, body: dict[str, Any], key: str = "") -> Any:
        try:
            answer = server.call("POST", f"/api/2.0/mlflow/{path}", body)
        except OSError as error:
            self.wrong.append((path, None, repr(error)))
            return None
        self.answers[answer.status] += 1
        if answer.status != 200:
            self.wrong.append((path, answer.status, answer.body.decode()))
            return None
        return answer.json.get(key) if key else None


def most_connections(postgres: Postgres, threads: list[threading.Thread]) -> int:
    """The largest number of connections of the servers that was seen while the threads ran."""
    most = 0
    seen = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'mlflow'"
    while any(thread.is_alive() for thread in threads):
        most = max(most, postgres.query(seen)[0][0])
        time.sleep(0.2)
    return most


def under_load(servers: list[Server], postgres: Postgres) -> tuple[Load, int]:
    """What came of it, and the most connections that were seen."""
    load = Load(servers)
    threads = [threading.Thread(target=load.client, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    return load, most_connections(postgres, threads)


@pytest.fixture(scope="module", params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def ready(
    version: str, runtime_of: Callable[[str], Runtime], new_task: Callable[..., Task], tmp_path_factory: Any
) -> Iterator[Task]:
    """A task whose migration has run, on a database with exactly what two tasks can open."""
    with database(tmp_path_factory.mktemp("postgres"), WANTED) as postgres:
        task = new_task(runtime_of(version), postgres)
        done = task.run("migrate")
        assert done.returncode == 0, done.stderr
        yield task


def test_the_budget_is_enough(ready: Task, tmp_path: Path) -> None:
    """No request fails or waits for a connection in vain, and no more connections are made than are counted."""
    with two_tasks(ready, tmp_path) as servers:
        load, most = under_load(servers, ready.postgres)
        logs = "".join(server.log.read_text(encoding="utf-8") for server in servers)
    assert load.wrong == []
    assert load.answers[200] > CLIENTS
    assert WANTED // 3 < most <= WANTED, "the load is too small to prove anything"
    for complaint in ("remaining connection slots", "too many clients", "QueuePool limit", "became free"):
        assert complaint not in logs


def test_a_database_with_less_refuses_requests(ready: Task, tmp_path: Path) -> None:
    """Somebody else takes every connection that the tasks do not have open yet."""
    postgres = ready.postgres
    with contextlib.ExitStack() as stack, two_tasks(ready, tmp_path) as servers:
        # Each worker makes its stores now: MLflow tries that again and again, at ever longer intervals, where it fails.
        for server in servers * 16:
            server.api("experiments/search", {"max_results": 1})
            server.api("registered-models/search?max_results=1", method="GET")
        with contextlib.suppress(psycopg2.OperationalError):
            for _number in range(WANTED):
                held = postgres.connect(user=postgres.master, word=postgres.master_password)
                stack.enter_context(contextlib.closing(held))
        load, _most = under_load(servers, postgres)
    refused = [(status, text) for _path, status, text in load.wrong if "remaining connection slots" in text]
    assert refused, load.wrong[:3]
    assert {status for status, _text in refused} == {503}, "MLflow's clients try again on this status alone"
