# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters of the roles: names and tags of a stack."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack import names, tagging


def stack_names(stack_name: str, region: str) -> dict[str, str]:
    """Every AWS name of the stack in ``region`` (see ``module_utils/_stack/names.py``)."""
    return names.stack_names(str(stack_name), str(region)).as_dict()


def user_secret_name(username: str, stack_name: str) -> str:
    """The name of the secret that holds the login of one MLflow user."""
    return names.user_secret_name(str(stack_name), str(username))


def user_env_name(username: str) -> str:
    """The name of the file with the settings of one MLflow user's clients."""
    return names.user_env_name(str(username))


class FilterModule:
    """The filters of the collection."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Names as templates use them, after ``mlops.mlflow_aws.``."""
        return {
            "stack_names": stack_names,
            "tag_record": tagging.tag_record,
            "tags_to_remove": tagging.tags_to_remove,
            "tags_to_set": tagging.tags_to_set,
            "user_env_name": user_env_name,
            "user_secret_name": user_secret_name,
        }
