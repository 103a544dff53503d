# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every tag alone and with every other one, ``--skip-tags`` and ``--start-at-task``: docs/partial-runs.md.

Each test takes the stack that the one before left, so a failure makes the later ones meaningless.
"""

from __future__ import annotations

from itertools import combinations

import pytest

from tests.account import resources
from tests.deployed.deployed_runs import Site
from tests.parts import PARTS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

#: In the order in which the tags alone build the whole stack.
TAGS = ["network", "secrets", "rds", "storage", "alb", "ecs_mlflow", "mlflow_access", "verify"]
STACK = "fraud-scoring-mlflow-local"
#: What the tags say that cannot begin on an empty account.
REMEDIES = {
    "rds": f"{STACK} has no network yet: run --tags network first",
    "alb": f"{STACK} has no network yet: run --tags network first",
    "ecs_mlflow": f"{STACK} has no network, secrets, rds, storage, alb yet: "
    "run --tags network,secrets,rds,storage,alb first",
    "mlflow_access": f"{STACK} has no running MLflow yet: run --tags ecs_mlflow first",
    "verify": f"{STACK} has no running MLflow yet: run --tags ecs_mlflow first",
}


@pytest.mark.parametrize("tag", TAGS)
def test_each_tag_plans_on_an_empty_account(account: Site, empty: dict[str, set[str]], tag: str) -> None:
    account.run(tags=tag, check=True).assert_good()
    assert resources(account.stack) == empty


@pytest.mark.parametrize("tag", REMEDIES)
def test_a_tag_without_its_prerequisite_says_what_to_run_first(
    account: Site, empty: dict[str, set[str]], tag: str
) -> None:
    ended = account.run(tags=tag)
    assert (ended.code, ended.messages()) == (2, [REMEDIES[tag]]), ended.output[-3000:]
    assert resources(account.stack) == empty


@pytest.mark.parametrize("tag", TAGS)
def test_the_tags_one_after_another_build_the_stack(account: Site, tag: str) -> None:
    ended = account.run(tags=tag).assert_good()
    assert (ended.recap()["changed"] > 0) is (tag != "verify"), ended.changed_tasks()


def test_what_they_built_is_what_a_whole_run_builds(account: Site) -> None:
    account.run(stack_full_run=True).assert_nothing_changed()
    assert account.stack.search(account.stack.login) == 200


@pytest.mark.parametrize("tags", [*TAGS, *map(",".join, combinations(TAGS, 2))])
def test_each_tag_and_each_pair_finds_nothing_to_do(account: Site, tags: str) -> None:
    account.run(tags=tags).assert_nothing_changed()


@pytest.mark.parametrize("tags", ["verify", "mlflow_access,verify", "network", "always"])
def test_all_but_some_tags(account: Site, tags: str) -> None:
    ended = account.run(more=["--skip-tags", tags])
    ended.assert_nothing_changed()
    roles = {task.partition(" : ")[0].rpartition(".")[2] for task in ended.tasks() if "Compare |" in task}
    assert roles == set(TAGS[:6]) - set(tags.split(","))


@pytest.mark.parametrize("part", PARTS)
def test_a_run_can_begin_at_each_part(account: Site, part: str) -> None:
    ended = account.run(more=["--start-at-task", part])
    ended.assert_nothing_changed()
    assert ended.tasks()[0] == part
