# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks at a stack as stack_info has them: what exists, the facts of the region, and the current state."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.rds.database_offers import Database
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.registry import COMPONENTS
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack import discovery
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.names import StackNames


def clients(client: Callable[[str], Any]) -> dict[str, Any]:
    """A client of each service that is read."""
    return {service: client(service) for service in discovery.SERVICES}


def resources(made: Mapping[str, Any], names: StackNames, region: str, **more: Any) -> dict[str, Any]:
    """The ids and states.

    :param more: as :func:`discovery.account_of` takes it.
    """
    return discovery.discover(discovery.account_of(made, names, region=region, **more))


def facts(
    made: Mapping[str, Any], names: StackNames, region: str, database: Database | None = None, **more: Any
) -> dict[str, Any]:
    """The facts of the region."""
    account = discovery.account_of(made, names, region=region, **more)
    found = discovery.region_facts(account, database)
    if database:
        found["connections"] = discovery.connections(account, discovery.discover(account), database)
    return found


def both(
    made: Mapping[str, Any], names: StackNames, region: str, **more: Any
) -> tuple[dict[str, Any], dict[str, dict[str, dict[str, dict[str, Any]]]]]:
    """The ids and states, and the current state by component."""
    account = discovery.account_of(made, names, region=region, **more)
    found = discovery.discover(account)
    return found, discovery.current_state(account, found, COMPONENTS)


class Ids:
    """Labels of an account in which nothing has a name."""

    def label(self, identifier: str) -> str:
        """The id itself."""
        return identifier

    def labels(self, identifiers: Iterable[str]) -> list[str]:
        """The ids, sorted."""
        return sorted(identifiers)
