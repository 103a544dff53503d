# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Patches of CloudFormation."""

from __future__ import annotations

from typing import Any

from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.responses import CloudFormationResponse

from emulator.patches.patching import around


def unchanged_stacks_refuse_an_update() -> None:
    """UpdateStack with the same template and no parameters says that there is nothing to update.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_UpdateStack.html
    """

    @around(CloudFormationResponse, "_validate_different_update")
    def validate(original: Any, self: CloudFormationResponse, parameters: Any, body: str, stack: Any) -> None:
        if body and not parameters and stack.template == body:
            raise ValidationError(stack.name, message="No updates are to be performed.")
        original(self, parameters, body, stack)


PATCHES = (unchanged_stacks_refuse_an_update,)
