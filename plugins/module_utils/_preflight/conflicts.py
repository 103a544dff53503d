# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Conflicts between the stacks of one inventory: names, artifacts or files that two of them would both own."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.names import stack_names

#: What two stacks can have a conflict about. The defaults are those of the roles.
VARIABLES = {
    "stack_name": "",
    "stack_region": "",
    "stack_account_id": "",
    "stack_artifact_prefix": "mlflow-artifacts",
    "stack_output_dir": "",
    "storage_bucket": "",
    "storage_kms_key_id": "",
}

Stack = Mapping[str, Any]


def overlapping(one: str, other: str) -> bool:
    """Whether two key prefixes of a bucket are the same, or one lies within the other."""
    return f"{one}/".startswith(f"{other}/") or f"{other}/".startswith(f"{one}/")


def conflicts(stacks: Mapping[str, Stack]) -> list[str]:
    """A sentence for each conflict between two stacks, with the variable, its value and the remedy.

    :param stacks: by host of the inventory, the variables of :data:`VARIABLES`. A host without ``stack_name`` is left
        to the checks of the variables.
    """
    return [
        sentence
        for (host, one), (other_host, other) in combinations(stacks.items(), 2)
        if one["stack_name"] and other["stack_name"]
        for sentence in _between(host, one, other_host, other)
    ]


def _between(host: str, one: Stack, other_host: str, other: Stack) -> list[str]:
    hosts = f"{host} and {other_host}"
    found = []
    if _same_place(one, other):
        if one["stack_name"] == other["stack_name"]:
            return [
                f"stack_name: '{one['stack_name']}' is the stack of both {hosts} in {one['stack_region']}; "
                "give each a stack_name of its own"
            ]
        if shared := sorted(_families(one) & _families(other)):
            found.append(
                f"stack_name: '{one['stack_name']}' ({host}) and '{other['stack_name']}' ({other_host}) would both "
                f"have a task definition {shared[0]}; choose another stack_name for one of them"
            )
    if _folder(one) == _folder(other):
        found.append(
            f"stack_output_dir: {hosts} would write their mlflow.env into one folder; give each a stack_output_dir of "
            "its own"
        )
    if one["storage_bucket"] and one["storage_bucket"] == other["storage_bucket"]:
        found += _in_one_bucket(hosts, one, other)
    return found


def _same_place(one: Stack, other: Stack) -> bool:
    accounts = {str(one["stack_account_id"]), str(other["stack_account_id"])} - {""}
    return one["stack_region"] == other["stack_region"] and len(accounts) < 2


def _families(stack: Stack) -> set[str]:
    names = stack_names(str(stack["stack_name"]), str(stack["stack_region"]))
    return {names.task_family, names.migration_family}


def _folder(stack: Stack) -> str:
    # The role's default is a folder for each stack_name.
    return str(stack["stack_output_dir"] or f"default of {stack['stack_name']}").rstrip("/")


def _in_one_bucket(hosts: str, one: Stack, other: Stack) -> list[str]:
    found = []
    prefixes = str(one["stack_artifact_prefix"]), str(other["stack_artifact_prefix"])
    if overlapping(*prefixes):
        found.append(
            f"stack_artifact_prefix: {hosts} would keep their artifacts under '{min(prefixes, key=len)}' of bucket "
            f"{one['storage_bucket']}, and could delete each other's; give each a prefix or a storage_bucket of its own"
        )
    keys = str(one["storage_kms_key_id"]), str(other["storage_kms_key_id"])
    if keys[0] != keys[1]:
        found.append(
            f"storage_kms_key_id: {hosts} would encrypt bucket {one['storage_bucket']} with '{keys[0]}' and "
            f"'{keys[1]}', and it has one key for new objects; give both the same, or each a storage_bucket of its own"
        )
    return found
