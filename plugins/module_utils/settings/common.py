# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the readers of settings share: calls, tags, and the names by which resources refer to each other.

An inventory knows a subnet by its block and a security group by its name, long before either has an id. So settings
name resources in the same way, and two stacks can be compared that have nothing but names in common.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils.stack.names import StackNames

try:
    from botocore.exceptions import ClientError
except ImportError:  # AnsibleAWSModule reports the missing library
    ClientError = Exception

Client = Any
#: Resources by kind and name.
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
        for use, group in network.get("security_group_ids", {}).items():
            if group == identifier:
                return str(getattr(self.names, f"security_group_{use}"))
        return identifier

    def labels(self, identifiers: Iterable[str]) -> list[str]:
        """The same for several, sorted."""
        return sorted(self.label(one) for one in identifiers)


def absent(call: Callable[[], Any], *codes: str) -> Any:
    """What ``call`` answers, or None when AWS says that it does not exist (one of ``codes``)."""
    try:
        return call()
    except ClientError as error:
        if error.response["Error"]["Code"] in codes:
            return None
        raise


def pages(client: Client, operation: str, key: str, **arguments: Any) -> Iterator[dict[str, Any]]:
    """The rows of all pages of an operation's answers."""
    for page in client.get_paginator(operation).paginate(**arguments):
        yield from page[key]


def tags(rows: Iterable[Mapping[str, str]] | None, key: str = "Key", value: str = "Value") -> dict[str, str]:
    """Tags as a dictionary, without those of AWS itself, which nobody else can set."""
    return {row[key]: row[value] for row in rows or [] if not row[key].startswith("aws:")}
