# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that a run leaves on the controller: whole, for their owner alone, and not written anew for nothing."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.mlops.mlflow_aws.plugins.action.output_file import keep


def modes(path: Path) -> tuple[int, int]:
    return stat.S_IMODE(path.parent.stat().st_mode), stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new" / "stack" / "mlflow.env"


def test_a_new_file_in_a_new_folder_is_its_owners_alone(path: Path) -> None:
    former = os.umask(0)
    try:
        assert keep(path, b"a", write=True)
    finally:
        os.umask(former)
    assert (path.read_bytes(), modes(path)) == (b"a", (0o700, 0o600))
    assert [one.name for one in path.parent.iterdir()] == ["mlflow.env"]


def test_the_same_content_is_no_change(path: Path) -> None:
    keep(path, b"a", write=True)
    before = path.stat()
    assert not keep(path, b"a", write=True)
    assert path.stat() == before


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(b"b"),
        lambda path: path.chmod(0o644),
        lambda path: path.parent.chmod(0o755),
        lambda path: path.unlink(),
    ],
)
def test_what_differs_is_told_and_mended(path: Path, spoil: Callable[[Path], object]) -> None:
    keep(path, b"a", write=True)
    spoil(path)
    before = path.read_bytes() if path.exists() else None
    assert keep(path, b"a", write=False)
    assert (path.read_bytes() if path.exists() else None) == before
    assert keep(path, b"a", write=True)
    assert (path.read_bytes(), modes(path)) == (b"a", (0o700, 0o600))


def test_check_mode_makes_no_folder(path: Path) -> None:
    assert keep(path, b"a", write=False)
    assert not path.parent.exists()


def test_a_folder_in_its_place_is_left_and_nothing_stays_behind(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(IsADirectoryError):
        keep(path, b"a", write=True)
    assert [one.name for one in path.parent.iterdir()] == ["mlflow.env"]


def test_a_file_in_the_place_of_the_folder_is_left(tmp_path: Path) -> None:
    (tmp_path / "stack").write_text("mine")
    with pytest.raises(OSError, match="stack"):
        keep(tmp_path / "stack" / "mlflow.env", b"a", write=True)
    assert (tmp_path / "stack").read_text() == "mine"
