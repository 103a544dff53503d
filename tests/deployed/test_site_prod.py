# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``inventories/prod`` as it is builds on the embedded AWS, with real ports and nothing but environment variables."""

from __future__ import annotations

import socket
from dataclasses import replace
from typing import Any

import pytest

from tests.account import added, resources
from tests.deployed.deployed_runs import Site
from tests.deployed.deployed_stack import ROOT, SECRETS
from tests.playbooks import Ended

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

PROD = "inventories/prod"
STACK = "fraud-scoring-mlflow"
BUCKET = "fraud-models-test"
NAMES = {f"{STACK}/{use}" for use in SECRETS}


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@pytest.fixture(scope="module")
def prod(account: Site) -> Site:
    """An empty account for the inventory, with the client's files where PWD puts them."""
    if not _is_free(80):
        pytest.skip("port 80 needs root, and that no other program has it")
    env = {**account.env, "PWD": str(account.folder)}
    return replace(account, env=env, output=account.folder / ".mlflow" / STACK)


@pytest.fixture(scope="module")
def database_port_is_free() -> bool:
    """Whether port 5432 was free before the stack was built."""
    return _is_free(5432)


@pytest.fixture(scope="module")
def empty(prod: Site) -> dict[str, set[str]]:
    """What a new account has."""
    return resources(prod.stack)


def _run(site: Site, playbook: str = "site.yml", tags: str = "", **variables: Any) -> Ended:
    return site.run(playbook, inventory=PROD, tags=tags, **variables)


def test_builds(prod: Site, database_port_is_free: bool, empty: dict[str, set[str]]) -> None:
    _run(prod).assert_good()

    stack = prod.stack
    assert stack.health["healthy"] is True
    assert stack.url == stack.url.rstrip("/")
    assert stack.url.count(":") == 1, "port 80 is not said"
    assert stack.search(stack.login) == 200
    (database,) = stack.aws("rds").describe_db_instances()["DBInstances"]
    assert database["MultiAZ"] is True
    assert database["DeletionProtection"] is True
    assert database["Endpoint"]["Port"] == 5432 or not database_port_is_free
    made = added(empty, resources(stack))
    assert len(made["NatGateways"]) == 2
    assert made["Buckets"] == {BUCKET}
    assert made["SecretList"] == NAMES
    assert len(stack.running_tasks()) == 2


def test_second_run_changes_nothing(prod: Site) -> None:
    _run(prod).assert_nothing_changed()


def test_inventory_is_unmodified() -> None:
    """What was built is what stands in the mission: nothing of this machine."""
    text = (ROOT / PROD / "group_vars" / "mlflow.yml").read_text(encoding="utf-8")
    assert "127.0.0." not in text
    assert "stack_http_port" not in text


def test_destroy_lifts_the_protections(prod: Site, empty: dict[str, set[str]]) -> None:
    _run(prod, "playbooks/destroy.yml", destroy_confirm=STACK).assert_good()

    left = added(empty, resources(prod.stack))
    assert left.pop("Buckets") == {BUCKET}
    assert [name.startswith(f"{STACK}-final-") for name in left.pop("DBSnapshots")] == [True]
    assert left == {}


def test_secrets_come_back_within_their_recovery_window(prod: Site) -> None:
    """Secrets Manager keeps a deleted secret for 7 days, and takes no new one of its name meanwhile."""
    _run(prod, tags="secrets").assert_good()

    assert {name for name in resources(prod.stack)["SecretList"] if name.startswith(f"{STACK}/")} == NAMES
    _run(prod, tags="secrets").assert_nothing_changed()
