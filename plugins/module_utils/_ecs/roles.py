# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a refusal can be IAM's delay: only where a role, or what it may do, was changed a moment ago.

IAM User Guide, "Troubleshooting IAM: Changes that I make are not always immediately visible".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from .._transient import IAM_PROPAGATION, START_DENIED

#: Seconds between two attempts to start a task that was denied its rights.
BETWEEN_ATTEMPTS = 10.0
STILL_DENIED = (
    f"It was tried again for {IAM_PROPAGATION.seconds} s, in case IAM had not made the role's rights known yet: the"
    f" role"
    " lacks them. Compare its policies with the message above."
)


class NewRoles:
    """Knows which roles are new.

    :param client_for: gives a boto3 IAM client, wrapped by :class:`RetryingBotoClientWrapper`; called when needed.
    :param changed: the caller has just changed the roles or their policies. A policy's age cannot be read.
    """

    def __init__(
        self,
        client_for: Callable[[], Any],
        *,
        changed: bool = False,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._client_for = client_for
        self._changed = changed
        self._now = now

    def among(self, arns: Iterable[str | None], before: datetime | None = None) -> bool:
        """Whether one of the roles was changed, or made in the two minutes before a moment.

        :param arns: ARNs of roles; None stands for no role.
        :param before: the moment; None is now.
        """
        if self._changed:
            return True
        moment = before or self._now()
        return any(self._age(arn, moment) <= IAM_PROPAGATION.seconds for arn in arns if arn)

    def _age(self, arn: str, moment: datetime) -> float:
        """Seconds from a role's creation to ``moment``. What cannot be read is old: a refusal is then told at once."""
        try:
            role = self._client_for().get_role(RoleName=arn.rsplit("/", 1)[-1], aws_retry=True)["Role"]
        except Exception as error:
            # IAM itself may not find a role that was made a moment ago.
            return 0.0 if "NoSuchEntity" in str(error) else float("inf")
        return float((moment - role["CreateDate"]).total_seconds())


def no_new_roles() -> NewRoles:
    """For callers that cannot ask IAM: every role is old."""

    def denied() -> Any:
        raise PermissionError("no IAM client")

    return NewRoles(denied)


def roles_of(definition: dict[str, Any]) -> list[str | None]:
    """The roles that a task definition names."""
    return [definition.get("executionRoleArn"), definition.get("taskRoleArn")]


def denied_at_start(task: dict[str, Any]) -> bool:
    """Whether a stopped task never ran because its role was denied something, or could not be assumed.

    :param task: has ``stop_code`` and ``stopped_reason``, as :meth:`TaskReport.as_result` returns them.
    """
    return task.get("stop_code") == "TaskFailedToStart" and START_DENIED.matches(str(task.get("stopped_reason")))
