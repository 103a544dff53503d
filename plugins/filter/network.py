# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters of the role network: which gateways, addresses and route tables of a network are used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.network import egress


class FilterModule:
    """The filters of the role network."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Names as templates use them, after ``mlops.mlflow_aws.``."""
        return {
            "nat_plan": egress.nat_plan,
            "route_table_of": egress.route_table_of,
            "without_endpoint": egress.without_endpoint,
        }
