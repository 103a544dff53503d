# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters of the roles: names of a stack, and what the roles want.

Ansible loads all filters in each of its workers, so what few filters need is imported by those.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.mlops.mlflow_aws.plugins.module_utils.rds_texts import parameter_texts
from ansible_collections.mlops.mlflow_aws.plugins.module_utils.stack import (
    names,
    preview,
    tagging,
    wanted_ecs,
    wanted_rds,
)


def stack_names(stack_name: str, region: str) -> dict[str, str]:
    """Every AWS name of the stack in ``region`` (see ``module_utils/stack/names.py``)."""
    return names.stack_names(str(stack_name), str(region)).as_dict()


def user_secret_name(username: str, stack_name: str) -> str:
    """The name of the secret that holds the login of one MLflow user."""
    return names.user_secret_name(str(stack_name), str(username))


def user_env_name(username: str) -> str:
    """The name of the file with the settings of one MLflow user's clients."""
    return names.user_env_name(str(username))


def newest_postgres(wanted: str, offered: list[str], current: str | None = None) -> str:
    """The PostgreSQL version that a database is to have (see ``module_utils/preflight/postgres_versions.py``)."""
    from ansible_collections.mlops.mlflow_aws.plugins.module_utils.preflight.postgres_versions import version_to_run

    version = version_to_run(str(wanted), current, offered)
    if version is None:
        raise AnsibleFilterError(f"no PostgreSQL {wanted} among {', '.join(offered)}")
    return version


def fitting_workers(workers: int, memory: int) -> int:
    """``workers``, or for 0 the number of server workers (at most 4) that fit into ``memory`` MiB."""
    from ansible_collections.mlops.mlflow_aws.plugins.module_utils.preflight import ecs_mlflow

    return ecs_mlflow.fitting_workers(int(workers), int(memory))


def definition_leaves(options: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of the task definition that these options of ecs_task_definition make."""
    try:
        return wanted_ecs.wanted_definition(options)
    except ValueError as error:
        raise AnsibleFilterError(str(error)) from error


def missing_parts(
    resources: Mapping[str, Any], stack_names: Mapping[str, str], cidrs: list[str] | None = None, bucket: str = ""
) -> dict[str, list[str]]:
    """The parts of each component that a first run would make (see ``module_utils/stack/preview.py``)."""
    return preview.missing(resources, stack_names, cidrs=cidrs or [], bucket=bucket)


class FilterModule:
    """The filters of the collection."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Names as templates use them, after ``mlops.mlflow_aws.``."""
        return {
            "definition_leaves": definition_leaves,
            "fitting_workers": fitting_workers,
            "missing_parts": missing_parts,
            "newest_postgres": newest_postgres,
            "parameter_texts": parameter_texts,
            "stack_names": stack_names,
            "tag_record": tagging.tag_record,
            "tags_to_remove": tagging.tags_to_remove,
            "tags_to_set": tagging.tags_to_set,
            "user_env_name": user_env_name,
            "user_secret_name": user_secret_name,
            "wanted_groups": wanted_rds.wanted_groups,
            "wanted_policies": wanted_ecs.wanted_policies,
            "wanted_roles": wanted_ecs.wanted_roles,
            "with_unknown": wanted_ecs.with_unknown,
        }
