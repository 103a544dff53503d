# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fast logins: MLflow's basic authentication with the cost of scrypt paid once a password, not a request.

MLflow verifies a password several times a request at about 80 ms each. Here the stored hash is read
from the database once a request, and the verdict "this password belongs to this hash" is remembered
in the process. The hash is part of the key: as soon as a password is changed, or its user deleted,
on whatever task, the next request on every task is refused. A revoked password works for 0 seconds.

Only successes are remembered: a wrong password costs one scrypt for known and unknown users alike,
so that time tells nobody which users exist.
"""

from __future__ import annotations

import secrets
from typing import Any

from flask import Response, request
from mlflow.server import auth
from mlflow.server.auth.db.models import SqlUser
from werkzeug.datastructures import Authorization
from werkzeug.security import check_password_hash, generate_password_hash

from mlflow_aws.login_cache import LoginCache

#: Passwords that MLflow has shipped for its first admin: never accepted for an admin.
SHIPPED_PASSWORDS = frozenset(("password", "password1234"))
#: Coding agents send their provider's key as Authorization and MLflow's login in this header.
GATEWAY_PREFIX, GATEWAY_HEADER = "/gateway/", "X-MLflow-Authorization"
_VERDICT = "mlflow_aws.login"


_cache = LoginCache(check_password_hash)
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


def _verified() -> Authorization | None:
    login = _login()
    if login is None or login.type != "basic" or login.username is None or login.password is None:
        return None
    username, password = str(login.username), str(login.password)
    stored = _stored(username)
    if stored is None:
        check_password_hash(_NOBODY, password)
        return None
    stored_hash, is_admin = stored
    if not _cache.is_valid(username, password, stored_hash) or (is_admin and password in SHIPPED_PASSWORDS):
        return None
    return login


def authenticate() -> Authorization | Response:
    """MLflow's ``authorization_function``: the login of the request, or MLflow's own 401 answer.

    MLflow calls it several times a request; the database is asked the first time.
    """
    remembered: Any = request.environ
    if _VERDICT not in remembered:
        remembered[_VERDICT] = _verified()
    login: Authorization | None = remembered[_VERDICT]
    return login if login is not None else auth.make_basic_auth_response()
