# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of generated changes (tests/deployed/test_site_changes.py) has every variable, and makes valid values."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
import yaml
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.tagging import tag_record
from ansible_collections.mlops.mlflow_aws.plugins.modules.ec2_owned import ARGUMENTS

from tests.deployed.deployed_changes import BASE, CHANGES, ROUNDS, Effect, Facts, generated, inventory
from tests.deployed.deployed_verdicts import OWNED, OWNED_KINDS, UNTAG, WRITERS, verdicts
from tests.unit.plugins.stack.stack_inputs import ROLES, input_problems, options

NAMES = sorted(path.name for path in ROLES.iterdir() if path.is_dir())


def start() -> dict[str, Any]:
    """The present value of each variable on ``inventories/local``."""
    return {**inventory(), **BASE}


def refusals(values: dict[str, Any]) -> list[str]:
    """What the roles' own checks say against these values."""
    return [
        problem
        for role in NAMES
        for problem in input_problems(role, **{name: values[name] for name in options(role) if name in values})
    ]


def test_every_variable_of_every_role_has_a_row_and_no_other() -> None:
    assert sorted(CHANGES) == sorted(name for role in NAMES for name in options(role))


def test_there_are_more_than_fifty_changes() -> None:
    assert sum(len(row.rounds) for row in CHANGES.values()) >= 50


@pytest.mark.parametrize("name", CHANGES)
def test_each_row_says_what_is_to_be_seen(name: str) -> None:
    row = CHANGES[name]
    assert bool(row.rounds and row.tells) == (row.effect is Effect.WRITTEN)
    assert set(row.rounds) <= set(ROUNDS)
    assert bool(row.says) == (row.effect is Effect.REFUSED)


@pytest.mark.parametrize("seed", range(8))
def test_the_values_of_every_round_are_valid_and_new(seed: int) -> None:
    values = start()
    for number in ROUNDS:
        new = generated(number, Random(f"{seed}/{number}"), values, Facts())
        assert [name for name, value in new.items() if str(value) == str(values.get(name))] == []
        values |= new
        assert refusals(values) == []


@pytest.mark.parametrize("seed", range(5))
def test_the_other_values_are_valid(seed: int) -> None:
    values = start()
    for name, row in CHANGES.items():
        if row.effect in (Effect.QUIET, Effect.PROOF, Effect.ACCESS, Effect.BROUGHT):
            values[name] = row.value(Random(seed), values.get(name), Facts())
    assert refusals(values) == []


def test_the_record_of_the_tags_is_told_with_the_tags() -> None:
    """Each resource says in a tag which keys of stack_tags it was given (plugins/module_utils/_stack/tagging.py)."""
    tags = generated(1, Random("4/1"), start(), Facts())["stack_tags"]
    assert tags.keys() != start()["stack_tags"].keys()
    told = [f"tags.{key}" for key in {**tags, **tag_record(tags)}]
    for pattern in CHANGES["stack_tags"].tells.values():
        assert [one for one in told if not re.fullmatch(pattern, one)] == []


def test_a_value_that_is_not_valid_is_seen() -> None:
    (problem,) = refusals({**start(), "alb_idle_timeout": 0})
    assert problem.startswith("alb_idle_timeout: 0")


def test_what_a_seed_makes_is_always_the_same() -> None:
    assert generated(1, Random("4/1"), start(), Facts()) == generated(1, Random("4/1"), start(), Facts())


def _modules(nodes: Any) -> Iterator[str]:
    for node in nodes or []:
        yield from _modules(node.get("block"))
        yield from (key for key in node if key.count(".") == 2)


def test_every_module_that_writes_to_aws_is_known() -> None:
    """A module of a role that the verdicts do not know would count as no change of AWS."""
    others = {"mlops.mlflow_aws.stack_info", "mlops.mlflow_aws.stack_plan", UNTAG}
    used = {
        module
        for role in ("network", "secrets", "rds", "storage", "alb", "ecs_mlflow")
        for path in (ROLES / role / "tasks").glob("*.yml")
        if path.stem not in ("destroy", "rotate")
        for module in _modules(yaml.safe_load(path.read_text(encoding="utf-8")))
        if module.startswith(("amazon.", "community.", "mlops."))
    }
    assert used - others == {*WRITERS, OWNED}


def test_of_the_module_with_two_kinds_each_is_told_apart() -> None:
    """What it takes for a kind is what its option says."""
    assert set(OWNED_KINDS) == set(ARGUMENTS["kind"]["choices"])
    tags = {"Name": "fraud", "mlflow:stack": "fraud"}
    results = [
        {"changed": True, "invocation": {"module_args": {"kind": kind, "tags": tags}}} for kind in ("vpc", "elastic-ip")
    ]
    tasks = [{"task": {"name": "x"}, "hosts": {"h": {"action": OWNED, **result}}} for result in results]
    found = verdicts(json.dumps({"plays": [{"tasks": tasks}]}, indent=1))
    assert found.changed == {("VPC", "fraud"), ("elastic address", "")}


PLANNED = {
    "action": "mlops.mlflow_aws.stack_plan",
    "changes": [{"action": "change", "kind": "bucket", "name": "b", "before": {"x": 1}, "after": {"x": 2}}],
}
TOUCHED = {"action": "amazon.aws.s3_bucket", "changed": True, "invocation": {"module_args": {"name": "b"}}}
LOOPED = {
    "action": "amazon.aws.ec2_vpc_subnet",
    "changed": True,
    "results": [
        {"changed": one, "invocation": {"module_args": {"cidr": cidr}}}
        for cidr, one in (("10.0.1.0/24", False), ("10.0.2.0/24", True))
    ],
}


def _report(*results: dict[str, Any]) -> str:
    tasks = [{"task": {"name": "T"}, "hosts": {"stack": result}} for result in results]
    return "[WARNING]: something\n" + json.dumps({"plays": [{"tasks": tasks}]}, indent=4) + "\n"


def test_verdicts_of_a_run() -> None:
    found = verdicts(_report(PLANNED, TOUCHED, LOOPED, {"action": "ansible.builtin.file", "changed": True}))
    assert found.changed == {("bucket", "b"), ("subnet", "10.0.2.0/24")}
    assert found.words() == {"change bucket b: x"}
    assert (found.access, found.failures) == (["T"], [])


def test_verdicts_agree_where_each_resource_that_is_told_changes() -> None:
    verdicts(_report(PLANNED, TOUCHED)).assert_agree()


@pytest.mark.parametrize("results", [(PLANNED,), (TOUCHED,), (PLANNED, TOUCHED, LOOPED)])
def test_verdicts_do_not_agree_where_one_is_missed(results: tuple[dict[str, Any], ...]) -> None:
    with pytest.raises(AssertionError):
        verdicts(_report(*results)).assert_agree()


def test_a_failed_task_is_no_agreement() -> None:
    failed = {**TOUCHED, "changed": False, "failed": True, "msg": "no"}
    found = verdicts(_report(failed))
    assert found.failures == ["T: no"]
    with pytest.raises(AssertionError):
        found.assert_agree()
