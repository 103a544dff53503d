# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The embedded AWS for every test that needs an AWS.

``aws`` is one embedded AWS for the whole session: use names of your own in it, or a region of your own.
``start_aws(latency=..., accounts=[...], port=...)`` starts another one, ended after the test module.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from botocore.loaders import JSONFileLoader

from tests import moto_process
from tests.embedded import EmbeddedAws, emulator, start


def pytest_configure(config: pytest.Config) -> None:
    """Tests know no AWS and no MLflow but their own, whatever the shell that starts them is set up for.

    Those of ``tests/deployed`` and ``tests/roles`` ask the stack that they are pointed at.
    """
    # As the Makefile does, for a pytest that is called without it: uv's own store knows no company's proxy.
    os.environ.setdefault("UV_SYSTEM_CERTS", "true")
    if any("deployed" in argument or "tests/roles" in argument for argument in config.args):
        return
    for name in [name for name in os.environ if name.startswith(("AWS_", "MLFLOW_"))]:
        del os.environ[name]


@pytest.fixture(scope="session", autouse=True)
def _models_are_read_once() -> Iterator[None]:
    """Half of a boto3 client's making is to read the model of its service, which each session does anew."""
    read, known = JSONFileLoader.load_file, dict[str, Any]()

    def load_file(self: JSONFileLoader, file_path: str) -> Any:
        if known.get(file_path) is None:
            known[file_path] = read(self, file_path)
        return known[file_path]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JSONFileLoader, "load_file", load_file)
        yield


@pytest.fixture(scope="module", autouse=True)
def _untouched_moto() -> Iterator[None]:
    """What a module hooks into moto in this process ends with the module."""
    with moto_process.untouched():
        yield


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedAws]:
    """One embedded AWS, without latency, for the whole session."""
    state = tmp_path_factory.mktemp("aws") / "state"
    try:
        yield start(state, 0.0, 0, [])
    finally:
        emulator("stop", "--state", str(state))


@pytest.fixture(scope="module")
def start_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., EmbeddedAws]]:
    """Start further embedded AWSes with options of your own; all end after the module."""
    states: list[Path] = []

    def another(
        latency: float = 0.0, port: int = 0, accounts: Sequence[str] = (), consistency: float = 0.0
    ) -> EmbeddedAws:
        states.append(tmp_path_factory.mktemp("aws") / "state")
        return start(states[-1], latency, port, accounts, consistency)

    try:
        yield another
    finally:
        for state in states:
            emulator("stop", "--state", str(state))
