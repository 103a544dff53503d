# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gateway endpoints for S3 of a network."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.policy import compare_policies
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.fields import Described, Row
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.reading import tags

#: The policy of an endpoint to which nobody gave one (AWS PrivateLink guide, "Default endpoint policy"). What the tasks
#: may do in S3 stands in their role.
DEFAULT_POLICY: dict[str, Any] = {
    "Version": "2008-10-17",
    "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}],
}


def is_s3(row: Described) -> bool:
    """Whether an endpoint is a gateway to S3, as the role creates one."""
    return str(row["ServiceName"]).endswith(".s3") and row["VpcEndpointType"] == "Gateway"


def as_one(name: str, endpoints: Sequence[Described], tables: Iterable[Described]) -> list[Row]:
    """Several endpoints as one: the route tables of a later zone get an endpoint of their own.

    :param name: by which plans know it.
    :param tables: route tables, as DescribeRouteTables answers them.
    """
    if not endpoints:
        return []
    name_of = {row["RouteTableId"]: tags(row.get("Tags")).get("Name", row["RouteTableId"]) for row in tables}
    described = {
        "RouteTables": sorted(name_of.get(table, table) for row in endpoints for table in row.get("RouteTableIds", [])),
        "Policy": _narrowest([json.loads(row.get("PolicyDocument") or "{}") for row in endpoints]),
    }
    common = _common([tags(row.get("Tags")) for row in endpoints])
    return [Row(name, described, common, tuple(row["VpcEndpointId"] for row in endpoints))]


def _narrowest(policies: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Of several endpoints, the first policy that does not let everything pass."""
    return next((one for one in policies if compare_policies(one, DEFAULT_POLICY)), policies[0])


def _common(every: Sequence[dict[str, str]]) -> dict[str, str]:
    """The tags of several resources as those of one; a value that not all of them have is told as such."""
    keys = sorted({key for own in every for key in own})
    values = {key: [own.get(key, "(none)") for own in every] for key in keys}
    # What is between two values can be part of no key and of no value.
    return {key: found[0] if len(set(found)) == 1 else " | ".join(found) for key, found in values.items()}
