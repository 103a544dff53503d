# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The quick path and a run of every module agree on generated changes of every variable of every role.

A round changes many variables at once. The plan names, for each of them, the fields that it sets, and nothing else; a
full run tells the same and changes just those resources; and afterwards the comparison, which reads AWS anew, finds
every field as wanted. Each test takes the stack that the one before left, so a failure makes the later ones
meaningless. ``CHANGES_SEED`` chooses other values.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest

from emulator.addresses import free_port
from tests.deployed.deployed_changes import BASE, CHANGES, ROUNDS, Effect, Facts, generated, inventory
from tests.deployed.deployed_drifts import scale_by_hand
from tests.deployed.deployed_runs import Site
from tests.deployed.deployed_stack import ROOT
from tests.deployed.deployed_verdicts import Verdicts, settled
from tests.deployed.deployed_words import words
from tests.unit.plugins.mlflow.mlflow_certificates import files

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2700)]

SEED = int(os.environ.get("CHANGES_SEED", "4"))
#: What compares and writes; the logins and the proof follow at the end.
AWS = "network,secrets,rds,storage,alb,ecs_mlflow"
#: Files on the controller, and what a run says of itself.
FILES = {
    "mlops.mlflow_aws.mlflow_access : Client | Write the settings of MLflow clients",
    "mlops.mlflow_aws.verify : Result | Keep the result",
}


@dataclass
class Course:
    """A stack, and the variables that it was changed by so far.

    :param values: variables beside those of the inventory.
    """

    site: Site
    facts: Facts
    values: dict[str, Any] = field(default_factory=dict)

    def now(self) -> dict[str, Any]:
        """The present value of each variable; None for a template."""
        return {**dict.fromkeys(CHANGES), **inventory(), **self.site.variables(), **self.values}

    def plan(self, tags: str = AWS, **more: Any) -> set[str]:
        """What a run in check mode says that it would do."""
        output = self.site.run(tags=tags, check=True, **{**self.values, **more}).assert_good().output
        lines = [line.strip() for line in output[output.index("\nPLAN [") :].splitlines()[2:]]
        return set(lines[: next(index for index, line in enumerate(lines) if " to create, " in line)])

    def full_run(self, tags: str = AWS, **more: Any) -> Verdicts:
        """Run every module."""
        return self.site.full_run(tags=tags, **{**self.values, **more})

    def drift(self) -> list[dict[str, Any]]:
        """What drift.yml finds."""
        ended = self.site.run("playbooks/drift.yml", **self.values)
        found = json.loads((self.site.output / "drift.json").read_text(encoding="utf-8"))
        assert ended.code == (2 if found["drift"] else 0), ended.output[-3000:]
        changes: list[dict[str, Any]] = found["changes"]
        return changes


def image_with_mlflow(site: Site, name: str) -> None:
    """Make an image that the embedded AWS can pull, with MLflow 3.17.2 in it."""
    folder = site.folder / "image"
    uv = str(Path(sys.executable).with_name("uv"))
    env = {**os.environ, "UV_CACHE_DIR": str(ROOT / ".cache" / "emulator" / "uv")}
    pins = ROOT / "roles" / "ecs_mlflow" / "files" / "mlflow_aws" / "requirements" / "3.17.2.txt"
    for command in (
        ["venv", "--quiet", "--python", sys.executable, str(folder)],
        ["pip", "install", "--quiet", "--no-deps", "--python", str(folder / "bin" / "python"), "-r", str(pins)],
    ):
        subprocess.run([uv, *command], env=env, check=True, timeout=300)
    (site.state / "images.json").write_text(json.dumps({name: str(folder)}), encoding="utf-8")


def boundary(site: Site) -> str:
    """A permissions boundary that allows all: no round is about what one forbids."""
    statement = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    made = site.stack.aws("iam").create_policy(PolicyName="mlflow-boundary", PolicyDocument=policy)
    return str(made["Policy"]["Arn"])


def facts(site: Site) -> Facts:
    """What the account has for the changes: a key, a certificate, an image, a policy."""
    stack = site.stack
    made, key = files(site.folder, "mlflow.example.org")
    found = Facts(
        key=stack.aws("kms").create_key()["KeyMetadata"]["Arn"],
        port=free_port(),
        url=stack.url,
        account=stack.aws("sts").get_caller_identity()["Account"],
        folder=str(site.folder / "elsewhere"),
        boundary=boundary(site),
        certificate=stack.aws("acm").import_certificate(Certificate=made.read_bytes(), PrivateKey=key.read_bytes())[
            "CertificateArn"
        ],
    )
    image_with_mlflow(site, found.image)
    return found


@pytest.fixture(scope="module")
def course(account: Site) -> Course:
    """The deployed stack."""
    print(f"CHANGES_SEED={SEED}")
    account.deploy(**BASE)
    return Course(account, facts(account), dict(BASE))


def unexplained(told: list[dict[str, Any]], names: Iterable[str]) -> tuple[list[str], list[str]]:
    """What the plan should have named for these variables and did not, and what it named for none of them."""
    fields = {
        (row["kind"], one)
        for row in told
        for one in ({*row["before"], *row["after"]} if row["action"] == "change" else {row["action"]})
        if one != "rollout"
    }
    missed, explained = [], set()
    for name in names:
        for kind, pattern in CHANGES[name].tells.items():
            fitting = {one for one in fields if one[0] == kind and re.fullmatch(pattern, one[1])}
            missed += [] if fitting else [f"{name}: {kind} {pattern}"]
            explained |= fitting
    return missed, sorted(f"{kind}: {one}" for kind, one in fields - explained)


def test_a_number_of_tasks_that_somebody_changed_is_drift_without_autoscaling(course: Course) -> None:
    stack = course.site.stack
    scale_by_hand(stack, BASE["ecs_mlflow_desired_count"] + 1)
    found = course.full_run("ecs_mlflow")
    found.assert_agree()
    assert settled(found.words()) == {f"change service {stack.name}: desired_count"}
    assert course.drift() == []


@pytest.mark.parametrize("number", ROUNDS)
def test_the_plan_and_a_full_run_agree_on_generated_changes(course: Course, number: int) -> None:
    new = generated(number, Random(f"{SEED}/{number}"), course.now(), course.facts)
    course.values |= new
    print(f"round {number}: {json.dumps(new)}")
    planned = course.plan()
    found = course.full_run()

    found.assert_agree()
    assert settled(planned) == settled(found.words())
    assert unexplained(found.told, new) == ([], [])
    assert course.drift() == []


def test_what_can_go_back_goes_back_in_one_quick_run(course: Course) -> None:
    course.values = {name: value for name, value in course.values.items() if name in BASE or CHANGES[name].stays}
    course.site.run(**course.values).assert_good()
    assert course.drift() == []
    found = course.full_run("")
    found.assert_agree()
    assert (found.told, found.changed, found.access) == ([], set(), [])


def test_variables_that_are_not_for_aws_change_nothing_in_it(course: Course) -> None:
    chance, now = Random(SEED), course.now()
    new = {
        name: row.value(chance, now[name], course.facts)
        for name, row in CHANGES.items()
        # Both of its values are run below.
        if row.effect in (Effect.QUIET, Effect.PROOF) and name != "stack_full_run"
    }
    new["stack_account_id"] = course.facts.account
    before = words(course.site.stack)
    found = course.full_run("", **new)
    found.assert_agree()
    assert (found.told, found.changed) == ([], set())
    assert set(found.access) <= FILES
    ended = course.site.run(**{**course.values, **new}).assert_good()
    assert set(ended.changed_tasks()) <= FILES
    assert words(course.site.stack) == before


@pytest.mark.parametrize("name", [name for name, row in CHANGES.items() if row.effect is Effect.REFUSED])
@pytest.mark.parametrize("full", [False, True])
def test_what_cannot_change_is_refused_before_anything_is_written(course: Course, name: str, full: bool) -> None:
    value = CHANGES[name].value(Random(SEED), course.now()[name], course.facts)
    ended = course.site.run(**{**course.values, name: value, "stack_full_run": full})
    assert ended.code == 2, ended.output[-3000:]
    assert ended.recap()["changed"] == 0
    (message,) = ended.messages()
    assert re.search(CHANGES[name].says, message, re.MULTILINE), message


def test_another_name_is_another_stack(course: Course) -> None:
    name = CHANGES["stack_name"].value(Random(SEED), None, course.facts)
    other = {"stack_name": name, "storage_bucket": f"{name}-models"}
    before = words(course.site.stack)
    planned = course.plan(**other)
    assert course.plan(**other, stack_full_run=True) == planned
    assert {f"create VPC {name}", f"create service {name}"} <= planned
    assert words(course.site.stack) == before


def test_users_and_permissions_are_made_once_whatever_the_path(course: Course) -> None:
    rows = {name: row for name, row in CHANGES.items() if row.effect is Effect.ACCESS}
    course.values |= {name: row.value(Random(SEED), None, course.facts) for name, row in rows.items()}
    assert len(course.plan("mlflow_access")) >= len(rows)
    assert course.site.run(tags="mlflow_access", **course.values).assert_good().recap()["changed"] >= len(rows)
    assert course.plan("mlflow_access") == set()
    found = course.full_run("mlflow_access")
    assert (found.failures, found.changed, found.access) == ([], set(), [])
