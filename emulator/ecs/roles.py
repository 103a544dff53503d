# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the two roles of a task may do."""

from __future__ import annotations

from emulator import identity
from emulator.ecs.errors import LaunchFailure, access_denied


def check_assumable(*role_arns: str | None) -> None:
    """Check that ECS can act as each of ``role_arns``; None stands for no role.

    :raises LaunchFailure: when a role is not there or does not trust ``ecs-tasks.amazonaws.com``.
    """
    for role_arn in filter(None, role_arns):
        try:
            identity.check_service_role(role_arn)
        except identity.RoleNotAssumable as error:
            raise LaunchFailure(str(error)) from None


def denial(role_arn: str | None, session: str, action: str, resource: str) -> str | None:
    """AWS's sentence when ``role_arn`` may not do ``action`` on ``resource``, None when it may."""
    if role_arn is None:
        return "NoCredentialProviders: no valid providers in chain"
    if identity.authorised(role_arn, action, resource):
        return None
    return access_denied(role_arn, session, action, resource)
