# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guides name what there is: every playbook with its tags, every page in the README, links that lead somewhere,
and variables that exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*(ROOT / "docs").glob("*.md"), ROOT / "README.md"])
PLAYBOOKS = sorted(path.name for path in (ROOT / "playbooks").glob("*.yml"))
#: What looks like a variable of a role and is none: tags, modules, files, parts of other names.
OTHERS = {
    *("mlflow_access", "mlflow_aws", "stack_info", "stack_names", "stack_plan", "stack_resources", "stack_current"),
    *("mlflow_users", "mlflow_roles", "mlflow_permissions", "mlflow_experiments", "mlflow_registered_models"),
    *("mlflow_auth_bootstrap", "mlflow_user", "mlflow_permission", "mlflow_role", "mlflow_experiment"),
    *("mlflow_registered_model", "mlflow_info", "mlflow_health", "mlflow_clone", "rds_parameters", "secret_rotation"),
    *("stack_migrated", "stack_untag"),
}


def _plays(name: str) -> Any:
    return yaml.safe_load((ROOT / "playbooks" / name).read_text(encoding="utf-8"))


def _row(name: str) -> str:
    page = (ROOT / "docs" / "playbooks.md").read_text(encoding="utf-8")
    found = re.search(rf"^\| `(?:playbooks/)?{re.escape(name)}` \|.*$", page, re.MULTILINE)
    assert found, f"docs/playbooks.md has no row for {name}"
    return found[0]


@pytest.mark.parametrize("name", PLAYBOOKS)
def test_a_playbook_has_its_row_with_all_tags_and_its_output(name: str) -> None:
    row = _row(name)
    page = (ROOT / "docs" / "playbooks.md").read_text(encoding="utf-8")
    tags = {tag for play in _plays(name) for task in play["tasks"] for tag in task.get("tags", [])} - {"always"}
    if name == "drift.yml":
        named = re.findall(r"`(\w+)`", _row("site.yml").split("|")[3])
        assert tags == set(named) - set(re.findall(r"`(\w+)`", row.split("|")[3]))
    else:
        assert tags == set(re.findall(r"`(\w+)`", row.split("|")[3]))
    assert re.search(rf"^\$ ansible-playbook (playbooks/)?{re.escape(name)} -i inventories/local", page, re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:|mailto:)([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_the_readme_lists_every_module() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    listed = readme[readme.index("Modules, each with") : readme.index("The lookup `strong_password`")]
    modules = {path.stem for path in (ROOT / "plugins" / "modules").glob("*.py")} - {"__init__"}
    assert modules - set(re.findall(r"`(\w+)`", listed)) == set()


def test_the_readme_lists_every_page_of_the_docs() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    table = readme[readme.index("## Further reading") : readme.index("## Testing")]
    listed = set(re.findall(r"\]\(docs/([\w-]+\.md)\)", table))
    assert listed == {path.name for path in (ROOT / "docs").glob("*.md")}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_variables_that_are_named_exist(page: Path) -> None:
    known, roles = set(OTHERS), []
    for role in (path for path in (ROOT / "roles").iterdir() if path.is_dir()):
        roles.append(role.name)
        spec = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))
        known |= set(spec["argument_specs"]["main"]["options"])
    prefix = "|".join(sorted(roles, key=len, reverse=True))
    named = set(re.findall(rf"`((?:{prefix})_[a-z0-9_]*[a-z0-9])`", page.read_text(encoding="utf-8")))
    assert named - known == set()
