# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is waited for, what is given up, and what is said meanwhile."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.rds.status import ACCEPTS_CONNECTIONS
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.readiness import State, state


def _database(status: str, usable: bool = False) -> dict[str, Any]:
    return {"rds": {"instance_id": "fraud-db", "status": status, "usable": usable}}


def _nat(*states: str) -> dict[str, Any]:
    live = [{"id": f"nat-{i}", "state": state} for i, state in enumerate(states) if state != "failed"]
    failed = [{"id": f"nat-{i}", "reason": "no address"} for i, state in enumerate(states) if state == "failed"]
    return {"network": {"nat_gateways": live, "failed_nat_gateways": failed}}


def _balancer(code: str | None, reason: str | None = None) -> dict[str, Any]:
    arn = "arn:aws:elasticloadbalancing:eu-west-2:123456789012:loadbalancer/app/fraud-alb/1" if code else None
    return {"alb": {"load_balancer_arn": arn, "dns_name": "fraud-alb.example", "state": code, "state_reason": reason}}


READY, WAIT, HOPELESS = (True, False), (False, False), (False, True)

TABLE: list[tuple[str, dict[str, Any], tuple[bool, bool], str]] = [
    ("database", {"rds": None}, HOPELESS, "there is no database: run --tags rds first"),
    ("database", _database("creating"), WAIT, "database fraud-db is creating"),
    # RDS says available a moment before the endpoint is there.
    ("database", _database("available", usable=False), WAIT, "database fraud-db is available"),
    ("database", _database("available", usable=True), READY, "database fraud-db is available"),
    ("database", _database("backing-up", usable=True), READY, "database fraud-db is backing-up"),
    ("database", _database("stopped"), HOPELESS, "database fraud-db is stopped: start the instance"),
    ("database", _database("storage-full"), HOPELESS, "storage-full: raise rds_allocated_storage"),
    ("database_idle", {"rds": None}, READY, ""),
    ("database_idle", _database("available"), READY, ""),
    # Only the storage cannot be changed, and more of it is the remedy.
    ("database_idle", _database("storage-optimization"), READY, ""),
    ("database_idle", _database("storage-full"), READY, ""),
    *(
        ("database_idle", _database(status, usable=True), WAIT, f"database fraud-db is {status}")
        for status in ("modifying", "backing-up", "rebooting", "upgrading", "configuring-log-exports")
    ),
    ("database_idle", _database("stopped"), HOPELESS, "database fraud-db is stopped: start the instance"),
    ("database_gone", {"rds": None}, READY, ""),
    ("database_gone", _database("deleting"), WAIT, "database fraud-db is deleting"),
    ("database_gone", _database("failed"), HOPELESS, "database fraud-db is failed"),
    ("database_snapshot", {"rds": None}, READY, ""),
    *(
        ("database_snapshot", _database(status), READY, "")
        for status in ("available", "deleting", "storage-optimization")
    ),
    *(
        ("database_snapshot", _database(status), WAIT, f"database fraud-db is {status}")
        for status in ("creating", "modifying", "backing-up", "rebooting", "starting", "stopping", "upgrading")
    ),
    # API DeleteDBInstance: only without a final snapshot.
    *(
        ("database_snapshot", _database(status), HOPELESS, "no final snapshot; delete it without one, if its data may")
        for status in ("failed", "incompatible-network", "incompatible-restore", "insufficient-capacity")
    ),
    ("database_snapshot", _database("stopped"), HOPELESS, "start the instance and run again, or delete it without one"),
    ("nat_gateways", {"network": None}, HOPELESS, "run --tags network first"),
    ("nat_gateways", _nat(), HOPELESS, "there is no NAT gateway: run --tags network"),
    ("nat_gateways", _nat("available", "failed"), HOPELESS, "nat-1 failed (no address)"),
    ("nat_gateways", _nat("available", "pending"), WAIT, "NAT gateway nat-1 is pending"),
    ("nat_gateways", _nat("available", "available"), READY, ""),
    ("load_balancer", {"alb": None}, HOPELESS, "there is no load balancer: run --tags alb first"),
    ("load_balancer", _balancer(None), HOPELESS, "there is no load balancer"),
    ("load_balancer", _balancer("provisioning"), WAIT, "load balancer fraud-alb.example is provisioning"),
    ("load_balancer", _balancer("failed", "no addresses left"), HOPELESS, "is failed (no addresses left)"),
    ("load_balancer", _balancer("active"), READY, "is active"),
    # The load balancer serves with a part of its capacity.
    ("load_balancer", _balancer("active_impaired"), WAIT, "is active_impaired"),
]


@pytest.mark.parametrize(("what", "resources", "expected", "says"), TABLE)
def test_state(what: str, resources: dict[str, Any], expected: tuple[bool, bool], says: str) -> None:
    found: State = state(resources, what)
    assert (found.ready, found.failed) == expected
    assert says in found.detail


def test_no_status_is_both_usable_and_stuck() -> None:
    for status in ACCEPTS_CONNECTIONS:
        assert not state(_database(status, usable=True), "database").failed
