# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes each role's README.md from its meta/argument_specs.yml and defaults/main.yml.

    python tools/role_readmes.py           write them
    python tools/role_readmes.py --check   exit 1 and name those that are not up to date

What a variable means stands once, in the argument specification; its value stands once, in the defaults.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
NOTE = "<!-- Made by tools/role_readmes.py from meta/argument_specs.yml and defaults/main.yml: change those. -->"
#: Further files in tasks/ that a playbook may enter by.
ENTRIES = {
    "destroy": "Takes away what the role made. Asks nothing: `playbooks/destroy.yml` does.",
    "egress": "Routes the private subnets through the NAT gateways, when `network_nat_wait: false` left it for later.",
    "inputs": "Only checks the variables, without a call to AWS.",
    "rotate": "Does the role's part of `playbooks/rotate.yml`, and nothing else.",
    "rotate_admin": "Makes the admin of MLflow what its secret says, and writes its login to `mlflow.env`.",
    "preflight": "Only checks the variables against what the region offers, as discovered before.",
}


def readme(role: Path) -> str:
    """The text of the role's README.md."""
    spec = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]["main"]
    defaults = yaml.safe_load((role / "defaults" / "main.yml").read_text(encoding="utf-8")) or {}
    lines = [NOTE, "", f"# mlops.mlflow_aws.{role.name}", "", f"{_markdown(spec['short_description'])}.", ""]
    lines += [line for text in _texts(spec.get("description", [])) for line in (_markdown(text), "")]
    lines += ["## Variables", "", "| Variable | Type | Default | Meaning |", "| --- | --- | --- | --- |"]
    for name, option in spec["options"].items():
        default = "**required**" if option.get("required") else _code(_value(defaults[name]))
        lines.append(f"| `{name}` | {_type(option)} | {_cell(default)} | {_meaning(option)} |")
    for name, option in spec["options"].items():
        if "options" in option:
            lines += ["", f"Each element of `{name}`:", "", "| Key | Type | Meaning |", "| --- | --- | --- |"]
            for key, part in option["options"].items():
                needed = " **required**" if part.get("required") else ""
                lines.append(f"| `{key}` | {_type(part)}{needed} | {_meaning(part)} |")
    others = _of_other_roles(role)
    if others:
        lines += ["", "## Variables of other roles that it reads", ""]
        lines += [f"- `{name}` ([{owner}](../{owner}/README.md))" for name, owner in others.items()]
        lines += [
            "",
            "In a play without those roles their defaults are not known: set these variables in the inventory.",
        ]
    lines += ["", "## Use", "", "```yaml", *_example(role.name, spec["options"]), "```", ""]
    entries = [name for name in sorted(ENTRIES) if (role / "tasks" / f"{name}.yml").exists()]
    lines += ["Other entry points (`tasks_from`):", "", *(f"- `{name}`: {ENTRIES[name]}" for name in entries), ""]
    return "\n".join(lines)


def _options(role: Path) -> dict[str, Any]:
    text = (role / "meta" / "argument_specs.yml").read_text(encoding="utf-8")
    options: dict[str, Any] = yaml.safe_load(text)["argument_specs"]["main"]["options"]
    return options


def _of_other_roles(role: Path) -> dict[str, str]:
    """Variables that the role's own files use and another role specifies, with that role's name."""
    # The role `stack` is part of every other one, and what it is told by a default is no need.
    folders = [role / name for name in ("tasks", "vars", "templates")]
    files = [path for folder in folders if folder.exists() for path in folder.rglob("*") if path.is_file()]
    used = {
        word for path in files for word in re.findall(r"\b[a-z][a-z0-9_]+\b(?! \| default)", path.read_text("utf-8"))
    }
    found = {}
    for other in sorted(path for path in role.parent.iterdir() if path.is_dir()):
        if other.name not in ("stack", role.name):
            found.update({name: other.name for name in _options(other) if name in used})
    return found


def _texts(text: str | list[str]) -> list[str]:
    return [text] if isinstance(text, str) else list(text)


def _markdown(text: str) -> str:
    """Ansible's markup (C, V, O, M, E, P) as Markdown."""
    # O(main:name) names the entry point that has the variable.
    return re.sub(r"\b[CVOMEP]\((?:main:)?([^)]*)\)", r"`\1`", " ".join(text.split()))


def _code(text: str) -> str:
    return f"`{text}`"


def _value(value: Any) -> str:
    if isinstance(value, str):
        # As a person would write it in YAML; Jinja's braces are kept.
        return value if value and not re.fullmatch(r"[0-9.]+", value) else f'"{value}"'
    flow: str = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10**6).strip()
    return flow.removesuffix("...").strip()


def _type(option: dict[str, Any]) -> str:
    return f"list of {option['elements']}" if "elements" in option else str(option["type"])


def _cell(text: str) -> str:
    """``text`` in a table, where a bar would end the cell, in code too."""
    return text.replace("|", "\\|")


def _meaning(option: dict[str, Any]) -> str:
    text = _cell(" ".join(_markdown(part) for part in _texts(option["description"])))
    if "choices" in option:
        text += " One of " + ", ".join(_code(str(choice)) for choice in option["choices"]) + "."
    return text


def _example(role: str, options: dict[str, Any]) -> list[str]:
    required = {"stack_name": "fraud-scoring-mlflow", "stack_region": "eu-west-2"}
    if role in ("storage", "ecs_mlflow", "verify"):
        required["storage_bucket"] = "fraud-models-test"
    if role == "network":
        required["network_ingress_cidrs"] = "[203.0.113.0/24]"
    missing = {name for name, option in options.items() if option.get("required")} - set(required)
    if missing:
        raise ValueError(f"{role}: the example lacks {', '.join(sorted(missing))}")
    return [
        "- hosts: mlflow",
        "  gather_facts: false",
        "  vars:",
        *(f"    {name}: {value}" for name, value in required.items()),
        "  tasks:",
        "    - name: Apply the role",
        "      ansible.builtin.import_role:",
        f"        name: mlops.mlflow_aws.{role}",
    ]


def main(argv: list[str]) -> int:
    """Write or check the files."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 when a file is not up to date")
    check = parser.parse_args(argv).check
    stale = []
    for role in sorted(path for path in (ROOT / "roles").iterdir() if path.is_dir()):
        path, text = role / "README.md", readme(role)
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(str(path.relative_to(ROOT)))
        if not check:
            path.write_text(text, encoding="utf-8")
    if check and stale:
        print(f"not up to date: {', '.join(stale)}; run python tools/role_readmes.py", file=sys.stderr)
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
