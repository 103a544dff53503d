# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users of a server: what is, what should be, and the calls that lead there.

Routes: mlflow/server/auth/__init__.py of 2.18.0, 2.22.5 and 3.17.2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from .client import API, MlflowClient, User
from .errors import InvalidOptionsError, NotFoundError, NotMlflowError
from .grants import Address, Grants
from .http import Login
from .reconcile import Plan


@dataclass(frozen=True)
class UserState:
    """A user as the server has it.

    :param accepts: whether the wanted password logs in; None where that was not asked.
    :param admins: names of all admins, where the server lists its users (3.x).
    :param grants: what 2.x keeps for the user, which must go before the user can.
    """

    user: User
    accepts: bool | None = None
    admins: frozenset[str] | None = None
    grants: frozenset[Address] = frozenset()


@dataclass(frozen=True)
class WantedUser:
    """A user as it should be.

    :param password: None leaves it alone.
    :param is_admin: None leaves it alone; a new user is none.
    """

    name: str
    present: bool = True
    password: str | None = field(default=None, repr=False)
    is_admin: bool | None = None


@dataclass(frozen=True)
class CreateUser:
    """Create the user with the wanted password."""

    name: str

    def says(self) -> str:
        """The write in words."""
        return f"create user {self.name}"


@dataclass(frozen=True)
class SetPassword:
    """Give the user the wanted password."""

    name: str

    def says(self) -> str:
        """The write in words."""
        return f"set the password of user {self.name}"


@dataclass(frozen=True)
class SetAdmin:
    """Make the user an admin, or a plain user."""

    name: str
    is_admin: bool

    def says(self) -> str:
        """The write in words."""
        return f"make user {self.name} {'an admin' if self.is_admin else 'a plain user'}"


@dataclass(frozen=True)
class RevokeBeforeDeletion:
    """Remove a grant of 2.x, whose database keeps a user that still has one."""

    name: str
    address: Address

    def says(self) -> str:
        """The write in words."""
        return f"revoke {self.address} from user {self.name}"


@dataclass(frozen=True)
class DeleteUser:
    """Delete the user."""

    name: str

    def says(self) -> str:
        """The write in words."""
        return f"delete user {self.name}"


UserAction: TypeAlias = "CreateUser | SetPassword | SetAdmin | RevokeBeforeDeletion | DeleteUser"


def plan_user(current: UserState | None, wanted: WantedUser, asking: str | None) -> Plan[UserState | None]:
    """What to do so that the user is as wanted. Pure.

    :param asking: the user who asks. Since only an admin may delete or demote, and nobody may do that to
        himself, an admin always stays.
    :raises InvalidOptionsError: the server would be left without an admin, or a new user without a password.
    """
    if not wanted.present:
        if current is None:
            return Plan((), None)
        _refuse_lockout(current, wanted.name, asking, "deleted")
        revoked = [RevokeBeforeDeletion(wanted.name, address) for address in sorted(current.grants)]
        return Plan((*revoked, DeleteUser(wanted.name)), None)
    if current is None:
        if wanted.password is None:
            raise InvalidOptionsError(
                f"user {wanted.name} does not exist, and no password is given to create it with",
                remedy="give user_password or user_secret_id",
            )
        made = UserState(User(0, wanted.name, bool(wanted.is_admin)), accepts=True)
        promoted = (SetAdmin(wanted.name, True),) if wanted.is_admin else ()
        return Plan((CreateUser(wanted.name), *promoted), made)
    actions: list[UserAction] = []
    after = current
    if current.accepts is False:
        actions.append(SetPassword(wanted.name))
        after = replace(after, accepts=True)
    if wanted.is_admin is not None and wanted.is_admin != current.user.is_admin:
        if not wanted.is_admin:
            _refuse_lockout(current, wanted.name, asking, "made a plain user")
        actions.append(SetAdmin(wanted.name, wanted.is_admin))
        after = replace(after, user=replace(after.user, is_admin=wanted.is_admin))
    return Plan(tuple(actions), after)


def _refuse_lockout(current: UserState, name: str, asking: str | None, done: str) -> None:
    if name == asking:
        raise InvalidOptionsError(
            f"user {name} is the one who asks, and cannot be {done} by itself", remedy="log in as another admin"
        )
    if current.user.is_admin and asking is None and current.admins is None:
        # 2.x lists no users, and a token has no name.
        raise InvalidOptionsError(
            f"user {name} is an admin, maybe the last one or the one who asks, and cannot be {done} with a token",
            remedy="log in with the username and password of another admin",
        )
    if current.user.is_admin and current.admins is not None and current.admins <= {name}:
        raise InvalidOptionsError(
            f"user {name} is the last admin, and cannot be {done}", remedy="make another user an admin first"
        )


class Users:
    """The users of one server, seen by one who may manage them.

    All methods raise :class:`~.errors.MlflowError`.

    :param client: with the login of an admin.
    """

    def __init__(self, client: MlflowClient) -> None:
        self._client = client

    def list(self) -> list[User]:
        """All users, by name. 3.x only: 2.x has no such route."""
        said = self._client.call("GET", f"{API}/users/list")
        try:
            users = [User(int(one["id"]), str(one["username"]), bool(one["is_admin"])) for one in said["users"]]
        except (KeyError, TypeError, ValueError):
            raise NotMlflowError(f"GET {API}/users/list answers 200 but not in MLflow's way", status=200) from None
        return sorted(users, key=lambda user: user.username)

    def read(self, wanted: WantedUser, *, try_password: bool) -> UserState | None:
        """The user that ``wanted`` names, or None.

        :param try_password: whether to log in with the wanted password, to see whether it is set already.
        """
        try:
            user = self._client.get_user(wanted.name)
        except NotFoundError:
            return None
        accepts = None
        if try_password and wanted.present and wanted.password is not None:
            accepts = self._client.accepts(Login(wanted.name, wanted.password)) is not None
        listed = self._client.version().generation >= 3
        admins = frozenset(one.username for one in self.list() if one.is_admin) if listed and user.is_admin else None
        grants: frozenset[Address] = frozenset()
        if not wanted.present and not listed:
            grants = frozenset(Grants(self._client).explicit(wanted.name))
        return UserState(user, accepts, admins, grants)

    def applier(self, wanted: WantedUser) -> Callable[[UserAction], None]:
        """Makes the writes of a plan for ``wanted``."""

        def apply(action: UserAction) -> None:
            match action:
                case CreateUser():
                    self._create(action.name, wanted.password or "")
                case SetPassword():
                    self._set_password(action.name, wanted.password or "")
                case SetAdmin():
                    payload = {"username": action.name, "is_admin": action.is_admin}
                    self._client.call("PATCH", f"{API}/users/update-admin", payload=payload, repeatable=True)
                case RevokeBeforeDeletion():
                    Grants(self._client).revoke(action.name, action.address)
                case DeleteUser():
                    self._client.call("DELETE", f"{API}/users/delete", payload={"username": action.name})

        return apply

    def _create(self, name: str, password: str) -> None:
        self._client.transport.redactor.add(password)
        self._client.call("POST", f"{API}/users/create", payload={"username": name, "password": password})

    def _set_password(self, name: str, password: str) -> None:
        """3.x wants the old password of who changes his own, and his next request needs the new one."""
        login = self._client.transport.login
        own = isinstance(login, Login) and login.username == name
        self._client.update_password(
            name, password, current_password=login.password if own and isinstance(login, Login) else None
        )
        if own:
            self._client.transport.login = Login(name, password)
