#!/usr/bin/python
# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: what a user of an MLflow server may do."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mlflow_permission
version_added: 1.0.0
short_description: Manage the permissions of a user of an MLflow server
description:
  - Grants, changes and revokes permissions of one user on experiments, registered models, and what else MLflow 3.x
    grants. The permissions of 2.x and the grants of 3.x stand behind one interface.
  - Compares what was granted to the user explicitly. What it may do through roles and through the server's
    C(default_permission) is neither seen nor changed.
  - A permission that changes is replaced in one step; the user never has none in between.
author:
  - The mlops.mlflow_aws authors (@mlops)
options:
  user:
    description:
      - Name of the user. It must exist.
    type: str
    required: true
  permissions:
    description:
      - What the user shall hold, or with O(state=absent) shall not hold.
    type: list
    elements: dict
    required: true
    suboptions:
      resource_type:
        description:
          - What the permission is about. MLflow 2.x knows V(experiment) and V(registered_model).
          - From V(run) on the types are parts of others, and are granted all together only.
        type: str
        required: true
        choices:
          - experiment
          - registered_model
          - prompt
          - scorer
          - gateway_secret
          - gateway_endpoint
          - gateway_model_definition
          - mcp_server
          - run
          - trace
          - assessment
          - logged_model
          - review_queue
          - registered_model_version
          - prompt_version
          - scorer_version
          - mcp_server_version
      name:
        description:
          - Name of the resource, which must exist. V(*) means every resource of the type (3.x).
        type: str
      id:
        description:
          - The server's id of the resource, such as that of an experiment, instead of O(permissions[].name).
        type: str
      experiment:
        description:
          - Name of the experiment that a V(scorer) belongs to.
        type: str
      permission:
        description:
          - What the user may do there. Needed unless O(state=absent), where it is ignored.
          - MLflow 2.x knows V(READ), V(EDIT), V(MANAGE) and V(NO_PERMISSIONS); 3.x V(READ), V(USE), V(EDIT),
            V(MANAGE) and V(DENY).
        type: str
        choices: [READ, USE, EDIT, MANAGE, DENY, NO_PERMISSIONS]
  exclusive:
    description:
      - Whether the user shall hold O(permissions) and no others. That also takes away V(MANAGE) on what the user has
        created, unless it is listed.
      - An empty list of O(permissions) then revokes everything.
    type: bool
    default: false
  state:
    description:
      - V(absent) revokes what the user holds on the listed resources, whatever it is. A resource that does not exist
        is no error then.
    type: str
    choices: [present, absent]
    default: present
attributes:
  check_mode:
    description: Can run in check_mode and return changed status prediction without modifying target.
    support: full
    details:
      - A user or resource that does not exist yet is no error in check mode, since an earlier task may be about to
        create it.
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in check_mode), when in diff mode.
    support: full
  idempotent:
    description:
      - When run twice in a row outside check mode, with the same arguments, the second invocation indicates no change.
    support: full
notes:
  - Whoever creates an experiment or a registered model holds V(MANAGE) on it.
  - An admin may do everything, whatever it holds.
extends_documentation_fragment:
  - mlops.mlflow_aws.mlflow
  - mlops.mlflow_aws.mlflow.token
  - mlops.mlflow_aws.mlflow.wait
  - mlops.mlflow_aws.mlflow.workspace
  - mlops.mlflow_aws.mlflow.secret
  - amazon.aws.common.modules
  - amazon.aws.region.modules
seealso:
  - module: mlops.mlflow_aws.mlflow_user
  - module: mlops.mlflow_aws.mlflow_role
"""

EXAMPLES = r"""
- name: Let alice read an experiment and change a model
  mlops.mlflow_aws.mlflow_permission:
    url: "{{ mlflow_url }}"
    username: admin
    password: "{{ mlflow_admin_password }}"
    user: alice
    permissions:
      - {resource_type: experiment, name: churn, permission: READ}
      - {resource_type: registered_model, name: churn-model, permission: EDIT}

- name: Let alice read an experiment, and nothing else
  mlops.mlflow_aws.mlflow_permission:
    url: "{{ mlflow_url }}"
    username: admin
    password: "{{ mlflow_admin_password }}"
    user: alice
    permissions:
      - {resource_type: experiment, name: churn, permission: READ}
    exclusive: true

- name: Take a permission away
  mlops.mlflow_aws.mlflow_permission:
    url: "{{ mlflow_url }}"
    username: admin
    password: "{{ mlflow_admin_password }}"
    user: alice
    permissions:
      - {resource_type: experiment, name: churn}
    state: absent
"""

RETURN = r"""
permissions:
  description: All that is granted to the user explicitly now; in check mode what would be.
  returned: success
  type: list
  elements: dict
  contains:
    resource_type:
      description: What the permission is about.
      type: str
      sample: experiment
    resource_id:
      description: The server's id of the resource, or V(*).
      type: str
      sample: "12"
    permission:
      description: What the user may do there.
      type: str
      sample: READ
actions:
  description: What was done, or in check mode would be, in words.
  returned: success
  type: list
  elements: str
  sample: ["grant READ on experiment 12 to alice"]
remedy:
  description: What to do about a failure.
  returned: failure
  type: str
  sample: create it first, or check the name
"""

from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.client import MlflowClient
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.errors import (
    InvalidOptionsError,
    MlflowError,
    NotFoundError,
)
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.grants import (
    NAMED,
    PARTS,
    PERMISSIONS_2,
    PERMISSIONS_3,
    Grants,
    Held,
    check_grant,
    plan_grants,
)
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.names import checked_username
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.options import workspace_argument_spec
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.reconcile import reconcile
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.resources import (
    Wanted,
    addresses,
    permission_options,
    wanted_permissions,
)
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.session import (
    fail,
    mlflow_module,
    open_session,
    result,
    session_argument_spec,
)


def argument_spec() -> dict[str, Any]:
    """Options of this module alone and those it shares, without those of AWS."""
    return {
        **session_argument_spec(),
        **workspace_argument_spec(),
        "user": {"type": "str", "required": True},
        "permissions": {
            "type": "list",
            "elements": "dict",
            "required": True,
            "options": permission_options(
                [*NAMED, *PARTS], dict.fromkeys([*PERMISSIONS_3, *PERMISSIONS_2]), required=False
            ),
        },
        "exclusive": {"type": "bool", "default": False},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    }


def checked(params: dict[str, Any]) -> Wanted:
    """What the options ask for, checked before the first request."""
    wanted = wanted_permissions(params["permissions"])
    if params["state"] == "present":
        for resource, permission in wanted:
            if not permission:
                raise InvalidOptionsError(
                    f"permission is missing for {resource.resource_type} {resource.shown}",
                    remedy="give one, such as READ",
                )
        return wanted
    if params["exclusive"]:
        raise InvalidOptionsError(
            "exclusive contradicts state absent", remedy="use state present with the permissions that shall stay"
        )
    return [(resource, None) for resource, _permission in wanted]


def located(client: MlflowClient, wanted: Wanted, *, absent: bool, check: bool) -> Held:
    """The addresses of what is wanted, where the server's generation can keep them."""
    generation = client.version().generation
    for resource, permission in wanted:
        check_grant(generation, resource.resource_type, resource.shown, permission)
    return addresses(client, wanted, must_exist=not (absent or check), shown=not absent)


def shape(held: Held) -> dict[str, Any]:
    """The diff's side: a permission for each resource."""
    return {str(address): permission for address, permission in sorted(held.items())}


def main() -> None:
    """Find the resources, read what the user holds, plan, apply, and return it."""
    module = mlflow_module(argument_spec())
    params = module.params
    try:
        user = checked_username("user", params["user"])
        wanted = checked(params)
        session = open_session(module)
        absent = params["state"] == "absent"
        found = session.waiter.until(
            lambda: located(session.client, wanted, absent=absent, check=bool(module.check_mode))
        )
        grants = Grants(session.client, params["workspace"])

        def read() -> Held:
            try:
                return grants.explicit(user)
            except NotFoundError:
                if absent or module.check_mode:
                    return {}
                raise NotFoundError(f"there is no user {user}", remedy="create it with mlflow_user first") from None

        outcome = reconcile(
            read,
            lambda held: plan_grants(
                held, user, {} if absent else found, absent=found if absent else (), exclusive=params["exclusive"]
            ),
            grants.apply,
            session.waiter,
            check=module.check_mode,
        )
    except MlflowError as error:
        fail(module, error)
    shown = [
        {"resource_type": address.resource_type, "resource_id": address.resource_id, "permission": permission}
        for address, permission in sorted(outcome.after.items())
    ]
    module.exit_json(permissions=shown, **result(outcome, shape))


if __name__ == "__main__":
    main()
