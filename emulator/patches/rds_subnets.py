# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Patches of RDS: subnet groups."""

from __future__ import annotations

from typing import Any

from moto.rds.exceptions import DBSubnetGroupNotFoundError
from moto.rds.models import DBSubnetGroup, RDSBackend

from emulator.patches.patching import around


def modified_groups_stay() -> None:
    """ModifyDBSubnetGroup changes a group and leaves it where it is; an unknown one is not found.

    https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBSubnetGroup.html
    """

    @around(RDSBackend, "modify_db_subnet_group")
    def modify(original: Any, self: RDSBackend, subnet_name: str, *args: Any, **kwargs: Any) -> DBSubnetGroup:
        if subnet_name not in self.subnet_groups:
            raise DBSubnetGroupNotFoundError(subnet_name)
        group: DBSubnetGroup = original(self, subnet_name, *args, **kwargs)
        self.subnet_groups[subnet_name] = group
        return group


PATCHES = (modified_groups_stay,)
