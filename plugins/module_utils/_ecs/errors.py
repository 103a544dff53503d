# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ECS modules raise. Clients and planners never end a module: only its ``main()`` catches these."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.errors import AWSErrorHandler
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError

P = ParamSpec("P")
R = TypeVar("R")


class EcsError(AnsibleAWSError):  # type: ignore[misc]  # amazon.aws is not typed
    """A call to AWS failed; ``exception`` is botocore's own."""


class EcsFailure(EcsError):
    """The calls worked, but what was started did not: a task failed, or a service is not steady.

    ``kwargs`` holds what the module returns beside the message.
    """

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message=message, **details)


class EcsErrorHandler(AWSErrorHandler):  # type: ignore[misc]  # amazon.aws is not typed
    """Turns botocore's errors into :class:`EcsError`, saying what was being done."""

    _CUSTOM_EXCEPTION = EcsError

    @classmethod
    def _is_missing(cls) -> Any:
        return is_boto3_error_code(
            [
                "ClusterNotFoundException",
                "ObjectNotFoundException",
                "ServiceNotFoundException",
                "ResourceNotFoundException",
            ]
        )


def aws_action(description: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorates a client method: an AWS error becomes "Failed to <description>"."""
    return cast(Callable[[Callable[P, R]], Callable[P, R]], EcsErrorHandler.common_error_handler(description))


def aws_lookup(description: str, default: Any = None) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Like :func:`aws_action`; something that does not exist yields ``default``."""
    return cast(Callable[[Callable[P, R]], Callable[P, R]], EcsErrorHandler.list_error_handler(description, default))
