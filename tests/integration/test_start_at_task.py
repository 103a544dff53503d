# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``--start-at-task`` begins at any part of ``site.yml``; in the middle of a role it says what to do instead."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from tests.commands import ansible
from tests.embedded import EmbeddedAws
from tests.parts import PARTS, TASKS

ROOT = Path(__file__).resolve().parents[2]
HINT = yaml.safe_load((ROOT / "roles" / "stack" / "vars" / "main.yml").read_text(encoding="utf-8"))["stack_start_hint"]

#: Nobody listens there: a run that calls AWS fails in another way.
NOWHERE = {
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "none",
}


def start_at(
    task: str, env: Mapping[str, str], *argv: str, playbook: str = "site.yml"
) -> subprocess.CompletedProcess[str]:
    begin = (playbook, "-i", "inventories/local", "--start-at-task", task)
    return ansible("ansible-playbook", *begin, *argv, env={**env, "ANSIBLE_CALLBACK_RESULT_FORMAT": "json"})


def test_the_hint_names_every_part_of_the_site() -> None:
    assert [begin["ansible.builtin.meta"] for begin in TASKS[1::2]] == ["noop"] * len(PARTS)
    for begin, role in zip(TASKS[1::2], TASKS[2::2], strict=True):
        assert (begin["name"], begin["tags"]) == (role["name"], role["tags"])
    named = re.findall(r"--start-at-task with (.*) \(docs/partial-runs\.md\)", HINT)
    assert named == [re.sub(r", (\S+)$", r" or \1", ", ".join(PARTS))]


#: One task a role, or one a file of it.
MIDDLE = (
    "Build the VPC and its subnets",
    "Route the private subnets",
    "mlops.mlflow_aws.secrets : Secrets | Make those that do not exist",
    "Create the DB instance",
    "Set the bucket up",
    "Create the load balancer",
    "Prepare what the tasks need",
    "Scale the service",
    "Admin | Make the admin what the secret says",
    "Client | Write the admin's settings",
)
#: Files of tasks that are included where the inventory has something for them.
ACCESS = {
    "Make the users": {"mlflow_access_users": [{"name": "alice"}]},
    "Make what permissions point at": {"mlflow_access_experiments": [{"name": "churn"}]},
    "Give roles and permissions": {"mlflow_access_roles": [{"name": "readers"}]},
}


@pytest.mark.parametrize("full", ["false", pytest.param("true", marks=pytest.mark.slow)])
@pytest.mark.parametrize("task", MIDDLE)
def test_a_task_in_the_middle_of_a_role_says_where_to_start(task: str, full: str) -> None:
    """Also where every module is to run: nothing is known yet that they could be given."""
    done = start_at(task, NOWHERE, "-e", f"stack_full_run={full}")
    assert done.returncode == 2, done.stdout[-2000:]
    assert HINT.replace("{{ stack_name }}", "fraud-scoring-mlflow-local") in done.stdout, done.stdout
    assert len(re.findall(r"^TASK ", done.stdout, re.MULTILINE)) == 1


@pytest.mark.parametrize("task", ACCESS)
def test_no_user_is_made_before_anything_is_read(task: str) -> None:
    address = {"mlflow_access_url": "http://127.0.0.1:9"}
    done = start_at(task, NOWHERE, "-e", json.dumps({**ACCESS[task], **address}))
    assert done.returncode == 2, done.stdout[-2000:]
    assert HINT.replace("{{ stack_name }}", "fraud-scoring-mlflow-local") in done.stdout, done.stdout
    assert re.findall(r"^TASK .* : (.*)\]", done.stdout, re.M)[1:] == [
        "Prerequisites | Ask for the service and its load balancer"
    ]


def test_a_task_of_a_file_that_is_not_there_without_work_is_not_found() -> None:
    done = start_at("Routes | Create the tables of the private subnets", NOWHERE)
    assert "No matching task" in done.stderr + done.stdout
    assert re.findall(r"^TASK ", done.stdout, re.MULTILINE) == []


@pytest.mark.parametrize("part", ["Load balancer", "Way out of the private subnets", "Proof"])
def test_a_part_begins_with_its_own_checks_and_discovery(part: str, aws: EmbeddedAws) -> None:
    """The preflight of the playbook is skipped, and what it would have done is done by the role."""
    done = start_at(part, aws.env, "--tags", PARTS[part], "--check")
    assert done.returncode == 0, done.stdout[-3000:]
    begun = re.findall(r"^TASK \[(.*?)\] \*+$", done.stdout, re.MULTILINE)
    role = f"mlops.mlflow_aws.{PARTS[part]}"
    assert [name for name in begun if name.startswith(f"{role} : Inputs | ")] != []
    assert "mlops.mlflow_aws.stack : Discover | Read what exists of the stack" in begun


def test_a_part_refuses_wrong_variables_by_itself() -> None:
    done = start_at("Load balancer", NOWHERE, "-e", "alb_idle_timeout=0")
    assert done.returncode == 2
    assert "alb_idle_timeout: 0" in done.stdout


def test_a_destroy_that_skips_the_question_destroys_nothing() -> None:
    done = start_at("mlops.mlflow_aws.stack : Discover the stack", NOWHERE, playbook="playbooks/destroy.yml")
    assert (done.returncode, re.findall(r"^(?:ok|changed): ", done.stdout, re.MULTILINE)) == (0, []), done.stdout
