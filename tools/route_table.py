# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes docs/routes.md from tests/integration/runtime/routes.yml.

    python -m tools.route_table           write it
    python -m tools.route_table --check   exit 1 if it is not up to date

Who may call a route stands once, in the table of the test that calls it.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from pathlib import Path

from tests.integration.runtime.route_rows import TABLE, Row, remarks, rows

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "routes.md"
VERSIONS = {2: "2.18.0", 3: "3.17.2"}
THINGS = {
    "experiment": "the experiment",
    "model": "the model",
    "scorer": "the scorer",
    "mcp": "the MCP server",
    "server": "what the request names",
    "gateway": "the key, model definition or endpoint",
}
HEAD = f"""<!-- Made by tools/route_table.py from {TABLE.relative_to(ROOT)}: change that. -->

# Who may call which route

Every route of the server, of both supported generations of MLflow, and who gets an answer from it. The table is the one
that `tests/integration/runtime/test_runtime_routes.py` reads: on a real server with a real PostgreSQL it calls each
route, by both of its names, as a stranger, as a login without any right, as a reader of another experiment, and with
`READ` and `EDIT` on this one, with parameters made for that route and with those of known attacks, and with each
parameter twice, one's own and somebody else's, in every pair of places and under every kind of content type. It fails
on an answer that holds anything of somebody else's, on a write that has an effect, and on a request that does not work
for whoever may send it. A route of the server that has no row here fails `test_runtime_server.py`. That searches answer
the same, tokens of the next page included, whether something hidden matches or not: `test_runtime_searches.py`.

- **anyone**: without a login.
- **any login**: whoever has a login, with what is its own; lists hold what the caller may read, and nothing else.
- **READ, USE, EDIT, MANAGE**: whoever has this right, or a higher one, on what the request names. Admins have all.
- **nobody**: not admins either.
- **Since** names the first supported version that has the route. {VERSIONS[2]} has the routes of its column in the same
  way, but for what the last column says.
- **Closed here** names the versions in which MLflow itself lets others pass and the server of this collection does not
  ([how](mlflow-in-the-task.md#who-may-what)).

`/api/` stands for `/ajax-api/` too, by which MLflow's page calls the same functions. `HEAD` and `OPTIONS` answer no
content. That a name is taken is no secret: whoever creates something learns it.
"""


def page() -> str:
    """The text of the page."""
    lines = [HEAD]
    notes = remarks()
    for section, members in itertools.groupby(rows(), key=lambda row: row.section):
        lines += [f"## {section}", ""]
        if section in notes:
            lines += [notes[section], ""]
        lines += ["| Route | Who may | Since | Closed here |", "| --- | --- | --- | --- |"]
        lines += [_line(row) for row in members]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _line(row: Row) -> str:
    since = VERSIONS[min(row.generations)] + ("" if 3 in row.generations else " only")
    closed = ", ".join(VERSIONS[generation] for generation in row.closed)
    return f"| `{row.route}` | {_who(row)} | {since} | {closed} |"


def _who(row: Row) -> str:
    words = {"login": "any login", "owner": "the person itself, admins", "admin": "admins"}
    who = words.get(row.may, row.may)
    if row.may in ("READ", "USE", "EDIT", "MANAGE"):
        who = f"{row.may} on {THINGS[row.thing]}"
    if row.may_2 != row.may and 2 in row.generations:
        who += f" ({VERSIONS[2]}: {row.may_2})"
    return f"{who}: {row.says}" if row.says else who


def main() -> int:
    """Write the page, or check it."""
    parser = argparse.ArgumentParser(description="Write docs/routes.md.")
    parser.add_argument("--check", action="store_true")
    text = page()
    if not parser.parse_args().check:
        PAGE.write_text(text, encoding="utf-8")
    elif PAGE.read_text(encoding="utf-8") != text:
        print("docs/routes.md is not up to date: run python -m tools.route_table", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
