# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the load balancers should do: plain immutable values, read from moto by ``snapshot``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


def short(arn: str) -> str:
    """The random last part of an ARN: unique, and a safe word in a configuration file."""
    return "".join(character for character in arn.rsplit("/", 1)[-1] if character.isalnum())


@dataclass(frozen=True)
class TargetKey:
    """One registration: the same address may be registered on several ports."""

    group: str
    id: str
    port: int


@dataclass(frozen=True)
class HealthCheck:
    """How a target group checks its targets (seconds; ``port`` None stands for traffic-port)."""

    enabled: bool
    protocol: str
    port: int | None
    path: str
    interval: float
    timeout: float
    healthy: int
    unhealthy: int
    codes: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Target:
    """A registered target. ``address`` is None when nothing can have that id."""

    key: TargetKey
    address: str | None


@dataclass(frozen=True)
class TargetGroup:
    """A target group with its registered targets, which are addresses of ``vpc``."""

    arn: str
    vpc: str
    kind: str  # "ip" | "instance" | "lambda" | "alb"
    protocol: str
    version: str
    check: HealthCheck
    least_outstanding: bool
    targets: tuple[Target, ...]


@dataclass(frozen=True)
class Rule:
    """Conditions (all must hold) and actions in their order, as the API spells them."""

    arn: str
    conditions: tuple[Mapping[str, Any], ...]
    actions: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class Certificate:
    """A certificate with its chain (leaf first) and private key, PEM."""

    arn: str
    chain: str
    key: str

    def __repr__(self) -> str:
        """Without the private key."""
        return f"Certificate({self.arn!r})"


@dataclass(frozen=True)
class Listener:
    """A listener; ``rules`` by priority, the default rule last."""

    arn: str
    port: int
    tls: bool
    policy: str
    certificates: tuple[Certificate, ...]
    missing: tuple[str, ...]  # certificates that the account does not have
    rules: tuple[Rule, ...]


@dataclass(frozen=True)
class Balancer:
    """An Application Load Balancer and the attributes that its data plane obeys."""

    arn: str
    name: str
    host: str
    ready: bool
    attributes: Mapping[str, str]
    listeners: tuple[Listener, ...]

    def on(self, attribute: str, default: bool = False) -> bool:
        """Whether a boolean attribute is set."""
        return self.attributes.get(attribute, str(default)).lower() == "true"


@dataclass(frozen=True)
class Snapshot:
    """Everything at one moment."""

    balancers: tuple[Balancer, ...]
    groups: Mapping[str, TargetGroup]
    used: frozenset[str]  # target groups that a listener names
    served: frozenset[str]  # those of a load balancer that is past provisioning


def forward_weights(action: Mapping[str, Any]) -> tuple[tuple[str, int], ...]:
    """The target groups of a forward action with their weights, in the order given.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_ForwardActionConfig.html
    """
    groups = (action.get("ForwardConfig") or {}).get("TargetGroups") or []
    if groups:
        return tuple((group["TargetGroupArn"], int(group.get("Weight", 1))) for group in groups)
    return ((action["TargetGroupArn"], 1),) if action.get("TargetGroupArn") else ()
