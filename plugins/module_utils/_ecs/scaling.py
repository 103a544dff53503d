# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scalable target of a service and its policies: what Application Auto Scaling knows, and what is to change."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from .._transient import SERVICE_LINKED_ROLE
from .errors import aws_action, aws_lookup
from .inputs import InvalidInput
from .waiting import insist

DIMENSION = "ecs:service:DesiredCount"
#: What a scalable target can be stopped from doing (API SuspendedState).
_SUSPENDABLE = ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended")

Policy = dict[str, Any]
T = TypeVar("T")


def resource_id(cluster: str, service: str) -> str:
    """How Application Auto Scaling names a service.

    :param cluster: name or ARN.
    """
    return f"service/{cluster.rsplit('/', 1)[-1]}/{service}"


@dataclass(frozen=True)
class Scaling:
    """How a service is scaled.

    :param capacity: the fewest and the most tasks; None without a scalable target.
    :param policies: target tracking policies by name, as :func:`policy` makes them.
    :param suspended: what somebody stopped the target from doing (SuspendedState of DescribeScalableTargets).
    """

    capacity: tuple[int, int] | None = None
    policies: dict[str, Policy] = field(default_factory=dict)
    suspended: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """For results and diffs; empty without a scalable target."""
        if self.capacity is None:
            return {}
        shown = {"min_capacity": self.capacity[0], "max_capacity": self.capacity[1], "policies": self.policies}
        return {**shown, "suspended": list(self.suspended)} if self.suspended else shown


def policy(metric: str | None, target_value: float, scale_in: int | None, scale_out: int | None) -> Policy:
    """What of a target tracking policy is compared and shown; cooldowns are in seconds."""
    return {
        "metric": metric,
        "target_value": float(target_value),
        "scale_in_cooldown": scale_in,
        "scale_out_cooldown": scale_out,
    }


def current_scaling(target: Mapping[str, Any] | None, policies: Iterable[Mapping[str, Any]]) -> Scaling:
    """What DescribeScalableTargets and DescribeScalingPolicies answered.

    A policy of another type has no metric, and so equals none that is wanted.
    """
    if target is None:
        return Scaling()
    found = {}
    for row in policies:
        body = row.get("TargetTrackingScalingPolicyConfiguration") or {}
        # With DisableScaleIn it does not do what is wanted of it, whatever else is equal.
        metric = None if body.get("DisableScaleIn") else body.get("PredefinedMetricSpecification", {})
        found[row["PolicyName"]] = policy(
            (metric or {}).get("PredefinedMetricType"),
            body.get("TargetValue", 0),
            body.get("ScaleInCooldown"),
            body.get("ScaleOutCooldown"),
        )
    suspended = sorted(key for key, yes in (target.get("SuspendedState") or {}).items() if yes)
    return Scaling((target["MinCapacity"], target["MaxCapacity"]), found, tuple(suspended))


def wanted_scaling(options: Mapping[str, Any]) -> Scaling:
    """What the module's options ask for.

    :raises InvalidInput: a range or a name that cannot work.
    """
    if options["state"] == "absent":
        return Scaling()
    least, most = options["min_capacity"], options["max_capacity"]
    if not 0 <= least <= most:
        raise InvalidInput(f"min_capacity {least} and max_capacity {most} are no range; use 0 <= min <= max.")
    rows = options["policies"] or []
    policies = {
        row["name"]: policy(row["metric"], row["target_value"], row["scale_in_cooldown"], row["scale_out_cooldown"])
        for row in rows
    }
    if len(policies) < len(rows):
        raise InvalidInput("policies: two have the same name; the name is what a policy is found by.")
    both = sorted(set(policies) & set(options.get("absent_policies") or []))
    if both:
        raise InvalidInput(f"absent_policies: {', '.join(both)} is in policies too; name it in one of them.")
    return Scaling((least, most), policies)


@dataclass(frozen=True)
class ScalingPlan:
    """What is to be done.

    :param deregister: remove the target, with all of its policies.
    :param register: the range to register, None when it is right and nothing is suspended.
    :param put: names of the policies to write.
    :param delete: names of the policies to delete.
    """

    deregister: bool = False
    register: tuple[int, int] | None = None
    put: tuple[str, ...] = ()
    delete: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether anything happens."""
        return self.deregister or self.register is not None or bool(self.put or self.delete)


def plan_scaling(current: Scaling, wanted: Scaling, absent: Iterable[str] = ()) -> ScalingPlan:
    """The difference. Policies that are neither wanted nor named by ``absent`` belong to somebody else, and stay."""
    if wanted.capacity is None:
        return ScalingPlan(deregister=current.capacity is not None)
    return ScalingPlan(
        register=wanted.capacity if wanted.capacity != current.capacity or current.suspended else None,
        put=tuple(name for name, body in wanted.policies.items() if current.policies.get(name) != body),
        delete=tuple(sorted(set(absent) & set(current.policies))),
    )


def after(current: Scaling, wanted: Scaling, absent: Iterable[str] = ()) -> Scaling:
    """How the service is scaled when the plan has been carried out."""
    if wanted.capacity is None:
        return Scaling()
    kept = {name: body for name, body in current.policies.items() if name not in set(absent)}
    return Scaling(wanted.capacity, {**kept, **wanted.policies})


class ScalingClient:
    """Application Auto Scaling as the modules use it.

    :param client: a boto3 client of application-autoscaling, wrapped by :class:`RetryingBotoClientWrapper`.
    """

    def __init__(
        self,
        client: Any,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._clock = clock
        self._sleep = sleep

    @aws_action("describe the scalable targets")
    def targets(self, cluster: str, service: str) -> list[dict[str, Any]]:
        """The scalable targets of a service, one a dimension.

        :param cluster: name or ARN.
        """
        answer = self._client.describe_scalable_targets(
            ServiceNamespace="ecs", ResourceIds=[resource_id(cluster, service)], aws_retry=True
        )
        found: list[dict[str, Any]] = answer["ScalableTargets"]
        return found

    @aws_action("describe the scaling policies")
    def policies(self, cluster: str, service: str) -> list[dict[str, Any]]:
        """The policies of a service's count of tasks; a resource has at most 50, one page."""
        answer = self._insist(
            lambda: self._client.describe_scaling_policies(
                ServiceNamespace="ecs",
                ResourceId=resource_id(cluster, service),
                ScalableDimension=DIMENSION,
                MaxResults=50,
                aws_retry=True,
            )
        )
        found: list[dict[str, Any]] = answer["ScalingPolicies"]
        return found

    @aws_action("register the scalable target")
    def register(self, cluster: str, service: str, least: int, most: int) -> None:
        """Sets the range of a service's count of tasks (API RegisterScalableTarget), and suspends nothing of it."""
        self._insist(
            lambda: self._client.register_scalable_target(
                ServiceNamespace="ecs",
                ResourceId=resource_id(cluster, service),
                ScalableDimension=DIMENSION,
                MinCapacity=least,
                MaxCapacity=most,
                SuspendedState=dict.fromkeys(_SUSPENDABLE, False),
                aws_retry=True,
            )
        )

    @aws_action("put the scaling policy")
    def put_policy(self, cluster: str, service: str, name: str, body: Policy) -> None:
        """Writes a target tracking policy (API PutScalingPolicy)."""
        settings = {
            "TargetValue": body["target_value"],
            "PredefinedMetricSpecification": {"PredefinedMetricType": body["metric"]},
            "ScaleInCooldown": body["scale_in_cooldown"],
            "ScaleOutCooldown": body["scale_out_cooldown"],
        }
        self._insist(
            lambda: self._client.put_scaling_policy(
                PolicyName=name,
                ServiceNamespace="ecs",
                ResourceId=resource_id(cluster, service),
                ScalableDimension=DIMENSION,
                PolicyType="TargetTrackingScaling",
                TargetTrackingScalingPolicyConfiguration=settings,
                aws_retry=True,
            )
        )

    @aws_lookup("delete the scaling policy")
    def delete_policy(self, cluster: str, service: str, name: str) -> None:
        """Deletes a policy (API DeleteScalingPolicy), with the alarms that it made."""
        self._client.delete_scaling_policy(
            PolicyName=name,
            ServiceNamespace="ecs",
            ResourceId=resource_id(cluster, service),
            ScalableDimension=DIMENSION,
            aws_retry=True,
        )

    @aws_lookup("deregister the scalable target")
    def deregister(self, target: dict[str, Any]) -> None:
        """Removes a target with its policies and scheduled actions (API DeregisterScalableTarget)."""
        keys = ("ServiceNamespace", "ResourceId", "ScalableDimension")
        self._client.deregister_scalable_target(**{key: target[key] for key in keys}, aws_retry=True)

    def _insist(self, call: Callable[[], T]) -> T:
        """The first use in an account creates a service-linked role, which is too new for the calls of a minute."""
        return insist(
            call,
            lambda text: SERVICE_LINKED_ROLE if SERVICE_LINKED_ROLE.matches(text) else None,
            self._clock,
            self._sleep,
        )
