# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Container paths as paths of this machine.

There is no chroot: a volume is a folder of the task, and every mention of its mount point in a
command, a health check or an environment value is rewritten to that folder. Only whole path
components count: with ``/opt/app`` mounted, ``/opt/app-old`` and ``/data/opt/app`` stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

# A path begins where no path goes on: not after a letter, a dot or a slash, but after the "://" or
# ":///" of a URL without a host. It ends before a slash or what cannot be part of a name.
_BEFORE = r"(?:(?<![\w.\-/~])|(?<=:///)|(?<=://))"
_AFTER = r"(?![\w.\-+~%@])"


class PathMap:
    """Rewrites container paths.

    :param mounts: the folder of this machine for each container path; the longest path wins.
    """

    def __init__(self, mounts: Mapping[str, Path]) -> None:
        self._mounts = {self._normal(path): str(folder) for path, folder in mounts.items()}
        longest_first = sorted(self._mounts, key=len, reverse=True)
        choices = "|".join(re.escape(path) for path in longest_first)
        self._pattern = re.compile(f"{_BEFORE}({choices}){_AFTER}") if choices else None

    @staticmethod
    def _normal(path: str) -> str:
        return "/" + path.strip("/")

    def translate(self, text: str) -> str:
        """``text`` with every mounted path replaced."""
        if self._pattern is None:
            return text
        return self._pattern.sub(lambda found: self._mounts[found.group(1)], text)
