# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one comparison: what an inventory asks for against what AWS has. Pure.

Both sides are resources by kind and name, such as ``{"subnet": {"10.0.1.0/24": {"zone": "eu-west-2a"}}}``, whose fields
carry the same names and refer to other resources by name. So what a first run would create, what has drifted and which
roles have nothing to do are the same question. Of tags, those that the stack did not give are left alone
(:mod:`tagging`). A field that begins with an underscore is no setting: somebody else needs it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from ansible_collections.amazon.aws.plugins.module_utils.policy import compare_policies
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.ownership import STACK_TAG
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.tagging import tags_to_remove, tags_to_set

Fields = Mapping[str, Any]
#: Resources by kind and name. None stands, where something is wanted, for "must not be there".
Wanted: TypeAlias = "Mapping[str, Mapping[str, Fields | None]]"
Current = Mapping[str, Mapping[str, Fields]]


class UnknownFieldError(ValueError):
    """A field is wanted that nothing reads from AWS: without it a difference would go unseen."""


@dataclass(frozen=True)
class Change:
    """One resource that is not as wanted.

    :param action: create, change or remove; surplus where no run removes it.
    :param before: the fields that differ, as AWS has them; empty for create.
    :param after: the fields that differ, as they are wanted; empty for remove.
    """

    action: str
    kind: str
    name: str
    before: Fields = field(default_factory=dict)
    after: Fields = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """For results and files."""
        return {
            "action": self.action,
            "kind": self.kind,
            "name": self.name,
            "before": dict(self.before),
            "after": dict(self.after),
        }

    def says(self) -> str:
        """In words, such as ``change subnet 10.0.1.0/24: map_public``."""
        fields = sorted({*self.before, *self.after}) if self.action == "change" else []
        return f"{self.action} {self.kind} {self.name}" + (f": {', '.join(fields)}" if fields else "")


@dataclass(frozen=True)
class Comparison:
    """What differs, and how many resources are as wanted.

    :param tags: by kind and name, the tags that each wanted resource is to have.
    :param untag: ``ids`` of resources, as AWS's APIs take them, and the ``keys`` of the tags to remove from them.
    :param surplus: what carries the stack's tag and is not wanted. A run leaves it, and a destroy removes it.
    """

    changes: tuple[Change, ...]
    kept: int
    tags: Mapping[str, Mapping[str, Fields]] = field(default_factory=dict)
    untag: tuple[Fields, ...] = ()
    surplus: tuple[Change, ...] = ()


def compare(
    wanted: Wanted,
    current: Current | None,
    exclusive: Collection[str] = (),
    ignore_tags: Collection[str] = (),
    stack: str = "",
) -> Comparison:
    """What has to be done so that the resources are as wanted.

    :param wanted: a field that is None is left alone; a resource that is None must not be there.
    :param current: resources that are not wanted are left alone, unless their kind is exclusive.
    :param exclusive: kinds of which nothing may be there that is not wanted.
    :param ignore_tags: keys of tags, or beginnings of keys with a ``*``, of which somebody else sees to the values.
    :param stack: name of the stack whose surplus is looked for, among the kinds that are wanted; empty for none.
    :raises UnknownFieldError: a wanted field of a resource that is there is not among those read.
    """
    there = current or {}
    changes = []
    kept = 0
    tags: dict[str, dict[str, Fields]] = {}
    untag = []
    for kind, resources in wanted.items():
        surplus = [name for name in there.get(kind, {}) if name not in resources] if kind in exclusive else []
        for name, fields in {**resources, **dict.fromkeys(surplus)}.items():
            found = there.get(kind, {}).get(name)
            if fields is not None and fields.get("tags") is not None:
                now, asked = (found or {}).get("tags"), fields["tags"]
                fields = {**fields, "tags": tags_to_set(asked, now, ignore_tags)}
                tags.setdefault(kind, {})[name] = fields["tags"]
                if found is not None and now is not None:
                    gone = tags_to_remove(asked, now, ignore_tags)
                    found = {**found, "tags": {key: now[key] for key in now if key in fields["tags"] or key in gone}}
                    if gone:
                        untag.append({"ids": list(found.get("ids", [])), "keys": gone})
            change = _change(kind, name, fields, found)
            if change is not None:
                changes.append(change)
            elif fields is not None:
                kept += 1
    left = [
        Change("surplus", kind, name, before={"ids": list(row.get("ids", []))})
        for kind, resources in wanted.items()
        for name, row in there.get(kind, {}).items()
        if stack and kind not in exclusive and name not in resources
        if row.get("tags", {}).get(STACK_TAG) == stack
    ]
    return Comparison(tuple(changes), kept, tags, tuple(untag), tuple(left))


def _change(kind: str, name: str, fields: Fields | None, found: Fields | None) -> Change | None:
    if fields is None:
        return None if found is None else Change("remove", kind, name, before=_read(found))
    asked = {key: value for key, value in fields.items() if value is not None}
    if found is None:
        return Change("create", kind, name, after=asked)
    unread = sorted(set(asked) - set(found))
    if unread:
        raise UnknownFieldError(f"{kind} {name}: nothing reads {', '.join(unread)} from AWS, so it cannot be compared")
    differing = dict(_differing(found, asked))
    if not differing:
        return None
    before = {key: pair[0] for key, pair in differing.items()}
    return Change("change", kind, name, before=before, after={key: pair[1] for key, pair in differing.items()})


def _read(found: Fields) -> Fields:
    return {key: value for key, value in found.items() if not key.startswith("_")}


def _differing(found: Fields, asked: Fields) -> Iterator[tuple[str, tuple[Any, Any]]]:
    """The fields that differ; of one that holds fields itself, those inside it, as ``tags.Team``."""
    for key, value in asked.items():
        now = found[key]
        if isinstance(value, Mapping) and isinstance(now, Mapping):
            if _same_policy(now, value):
                continue
            for inner in sorted({*value, *now}):
                if inner not in value:
                    yield f"{key}.{inner}", (now[inner], None)
                elif inner not in now:
                    yield f"{key}.{inner}", (None, value[inner])
                elif _plain(now[inner]) != _plain(value[inner]):
                    yield f"{key}.{inner}", (now[inner], value[inner])
        elif _plain(now) != _plain(value):
            yield key, (now, value)


def _same_policy(now: Fields, wanted: Fields) -> bool:
    """Whether both are policies that say the same, whatever the order of statements and whether lists of one are lists.

    As the modules of amazon.aws compare them: a difference that they do not see would be told for ever.
    """
    if "Statement" not in now or "Statement" not in wanted:
        return False
    # compare_policies sorts texts and tuples by the name of their types, which a text out of a template has of its own.
    return not compare_policies(_own_types(now), _own_types(wanted))


def _own_types(value: Any) -> Any:
    """A value in the types of JSON alone."""
    return json.loads(json.dumps(value, default=str))


def _plain(value: Any) -> Any:
    """A value as it is compared: inventories write numbers and booleans as text, too."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float | str):
        text = str(value)
        return text[:-2] if isinstance(value, float) and text.endswith(".0") else text
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
