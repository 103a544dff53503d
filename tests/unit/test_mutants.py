# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tool behind ``make mutants``: what it breaks, and that whoever has imported a function has it broken."""

from __future__ import annotations

from types import ModuleType

import pytest
import yaml

from tools.mutants import EQUIVALENT, ROOT, TARGETS, break_function, choice, mutants

TEXT = '''
class Rows:
    """Leaves: this."""

    @property
    def least(self) -> "int | None":
        """The least."""
        if not self.rows:
            raise ValueError("no rows")
        return min(row for row in self.rows if row >= 0 and self.ok)

class Client:
    def ask(self):
        return 1
'''


def test_what_is_broken() -> None:
    assert [mutant.name for mutant in mutants(TEXT, ["Client"])] == [
        "Rows.least: not self.rows -> self.rows",
        "Rows.least: raise ValueError('no rows') -> pass",
        "Rows.least: return min((row for row in self.rows if row >= 0 and self.ok)) -> return None",
        "Rows.least: min((row for row in self.rows if row >= 0 and self.ok))"
        " -> max((row for row in self.rows if row >= 0 and self.ok))",
        "Rows.least: for row in self.rows if row >= 0 and self.ok -> for row in self.rows",
        "Rows.least: row >= 0 and self.ok -> row >= 0 or self.ok",
        "Rows.least: row >= 0 and self.ok -> self.ok",
        "Rows.least: row >= 0 and self.ok -> row >= 0",
        "Rows.least: row >= 0 -> row < 0",
        "Rows.least: row >= 0 -> row > 0",
        "Rows.least: 0 -> 1",
    ]


def test_a_broken_function_is_broken_for_all() -> None:
    module = ModuleType("sample")
    module.__file__ = "sample.py"
    exec(TEXT, vars(module))
    rows = module.Rows()
    rows.rows, rows.ok = [3, 2, -1], True
    assert rows.least == 2
    break_function(module, next(mutant for mutant in mutants(TEXT) if "-> max" in mutant.name))
    assert rows.least == 3


def test_the_functions_of_the_file_itself_are_left_alone() -> None:
    assert mutants("A = 1\nB = A + 1 if A else 2\n") == []


@pytest.mark.parametrize(
    ("texts", "log", "chosen"),
    [
        ([], "", ["a: 0 -> 1", "a: 0 -> 1 #2", "b: 1 -> 2"]),
        (["b:", "#2"], "", ["a: 0 -> 1 #2", "b: 1 -> 2"]),
        ([], "m: 3 mutants\n  survived, line 7: a: 0 -> 1\nall: 3 mutants\n", ["a: 0 -> 1"]),
        (["a:"], "  survived, line 1: a: 0 -> 1 #2\n  survived, line 2: b: 1 -> 2\n", ["a: 0 -> 1 #2"]),
    ],
)
def test_some_mutants_can_be_tried_alone(texts: list[str], log: str, chosen: list[str]) -> None:
    assert [name for name in ("a: 0 -> 1", "a: 0 -> 1 #2", "b: 1 -> 2") if choice(texts, log)(name)] == chosen


def test_targets_are_there() -> None:
    for target in TARGETS:
        assert target.path.is_file()
        assert all((ROOT / "tests" / "unit" / "plugins" / test).is_file() for test in target.tests)
        names = {mutant.function.split(".")[0] for mutant in mutants(target.path.read_text("utf-8"))}
        assert target.leave <= names


@pytest.mark.parametrize(("module", "entries"), yaml.safe_load(EQUIVALENT.read_text("utf-8")).items())
def test_equivalent_mutants_are_of_today_and_have_reasons(module: str, entries: dict[str, str]) -> None:
    (target,) = (target for target in TARGETS if target.name == module)
    known = {mutant.name for mutant in mutants(target.path.read_text("utf-8"), target.leave)}
    assert set(entries) - known == set()
    assert all(entries.values())
