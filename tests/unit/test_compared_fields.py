# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every argument that a role gives to a module of AWS is one that the comparison knows.

A field that was added to a task alone would be changed by a full run and missed by plan, drift and quick re-runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
ROLES = ("network", "secrets", "rds", "storage", "alb", "ecs_mlflow")
AWS = (
    "amazon.aws.",
    "community.aws.",
    "mlops.mlflow_aws.artifact_bucket",
    "mlops.mlflow_aws.ec2_owned",
    "mlops.mlflow_aws.ecs_",
    "mlops.mlflow_aws.rds_",
    "mlops.mlflow_aws.secret_",
    "mlops.mlflow_aws.target_group",
    "mlops.mlflow_aws.vpc_endpoint_policy",
)
#: Task files that a site run does not use to set anything.
OTHERS = ("destroy", "destroy_vpc", "rotate")

#: How a module works, and by what it finds its resource.
MANNER = {
    "state", "wait", "wait_timeout", "name", "id", "lookup", "purge_tags", "purge_routes", "overwrite",
    "recovery_window", "iam_type", "iam_name", "policy_name", "log_group_name", "cluster", "service", "family", "group",
    "in_vpc", "kind", "if_exist_do_not_create", "create_instance_profile",
    "modify_targets", "apply_immediately", "rule_id", "started_by", "once_per_revision", "overrides", "public_ip",
    "keep_desired_count", "roles_changed", "keep", "keep_revisions", "keep_used_in", "force_update_password",
}  # fmt: skip
#: Ids of other resources. The settings name them instead, by block or name.
REFERENCES = {
    "vpc_id", "internet_gateway_id", "route_table_id", "route_table_ids", "subnet_id", "allocation_id",
    "nat_gateway_id", "vpc_endpoint_id", "subnets", "security_groups", "vpc_security_group_ids", "task_definition",
    "load_balancers", "cidr", "routes", "listeners",
}  # fmt: skip
#: Set when a resource is made, and never changed by the module: why it is not compared.
AT_CREATION = {
    ("amazon.aws.rds_instance", "engine"): "another engine is another database",
    ("amazon.aws.rds_instance", "kms_key_id"): "RDS cannot change it",
    ("amazon.aws.rds_instance", "master_username"): "RDS cannot change it",
    ("amazon.aws.rds_instance", "master_user_password"): "a secret; given for the creation only",
    ("amazon.aws.rds_instance", "port"): "given for the creation only; preflight refuses another one",
    ("amazon.aws.ec2_security_group", "description"): "EC2 cannot change it",
    ("amazon.aws.ec2_vpc_endpoint", "service"): "another service is another endpoint",
    ("amazon.aws.ec2_vpc_endpoint", "vpc_endpoint_type"): "another type is another endpoint",
    ("community.aws.secretsmanager_secret", "description"): "with overwrite false the module leaves it alone",
    ("community.aws.secretsmanager_secret", "json_secret"): "a secret; with overwrite false the module leaves it alone",
    ("community.aws.secretsmanager_secret", "kms_key_id"): "with overwrite false the module leaves it alone",
    ("mlops.mlflow_aws.ecs_task_run", "assign_public_ip"): "of a task that runs once",
    ("mlops.mlflow_aws.ecs_task_run", "tags"): "of a task that runs once",
}
#: Arguments whose value is written in the task and stands in the wanted settings under another name.
ELSEWHERE = {
    ("amazon.aws.iam_role", "description"): "wanted_roles",
    ("amazon.aws.s3_bucket", "encryption"): "__storage_settings",
    ("mlops.mlflow_aws.rds_parameters", "parameters"): "parameter_texts",
    ("mlops.mlflow_aws.ecs_scaling", "min_capacity"): "min_capacity",
    ("mlops.mlflow_aws.ecs_scaling", "max_capacity"): "max_capacity",
}


def _tasks(nodes: Any) -> Iterator[dict[str, Any]]:
    for node in nodes or []:
        if "block" in node:
            yield from _tasks(node["block"])
        else:
            yield node


def _arguments(role: str) -> list[tuple[str, str, Any]]:
    found = []
    for path in sorted((ROOT / "roles" / role / "tasks").glob("*.yml")):
        if path.stem in OTHERS:
            continue
        for task in _tasks(yaml.safe_load(path.read_text(encoding="utf-8"))):
            for module, arguments in task.items():
                if module.startswith(AWS):
                    found += [(module, name, value) for name, value in arguments.items()]
    return found


@pytest.mark.parametrize("role", ROLES)
def test_each_argument_is_compared_or_has_a_reason(role: str) -> None:
    variables = (ROOT / "roles" / role / "vars" / "main.yml").read_text(encoding="utf-8")
    wanted = variables[variables.index(f"__{role}_wanted:") :]
    unknown = []
    for module, name, value in _arguments(role):
        if name in MANNER | REFERENCES or (module, name) in AT_CREATION:
            continue
        if name == "tags":
            # The comparison says which tags a run sets: those that are somebody else's to change are not among them.
            assert f"__{role}_plan.tags" in value, f"{module} {name}: {value}"
            continue
        if (module, name) in ELSEWHERE:
            assert ELSEWHERE[module, name] in variables, (module, name)
            continue
        # Taken from a variable of the role that the wanted settings are made of, under the argument's own name.
        source = re.findall(rf"(__{role}_\w+|item\.value)\b", yaml.safe_dump(value))
        if not any(one == "item.value" or _reaches(one, wanted, variables) for one in source):
            unknown.append(f"{module} {name}: {value}")
    assert unknown == []


def _reaches(variable: str, text: str, variables: str, seen: frozenset[str] = frozenset()) -> bool:
    """Whether ``text`` names a variable, itself or through other variables of the role."""
    names = set(re.findall(r"__\w+", text)) - seen
    if variable in names:
        return True
    for name in names:
        body = re.search(rf"(?ms)^{name}:(.*?)(?=^\S|\Z)", variables)
        if body and _reaches(variable, body[1], variables, seen | names):
            return True
    return False


def test_the_exceptions_are_used() -> None:
    used = {(module, name) for one in ROLES for module, name, _ in _arguments(one)}
    assert set(AT_CREATION) | set(ELSEWHERE) <= used
    assert {name for _, name in used} >= MANNER | REFERENCES


@pytest.mark.parametrize("role", [*ROLES, "mlflow_access"])
def test_no_task_removes_the_tags_that_others_set(role: str) -> None:
    """``purge_tags`` is true by default: what somebody tags after the comparison has looked would be removed."""
    purging = []
    for path in sorted((ROOT / "roles" / role / "tasks").glob("*.yml")):
        for task in _tasks(yaml.safe_load(path.read_text(encoding="utf-8"))):
            for module, arguments in task.items():
                # What is new has no tags before.
                new = module.endswith(("ecs_task_run", "mlflow_aws.target_group", "ec2_owned", "artifact_bucket"))
                tagging = module.startswith(AWS) and "tags" in arguments and not new
                if tagging and arguments.get("purge_tags") is not False:
                    purging.append(f"{path.name}: {task['name']}")
    assert purging == []


def test_each_role_removes_the_tags_that_stack_tags_no_longer_names_before_it_writes() -> None:
    """After it, a new record of the resource's tags would not name them any more, and a killed run would leave them."""
    for role in ROLES:
        tasks = yaml.safe_load((ROOT / "roles" / role / "tasks" / "main.yml").read_text(encoding="utf-8"))
        (writing,) = [task["block"] for task in tasks if "block" in task]
        assert writing[0]["mlops.mlflow_aws.stack_untag"] == {"resources": f"{{{{ __{role}_plan.untag }}}}"}
