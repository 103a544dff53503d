# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the statuses of an RDS instance mean."""

from __future__ import annotations

#: Statuses in which an instance accepts connections (RDS user guide, "Viewing Amazon RDS DB instance status").
ACCEPTS_CONNECTIONS = frozenset(
    {
        "available",
        "backing-up",
        "configuring-enhanced-monitoring",
        "configuring-iam-database-auth",
        "configuring-log-exports",
        "modifying",
        "storage-config-upgrade",
        "storage-initialization",
        "storage-optimization",
    }
)

#: In the refusal of RDS (InvalidParameterCombination of ModifyDBInstance, hashicorp/terraform-provider-aws#12493).
_STORAGE_KEPT = "previous storage change is being optimized"


def storage_kept(said: str) -> str | None:
    """What to do when RDS takes no change of the storage so soon after the last one; None for any other failure.

    RDS user guide, "Increasing DB instance storage capacity": six hours, or until the optimization is over.

    :param said: the message of a module, with what AWS answered.
    """
    if _STORAGE_KEPT not in said:
        return None
    return (
        "RDS takes no other change of the storage for six hours after the last one (its own growth is one, too), and "
        "until it has optimized it, whichever is longer: set rds_allocated_storage and rds_storage_type back to what "
        "the database has and run the same command again, or run it again later. It goes on from what this run has "
        "made."
    )
