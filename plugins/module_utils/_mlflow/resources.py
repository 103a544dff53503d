# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the names that people know to the ids under which MLflow keeps permissions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import quote

from .client import API, MlflowClient
from .errors import InvalidOptionsError, NotFoundError
from .grants import API_3, EVERYTHING, EXPERIMENT, PARTS, WORKSPACE, Address, Held

#: Where 3.x lists what has a name and an id: route, key of the list, key of the name, key of the id.
_LISTED = {
    "gateway_endpoint": ("gateway/endpoints/list", "endpoints", "name", "endpoint_id"),
    "gateway_secret": ("gateway/secrets/list", "secrets", "secret_name", "secret_id"),
    "gateway_model_definition": ("gateway/model-definitions/list", "model_definitions", "name", "model_definition_id"),
}


@dataclass(frozen=True)
class Resource:
    """What a permission is about, as a person writes it.

    :param name: a name, or ``*`` for all of the type. Excludes ``id``.
    :param id: the server's own id.
    :param experiment: name of the experiment that a scorer belongs to.
    """

    resource_type: str
    name: str | None = None
    id: str | None = None
    experiment: str | None = None

    def __post_init__(self) -> None:
        if self.resource_type in (*PARTS, WORKSPACE) and not (self.name or self.id):
            object.__setattr__(self, "name", EVERYTHING)
        if (self.name is None) == (self.id is None):
            raise InvalidOptionsError(
                f"a permission on {self.resource_type} needs one of name and id",
                remedy='give one of them; name "*" means all',
            )
        scorer = self.resource_type == "scorer" and self.name not in (None, EVERYTHING)
        if scorer != (self.experiment is not None):
            raise InvalidOptionsError(
                "a scorer is named by its name and its experiment"
                if scorer
                else f"experiment belongs to a scorer, not to {self.resource_type}",
                remedy="give experiment" if scorer else "remove experiment",
            )

    @property
    def shown(self) -> str:
        """The id or name, as it was written."""
        return self.id or self.name or ""


def find(client: MlflowClient, resource: Resource) -> Address:
    """The address of a resource that exists.

    Names of registered models, prompts and MCP servers are their ids; a scorer's is made of two names
    (sqlalchemy_store.py, _scorer_pattern).

    :raises NotFoundError: there is no such resource; its message says what to create.
    """
    kind, name = resource.resource_type, resource.name
    if resource.id is not None:
        return Address(kind, resource.id)
    if name == EVERYTHING or name is None:
        return Address(kind, EVERYTHING)
    try:
        if kind == EXPERIMENT:
            return Address(kind, client.get_experiment_by_name(name).id)
        if kind == "scorer":
            experiment = client.get_experiment_by_name(resource.experiment or "")
            return Address(kind, f"{experiment.id}/{quote(name, safe='')}")
        if kind in ("registered_model", "prompt"):
            client.call("GET", f"{API}/registered-models/get", query={"name": name})
            return Address(kind, name)
    except NotFoundError:
        raise NotFoundError(
            f"there is no {kind} {name}", remedy="create it first, or check the name", status=404
        ) from None
    if kind in _LISTED:
        route, key, by, number = _LISTED[kind]
        rows: list[Mapping[str, Any]] = client.call("GET", f"{API_3}/{route}").get(key, [])
        found = next((str(row[number]) for row in rows if row.get(by) == name), None)
        if found is None:
            raise NotFoundError(f"there is no {kind} {name}", remedy="create it first, or check the name", status=404)
        return Address(kind, found)
    return Address(kind, name)


#: A resource and what may be done there; None where only the resource counts.
Wanted: TypeAlias = Sequence["tuple[Resource, str | None]"]


def permission_options(types: Iterable[str], permissions: Iterable[str], *, required: bool) -> dict[str, Any]:
    """The suboptions of an option ``permissions``."""
    return {
        "resource_type": {"type": "str", "required": True, "choices": list(types)},
        "name": {"type": "str"},
        "id": {"type": "str"},
        "experiment": {"type": "str"},
        "permission": {"type": "str", "choices": list(permissions), **({"required": True} if required else {})},
    }


def wanted_permissions(items: Iterable[Mapping[str, Any]]) -> Wanted:
    """What an option ``permissions`` asks for.

    :raises InvalidOptionsError: a resource is named in no or two ways, or stands there twice.
    """
    wanted: list[tuple[Resource, str | None]] = []
    for item in items:
        resource = Resource(item["resource_type"], item["name"], item["id"], item["experiment"])
        if any(resource == other for other, _permission in wanted):
            raise InvalidOptionsError(
                f"{resource.resource_type} {resource.shown} stands twice in permissions", remedy="remove one of them"
            )
        wanted.append((resource, item["permission"]))
    return wanted


def addresses(client: MlflowClient, wanted: Wanted, *, must_exist: bool, shown: bool = False) -> Held:
    """Every wanted permission by its address; an empty text where only the address counts.

    :param must_exist: whether a resource that does not exist is an error.
    :param shown: where it is not, whether it stands under its name, as check mode shows what a task before may make.
    :raises NotFoundError: a resource does not exist.
    """
    found: dict[Address, str] = {}
    for resource, permission in wanted:
        try:
            found[find(client, resource)] = permission or ""
        except NotFoundError:
            if must_exist:
                raise
            if shown:
                found[Address(resource.resource_type, resource.shown)] = permission or ""
    return found
