# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Draws the picture in docs/architecture.md from playbooks/site.yml and the roles' tasks.

    python tools/architecture.py           write it
    python tools/architecture.py --check   exit 1 when it is not up to date

What runs in which order stands once, in the playbook; which modules a role uses stands once, in its tasks.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "architecture.md"
BEGIN = "<!-- Made by tools/architecture.py from playbooks/site.yml and the roles' tasks: change those. -->\n"
END = "<!-- End of what tools/architecture.py makes. -->\n"
OURS = "mlops.mlflow_aws."
#: Collections whose modules a role uses to read and write; ansible.builtin only steers.
COLLECTIONS = ("amazon.aws.", "community.aws.", OURS)


def tasks(nodes: Any) -> Iterator[dict[str, Any]]:
    """The tasks of a file, those in blocks too."""
    for node in nodes or []:
        if "block" in node:
            yield from tasks(node["block"])
        else:
            yield node


def load(path: Path) -> Any:
    """The YAML in a file."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def steps() -> list[tuple[str, str]]:
    """What site.yml does, in its order: role and entry point; ``preflight`` has no role of its own."""
    found = []
    for task in load(ROOT / "playbooks" / "site.yml")[0]["tasks"]:
        if "ansible.builtin.import_tasks" in task:
            found.append((Path(task["ansible.builtin.import_tasks"]).stem, ""))
        elif "ansible.builtin.import_role" in task:
            role = task["ansible.builtin.import_role"]
            found.append((str(role["name"]).removeprefix(OURS), str(role.get("tasks_from", ""))))
    return found


def reached(role: str, entry: str = "main") -> set[str]:
    """The task files of a role that an entry point leads to, by their names without the ending."""
    found, ways = set(), [entry]
    while ways:
        name = ways.pop()
        if name in found:
            continue
        found.add(name)
        for task in tasks(load(ROOT / "roles" / role / "tasks" / f"{name}.yml")):
            for verb in ("ansible.builtin.import_tasks", "ansible.builtin.include_tasks"):
                if verb in task:
                    ways.append(Path(task[verb]).stem)
    return found


def modules(role: str, entry: str = "main") -> list[str]:
    """The modules that a role runs, by their full names."""
    return sorted(
        {
            word
            for name in reached(role, entry)
            for task in tasks(load(ROOT / "roles" / role / "tasks" / f"{name}.yml"))
            for word in task
            if word.startswith(COLLECTIONS)
        }
    )


def _node(role: str, entry: str) -> str:
    names = modules(role, entry or "main")
    by_collection = [
        f"{prefix.rstrip('.')}: {', '.join(name.removeprefix(prefix) for name in names if name.startswith(prefix))}"
        for prefix in COLLECTIONS
        if any(name.startswith(prefix) for name in names)
    ]
    return "<br/>".join(by_collection)


def picture() -> str:
    """The picture, in Mermaid's language."""
    lines = [
        "```mermaid",
        "flowchart LR",
        '  inventory[/"inventory: what should be"/] --> s1',
        '  aws[("AWS: the only state")]',
        '  mlflow(["MLflow"])',
        '  subgraph site["site.yml, from top to bottom"]',
        "    direction TB",
    ]
    found = steps()
    for number, (role, entry) in enumerate(found, 1):
        lines.append(f'    s{number}["{number}. {role}{", " + entry if entry else ""}"]')
    lines += [f"    {' --> '.join(f's{number}' for number in range(1, len(found) + 1))}", "  end"]
    for number, (role, entry) in enumerate(found, 1):
        # The first step has every role's checks; what it reads is read by the role `stack`.
        own, where = ("stack", "") if role == "preflight" else (role, entry)
        shown = _node(own, where)
        lines.append(f'  s{number} --- m{number}["{shown}"] --> aws')
        if "mlflow_" in shown.replace(OURS.rstrip("."), ""):
            lines.append(f"  m{number} --> mlflow")
    return "\n".join([*lines, "```", ""])


def page() -> str:
    """The whole page, with the picture that is true now.

    :raises ValueError: when the page has no place for it.
    """
    text = PAGE.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{PAGE.name} lacks the two lines between which the picture lies")
    return f"{before}{BEGIN}\n{picture()}\n{END}{after}"


def main() -> int:
    """Write or check the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 when it is not up to date")
    wanted = page()
    if parser.parse_args().check:
        if wanted != PAGE.read_text(encoding="utf-8"):
            print("docs/architecture.md is not up to date: run python tools/architecture.py", file=sys.stderr)
            return 1
        return 0
    PAGE.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
