# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes on the controller, so that it costs no process: see the documentation of the module of this name."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

#: Nobody but the owner: what a run writes may hold a password.
FOLDER_MODE = 0o700
FILE_MODE = 0o600


class ActionModule(ActionBase):
    """One file in a folder of its own."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Write the file where it differs."""
        super().run(tmp, task_vars)
        _validated, options = self.validate_argument_spec(
            {
                "path": {"type": "path", "required": True},
                "content": {"type": "str", "no_log": True},
                "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            }
        )
        path, content = Path(options["path"]), options["content"]
        write = not self._task.check_mode
        try:
            if options["state"] == "absent":
                changed = bool(remove(path, write=write))
            else:
                changed = keep(path, None if content is None else content.encode(), write=write)
        except OSError as error:
            raise AnsibleActionFail(
                f"{error.filename or path}: {error.strerror}; choose a folder of yours for it (stack_output_dir)"
            ) from error
        return {"changed": changed, "path": str(path)}


def keep(path: Path, content: bytes | None, *, write: bool) -> bool:
    """Make the file hold ``content``, for its owner alone; answers whether it did not before.

    A reader sees the former file or the new one, never a part.

    :param content: None is for a look at the folder, whether a file can be written there.
    :param write: whether to write; else this only answers.
    :raises OSError: the folder or the file cannot be written, or the folder is open to others and has other things in
        it.
    """
    folder = path.parent
    now = _mode(folder)
    if now is not None and (now & stat.S_ISVTX or folder.resolve() in (Path.cwd(), *Path.cwd().parents)):
        raise PermissionError(errno.EPERM, "is not a folder for such files alone", str(folder))
    # One that is not closed yet, and that this would close: whoever reads the other things in it could not any more.
    if now not in (None, FOLDER_MODE) and (others := {one.name for one in folder.iterdir()} - {path.name}):
        other = f"is open to others ({now:04o}) and has other things in it, such as {min(others)}"
        raise PermissionError(errno.EPERM, f"{other}: chmod 700 it if it is for the files of your runs", str(folder))
    if now == FOLDER_MODE and (content is None or (_mode(path) == FILE_MODE and path.read_bytes() == content)):
        if content is None and not os.access(folder, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))
        return False
    if write:
        folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        folder.chmod(FOLDER_MODE)
        if content is not None:
            _replace(path, content)
    return True


def remove(pattern: Path, *, write: bool) -> list[Path]:
    """Remove the files, and their folder where nothing is left in it; answers which files there were.

    :param pattern: a file; in its name, though not in its folder's, ``*`` stands for any characters.
    :param write: whether to remove them; else this only answers.
    :raises OSError: a file cannot be removed.
    """
    folder = pattern.parent
    files = sorted(path for path in folder.glob(pattern.name) if path.is_file() or path.is_symlink())
    if write:
        for path in files:
            path.unlink(missing_ok=True)
        # Only a folder that this plugin may have made: with the mode that it gives, and empty.
        if files and _mode(folder) == FOLDER_MODE and not any(folder.iterdir()):
            folder.rmdir()
    return files


def _replace(path: Path, content: bytes) -> None:
    # Made with the mode of FILE_MODE.
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(name, path)
    except BaseException:  # whatever ends it, a password does not stay behind
        os.unlink(name)
        raise


def _mode(path: Path) -> int | None:
    """The permissions; None where nothing is there."""
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return None
