# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must agree in the repository does: specifications and defaults, READMEs, action groups, and who knows whom."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
ROLES = sorted(path.name for path in (ROOT / "roles").iterdir() if path.is_dir())
#: What a release holds and what runs against AWS.
PRODUCT = ("roles", "plugins", "playbooks", "meta")
TEXTS = (".py", ".yml", ".yaml", ".j2", ".md", ".in", ".txt", ".json")
#: The repository's own name stands in the licence header of every file.
HEADER = re.compile(r"^# Copyright: \(c\) \d{4}, the mlops\.mlflow_aws authors$", re.MULTILINE)


def _load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _options(role: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = _load(ROOT / "roles" / role / "meta" / "argument_specs.yml")["argument_specs"][
        "main"
    ]["options"]
    return found


def _defaults(role: str) -> dict[str, Any]:
    found: dict[str, Any] = _load(ROOT / "roles" / role / "defaults" / "main.yml")
    return found


def _files(*folders: str) -> list[Path]:
    return [
        path
        for folder in folders
        for path in (ROOT / folder).rglob("*")
        if path.suffix in TEXTS and "__pycache__" not in path.parts
    ]


@pytest.mark.parametrize("role", ROLES)
def test_each_variable_has_a_specification_and_a_default_or_is_required(role: str) -> None:
    options = _options(role)
    required = {name for name, option in options.items() if option.get("required")}
    assert set(_defaults(role)) == set(options) - required


@pytest.mark.parametrize("role", ROLES)
def test_each_variable_is_described_typed_and_named_after_its_role(role: str) -> None:
    for name, option in _options(role).items():
        assert name.startswith(f"{role}_")
        assert option["description"], name
        assert option["type"] in ("str", "int", "bool", "list", "dict", "path"), name
        assert ("elements" in option) == (option["type"] == "list"), name
        # The default stands in defaults/main.yml alone.
        assert "default" not in option, name


@pytest.mark.parametrize("role", ROLES)
def test_the_variables_that_a_role_sets_itself_are_marked_as_its_own(role: str) -> None:
    path = ROOT / "roles" / role / "vars" / "main.yml"
    names = set(_load(path)) if path.exists() else set()
    # The role `stack` offers some of its variables to every other role.
    public = {"stack_names", "stack_resources", "stack_region_facts", "stack_environment", "stack_url", "stack_runs"}
    public |= {"stack_changes", "stack_checked", "stack_known", "stack_start_hint", "stack_admin_secret"}
    public |= {"stack_teardown", "stack_obstacles", "stack_own_tags", "stack_remarks", "stack_existing"}
    assert {name for name in names if not name.startswith(f"__{role}_")} <= (public if role == "stack" else set())


@pytest.mark.parametrize("inventory", ["prod", "dev", "local"])
def test_each_variable_of_an_inventory_is_one_of_a_role(inventory: str) -> None:
    known = {name for role in ROLES for name in _options(role)}
    used = set(_load(ROOT / "inventories" / inventory / "group_vars" / "mlflow.yml"))
    assert {name for name in used if not name.startswith("ansible_")} <= known


def test_the_readme_of_each_role_is_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "role_readmes.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_action_groups_list_every_module_once() -> None:
    groups = _load(ROOT / "meta" / "runtime.yml")["action_groups"]
    listed = [module for group in groups.values() for module in group]
    # They run on the controller and ask nobody, so they have no credentials to share.
    without = ["output_file", "stack_plan"]
    assert sorted(listed + without) == sorted(path.stem for path in (ROOT / "plugins" / "modules").glob("*.py"))


def test_version_is_the_same_everywhere() -> None:
    version = _load(ROOT / "galaxy.yml")["version"]
    assert f'version = "{version}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert version in _load(ROOT / "changelogs" / "changelog.yaml")["releases"]


@pytest.mark.parametrize("path", _files(*PRODUCT), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_product_does_not_know_the_emulator(path: Path) -> None:
    assert not re.findall(r"(?i)emulat|\bmoto\b|embedded", path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", _files("emulator"), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_emulator_does_not_know_the_product(path: Path) -> None:
    text = HEADER.sub("", path.read_text(encoding="utf-8"))
    assert not re.findall(r"(?i)mlflow|mlops|fraud", text)


def test_the_searches_see_something() -> None:
    """A wrong folder would make the two tests above pass on nothing."""
    assert len(_files(*PRODUCT)) > 100
    assert len(_files("emulator")) > 50
    assert any("embedded" in path.read_text(encoding="utf-8") for path in _files("emulator"))


def test_every_python_file_carries_the_licence() -> None:
    tracked = [path for folder in ("plugins", "roles", "emulator", "tests", "tools") for path in _files(folder)]
    without = [
        str(path.relative_to(ROOT))
        for path in tracked
        if path.suffix == ".py"
        and path.stat().st_size
        and "SPDX-License-Identifier: GPL-3.0-or-later" not in path.read_text(encoding="utf-8")[:600]
    ]
    assert without == []
