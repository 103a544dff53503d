# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where components are read, and what has been found so far."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.existing import Existing
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.names import StackNames
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.ownership import Owner
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.reading import Client


@dataclass(frozen=True)
class Account:
    """Where a stack is read.

    :param clients: boto3 clients by service, which send each read once.
    :param existing: parts that somebody else created.
    :param owner: decides what belongs to the stack.
    :param bucket: name of the artifact bucket; empty where none is known.
    :param sharers: other stacks that keep their artifacts in the same bucket, by the inventory.
    """

    clients: Mapping[str, Client]
    names: StackNames
    region: str
    existing: Existing
    owner: Owner
    bucket: str = ""
    sharers: Collection[str] = ()


@dataclass(frozen=True)
class Found:
    """An account whose ids and states have been read, for the reads of all settings.

    An inventory knows a subnet by its block and a security group by its name, long before either has an id. So settings
    name resources in the same way, and two stacks can be compared that have nothing but names in common.

    :param resources: by component, as ``stack_info`` answers them.
    """

    account: Account
    resources: Mapping[str, Any]

    @property
    def clients(self) -> Mapping[str, Client]:
        """Those of the account."""
        return self.account.clients

    @property
    def names(self) -> StackNames:
        """Those of the stack."""
        return self.account.names

    def label(self, identifier: str) -> str:
        """The name by which the roles know a resource of the network; the id itself where it is none of ours."""
        network = self.resources["network"] or {}
        for row in network.get("subnets", []):
            if row["id"] == identifier:
                return str(row["cidr"])
        foreign = network.get("existing_group_ids", [])
        for use, group in network.get("security_group_ids", {}).items():
            if group == identifier and group not in foreign:
                return str(getattr(self.names, f"security_group_{use}"))
        return identifier

    def labels(self, identifiers: Iterable[str]) -> list[str]:
        """The same for several, sorted."""
        return sorted(self.label(one) for one in identifiers)
