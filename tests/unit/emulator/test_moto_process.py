# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plane that one test module installs in this process is not met by the next."""

from __future__ import annotations

from pathlib import Path

import pytest
from moto.iam.models import iam_backends

from emulator import patches
from emulator.addresses import AddressBook
from emulator.clock import Clock
from emulator.daemon import plane_classes
from emulator.plane import Context, Plane
from emulator.processes import ProcessTable
from tests.moto_process import attributes, untouched

ACCOUNT = "123456789012"


def changed(before: dict[type, dict[str, object]]) -> set[str]:
    """The attributes of moto's classes that are not as ``before``."""
    now = attributes()
    return {
        f"{owner.__qualname__}.{name}"
        for owner, was in before.items()
        for name in was.keys() | now[owner].keys()
        if was.get(name) is not now[owner].get(name)
    }


@pytest.mark.parametrize("plane", plane_classes(), ids=lambda plane: plane.name)
def test_a_plane_is_uninstalled_after_its_module(plane: type[Plane], tmp_path: Path) -> None:
    context = Context(
        tmp_path, ACCOUNT, "http://127.0.0.1:9", Clock(0), ProcessTable(tmp_path / "processes.json"), AddressBook()
    )
    before = attributes()
    for _ in range(2):  # the second module can install it, too
        with untouched():
            plane(context).install()
            assert changed(before)
        assert changed(before) == set()


def test_patches_are_uninstalled_and_backends_empty_after_a_module() -> None:
    early = patches.early_patches()
    before = attributes()
    with untouched():
        for patch in early:
            patch()
        assert changed(before)
        iam_backends[ACCOUNT]["aws"].create_user("eu-west-2", "left")
    assert changed(before) == set()
    assert not iam_backends[ACCOUNT]["aws"].users
