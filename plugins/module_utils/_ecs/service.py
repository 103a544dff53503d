# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ECS services: what differs from what is wanted, and what a deployment's state means. No calls are made here."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from .inputs import InvalidInput
from .shapes import request_shape, response_shape, snake_name, to_api, to_snake
from .tags import TagChange, from_api, tag_change, to_list

Service = dict[str, Any]

#: The module's options that are fields of CreateService with the same name, beside those of the network.
OPTIONS = (
    "availability_zone_rebalancing",
    "capacity_provider_strategy",
    "deployment_configuration",
    "desired_count",
    "enable_ecs_managed_tags",
    "enable_execute_command",
    "health_check_grace_period_seconds",
    "launch_type",
    "load_balancers",
    "platform_version",
    "propagate_tags",
)
#: What UpdateService cannot change.
_FIXED = ("launchType",)
#: What ECS means by a field that is absent (API_CreateService).
_DEFAULTS: dict[str, Any] = {
    "capacityProviderStrategy": [],
    "enableECSManagedTags": False,
    "enableExecuteCommand": False,
    "healthCheckGracePeriodSeconds": 0,
    "loadBalancers": [],
    "platformVersion": "LATEST",
    "propagateTags": "NONE",
}


@dataclass(frozen=True)
class ServicePlan:
    """What has to be done to a service. At most one of ``create`` and ``update`` is given.

    :param create: the CreateService request.
    :param update: the UpdateService request, of nothing but the fields that differ.
    :param undo: the UpdateService request that takes ``update`` back, without the task definition.
    :param tags: what to change on the service in place.
    """

    create: dict[str, Any] | None = None
    update: dict[str, Any] | None = None
    undo: dict[str, Any] = field(default_factory=dict)
    tags: TagChange = field(default_factory=TagChange)
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)

    @property
    def changed(self) -> bool:
        """Whether there is anything to do."""
        return self.create is not None or self.update is not None or bool(self.tags)


def desired_service(options: Mapping[str, Any]) -> dict[str, Any]:
    """The CreateService fields that the module's options give; what is not given is not in it.

    :raises InvalidInput: an unknown key or a wrong type.
    """
    shape = request_shape("CreateService")
    by_option = {snake_name(member): member for member in shape.members}
    result: dict[str, Any] = {}
    for option in OPTIONS:
        if options.get(option) is not None:
            member = by_option.get(option)
            if member is None:
                raise InvalidInput(f"{option} is not known to the installed botocore. A newer boto3 is needed.")
            result[member] = to_api(options[option], shape.members[member], option)
    for option in ("desired_count", "health_check_grace_period_seconds"):
        if result.get(by_option[option], 0) < 0:
            raise InvalidInput(f"{option} is {options[option]}; it cannot be negative.")
    network = network_configuration(options)
    if network:
        result["networkConfiguration"] = network
    return result


def network_configuration(options: Mapping[str, Any]) -> dict[str, Any]:
    """The awsvpc configuration that ``subnets``, ``security_groups`` and ``assign_public_ip`` give.

    :raises InvalidInput: something is given, but no subnet.
    """
    given = {key: options.get(key) for key in ("subnets", "security_groups", "assign_public_ip")}
    if all(value is None for value in given.values()):
        return {}
    if not given["subnets"]:
        raise InvalidInput("subnets is empty; tasks with their own network interface need at least one subnet.")
    vpc: dict[str, Any] = {"subnets": list(given["subnets"])}
    if given["security_groups"] is not None:
        vpc["securityGroups"] = list(given["security_groups"])
    if given["assign_public_ip"] is not None:
        vpc["assignPublicIp"] = "ENABLED" if given["assign_public_ip"] else "DISABLED"
    return {"awsvpcConfiguration": vpc}


def same_revision(one: str, other: str) -> bool:
    """Whether two names mean one revision: an ARN and ``family:7`` may."""
    return describe_revision(one) == describe_revision(other)


def deployments(service: Service, status: str | None = None) -> list[dict[str, Any]]:
    """A service's deployments, newest first."""
    found = [d for d in service.get("deployments", []) if status in (None, d.get("status"))]
    return sorted(found, key=lambda d: str(d.get("createdAt", "")), reverse=True)


#: Fields that UpdateService changes in place (API UpdateService: "doesn't trigger a new service deployment").
WITHOUT_DEPLOYMENT = (
    "availabilityZoneRebalancing",
    "deploymentConfiguration",
    "enableECSManagedTags",
    "healthCheckGracePeriodSeconds",
    "propagateTags",
)


def primary(service: Service) -> dict[str, Any]:
    """The deployment that ECS works towards; an empty one where the service has none."""
    return next(iter(deployments(service, "PRIMARY")), {})


def serving_revision(service: Service) -> str | None:
    """The revision of the newest deployment that ever became steady."""
    return next((d["taskDefinition"] for d in deployments(service) if d.get("rolloutState") == "COMPLETED"), None)


def plan_service(
    current: Service | None,
    name: str,
    cluster: str,
    task_definition: str,
    desired: dict[str, Any],
    *,
    keep_desired_count: bool = False,
    force_new_deployment: bool = False,
    tags: dict[str, str] | None = None,
    purge_tags: bool = True,
    client_token: str = "",
) -> ServicePlan:
    """Compares a service with what is wanted of it.

    :param current: the answer of DescribeServices, or None when there is no such service.
    :param desired: see :func:`desired_service`; only its fields are compared.
    :param keep_desired_count: leave the count of an existing service alone (autoscaling owns it).
    :raises InvalidInput: a field differs that UpdateService cannot change.
    """
    if current is None:
        request = {"cluster": cluster, "serviceName": name, "taskDefinition": task_definition, **desired}
        if client_token:
            request["clientToken"] = client_token
        if tags:
            request["tags"] = to_list(tags)
        after = _shown({"taskDefinition": task_definition, **desired}) | {"tags": tags or {}}
        return ServicePlan(create=request, before={}, after=after)

    wanted = {key: value for key, value in desired.items() if not (keep_desired_count and key == "desiredCount")}
    now = {key: current.get(key, _DEFAULTS.get(key)) for key in wanted}
    differing = {key: _overlaid(now[key], wanted[key]) for key in wanted if _differs(key, now[key], wanted[key])}
    for key in _FIXED:
        if key in differing:
            raise InvalidInput(
                f'{snake_name(key)} is "{differing[key]}", but the service {name} has "{now[key]}",'
                " and ECS cannot change it. Delete the service first (state: absent)."
            )
    # A field that had no value is left out: UpdateService takes none.
    undo = {key: now[key] for key in differing if key != "desiredCount" and now[key] is not None}
    newest = primary(current)
    revision_now = newest.get("taskDefinition") or current.get("taskDefinition", "")
    new_revision = not same_revision(task_definition, revision_now)
    # A failed deployment that nothing rolled back stays PRIMARY, and ECS starts no more tasks for it.
    retry = not new_revision and newest.get("rolloutState") == "FAILED"
    update: dict[str, Any] = dict(differing)
    if new_revision:
        update["taskDefinition"] = task_definition
    # UpdateService starts no deployment for it, and the tasks that run would keep their shells.
    no_shells = differing.get("enableExecuteCommand") is False
    if force_new_deployment or retry or no_shells or "capacityProviderStrategy" in differing:
        update["forceNewDeployment"] = True
    before_tags = from_api(current.get("tags"))
    change = tag_change(before_tags, tags, purge_tags)
    before = _shown({"taskDefinition": revision_now, **now}) | {"tags": before_tags}
    after = _shown({"taskDefinition": task_definition if new_revision else revision_now, **now, **differing})
    after["tags"] = change.applied_to(before_tags)
    if update.get("forceNewDeployment"):
        before["new_deployment"], after["new_deployment"] = False, True
    call = {"cluster": cluster, "service": name, **update} if update else None
    return ServicePlan(update=call, undo=undo, tags=change, before=before, after=after)


def _text(item: Any) -> str:
    return json.dumps(item, sort_keys=True, default=str)


def _strategy(items: Any) -> list[str]:
    return sorted(_text({"weight": 0, "base": 0} | item) for item in items)


def _balancers(items: Any) -> list[str]:
    return sorted(_text({key: value for key, value in item.items() if value}) for item in items)


def _network(value: Any) -> dict[str, Any]:
    vpc = (value or {}).get("awsvpcConfiguration", {})
    result: dict[str, Any] = {"assignPublicIp": vpc.get("assignPublicIp", "DISABLED")}
    for key in ("subnets", "securityGroups"):
        result[key] = sorted(vpc.get(key) or [])
    return result


#: How to compare the fields of which order or absence means nothing.
_FORMS: dict[str, Callable[[Any], Any]] = {
    "capacityProviderStrategy": _strategy,
    "loadBalancers": _balancers,
}


def _differs(key: str, now: Any, wanted: Any) -> bool:
    if key == "networkConfiguration":
        given = wanted["awsvpcConfiguration"]
        before, after = _network(now), _network(wanted)
        return any(before[part] != after[part] for part in given)
    if key == "deploymentConfiguration":
        return bool(_overlaid(now, wanted) != (now or {}))
    form = _FORMS.get(key, lambda value: value)
    return bool(form(now) != form(wanted))


def _overlaid(now: Any, wanted: Any) -> Any:
    """What to send: UpdateService replaces a structure as a whole, so what was not asked for is kept."""
    if isinstance(now, Mapping):
        return {**now, **{part: _overlaid(now.get(part), value) for part, value in wanted.items()}}
    return wanted


def _shown(fields: dict[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = to_snake(fields, request_shape("CreateService"))
    vpc = shown.get("network_configuration", {}).get("awsvpc_configuration", {})
    for part in ("subnets", "security_groups"):
        if part in vpc:
            vpc[part] = sorted(vpc[part])
    return shown


class State(Enum):
    """What a service's deployment has come to."""

    STEADY = "steady"
    WAITING = "waiting"
    FAILED = "failed"
    REPLACED = "replaced"


@dataclass(frozen=True)
class Verdict:
    """A state, and the words for it."""

    state: State
    text: str


def judge(service: Service, deployment: Mapping[str, Any]) -> Verdict:
    """What has become of a deployment.

    Steady means what the ECS console calls so: the deployment is PRIMARY and COMPLETED, as many tasks run as are
    desired, and none is pending. FAILED is the circuit breaker's word. A deployment that is no longer PRIMARY was
    rolled back by the circuit breaker (the new PRIMARY says so in its reason), or replaced by somebody else.

    :param deployment: the deployment to look for, as it was when it began (``id`` and ``createdAt``).
    """
    now = primary(service)
    ours = next((d for d in service.get("deployments", []) if d.get("id") == deployment.get("id")), None)
    if ours is not None and ours.get("rolloutState") == "FAILED":
        return Verdict(State.FAILED, ours.get("rolloutStateReason") or "the deployment failed")
    if now.get("id") != deployment.get("id"):
        return _judge_another(now, str(deployment.get("createdAt", "")))
    desired, running = service.get("desiredCount", 0), service.get("runningCount", 0)
    pending = service.get("pendingCount", 0)
    counts = f"{running} of {desired} tasks running, {pending} pending"
    rollout = now.get("rolloutState", "COMPLETED")
    own = now.get("runningCount", running)
    if rollout == "COMPLETED" and running == desired == own and pending == 0:
        return Verdict(State.STEADY, counts)
    return Verdict(State.WAITING, f"{counts}, rollout {rollout}")


def _judge_another(now: Mapping[str, Any], begun: str) -> Verdict:
    """What it means that another deployment is PRIMARY instead of ours, which began at ``begun``."""
    created = str(now.get("createdAt", ""))
    if max(created, str(now.get("updatedAt", ""))) < begun:
        return Verdict(State.WAITING, "ECS does not show the new deployment yet")
    reason = now.get("rolloutStateReason") or ""
    if "circuit breaker" in reason.lower() or "rolling back" in reason.lower():
        return Verdict(State.FAILED, reason)
    revision = describe_revision(now.get("taskDefinition"))
    if created < begun:  # an older deployment leads again: nothing but a rollback does that
        return Verdict(State.FAILED, f"ECS went back to {revision}")
    return Verdict(State.REPLACED, f"another deployment, of {revision}, took its place")


def breaker_rolls_back(service: Service) -> bool:
    """Whether the service's own circuit breaker undoes a failed deployment."""
    breaker = (service.get("deploymentConfiguration") or {}).get("deploymentCircuitBreaker") or {}
    return bool(breaker.get("enable") and breaker.get("rollback"))


def is_gone(service: Service | None) -> bool:
    """Whether a service is deleted; ECS shows it as INACTIVE for a while."""
    return service is None or service.get("status") == "INACTIVE"


def as_result(service: Service) -> dict[str, Any]:
    """What the module returns of a service; nothing when there is none."""
    if not service:
        return {}
    shape = response_shape("DescribeServices").members["services"].member
    shown: dict[str, Any] = to_snake(service, shape)
    shown["tags"] = from_api(service.get("tags"))
    shown["events"] = shown.get("events", [])[:10]
    of_deployment = shape.members["deployments"].member
    return {"service": shown, "deployment": to_snake(primary(service), of_deployment)}


def describe_revision(arn: str | None) -> str:
    """``family:7`` for a message."""
    return arn.rpartition("/")[2] if arn else "no revision"
