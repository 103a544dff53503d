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


def version_to_run(wanted: str, current: str | None, offered: Iterable[str]) -> str | None:
    """The version that the database is to have; None where the region offers none that is ``wanted``.

    A minor release is the least one: RDS takes newer ones by itself, in the maintenance window or when AWS retires the
    one that it has (RDS User Guide, "Upgrading the PostgreSQL DB engine"), and takes no way back. What the database has
    is kept even where the region does not offer it for new ones any more.

    >>> version_to_run("15.4", "15.10", ["15.10", "15.12"])
    '15.10'
    """
    if current is None or current.split(".", maxsplit=1)[0] != wanted.split(".", maxsplit=1)[0]:
        return newest_offered(wanted, offered)
    return current if version_numbers(current) >= version_numbers(wanted) else newest_offered(wanted, offered)


def version_numbers(version: str) -> tuple[int, ...]:
    """By what versions are ordered."""
    return tuple(int(part) for part in re.findall(r"[0-9]+", version))
