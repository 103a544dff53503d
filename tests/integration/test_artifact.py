# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection as people install it: its built tarball in an empty folder, used from another one."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.artifact import FQCN, ansible, built, unpacked
from tests.embedded import ROOT


@pytest.fixture(scope="module")
def tarball(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def installed(tarball: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpacked(tarball, tmp_path_factory.mktemp("collections"))


def test_the_tarball_holds_the_product_and_nothing_made(tarball: Path) -> None:
    with tarfile.open(tarball) as archive:
        names = archive.getnames()
    for wanted in ("meta/runtime.yml", "playbooks/site.yml", "plugins/modules/stack_info.py", "LICENSE"):
        assert wanted in names
    made = (".venv", ".demo", ".cache", ".git/", "collections", "__pycache__", ".env")
    assert [name for name in names if name.startswith(made) or name.endswith((".pyc", ".env"))] == []


def test_the_tarball_leaves_the_development_environment_out(tarball: Path) -> None:
    """ansible-test judges the artifact: it holds what an installation uses, and the tests that ansible-test runs."""
    with tarfile.open(tarball) as archive:
        names = archive.getnames()
    development = ("emulator", "molecule", "tools", "uv.lock", "pyproject.toml", "Makefile")
    assert [name for name in names if name.split("/")[0] in development] == []
    kept = ("tests/config.yml", "tests/sanity", "tests/unit/requirements.txt", "tests/unit/plugins")
    others = [name for name in names if name.startswith("tests/") and not name.startswith(kept)]
    assert others in ([], ["tests/unit"]), "list a new file of tests/ below build_ignore in galaxy.yml"


def test_the_tests_of_the_plugins_use_nothing_that_is_left_out(tarball: Path, tmp_path: Path) -> None:
    # Python 3.11 has the safe way to extract from its fourth release on only; Debian 12 has the second.
    subprocess.run(["tar", "-xzf", str(tarball), "-C", str(tmp_path)], check=True)
    elsewhere = []
    for path in sorted((tmp_path / "tests" / "unit" / "plugins").rglob("*.py")):
        # At the head of a file; what a test needs that is skipped there, it imports itself.
        found = re.findall(r"^(?:from (tests[\w.]*) import (\w+)|import (tests[\w.]*))", path.read_text("utf-8"), re.M)
        for package, name, module in found:
            whole = tmp_path.joinpath(*(package or module).split("."))
            known = [whole.with_suffix(".py"), whole / "__init__.py", whole / f"{name}.py", whole / name]
            if not any(one.exists() for one in known):
                elsewhere.append(f"{path.name}: {package or module}")
    assert elsewhere == []


def test_the_site_playbook_runs_by_its_name_from_elsewhere(installed: Path, tmp_path: Path) -> None:
    arguments = [f"{FQCN}.site", "-i", str(ROOT / "inventories" / "prod"), "--list-tasks"]
    said = ansible("ansible-playbook", *arguments, cwd=tmp_path, collections=installed)
    for role in ("network", "secrets", "rds", "storage", "alb", "ecs_mlflow", "mlflow_access", "verify"):
        assert f"{FQCN}.{role} : " in said


def test_the_four_folders_are_enough(installed: Path, tmp_path: Path) -> None:
    """Playbooks, roles and plugins use no file of the collection but those that Ansible's community lets them use."""
    whole, bare = (folder / "ansible_collections" / "mlops" / "mlflow_aws" for folder in (installed, tmp_path))
    for name in ("meta", "plugins", "roles", "playbooks", "MANIFEST.json", "FILES.json"):
        copy = shutil.copytree if (whole / name).is_dir() else shutil.copy
        bare.mkdir(parents=True, exist_ok=True)
        copy(whole / name, bare / name)
    inventory = str(ROOT / "inventories" / "prod")
    for playbook in sorted(path.stem for path in (bare / "playbooks").glob("*.yml")):
        ansible(
            "ansible-playbook",
            f"{FQCN}.{playbook}",
            "-i",
            inventory,
            "--list-tasks",
            cwd=tmp_path,
            collections=tmp_path,
        )
    arguments = ["--metadata-dump", "--no-fail-on-errors", FQCN]
    documented = json.loads(ansible("ansible-doc", *arguments, cwd=tmp_path, collections=tmp_path))["all"]
    assert f"{FQCN}.network" in documented["role"]
    assert f"{FQCN}.stack_plan" in documented["module"]


def test_the_installed_copy_is_the_one_that_is_used(installed: Path, tmp_path: Path) -> None:
    said = ansible("ansible-doc", "--metadata-dump", "-t", "module", FQCN, cwd=tmp_path, collections=installed)
    assert str(installed) in ansible("ansible-galaxy", "collection", "list", FQCN, cwd=tmp_path, collections=installed)
    assert f"{FQCN}.ecs_rollout" in said


def test_the_checkout_comes_before_an_installed_copy(installed: Path) -> None:
    """An older copy in the home folder is never run in place of the checkout."""
    configured = ansible("ansible-config", "dump", "--only-changed", "-c", str(ROOT / "ansible.cfg"), cwd=ROOT)
    paths = next(line for line in configured.splitlines() if line.startswith("COLLECTIONS_PATHS"))
    assert paths.split("[", 1)[1].startswith(f"'{ROOT / 'collections'}'")
