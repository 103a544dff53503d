# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a server has, as plain values: reads only."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

from .client import MlflowClient, ServerVersion, User
from .errors import InvalidOptionsError, NoSuchRouteError, NotFoundError
from .experiments import Experiments, shown_experiment
from .grants import Grants, Held
from .models import Models, shown_model
from .roles import Roles
from .users import Users

#: All that can be asked for, in the order in which it is read.
SUBJECTS = ("version", "users", "grants", "roles", "experiments", "registered_models")


def subjects(asked: Sequence[str] | None, server: ServerVersion, usernames: Sequence[str] | None) -> tuple[str, ...]:
    """What to read: what is asked for, or all that a server of this version can tell. Pure.

    :param usernames: the users to look at; 2.x cannot list them.
    :raises InvalidOptionsError: something is asked for by name that the server cannot tell.
    """
    name = f"MLflow {server.text or f'{server.generation}.x'}"
    cannot = {}
    if server.generation < 3:
        cannot["roles"] = (f"{name} has no roles", "remove roles from gather")
        if usernames is None:
            unlisted = (f"{name} cannot list its users", "give the names of the users as usernames")
            cannot |= {"users": unlisted, "grants": unlisted}
    if asked is None:
        return tuple(subject for subject in SUBJECTS if subject not in cannot)
    for subject in asked:
        if subject in cannot:
            message, remedy = cannot[subject]
            raise InvalidOptionsError(message, remedy=remedy)
    return tuple(subject for subject in SUBJECTS if subject in asked)


def _permissions(held: Held) -> list[dict[str, str]]:
    return [
        {"resource_type": address.resource_type, "resource_id": address.resource_id, "permission": permission}
        for address, permission in sorted(held.items())
    ]


class Info:
    """What one server has, seen by one user. All reads raise :class:`~.errors.MlflowError`.

    :param workspace: where grants and roles of 3.x are looked for; the client sends the same name with each request.
    :param usernames: the users to look at; None is all.
    """

    def __init__(self, client: MlflowClient, workspace: str | None, usernames: Iterable[str] | None) -> None:
        self._client = client
        self._workspace = workspace
        self._usernames = None if usernames is None else sorted(set(usernames))

    def gather(self, asked: Sequence[str] | None) -> dict[str, Any]:
        """The version, and each subject by its name.

        :param asked: subjects; None is all that the server has. Then a server that lacks the routes of one, such as
            those of users where it runs without logins, just has none.
        """
        server = self._client.version()
        found: dict[str, Any] = {"version": server.text, "generation": server.generation}
        read: Mapping[str, Callable[[], Any]] = {
            "users": self._users,
            "grants": self._grants,
            "roles": self._roles,
            "experiments": lambda: [shown_experiment(one) for one in Experiments(self._client).list()],
            "registered_models": lambda: [shown_model(one) for one in Models(self._client).list()],
        }
        for subject in subjects(asked, server, self._usernames):
            if subject not in read:
                continue
            try:
                found[subject] = read[subject]()
            except NoSuchRouteError:
                if asked is not None:
                    raise
        return found

    @cached_property
    def _accounts(self) -> list[User]:
        """The users to look at, without those that do not exist."""
        if self._usernames is None:
            return Users(self._client).list()
        found = []
        for name in self._usernames:
            try:
                found.append(self._client.get_user(name))
            except NotFoundError:
                continue
        return found

    def _users(self) -> list[dict[str, Any]]:
        return [{"id": user.id, "name": user.username, "is_admin": user.is_admin} for user in self._accounts]

    def _grants(self) -> list[dict[str, Any]]:
        grants = Grants(self._client, self._workspace)
        found = []
        for user in self._accounts:
            try:
                held = grants.explicit(user.username)
            except NotFoundError:  # deleted meanwhile
                continue
            found.append({"user": user.username, "permissions": _permissions(held)})
        return found

    def _roles(self) -> list[dict[str, Any]]:
        roles = Roles(self._client)
        found = []
        for role in roles.list(self._workspace):
            try:
                members = roles.members(role)
            except NotFoundError:  # deleted meanwhile
                continue
            found.append(
                {
                    "id": role.id,
                    "name": role.name,
                    "workspace": role.workspace,
                    "description": role.description,
                    "permissions": _permissions(role.permissions),
                    "members": sorted(members),
                }
            )
        return found
