# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""New versions of a secret in AWS Secrets Manager, and which of them are in use."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

#: The staging labels that Secrets Manager moves by itself (user guide, "What's in a Secrets Manager secret?").
CURRENT = "AWSCURRENT"
PREVIOUS = "AWSPREVIOUS"
#: What the second of two users that take turns has at the end of its name, as in AWS's own rotation functions.
#: roles/ecs_mlflow/files/mlflow_aws/settings.py, which runs where no collection is, says it too.
SECOND_SUFFIX = "_clone"


class RotationError(Exception):
    """A secret that cannot be rotated as it was asked for. The message holds no value of it."""


@dataclass(frozen=True)
class Versions:
    """The ids of a secret's versions that carry one of the two labels; None where none does."""

    current: str | None = None
    previous: str | None = None

    @classmethod
    def of(cls, secret: Mapping[str, Any]) -> Versions:
        """Those of what DescribeSecret answered."""
        labels: Mapping[str, Sequence[str]] = secret.get("VersionIdsToStages") or {}

        def labelled(label: str) -> str | None:
            return next((version for version, held in labels.items() if label in held), None)

        return cls(labelled(CURRENT), labelled(PREVIOUS))


def alternated(name: str, suffix: str) -> str:
    """The other one of two names, of which one is the other with ``suffix``."""
    return name.removesuffix(suffix) if name.endswith(suffix) and name != suffix else name + suffix


def next_value(text: str, key: str, password: str, alternate_key: str | None, suffix: str) -> dict[str, Any]:
    """The value of the next version.

    :param text: the SecretString of the version that is current.
    :param key: which member becomes ``password``.
    :param alternate_key: which member changes between two names that differ by ``suffix``; None for none.
    :raises RotationError: ``text`` is no JSON object that has these members as texts.
    """
    try:
        value = json.loads(text)
    except ValueError:
        value = None  # the parser's own message quotes the text
    if not isinstance(value, dict):
        raise RotationError("its value is not a JSON object; store one, or rotate it by other means")
    for member in filter(None, (key, alternate_key)):
        if not isinstance(value.get(member), str):
            raise RotationError(f"its value has no text '{member}'; it has {', '.join(sorted(value)) or 'nothing'}")
    changed = {key: password}
    if alternate_key:
        changed[alternate_key] = alternated(value[alternate_key], suffix)
    return {**value, **changed}
