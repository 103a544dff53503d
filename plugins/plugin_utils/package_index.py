# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a package index has a release of MLflow."""

from __future__ import annotations

import re

from ansible.module_utils.urls import open_url

#: What pip and uv ask unless they are told otherwise.
PYPI = "https://pypi.org/simple"
_SECONDS = 5
#: The release needs both (3.18.0 of mlflow was there for a while without its mlflow-skinny).
_PACKAGES = ("mlflow", "mlflow-skinny")


def release_problem(version: str, index_url: str) -> str | None:
    """One sentence when the index answers and lacks the release; None when it has it, or does not answer.

    An index that only the tasks reach, or none that can be reached from here, is no failure.

    :param index_url: the URL of a simple index (PEP 503), or empty for PyPI.
    """
    for package in _PACKAGES:
        offered = _versions(package, index_url or PYPI)
        if offered and version not in offered:
            newest = sorted(offered, key=lambda text: [int(part) for part in text.split(".")])[-3:]
            return (
                f"ecs_mlflow_version: {index_url or 'PyPI'} has no {package} {version}; use a release that it has, "
                f"such as 3.17.2 (its newest are {', '.join(newest)})"
            )
    return None


def _versions(package: str, index: str) -> set[str]:
    """The releases of a package that an index lists, without pre-releases; none when it does not answer."""
    try:
        with open_url(f"{index.rstrip('/')}/{package}/", timeout=_SECONDS, headers={"Accept": "text/html"}) as answer:
            page = answer.read().decode("utf-8", "replace")
    except Exception:  # whatever a network between here and there can do
        return set()
    name = package.replace("-", "[-_.]")
    return set(re.findall(rf">\s*{name}-([0-9]+(?:\.[0-9]+)*)(?:-py|\.tar\.gz)", page, re.IGNORECASE))
