# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is deleted still holds what it referred to: network interfaces, parameter groups, subnet groups, target groups.

Sources: terraform-provider-aws#40 (interfaces of a load balancer), terraform-aws-rds#78 (parameter groups),
terraform-provider-aws, internal/service/elbv2/target_group.go (``ResourceInUse`` is retried).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import ec2_backends
from moto.elbv2.models import elbv2_backends
from moto.rds.models import rds_backends

from emulator.conduct.calls import ApiCall, Refusal
from emulator.consistency import Consistency
from emulator.ecs.network import free_address

#: Whose public address an interface has: it holds the internet gateway of its VPC.
PUBLIC = "emulator_public"

Place = tuple[str, str]


@dataclass(frozen=True)
class Wanted:
    """A network interface that a load balancer or a database has.

    :param owner: who has it, where: the same as long as it is the same interface.
    """

    owner: tuple[str, str]
    subnet: str
    groups: tuple[str, ...]
    description: str
    public: bool


@dataclass
class Held:
    """A network interface that was made for an owner.

    :param until: when it goes (time.monotonic()); None as long as its owner is there.
    """

    id: str
    until: float | None = None


@dataclass
class References:
    """Keeps the network interfaces of load balancers and databases, and remembers what used what."""

    consistency: Consistency = field(default_factory=Consistency)

    def __post_init__(self) -> None:
        self._lock = threading.RLock()
        self._interfaces: dict[Place, dict[tuple[str, str], Held]] = {}
        #: (place, kind, name) -> when something was last seen to use it.
        self._used: dict[tuple[Place, str, str], float] = {}

    def check(self, call: ApiCall) -> None:
        """Bring the interfaces up to date, and note what uses what.

        :raises Refusal: the call deletes something that is in use, or was a moment ago.
        """
        place = (call.account, call.region)
        with self._lock:
            if call.service == "ec2":
                self._sync(place)
            if call.service in ("rds", "elasticloadbalancing"):
                self._note(place)
        if call.service == "rds":
            self._check_rds(place, call)
        elif call.service == "elasticloadbalancing" and call.action == "DeleteTargetGroup":
            arn = str(call.input.get("TargetGroupArn"))
            if self._is_used(place, "target group", arn):
                raise Refusal("ResourceInUse", f"Target group '{arn}' is currently in use by a listener or a rule")

    def release(self, account: str, region: str, interface: str) -> None:
        """A task has stopped: its interface goes, at once or a little later."""
        place = (account, region)
        if self.consistency.lingering <= 0:
            ec2_backends[account][region].enis.pop(interface, None)
            return
        with self._lock:
            held = self._interfaces.setdefault(place, {})
            held["task", interface] = Held(interface, time.monotonic() + self.consistency.lingering)

    def _check_rds(self, place: Place, call: ApiCall) -> None:
        if call.action == "DeleteDBParameterGroup":
            name = str(call.input.get("DBParameterGroupName"))
            if self._is_used(place, "parameter group", name):
                raise Refusal(
                    "InvalidDBParameterGroupState",
                    f"One or more database instances are still members of this parameter group {name}, so the group "
                    "cannot be deleted",
                )
        if call.action == "DeleteDBSubnetGroup":
            name = str(call.input.get("DBSubnetGroupName")).lower()
            owner = self._is_used(place, "subnet group", name)
            if owner:
                raise Refusal(
                    "InvalidDBSubnetGroupStateFault",
                    f"Cannot delete the subnet group '{name}' because at least one database instance is using it.",
                )

    def _is_used(self, place: Place, kind: str, name: str) -> bool:
        with self._lock:
            used = self._used.get((place, kind, name))
        return used is not None and (used == float("inf") or time.monotonic() - used < self.consistency.lingering)

    def _note(self, place: Place) -> None:
        """Note what is in use; what was until now stays so for a while."""
        now, current = time.monotonic(), set(_uses(place))
        for key, when in list(self._used.items()):
            if key[0] == place and when == float("inf") and (key[1], key[2]) not in current:
                self._used[key] = now
        for kind, name in current:
            self._used[place, kind, name] = float("inf")

    def _sync(self, place: Place) -> None:
        """Make interfaces for new owners, and remove those whose owners are gone for long enough."""
        backend = ec2_backends[place[0]][place[1]]
        held, now = self._interfaces.setdefault(place, {}), time.monotonic()
        wanted = {each.owner: each for each in _wanted(place)}
        for owner, one in wanted.items():
            if owner in held and held[owner].until is None and held[owner].id in backend.enis:
                _regroup(backend, held[owner].id, one)
            else:
                made = _make(backend, one)
                if made:
                    held[owner] = Held(made)
        for owner, row in list(held.items()):
            if owner not in wanted and row.until is None:
                row.until = now + self.consistency.lingering
            if row.until is not None and row.until <= now:
                backend.enis.pop(row.id, None)
                del held[owner]


def _make(backend: Any, wanted: Wanted) -> str | None:
    try:
        subnet = backend.get_subnet(wanted.subnet)
        address = free_address(backend, subnet)
    except (EC2ClientError, OSError):
        return None
    interface = backend.create_network_interface(
        subnet=subnet.id, private_ip_address=address, group_ids=list(wanted.groups), description=wanted.description
    )
    interface.status = "in-use"
    interface.requester_managed = True
    setattr(interface, PUBLIC, wanted.public)
    return str(interface.id)


def _regroup(backend: Any, interface: str, wanted: Wanted) -> None:
    """The security groups of an owner are those of its interfaces."""
    eni = backend.enis[interface]
    if {group.id for group in eni._group_set} != set(wanted.groups):
        found = [backend.get_security_group_from_id(group) for group in wanted.groups]
        eni._group_set[:] = [group for group in found if group is not None]


def _wanted(place: Place) -> Iterator[Wanted]:
    account, region = place
    for balancer in list(elbv2_backends[account][region].load_balancers.values()):
        name = "/".join(balancer.arn.split("/")[-3:])
        for subnet in balancer.subnets:
            subnet_id = subnet if isinstance(subnet, str) else subnet.id
            public = balancer.scheme == "internet-facing"
            groups = tuple(balancer.security_groups or ())
            yield Wanted((balancer.arn, subnet_id), subnet_id, groups, f"ELB {name}", public)
    for database in list(rds_backends[account][region].databases.values()):
        group = getattr(database, "db_subnet_group", None)
        if group is None or not group._subnets:
            continue
        subnet_id = group._subnets[0].id
        groups = tuple(database.vpc_security_group_ids or ())
        public = bool(database.publicly_accessible)
        yield Wanted((database.dbi_resource_id, subnet_id), subnet_id, groups, "RDSNetworkInterface", public)


def _uses(place: Place) -> Iterator[tuple[str, str]]:
    """What load balancers and databases use."""
    account, region = place
    for database in list(rds_backends[account][region].databases.values()):
        yield from (("parameter group", group.name) for group in database.db_parameter_groups())
        group = getattr(database, "db_subnet_group", None)
        if group is not None:
            yield "subnet group", group.name.lower()
    for target_group in list(elbv2_backends[account][region].target_groups.values()):
        if target_group.load_balancer_arns:
            yield "target group", target_group.arn


#: The one of this process; :func:`emulator.conduct.desk.configure` gives it its delays.
REFERENCES = References()
