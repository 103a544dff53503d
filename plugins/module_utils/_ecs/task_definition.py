# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Task definitions: from options to a request, and what differs between two of them. No calls are made here."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .checks import check_definition, is_fargate
from .fargate import cpu_units, memory_mib
from .inputs import InvalidInput
from .masking import holds_password, looks_secret, shown, without_values
from .shapes import request_shape, response_shape, snake_name, to_api, to_snake
from .tags import TagChange, tag_change, tags_of_new, to_list

Definition = dict[str, Any]

_OPERATION = "RegisterTaskDefinition"
#: The module's options that are fields of the request, beside family and containers.
OPTIONS = (
    "cpu",
    "enable_fault_injection",
    "ephemeral_storage",
    "execution_role_arn",
    "ipc_mode",
    "memory",
    "network_mode",
    "pid_mode",
    "placement_constraints",
    "proxy_configuration",
    "requires_compatibilities",
    "runtime_platform",
    "task_role_arn",
    "volumes",
)


@dataclass(frozen=True)
class Revision:
    """One revision as ECS describes it.

    :param definition: the answer of DescribeTaskDefinition, with ECS's own keys.
    """

    arn: str
    definition: Definition
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def number(self) -> int:
        """The revision's number in its family."""
        return revision_number(self.arn)


@dataclass(frozen=True)
class Difference:
    """One field that differs; ``path`` is dotted, such as ``containers.web.environment.LEVEL``."""

    path: str
    before: Any
    after: Any


@dataclass(frozen=True)
class DefinitionPlan:
    """What has to be done to a family.

    :param register: the request for a new revision, or None when the latest one is equal in every field.
    :param tags: what to change in place on the latest revision.
    :param differences: every field that differs from the latest revision.
    :param before: what a diff shows, masked.
    :param after: what a diff shows, masked.
    """

    register: Definition | None
    tags: TagChange
    differences: list[Difference]
    before: dict[str, Any]
    after: dict[str, Any]


def revision_number(name: str) -> int:
    """7 for ``arn:...:task-definition/family:7`` and for ``family:7``."""
    return int(name.rsplit(":", 1)[1])


def family_of(name: str) -> str:
    """The family in an ARN, in ``family:7``, or in ``family``."""
    return name.rpartition("/")[2].partition(":")[0]


def desired_definition(options: Mapping[str, Any]) -> Definition:
    """The RegisterTaskDefinition request that the module's options ask for, checked.

    :param options: ``family``, ``containers`` and any of :data:`OPTIONS`; None means not given.
    :raises InvalidInput: the first thing that ECS would refuse.
    """
    shape = request_shape(_OPERATION)
    request: Definition = {"family": str(options["family"])}
    of_container = shape.members["containerDefinitions"].member
    request["containerDefinitions"] = [
        to_api(container, of_container, _container_label(container, index))
        for index, container in enumerate(options.get("containers") or [])
    ]
    by_option = {snake_name(member): member for member in shape.members}
    for option in OPTIONS:
        value = options.get(option)
        if value is None or value in ("", [], {}):
            continue
        if option not in by_option:
            raise InvalidInput(f"{option} is not known to the installed botocore. A newer boto3 is needed.")
        request[by_option[option]] = to_api(value, shape.members[by_option[option]], option)
    check_definition(request)
    return request


def _container_label(container: Any, index: int) -> str:
    name = container.get("name") if isinstance(container, Mapping) else None
    return f"containers[{index}] ({name})" if name else f"containers[{index}]"


def warnings(definition: Definition) -> list[str]:
    """Advice on a request that ECS would take: environment variables that look like secrets."""
    return [
        f"Container {container['name']}: the environment variable {pair['name']} looks like a secret."
        " Anyone who may describe the task definition can read it; use secrets instead."
        for container in definition["containerDefinitions"]
        for pair in container.get("environment", [])
        if (looks_secret(pair["name"]) and len(pair.get("value", "")) > 3) or holds_password(pair.get("value", ""))
    ]


def canonical(definition: Definition) -> dict[str, Any]:
    """A definition in the form in which two of them are compared, with snake_case keys.

    ECS's own defaults are filled in, what is empty is left out, and lists whose order means nothing are keyed or
    sorted. It takes a request as well as the answer of DescribeTaskDefinition, and both become equal.
    """
    fargate, awsvpc = is_fargate(definition), definition.get("networkMode") == "awsvpc"
    result: dict[str, Any] = _pruned(to_snake(definition, request_shape(_OPERATION)))
    result.pop("tags", None)
    result["containers"] = _keyed(result.pop("container_definitions", []), "name", lambda c: _container(c, awsvpc))
    for name, parse in (("cpu", cpu_units), ("memory", memory_mib)):
        if name in result:
            result[name] = _units_or_text(result[name], parse)
    result.setdefault("network_mode", "bridge")
    if result.get("enable_fault_injection") is False:
        del result["enable_fault_injection"]
    if "requires_compatibilities" in result:
        result["requires_compatibilities"] = sorted(result["requires_compatibilities"])
    if "placement_constraints" in result:
        result["placement_constraints"] = _sorted(result["placement_constraints"])
    if "volumes" in result:
        result["volumes"] = _keyed(result["volumes"], "name", _volume)
    if fargate:
        platform = {"cpu_architecture": "X86_64", "operating_system_family": "LINUX"}
        result["runtime_platform"] = platform | result.get("runtime_platform", {})
        result.setdefault("ephemeral_storage", {"size_in_gib": 20})
    return result


def _units_or_text(text: Any, parse: Callable[[str], int]) -> Any:
    try:
        return str(parse(str(text)))
    except InvalidInput:
        return text  # of a foreign revision: compared as it is


#: Container fields that ECS treats as this when they are absent.
_CONTAINER_DEFAULTS: dict[str, Any] = {
    "cpu": 0,
    "disable_networking": False,
    "essential": True,
    "interactive": False,
    "privileged": False,
    "pseudo_terminal": False,
    "readonly_root_filesystem": False,
    "version_consistency": "enabled",
}
_HEALTH_DEFAULTS = {"interval": 30, "retries": 3, "start_period": 0, "timeout": 5}
#: Lists of a container whose order means nothing to ECS.
_UNORDERED = (
    "depends_on",
    "docker_security_options",
    "extra_hosts",
    "mount_points",
    "port_mappings",
    "resource_requirements",
    "system_controls",
    "ulimits",
    "volumes_from",
)


def _container(container: dict[str, Any], awsvpc: bool) -> dict[str, Any]:
    result = _CONTAINER_DEFAULTS | {key: value for key, value in container.items() if key != "name"}
    if "environment" in result:
        result["environment"] = _keyed(result["environment"], "name", lambda pair: pair.get("value", ""))
    if "secrets" in result:
        result["secrets"] = _keyed(result["secrets"], "name", lambda pair: pair.get("value_from", ""))
    for mapping in result.get("port_mappings", []):
        mapping.setdefault("protocol", "tcp")
        if not mapping.get("host_port"):
            mapping.pop("host_port", None)
            if awsvpc and "container_port" in mapping:
                mapping["host_port"] = mapping["container_port"]
    for mount in (*result.get("mount_points", []), *result.get("volumes_from", [])):
        mount.setdefault("read_only", False)
    for name in _UNORDERED:
        if name in result:
            result[name] = _sorted(result[name])
    if "health_check" in result:
        result["health_check"] = _HEALTH_DEFAULTS | result["health_check"]
    if "secret_options" in result.get("log_configuration", {}):
        options = result["log_configuration"]["secret_options"]
        result["log_configuration"]["secret_options"] = _keyed(options, "name", lambda pair: pair.get("value_from", ""))
    linux = result.get("linux_parameters", {})
    if linux.get("init_process_enabled") is False:
        del linux["init_process_enabled"]
    for name, names in linux.get("capabilities", {}).items():
        linux["capabilities"][name] = sorted(names)
    return {key: value for key, value in result.items() if value not in ({}, [])}


def _volume(volume: dict[str, Any]) -> dict[str, Any]:
    result = {key: value for key, value in volume.items() if key != "name"}
    if result.get("configured_at_launch") is False:
        del result["configured_at_launch"]
    efs = result.get("efs_volume_configuration")
    if efs:
        defaults = {"root_directory": "/", "transit_encryption": "DISABLED"}
        result["efs_volume_configuration"] = defaults | {k: v for k, v in efs.items() if v != 0}
    return result


def _keyed(items: list[dict[str, Any]], key: str, shape: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    """A list of named things as a dictionary. A name that is there twice keeps both, so that nothing is hidden."""
    result: dict[str, Any] = {}
    for item in sorted(items, key=lambda item: str(item.get(key, ""))):
        name, times = str(item.get(key, "")), 2
        unique = name
        while unique in result:
            unique, times = f"{name} ({times})", times + 1
        result[unique] = shape(item)
    return result


def _sorted(items: list[Any]) -> list[Any]:
    return sorted(items, key=lambda item: json.dumps(item, sort_keys=True))


#: Dictionaries whose keys and values are the user's: an empty value means something there.
_MAPS = ("options", "docker_labels", "driver_opts", "labels")


def _pruned(value: Any, inside: str = "") -> Any:
    """Without what is empty: ECS answers ``[]`` and ``{}`` for much that nobody asked for."""
    if isinstance(value, dict):
        if inside in _MAPS:
            return dict(value)
        pruned = {key: _pruned(item, key) for key, item in value.items()}
        return {key: item for key, item in pruned.items() if item not in ("", [], {})}
    if isinstance(value, list):
        return [_pruned(item) for item in value]
    return value


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """Every leaf in which two canonical forms differ, by path. A list is one leaf."""
    return sorted(_differences(before, after, ""), key=lambda difference: difference.path)


def _differences(before: Any, after: Any, path: str) -> Iterator[Difference]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in before.keys() | after.keys():
            inner = f"{path}.{key}" if path else str(key)
            yield from _differences(before.get(key), after.get(key), inner)
    elif before != after or type(before) is not type(after):
        yield Difference(path, before, after)


def plan_definition(
    latest: Revision | None,
    desired: Definition,
    tags: dict[str, str] | None,
    purge_tags: bool,
    ignore_tags: list[str],
) -> DefinitionPlan:
    """Compares the wanted definition with the latest revision.

    :param latest: the latest ACTIVE revision, or None.
    :param tags: None leaves the tags alone; a new revision then takes over those of the latest one.
    :param ignore_tags: keys that belong to somebody else: never removed, never taken over by a new revision.
    """
    wanted = canonical(desired)
    current = canonical(latest.definition) if latest else {}
    found = differences(current, wanted)
    current_tags = latest.tags if latest else {}
    if found:
        new_tags = tags_of_new(current_tags, tags, purge_tags, ignore_tags)
        change, tags_after = TagChange(), new_tags
    else:
        change = tag_change(current_tags, tags, purge_tags, ignore_tags)
        tags_after = change.applied_to(current_tags)
    register = None
    if found:
        register = dict(desired)
        if tags_after:
            register["tags"] = to_list(tags_after)
    after = {**wanted, "tags": tags_after}
    before = {**current, "tags": current_tags} if latest else {}
    return DefinitionPlan(register, change, found, shown(before), shown(after, before))


def as_result(definition: Definition) -> dict[str, Any]:
    """A definition as a module returns it: snake_case, environment values that look secret hidden."""
    shape = response_shape("DescribeTaskDefinition").members["taskDefinition"]
    result: dict[str, Any] = to_snake(definition, shape)
    result["container_definitions"] = without_values(result.get("container_definitions", []))
    return result


def surplus(active: list[str], keep: int | None) -> list[str]:
    """Which of a family's ACTIVE revisions to deregister, oldest first, so that the newest ``keep`` stay.

    :param keep: None keeps all.
    """
    ordered = sorted(active, key=revision_number)
    return [] if keep is None else ordered[: max(0, len(ordered) - keep)]
