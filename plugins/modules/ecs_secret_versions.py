#!/usr/bin/python
# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ecs_secret_versions
version_added: "1.0.0"
short_description: Register a revision that differs in the versions of its secrets only
description:
  - Takes a revision of a task definition as it is, and registers one with other versions of the secrets that it pins.
    Nothing else changes, whatever an inventory says by now.
  - References to a secret without a version id stay as they are.
  - Where a revision is like that already, none is registered.
author:
  - The mlops.mlflow_aws authors (@mlops)
options:
  family:
    description: The family.
    type: str
    required: true
  versions:
    description: The version ids, by the ARNs of the secrets.
    type: dict
    required: true
  cluster:
    description: Name or ARN of the cluster of O(service).
    type: str
  service:
    description:
      - Name of a service that runs a revision of the family. Its revision is the one to start from.
      - Without it that is the newest ACTIVE revision.
    type: str
  ran_tag:
    description:
      - A tag of those revisions of which a task did its work, as M(mlops.mlflow_aws.ecs_task_run) sets it. The newest
        of them is the one to start from, where there is any.
    type: str
attributes:
  check_mode:
    description: Can run in check_mode and return changed status prediction without modifying target.
    support: full
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in check_mode), when in diff mode.
    support: full
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
seealso:
  - module: mlops.mlflow_aws.secret_rotation
  - module: mlops.mlflow_aws.ecs_rollout
"""

EXAMPLES = r"""
- name: Let the service use the present version of a secret
  mlops.mlflow_aws.ecs_secret_versions:
    family: shop-web
    cluster: shop
    service: shop-web
    versions:
      arn:aws:secretsmanager:eu-west-2:123456789012:secret:shop/database-Ab12Cd: 6d3f0c2e-5f0e-4a5b-9d55-0c3c6f1a7b11
  register: revision
"""

RETURN = r"""
task_definition_arn:
  description:
    - The ARN of the revision with these versions.
    - In check mode that of the one to start from, where another one would be registered.
  returned: always
  type: str
  sample: arn:aws:ecs:eu-west-2:123456789012:task-definition/shop-web:8
"""

from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.client import EcsClient
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.common import aws_module, clients, run_module
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.errors import EcsFailure
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.secret_versions import (
    already,
    base_of,
    with_versions,
)
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.service import primary, serving_revision
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.tags import to_list
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.task_definition import Revision, plan_definition

ARGUMENT_SPEC: dict[str, Any] = {
    "family": {"required": True},
    "versions": {"type": "dict", "required": True},
    "cluster": {},
    "service": {},
    "ran_tag": {},
}


def base(module: AnsibleAWSModule, ecs: EcsClient, revisions: list[Revision]) -> Revision:
    """The revision to start from.

    :raises EcsFailure: there is none.
    """
    params = module.params
    found = base_of(revisions, params["ran_tag"])
    if params["service"]:
        service = ecs.service(params["cluster"], params["service"]) or {}
        arn = serving_revision(service) or primary(service).get("taskDefinition")
        found = ecs.revision(arn) if arn else None
    if found is None:
        where = f"service {params['service']} of cluster {params['cluster']}" if params["service"] else params["family"]
        raise EcsFailure(f"There is no task definition of {where} that could be taken over. Deploy it first.")
    return found


def work(module: AnsibleAWSModule) -> dict[str, Any]:
    """What the module does."""
    ecs, _logs = clients(module)
    versions = {str(arn): str(version) for arn, version in module.params["versions"].items()}
    revisions = [ecs.revision(arn) for arn in reversed(ecs.revisions(module.params["family"]))]
    start = base(module, ecs, revisions)
    wanted = with_versions(start.definition, versions)
    there = already(wanted, [start, *revisions])
    ignored = [module.params["ran_tag"] or "mlflow:ran"]
    plan = plan_definition(there or start, wanted, None, False, ignored)
    if there is None and not module.check_mode:
        tags = {key: value for key, value in start.tags.items() if key not in ignored}
        there = ecs.register({**wanted, "tags": to_list(tags)} if tags else wanted)
    return {
        "changed": plan.register is not None,
        "task_definition_arn": (there or start).arn,
        "diff": {"before": plan.before, "after": plan.after},
    }


def main() -> None:
    """Entry point."""
    module = aws_module(argument_spec=ARGUMENT_SPEC, required_together=[("cluster", "service")])
    run_module(module, work)


if __name__ == "__main__":
    main()
