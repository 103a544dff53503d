# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""MLflow's basic authentication, with the cost of scrypt paid once a password, and with a limit to guessing.

MLflow verifies a password several times a request at about 80 ms each. Here the stored hash is read
from the database once a request, and the verdict "this password belongs to this hash" is remembered
in the process. The hash is part of the key: as soon as a password is changed, or its user deleted,
on whatever task, the next request on every task is refused. A revoked password works for 0 seconds.

A wrong password costs one scrypt for known and unknown users alike, so that time tells nobody which
users exist. How many may be tried: :mod:`mlflow_aws.guesses`.
"""

from __future__ import annotations

import math
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Response, make_response, request
from mlflow.server import auth
from mlflow.server.auth.db.models import SqlUser
from werkzeug.datastructures import Authorization
from werkzeug.security import check_password_hash, generate_password_hash

from mlflow_aws.early_login import Unverified
from mlflow_aws.guesses import Guesses, client_address
from mlflow_aws.login_cache import CAPACITY, Login, LoginCache
from mlflow_aws.rights import forwarded_for, scope_state

#: Passwords that MLflow has shipped for its first admin: never accepted for an admin.
SHIPPED_PASSWORDS = frozenset(("password", "password1234"))
#: Coding agents send their provider's key as Authorization and MLflow's login in this header.
GATEWAY_PREFIX, GATEWAY_HEADER = "/gateway/", "X-MLflow-Authorization"
_VERDICT = "mlflow_aws.login"

_cache = LoginCache(check_password_hash, CAPACITY if os.environ.get("MLFLOW_AWS_LOGIN_CACHE") != "false" else 0)
_guesses = Guesses()
#: What the password of an unknown user is compared with: the same work, never a match.
_NOBODY = generate_password_hash(secrets.token_urlsafe(32))


def _stored(username: str) -> tuple[str, bool] | None:
    """The stored hash of ``username`` and whether it is an admin, as the database has them now."""
    if "\0" in username:  # PostgreSQL has no such text
        return None
    with auth.store.ManagedSessionMaker() as session:
        row = session.query(SqlUser.password_hash, SqlUser.is_admin).filter(SqlUser.username == username).one_or_none()
    return None if row is None else (row[0], bool(row[1]))


def _login_of(path: str, header: Callable[[str], str | None]) -> Authorization | None:
    """The basic login that a request carries.

    :param header: answers the value of a header.
    """
    text = (path.startswith(GATEWAY_PREFIX) and header(GATEWAY_HEADER)) or header("Authorization")
    login = Authorization.from_header(text)
    if login is None or login.type != "basic" or login.username is None or login.password is None:
        return None
    return login


#: A login that is right, none that is not, or the seconds after which it may be tried.
Verdict = Authorization | float | None


@dataclass(frozen=True)
class Password(Unverified):
    """A password that nobody has verified yet, and that :meth:`verify` must."""

    login: Authorization
    tried: Login
    address: str
    is_admin: bool

    def verify(self) -> Verdict:
        """Verify it, at the cost of one scrypt."""
        right = False
        try:
            right = _cache.verify(self.tried, str(self.login.password))
        finally:
            _guesses.end(self.tried.user, self.address, self.tried.password, right)
        return _admitted(self.login, right, self.is_admin)


def _admitted(login: Authorization, right: bool, is_admin: bool) -> Authorization | None:
    return login if right and not (is_admin and login.password in SHIPPED_PASSWORDS) else None


def examine(login: Authorization, address: str, busy: float = 0) -> Verdict | Password:
    """What is known about a login, out of the database and of memory.

    :param address: of the client.
    :param busy: seconds after which to come again where the password would have to be verified; 0: it may be now.
    """
    username = str(login.username)
    stored_hash, is_admin = _stored(username) or (_NOBODY, False)
    tried = _cache.login(username, str(login.password), stored_hash)
    right = _cache.verdict(tried)
    if right is False:
        return None
    if right or busy:
        # Who is told to wait must not learn by a known login that its password was right.
        seconds = _guesses.wait(tried.user, address) or (0 if right else busy)
    else:
        seconds = _guesses.begin(tried.user, address, tried.password)
    if seconds:
        return seconds
    return _admitted(login, True, is_admin) if right else Password(login, tried, address, is_admin)


def examine_early(scope: Any, busy: float) -> Verdict | Password:
    """:func:`examine` of an ASGI request, before MLflow sees it; its outcome is for :func:`authenticate`."""
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in reversed(scope["headers"])}
    login = _login_of(scope["path"], lambda name: headers.get(name.lower()))
    if login is None or auth.is_unprotected_route(scope["path"]):
        return None
    verdict = examine(login, client_address(forwarded_for(), (scope.get("client") or ("",))[0]), busy)
    scope["state"][_VERDICT] = (login, verdict)
    return verdict


def keep_early(scope: Any, verdict: Verdict) -> None:
    """Remember what came out of a :class:`Password` of :func:`examine_early`."""
    scope["state"][_VERDICT] = (scope["state"][_VERDICT][0], verdict)


def _verified() -> Verdict:
    """The verdict on the login of Flask's current request."""
    login = _login_of(request.path, request.headers.get)
    if login is None:
        return None
    early, verdict = scope_state().get(_VERDICT, (None, None))
    # The same header may be read in two ways where it was sent twice.
    if early is None or early.parameters != login.parameters or isinstance(verdict, Password):
        verdict = examine(login, client_address(forwarded_for(), request.remote_addr or ""))
    return verdict.verify() if isinstance(verdict, Password) else verdict


def _come_again(seconds: float) -> Response:
    """429: MLflow's own client waits as long as it says, and tries again."""
    response = make_response("Too many wrong passwords. Please try again later.", 429)
    response.headers["Retry-After"] = str(math.ceil(seconds))
    return response


def authenticate() -> Authorization | Response:
    """MLflow's ``authorization_function``: the login of the request, or MLflow's own 401 answer, or 429.

    MLflow calls it several times a request; the database is asked the first time.
    """
    remembered: Any = request.environ
    if _VERDICT not in remembered:
        remembered[_VERDICT] = _verified()
    login: Verdict = remembered[_VERDICT]
    if isinstance(login, float):
        return _come_again(login)
    return login if login is not None else auth.make_basic_auth_response()
