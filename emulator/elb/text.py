# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes foreign text into an nginx configuration so that it can only be text."""

from __future__ import annotations

from collections.abc import Iterable

#: The variable that stands for a dollar sign, which nginx cannot escape.
DOLLAR = "${elb_dollar}"


def quoted(value: str, *, variables: bool = False) -> str:
    """``value`` as one double-quoted token.

    :param variables: leave ``$name`` to nginx; else a dollar sign stays a dollar sign.
    """
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped if variables else escaped.replace("$", DOLLAR)}"'


def literal(value: str) -> str:
    """A regular expression for ``value`` itself: every byte but letters and digits as ``\\xNN``."""
    return "".join(
        chr(byte) if byte < 128 and chr(byte).isalnum() else f"\\x{byte:02x}" for byte in value.encode("utf-8")
    )


def wildcard(pattern: str, any_character: str = ".", *, escapes: bool = False) -> str:
    """A regular expression for a pattern with ``*`` (any text) and ``?`` (one character).

    :param any_character: what the wildcards stand for.
    :param escapes: whether ``\\*``, ``\\?`` and ``\\\\`` stand for the characters themselves.
    """
    out: list[str] = []
    characters = iter(pattern)
    for character in characters:
        if escapes and character == "\\":
            out.append(literal(next(characters, "\\")))
        elif character == "*":
            out.append(f"{any_character}*")
        elif character == "?":
            out.append(any_character)
        else:
            out.append(literal(character))
    return "".join(out)


def table(source: str, result: str, rows: Iterable[tuple[str, str]], default: str) -> str:
    """A ``map`` block: ``result`` is the value of the first row whose key matches ``source``.

    :param rows: keys (``~regex``, ``~*regex`` or a plain word) and values, both ready to write.
    """
    lines = [f"    map {source} {result} {{", f"        default {default};"]
    lines += [f'        "{key}" {value};' for key, value in rows]
    return "\n".join([*lines, "    }"])
