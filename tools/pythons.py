# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds the Pythons of this machine that really run.

``python tools/pythons.py 3.12`` prints the path of one, or ends with exit code 1. A name on ``PATH`` is no proof: the
shim of a version manager is there for versions that it does not run. So each candidate is started.
"""

from __future__ import annotations

import functools
import glob
import os
import subprocess
import sys

#: Folders that hold Pythons, as patterns; the variable of the environment ``PYTHON_FOLDERS`` replaces them.
#: Those of a pyenv that is on ``PATH`` are looked at in any case.
FOLDERS = ("~/.pyenv/versions/*/bin", "~/.local/share/uv/python/*/bin", "/opt/hostedtoolcache/Python/*/*/bin")


def candidates(version: str) -> list[str]:
    """Where a Python of this version may be, those on ``PATH`` first.

    :param version: major and minor version, such as ``3.12``.
    """
    patterns = os.environ.get("PYTHON_FOLDERS", os.pathsep.join(FOLDERS)).split(os.pathsep)
    folders = [one for one in os.environ.get("PATH", "").split(os.pathsep) if one]
    # pyenv shows where it is by its shims, which run no version but the chosen one; HOME may be another.
    shims = [one.rstrip(os.sep) for one in folders if one.rstrip(os.sep).endswith("shims")]
    patterns += [os.path.join(os.path.dirname(one), "versions", "*", "bin") for one in shims]
    for pattern in patterns:
        folders.extend(sorted(glob.glob(os.path.expanduser(pattern)), reverse=True))
    paths = [os.path.join(folder, f"python{version}") for folder in folders]
    return [path for path in dict.fromkeys(paths) if os.access(path, os.X_OK)]


@functools.cache
def find_python(version: str) -> str | None:
    """The path of a Python of this version that runs and can make environments; None where there is none.

    :param version: major and minor version, such as ``3.12``.
    """
    # Not one of an environment: environments made with it would see what that one has.
    code = (
        "import ensurepip, sys, venv; "
        "sys.prefix == sys.base_prefix and print('%d.%d' % sys.version_info[:2], sys.executable)"
    )
    for path in candidates(version):
        try:
            done = subprocess.run([path, "-c", code], capture_output=True, text=True, check=False, timeout=60)
        except OSError:
            continue
        said, _space, executable = done.stdout.strip().partition(" ")
        if done.returncode == 0 and said == version:
            return executable
    return None


def main(argv: list[str]) -> int:
    """Print the first Python that is there of the versions named."""
    if not argv or argv[0].startswith("-"):
        print("usage: pythons.py VERSION [VERSION ...]   such as 3.12; PYTHON_FOLDERS: where else to look")
        return 0 if argv else 2
    for version in argv:
        if path := find_python(version):
            print(path)
            return 0
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
