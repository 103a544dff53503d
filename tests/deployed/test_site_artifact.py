# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection as users have it: installed from its artifact, its playbooks run by name, nothing of a checkout near.

Each test takes the stack that the one before left, so a failure makes the later ones meaningless.
"""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.account import added, resources
from tests.artifact import FQCN, built, unpacked
from tests.deployed.deployed_runs import Site
from tests.deployed.deployed_stack import ROOT
from tests.playbooks import Ended

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

STACK = "fraud-scoring-mlflow-local"
#: Runs a playbook of the collection.
Playbook = Callable[..., Ended]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds an inventory and nothing else."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT / "inventories" / "local", folder / "inventory")
    return folder


@pytest.fixture(scope="module")
def playbook(account: Site, project: Path, tmp_path_factory: pytest.TempPathFactory) -> Playbook:
    """Runs in that folder; the collection lies in another one."""
    collections = unpacked(built(tmp_path_factory.mktemp("dist")), tmp_path_factory.mktemp("collections"))
    site = dataclasses.replace(account, where=project)
    # No settings of the checkout: there is no such file.
    settings = {"ANSIBLE_CONFIG": str(project / "ansible.cfg"), "ANSIBLE_COLLECTIONS_PATH": str(collections)}

    def run(name: str, **variables: object) -> Ended:
        return site.run(f"{FQCN}.{name}", inventory="inventory", env=settings, **{**site.variables(), **variables})

    return run


def test_the_site_is_deployed_and_the_second_run_changes_nothing(
    playbook: Playbook, account: Site, empty: dict[str, set[str]]
) -> None:
    assert playbook("site").assert_good().recap()["changed"] > 0
    playbook("site").assert_nothing_changed()
    assert account.stack.search(account.stack.login) == 200
    assert account.stack.search() == 401


def test_the_day_after_is_run_by_name_too(playbook: Playbook) -> None:
    for name in ("verify", "drift"):
        playbook(name).assert_good()


def test_the_site_is_destroyed(playbook: Playbook, account: Site, empty: dict[str, set[str]]) -> None:
    playbook("destroy", destroy_confirm=STACK, rds_skip_final_snapshot=True).assert_good()
    assert set(added(empty, resources(account.stack))) == {"Buckets"}


def test_nothing_was_written_beside_the_inventory(project: Path) -> None:
    assert [path.name for path in project.iterdir()] == ["inventory"]
