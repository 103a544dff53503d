# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of tags against the strictest of the services that get them.

IAM, ECS, Elastic Load Balancing and CloudWatch Logs take letters, digits, spaces and ``_ . : / = + - @`` in keys of 1
to 128 and values of at most 256 characters, and 50 tags a resource (API TagRole, Tag of ECS, Tag of ELBv2,
TagLogGroup; EC2 takes more). AWS keeps keys that begin with ``aws:``, in any case, for itself (General Reference,
"Tagging your AWS resources"), and RDS keys and values that begin with ``aws:`` or ``rds:`` (API Tag of RDS). To IAM,
keys that differ in their case only are one (API TagRole).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.tagging import RECORD, ignored, tag_record

#: Tags that the collection sets itself, of which a resource has at most four, beside those that name stack_tags.
RESERVED = (
    "mlflow:stack",
    "mlflow:component",
    "mlflow:username",
    "mlflow:tier",
    "mlflow:ran",
    "mlflow:migrated",
    "Name",
)
_MOST = 46
_OTHER = re.compile(r"[^\w\s.:/=+\-@]|[\t\r\n\f\v]")
_KEPT = {"aws:": "AWS", "rds:": "RDS"}
_USABLE = "letters, digits, spaces and _ . : / = + - @"


def tag_problems(variable: str, tags: Mapping[Any, Any]) -> list[str]:
    """A sentence for each tag that one of the services would refuse.

    :param variable: the variable that holds ``tags``.
    """
    found = [problem for key, value in tags.items() for problem in _of_tag(variable, key, value)]
    records = len(tag_record(tags))
    if len(tags) + records > _MOST:
        found.append(
            f"{variable}: has {len(tags)} tags; AWS takes 50 a resource, 4 of which the collection sets itself, and "
            f"{RECORD} names the keys of the others in {records}, so list at most {_MOST - records}"
        )
    names = [str(key).lower() for key in tags]
    # IAM: "Tag key names are case insensitive".
    found += [
        f"{variable}: the keys of {sorted(str(key) for key in tags if str(key).lower() == name)} differ in their case "
        "only, and IAM takes them for one; keep one of them"
        for name in sorted({name for name in names if names.count(name) > 1})
    ]
    return found


def _of_tag(variable: str, key: Any, value: Any) -> list[str]:
    if not isinstance(key, str):
        return [f"{variable}: the key {key!r} is not a text; quote it: '{key}'"]
    if own := next((tag for tag in RESERVED if tag.lower() == key.lower()), None):
        but = "" if own == key else f" as {own}, and to IAM both are one"
        return [f"{variable}: the tag '{key}' is set by the collection itself{but}; remove it from {variable}"]
    if key.lower().startswith(RECORD):
        return [f"{variable}: the tag '{key}' is set by the collection itself; remove it from {variable}"]
    found = []
    if not key or len(key) > 128:
        found.append(f"{variable}: the key '{key}' has {len(key)} characters; AWS takes 1 to 128, choose another")
    if kept := _kept(key):
        found.append(f"{variable}: the key '{key}' begins with {kept} for itself; choose another")
    if bad := _OTHER.search(key):
        found.append(f"{variable}: the key '{key}' contains {bad.group()!r}; use {_USABLE} only")
    if value is None:
        return [*found, f"{variable}: the tag '{key}' has no value; give it one, or '' for an empty one"]
    if isinstance(value, (Mapping, list)):
        return [*found, f"{variable}: the value of '{key}' is {value!r}; a tag takes a text, give it one"]
    if isinstance(value, float):
        return [*found, f"{variable}: the value of '{key}', {value}, is a number to YAML; quote it: '{value}'"]
    text = str(value)
    if len(text) > 256:
        found.append(f"{variable}: the value of '{key}' has {len(text)} characters; AWS takes at most 256, shorten it")
    if kept := _kept(text):
        found.append(f"{variable}: the value of '{key}', '{text}', begins with {kept} for itself; choose another")
    if bad := _OTHER.search(text):
        found.append(f"{variable}: the value of '{key}', '{text}', contains {bad.group()!r}; use {_USABLE} only")
    return found


def _kept(text: str) -> str | None:
    """The prefix that somebody keeps for himself, and who; None where there is none."""
    return next(
        (f"{prefix}, which {who} keeps" for prefix, who in _KEPT.items() if text.lower().startswith(prefix)), None
    )


def ignore_problems(variable: str, patterns: Sequence[Any]) -> list[str]:
    """A sentence for each pattern that can match no tag, or that matches one by which the collection knows its own.

    :param variable: the variable that holds ``patterns``, keys or beginnings of keys with a ``*``.
    """
    found = []
    for one in patterns:
        key = str(one).removesuffix("*")
        reserved = [tag for tag in (*RESERVED, RECORD) if ignored(tag, [str(one)])]
        if not key and str(one) != "*":
            found.append(f"{variable}: '{one}' is empty; take it out, or name a key such as Owner, or team:*")
        elif reserved:
            found.append(
                f"{variable}: '{one}' matches {', '.join(reserved)}, by which the collection knows its own resources; "
                "name the keys of your tags only, such as Owner, or team:*"
            )
        elif key.lower().startswith("aws:"):
            found.append(f"{variable}: '{one}' begins with aws:, and AWS's own tags are always left alone; take it out")
        elif bad := _OTHER.search(key):
            found.append(
                f"{variable}: '{one}' contains {bad.group()!r}; write a key, or the beginning of one with one * at "
                "its end"
            )
    return found
