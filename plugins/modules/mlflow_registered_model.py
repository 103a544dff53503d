#!/usr/bin/python
# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: registered models of an MLflow server."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mlflow_registered_model
version_added: 1.0.0
short_description: Manage registered models of an MLflow server
description:
  - Creates, describes, tags and deletes registered models of an MLflow server, 2.x or 3.x, and says which versions
    their aliases stand for.
  - Versions are made by whoever trains a model, not by this module.
  - Prompts, which MLflow keeps among the registered models, are refused.
author:
  - The mlops.mlflow_aws authors (@mlops)
options:
  name:
    description:
      - Name of the registered model, at most 255 characters, without slash and colon.
    type: str
    required: true
  description:
    description:
      - Description, at most 5000 characters, which the UI shows in Markdown. Left alone when this is not given.
    type: str
  tags:
    description:
      - Tags as keys and values. Left alone when this is not given.
      - Keys take letters, digits, blanks, C(_), C(-), dots, colons and slashes, at most 250. Values take 5000.
    type: dict
  purge_tags:
    description:
      - Whether tags that are not listed are removed, where O(tags) is given. Tags that begin with C(mlflow.) are
        MLflow's own and always stay.
    type: bool
    default: true
  aliases:
    description:
      - Aliases as names and the numbers of the versions that they stand for, which must exist. Left alone when this is
        not given.
      - Names take letters, digits, C(_) and C(-), at most 255 characters. MLflow keeps V(latest) and names such as
        V(v1) for itself.
    type: dict
  purge_aliases:
    description:
      - Whether aliases that are not listed are removed, where O(aliases) is given.
    type: bool
    default: true
  force:
    description:
      - Whether O(state=absent) may delete a registered model that has versions.
    type: bool
    default: false
  state:
    description:
      - V(absent) deletes the registered model and all its versions. MLflow cannot restore them. The artifacts of the
        runs that they came from stay.
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
seealso:
  - module: mlops.mlflow_aws.mlflow_experiment
  - module: mlops.mlflow_aws.mlflow_permission
  - module: mlops.mlflow_aws.mlflow_info
"""

EXAMPLES = r"""
- name: Create a registered model, or give it this description and these tags
  mlops.mlflow_aws.mlflow_registered_model:
    url: "{{ mlflow_url }}"
    username: admin
    password: "{{ mlflow_admin_password }}"
    name: churn
    description: Who will leave, and **why**
    tags:
      team: customers

- name: Make version 1 the champion, and take every other alias away
  mlops.mlflow_aws.mlflow_registered_model:
    url: "{{ mlflow_url }}"
    username: admin
    password: "{{ mlflow_admin_password }}"
    name: churn
    aliases:
      champion: 1

- name: Delete a registered model with all its versions
  mlops.mlflow_aws.mlflow_registered_model:
    url: "{{ mlflow_url }}"
    username: admin
    password: "{{ mlflow_admin_password }}"
    name: churn
    state: absent
    force: true
"""

RETURN = r"""
registered_model:
  description: The registered model as it is now; in check mode as it would be. Empty where there is none.
  returned: success
  type: dict
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
      description: All tags, MLflow's own among them.
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
actions:
  description: What was done, or in check mode would be, in words.
  returned: success
  type: list
  elements: str
  sample: ["point alias champion of registered model churn to version 1"]
remedy:
  description: What to do about a failure.
  returned: failure
  type: str
  sample: set force to true if that is meant
"""

from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.errors import MlflowError
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.models import (
    IS_PROMPT,
    TEXT,
    Models,
    ModelState,
    WantedModel,
    plan_model,
    shown_model,
)
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.names import checked_aliases, checked_model
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.options import workspace_argument_spec
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.reconcile import reconcile
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.session import (
    fail,
    mlflow_module,
    open_session,
    result,
    session_argument_spec,
)
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.tags import checked_tags, checked_text


def argument_spec() -> dict[str, Any]:
    """Options of this module alone and those it shares, without those of AWS."""
    return {
        **session_argument_spec(),
        **workspace_argument_spec(),
        "name": {"type": "str", "required": True},
        "description": {"type": "str"},
        "tags": {"type": "dict"},
        "purge_tags": {"type": "bool", "default": True},
        "aliases": {"type": "dict"},
        "purge_aliases": {"type": "bool", "default": True},
        "force": {"type": "bool", "default": False},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    }


def wanted_model(params: dict[str, Any]) -> WantedModel:
    """The registered model as it should be, checked before the first request."""
    description = params["description"]
    return WantedModel(
        name=checked_model("name", params["name"]),
        present=params["state"] == "present",
        description=None if description is None else checked_text("description", description, TEXT),
        tags=checked_tags(params["tags"], TEXT, {IS_PROMPT: "prompts are no registered models: remove it"}),
        purge_tags=params["purge_tags"],
        aliases=checked_aliases(params["aliases"]),
        purge_aliases=params["purge_aliases"],
        force=params["force"],
    )


def shape(state: ModelState | None) -> dict[str, Any] | None:
    """The diff's side."""
    return None if state is None else shown_model(state.model)


def main() -> None:
    """Read the registered model, plan, apply, and return it."""
    module = mlflow_module(argument_spec())
    try:
        wanted = wanted_model(module.params)
        session = open_session(module)
        session.check_workspace(module.params["workspace"])
        models = Models(session.client)
        outcome = reconcile(
            lambda: models.read(wanted),
            lambda state: plan_model(state, wanted),
            models.apply,
            session.waiter,
            check=module.check_mode,
        )
    except MlflowError as error:
        fail(module, error)
    module.exit_json(registered_model=shape(outcome.after) or {}, **result(outcome, shape))


if __name__ == "__main__":
    main()
