# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the variables of the logins."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.errors import InvalidOptionsError
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.grants import (
    NAMED,
    PARTS,
    PERMISSIONS_2,
    PERMISSIONS_3,
    WORKSPACE,
)
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.names import (
    EXPERIMENT,
    ROLE,
    checked,
    checked_model,
    checked_username,
)
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.resources import Resource
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.roles import refuse_reserved
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._preflight.urls import url_problems
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.names import stack_names

_PERMISSIONS = tuple(dict.fromkeys((*PERMISSIONS_3, *PERMISSIONS_2)))


def input_problems(inputs: Mapping[str, Any]) -> list[str]:
    """Problems of ``mlflow_access_*`` variables that need no call to AWS or MLflow."""
    found = url_problems("mlflow_access_url", inputs["mlflow_access_url"])
    if inputs["mlflow_access_wait_timeout"] < 0:
        found.append(f"mlflow_access_wait_timeout: {inputs['mlflow_access_wait_timeout']}; use 0 or more seconds")
    found += _names("mlflow_access_users", inputs, checked_username)
    found += _admin_among_users(inputs)
    found += _env_users(inputs)
    found += _names("mlflow_access_experiments", inputs, lambda option, name: checked(option, name, EXPERIMENT))
    found += _names("mlflow_access_registered_models", inputs, checked_model)
    found += _names("mlflow_access_roles", inputs, _role_name)
    for place, role in _rows("mlflow_access_roles", inputs):
        for member in role.get("members") or []:
            found += _refused(checked_username, f"{place}.members", member) or _unknown(
                f"{place}.members", member, inputs
            )
        found += _permissions(f"{place}.permissions", role.get("permissions") or [], (WORKSPACE, *NAMED, *PARTS), True)
    for place, row in _rows("mlflow_access_permissions", inputs):
        # A module leaves out what has no value.
        needed = (row.get("state") or "present") != "absent"
        found += _refused(checked_username, f"{place}.user", row["user"]) or (
            _unknown(f"{place}.user", row["user"], inputs) if needed else []
        )
        found += _permissions(f"{place}.permissions", row["permissions"], (*NAMED, *PARTS), needed)
    return found


def rotation_problems(users: Iterable[str], inputs: Mapping[str, Any]) -> list[str]:
    """Why ``rotate.yml --tags users`` cannot give these users new passwords.

    :param users: the variable ``rotate_users``.
    """
    admin = inputs["stack_admin_username"]
    if admin not in users:
        return []
    return [
        f"rotate_users: '{admin}' is the admin (stack_admin_username), whose password is in the secret "
        f"{_admin_secret(inputs)}; take it out of the list and run playbooks/rotate.yml --tags admin"
    ]


def _admin_among_users(inputs: Mapping[str, Any]) -> list[str]:
    """The admin as one of the users, who would have a second secret with another password.

    Names are compared as they are written: MLflow asks its database for ``SqlUser.username == username``
    (mlflow/server/auth/sqlalchemy_store.py), and PostgreSQL tells ``Admin`` from ``admin``.
    """
    return [
        f"{place}.name: '{row['name']}' is the admin (stack_admin_username), whose login is the secret "
        f"{_admin_secret(inputs)}, and who is always there and an admin; take it out of the list, and for a new "
        "password run playbooks/rotate.yml --tags admin"
        for place, row in _rows("mlflow_access_users", inputs)
        if row["name"] == inputs["stack_admin_username"]
    ]


def _admin_secret(inputs: Mapping[str, Any]) -> str:
    return stack_names(inputs["stack_name"], inputs["stack_region"]).secret_admin


def _unknown(place: str, user: str, inputs: Mapping[str, Any]) -> list[str]:
    """A user who is given something, and whom nobody makes."""
    if user == inputs["stack_admin_username"] or user in _made(inputs):
        return []
    return [
        f"{place}: '{user}' is not in mlflow_access_users; correct the name, or add the user there (one who exists "
        "already keeps the password)"
    ]


def _made(inputs: Mapping[str, Any]) -> set[str]:
    """The users whom the role makes."""
    return {row["name"] for _place, row in _rows("mlflow_access_users", inputs) if row.get("state") != "absent"}


def _env_users(inputs: Mapping[str, Any]) -> list[str]:
    """Users for whom a file is asked for though the role makes them no secret to fill it from."""
    made, admin = _made(inputs), inputs["stack_admin_username"]
    return [
        f"mlflow_access_env_users: '{name}' is the admin, whose file is mlflow.env (mlflow_access_write_env); leave "
        "the name out"
        if name == admin
        else f"mlflow_access_env_users: '{name}' is not in mlflow_access_users; add the user there, or leave the name "
        "out"
        for name in inputs["mlflow_access_env_users"]
        if name not in made or name == admin
    ]


def _rows(variable: str, inputs: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    return [(f"{variable}[{position}]", row) for position, row in enumerate(inputs[variable])]


def _refused(check: Callable[..., Any], *arguments: Any) -> list[str]:
    try:
        check(*arguments)
    except InvalidOptionsError as error:
        return [f"{error.message}; {error.remedy}"]
    return []


def _role_name(option: str, name: str) -> None:
    refuse_reserved(checked(option, name, ROLE))


def _names(variable: str, inputs: Mapping[str, Any], check: Callable[[str, str], Any]) -> list[str]:
    """Names that cannot be, and names that stand there twice."""
    found = []
    for place, row in _rows(variable, inputs):
        found += _refused(check, f"{place}.name", row["name"])
    counted = Counter(row["name"] for row in inputs[variable])
    found += [f"{variable}: {name} is listed twice; keep one" for name, count in counted.items() if count > 1]
    return found


def _permissions(place: str, items: Iterable[Any], types: tuple[str, ...], needed: bool) -> list[str]:
    """Elements that ``mlflow_role`` or ``mlflow_permission`` would refuse, whatever the server is.

    :param needed: whether each must say what may be done.
    """
    found = []
    for position, item in enumerate(items):
        here = f"{place}[{position}]"
        unknown = sorted(set(item) - {"resource_type", "name", "id", "experiment", "permission"})
        if unknown:
            found.append(f"{here}: {', '.join(unknown)} is not known; use resource_type, name or id, and permission")
        elif item.get("resource_type") not in types:
            found.append(
                f"{here}.resource_type: '{item.get('resource_type')}' is not one of {', '.join(types)}; use one"
            )
        elif (needed or item.get("permission")) and item.get("permission") not in _PERMISSIONS:
            found.append(
                f"{here}.permission: '{item.get('permission')}' is not one of {', '.join(_PERMISSIONS)}; use one"
            )
        else:
            texts = {key: None if item.get(key) is None else str(item[key]) for key in ("name", "id", "experiment")}
            found += [f"{here}: {text}" for text in _refused(lambda t=texts, i=item: Resource(i["resource_type"], **t))]
    return found
