# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every module that writes, on a server in trouble: it waits and succeeds once, or fails with the reason.

Each fault meets the modules one after the other on one server, through a stand-in for the load balancer.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.integration.plugins.mlflow_runs import run, strong
from tests.integration.plugins.mlflow_servers import Between, MlflowServer, between, mlflow_server

#: Each module that writes, and what it is asked for, apart from the name.
WRITERS: dict[str, dict[str, Any]] = {
    "mlflow_user": {},
    "mlflow_role": {"description": "x"},
    "mlflow_permission": {"permissions": [{"resource_type": "experiment", "id": "0", "permission": "READ"}]},
    "mlflow_experiment": {"tags": {"a": "1"}},
    "mlflow_registered_model": {"description": "x", "tags": {"a": "1"}},
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    with mlflow_server("3.17.2", tmp_path_factory.mktemp("troubled")) as running:
        yield running


@pytest.fixture
def proxy(server: MlflowServer) -> Iterator[Between]:
    with between(server) as stand_in:
        yield stand_in


def arguments(server: MlflowServer, module: str) -> dict[str, Any]:
    """What a run is asked for that makes something new."""
    name = f"{module}-{secrets.token_hex(4)}"
    if module == "mlflow_permission":
        assert run("mlflow_user", server, name=name, user_password=strong())["changed"] is True
        return {**WRITERS[module], "user": name}
    more = {"user_password": strong()} if module == "mlflow_user" else {}
    return {**WRITERS[module], **more, "name": name}


def made_once(server: MlflowServer, module: str, args: dict[str, Any], result: dict[str, Any]) -> None:
    """The run has made what it was asked for, and there is nothing left to do."""
    assert result.get("failed", False) is False, result
    assert (result["changed"], len(result["actions"])) == (True, 1)
    assert run(module, server, **args)["changed"] is False


@pytest.mark.parametrize("module", WRITERS)
def test_dropped_connections(server: MlflowServer, proxy: Between, module: str) -> None:
    args = arguments(server, module)
    proxy.drops = 3
    made_once(server, module, args, run(module, server, url=proxy.url, **args))
    assert proxy.drops == 0


@pytest.mark.parametrize("module", WRITERS)
def test_slow_answers(server: MlflowServer, proxy: Between, module: str) -> None:
    args = arguments(server, module)
    proxy.delay = 0.4
    made_once(server, module, args, run(module, server, url=proxy.url, **args))


@pytest.mark.parametrize("module", WRITERS)
def test_a_server_that_stays_away_is_named_and_nothing_is_made(
    server: MlflowServer, proxy: Between, module: str
) -> None:
    args = arguments(server, module)
    proxy.busy = True
    told = run(module, server, url=proxy.url, **args, wait_timeout=2)
    assert "502" in told["msg"]
    assert told["remedy"]
    made_once(server, module, args, run(module, server, **args))


@pytest.mark.slow
@pytest.mark.parametrize("module", WRITERS)
def test_502_for_20_seconds(server: MlflowServer, proxy: Between, module: str) -> None:
    args = arguments(server, module)
    proxy.busy = True
    timer = threading.Timer(20, lambda: setattr(proxy, "busy", False))
    timer.start()
    began = time.monotonic()
    made_once(server, module, args, run(module, server, url=proxy.url, **args, wait_timeout=90))
    timer.join()
    assert time.monotonic() - began >= 20


@pytest.mark.slow
def test_a_server_that_restarts_in_the_middle(server: MlflowServer, proxy: Between) -> None:
    asked = {module: arguments(server, module) for module in WRITERS}
    # Slow enough that the server ends while the requests of each are on their way.
    proxy.delay = 0.3
    results: dict[str, Any] = {}

    def begin(module: str) -> Callable[[], None]:
        return lambda: results.update({module: run(module, server, url=proxy.url, **asked[module], wait_timeout=120)})

    threads = [threading.Thread(target=begin(module)) for module in WRITERS]
    for thread in threads:
        thread.start()
    time.sleep(1.5)
    server.restart(pause=3)
    for thread in threads:
        thread.join()
    for module, args in asked.items():
        made_once(server, module, args, results[module])
