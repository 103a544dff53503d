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
from ansible_collections.mlops.mlflow_aws.plugins.action.output_file import keep, remove


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
    after = path.stat()
    # Not the time of the last access, which reading it may move.
    kept = ("st_ino", "st_mode", "st_size", "st_mtime_ns", "st_ctime_ns")
    assert [getattr(after, field) for field in kept] == [getattr(before, field) for field in kept]


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


def test_without_a_content_the_folder_alone_is_made(path: Path) -> None:
    assert keep(path, None, write=False)
    assert not path.parent.exists()
    assert keep(path, None, write=True)
    assert not keep(path, None, write=True)
    assert list(path.parent.iterdir()) == []
    path.parent.chmod(0o755)
    assert keep(path, None, write=True)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("content", [b"a", None])
def test_a_folder_that_others_use_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    path.parent.mkdir(parents=True)
    inside = path.parent / "project"
    inside.mkdir()
    for mode, cwd in ((0o1777, path.parent.parent.parent), (0o755, path.parent), (0o755, inside)):
        path.parent.chmod(mode)
        monkeypatch.chdir(cwd)
        with pytest.raises(PermissionError, match="is not a folder for such files alone"):
            keep(path, content, write=True)
        assert stat.S_IMODE(path.parent.stat().st_mode) == mode
    with pytest.raises(PermissionError, match="is not a folder for such files alone"):
        keep(Path("mlflow.env"), content, write=True)


@pytest.mark.parametrize("content", [b"a", None])
@pytest.mark.parametrize("linked", [False, True])
def test_an_open_folder_with_other_things_in_it_is_not_closed(path: Path, content: bytes | None, linked: bool) -> None:
    folder = path.parent
    folder.mkdir(parents=True)
    (folder / "notes.txt").touch()
    folder.chmod(0o755)
    if linked:
        path = folder.parent / "link" / path.name
        path.parent.symlink_to(folder)
    for write in (False, True):
        with pytest.raises(PermissionError, match=r"open to others \(0755\).* such as notes\.txt: chmod 700 it"):
            keep(path, content, write=write)
    assert (stat.S_IMODE(folder.stat().st_mode), [one.name for one in folder.iterdir()]) == (0o755, ["notes.txt"])
    folder.chmod(0o700)
    assert keep(path, b"a", write=True)


def test_a_folder_that_cannot_be_written_is_told_before_the_content_is_there(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(path, None, write=True)
    # As anybody but root sees it.
    monkeypatch.setattr(os, "access", lambda folder, mode: False)
    with pytest.raises(PermissionError, match="stack"):
        keep(path, None, write=True)


def test_a_write_that_is_broken_off_leaves_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(path, b"a", write=True)

    def interrupted(*_names: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        keep(path, b"b", write=True)
    assert [one.name for one in path.parent.iterdir()] == ["mlflow.env"]
    assert path.read_bytes() == b"a"


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


def test_what_is_removed_is_what_the_pattern_names(tmp_path: Path) -> None:
    folder = tmp_path / "stack"
    for name in ("mlflow.env", "mlflow-a.env", "mlflow-b.env", "other.env"):
        keep(folder / name, b"x", write=True)
    both = [folder / "mlflow-a.env", folder / "mlflow-b.env"]
    assert remove(folder / "mlflow-*.env", write=False) == both
    assert all(path.exists() for path in both)
    assert remove(folder / "mlflow-*.env", write=True) == both
    assert remove(folder / "mlflow-*.env", write=True) == []
    assert sorted(path.name for path in folder.iterdir()) == ["mlflow.env", "other.env"]


def test_the_last_file_takes_the_folder_along(tmp_path: Path) -> None:
    keep(tmp_path / "stack" / "mlflow.env", b"x", write=True)
    assert remove(tmp_path / "stack" / "mlflow.env", write=True)
    assert not (tmp_path / "stack").exists()
    assert remove(tmp_path / "stack" / "mlflow.env", write=True) == []


def test_a_folder_of_somebody_else_stays(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(mode=0o755)
    (tmp_path / "open" / "health.json").write_text("{}")
    assert remove(tmp_path / "open" / "health.json", write=True)
    assert (tmp_path / "open").is_dir()
