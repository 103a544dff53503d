#!/usr/bin/python
# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: experiments of an MLflow server."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mlflow_experiment
version_added: 1.0.0
short_description: Manage experiments of an MLflow server
description:
  - Creates, describes, tags, deletes and restores experiments of an MLflow server, 2.x or 3.x.
  - MLflow deletes experiments softly. A deleted one keeps its name, its runs and its artifacts until C(mlflow gc)
    removes it for good.
author:
  - The mlops.mlflow_aws authors (@mlops)
options:
  name:
    description:
      - Name of the experiment, at most 500 characters. Servers with another database than SQLite keep 256.
    type: str
    required: true
  artifact_location:
    description:
      - URI of the folder for the artifacts of a new experiment. The server chooses one when this is not given.
      - MLflow cannot move an experiment. Where an existing one lies elsewhere, the module fails and names both.
    type: str
  description:
    description:
      - Description, which the UI shows in Markdown. MLflow keeps it as the tag C(mlflow.note.content). Left alone when
        this is not given; an empty text removes it from sight.
    type: str
  tags:
    description:
      - Tags as keys and values. Left alone when this is not given.
      - Keys take letters, digits, blanks, C(_), C(-), dots, colons and slashes, at most 250. Values take 20000, on
        2.x 5000.
    type: dict
  purge_tags:
    description:
      - Whether tags that are not listed are removed, where O(tags) is given. Tags that begin with C(mlflow.) are
        MLflow's own and always stay.
      - MLflow 2.x cannot remove tags of an experiment. There the module fails, and names those that it would have to
        remove.
    type: bool
    default: true
  state:
    description:
      - V(present) restores a deleted experiment. MLflow restores all of its runs with it, those too that had been
        deleted before it was.
      - V(absent) deletes the experiment and its runs softly. MLflow lets its default experiment, the one with the id
        V(0), be deleted too; until it is restored, clients cannot create runs that name no experiment, and the module
        warns of that.
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
  - module: mlops.mlflow_aws.mlflow_registered_model
  - module: mlops.mlflow_aws.mlflow_permission
  - module: mlops.mlflow_aws.mlflow_info
"""

EXAMPLES = r"""
- name: Create an experiment, or give it this description and these tags
  mlops.mlflow_aws.mlflow_experiment:
    url: "{{ mlflow_url }}"
    username: admin
    password: "{{ mlflow_admin_password }}"
    name: churn
    description: Who will leave, and **why**
    tags:
      team: customers
      stage: research

- name: Keep the artifacts of another one in a bucket of its own, and leave its tags
  mlops.mlflow_aws.mlflow_experiment:
    url: "{{ mlflow_url }}"
    username: admin
    password: "{{ mlflow_admin_password }}"
    name: fraud
    artifact_location: s3://fraud-models-test/fraud

- name: Add a tag
  mlops.mlflow_aws.mlflow_experiment:
    url: "{{ mlflow_url }}"
    username: admin
    password: "{{ mlflow_admin_password }}"
    name: churn
    tags:
      reviewed: "2026-11"
    purge_tags: false

- name: Delete an experiment
  mlops.mlflow_aws.mlflow_experiment:
    url: "{{ mlflow_url }}"
    username: admin
    password: "{{ mlflow_admin_password }}"
    name: churn
    state: absent
"""

RETURN = r"""
experiment:
  description:
    - The experiment as it is now; in check mode as it would be. A deleted one is still there.
    - Empty where there is none.
  returned: success
  type: dict
  contains:
    id:
      description: The server's id; empty in check mode for one that does not exist yet.
      type: str
      sample: "7"
    name:
      description: Name of the experiment.
      type: str
      sample: churn
    artifact_location:
      description: Where its artifacts lie; empty in check mode where the server would choose.
      type: str
      sample: mlflow-artifacts:/7
    lifecycle_stage:
      description: V(active) or V(deleted).
      type: str
      sample: active
    description:
      description: Description.
      type: str
      sample: Who will leave, and **why**
    tags:
      description: All tags but the description, MLflow's own among them.
      type: dict
      sample: {stage: research, team: customers}
actions:
  description: What was done, or in check mode would be, in words.
  returned: success
  type: list
  elements: str
  sample: ["restore experiment churn", "set tag team of experiment churn"]
remedy:
  description: What to do about a failure.
  returned: failure
  type: str
  sample: list them in tags too, or set purge_tags to false
"""

from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.errors import (
    InvalidOptionsError,
    MlflowError,
)
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.experiments import (
    DEFAULT_ID,
    DELETED,
    DESCRIPTION,
    TAG_VALUE_2,
    TAG_VALUE_3,
    Experiments,
    ExperimentState,
    WantedExperiment,
    plan_experiment,
    shown_experiment,
)
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.names import (
    EXPERIMENT,
    checked,
    checked_location,
)
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.options import workspace_argument_spec
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.reconcile import reconcile
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.session import (
    Session,
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
        "artifact_location": {"type": "str"},
        "description": {"type": "str"},
        "tags": {"type": "dict"},
        "purge_tags": {"type": "bool", "default": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    }


def wanted_experiment(params: dict[str, Any]) -> WantedExperiment:
    """The experiment as it should be, checked before the first request."""
    location, description = params["artifact_location"], params["description"]
    return WantedExperiment(
        name=checked("name", params["name"], EXPERIMENT),
        present=params["state"] == "present",
        artifact_location=None if location is None else checked_location("artifact_location", location),
        description=None if description is None else checked_text("description", description, TAG_VALUE_3),
        tags=checked_tags(params["tags"], TAG_VALUE_3, {DESCRIPTION: "give it as description"}),
        purge_tags=params["purge_tags"],
    )


def check_length(session: Session, wanted: WantedExperiment) -> None:
    """Refuse a text that only 3.x can keep."""
    if wanted.present and wanted.longest > TAG_VALUE_2:
        version = session.waiter.until(session.client.version)
        if version.generation < 3:
            raise InvalidOptionsError(
                f"description or a tag has {wanted.longest} characters, and MLflow 2.x keeps {TAG_VALUE_2}",
                remedy="give a shorter one",
            )


def shape(state: ExperimentState | None) -> dict[str, Any] | None:
    """The diff's side: without what only the server gives, and what never changes."""
    if state is None:
        return None
    shown = shown_experiment(state.experiment)
    return {key: value for key, value in shown.items() if key not in ("id", "artifact_location")}


def main() -> None:
    """Read the experiment, plan, apply, and return it."""
    module = mlflow_module(argument_spec())
    try:
        wanted = wanted_experiment(module.params)
        session = open_session(module)
        session.check_workspace(module.params["workspace"])
        check_length(session, wanted)
        experiments = Experiments(session.client)
        outcome = reconcile(
            lambda: experiments.read(wanted),
            lambda state: plan_experiment(state, wanted),
            experiments.apply,
            session.waiter,
            check=module.check_mode,
        )
    except MlflowError as error:
        fail(module, error)
    found = outcome.after.experiment if outcome.after else None
    if found and found.id == DEFAULT_ID and found.lifecycle_stage == DELETED:
        module.warn(f"{found.name} is the default experiment: runs that name none fail until it is restored")
    module.exit_json(experiment=shown_experiment(found) if found else {}, **result(outcome, shape))


if __name__ == "__main__":
    main()
