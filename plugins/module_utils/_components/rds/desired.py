# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a database is to consist of: its version, its storage, and its parameter group."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.rds.texts import parameter_texts
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.rds.versions import version_to_run
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.stack import Stack
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.ownership import STACK_TAG


@dataclass(frozen=True)
class ParameterGroup:
    """A DB parameter group.

    :param major: version of PostgreSQL.
    :param parameters: as RDS keeps them, without those that are so by default.
    """

    stack: Stack
    major: str
    parameters: Mapping[str, str]


def version(stack: Stack) -> str:
    """The version of PostgreSQL. A minor release that RDS took by itself is kept; a newer one that is asked for is not.

    :raises ValueError: the region offers none that is asked for, which the checks say before.
    """
    asked, offered = str(stack.inputs["rds_engine_version"]), stack.region["postgres_versions"]
    found = version_to_run(asked, _instance(stack).get("engine_version"), offered)
    if found is None:
        raise ValueError(f"no PostgreSQL {asked} among {', '.join(offered)}")
    return found


def _instance(stack: Stack) -> Mapping[str, Any]:
    return stack.resources["rds"] or {}


def parameter_group_name(stack: Stack) -> str:
    """The name of the DB parameter group of the version's family."""
    return f"{stack.names.database_parameter_group}-postgres{version(stack).split('.', maxsplit=1)[0]}"


def parameter_groups(stack: Stack) -> dict[str, ParameterGroup | None]:
    """The group of the major version, and None for those of former ones that no other DB instance uses.

    Another instance that uses one may be a copy of the database from before an upgrade.
    """
    current = stack.current.get("rds", {}).get("DB parameter group", {})
    name = parameter_group_name(stack)
    parameters = parameter_texts(stack.inputs["rds_parameters"], current.get(name))
    former = [
        one
        for one, row in current.items()
        if one != name and row["tags"].get(STACK_TAG) == stack.names.stack and not row["_used_by"]
    ]
    return {name: ParameterGroup(stack, name.rpartition("-postgres")[2], parameters), **dict.fromkeys(former)}


def allocated_storage(stack: Stack) -> int:
    """The storage in GiB. What grew by itself never shrinks."""
    return max(int(stack.inputs["rds_allocated_storage"]), int(_instance(stack).get("allocated_storage", 0)))


def max_allocated_storage(stack: Stack) -> int | None:
    """The limit to which the storage grows, in GiB; None where it does not grow, and has not before.

    RDS switches growth off where the limit is what there is, and then shows none (API ModifyDBInstance).
    """
    size = allocated_storage(stack)
    most = max(int(stack.inputs["rds_max_allocated_storage"]), size)
    return most if most > size or _instance(stack).get("max_allocated_storage") else None


def subnet_groups(stack: Stack) -> dict[str, Stack]:
    """The DB subnet group."""
    return {stack.names.database_subnet_group: stack}


def instances(stack: Stack) -> dict[str, Stack]:
    """The DB instance."""
    return {stack.names.database: stack}
