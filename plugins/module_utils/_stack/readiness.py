# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the slow parts of a stack can be used yet: pure functions of what discovery found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class State:
    """How far a part is.

    :param ready: it can be used.
    :param failed: waiting on is hopeless.
    :param detail: one phrase for people: what, its state, and where it failed the remedy.
    """

    ready: bool
    failed: bool
    detail: str


#: RDS statuses that do not lead to a usable instance by themselves (RDS user guide, "DB instance status").
_RDS_STUCK = {
    "failed": "delete the instance and run again",
    "inaccessible-encryption-credentials": "give RDS access to the KMS key again",
    "incompatible-network": "check the subnets and free addresses of the DB subnet group",
    "incompatible-option-group": "check the option group",
    "incompatible-parameters": "reset the parameter group",
    "incompatible-restore": "restore from another snapshot",
    "restore-error": "restore from another snapshot",
    "stopped": "start the instance",
    "storage-full": "raise rds_allocated_storage",
}


def database(resources: Mapping[str, Any]) -> State:
    """The DB instance accepts connections."""
    row = resources["rds"]
    if row is None:
        return State(False, True, "there is no database: run --tags rds first")
    what = f"database {row['instance_id']} is {row['status']}"
    remedy = _RDS_STUCK.get(row["status"])
    return State(row["usable"], remedy is not None, f"{what}: {remedy}" if remedy else what)


#: RDS statuses in which ModifyDBInstance is taken: what RDS does meanwhile does not keep it from that, or needs it.
#: In storage-optimization, only the storage cannot be changed (RDS user guide, "DB instance status").
_RDS_TAKES_CHANGES = frozenset({"available", "storage-full", "storage-optimization"})


def database_idle(resources: Mapping[str, Any]) -> State:
    """RDS takes a change of the DB instance: it refuses one while it still works on it (InvalidDBInstanceState)."""
    row = resources["rds"]
    if row is None or row["status"] in _RDS_TAKES_CHANGES:
        return State(True, False, "")
    return replace(database(resources), ready=False)


def database_gone(resources: Mapping[str, Any]) -> State:
    """A deletion of the DB instance is over: RDS first makes the final snapshot, the longer the more data there is."""
    row = resources["rds"]
    if row is None:
        return State(True, False, "")
    return State(False, row["status"] != "deleting", f"database {row['instance_id']} is {row['status']}")


#: RDS statuses in which the final snapshot of an instance can be taken (API CreateDBSnapshot), or is being taken.
_RDS_TAKES_SNAPSHOTS = frozenset({"available", "deleting", "storage-optimization"})
#: Statuses that end in none of those by themselves. RDS deletes such an instance without a final snapshot only (API
#: DeleteDBInstance names failed, incompatible-network and incompatible-restore).
_RDS_TAKES_NO_SNAPSHOT: dict[str, str] = {
    **_RDS_STUCK,
    **dict.fromkeys(
        ("failed", "incompatible-create", "incompatible-network", "incompatible-restore", "restore-error"), ""
    ),
    "inaccessible-encryption-credentials-recoverable": "give RDS access to the KMS key again, and start the instance",
    "incompatible-credentials": "set the master password anew",
    "insufficient-capacity": "",
}


def database_snapshot(resources: Mapping[str, Any]) -> State:
    """RDS takes a final snapshot of the DB instance, where there is one."""
    row = resources["rds"]
    if row is None or row["status"] in _RDS_TAKES_SNAPSHOTS:
        return State(True, False, "")
    what = f"database {row['instance_id']} is {row['status']}"
    remedy = _RDS_TAKES_NO_SNAPSHOT.get(row["status"])
    if remedy is None:
        return State(False, False, what)
    before = f"{remedy} and run again, or " if remedy else ""
    return State(
        False,
        True,
        f"{what}, in which RDS takes no final snapshot; {before}delete it without one, if its data may be lost: "
        "-e rds_skip_final_snapshot=true",
    )


def nat_gateways(resources: Mapping[str, Any]) -> State:
    """Every NAT gateway is available."""
    row = resources["network"]
    if row is not None and row["failed_nat_gateways"]:
        told = ", ".join(f"{nat['id']} failed ({nat['reason']})" for nat in row["failed_nat_gateways"])
        return State(False, True, f"NAT gateway {told}: mend that and run --tags network again, which makes a new one")
    if row is None or not row["nat_gateways"]:
        return State(False, True, "there is no NAT gateway: run --tags network first")
    waiting = [nat["id"] for nat in row["nat_gateways"] if nat["state"] != "available"]
    return State(not waiting, False, f"NAT gateway {', '.join(waiting)} is pending")


def load_balancer(resources: Mapping[str, Any]) -> State:
    """The load balancer serves requests."""
    row = resources["alb"]
    if row is None or not row["load_balancer_arn"]:
        return State(False, True, "there is no load balancer: run --tags alb first")
    reason = f" ({row['state_reason']})" if row["state_reason"] else ""
    detail = f"load balancer {row['dns_name']} is {row['state']}{reason}"
    return State(row["state"] == "active", row["state"] == "failed", detail)


_STATES: dict[str, Callable[[Mapping[str, Any]], State]] = {
    "database": database,
    "database_idle": database_idle,
    "database_gone": database_gone,
    "database_snapshot": database_snapshot,
    "nat_gateways": nat_gateways,
    "load_balancer": load_balancer,
}
#: What can be waited for.
NAMES = list(_STATES)
#: The component whose resources tell the state.
_COMPONENTS = {"nat_gateways": "network", "load_balancer": "alb"}


def state(resources: Mapping[str, Any], what: str) -> State:
    """The state of ``what``, one of :data:`NAMES`."""
    return _STATES[what](resources)


def component(what: str) -> str:
    """The component to read for the state of ``what``."""
    return _COMPONENTS.get(what, "rds")
