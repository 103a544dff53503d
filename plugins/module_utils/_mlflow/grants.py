# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Permissions of users on experiments, models and what else 3.x knows, behind one interface.

2.x keeps a permission for a user and an experiment or a registered model, and tells them with the user. 3.x keeps
grants on a role of the user's own, ``__user_<id>__``, one in each workspace; its ``users/permissions/get`` answers
what a user may do in the end, so the explicit grants are read from ``users/permissions/list``.
Sources: mlflow/server/auth/__init__.py and permissions.py, sqlalchemy_store.py of 2.18.0 and 3.17.2.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from .client import API, MlflowClient
from .errors import InvalidOptionsError, NotFoundError, NotMlflowError
from .names import GRANTED
from .reconcile import Plan

API_3 = "/api/3.0/mlflow"
DEFAULT_WORKSPACE = "default"
EVERYTHING = "*"

EXPERIMENT = "experiment"
REGISTERED_MODEL = "registered_model"

#: What a grant of 2.x may be about.
TYPES_2 = (EXPERIMENT, REGISTERED_MODEL)

#: Types of 3.x whose resources are granted one by one or all together (permissions.py, WILDCARD_AND_ID).
NAMED = (
    EXPERIMENT,
    REGISTERED_MODEL,
    "prompt",
    "scorer",
    "gateway_secret",
    "gateway_endpoint",
    "gateway_model_definition",
    "mcp_server",
)

#: Types of 3.x that are granted all together only (permissions.py, WILDCARD_ONLY). `workspace` is for roles.
PARTS = (
    "run",
    "trace",
    "assessment",
    "logged_model",
    "review_queue",
    "registered_model_version",
    "prompt_version",
    "scorer_version",
    "mcp_server_version",
)
WORKSPACE = "workspace"

PERMISSIONS_2 = ("READ", "EDIT", "MANAGE", "NO_PERMISSIONS")
PERMISSIONS_3 = ("READ", "USE", "EDIT", "MANAGE", "DENY")
WORKSPACE_PERMISSIONS = ("USE", "MANAGE")


@dataclass(frozen=True, order=True)
class Address:
    """What a grant is about: a type, and an id as the server keeps it, or ``*``."""

    resource_type: str
    resource_id: str

    def __str__(self) -> str:
        return f"{self.resource_type} {self.resource_id}"


Held = Mapping[Address, str]


@dataclass(frozen=True)
class Grant:
    """Give a user a permission that it has none on yet."""

    username: str
    address: Address
    permission: str

    def says(self) -> str:
        """The write in words."""
        return f"grant {self.permission} on {self.address} to {self.username}"


@dataclass(frozen=True)
class Change:
    """Replace the permission that a user has."""

    username: str
    address: Address
    permission: str

    def says(self) -> str:
        """The write in words."""
        return f"change {self.address} of {self.username} to {self.permission}"


@dataclass(frozen=True)
class Revoke:
    """Take a user's permission away."""

    username: str
    address: Address

    def says(self) -> str:
        """The write in words."""
        return f"revoke {self.address} from {self.username}"


GrantAction: TypeAlias = "Grant | Change | Revoke"


def plan_grants(
    current: Held, username: str, wanted: Held, *, absent: Iterable[Address] = (), exclusive: bool = False
) -> Plan[Held]:
    """What to do so that the user holds what is ``wanted``. Pure.

    New rights come first and are taken away last, so that no right which stays is missing in between.

    :param absent: what the user shall not hold.
    :param exclusive: whether everything that is not wanted goes.
    """
    actions: list[GrantAction] = []
    for address, permission in sorted(wanted.items()):
        if address not in current:
            actions.append(Grant(username, address, permission))
        elif current[address] != permission:
            actions.append(Change(username, address, permission))
    gone = {address for address in current if exclusive and address not in wanted} | (set(absent) & set(current))
    actions += [Revoke(username, address) for address in sorted(gone)]
    after = {address: permission for address, permission in {**current, **wanted}.items() if address not in gone}
    return Plan(tuple(actions), after)


def check_grant(generation: int, resource_type: str, resource: str, permission: str | None) -> None:
    """Refuse what the server's generation cannot keep, before anything is sent.

    :param resource: an id, a name, or ``*``.
    :param permission: None where only the address counts.
    :raises InvalidOptionsError: with what it can keep.
    """
    types = TYPES_2 if generation < 3 else (*NAMED, *PARTS)
    if resource_type not in types:
        raise InvalidOptionsError(
            f"MLflow {generation}.x has no permissions on {resource_type}", remedy=f"use one of {', '.join(types)}"
        )
    if generation < 3 and resource == EVERYTHING:
        raise InvalidOptionsError(
            f"MLflow 2.x has no permission on every {resource_type}", remedy="grant them one by one, or upgrade"
        )
    if generation >= 3 and resource_type in PARTS and resource != EVERYTHING:
        raise InvalidOptionsError(f"MLflow grants {resource_type} all together only, not {resource}", remedy='use "*"')
    if generation >= 3 and len(resource) > GRANTED:
        raise InvalidOptionsError(
            f"the name of {resource_type} has {len(resource)} characters, and a grant keeps {GRANTED}",
            remedy='grant "*", or use a shorter name',
        )
    permissions = PERMISSIONS_2 if generation < 3 else PERMISSIONS_3
    if permission is not None and permission not in permissions:
        raise InvalidOptionsError(
            f"MLflow {generation}.x has no permission {permission}", remedy=f"use one of {', '.join(permissions)}"
        )


class Grants:
    """The explicit permissions of users on one server.

    All methods raise :class:`~.errors.MlflowError`.

    :param client: with the login of an admin.
    :param workspace: where grants of 3.x lie; the client sends the same name with each request.
    """

    def __init__(self, client: MlflowClient, workspace: str | None = None) -> None:
        self._client = client
        self._workspace = workspace or DEFAULT_WORKSPACE

    def explicit(self, username: str) -> dict[Address, str]:
        """What was granted to the user, without what roles and defaults add.

        :raises NotFoundError: there is no such user.
        """
        if self._client.version().generation < 3:
            return self._explicit_2(username)
        return {
            Address(str(row["resource_type"]), str(row["resource_pattern"])): str(row["permission"])
            for row in self._own_rows(username)
        }

    def grant(self, username: str, address: Address, permission: str) -> None:
        """Give a permission.

        :raises AlreadyExistsError: the user has one there.
        """
        if self._client.version().generation < 3:
            self._call_2("POST", "create", username, address, permission)
            return
        self._client.call(
            "POST", f"{API_3}/users/permissions/grant", payload=self._payload(username, address, permission)
        )

    def change(self, username: str, address: Address, permission: str) -> None:
        """Replace a permission, without a moment in which the user has none.

        :raises NotFoundError: the user has none there.
        """
        if self._client.version().generation < 3:
            self._call_2("PATCH", "update", username, address, permission)
            return
        row_id = self._row_id(username, address)
        payload = {"role_permission_id": row_id, "permission": permission}
        self._client.call("PATCH", f"{API_3}/roles/permissions/update", payload=payload, repeatable=True)

    def revoke(self, username: str, address: Address) -> None:
        """Take a permission away.

        :raises NotFoundError: the user has none there.
        """
        if self._client.version().generation < 3:
            self._call_2("DELETE", "delete", username, address, None)
            return
        self._client.call("POST", f"{API_3}/users/permissions/revoke", payload=self._payload(username, address, None))

    def apply(self, action: GrantAction) -> None:
        """Make one write of a plan."""
        match action:
            case Grant():
                self.grant(action.username, action.address, action.permission)
            case Change():
                self.change(action.username, action.address, action.permission)
            case Revoke():
                self.revoke(action.username, action.address)

    # -- 2.x ------------------------------------------------------------------------------------------

    def _explicit_2(self, username: str) -> dict[Address, str]:
        said = self._client.call("GET", f"{API}/users/get", query={"username": username})
        try:
            user = said["user"]
            held = {
                Address(EXPERIMENT, str(row["experiment_id"])): str(row["permission"])
                for row in user["experiment_permissions"]
            }
            for row in user["registered_model_permissions"]:
                held[Address(REGISTERED_MODEL, str(row["name"]))] = str(row["permission"])
        except (KeyError, TypeError):
            raise NotMlflowError(f"GET {API}/users/get answers 200 but not in MLflow's way", status=200) from None
        return held

    def _call_2(self, method: str, verb: str, username: str, address: Address, permission: str | None) -> None:
        key, place = {EXPERIMENT: ("experiment_id", "experiments"), REGISTERED_MODEL: ("name", "registered-models")}[
            address.resource_type
        ]
        payload = {key: address.resource_id, "username": username}
        if permission is not None:
            payload["permission"] = permission
        self._client.call(method, f"{API}/{place}/permissions/{verb}", payload=payload)

    # -- 3.x ------------------------------------------------------------------------------------------

    @staticmethod
    def _payload(username: str, address: Address, permission: str | None) -> dict[str, str]:
        payload = {"username": username, "resource_type": address.resource_type, "resource_id": address.resource_id}
        return payload if permission is None else {**payload, "permission": permission}

    def _own_rows(self, username: str) -> list[Mapping[str, Any]]:
        """The rows of the user's own role in this workspace."""
        own = f"__user_{self._client.get_user(username).id}__"
        said = self._client.call("GET", f"{API_3}/users/permissions/list", query={"username": username})
        try:
            return [
                row for row in said["permissions"] if row["role_name"] == own and row["workspace"] == self._workspace
            ]
        except (KeyError, TypeError):
            raise NotMlflowError(
                f"GET {API_3}/users/permissions/list answers 200 but not in MLflow's way", status=200
            ) from None

    def _row_id(self, username: str, address: Address) -> int:
        """The number of a grant, which the list of a user's grants does not tell but that of his role does."""
        roles = {row["role_id"] for row in self._own_rows(username)}
        for role_id in roles:
            said = self._client.call("GET", f"{API_3}/roles/permissions/list", query={"role_id": int(role_id)})
            for row in said.get("role_permissions", []):
                if (row["resource_type"], row["resource_pattern"]) == (address.resource_type, address.resource_id):
                    return int(row["id"])
        raise NotFoundError(f"{username} has no grant on {address}")
