# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A role's life, in four moments. Molecule runs pytest in each (.config/molecule/), with the same file of tests.

``planned``    nothing is there: check mode names all of ``PLAN`` and writes nothing.
``converged``  the role has run: tests that take ``applied`` look at AWS, and change nothing.
``lived``      ``DRIFTS`` are made by hand, check mode names them, a run mends them, and the tests that take
               ``applied`` look again. Then ``CHANGE`` is applied, and those that take ``changed`` look.
``destroyed``  the role's destroy is run, and the tests that take ``destroyed`` look at what it left.

The file of a role holds these, and may hold ``FULL``, ``MADE``, ``GONE``, ``kept`` and ``before_change``
(docs/role-tests.md).
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.account import added, counts, resources
from tests.roles.scenario import Scenario

#: The fixture that tests take, and the moments at which these are run.
MOMENTS = {"destroyed": {"destroyed"}, "changed": {"lived"}, "applied": {"converged", "lived"}, "planned": {"planned"}}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--moment",
        choices=sorted(set().union(*MOMENTS.values())),
        help="moment of the role's life, as Molecule says it",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the tests of the moment."""
    moment = config.getoption("--moment")
    if moment is None:
        raise pytest.UsageError("Molecule runs these tests: molecule test -s ROLE (docs/role-tests.md)")
    items[:] = [item for item in items if moment in _moments(item)]


def _moments(item: pytest.Item) -> set[str]:
    # What is changed was applied before, so the first one counts.
    taken = getattr(item, "fixturenames", ())
    return next(moments for fixture, moments in MOMENTS.items() if fixture in taken)


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    """The scenario that Molecule runs."""
    return Scenario.of_molecule()


@pytest.fixture(scope="module")
def planned(scenario: Scenario) -> list[str]:
    """What check mode names where nothing is there; it has written nothing."""
    before = resources(scenario)
    told = scenario.apply("plan", check=True).assert_good().plan()
    assert resources(scenario) == before, "check mode has written"
    return told


@pytest.fixture(scope="module")
def applied(request: pytest.FixtureRequest, scenario: Scenario) -> Scenario:
    """The scenario after its role has run: by Molecule, or here after drifts that it mends."""
    drifts = request.module.DRIFTS
    if request.config.getoption("--moment") == "lived" and drifts:
        keeps = Keeps(request.module, scenario)
        for by_hand in drifts:
            by_hand(scenario)
        told = scenario.apply("drift", check=True).assert_good().plan()
        assert set(told) == set(drifts.values())
        assert len(told) == len(set(told))
        mended = scenario.apply("mend").assert_good()
        assert mended.recap()["changed"] > 0
        keeps.check({}, {})
    return scenario


@pytest.fixture(scope="module")
def changed(request: pytest.FixtureRequest, applied: Scenario) -> Scenario:
    """The scenario after its role has run with ``CHANGE``; one more such run has changed nothing."""
    module = request.module
    if hasattr(module, "before_change"):
        module.before_change(applied)
    keeps = Keeps(module, applied)
    applied.apply("change", **module.CHANGE).assert_good()
    keeps.check(getattr(module, "MADE", {}), getattr(module, "GONE", {}))
    applied.apply("again", **module.CHANGE, stack_full_run=getattr(module, "FULL", True)).assert_nothing_changed()
    return applied


@pytest.fixture(scope="module")
def destroyed(scenario: Scenario) -> Scenario:
    """The scenario after the role's destroy."""
    scenario.destroy()
    return scenario


class Keeps:
    """What was there at a moment, to be there later: what exists, by its ids, and what the role's file names."""

    def __init__(self, module: Any, scenario: Scenario) -> None:
        self._module, self._scenario = module, scenario
        self._resources, self._more = resources(scenario), self._kept()

    def _kept(self) -> Any:
        return self._module.kept(self._scenario) if hasattr(self._module, "kept") else None

    def check(self, made: dict[str, int], gone: dict[str, int]) -> None:
        """Nothing was made, and nothing has gone, but so many of each kind."""
        now = resources(self._scenario)
        assert dict(counts(added(self._resources, now))) == made
        assert dict(counts(added(now, self._resources))) == gone
        assert self._kept() == self._more
