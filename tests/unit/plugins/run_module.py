# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a module of the collection in a process of its own, through the entry point that ansible-core uses.

Most of such a process is imports, the same ones each time. So they are done once, in Python's own server of forks
(https://docs.python.org/3/library/multiprocessing.html#contexts-and-start-methods): each module runs in a fork of it.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from multiprocessing import forkserver
from pathlib import Path
from typing import Any
from unittest.mock import patch

ROOT = Path(__file__).resolve().parents[3]
#: Where the collection is found as ``ansible_collections.mlops.mlflow_aws``: around an installed copy, such as the
#: one that ansible-test runs in, or by the link of a checkout.
COLLECTIONS = ROOT.parents[2] if ROOT.parents[1].name == "ansible_collections" else ROOT / "collections"


_PLUGINS = "ansible_collections.mlops.mlflow_aws.plugins"
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    [
        __name__,
        "pytest",  # a fork imports the main module of its parent
        "ansible.module_utils.basic",
        "boto3",
        *(
            ".".join((_PLUGINS, *path.relative_to(ROOT / "plugins").with_suffix("").parts))
            for path in sorted((ROOT / "plugins" / "module_utils").rglob("*.py"))
        ),
    ]
)
_STARTING = threading.Lock()


def _start_forks() -> None:
    """Start the server of forks, if there is none yet; it finds what this process finds."""
    with _STARTING, patch.dict(os.environ, PYTHONPATH=os.pathsep.join((str(COLLECTIONS), *filter(None, sys.path)))):
        forkserver.ensure_running()


def _become(name: str, folder: str, env: dict[str, str], where: str) -> None:
    """Be the process of a module, whose input and output are files of ``folder``."""
    os.environ.clear()
    os.environ.update(env)
    os.chdir(where)
    for number, (file, flags) in enumerate(
        (("in", os.O_RDONLY), ("out", os.O_WRONLY | os.O_CREAT), ("error", os.O_WRONLY | os.O_CREAT))
    ):
        os.dup2(os.open(os.path.join(folder, file), flags, 0o600), number)
    sys.stdin, sys.stdout, sys.stderr = (
        os.fdopen(number, mode, encoding="utf-8", closefd=False) for number, mode in enumerate("rww")
    )
    sys.argv = [name]
    runpy.run_module(_path(name), run_name="__main__", alter_sys=True)


def _path(name: str) -> str:
    """Where Python finds a module: of this collection by its short name, of another one by its whole name."""
    collection, _dot, module = name.rpartition(".")
    return f"ansible_collections.{collection}.plugins.modules.{module}" if collection else f"{_PLUGINS}.modules.{name}"


def _forked(name: str, payload: str, env: dict[str, str], timeout: float) -> tuple[str, str]:
    """What a module wrote to its output and error, in a fork that has all imports already.

    :raises TimeoutError: it did not end in time; it is ended.
    """
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "in").write_text(payload, encoding="utf-8")
        process = _FORKS.Process(target=_become, args=(name, folder, env, os.getcwd()))
        _start_forks()
        process.start()
        process.join(timeout)
        if process.is_alive():
            process.kill()
            process.join()
            raise TimeoutError(f"{name} did not end within {timeout} s")
        return Path(folder, "out").read_text("utf-8"), Path(folder, "error").read_text("utf-8")


def _own_process(name: str, payload: str, env: dict[str, str], timeout: float) -> tuple[str, str]:
    """What a module wrote to its output and error, in a new process."""
    done = subprocess.run(
        [sys.executable, "-m", _path(name)],
        input=payload,
        env={**env, "PYTHONPATH": env.get("PYTHONPATH", str(COLLECTIONS))},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    return done.stdout, done.stderr


def run_module(
    name: str,
    args: Mapping[str, Any],
    env: Mapping[str, str] | None = None,
    *,
    check: bool = False,
    diff: bool = True,
    timeout: float = 120.0,
) -> dict[str, Any]:
    """Runs a module and returns what it answers; a failed one has ``failed: true`` and a ``msg``.

    :param name: the module's short name; its whole one where it is of another collection.
    :param env: environment variables beside those of this process, such as the address of an AWS.
    :param timeout: seconds until the process is ended.
    :raises AssertionError: it answered no JSON.
    """
    internal = {
        "_ansible_check_mode": check,
        "_ansible_diff": diff,
        # ansible-core tells a module where it may keep temporary files; without it a warning is answered.
        "_ansible_remote_tmp": os.environ.get("TMPDIR", "/tmp"),
        "_ansible_keep_remote_files": False,
    }
    payload = json.dumps({"ANSIBLE_MODULE_ARGS": {**args, **internal}})
    # Coverage measures new processes, and a Python path of its own changes what is imported.
    alone = "coverage" in sys.modules or "PYTHONPATH" in (env or {})
    out, error = (_own_process if alone else _forked)(name, payload, {**os.environ, **(env or {})}, timeout)
    try:
        answer: dict[str, Any] = json.loads(out)
    except ValueError as wrong:
        raise AssertionError(f"{name} answered no JSON:\n{out}\n{error}") from wrong
    return answer
