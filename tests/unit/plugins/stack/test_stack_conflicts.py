# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two stacks of one inventory may share an account and a bucket, and nothing that one of them would break."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._preflight.conflicts import (
    VARIABLES,
    conflicts,
    overlapping,
)

from tests.unit.plugins.stack.stack_inputs import ROLES

ROOT = ROLES.parent
FRAUD = {**VARIABLES, "stack_name": "fraud", "stack_region": "eu-west-2", "storage_bucket": "fraud-models"}
CREDIT = {**VARIABLES, "stack_name": "credit", "stack_region": "eu-west-2", "storage_bucket": "credit-models"}
ONE_BUCKET = {"storage_bucket": "fraud-models", "stack_artifact_prefix": "credit"}


@pytest.mark.parametrize(
    "other",
    [
        {},
        ONE_BUCKET,
        # A prefix that only begins alike is another one.
        {**ONE_BUCKET, "stack_artifact_prefix": "mlflow-artifacts-2"},
        {"stack_name": "fraud", "stack_region": "eu-west-1", "stack_output_dir": "/srv/two"},
        {"stack_name": "fraud-2"},
        # Host and stack of another account.
        {"stack_name": "fraud", "stack_account_id": "2" * 12, "stack_output_dir": "/srv/two"},
        # The checks of the variables say what is wrong here.
        {"stack_name": "", "storage_bucket": "fraud-models"},
    ],
)
def test_stacks_side_by_side(other: dict[str, Any]) -> None:
    assert conflicts({"one": {**FRAUD, "stack_account_id": "1" * 12}, "two": {**CREDIT, **other}}) == []


@pytest.mark.parametrize(
    ("other", "says"),
    [
        ({"stack_name": "fraud"}, ("stack_name: 'fraud' is the stack of both one and two in eu-west-2", "of its own")),
        (
            {"stack_name": "fraud-migration"},
            (
                "stack_name: 'fraud' (one) and 'fraud-migration' (two)",
                "task definition fraud-migration",
                "choose another",
            ),
        ),
        (
            {"stack_name": "fraud", "stack_region": "eu-west-1"},
            ("stack_output_dir: one and two", "give each a stack_output_dir"),
        ),
        (
            {"storage_bucket": "fraud-models"},
            ("stack_artifact_prefix: one and two", "'mlflow-artifacts' of bucket fraud-models", "give each a prefix"),
        ),
        (
            {**ONE_BUCKET, "stack_artifact_prefix": "mlflow-artifacts/credit"},
            ("stack_artifact_prefix: one and two", "under 'mlflow-artifacts' of bucket", "give each a prefix"),
        ),
        (
            {**ONE_BUCKET, "storage_kms_key_id": "arn:aws:kms:x"},
            ("storage_kms_key_id: one and two", "'' and 'arn:aws:kms:x'", "give both the same"),
        ),
    ],
)
def test_a_conflict_is_one_sentence(other: dict[str, Any], says: tuple[str, ...]) -> None:
    (sentence,) = conflicts({"one": FRAUD, "two": {**CREDIT, **other}})
    assert all(part in sentence for part in says), sentence


def test_one_folder_for_two_is_told_with_and_without_a_slash() -> None:
    (sentence,) = conflicts(
        {"one": {**FRAUD, "stack_output_dir": "/srv/out"}, "two": {**CREDIT, "stack_output_dir": "/srv/out/"}}
    )
    assert sentence.startswith("stack_output_dir: one and two")


def test_each_pair_of_three_is_looked_at() -> None:
    found = conflicts({host: {**FRAUD, "stack_output_dir": host} for host in ("one", "two", "three")})
    assert [re.findall(r"both (.*) in eu", sentence)[0] for sentence in found] == [
        "one and two",
        "one and three",
        "two and three",
    ]


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [("a", "a", True), ("a", "a/b", True), ("a/b", "a", True), ("a", "ab", False), ("a/b", "a/c", False)],
)
def test_prefixes_overlap_by_whole_parts(one: str, other: str, expected: bool) -> None:
    assert overlapping(one, other) is expected


def test_the_defaults_are_those_of_the_roles() -> None:
    defaults: dict[str, Any] = {}
    for role in ("stack", "storage"):
        defaults |= yaml.safe_load((ROLES / role / "defaults" / "main.yml").read_text(encoding="utf-8"))
    # The folder of a stack is made of its name.
    assert defaults.pop("stack_output_dir").endswith("/{{ stack_name }}")
    assert {name: value for name, value in VARIABLES.items() if name in defaults} == {
        name: value for name, value in defaults.items() if name in VARIABLES
    }


CHECK = "mlops.mlflow_aws.stack : Inputs | Check every variable of every role"


def test_a_run_of_two_stacks_that_meet_is_refused_before_the_first_call(tmp_path: Path) -> None:
    """By the playbook itself, with variables that refer to others and to the host's name."""
    own = {"storage_bucket": "{{ stack_name }}-models", "stack_name": "{{ inventory_hostname }}"}
    hosts = {"fraud": own, "credit": {**own, "storage_bucket": "fraud-models"}, "other": own}
    play = {"stack_region": "eu-west-2", "ansible_connection": "local"}
    inventory = tmp_path / "hosts.yml"
    inventory.write_text(yaml.safe_dump({"mlflow": {"hosts": hosts, "vars": play}}), encoding="utf-8")
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "site.yml", "-i", str(inventory)]
    env = {**os.environ, "ANSIBLE_CALLBACK_RESULT_FORMAT": "json"}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 2
    assert "stack_artifact_prefix: credit and fraud would keep their artifacts" in done.stdout, done.stdout
    assert re.findall(r"^TASK \[(.*)\]", done.stdout, re.MULTILINE) == [CHECK]
