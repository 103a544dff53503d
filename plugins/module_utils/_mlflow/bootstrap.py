# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes "the admin of this server is exactly this", from whatever state the server is in.

The password in MLflow's configuration counts at the first start only; afterwards a change is an API call
(mlflow/server/auth/__init__.py, update_user_password). So the server is asked which password it has.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from .client import MlflowClient, User
from .errors import BusyError, MlflowError, NoSuchRouteError, UnreachableError
from .http import NO_RETRY, Login
from .passwords import SHIPPED_PASSWORDS, shipped_logins
from .wait import Waiter

WANTED = "wanted"
PREVIOUS = "previous"
SHIPPED = "shipped"


class BootstrapError(MlflowError):
    """The server cannot be brought to the wanted admin from here."""


@dataclass(frozen=True)
class Candidate:
    """A password to try, and where it is from: :data:`WANTED`, :data:`PREVIOUS` or :data:`SHIPPED`."""

    origin: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Found:
    """The password that the server has now, and the user that it belongs to."""

    candidate: Candidate
    user: User

    @property
    def changes(self) -> bool:
        """Whether the server's password must be changed."""
        return self.candidate.origin != WANTED


def candidates(wanted: str, previous: Iterable[str]) -> Iterator[Candidate]:
    """Passwords in the order to try them, none twice: wanted, previous (newest first), shipped.

    The likely one comes first, so that a settled server sees one successful login and no failed one.
    ``previous`` is read only as far as needed.
    """
    seen = {""}
    sources: list[tuple[str, Iterable[str]]] = [(WANTED, [wanted]), (PREVIOUS, previous), (SHIPPED, SHIPPED_PASSWORDS)]
    for origin, passwords in sources:
        for password in passwords:
            if password not in seen:
                seen.add(password)
                yield Candidate(origin, password)


class AdminBootstrap:
    """One server and the admin that it should have.

    :param client: to the server; its own login is not used.
    :param wanted: the admin's login as it should be.
    :param previous: passwords that the admin may have now, newest first.
    :param connections: on how many new connections the login is checked at the end, so that every task
        behind a load balancer is likely to be met.
    """

    def __init__(
        self, client: MlflowClient, wanted: Login, previous: Iterable[str], waiter: Waiter, *, connections: int
    ) -> None:
        self._client = client.as_user(None, retry=NO_RETRY)
        self._wanted = wanted
        self._previous = previous
        self._waiter = waiter
        self._connections = connections
        self._client.transport.learn(wanted)

    def find(self) -> Found:
        """Which password the server has. Changes nothing.

        :raises BootstrapError: none of the known ones, or the user is no admin any more.
        """
        self._waiter.until(self._client.health)
        tried = 0
        for candidate in candidates(self._wanted.password, self._previous):
            tried += 1
            user = self._accepts(Login(self._wanted.username, candidate.password))
            if user is None:
                continue
            if not user.is_admin:
                raise BootstrapError(
                    f"{user.username} logs in but is no admin any more, and cannot make itself one",
                    remedy="let another admin set it with users/update-admin, or set is_admin in the auth database",
                )
            return Found(candidate, user)
        raise BootstrapError(
            f"none of the {tried} known passwords logs in as {self._wanted.username}",
            remedy="give the password that the server has as one of previous_passwords, or store it in the secret "
            "secret_id as the current version, with this user name, and run again. A server of 3.16.1 or newer that "
            "still has a shipped password refuses it: start it once with MLFLOW_AUTH_ADMIN_PASSWORD set. "
            "Check also that the user exists",
        )

    def change(self, found: Found) -> bool:
        """Give the admin the wanted password; True where this call did it.

        A change whose answer was lost may have happened, and another run may have been first: so after any
        failure the wanted password is tried before the change is.
        """

        def once() -> bool:
            current = Login(self._wanted.username, found.candidate.password)
            try:
                self._client.as_user(current).update_password(
                    self._wanted.username, self._wanted.password, current_password=current.password
                )
            except MlflowError as error:
                if self._accepts(self._wanted) is None:
                    raise
                # A lost answer was to our change; a refusal means that another run was first.
                return isinstance(error, (UnreachableError, BusyError))
            return True

        return self._waiter.until(once)

    def verify(self) -> None:
        """Check that the wanted login works on every connection and that no shipped one works anywhere.

        :raises BootstrapError: a connection refuses the login, or a shipped password is still accepted when
            the wait is over (a server's login cache may accept it for its time to live).
        """
        refused = sum(1 for _attempt in range(self._connections) if self._accepts(self._wanted) is None)
        if refused:
            raise BootstrapError(
                f"{refused} of {self._connections} new connections refuse the login of {self._wanted.username}",
                remedy="the tasks behind this address do not share one auth database: check database_uri of each",
            )
        for username, password in shipped_logins(self._wanted.username):
            while self._accepts(Login(username, password)):
                if not self._waiter.again():
                    raise BootstrapError(
                        f"user {username} still has a login that MLflow has shipped",
                        remedy="change or delete that user; where it was just changed, wait for the login cache",
                    )

    def _accepts(self, login: Login) -> User | None:
        try:
            return self._waiter.until(lambda: self._client.accepts(login))
        except NoSuchRouteError:
            raise BootstrapError(
                "the server has no users: it runs without basic-auth, or is no MLflow",
                remedy="start it with --app-name basic-auth, and check the url",
            ) from None
