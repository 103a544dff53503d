# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every request is held against the service's model: required and unknown parameters, ranges, patterns, enumerations.

botocore checks types and required parameters before it sends a request, and leaves the rest to AWS; moto checks little.
The words are those of AWS's own validation: "1 validation error detected: Value '...' at '...' failed to satisfy
constraint: ..." (for example API_CreateSecret, API_CreateRole: common errors).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from emulator.conduct.calls import ApiCall, Refusal, list_items, map_items, member_key
from emulator.iam.errors import Protocol

#: Signing name -> code for a value that breaks a constraint, where it is not the protocol's usual one.
_CODES = {
    "ec2": "InvalidParameterValue",
    "rds": "InvalidParameterValue",
    "ecs": "InvalidParameterException",
    "logs": "InvalidParameterException",
    "sns": "InvalidParameter",
}
_MISSING = {"ec2": "MissingParameter", "rds": "MissingParameter"}
_UNKNOWN = {"ec2": "UnknownParameter"}
#: Java's classes of characters, in Python's words.
_CLASSES = {"L": r"\w", "Lu": "A-Z", "Ll": "a-z", "N": r"\d", "Nd": r"\d", "Z": r"\s", "Zs": " ", "S": r"$+<>=^|~\x60"}
_CLASSES |= {
    "P": r"!-#%-*,-/:;?@\[-\]_{}",
    "M": "\u0300-\u036f",
    "Alpha": "A-Za-z",
    "Digit": "0-9",
    "Alnum": "A-Za-z0-9",
}
_CLASSES |= {"Graph": "!-~", "Print": " -~", "ASCII": r"\x00-\x7f", "IsPrint": " -~", "C": r"\x00-\x1f"}


def check(call: ApiCall) -> None:
    """:raises Refusal: a parameter is missing, unknown, or not what the model allows."""
    operation = call.operation
    if operation is None:
        return
    shape = operation.input_shape
    if shape is None:
        return
    walk = _Walk(call.protocol)
    walk.structure(shape, call.tree, "")
    if walk.missing:
        names = walk.missing
        raise Refusal(_MISSING.get(call.service, _code(call)), f"The request must contain the parameter {names[0]}")
    if walk.unknown:
        raise Refusal(_UNKNOWN.get(call.service, _code(call)), f"The parameter {walk.unknown[0]} is not recognized")
    if walk.problems:
        count = len(walk.problems)
        detected = f"{count} validation error{'s' if count > 1 else ''} detected"
        raise Refusal(_code(call), f"{detected}: {'; '.join(walk.problems)}")


def _code(call: ApiCall) -> str:
    usual = "ValidationException" if call.protocol is Protocol.JSON else "ValidationError"
    return _CODES.get(call.service, usual)


class _Walk:
    """Compares a tree of parameters with a shape."""

    def __init__(self, protocol: Protocol) -> None:
        self._protocol = protocol
        self.missing: list[str] = []
        self.unknown: list[str] = []
        self.problems: list[str] = []

    def structure(self, shape: Any, node: Any, path: str) -> None:
        """A structure: each member by its own shape."""
        if not isinstance(node, dict):
            return
        json = self._protocol is Protocol.JSON
        keys = {
            (str(m.serialization.get("name", name)) if json else member_key(name, m, self._protocol)): (name, m)
            for name, m in shape.members.items()
        }
        for key, below in node.items():
            if key in keys:
                if below is not None:
                    self.any(keys[key][1], below, f"{path}{keys[key][0]}")
            elif key:
                self.unknown.append(f"{path}{key}")
        given = {keys[key][0] for key in node if key in keys and node[key] is not None}
        self.missing += [f"{path}{name}" for name in shape.required_members if name not in given]

    def any(self, shape: Any, node: Any, path: str) -> None:
        """A node of any type."""
        kind = shape.type_name
        if kind == "structure":
            self.structure(shape, node, f"{path}.")
        elif kind == "list":
            items = node if self._protocol is Protocol.JSON else list_items(shape, node, self._protocol)
            if not isinstance(items, list):
                return
            self._length(shape, len(items), path, items)
            for number, item in enumerate(items, 1):
                self.any(shape.member, item, f"{path}.{number}")
        elif kind == "map":
            rows = list(node.items()) if self._protocol is Protocol.JSON else map_items(shape, node)
            self._length(shape, len(rows), path, rows)
            for key, value in rows:
                self.any(shape.key, key, f"{path}.key")
                self.any(shape.value, value, f"{path}.{key}")
        elif kind == "string":
            self._string(shape, node, path)
        elif kind in ("integer", "long", "float", "double"):
            self._number(shape, node, path)

    def _fails(self, value: Any, path: str, constraint: str) -> None:
        self.problems.append(f"Value '{value}' at '{path}' failed to satisfy constraint: {constraint}")

    def _length(self, shape: Any, length: int, path: str, value: Any) -> None:
        least, most = shape.metadata.get("min"), shape.metadata.get("max")
        if least is not None and length < least:
            self._fails(value, path, f"Member must have length greater than or equal to {least}")
        elif most is not None and length > most:
            self._fails(value, path, f"Member must have length less than or equal to {most}")

    def _string(self, shape: Any, value: Any, path: str) -> None:
        if not isinstance(value, str):
            return
        shown = "***" if shape.metadata.get("sensitive") else value
        allowed = shape.metadata.get("enum")
        if allowed and value not in allowed:
            self._fails(shown, path, f"Member must satisfy enum value set: [{', '.join(allowed)}]")
            return
        self._length(shape, len(value), path, shown)
        pattern = shape.metadata.get("pattern")
        compiled = _compiled(pattern) if pattern else None
        if compiled is not None and not compiled.fullmatch(value):
            self._fails(shown, path, f"Member must satisfy regular expression pattern: {pattern}")

    def _number(self, shape: Any, value: Any, path: str) -> None:
        try:
            number = float(value)
        except (TypeError, ValueError):
            self._fails(value, path, "Member must be a number")
            return
        least, most = shape.metadata.get("min"), shape.metadata.get("max")
        if least is not None and number < least:
            self._fails(value, path, f"Member must have value greater than or equal to {least}")
        elif most is not None and number > most:
            self._fails(value, path, f"Member must have value less than or equal to {most}")


def _translated(pattern: str) -> Iterator[str]:
    """Java's regular expression in Python's syntax, piece by piece."""
    end = 0
    for found in re.finditer(r"\\(p\{(?:Is)?(\w+)\}|p(\w))", pattern):
        yield pattern[end : found.start()]
        inner = _CLASSES.get(found[2] or found[3], r"\w")
        before = pattern[: found.start()]
        inside = before.count("[") - before.count("\\[") > before.count("]") - before.count("\\]")
        yield inner if inside else f"[{inner}]"
        end = found.end()
    yield pattern[end:]


@lru_cache(maxsize=2048)
def _compiled(pattern: str) -> re.Pattern[str] | None:
    """The pattern, None when Python cannot say it."""
    # Java takes a class and a hyphen for two characters, Python for a bad range.
    text = re.sub(r"(\\[wdsWDS])-(?!\])", r"\1\\-", "".join(_translated(pattern)))
    try:
        return re.compile(text, re.DOTALL)
    except re.error:
        return None
