# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible's commands, as somebody without settings of AWS's and of Ansible's would run them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.embedded import ROOT

BIN = Path(sys.executable).parent


def ansible(
    command: str, *arguments: str, cwd: Path = ROOT, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run one of Ansible's commands of this environment to its end.

    :param env: the only settings of AWS and of Ansible that it gets.
    """
    own = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "ANSIBLE_"))}
    return subprocess.run(
        [str(BIN / command), *arguments],
        cwd=cwd,
        env={**own, "PATH": f"{BIN}{os.pathsep}{own['PATH']}", **(env or {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
