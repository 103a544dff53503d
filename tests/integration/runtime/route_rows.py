# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of routes (routes.yml), as the test of them and the page about them read it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

TABLE = Path(__file__).with_name("routes.yml")
#: Who may, each with less company than the one before.
RIGHTS = ("anyone", "login", "READ", "USE", "EDIT", "MANAGE", "owner", "admin", "nobody")
PROOFS = ("content", "change", "answer", "none")
_KEYS = {"route", "may", "may_2", "in", "says", "asks", "by", "proof", "why", "last", "thing", "closed"}
_ASK_KEYS = {"path", "query", "body", "raw", "headers", "graphql", "may", "then", "twin", "undo", "in", "route"}


@dataclass(frozen=True)
class Ask:
    """One request, with the names of things still in it."""

    row_may: str
    values: dict[str, Any]

    @property
    def may(self) -> str:
        """Who may, where it is not who may call the route otherwise."""
        return str(self.values.get("may", self.row_may))

    def others(self, key: str) -> list[Ask]:
        """The requests of ``then``."""
        return [Ask(self.may, values) for values in self.values.get(key, ())]


@dataclass(frozen=True)
class Row:
    """One route and who may call it."""

    section: str
    method: str
    path: str
    may: str
    may_2: str
    generations: tuple[int, ...]
    says: str
    thing: str
    by: str
    proof: str
    why: str
    last: int
    closed: tuple[int, ...]
    asks: list[dict[str, Any]] = field(repr=False)

    @property
    def route(self) -> str:
        """Method and path."""
        return f"{self.method} {self.path}"

    @property
    def methods(self) -> list[str]:
        """Each method by itself."""
        return self.method.split(",")

    def right(self, generation: int) -> str:
        """Who may, on a server of this generation."""
        return self.may_2 if generation == 2 else self.may

    def prover(self, generation: int) -> str:
        """Who shows that its request works, on a server of this generation."""
        return "admin" if self.right(generation) == "admin" else self.by

    def requests(self, generation: int) -> list[Ask]:
        """Its requests, on a server of this generation."""
        right = self.right(generation)
        return [Ask(right, ask) for ask in self.asks if generation in ask.get("in", (2, 3))]


def route_key(method: str, path: str) -> str:
    """The row that a route of a server belongs to: the page's API is the clients' under another name."""
    return f"{method} {re.sub(r'^/ajax-api/', '/api/', path)}"


def _row(section: dict[str, Any], row: dict[str, Any]) -> Row:
    if unknown := set(row) - _KEYS:
        raise ValueError(f"{row['route']}: {unknown} means nothing")
    for ask in row["asks"]:
        if unknown := set(ask) - _ASK_KEYS:
            raise ValueError(f"{row['route']}: {unknown} means nothing")
    method, path = row["route"].split(" ")
    may = row["may"]
    reads = may in ("READ", "login", "anyone") or set(method.split(",")) <= {"GET"}
    found = Row(
        section=section["section"],
        method=method,
        path=path,
        may=may,
        may_2=row.get("may_2", section.get("may_2", may)),
        generations=tuple(row.get("in", section["in"])),
        says=row.get("says", ""),
        thing=row.get("thing", section.get("thing", "experiment")),
        by=row.get("by", "admin" if may == "admin" else section.get("by", "owner")),
        proof="none" if may == "nobody" else row.get("proof", "content" if reads else "change"),
        why=row.get("why", ""),
        last=int(row.get("last", 0)),
        closed=tuple(row.get("closed", ())),
        asks=row["asks"],
    )
    unproven = found.proof == "none" and may != "nobody" and not found.why
    if found.may not in RIGHTS or found.proof not in PROOFS or unproven:
        raise ValueError(f"{found.route}: may {found.may}, proof {found.proof}, why {found.why!r}")
    return found


def remarks() -> dict[str, str]:
    """What is said of sections as a whole."""
    sections = yaml.safe_load(TABLE.read_text(encoding="utf-8"))
    return {section["section"]: section["says"] for section in sections if "says" in section}


def rows() -> list[Row]:
    """The table.

    :raises ValueError: a row says something that means nothing, or is there twice.
    """
    found = [
        _row(section, row) for section in yaml.safe_load(TABLE.read_text(encoding="utf-8")) for row in section["rows"]
    ]
    routes = [row.route for row in found]
    if twice := {route for route in routes if routes.count(route) > 1}:
        raise ValueError(f"{twice} stand there twice")
    return found
