# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which tags of a resource are the stack's, and which are left alone: pure.

Other people's automation tags resources, too: cost allocation, tag policies, "created by". AWS does not tell who set a
tag, so each resource says in tags of its own (``mlflow:tags``) which keys of ``stack_tags`` it was given. A key that
stands there and that ``stack_tags`` no longer names is taken away; every other key is somebody else's. No task of a
role purges tags: whatever somebody adds between reading and writing would be lost.

Terraform keeps the same knowledge in its state file, and its ``ignore_tags`` (keys, prefixes) is for what changes
behind its back; ``purge_tags`` of amazon.aws knows no difference and removes everything that it was not given.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

#: The tags that name the keys of ``stack_tags``; a number follows where one value is too short for all.
RECORD = "mlflow:tags"
#: Characters of a tag's value (General Reference, "Tagging your AWS resources").
_LONGEST = 256


def tag_record(keys: Iterable[Any]) -> dict[str, str]:
    """The tags that name ``keys``, in as few values as they fit into; none for no key.

    :param keys: keys of at most 128 characters, of which none takes more than one value.
    """
    values: list[str] = []
    for word in sorted({_word(str(key)) for key in keys}):
        if values and len(values[-1]) + 1 + len(word) <= _LONGEST:
            values[-1] += f" {word}"
        else:
            values.append(word)
    return {RECORD + (str(number) if number > 1 else ""): value for number, value in enumerate(values, 1)}


def _word(key: str) -> str:
    """A key without spaces, which part one from the next in a record. Two keys stay two."""
    return key.replace("=", "==").replace(" ", "=_")


def ignored(key: str, patterns: Iterable[str]) -> bool:
    """Whether a key is one of ``patterns``, or begins with one that ends in ``*``."""
    return any(key.startswith(one[:-1]) if one.endswith("*") else key == one for one in patterns)


def tags_to_set(
    wanted: Mapping[str, Any], current: Mapping[str, Any] | None, ignore: Collection[str] = ()
) -> dict[str, Any]:
    """The tags that a run gives to a resource. One that exists keeps those of which somebody else sees to the value.

    :param current: the tags that it has; None where it does not exist yet.
    :param ignore: patterns as :func:`ignored` takes them.
    """
    if current is None:
        return dict(wanted)
    return {key: value for key, value in wanted.items() if not ignored(str(key), ignore)}


def tags_to_remove(wanted: Mapping[str, Any], current: Mapping[str, Any], ignore: Collection[str] = ()) -> list[str]:
    """The keys that the stack gave to a resource and that it shall have no more, sorted."""
    records = [key for key in current if _is_record(key)]
    words = {word for key in records for word in str(current[key]).split(" ")}
    given = [*records, *(key for key in current if _word(key) in words)]
    return sorted({key for key in given if key not in wanted and not ignored(key, ignore)})


def _is_record(key: str) -> bool:
    number = key.removeprefix(RECORD)
    return key.startswith(RECORD) and (not number or number.isdecimal())
