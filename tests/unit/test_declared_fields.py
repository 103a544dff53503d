# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each field of a resource is declared once, and what is declared is read, set, compared, changed and documented.

Somebody who adds a field and forgets one of these would have it changed by a full run and missed by the plan, or the
other way round.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import ansible_collections
import pytest
import yaml
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.component import Component
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.fields import Field, Kind, Variable
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.registry import COMPONENTS
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.names import stack_names

from tests.deployed.deployed_changes import CHANGES, Effect
from tests.unit.plugins.stack import stack_inputs, stack_looks, stack_whole

ROOT = Path(__file__).resolve().parents[2]
ROLES = tuple(COMPONENTS)
AWS = ("amazon.aws.", "community.aws.", "mlops.mlflow_aws.")
#: Modules of the roles that set nothing of AWS, and those whose work is not a field.
NO_FIELDS = {
    f"mlops.mlflow_aws.{name}"
    for name in ("stack_info", "stack_plan", "stack_untag", "stack_migrated", "ecs_task_run", "secret_rotation")
}
#: What these create has no tags before.
NEW = {
    f"mlops.mlflow_aws.{name}"
    for name in ("ecs_task_run", "target_group", "ec2_owned", "artifact_bucket", "security_group")
}
#: Task files that a site run does not use to set anything.
OTHERS = ("destroy", "destroy_vpc", "rotate")

#: How a module works, and by what it finds its resource.
MANNER = {
    "state", "wait", "name", "id", "lookup", "purge_tags", "purge_routes", "overwrite", "recovery_window", "iam_type",
    "iam_name", "policy_name", "log_group_name", "cluster", "service", "family", "group", "in_vpc", "kind",
    "if_exist_do_not_create", "create_instance_profile", "modify_targets", "apply_immediately", "rule_id", "public_ip",
    "roles_changed", "keep", "keep_revisions", "keep_used_in", "force_update_password", "wait_timeout",
}  # fmt: skip
#: Ids of other resources, which a task knows from the tasks before it. Plans name them by block or name.
REFERENCES = {
    "vpc_id", "internet_gateway_id", "route_table_id", "route_table_ids", "subnet_id", "allocation_id",
    "nat_gateway_id", "vpc_endpoint_id", "task_definition", "subnets", "routes", "listeners", "vpc_endpoint_type",
    "tags",
}  # fmt: skip
#: Secrets, and what counts at the creation only.
AT_CREATION = {"master_username", "master_user_password", "port", "json_secret"}
#: Fields that a task passes in another form, or that follow from what a run does: by kind and name, where.
OTHERWISE = {
    ("route table", "subnets"): "subnets",
    ("route table", "routes"): "routes",
    ("route table", "default_route"): "routes",
    ("S3 gateway endpoint", "route_tables"): "route_table_ids",
    ("listener", "protocol"): "listeners",
    ("listener", "default_actions"): "listeners",
    ("listener", "rules"): "listeners",
    ("secret", "resource_policy"): "overwrite",
    ("secret", "rotation_lambda"): "overwrite",
    ("secret", "replica"): "overwrite",
    ("lifecycle rule", "noncurrent_versions_kept"): "rule_id",
    ("lifecycle rule", "expiration"): "rule_id",
    ("lifecycle rule", "transitions"): "rule_id",
    ("IAM role", "other_policies"): "policy_name",
    ("task definition", "definition"): "containers",
    ("service", "status"): "service",
    ("service", "task_definition"): "task_definition",
    ("service", "rollout"): "wait_timeout",
    ("service", "minimum_healthy_percent"): "deployment_configuration",
    ("service", "maximum_percent"): "deployment_configuration",
    ("service", "circuit_breaker"): "deployment_configuration",
    ("scaling", "suspended"): "min_capacity",
    ("scaling", "cpu_policy"): "policies",
    ("scaling", "memory_policy"): "absent_policies",
}
KINDS = [pytest.param(component, kind, id=kind.name) for component in COMPONENTS.values() for kind in component.kinds]


def _tasks(nodes: Any) -> Iterator[dict[str, Any]]:
    for node in nodes or []:
        if "block" in node:
            yield from _tasks(node["block"])
        else:
            yield node


@cache
def _setting_tasks(role: str) -> list[dict[str, Any]]:
    """The tasks by which a site run sets something."""
    return [
        task
        for path in sorted((ROOT / "roles" / role / "tasks").glob("*.yml"))
        if path.stem not in OTHERS
        for task in _tasks(yaml.safe_load(path.read_text(encoding="utf-8")))
    ]


def _calls(role: str) -> list[tuple[str, Mapping[str, Any], str]]:
    """Module, arguments and the options that the plan passes, of each task that sets something of AWS."""
    return [
        (module, arguments or {}, str(task.get("module_defaults", {}).get(module, "")))
        for task in _setting_tasks(role)
        for module, arguments in task.items()
        if module.startswith(AWS) and module not in NO_FIELDS
    ]


def _passed(role: str, module: str) -> set[str]:
    """The options that a plan passes to a module."""
    kinds = COMPONENTS[role].kinds if role in COMPONENTS else ()
    found = {
        one.option or one.name
        for kind in kinds
        for one in kind.fields
        if module in (kind.modules if one.modules is None else one.modules)
    }
    tagging = any(module in kind.modules and module not in kind.untagged and kind.tags for kind in kinds)
    return found | ({"tags"} if tagging else set())


@cache
def _options(module: str) -> set[str]:
    """The options in a module's documentation."""
    namespace, collection, name = module.split(".")
    folders = [ROOT / "collections" / "ansible_collections", *map(Path, ansible_collections.__path__)]
    paths = (folder / namespace / collection / "plugins" / "modules" / f"{name}.py" for folder in folders)
    source = ast.parse(next(path for path in paths if path.exists()).read_text(encoding="utf-8"))
    (text,) = [
        node.value.value
        for node in source.body
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Constant)
        and [getattr(target, "id", "") for target in node.targets] == ["DOCUMENTATION"]
    ]
    documented: dict[str, Any] = yaml.safe_load(str(text))
    names = set(documented["options"])
    return names | {alias for option in documented["options"].values() for alias in option.get("aliases", [])}


@pytest.mark.parametrize("role", ROLES)
def test_what_a_task_sets_is_declared(role: str) -> None:
    unknown = []
    for module, arguments, _passed_options in _calls(role):
        unknown += [f"{module} {name}" for name in arguments if name not in MANNER | REFERENCES | AT_CREATION]
        # Its declaration says what it passes; twice would be two homes.
        declared = _passed(role, module) - MANNER - {"tags"}
        unknown += [f"{module} {name} is declared too" for name in arguments if name in declared]
    assert unknown == []


@pytest.mark.parametrize(("component", "kind"), KINDS)
def test_what_is_declared_is_set_by_a_task(component: Component, kind: Kind) -> None:
    calls = _calls(component.name)
    for module in kind.modules:
        if kind not in component.created(stack_inputs.everything()):
            continue
        passing = [text for name, _arguments, text in calls if name == module and text]
        assert passing, f"no task of {component.name} passes {module} its options"
    for one in kind.compared:
        if one.name.startswith("_"):
            continue
        setting = [module for module in kind.modules if one.modules is None or module in one.modules]
        where = OTHERWISE.get((kind.name, one.name))
        assert bool(setting) != bool(where), f"{kind.name} {one.name} is set by no task, or in two ways"
        for module in setting:
            option = one.option or one.name
            assert option in _options(module), f"{module} has no option {option}"
        if where:
            arguments = {name for module, given, _text in calls for name in {*given, *_passed(component.name, module)}}
            assert where in arguments, f"{kind.name} {one.name}: no task of {component.name} sets {where}"


def test_the_exceptions_are_used() -> None:
    declared = {
        (kind.name, one.name) for component in COMPONENTS.values() for kind in component.kinds for one in kind.compared
    }
    assert set(OTHERWISE) <= declared
    used = {name for role in ROLES for _module, arguments, _text in _calls(role) for name in arguments}
    passed = {name for role in ROLES for module, _arguments, _text in _calls(role) for name in _passed(role, module)}
    assert used | passed >= MANNER | REFERENCES | AT_CREATION


def test_what_is_declared_is_read(aws: Any) -> None:
    """Of a whole stack, each field of each kind has a value: a wrong path in a declaration would find none."""
    names = stack_names("declared", "eu-west-2")
    clients = stack_looks.clients(aws.client)
    stack_whole.make(clients, names, "eu-west-2", {})
    current = stack_whole.settings(clients, names, "eu-west-2")
    # Where AWS has no value, None stands for it.
    empty = {
        ("bucket", "encryption"),
        ("bucket", "encryption_key_id"),
        ("lifecycle rule", "abort_incomplete_multipart_upload_days"),
    }
    never = [
        (kind.name, one.name)
        for component in COMPONENTS.values()
        for kind in component.kinds
        for one in kind.compared
        if current[kind.name] and all(row.get(one.name) is None for row in current[kind.name].values())
    ]
    assert set(never) <= empty
    assert {kind for kind, rows in current.items() if not rows} <= {
        "VPC endpoint",
        "migration",
        "former database login",
    }


@pytest.mark.parametrize(("component", "kind"), KINDS)
def test_each_field_says_how_it_is_read_and_what_is_desired(component: Component, kind: Kind) -> None:
    for one in kind.fields:
        assert bool(one.current) != bool(one.uncompared), f"{kind.name} {one.name} is read, or says why it is not"
        assert not one.uncompared or len(one.uncompared) > 8, one.uncompared


VARIABLES = [
    pytest.param(kind, one, one.desired, id=f"{kind.name} {one.name}")
    for component in COMPONENTS.values()
    for kind in component.kinds
    for one in kind.fields
    if isinstance(one.desired, Variable)
]


@pytest.mark.parametrize(("kind", "one", "variable"), VARIABLES)
def test_a_variable_has_a_row_of_changes_that_names_its_field(kind: Kind, one: Field, variable: Variable) -> None:
    row = CHANGES[variable.name]
    if row.effect is Effect.WRITTEN and not one.uncompared:
        assert kind.name in row.tells, f"{variable.name} changes {kind.name} {one.name}, and its row says nothing of it"
        assert re.search(row.tells[kind.name], one.name) or row.tells[kind.name] in ("create", "remove")


def test_what_a_change_is_to_say_names_declared_fields() -> None:
    """A field that is called otherwise by now would leave its row of changes waiting for words that never come."""
    kinds = {kind.name: kind for component in COMPONENTS.values() for kind in component.kinds}
    for variable, row in CHANGES.items():
        for name, pattern in row.tells.items():
            fields = {"create", "remove", "tags", *(one.name for one in kinds[name].compared)}
            head = pattern.partition(r"\.")[0]
            assert set(head.split("|")) <= fields, f"{variable}: {name} has no field {head}"


def _documented() -> dict[str, str]:
    found = {}
    for role in stack_inputs.ROLES.iterdir():
        for name, option in stack_inputs.options(role.name).items() if role.is_dir() else ():
            text = option["description"]
            found[name] = " ".join(text) if isinstance(text, list) else text
    return found


@pytest.mark.parametrize(("kind", "one", "variable"), VARIABLES)
def test_a_variable_is_documented_with_its_range(kind: Kind, one: Field, variable: Variable) -> None:
    text = _documented()[variable.name]
    if variable.range:
        assert f"{variable.range.low} to {variable.range.high}" in text, f"{variable.name}: {text}"


def test_each_variable_reaches_something() -> None:
    """A variable that is checked and documented, and that no desired value and no task asks for, changes nothing."""
    sources = [
        *(ROOT / "plugins" / "module_utils" / "_components").rglob("*.py"),
        *(ROOT / "roles").glob("*/tasks/*.yml"),
        *(ROOT / "roles").glob("*/vars/*.yml"),
        *(ROOT / "roles").glob("*/templates/*"),
        *(ROOT / "playbooks").rglob("*.yml"),
    ]
    texts = [path.read_text(encoding="utf-8") for path in sources if path.name != "checks.py"]
    dynamic = {
        "network_public_cidrs",
        "network_private_cidrs",
        "ecs_mlflow_autoscaling_cpu",
        "ecs_mlflow_autoscaling_memory",
    }
    # Used by the lookups, which every role asks first.
    checks = {"stack_ignore_variables", "stack_account_id"}
    unused = [name for name in _documented() if not any(re.search(rf"\b{name}\b", text) for text in texts)]
    assert set(unused) <= dynamic | checks


@pytest.mark.parametrize("role", [*ROLES, "mlflow_access"])
def test_no_task_removes_the_tags_that_others_set(role: str) -> None:
    """``purge_tags`` is true by default: what somebody tags after the comparison has looked would be removed."""
    purging = []
    for path in sorted((ROOT / "roles" / role / "tasks").glob("*.yml")):
        for task in _tasks(yaml.safe_load(path.read_text(encoding="utf-8"))):
            for module, arguments in task.items():
                if not module.startswith(AWS) or module in NEW:
                    continue
                passed = _passed(role, module) if module in task.get("module_defaults", {}) else set()
                tagging = "tags" in {*(arguments or {}), *passed} and not module.startswith("mlops.mlflow_aws.mlflow_")
                if tagging and path.stem not in OTHERS and arguments.get("purge_tags") is not False:
                    purging.append(f"{path.name}: {task['name']}")
    assert purging == []


def test_each_role_removes_the_tags_that_stack_tags_no_longer_names_before_it_writes() -> None:
    """After it, a new record of the resource's tags would not name them any more, and a killed run would leave them."""
    for role in ROLES:
        tasks = yaml.safe_load((ROOT / "roles" / role / "tasks" / "main.yml").read_text(encoding="utf-8"))
        (writing,) = [task["block"] for task in tasks if "block" in task]
        assert writing[0]["mlops.mlflow_aws.stack_untag"] == {"resources": f"{{{{ __{role}_plan.untag }}}}"}
