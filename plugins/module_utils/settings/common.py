# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the readers of settings share: where they read, and the names by which resources refer to each other.

An inventory knows a subnet by its block and a security group by its name, long before either has an id. So settings
name resources in the same way, and two stacks can be compared that have nothing but names in common.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils.stack.names import StackNames
from ansible_collections.mlops.mlflow_aws.plugins.module_utils.stack.reading import Client

#: Resources by kind and name. ``ids`` of a resource with tags are what AWS takes for it, as stack_untag does.
Settings = dict[str, dict[str, dict[str, Any]]]


@dataclass(frozen=True)
class Account:
    """Where settings are read.

    :param clients: boto3 clients by service.
    :param resources: what discovery found of the stack.
    :param bucket: name of the artifact bucket; empty where none is known.
    """

    clients: Mapping[str, Client]
    names: StackNames
    resources: Mapping[str, Any]
    bucket: str = ""

    def label(self, identifier: str) -> str:
        """The name by which the roles know a resource of the network; the id itself where it is none of ours."""
        network = self.resources["network"] or {}
        for row in network.get("subnets", []):
            if row["id"] == identifier:
                return str(row["cidr"])
        foreign = network.get("given_group_ids", [])
        for use, group in network.get("security_group_ids", {}).items():
            if group == identifier and group not in foreign:
                return str(getattr(self.names, f"security_group_{use}"))
        return identifier

    def labels(self, identifiers: Iterable[str]) -> list[str]:
        """The same for several, sorted."""
        return sorted(self.label(one) for one in identifiers)
