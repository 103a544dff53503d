# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The picture and the table of docs/architecture.md show what site.yml and the roles do, and nothing is left out."""

from __future__ import annotations

import re
from pathlib import Path

from tools import architecture

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
#: Files of a role's tasks by which other playbooks enter.
OTHER_ENTRIES = {"destroy", "rotate", "drift"}


def test_the_picture_is_up_to_date() -> None:
    assert architecture.page() == PAGE, "run python tools/architecture.py"


def test_every_role_of_the_site_is_in_the_picture_with_every_module() -> None:
    roles = {path.name for path in (ROOT / "roles").iterdir() if path.is_dir()} - {"stack"}
    shown = architecture.picture()
    assert {role for role, _entry in architecture.steps()} - {"preflight"} == roles
    for role in roles:
        assert re.search(rf'\["\d+\. {role}"\]', shown), role
        for file in (ROOT / "roles" / role / "tasks").glob("*.yml"):
            if file.stem in OTHER_ENTRIES:
                continue
            for line in re.findall(r"^ +(?:amazon|community|mlops)\.\w+\.\w+:", file.read_text("utf-8"), re.MULTILINE):
                assert re.search(rf"[ ,>]{line.strip(' :').rsplit('.', 1)[1]}\b", shown), (role, line)


def test_the_table_says_why_for_each_step_in_its_order() -> None:
    table = PAGE[PAGE.index("## Order, and why") : PAGE.index("## Names")]
    rows = re.findall(r"^\| (\d+) \| (\w+)(?:, entry point `(\w+)`)? \| .+ \|$", table, re.MULTILINE)
    assert [(role, entry) for _number, role, entry in rows] == architecture.steps()
    assert [int(number) for number, _role, _entry in rows] == list(range(1, len(rows) + 1))
