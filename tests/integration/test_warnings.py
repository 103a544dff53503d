# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is insecure is said at the beginning of a run and at its end, in one sentence each."""

from __future__ import annotations

import json
import re

import pytest

from tests.commands import ansible
from tests.embedded import EmbeddedAws

OPEN = "MLflow is open to the whole internet over plain HTTP (network_ingress_cidrs: 0.0.0.0/0)"
SAID_BY_THE_ROLE = "mlops.mlflow_aws.network : Inputs | Say what is insecure"
OLD = "MLflow 2.18.0 is end-of-life"


def tasks(aws: EmbeddedAws, *argv: str, **variables: object) -> list[tuple[str, str]]:
    """The name of each task of a plan and what it printed."""
    command = ("site.yml", "-i", "inventories/local", "--check", *argv, "-e", json.dumps(variables))
    done = ansible("ansible-playbook", *command, env={**aws.env, "ANSIBLE_CALLBACK_RESULT_FORMAT": "json"})
    assert done.returncode == 0, done.stdout[-3000:]
    parts = re.split(r"^TASK \[(.*?)\] \**$", done.stdout.partition("\nPLAY RECAP")[0], flags=re.MULTILINE)
    return list(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("argv", [(), ("--tags", "alb"), ("--tags", "network")])
def test_a_run_that_opens_http_to_the_world_says_so_twice(aws: EmbeddedAws, argv: tuple[str, ...]) -> None:
    printed = tasks(aws, *argv, network_ingress_cidrs=["0.0.0.0/0"])
    at = [index for index, (_name, text) in enumerate(printed) if OPEN in text]
    assert len(at) == 2, [name for name, _text in printed]
    # Before the first look at AWS, and last of all.
    names = [name.rpartition(" : ")[2] for name, _text in printed]
    assert at[0] < names.index("Discover | Read what exists of the stack")
    assert at[1] == len(printed) - 1
    assert printed[at[1]][1].count("WARNING: ") == 1


def test_a_role_that_is_run_without_the_preflight_says_it_too(aws: EmbeddedAws) -> None:
    printed = tasks(aws, "--skip-tags", "always", "--tags", "network", network_ingress_cidrs=["0.0.0.0/0"])
    assert {name for name, text in printed if OPEN in text} == {SAID_BY_THE_ROLE}


def test_an_old_release_is_said_at_the_end_too(aws: EmbeddedAws) -> None:
    printed = tasks(aws, "--tags", "alb", ecs_mlflow_version="2.18.0")
    assert OLD in printed[-1][1]
    assert len([text for _name, text in printed if OLD in text]) == 2


def test_what_is_safe_has_no_warning(aws: EmbeddedAws) -> None:
    assert [text for _name, text in tasks(aws) if "WARNING: " in text] == []
