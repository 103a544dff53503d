#!/usr/bin/python
# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: what an MLflow server has."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mlflow_info
version_added: 1.0.0
short_description: Gather information about an MLflow server
description:
  - Returns the version of an MLflow server, 2.x or 3.x, and its users, their explicit permissions, roles, experiments
    and registered models, as far as whoever asks may see them. Changes nothing.
author:
  - The mlops.mlflow_aws authors (@mlops)
options:
  gather:
    description:
      - What to return beside the version. When this is not given, all that the server has.
      - V(users), V(grants) and V(roles) need the login of an admin. MLflow 2.x has no roles.
      - V(experiments) are the active ones. Lists are read over all their pages, without a limit.
    type: list
    elements: str
    choices: [version, users, grants, roles, experiments, registered_models]
  usernames:
    description:
      - Names of the users to return as V(users) and V(grants). Users who do not exist are left out.
      - When this is not given, all of them on MLflow 3.x. MLflow 2.x cannot list its users; there V(users) and
        V(grants) need this, and are left out where neither they nor this are given.
    type: list
    elements: str
attributes:
  check_mode:
    description: Can run in check_mode and return changed status prediction without modifying target.
    support: full
    details:
      - This module changes nothing.
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in check_mode), when in diff mode.
    support: N/A
    details:
      - This module changes nothing.
  idempotent:
    description:
      - When run twice in a row outside check mode, with the same arguments, the second invocation indicates no change.
    support: full
extends_documentation_fragment:
  - mlops.mlflow_aws.mlflow
  - mlops.mlflow_aws.mlflow.token
  - mlops.mlflow_aws.mlflow.wait
  - mlops.mlflow_aws.mlflow.secret
  - mlops.mlflow_aws.mlflow.workspace
  - amazon.aws.common.modules
  - amazon.aws.region.modules
notes:
  - Grants cost two requests a user, and roles two requests a role.
seealso:
  - module: mlops.mlflow_aws.mlflow_user
  - module: mlops.mlflow_aws.mlflow_permission
  - module: mlops.mlflow_aws.mlflow_role
  - module: mlops.mlflow_aws.mlflow_experiment
  - module: mlops.mlflow_aws.mlflow_registered_model
  - module: mlops.mlflow_aws.mlflow_health
"""

EXAMPLES = r"""
- name: Gather all that the server has
  mlops.mlflow_aws.mlflow_info:
    url: "{{ mlflow_url }}"
    username: admin
    password: "{{ mlflow_admin_password }}"
  register: mlflow

- name: Gather what two users were granted, on 2.x too
  mlops.mlflow_aws.mlflow_info:
    url: "{{ mlflow_url }}"
    username: admin
    password: "{{ mlflow_admin_password }}"
    gather: [grants]
    usernames: [alice, bob]
  register: granted
"""

RETURN = r"""
version:
  description: Version of the server; V(null) where it does not tell.
  returned: success
  type: str
  sample: 3.17.2
generation:
  description: V(2) or V(3), which decides how permissions work.
  returned: success
  type: int
  sample: 3
users:
  description: Users by name.
  returned: when gathered
  type: list
  elements: dict
  contains:
    id:
      description: Number of the user in the auth database.
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
grants:
  description: What was granted to each user explicitly, without what roles and defaults add.
  returned: when gathered
  type: list
  elements: dict
  contains:
    user:
      description: Name of the user.
      type: str
      sample: alice
    permissions:
      description: What the user may do where.
      type: list
      elements: dict
      sample: [{resource_type: experiment, resource_id: "7", permission: EDIT}]
roles:
  description: Roles by workspace and name, without those in which MLflow keeps the grants of single users.
  returned: when gathered, on MLflow 3.x
  type: list
  elements: dict
  contains:
    id:
      description: Number of the role.
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
      description: Names of the users who have it.
      type: list
      elements: str
      sample: [alice, bob]
experiments:
  description: Active experiments by name.
  returned: when gathered
  type: list
  elements: dict
  contains:
    id:
      description: The server's id.
      type: str
      sample: "7"
    name:
      description: Name of the experiment.
      type: str
      sample: churn
    artifact_location:
      description: Where its artifacts lie.
      type: str
      sample: mlflow-artifacts:/7
    lifecycle_stage:
      description: V(active).
      type: str
      sample: active
    description:
      description: Description.
      type: str
      sample: Who will leave, and **why**
    tags:
      description: All tags but the description.
      type: dict
      sample: {team: customers}
registered_models:
  description: Registered models by name, without prompts.
  returned: when gathered
  type: list
  elements: dict
  contains:
    name:
      description: Name of the registered model.
      type: str
      sample: churn
    description:
      description: Description.
      type: str
      sample: Who will leave, and **why**
    tags:
      description: All tags.
      type: dict
      sample: {team: customers}
    aliases:
      description: The version that each alias stands for.
      type: dict
      sample: {champion: 1}
    latest_version:
      description: The highest number of its versions; V(null) where it has none.
      type: int
      sample: 3
remedy:
  description: What to do about a failure.
  returned: failure
  type: str
  sample: give the names of the users as usernames
"""

from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.errors import MlflowError
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.info import SUBJECTS, Info
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.names import checked_username
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.options import workspace_argument_spec
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.session import (
    fail,
    mlflow_module,
    open_session,
    session_argument_spec,
)


def argument_spec() -> dict[str, Any]:
    """Options of this module alone and those it shares, without those of AWS."""
    return {
        **session_argument_spec(),
        **workspace_argument_spec(),
        "gather": {"type": "list", "elements": "str", "choices": list(SUBJECTS)},
        "usernames": {"type": "list", "elements": "str"},
    }


def main() -> None:
    """Read what is asked for, and return it."""
    module = mlflow_module(argument_spec())
    params = module.params
    try:
        names = params["usernames"]
        usernames = None if names is None else [checked_username("usernames", name) for name in names]
        session = open_session(module)
        session.check_workspace(params["workspace"])
        info = Info(session.client, params["workspace"], usernames)
        found = session.waiter.until(lambda: info.gather(params["gather"]))
    except MlflowError as error:
        fail(module, error)
    module.exit_json(changed=False, **found)


if __name__ == "__main__":
    main()
