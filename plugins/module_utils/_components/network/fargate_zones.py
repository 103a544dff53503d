# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Availability Zones in which Fargate runs Linux containers.

Source: Amazon ECS developer guide, "Supported Regions for Amazon ECS on AWS Fargate"
(docs.aws.amazon.com/AmazonECS/latest/developerguide/AWS_Fargate-Regions.html), as of 2026-11. Zones go by their ids
there: what one account calls us-west-1b is another's us-west-1c.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

#: Regions in which some zones lack Fargate, and the ids of those that have it.
_ONLY = {
    "ap-northeast-1": ("apne1-az1", "apne1-az2", "apne1-az4"),
    "cn-north-1": ("cnn1-az1", "cnn1-az2"),
    "us-west-1": ("usw1-az1", "usw1-az3"),
}


def by_fargate(rows: Iterable[Mapping[str, Any]]) -> tuple[list[str], dict[str, str]]:
    """The zones with Fargate by their names, sorted, and the ids of those without it by their names.

    :param rows: AvailabilityZones of DescribeAvailabilityZones.
    """
    with_it, without = [], {}
    for row in rows:
        ids = _ONLY.get(row["RegionName"])
        if ids and row["ZoneId"] not in ids:
            without[row["ZoneName"]] = row["ZoneId"]
        else:
            with_it.append(row["ZoneName"])
    return sorted(with_it), without
