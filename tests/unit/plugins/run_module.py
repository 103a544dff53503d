# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a module of the collection in a process of its own, through the entry point that ansible-core uses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
#: Where the collection is found as ``ansible_collections.mlops.mlflow_aws``: around an installed copy, such as the
#: one that ansible-test runs in, or by the link of a checkout.
COLLECTIONS = ROOT.parents[2] if ROOT.parents[1].name == "ansible_collections" else ROOT / "collections"


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

    :param name: the module's short name.
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
    done = subprocess.run(
        [sys.executable, "-m", f"ansible_collections.mlops.mlflow_aws.plugins.modules.{name}"],
        input=payload,
        env={**os.environ, "PYTHONPATH": str(COLLECTIONS), **(env or {})},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError as error:
        raise AssertionError(f"{name} answered no JSON:\n{done.stdout}\n{done.stderr}") from error
    return answer
