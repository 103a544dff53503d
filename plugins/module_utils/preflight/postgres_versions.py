# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Versions of PostgreSQL as RDS writes them: a major version, and a minor release of it."""

from __future__ import annotations

import re
from collections.abc import Iterable


def newest_offered(wanted: str, offered: Iterable[str]) -> str | None:
    """The newest offered version that is ``wanted`` or a minor release of it; None when there is none.

    >>> newest_offered("15", ["14.9", "15.10", "15.4"])
    '15.10'
    """
    return max((version for version in offered if fits_version(version, wanted)), key=version_numbers, default=None)


def fits_version(version: str, wanted: str) -> bool:
    """Whether ``version`` is ``wanted`` or a minor release of it."""
    return version == wanted or version.startswith(wanted + ".")


def version_numbers(version: str) -> tuple[int, ...]:
    """By what versions are ordered."""
    return tuple(int(part) for part in re.findall(r"[0-9]+", version))
