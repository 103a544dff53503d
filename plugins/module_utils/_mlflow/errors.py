# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong between us and an MLflow server: a short tree, raised by the client, caught in ``main()``.

Every error carries a message that is free of credentials, a remedy, and whether waiting may help.
"""

from __future__ import annotations


def sentences(message: str, remedy: str) -> str:
    """What happened and what to do about it, in one text."""
    return f"{message.rstrip('.')}. {remedy[0].upper()}{remedy[1:]}" if remedy else message


class MlflowError(Exception):
    """The root of the tree.

    :param message: what happened, free of credentials.
    :param remedy: what a person can do about it.
    :param transient: a later attempt may succeed (the server starts, restarts or is overloaded).
    :param status: the HTTP status of the answer, None where there was none.
    :param code: MLflow's ``error_code``, such as ``RESOURCE_DOES_NOT_EXIST``.
    """

    def __init__(
        self,
        message: str,
        *,
        remedy: str = "",
        transient: bool = False,
        status: int | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.transient = transient
        self.status = status
        self.code = code

    def __str__(self) -> str:
        return sentences(self.message, self.remedy)


class InvalidOptionsError(MlflowError):
    """The caller's options contradict each other or are refused before any request."""


class UnreachableError(MlflowError):
    """No HTTP answer came: DNS, refused, timed out, dropped.

    :param unsent: the request certainly never reached a server, so that even a write may be repeated.
    """

    def __init__(self, message: str, *, remedy: str = "", transient: bool = True, unsent: bool = False) -> None:
        super().__init__(message, remedy=remedy, transient=transient)
        self.unsent = unsent


class TlsError(UnreachableError):
    """The TLS handshake failed: unknown authority, wrong name, no TLS on that port."""


class BusyError(MlflowError):
    """429, 502, 503 or 504: a server, or the load balancer before it, cannot answer now."""


class NotMlflowError(MlflowError):
    """Something answered, but not MLflow: a redirect, a proxy's login page, another web server."""


class NoSuchRouteError(NotMlflowError):
    """404 without MLflow's own error body: this server, or this version of MLflow, has no such route."""


class AuthenticationError(MlflowError):
    """401: no login, or one that the server does not accept."""


class ForbiddenError(MlflowError):
    """403: the login is right but not allowed to, or the Host or Origin header is refused."""


class ApiError(MlflowError):
    """MLflow answered with an error of its own."""


class NotFoundError(ApiError):
    """``RESOURCE_DOES_NOT_EXIST``."""


class AlreadyExistsError(ApiError):
    """``RESOURCE_ALREADY_EXISTS``."""
