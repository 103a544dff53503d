# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls that AWS may refuse for a while are made again, for as long as that takes, and no other error is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._transient import KINDS

ROOT = Path(__file__).resolve().parents[2]
#: Modules of AWS that do not try again by themselves.
UPSTREAM = ("amazon.aws.", "community.aws.", "mlops.mlflow_aws.ecs_cluster_settings")
#: The first calls of a service in an account, which can fail for its service-linked role. Those of the collection's own
#: modules (services, tasks, scalable targets) are made again by the modules.
FIRST_USES = {
    "mlops.mlflow_aws.ecs_cluster_settings",
    "amazon.aws.rds_subnet_group",
    "amazon.aws.rds_instance",
    "amazon.aws.elb_application_lb",
}


def _tasks(nodes: Any) -> Iterator[dict[str, Any]]:
    for node in nodes or []:
        if "block" in node:
            yield from _tasks(node["block"])
        else:
            yield node


def _all() -> list[tuple[Path, str, dict[str, Any]]]:
    """File, module and task of each task with a module of :data:`UPSTREAM`."""
    return [
        (path, module, task)
        for path in sorted((ROOT / "roles").glob("*/tasks/*.yml"))
        for task in _tasks(yaml.safe_load(path.read_text(encoding="utf-8")))
        for module in task
        if module.startswith(UPSTREAM)
    ]


def _kinds(task: dict[str, Any]) -> set[str]:
    """The kinds of errors for which a task is tried again."""
    text = re.fullmatch(r"(\w+) is not mlops\.mlflow_aws\.transient\((.+)\)", str(task.get("until", "")))
    if text is None:
        return set()
    assert text[1] == task["register"], f"{task['name']} looks at another task's result"
    kinds = set(re.findall(r"'(\w+)'", text[2]))
    longest = max(KINDS[kind].seconds for kind in kinds)
    assert task["retries"] * task["delay"] == longest, f"{task['name']} gives {kinds} another time than they may take"
    return kinds


REMOVALS = [row for row in _all() if row[2][row[1]].get("state") == "absent" and row[0].stem.startswith("destroy")]
MADE = [row for row in _all() if row[1] in FIRST_USES and not row[0].stem.startswith("destroy")]


def test_there_is_something_to_look_at() -> None:
    assert len(REMOVALS) >= 15
    assert {module for _, module, _ in MADE} == FIRST_USES


@pytest.mark.parametrize(
    ("path", "module", "task"), REMOVALS, ids=[f"{p.parts[-3]}: {t['name']}" for p, _, t in REMOVALS]
)
def test_what_is_destroyed_may_still_be_in_use_for_a_while(path: Path, module: str, task: dict[str, Any]) -> None:
    assert "in_use" in _kinds(task), module


@pytest.mark.parametrize(("path", "module", "task"), MADE, ids=[f"{p.parts[-3]}: {t['name']}" for p, _, t in MADE])
def test_a_first_use_waits_for_the_service_linked_role(path: Path, module: str, task: dict[str, Any]) -> None:
    if "Lift" not in task["name"]:
        assert "service_linked_role" in _kinds(task), module


def test_what_an_attempt_made_is_a_change_whatever_the_next_one_says() -> None:
    """The first attempt of a module that crashes when it reads back may have made what the second finds."""
    retried = [task for _, _, task in _all() if "not_visible" in _kinds(task)]
    assert len(retried) >= 20
    for task in retried:
        made = task["register"]
        assert task.get("changed_when") == f"{made} is changed or {made}.attempts > 1", task["name"]


def test_every_retry_says_for_which_errors() -> None:
    """A task that is tried again whatever the error was hides a mistake for minutes."""
    blind = [f"{path}: {task['name']}" for path, _, task in _all() if "until" in task and not _kinds(task)]
    assert blind == []
