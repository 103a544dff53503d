# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role rds wants beside what stands in its variables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_STACK_TAG = "mlflow:stack"


def wanted_groups(
    wanted: Mapping[str, Mapping[str, Any]], current: Mapping[str, Mapping[str, Any]], stack: str
) -> dict[str, Mapping[str, Any] | None]:
    """The DB parameter groups of a stack: that of its major version, and none of a former one (None).

    What another DB instance uses, such as a copy of the database from before an upgrade, stays.

    :param wanted: the group that the database shall have, by its name.
    :param current: the groups of the database's name, with ``_used_by``.
    """
    former = {
        name: None
        for name, row in current.items()
        if name not in wanted and row["tags"].get(_STACK_TAG) == stack and not row["_used_by"]
    }
    return {**wanted, **former}
