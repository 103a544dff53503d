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
from typing import Any

from flask import Response, make_response, request
from mlflow.server import auth
from mlflow.server.auth.db.models import SqlUser
from werkzeug.datastructures import Authorization
from werkzeug.security import check_password_hash, generate_password_hash

from mlflow_aws.guesses import Guesses, client_address
from mlflow_aws.login_cache import CAPACITY, LoginCache
from mlflow_aws.rights import forwarded_for

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


def _login() -> Authorization | None:
    """The login that the request carries, when it is a basic one."""
    if request.path.startswith(GATEWAY_PREFIX) and request.headers.get(GATEWAY_HEADER):
        return Authorization.from_header(request.headers[GATEWAY_HEADER])
    return request.authorization


def _verified() -> Authorization | float | None:
    """The login of the request when it is right, none when it is not, or the seconds after which it may be tried."""
    login = _login()
    if login is None or login.type != "basic" or login.username is None or login.password is None:
        return None
    username, password = str(login.username), str(login.password)
    stored_hash, is_admin = _stored(username) or (_NOBODY, False)
    tried = _cache.login(username, password, stored_hash)
    verdict = _cache.verdict(tried)
    if verdict is None or verdict is True:
        address = client_address(forwarded_for(), request.remote_addr or "")
        # Who is told to wait must not learn by a known login that its password was right.
        seconds = _guesses.wait(tried.user, address) if verdict else _guesses.begin(tried.user, address, tried.password)
        if seconds:
            return seconds
        if verdict is None:
            verdict = False
            try:
                verdict = _cache.verify(tried, password)
            finally:
                _guesses.end(tried.user, address, tried.password, verdict)
    return login if verdict and not (is_admin and password in SHIPPED_PASSWORDS) else None


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
    login: Authorization | float | None = remembered[_VERDICT]
    if isinstance(login, float):
        return _come_again(login)
    return login if login is not None else auth.make_basic_auth_response()
