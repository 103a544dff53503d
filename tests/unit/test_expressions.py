# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jinja wires, and Python thinks: what neither mypy nor a test sees stays short."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted([*(ROOT / "roles").rglob("*.yml"), *(ROOT / "playbooks").rglob("*.yml")])
LONGEST = 150


def expressions(text: str) -> list[str]:
    """The expressions and statements of Jinja in a text, with one space where there are several."""
    found = re.findall(r"\{\{.*?\}\}|\{%.*?%\}", text, re.DOTALL)
    return [re.sub(r"\s+", " ", one) for one in found]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_expression_is_long(path: Path) -> None:
    found = [one for one in expressions(path.read_text(encoding="utf-8")) if len(one) > LONGEST]
    assert found == [], "give its parts names, or work it out in plugins/module_utils/_components"


def test_a_long_expression_is_seen() -> None:
    long = "{{ " + "a ~\n    " * 60 + "b }}"
    assert [len(one) > LONGEST for one in expressions(f"key: >-\n  {long}\nother: '{{{{ short }}}}'")] == [True, False]
    assert len(FILES) > 80
