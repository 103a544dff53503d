# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hooks into moto's elbv2: every change reaches the plane, and what is described is true.

The methods of moto's backend stay the way in, also for callers in this process
(``register_targets``, ``deregister_targets``, ``describe_target_health``).
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from moto.elbv2.exceptions import (
    DuplicateListenerError,
    ELBClientError,
    TargetGroupNotFoundError,
    TargetNotRunning,
)
from moto.elbv2.models import ELBv2Backend, FakeHealthStatus, FakeLoadBalancer, FakeTargetGroup

from emulator.elb.health import HealthBook
from emulator.elb.model import TargetKey, forward_weights
from emulator.elb.snapshot import deregistration_delay, health_check, target_key

#: Calls that change what the data plane does. True: return only when requests meet the change.
CHANGES = {
    "create_load_balancer": False,
    "delete_load_balancer": True,
    "modify_load_balancer_attributes": False,
    "create_listener": False,
    "modify_listener": False,
    "delete_listener": True,
    "add_listener_certificates": False,
    "remove_listener_certificates": False,
    "create_rule": False,
    "modify_rule": False,
    "delete_rule": True,
    "set_rule_priorities": False,
    "modify_target_group": False,
    "modify_target_group_attributes": False,
    "delete_target_group": True,
    "register_targets": False,
    "deregister_targets": True,
    "notify_terminate_instances": True,
}


class Hooks(Protocol):
    """What the patched API needs of the plane."""

    lock: threading.RLock
    book: HealthBook

    def created(self, balancer: FakeLoadBalancer) -> None:
        """A load balancer was made. Called with the lock held."""

    def is_ready(self, balancer: FakeLoadBalancer) -> bool:
        """Whether a load balancer's provisioning is over."""

    def problems(self, arn: str) -> tuple[list[str], bool]:
        """What keeps listeners from being served, and whether that is all of them."""

    def changed(self) -> None:
        """The API changed something. Called with the lock held."""

    def settle(self) -> None:
        """Wait (bounded) until the data plane does what the API says. Called without the lock."""


_hooks: Hooks | None = None


def install(hooks: Hooks) -> None:
    """Patch moto unless it is patched; from here on its elbv2 works for ``hooks``."""
    global _hooks
    _hooks = hooks
    if ELBv2Backend.describe_target_health is _describe_target_health:
        return
    ELBv2Backend.create_load_balancer = _named(ELBv2Backend.create_load_balancer)  # type: ignore[method-assign]
    ELBv2Backend.delete_load_balancer = _protected(ELBv2Backend.delete_load_balancer)  # type: ignore[method-assign]
    ELBv2Backend.create_listener = _one_per_port(ELBv2Backend.create_listener)  # type: ignore[method-assign]
    ELBv2Backend.modify_listener = _one_per_port_still(ELBv2Backend.modify_listener)  # type: ignore[method-assign]
    ELBv2Backend.describe_target_health = _describe_target_health  # type: ignore[method-assign]
    FakeTargetGroup.register = _register  # type: ignore[method-assign]
    FakeTargetGroup.deregister = _deregister  # type: ignore[method-assign]
    FakeTargetGroup.deregister_terminated_instances = _terminated  # type: ignore[method-assign]
    FakeLoadBalancer.activate = _activate  # type: ignore[method-assign]
    FakeLoadBalancer.load_balancer_state = property(_state)  # type: ignore[assignment,method-assign]
    for name, settles in CHANGES.items():
        setattr(ELBv2Backend, name, _noticed(getattr(ELBv2Backend, name), settles))


def _plane() -> Hooks:
    if _hooks is None:
        raise RuntimeError("the ELB plane is not installed")
    return _hooks


def _noticed(original: Callable[..., Any], settles: bool) -> Callable[..., Any]:
    @functools.wraps(original)
    def change(self: ELBv2Backend, *args: Any, **kwargs: Any) -> Any:
        plane = _plane()
        with plane.lock:
            result = original(self, *args, **kwargs)
            _relink(self)
            plane.changed()
        if settles:
            plane.settle()
        return result

    return change


def _relink(backend: ELBv2Backend) -> None:
    """DescribeTargetGroups names the load balancers that use a group now; moto only ever adds."""
    users: dict[str, list[str]] = {}
    for balancer in backend.load_balancers.values():
        for listener in balancer.listeners.values():
            for rule in listener.rules.values():
                for action in rule.actions:
                    for arn, _ in forward_weights(action.data):
                        if balancer.arn not in users.setdefault(arn, []):
                            users[arn].append(balancer.arn)
    for group in backend.target_groups.values():
        group.load_balancer_arns = users.get(group.arn, [])


def _named(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def create_load_balancer(self: ELBv2Backend, *args: Any, **kwargs: Any) -> FakeLoadBalancer:
        """A load balancer gets a name that works on this machine."""
        balancer: FakeLoadBalancer = original(self, *args, **kwargs)
        if balancer.type == "application":
            _plane().created(balancer)
        return balancer

    return create_load_balancer


def _protected(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def delete_load_balancer(self: ELBv2Backend, arn: str) -> None:
        """Deletion protection protects, as in API_DeleteLoadBalancer; moto ignores it."""
        balancer = self.load_balancers.get(arn)
        if balancer is not None and str(balancer.attrs.get("deletion_protection.enabled")).lower() == "true":
            raise ELBClientError(
                "OperationNotPermitted",
                f"Load balancer '{arn}' cannot be deleted because deletion protection is enabled",
            )
        original(self, arn)

    return delete_load_balancer


def _one_per_port(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def create_listener(
        self: ELBv2Backend, load_balancer_arn: str, protocol: str, port: str, *args: Any, **kwargs: Any
    ) -> Any:
        """A port has one listener: API_CreateListener, DuplicateListener; moto compares it with ARNs."""
        _refuse_duplicate(self.load_balancers.get(load_balancer_arn), port, None)
        return original(self, load_balancer_arn, protocol, port, *args, **kwargs)

    return create_listener


def _one_per_port_still(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def modify_listener(self: ELBv2Backend, arn: str, port: str | None = None, *args: Any, **kwargs: Any) -> Any:
        """The same for API_ModifyListener."""
        for balancer in self.load_balancers.values():
            if arn in balancer.listeners:
                _refuse_duplicate(balancer, port, arn)
        return original(self, arn, port, *args, **kwargs)

    return modify_listener


def _refuse_duplicate(balancer: FakeLoadBalancer | None, port: str | None, but: str | None) -> None:
    if balancer is None or port is None:
        return
    if any(str(each.port) == str(port) and each.arn != but for each in balancer.listeners.values()):
        raise DuplicateListenerError()


def _activate(self: FakeLoadBalancer) -> None:
    """A load balancer is provisioning for as long as the clock says."""
    if self.state == "provisioning" and (self.type != "application" or _plane().is_ready(self)):
        self.state = "active"


def _state(self: FakeLoadBalancer) -> dict[str, str]:
    """State with its reason: https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_LoadBalancerState.html"""
    if self.state != "active":
        return {"Code": self.state}
    problems, everything = _plane().problems(self.arn)
    if not problems:
        return {"Code": "active"}
    return {"Code": "failed" if everything else "active_impaired", "Reason": "; ".join(problems)}


def _register(self: FakeTargetGroup, targets: list[dict[str, Any]]) -> None:
    """One registration for each address and port; moto keeps one for each address."""
    for target in targets:
        instance = self.ec2_backend.get_instance_by_id(target["Id"])
        if instance and instance.state != "running":
            raise TargetNotRunning(instance_id=target["Id"])
    for target in targets:
        key = target_key(self, target)
        self.targets[f"{key.id}:{key.port}"] = {"Id": key.id, "Port": key.port}


def _deregister(self: FakeTargetGroup, targets: list[dict[str, Any]]) -> None:
    """Registered targets start to drain; one that is not registered is no error (API_DeregisterTargets)."""
    for target in targets:
        for key in _registered(self, target):
            _drain(self, key)


def _terminated(self: FakeTargetGroup, instance_ids: Iterable[str]) -> None:
    """Terminated instances are deregistered on every port."""
    for target in list(self.targets.values()):
        if target["Id"] in instance_ids:
            _drain(self, target_key(self, target))


def _drain(group: FakeTargetGroup, key: TargetKey) -> None:
    group.targets.pop(f"{key.id}:{key.port}", None)
    _plane().book.drain(key, deregistration_delay(group))


def _registered(group: FakeTargetGroup, target: dict[str, Any]) -> list[TargetKey]:
    """The registrations that ``target`` means: without a port the default one, else every one."""
    wanted = target_key(group, target)
    keys = [target_key(group, each) for each in list(group.targets.values()) if each["Id"] == wanted.id]
    exact = [key for key in keys if key == wanted]
    return exact or ([] if target.get("Port") else keys)


def _describe_target_health(
    self: ELBv2Backend, target_group_arn: str, targets: list[dict[str, Any]]
) -> list[FakeHealthStatus]:
    """What the checker knows; draining targets are listed until their delay is over."""
    group = self.target_groups.get(target_group_arn)
    if group is None:
        raise TargetGroupNotFoundError()
    book = _plane().book
    draining = book.draining(target_group_arn)
    if targets:
        keys: list[TargetKey] = []
        for target in targets:
            gone = [key for key in draining if key.id == target["Id"] and target.get("Port") in (None, key.port)]
            keys += _registered(group, target) or gone or [target_key(group, target)]
    else:
        keys = [target_key(group, each) for each in list(group.targets.values())] + draining
    check = health_check(group)
    found: list[FakeHealthStatus] = []
    for key in keys:
        status = book.status(key)
        found.append(
            FakeHealthStatus(
                key.id, str(key.port), str(check.port or key.port), status.state, status.reason, status.description
            )
        )
    return found
