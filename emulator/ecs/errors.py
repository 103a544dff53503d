# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stops a task before it runs, and what the API refuses."""

from __future__ import annotations

from moto.core.exceptions import ServiceException


class StartFailure(Exception):
    """The task cannot start; the message is its ``stoppedReason`` on AWS.

    :param container: name of the container whose ``reason`` this is, when it is one container's fault.
    """

    def __init__(self, reason: str, container: str | None = None) -> None:
        super().__init__(reason)
        self.container = container


class LaunchFailure(Exception):
    """The task cannot even be placed; a service says so in an event, RunTask in an error."""


class EcsError(ServiceException):
    """An error of the ECS API.

    :param code: the error code, a shape of the ECS model such as ``ClientException``.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)


def client_error(message: str) -> EcsError:
    """A ``ClientException``."""
    return EcsError("ClientException", message)


def invalid_parameter(message: str) -> EcsError:
    """An ``InvalidParameterException``."""
    return EcsError("InvalidParameterException", message)


def access_denied(role_arn: str, session: str, action: str, resource: str) -> str:
    """The sentence of AWS for a call that the policies of ``role_arn`` do not allow.

    Source: IAM user guide, "Troubleshoot access denied error messages".
    """
    prefix, _, name = role_arn.partition(":role/")
    account = prefix.rsplit(":", 1)[-1]
    partition = role_arn.split(":")[1]
    user = f"arn:{partition}:sts::{account}:assumed-role/{name.rsplit('/', 1)[-1]}/{session}"
    return (
        f"AccessDeniedException: User: {user} is not authorized to perform: {action} on resource: {resource} "
        f"because no identity-based policy allows the {action} action"
    )
