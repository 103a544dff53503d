# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check of a reference to a container image."""

from __future__ import annotations

import re

#: github.com/distribution/reference, regexp.go: domain, path, tag and digest.
_IMAGE = re.compile(
    r"(?:(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)(?::[0-9]+)?/)?"
    r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*"
    r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[0-9a-f]{64})?"
)
#: The official image of Python, whatever registry mirrors it.
_PYTHON = re.compile(r"(?:.*/)?python:(?P<version>[0-9]+(?:\.[0-9]+)?)(?:[.-].*)?(?:@.*)?")
#: The oldest Python that the server's requirements are made for.
OLDEST = (3, 11)
_EXAMPLE = "public.ecr.aws/docker/library/python:3.11-slim"


def image_problem(variable: str, image: str) -> str | None:
    """One sentence when no registry could have ``image``, or when its Python is too old; else None."""
    if "://" in image:
        return f"{variable}: '{image}' is a URL; leave out the scheme, as in {_EXAMPLE}"
    if not _IMAGE.fullmatch(image):
        return (
            f"{variable}: '{image}' is not an image reference; use a registry, a repository in lower case and a tag, "
            f"such as {_EXAMPLE}"
        )
    python = _PYTHON.fullmatch(image)
    parts = tuple(int(part) for part in python["version"].split(".")) if python else OLDEST
    if parts < OLDEST[: len(parts)]:
        return (
            f"{variable}: '{image}' has Python {python['version'] if python else ''}, and MLflow runs here on 3.11 or "
            f"newer; use {_EXAMPLE}"
        )
    return None
