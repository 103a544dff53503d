# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The variables of roles as an inventory leaves them: their defaults, and a value for each required one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.stack import Stack
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._preflight import problems
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.names import stack_names
from ansible_collections.mlops.mlflow_aws.plugins.plugin_utils.role_variables import RoleVariables

try:
    from ansible.template import trust_as_template
except ImportError:  # ansible-core 2.18 takes every text for a template

    def trust_as_template(value: str) -> str:
        """The text itself."""
        return value


__all__ = [
    "REQUIRED",
    "ROLES",
    "defaults",
    "everything",
    "input_problems",
    "inputs",
    "options",
    "stack",
    "trust_as_template",
]

ROLES = Path(__file__).resolve().parents[4] / "roles"
REQUIRED = {
    "stack_name": "fraud-scoring-mlflow",
    "stack_region": "eu-west-2",
    "storage_bucket": "fraud-models-test",
    "network_ingress_cidrs": ["203.0.113.0/24"],
    # Its default asks for the folder of the shell, by a plugin that only a run of Ansible has.
    "stack_output_dir": ".mlflow/fraud-scoring-mlflow",
}


def options(role: str) -> dict[str, Any]:
    """The options in the role's argument specification."""
    text = (ROLES / role / "meta" / "argument_specs.yml").read_text(encoding="utf-8")
    found: dict[str, Any] = yaml.safe_load(text)["argument_specs"]["main"]["options"]
    return found


def defaults(role: str) -> dict[str, Any]:
    """The role's defaults/main.yml, worked out."""
    found: dict[str, Any] = yaml.safe_load((ROLES / role / "defaults" / "main.yml").read_text(encoding="utf-8"))
    templar = Templar(loader=DataLoader(), variables={"stack_name": REQUIRED["stack_name"]})
    return {
        # A list that an inventory may give under a shorter name.
        name: templar.template(trust_as_template(value)) if str(value).endswith("default([]) }}") else value
        for name, value in found.items()
    }


def variables(**overrides: Any) -> RoleVariables:
    """The variables of all roles, as the lookups have them."""
    return RoleVariables(
        Templar(loader=DataLoader(), variables={}), {**REQUIRED, **overrides}, list(problems.INPUT_CHECKS)
    )


def everything(**overrides: Any) -> dict[str, Any]:
    """All variables of all roles, in their own types."""
    found = variables(**overrides)
    assert [text for texts in found.problems.values() for text in texts] == []
    return found.values


def inputs(role: str, **overrides: Any) -> dict[str, Any]:
    """All variables of the role, in their own types."""
    found = everything(**overrides)
    return {name: found[name] for name in options(role)}


#: What stack_info answers in an account without the stack.
NOTHING: dict[str, Any] = {
    **dict.fromkeys(("network", "secrets", "rds", "storage", "alb")),
    "ecs_mlflow": {"service_arn": None},
    "elastic_ips": [],
}
REGION_FACTS: dict[str, Any] = {
    "account_id": "123456789012",
    "partition": "aws",
    "region": "eu-west-2",
    "zones": ["eu-west-2a", "eu-west-2b", "eu-west-2c"],
    "postgres_versions": ["14.9", "15.4", "15.10", "16.3"],
}


def stack(
    resources: Mapping[str, Any] | None = None, current: Mapping[str, Any] | None = None, **overrides: Any
) -> Stack:
    """A stack of the inventory's variables, of which nothing exists but ``resources``.

    :param current: by component, kind and name, the fields of what exists.
    """
    inputs_of_all = everything(**overrides)
    return Stack(
        inputs=inputs_of_all,
        names=stack_names(inputs_of_all["stack_name"], inputs_of_all["stack_region"]),
        resources={**NOTHING, **(resources or {})},
        region=REGION_FACTS,
        current=current or {},
        code=lambda: {"install": "install()", "payload": "UEs="},
    )


def input_problems(role: str, **overrides: Any) -> list[str]:
    """What the preflight says of the role's variables, without a call to AWS."""
    found = variables(**overrides)
    return found.problems[role] + found.without_consequences(problems.INPUT_CHECKS[role](found.values))
