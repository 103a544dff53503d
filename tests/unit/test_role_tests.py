# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every role has a scenario and tests of its life, and what the documentation shows of them is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROLES = sorted(path.name for path in (ROOT / "roles").iterdir() if (path / "tasks" / "main.yml").is_file())


@pytest.mark.parametrize("role", ROLES)
def test_a_role_has_a_scenario(role: str) -> None:
    assert (ROOT / "molecule" / role / "molecule.yml").is_file()


@pytest.mark.parametrize("role", ROLES)
def test_a_role_has_tests_of_its_life(role: str) -> None:
    text = (ROOT / "tests" / "roles" / f"test_{role}.py").read_text(encoding="utf-8")
    for moment in ("planned: list", "applied: Scenario", "changed: Scenario"):
        assert f"({moment}" in text, f"no test takes {moment}"


def test_the_examples_of_the_documentation_are_true() -> None:
    text = (ROOT / "docs" / "role-tests.md").read_text(encoding="utf-8")
    shown = re.findall(r"^```(python|yaml)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    real = {
        "python": (ROOT / "tests" / "roles" / "test_secrets.py").read_text(encoding="utf-8"),
        "yaml": (ROOT / "molecule" / "secrets" / "molecule.yml").read_text(encoding="utf-8"),
    }
    assert len(shown) == 6
    for language, example in shown:
        assert f"\n{example}" in real[language]
