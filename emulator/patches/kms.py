# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Patches of KMS."""

from __future__ import annotations

from typing import Any

from moto.kms.models import KmsBackend

from emulator.patches.patching import around


def deletion_by_arn() -> None:
    """ScheduleKeyDeletion takes the ARN of a key, too.

    https://docs.aws.amazon.com/kms/latest/APIReference/API_ScheduleKeyDeletion.html (KeyId)
    """

    @around(KmsBackend, "schedule_key_deletion")
    def schedule_key_deletion(original: Any, self: KmsBackend, key_id: str, pending_window_in_days: int) -> Any:
        return original(self, self.get_key_id(key_id), pending_window_in_days)


PATCHES = (deletion_by_arn,)
