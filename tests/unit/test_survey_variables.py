# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A boolean that AWX's survey or ``-e`` gives as a text is never taken for true because it is not empty.

``when: variable`` and ``x if variable else y`` read the text ``"false"`` as true, or fail: what decides has ``| bool``.
An argument of a module or a field of a comparison may have the variable alone: both know its type.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted(
    [*ROOT.glob("roles/*/tasks/*.yml"), *ROOT.glob("roles/*/vars/*.yml"), *ROOT.glob("playbooks/**/*.yml")],
)


def booleans() -> set[str]:
    """The boolean variables of all roles."""
    found = set()
    for file in ROOT.glob("roles/*/meta/argument_specs.yml"):
        options = yaml.safe_load(file.read_text(encoding="utf-8"))["argument_specs"]["main"]["options"]
        found |= {name for name, option in options.items() if option.get("type") == "bool"}
    return found


NAMES = booleans()
USE = re.compile(rf"(?<![\w.'])({'|'.join(sorted(NAMES))})\b(?!')")


def undecided(text: str) -> Iterator[str]:
    """The lines in which a boolean variable is neither alone nor made a boolean."""
    for line in text.splitlines():
        if line.lstrip().startswith(("#", "- name:", "fail_msg:")):
            continue
        for use in USE.finditer(line):
            name, after = use.group(1), line[use.end() :]
            alone = re.fullmatch(rf'\s*(- )?\w+: (["\']){{{{ {name} }}}}\2', line)
            # Where it is set, or handed on by its own name.
            given = re.match(rf"\s*{name}:", line)
            if not (alone or given or re.match(r"( \| default\(\w+\))? \| bool\b", after)):
                yield line.strip()


def test_there_are_booleans_and_the_rule_finds_a_wrong_use() -> None:
    assert {"stack_full_run", "ecs_mlflow_autoscaling", "rds_skip_final_snapshot"} <= NAMES
    wrong = ["when: ecs_mlflow_autoscaling", 'a: "{{ 1 if rds_multi_az else 2 }}"', "x: not stack_full_run"]
    right = ["when: ecs_mlflow_autoscaling | bool", 'multi_az: "{{ rds_multi_az }}"', "network_nat_wait: false"]
    assert [list(undecided(line)) for line in wrong] == [[line] for line in wrong]
    assert [list(undecided(line)) for line in right] == [[], [], []]


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_what_decides_is_a_boolean(file: Path) -> None:
    assert list(undecided(file.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_nothing_asks_a_question(file: Path) -> None:
    assert not re.search(r"^\s*(- )?(vars_prompt|(ansible\.builtin\.)?pause):", file.read_text("utf-8"), re.MULTILINE)
