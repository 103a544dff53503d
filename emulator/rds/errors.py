# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors of the RDS API that moto lacks or words otherwise.

https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/CommonErrors.html and the "Errors" of
each action; the texts are those that AWS answers.
"""

from __future__ import annotations

from moto.rds.exceptions import InvalidParameterCombination, InvalidParameterValue, RDSClientError

__all__ = [
    "InvalidDBInstanceState",
    "InvalidDBSnapshotState",
    "InvalidParameterCombination",
    "InvalidParameterValue",
    "InvalidRestore",
    "PointInTimeRestoreNotEnabled",
]


class InvalidDBInstanceState(RDSClientError):
    """The instance is not in a state in which the action is allowed."""

    def __init__(self, message: str) -> None:
        super().__init__("InvalidDBInstanceState", message)


class InvalidDBSnapshotState(RDSClientError):
    """The snapshot is not in a state in which the action is allowed."""

    def __init__(self, message: str) -> None:
        super().__init__("InvalidDBSnapshotState", message)


class PointInTimeRestoreNotEnabled(RDSClientError):
    """The source instance keeps no backups (BackupRetentionPeriod 0)."""

    def __init__(self, message: str) -> None:
        super().__init__("PointInTimeRestoreNotEnabled", message)


class InvalidRestore(RDSClientError):
    """The source cannot be restored as asked."""

    def __init__(self, message: str) -> None:
        super().__init__("InvalidRestoreFault", message)
