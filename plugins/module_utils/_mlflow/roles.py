# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roles of MLflow 3.x: named sets of permissions with users as members.

Routes: mlflow/server/auth/__init__.py (_RBAC_ROUTES) and sqlalchemy_store.py of 3.17.2. 2.x has none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from .client import MlflowClient
from .errors import InvalidOptionsError, NotFoundError, NotMlflowError
from .grants import API_3, Address
from .reconcile import Plan

#: Names that begin so belong to the roles in which 3.x keeps the grants of single users.
RESERVED = "__user_"


@dataclass(frozen=True)
class Role:
    """A role as the server has it.

    :param permissions: what it permits.
    :param rows: the server's number of each permission.
    :param members: names of the users who have it; None where that was not asked.
    """

    id: int
    name: str
    workspace: str
    description: str = ""
    permissions: Mapping[Address, str] = field(default_factory=dict)
    rows: Mapping[Address, int] = field(default_factory=dict, compare=False)
    members: frozenset[str] | None = None


@dataclass(frozen=True)
class WantedRole:
    """A role as it should be; what is None is left alone.

    :param purge_permissions: whether permissions that are not wanted go.
    :param purge_members: whether members that are not wanted go.
    """

    name: str
    workspace: str
    present: bool = True
    description: str | None = None
    permissions: Mapping[Address, str] | None = None
    members: frozenset[str] | None = None
    purge_permissions: bool = True
    purge_members: bool = True


@dataclass(frozen=True)
class CreateRole:
    """Create the role, empty."""

    name: str
    description: str

    def says(self) -> str:
        """The write in words."""
        return f"create role {self.name}"


@dataclass(frozen=True)
class DescribeRole:
    """Set the role's description."""

    name: str
    description: str

    def says(self) -> str:
        """The write in words."""
        return f"describe role {self.name}"


@dataclass(frozen=True)
class Permit:
    """Add a permission, or replace the one at its address."""

    name: str
    address: Address
    permission: str

    def says(self) -> str:
        """The write in words."""
        return f"permit {self.permission} on {self.address} to role {self.name}"


@dataclass(frozen=True)
class Forbid:
    """Remove a permission."""

    name: str
    address: Address

    def says(self) -> str:
        """The write in words."""
        return f"remove {self.address} from role {self.name}"


@dataclass(frozen=True)
class Assign:
    """Make a user a member, or end that."""

    name: str
    username: str
    member: bool

    def says(self) -> str:
        """The write in words."""
        return f"{'give' if self.member else 'take'} role {self.name} {'to' if self.member else 'from'} {self.username}"


@dataclass(frozen=True)
class DeleteRole:
    """Delete the role with its permissions and memberships."""

    name: str

    def says(self) -> str:
        """The write in words."""
        return f"delete role {self.name}"


RoleAction: TypeAlias = "CreateRole | DescribeRole | Permit | Forbid | Assign | DeleteRole"


def plan_role(current: Role | None, wanted: WantedRole) -> Plan[Role | None]:
    """What to do so that the role is as wanted. Pure."""
    if not wanted.present:
        return Plan((DeleteRole(wanted.name),) if current else (), None)
    actions: list[RoleAction] = []
    role = current
    if role is None:
        role = Role(0, wanted.name, wanted.workspace, wanted.description or "", members=frozenset())
        actions.append(CreateRole(wanted.name, role.description))
    elif wanted.description is not None and wanted.description != role.description:
        actions.append(DescribeRole(wanted.name, wanted.description))
        role = replace(role, description=wanted.description)
    if wanted.permissions is not None:
        gone = {
            address for address in role.permissions if wanted.purge_permissions and address not in wanted.permissions
        }
        actions += [
            Permit(wanted.name, address, permission)
            for address, permission in sorted(wanted.permissions.items())
            if role.permissions.get(address) != permission
        ]
        actions += [Forbid(wanted.name, address) for address in sorted(gone)]
        kept = {address: held for address, held in role.permissions.items() if address not in gone}
        role = replace(role, permissions={**kept, **wanted.permissions})
    if wanted.members is not None:
        members = role.members or frozenset()
        leave = members - wanted.members if wanted.purge_members else frozenset()
        actions += [Assign(wanted.name, username, True) for username in sorted(wanted.members - members)]
        actions += [Assign(wanted.name, username, False) for username in sorted(leave)]
        role = replace(role, members=(members | wanted.members) - leave)
    return Plan(tuple(actions), role)


def refuse_reserved(name: str) -> None:
    """Refuse a name that 3.x keeps for itself.

    :raises InvalidOptionsError: it is one.
    """
    if name.startswith(RESERVED):
        raise InvalidOptionsError(
            f"role {name} begins with {RESERVED}, which MLflow keeps for the grants of single users",
            remedy="give another name, or manage that user with mlflow_permission",
        )


class Roles:
    """The roles of one 3.x server, seen by an admin.

    All methods raise :class:`~.errors.MlflowError`.
    """

    def __init__(self, client: MlflowClient) -> None:
        self._client = client

    def require(self) -> None:
        """Refuse a server without roles.

        :raises InvalidOptionsError: it is 2.x.
        """
        version = self._client.version()
        if version.generation < 3:
            raise InvalidOptionsError(
                f"MLflow {version.text or '2.x'} has no roles", remedy="upgrade to 3.x, or use mlflow_permission"
            )

    def list(self, workspace: str | None = None) -> list[Role]:
        """Roles by workspace and name, without their members and without those of single users."""
        query = {"workspace": workspace} if workspace else None
        rows = self._items("roles/list", "roles", query)
        roles = [self._role(row) for row in rows]
        return sorted(
            (role for role in roles if not role.name.startswith(RESERVED)), key=lambda role: (role.workspace, role.name)
        )

    def members(self, role: Role) -> frozenset[str]:
        """Names of the users who have a role."""
        rows = self._items("roles/users/list", "assignments", {"role_id": role.id})
        numbers = {int(row["user_id"]) for row in rows}
        if not numbers:
            return frozenset()
        users = self._client.call("GET", "/api/2.0/mlflow/users/list").get("users", [])
        return frozenset(str(user["username"]) for user in users if int(user["id"]) in numbers)

    def read(self, wanted: WantedRole) -> Role | None:
        """The role that ``wanted`` names, or None; with its members where they are wanted."""
        role = next((role for role in self.list(wanted.workspace) if role.name == wanted.name), None)
        if role and wanted.present and wanted.members is not None:
            return replace(role, members=self.members(role))
        return role

    def applier(self, wanted: WantedRole) -> Callable[[RoleAction], None]:
        """Makes the writes of a plan for ``wanted``."""

        def apply(action: RoleAction) -> None:
            if isinstance(action, CreateRole):
                payload = {"name": action.name, "workspace": wanted.workspace, "description": action.description}
                self._client.call("POST", f"{API_3}/roles/create", payload=payload)
                return
            role = self.read(replace(wanted, members=None))
            if role is None:
                raise NotFoundError(f"role {wanted.name} is gone")
            self._write(role, action)

        return apply

    def _write(self, role: Role, action: RoleAction) -> None:
        call, number = self._client.call, {"role_id": role.id}
        match action:
            case DescribeRole():
                payload = {**number, "description": action.description}
                call("PATCH", f"{API_3}/roles/update", payload=payload, repeatable=True)
            case Permit() if action.address in role.permissions:
                row = {"role_permission_id": role.rows[action.address], "permission": action.permission}
                call("PATCH", f"{API_3}/roles/permissions/update", payload=row, repeatable=True)
            case Permit():
                where = {"resource_type": action.address.resource_type, "resource_pattern": action.address.resource_id}
                payload = {**number, **where, "permission": action.permission}
                call("POST", f"{API_3}/roles/permissions/add", payload=payload)
            case Forbid():
                if action.address not in role.rows:
                    raise NotFoundError(f"role {role.name} has no permission on {action.address}")
                row = {"role_permission_id": role.rows[action.address]}
                call("DELETE", f"{API_3}/roles/permissions/remove", payload=row)
            case Assign():
                verb, method = ("assign", "POST") if action.member else ("unassign", "DELETE")
                call(method, f"{API_3}/roles/{verb}", payload={**number, "username": action.username})
            case DeleteRole():
                call("DELETE", f"{API_3}/roles/delete", payload=number)

    def _items(self, route: str, key: str, query: Mapping[str, str | int] | None) -> Sequence[Mapping[str, Any]]:
        said = self._client.call("GET", f"{API_3}/{route}", query=query)
        items = said.get(key)
        if not isinstance(items, list):
            raise NotMlflowError(f"GET {API_3}/{route} answers 200 but not in MLflow's way", status=200)
        return items

    @staticmethod
    def _role(row: Mapping[str, Any]) -> Role:
        try:
            held = [
                (Address(str(one["resource_type"]), str(one["resource_pattern"])), str(one["permission"]), one["id"])
                for one in row["permissions"]
            ]
            return Role(
                id=int(row["id"]),
                name=str(row["name"]),
                workspace=str(row["workspace"]),
                description=str(row.get("description") or ""),
                permissions={address: permission for address, permission, _number in held},
                rows={address: int(number) for address, _permission, number in held},
            )
        except (KeyError, TypeError, ValueError):
            raise NotMlflowError(f"GET {API_3}/roles/list answers 200 but not in MLflow's way", status=200) from None
