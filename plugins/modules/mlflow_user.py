#!/usr/bin/python
# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: users of an MLflow server."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mlflow_user
version_added: 1.0.0
short_description: Manage users of an MLflow server
description:
  - Creates, changes and deletes users of an MLflow server with basic authentication, 2.x or 3.x.
  - Whether a password is set already is found by logging in with it, so that the module changes nothing where
    nothing differs.
  - Refuses to delete or demote the user who asks, and the last admin, so that a server always keeps one.
author:
  - The mlops.mlflow_aws authors (@mlops)
options:
  name:
    description:
      - Name of the user, at most 255 characters, without a colon.
    type: str
    required: true
  user_password:
    description:
      - The password that the user shall have. At least 12 characters, and none that MLflow has shipped.
      - Needed, this or O(user_secret_id), where the user does not exist.
    type: str
  user_secret_id:
    description:
      - Name or ARN of a secret in AWS Secrets Manager that holds the user's login as a JSON object with the keys
        C(username), which must be O(name), and C(password).
    type: str
  update_password:
    description:
      - V(always) makes the password what it shall be. V(on_create) sets it for a new user only.
    type: str
    choices: [always, on_create]
    default: always
  is_admin:
    description:
      - Whether the user is an admin, who may do everything. Left alone when this is not given.
    type: bool
  state:
    description:
      - V(absent) deletes the user with all its permissions. What it has made stays.
    type: str
    choices: [present, absent]
    default: present
attributes:
  check_mode:
    description: Can run in check_mode and return changed status prediction without modifying target.
    support: full
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in check_mode), when in diff mode.
    support: full
    details:
      - The diff says whether the password is the wanted one, never a password.
  idempotent:
    description:
      - When run twice in a row outside check mode, with the same arguments, the second invocation indicates no change.
    support: full
notes:
  - A server whose login cache is on may accept an old password until the cache's time to live ends.
  - Use ASCII characters only. MLflow 3.x takes other names and passwords too, but refuses such logins on its
    artifact routes; the module warns of it.
extends_documentation_fragment:
  - mlops.mlflow_aws.mlflow
  - mlops.mlflow_aws.mlflow.token
  - mlops.mlflow_aws.mlflow.wait
  - mlops.mlflow_aws.mlflow.secret
  - amazon.aws.common.modules
  - amazon.aws.region.modules
seealso:
  - module: mlops.mlflow_aws.mlflow_auth_bootstrap
  - module: mlops.mlflow_aws.mlflow_permission
  - module: mlops.mlflow_aws.mlflow_role
"""

EXAMPLES = r"""
- name: Create a user, or give it this password
  mlops.mlflow_aws.mlflow_user:
    url: "{{ mlflow_url }}"
    username: admin
    password: "{{ mlflow_admin_password }}"
    name: alice
    user_password: "{{ alice_password }}"

- name: Create a second admin, whose password is its own affair afterwards
  mlops.mlflow_aws.mlflow_user:
    url: "{{ mlflow_url }}"
    username: admin
    password: "{{ mlflow_admin_password }}"
    name: bob
    user_password: "{{ bob_password }}"
    update_password: on_create
    is_admin: true

- name: Delete a user
  mlops.mlflow_aws.mlflow_user:
    url: "{{ mlflow_url }}"
    username: admin
    password: "{{ mlflow_admin_password }}"
    name: alice
    state: absent
"""

RETURN = r"""
user:
  description: The user as it is now; in check mode as it would be. Empty where it does not exist.
  returned: success
  type: dict
  contains:
    id:
      description: Number of the user in the auth database; V(0) in check mode for one that does not exist yet.
      type: int
      sample: 7
    name:
      description: Name of the user.
      type: str
      sample: alice
    is_admin:
      description: Whether it is an admin.
      type: bool
      sample: false
actions:
  description: What was done, or in check mode would be, in words.
  returned: success
  type: list
  elements: str
  sample: ["create user alice"]
remedy:
  description: What to do about a failure.
  returned: failure
  type: str
  sample: log in as another admin
"""

from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.aws import named_secret
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.errors import (
    InvalidOptionsError,
    MlflowError,
)
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.names import checked_username
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.options import hide
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.passwords import (
    narrow_warning,
    refuse_weak,
)
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.reconcile import reconcile
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.session import (
    fail,
    mlflow_module,
    open_session,
    result,
    session_argument_spec,
)
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.users import (
    Users,
    UserState,
    WantedUser,
    plan_user,
)


def argument_spec() -> dict[str, Any]:
    """Options of this module alone and those it shares, without those of AWS."""
    return {
        **session_argument_spec(),
        "name": {"type": "str", "required": True},
        "user_password": {"type": "str", "no_log": True},
        "user_secret_id": {"type": "str", "no_log": False},
        "update_password": {
            "type": "str",
            "choices": ["always", "on_create"],
            "default": "always",
            "no_log": False,
        },
        "is_admin": {"type": "bool"},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    }


def wanted_user(module: Any) -> WantedUser:
    """The user as it should be, checked before the first request to MLflow."""
    params = module.params
    name = checked_username("name", params["name"])
    password = params["user_password"]
    if params["user_secret_id"] and params["state"] == "present":
        login = named_secret(module, params["user_secret_id"]).current()
        if login.username != name:
            raise InvalidOptionsError(
                f"user_secret_id is the login of {login.username}, but name is {name}",
                remedy="give the secret of that user",
            )
        password = login.password
    if password:
        hide(module, password)
        refuse_weak(password)
    for text in (name, password or ""):
        warning = narrow_warning(text, "name" if text == name else "password")
        if warning:
            module.warn(warning)
    return WantedUser(name, params["state"] == "present", password or None, params["is_admin"])


def shape(state: UserState | None) -> dict[str, Any] | None:
    """The diff's side: without any password."""
    if state is None:
        return None
    shown = {"name": state.user.username, "is_admin": state.user.is_admin}
    if state.accepts is not None:
        shown["password"] = "(the wanted one)" if state.accepts else "(another)"
    return shown


def main() -> None:
    """Read the user, plan, apply, and return it."""
    module = mlflow_module(argument_spec(), mutually_exclusive=[("user_password", "user_secret_id")])
    try:
        wanted = wanted_user(module)
        session = open_session(module)
        users = Users(session.client)
        always = module.params["update_password"] == "always"
        outcome = reconcile(
            lambda: users.read(wanted, try_password=always),
            lambda state: plan_user(state, wanted, session.username),
            users.applier(wanted),
            session.waiter,
            check=module.check_mode,
        )
    except MlflowError as error:
        fail(module, error)
    user = outcome.after.user if outcome.after else None
    shown = {"id": user.id, "name": user.username, "is_admin": user.is_admin} if user else {}
    module.exit_json(user=shown, **result(outcome, shape))


if __name__ == "__main__":
    main()
