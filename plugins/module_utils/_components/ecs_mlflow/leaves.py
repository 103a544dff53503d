# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A task definition as plans show it: field by field, and nothing that looks secret or fills the screen."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.masking import (
    NAMED_VALUES,
    holds_password,
    looks_secret,
)

from .known import UNKNOWN

#: Characters of a value that a plan shows.
_LONG = 120


def leaves(definition: Mapping[str, Any]) -> dict[str, Any]:
    """A canonical task definition, field by field, such as ``containers.mlflow.environment.LEVEL``.

    A value that looks secret, or that fills the screen, is a digest: too short a one to find the value by.
    """
    return dict(_leaves(definition, "", ""))


def _leaves(value: Any, path: str, inside: str) -> Iterator[tuple[str, Any]]:
    for key, item in value.items():
        inner = f"{path}.{key}" if path else str(key)
        if isinstance(item, Mapping):
            yield from _leaves(item, inner, str(key))
        else:
            yield inner, _shown(str(key), item, inside in NAMED_VALUES)


def _shown(name: str, value: Any, named: bool) -> Any:
    text = value if isinstance(value, str) else None
    if text is not None and ((named and looks_secret(name)) or holds_password(text)):
        return f"(hidden, {hashlib.sha256(text.encode()).hexdigest()[:6]})"
    if len(str(value)) > _LONG and UNKNOWN not in str(value):
        return f"({len(str(value))} characters, sha256 {hashlib.sha256(str(value).encode()).hexdigest()[:16]})"
    return value
