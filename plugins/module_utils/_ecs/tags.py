# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What to do to a resource's tags. Keys that begin with ``aws:`` are AWS's own and are left alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.tagging import compare_aws_tags


@dataclass(frozen=True)
class TagChange:
    """Tags to set and keys to remove."""

    to_set: dict[str, str] = field(default_factory=dict)
    to_remove: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.to_set or self.to_remove)

    def applied_to(self, tags: Mapping[str, str]) -> dict[str, str]:
        """The tags after this change."""
        return {key: value for key, value in tags.items() if key not in self.to_remove} | self.to_set


def as_text(tags: Mapping[Any, Any] | None) -> dict[str, str] | None:
    """A user's tags as AWS stores them: text. None stays None."""
    return None if tags is None else {str(key): str(value) for key, value in tags.items()}


def from_api(tags: list[dict[str, str]] | None) -> dict[str, str]:
    """ECS's list of keys and values as a dictionary."""
    return {tag["key"]: tag.get("value", "") for tag in tags or []}


def to_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """A dictionary as ECS's list of keys and values."""
    return [{"key": key, "value": value} for key, value in tags.items()]


def tag_change(
    current: Mapping[str, str], wanted: Mapping[str, str] | None, purge: bool, ignore: list[str] | None = None
) -> TagChange:
    """Compares tags.

    :param wanted: None leaves everything alone.
    :param purge: whether keys that are not wanted are removed.
    :param ignore: keys that are never removed.
    """
    if wanted is None:
        return TagChange()
    to_set, to_remove = compare_aws_tags(dict(current), dict(wanted), purge)
    return TagChange(dict(to_set), sorted(key for key in to_remove if key not in (ignore or [])))


def tags_of_new(
    previous: Mapping[str, str], wanted: Mapping[str, str] | None, purge: bool, ignore: list[str]
) -> dict[str, str]:
    """The tags of a thing that takes the place of another one.

    :param wanted: None takes over the previous ones.
    :param ignore: keys that are not taken over.
    """
    kept = {key: value for key, value in previous.items() if key not in ignore and not key.startswith("aws:")}
    if wanted is None:
        return kept
    return dict(wanted) if purge else kept | dict(wanted)
