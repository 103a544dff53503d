# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proofs on a deployed stack.

The quick ones take a stack that somebody deployed, and are run explicitly::

    make demo
    set -a; source .demo/aws.env; set +a
    .venv/bin/python -m pytest tests/deployed --stack-output .demo --emulator-state .demo/aws

The slow ones (``make test-slow``) deploy stacks of their own.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.account import resources
from tests.deployed.deployed_runs import CONSISTENCY, Site, own_site
from tests.deployed.deployed_stack import Stack


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("deployed", "a deployed stack")
    group.addoption("--stack-output", help="folder with mlflow.env and health.json (stack_output_dir)")
    group.addoption("--emulator-state", help="state folder of the embedded AWS that the stack runs on")
    group.addoption("--ansible-log", help="log of the run that deployed the stack, made with -vvv --diff")


def _folder(config: pytest.Config, name: str) -> Path | None:
    # When the tests are collected with others, pytest reads this file too late to know the options.
    given = config.getoption(name, None) or os.environ.get(name.upper())
    return Path(given).absolute() if given else None


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest) -> Stack:
    """The stack that the options name."""
    output = _folder(request.config, "stack_output")
    if output is None:
        pytest.skip("no deployed stack: name its folder with --stack-output")
    return Stack(
        output=output,
        emulator=_folder(request.config, "emulator_state"),
        ansible_log=_folder(request.config, "ansible_log"),
    )


@pytest.fixture(scope="module")
def account(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """An empty account of this module's own, on an embedded AWS that is as consistent as its CONSISTENCY says."""
    consistency = getattr(request.module, "CONSISTENCY", CONSISTENCY)
    with own_site(tmp_path_factory.mktemp("site"), consistency=consistency) as site:
        yield site


@pytest.fixture(scope="module")
def empty(account: Site) -> dict[str, set[str]]:
    """What a new account has: to be asked for before anything is made."""
    return resources(account.stack)
