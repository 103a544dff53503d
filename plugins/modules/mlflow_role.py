#!/usr/bin/python
# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: roles of an MLflow 3.x server."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mlflow_role
version_added: 1.0.0
short_description: Manage roles of an MLflow 3.x server
description:
  - Creates, changes and deletes roles, which are named sets of permissions, and says which users have them.
  - MLflow 2.x has no roles; there the module fails and says so.
author:
  - The mlops.mlflow_aws authors (@mlops)
options:
  name:
    description:
      - Name of the role. Names that begin with C(__user_) belong to MLflow.
    type: str
    required: true
  description:
    description:
      - What the role is for. Left alone when this is not given.
    type: str
  permissions:
    description:
      - What the role permits. Left alone when this is not given; an empty list permits nothing.
    type: list
    elements: dict
    suboptions:
      resource_type:
        description:
          - What the permission is about. V(workspace) makes its members members (V(USE)) or administrators
            (V(MANAGE)) of O(workspace). From V(run) on the types are granted all together only.
          - Members of a workspace are shown all experiments, runs and models in it, whatever else is granted to them.
            The module warns of that.
        type: str
        required: true
        choices:
          - workspace
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
          - Name of the resource, which must exist. V(*) means every resource of the type.
        type: str
      id:
        description:
          - The server's id of the resource instead of O(permissions[].name).
        type: str
      experiment:
        description:
          - Name of the experiment that a V(scorer) belongs to.
        type: str
      permission:
        description:
          - What its members may do there.
        type: str
        required: true
        choices: [READ, USE, EDIT, MANAGE, DENY]
  purge_permissions:
    description:
      - Whether permissions of the role that are not listed are removed.
    type: bool
    default: true
  members:
    description:
      - Names of the users who have the role. They must exist. Left alone when this is not given; an empty list takes
        the role from all.
    type: list
    elements: str
  purge_members:
    description:
      - Whether users who are not listed lose the role.
    type: bool
    default: true
  workspace:
    description:
      - The workspace that the role belongs to. A server without workspaces has V(default) alone.
    type: str
    default: default
  state:
    description:
      - V(absent) deletes the role; its members lose what it permitted.
    type: str
    choices: [present, absent]
    default: present
attributes:
  check_mode:
    description: Can run in check_mode and return changed status prediction without modifying target.
    support: full
    details:
      - A resource that does not exist yet is no error in check mode, since an earlier task may be about to create it.
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in check_mode), when in diff mode.
    support: full
  idempotent:
    description:
      - When run twice in a row outside check mode, with the same arguments, the second invocation indicates no change.
    support: full
extends_documentation_fragment:
  - mlops.mlflow_aws.mlflow
  - mlops.mlflow_aws.mlflow.token
  - mlops.mlflow_aws.mlflow.wait
  - mlops.mlflow_aws.mlflow.secret
  - amazon.aws.common.modules
  - amazon.aws.region.modules
seealso:
  - module: mlops.mlflow_aws.mlflow_user
  - module: mlops.mlflow_aws.mlflow_permission
"""

EXAMPLES = r"""
- name: Let two people read every experiment and change one
  mlops.mlflow_aws.mlflow_role:
    url: "{{ mlflow_url }}"
    username: admin
    password: "{{ mlflow_admin_password }}"
    name: churn-team
    description: Works on churn
    permissions:
      - {resource_type: experiment, name: "*", permission: READ}
      - {resource_type: experiment, name: churn, permission: EDIT}
    members: [alice, bob]

- name: Add a member, and leave the others
  mlops.mlflow_aws.mlflow_role:
    url: "{{ mlflow_url }}"
    username: admin
    password: "{{ mlflow_admin_password }}"
    name: churn-team
    members: [carol]
    purge_members: false

- name: Delete a role
  mlops.mlflow_aws.mlflow_role:
    url: "{{ mlflow_url }}"
    username: admin
    password: "{{ mlflow_admin_password }}"
    name: churn-team
    state: absent
"""

RETURN = r"""
role:
  description: The role as it is now; in check mode as it would be. Empty where it does not exist.
  returned: success
  type: dict
  contains:
    id:
      description: Number of the role; V(0) in check mode for one that does not exist yet.
      type: int
      sample: 3
    name:
      description: Name of the role.
      type: str
      sample: churn-team
    workspace:
      description: The workspace that it belongs to.
      type: str
      sample: default
    description:
      description: What it is for.
      type: str
      sample: Works on churn
    permissions:
      description: What it permits.
      type: list
      elements: dict
      sample: [{resource_type: experiment, resource_id: "*", permission: READ}]
    members:
      description: Names of the users who have it; only where O(members) is given.
      type: list
      elements: str
      sample: [alice, bob]
actions:
  description: What was done, or in check mode would be, in words.
  returned: success
  type: list
  elements: str
  sample: ["create role churn-team", "give role churn-team to alice"]
remedy:
  description: What to do about a failure.
  returned: failure
  type: str
  sample: create it first, or check the name
"""

from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.errors import (
    InvalidOptionsError,
    MlflowError,
)
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.grants import (
    NAMED,
    PARTS,
    PERMISSIONS_3,
    WORKSPACE,
    WORKSPACE_PERMISSIONS,
    Held,
    check_grant,
)
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.names import ROLE, checked, checked_username
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.reconcile import reconcile
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.resources import (
    Wanted,
    addresses,
    permission_options,
    wanted_permissions,
)
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.roles import (
    Role,
    Roles,
    WantedRole,
    plan_role,
    refuse_reserved,
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
        "name": {"type": "str", "required": True},
        "description": {"type": "str"},
        "permissions": {
            "type": "list",
            "elements": "dict",
            "options": permission_options([WORKSPACE, *NAMED, *PARTS], PERMISSIONS_3, required=True),
        },
        "purge_permissions": {"type": "bool", "default": True},
        "members": {"type": "list", "elements": "str"},
        "purge_members": {"type": "bool", "default": True},
        "workspace": {"type": "str", "default": "default"},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    }


def checked_permissions(params: dict[str, Any]) -> Wanted | None:
    """What the role shall permit, checked before the first request; None leaves it alone."""
    if params["permissions"] is None:
        return None
    wanted = wanted_permissions(params["permissions"])
    for resource, permission in wanted:
        if resource.resource_type != WORKSPACE:
            check_grant(3, resource.resource_type, resource.shown, permission)
        elif resource.shown != "*" or permission not in WORKSPACE_PERMISSIONS:
            raise InvalidOptionsError(
                "a permission on workspace is about the role's own, and is USE or MANAGE",
                remedy="leave name out, and give one of them",
            )
    return wanted


def openness(params: dict[str, Any]) -> list[str]:
    """Warnings of permissions that show the role's members more than their names say (measured on MLflow 3.17.2)."""
    items = [] if params["state"] == "absent" else params["permissions"] or []
    return [
        f"role {params['name']}: {item['permission']} on workspace shows its members all experiments, runs and models; "
        "permit the experiments and models that they work on instead"
        for item in items
        if item["resource_type"] == WORKSPACE
    ]


def wanted_role(params: dict[str, Any], permissions: Held | None) -> WantedRole:
    """The role as it should be."""
    members = params["members"]
    return WantedRole(
        name=params["name"],
        workspace=params["workspace"],
        present=params["state"] == "present",
        description=params["description"],
        permissions=permissions,
        members=None if members is None else frozenset(checked_username("members", name) for name in members),
        purge_permissions=params["purge_permissions"],
        purge_members=params["purge_members"],
    )


def shown(role: Role) -> dict[str, Any]:
    """A role as plain values."""
    values: dict[str, Any] = {
        "id": role.id,
        "name": role.name,
        "workspace": role.workspace,
        "description": role.description,
        "permissions": [
            {"resource_type": address.resource_type, "resource_id": address.resource_id, "permission": permission}
            for address, permission in sorted(role.permissions.items())
        ],
    }
    if role.members is not None:
        values["members"] = sorted(role.members)
    return values


def shape(role: Role | None) -> dict[str, Any] | None:
    """The diff's side: without the number, which only the server gives."""
    return None if role is None else {name: value for name, value in shown(role).items() if name != "id"}


def main() -> None:
    """Find the resources, read the role, plan, apply, and return it."""
    module = mlflow_module(argument_spec())
    params = module.params
    try:
        refuse_reserved(checked("name", params["name"], ROLE))
        wanted = checked_permissions(params)
        for warning in openness(params):
            module.warn(warning)
        session = open_session(module)
        roles = Roles(session.client)
        session.waiter.until(roles.require)
        found = None
        if wanted is not None and params["state"] == "present":
            resources = wanted
            found = session.waiter.until(
                lambda: addresses(session.client, resources, must_exist=not module.check_mode, shown=True)
            )
        role = wanted_role(params, found)
        outcome = reconcile(
            lambda: roles.read(role),
            lambda state: plan_role(state, role),
            roles.applier(role),
            session.waiter,
            check=module.check_mode,
        )
    except MlflowError as error:
        fail(module, error)
    module.exit_json(role=shown(outcome.after) if outcome.after else {}, **result(outcome, shape))


if __name__ == "__main__":
    main()
