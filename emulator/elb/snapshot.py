# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads moto's elbv2 backends into plain values."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from moto.acm.exceptions import CertificateNotFound
from moto.acm.models import AWS_ROOT_CA, acm_backends
from moto.ec2.models import ec2_backends
from moto.elbv2.models import ELBv2Backend, FakeListener, FakeLoadBalancer, FakeTargetGroup, elbv2_backends
from moto.iam.models import iam_backends

from emulator.elb.model import (
    Balancer,
    Certificate,
    HealthCheck,
    Listener,
    Rule,
    Snapshot,
    Target,
    TargetGroup,
    TargetKey,
    forward_weights,
)

#: Priority of the default rule: after every number that the API takes (1 to 50000).
_LAST = 50001


def backends() -> Iterator[ELBv2Backend]:
    """Every elbv2 backend that exists: all accounts, all regions that were used."""
    for account in list(elbv2_backends.values()):
        yield from list(account.values())


def read() -> Snapshot:
    """The load balancers and target groups as they are now. The caller holds the API's lock."""
    balancers: list[Balancer] = []
    groups: dict[str, TargetGroup] = {}
    for backend in backends():
        for group in list(backend.target_groups.values()):
            groups[group.arn] = _group(group)
        for balancer in list(backend.load_balancers.values()):
            if balancer.type == "application":
                balancers.append(_balancer(balancer, backend))
    named = {balancer.arn: group_arns(balancer) for balancer in balancers}
    return Snapshot(
        balancers=tuple(balancers),
        groups=groups,
        used=frozenset(arn for arns in named.values() for arn in arns),
        served=frozenset(arn for balancer in balancers if balancer.ready for arn in named[balancer.arn]),
    )


def group_arns(balancer: Balancer) -> frozenset[str]:
    """The target groups that the rules of ``balancer`` forward to."""
    return frozenset(
        arn
        for listener in balancer.listeners
        for rule in listener.rules
        for action in rule.actions
        if action.get("Type") == "forward"
        for arn, _ in forward_weights(action)
    )


def codes(matcher: str) -> tuple[tuple[int, int], ...]:
    """Ranges of a matcher: ``"200,202,301-302"`` is ``((200, 200), (202, 202), (301, 302))``."""
    return tuple((int(low), int(high or low)) for low, high in re.findall(r"(\d+)(?:\s*-\s*(\d+))?", matcher))


def target_key(group: FakeTargetGroup, target: dict[str, Any]) -> TargetKey:
    """The registration that ``target`` names; the group's own port unless it says another."""
    return TargetKey(group.arn, target["Id"], int(target.get("Port") or group.port or 0))


def health_check(group: FakeTargetGroup) -> HealthCheck:
    """The health check of a target group, with numbers as numbers."""
    port = str(group.health_check_port or "traffic-port")
    enabled = group.health_check_enabled
    return HealthCheck(
        enabled=enabled if isinstance(enabled, bool) else str(enabled).lower() == "true",
        protocol=str(group.health_check_protocol or "HTTP").upper(),
        port=int(port) if port.isdigit() else None,
        path=group.health_check_path or "/",
        interval=float(group.health_check_interval_seconds),
        timeout=float(group.health_check_timeout_seconds),
        healthy=int(group.healthy_threshold_count),
        unhealthy=int(group.unhealthy_threshold_count),
        codes=codes(str((getattr(group, "matcher", None) or {}).get("HttpCode") or "200")),
    )


def deregistration_delay(group: FakeTargetGroup) -> float:
    """Seconds for which a deregistered target drains (AWS default: 300)."""
    return float(str(group.attributes.get("deregistration_delay.timeout_seconds", 300)))


def _group(group: FakeTargetGroup) -> TargetGroup:
    targets = list(group.targets.values())
    return TargetGroup(
        arn=group.arn,
        vpc=str(group.vpc_id or ""),
        kind=group.target_type,
        protocol=str(group.protocol or ""),
        version=str(group.protocol_version or "HTTP1"),
        check=health_check(group),
        least_outstanding=group.attributes.get("load_balancing.algorithm.type") == "least_outstanding_requests",
        targets=tuple(Target(target_key(group, target), _address(group, target["Id"])) for target in targets),
    )


def _address(group: FakeTargetGroup, target: str) -> str | None:
    if group.target_type == "ip":
        return target
    if group.target_type == "instance":
        instance = ec2_backends[group.account_id][group.region_name].get_instance_by_id(target)
        return str(instance.private_ip) if instance and instance.state == "running" else None
    return None


def _balancer(balancer: FakeLoadBalancer, backend: ELBv2Backend) -> Balancer:
    balancer.activate()  # provisioning may be over
    return Balancer(
        arn=balancer.arn,
        name=balancer.name,
        host=balancer.dns_name,
        ready=balancer.state == "active",
        attributes={key: str(value) for key, value in balancer.attrs.items()},
        listeners=tuple(_listener(each, backend) for each in list(balancer.listeners.values())),
    )


def _listener(listener: FakeListener, backend: ELBv2Backend) -> Listener:
    found: list[Certificate] = []
    missing: list[str] = []
    if listener.protocol == "HTTPS":
        for arn in dict.fromkeys(listener.certificates):
            certificate = _certificate(arn, backend)
            if certificate is None:
                missing.append(arn)
            else:
                found.append(certificate)
    rules = sorted(listener.rules.values(), key=_priority)
    return Listener(
        arn=listener.arn,
        port=int(listener.port),
        tls=listener.protocol == "HTTPS",
        policy=listener.ssl_policy or "ELBSecurityPolicy-2016-08",
        certificates=tuple(found),
        missing=tuple(missing),
        rules=tuple(
            Rule(
                rule.arn,
                tuple(rule.conditions or ()),
                tuple(sorted((action.data for action in rule.actions), key=lambda data: int(data.get("Order") or 0))),
            )
            for rule in rules
        ),
    )


def _priority(rule: Any) -> int:
    return _LAST if rule.is_default else int(rule.priority)


def _certificate(arn: str, backend: ELBv2Backend) -> Certificate | None:
    if ":iam:" in arn:
        stored = iam_backends[backend.account_id][backend.partition].get_certificate_by_arn(arn)
        if stored is None:
            return None
        return Certificate(arn, _pem(stored.cert_body, stored.cert_chain or ""), stored.private_key)
    try:
        bundle = acm_backends[backend.account_id][backend.region_name].get_certificate(arn)
    except CertificateNotFound:
        return None
    # moto adds a root of its own to every chain, which no client asked for.
    chain = (bundle.chain or b"").replace(AWS_ROOT_CA, b"")
    return Certificate(arn, _pem(_text(bundle.cert), _text(chain)), _text(bundle.key))


def _text(value: bytes | str) -> str:
    return value.decode("ascii") if isinstance(value, bytes) else value


def _pem(*parts: str) -> str:
    return "".join(part.strip() + "\n" for part in parts if part.strip())
