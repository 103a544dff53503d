# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which passwords are too weak, and which ones MLflow has shipped."""

from __future__ import annotations

from .errors import InvalidOptionsError

#: What 3.x demands (mlflow/utils/validation.py, _validate_password); we ask the same of 2.x, which does not.
SHORTEST = 12

#: The user that every MLflow creates unless it is configured otherwise.
SHIPPED_USERNAME = "admin"

#: Passwords of basic_auth.ini as shipped: the first up to 2.22 and in 3.0-3.5, the second up to 3.16.0
#: (https://github.com/advisories/GHSA-gq3w-7jj3-x7gr), newest last.
SHIPPED_PASSWORDS = ("password", "password1234")


def refuse_weak(password: str) -> None:
    """Refuse a password that a server should not have, before anything is sent.

    :raises InvalidOptionsError: it is shorter than :data:`SHORTEST` characters or known to everybody.
    """
    if password.casefold() in SHIPPED_PASSWORDS:
        raise InvalidOptionsError(
            "password is one that MLflow has shipped, which everybody knows", remedy="generate a random one"
        )
    if len(password) < SHORTEST:
        raise InvalidOptionsError(
            f"password has fewer than {SHORTEST} characters", remedy="generate a random one of 32 characters"
        )
    if len(set(password)) < 4:
        raise InvalidOptionsError(
            "password repeats fewer than 4 different characters", remedy="generate a random one of 32 characters"
        )


def narrow_warning(text: str, what: str = "password") -> str | None:
    """Why a name or a strong password is still a poor choice, or None.

    3.x decodes logins as ASCII on its FastAPI routes, which serve artifacts (mlflow/server/auth/__init__.py,
    _authenticate_fastapi_request; seen on 3.17.2): such a user logs in, but every upload answers 401.
    """
    if text.isascii():
        return None
    return (
        f"The {what} has characters that are not ASCII: MLflow 3.x accepts it, but not on its artifact routes, "
        "where every upload answers 401."
    )


def shipped_logins(username: str) -> list[tuple[str, str]]:
    """User names and passwords that must not work on any server that has a user ``username``."""
    names = dict.fromkeys([username, SHIPPED_USERNAME])
    return [(name, password) for name in names for password in SHIPPED_PASSWORDS]
