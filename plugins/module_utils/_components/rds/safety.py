# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a database of MLflow must not be, for the proof and for the checks before a database of one's own is used."""

from __future__ import annotations


def unsafe(encrypted: bool, public: bool, backup_days: int) -> list[tuple[str, str]]:
    """What is wrong with the settings of a DB instance, and the remedy of each.

    :param encrypted: StorageEncrypted of DescribeDBInstances.
    :param public: PubliclyAccessible.
    :param backup_days: BackupRetentionPeriod, in days.
    """
    rules = (
        (not encrypted, "is not encrypted", "restore an encrypted copy of its snapshot, and name that"),
        (public, "is open to the internet", "take its public address away"),
        (not backup_days, "has no automated backups", "have RDS keep some days of them"),
    )
    return [(wrong, remedy) for is_wrong, wrong, remedy in rules if is_wrong]
