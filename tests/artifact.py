# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection as users get it: built, and installed into a folder of its own."""

from __future__ import annotations

from pathlib import Path

from tests import commands
from tests.embedded import ROOT

FQCN = "mlops.mlflow_aws"


def ansible(command: str, *arguments: str, cwd: Path, collections: Path | None = None) -> str:
    """Run one of Ansible's commands, which ends well; answers its output."""
    env = {"ANSIBLE_COLLECTIONS_PATH": str(collections)} if collections else {}
    done = commands.ansible(command, *arguments, cwd=cwd, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def built(folder: Path) -> Path:
    """Build the artifact into a folder; answers its path."""
    ansible("ansible-galaxy", "collection", "build", "--output-path", str(folder), str(ROOT), cwd=ROOT)
    (found,) = folder.glob("mlops-mlflow_aws-*.tar.gz")
    return found


def unpacked(tarball: Path, folder: Path) -> Path:
    """Install the artifact into an empty folder, which is then one of Ansible's folders of collections."""
    # The collections that it needs are those of the package ansible; Galaxy may be out of reach.
    arguments = ["collection", "install", "--offline", "--no-deps", "-p", str(folder), str(tarball)]
    ansible("ansible-galaxy", *arguments, cwd=folder)
    return folder
