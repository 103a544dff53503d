# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people copy from pages, examples and messages works as it stands: commands, names, figures."""

from __future__ import annotations

import re
from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path

import pytest
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.names import stack_names

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted(ROOT.glob("roles/*/README.md"))]
SOURCES = [
    *sorted((ROOT / "plugins").rglob("*.py")),
    *sorted((ROOT / "plugins").rglob("*.yml")),
    *sorted(path for folder in ("roles", "playbooks", "inventories") for path in (ROOT / folder).rglob("*.yml")),
]

#: Services of one endpoint for all regions, and commands that ask none.
WITHOUT_REGION = {"iam", "sts", "s3", "configure", "sso"}
_COMMAND = re.compile(r"\baws ([a-z0-9-]+) ([a-z]+-[a-z-]+|cp|sync|ls|sso|login)\b")
#: The names of a stack that the examples call fraud or fraud-scoring-mlflow; what follows is a secret's use.
_SECRET = re.compile(r"(?<![\w/.-])(fraud[a-z-]*)/([a-z][a-zA-Z0-9/_<>-]*)")


def commands(text: str) -> Iterator[tuple[str, str]]:
    """The services of AWS's command lines, and each command to its end."""
    found = list(_COMMAND.finditer(text))
    for position, match in enumerate(found):
        following = found[position + 1].start() if position + 1 < len(found) else len(text)
        end = min((at for mark in ("`", "\n\n") if (at := text.find(mark, match.end())) >= 0), default=len(text))
        yield match[1], text[match.start() : min(end, following)]


@pytest.mark.parametrize("path", [*PAGES, *SOURCES], ids=lambda path: str(path.relative_to(ROOT)))
def test_a_command_of_aws_says_its_region(path: Path) -> None:
    """A stack's region is seldom that of the reader's profile, and the answer would be "not found"."""
    without = [
        command
        for service, command in commands(path.read_text(encoding="utf-8"))
        if service not in WITHOUT_REGION and "--region" not in command
    ]
    assert without == []


def test_the_commands_are_found() -> None:
    assert sum(len(list(commands(path.read_text(encoding="utf-8")))) for path in PAGES) >= 8
    text = "`aws ec2 describe-vpcs` and\n\naws rds create-db-snapshot \\\n  --region x\n\nlater"
    assert [(service, "--region" in command) for service, command in commands(text)] == [("ec2", False), ("rds", True)]


@pytest.mark.parametrize("path", [*PAGES, *SOURCES], ids=lambda path: str(path.relative_to(ROOT)))
def test_a_secret_s_name_is_one_that_a_stack_has(path: Path) -> None:
    wrong = []
    for stack, use in _SECRET.findall(path.read_text(encoding="utf-8")):
        names = stack_names(stack, "eu-west-2").as_dict().values()
        # An ARN ends in six characters of Secrets Manager's own.
        if not {f"{stack}/{use}", f"{stack}/{use[:-7]}"} & set(names) and not re.match(r"mlflow/users/.", use):
            wrong.append(f"{stack}/{use}")
    assert wrong == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_page_has_neither_markup_of_ansible_nor_figures_that_grow_stale(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert re.findall(r"`main:\w+`|\b[CVOMEP]\([a-z_.]+\)", text) == []
    # Each new task changes them.
    assert re.findall(r"(?:\bok|skipped)=\d+", text) == []


def test_the_readme_enables_the_callbacks_that_a_checkout_enables() -> None:
    config = ConfigParser()
    config.read(ROOT / "ansible.cfg")
    enabled = config["defaults"]["callbacks_enabled"]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"callbacks_enabled = {enabled}" in readme
    assert f"ANSIBLE_CALLBACKS_ENABLED={enabled.replace(' ', '')}" in readme


@pytest.mark.parametrize("path", [*PAGES, *SOURCES], ids=lambda path: str(path.relative_to(ROOT)))
def test_no_page_promises_that_no_request_fails_in_a_rotation(path: Path) -> None:
    """Those of the admin and of users can, for MLflow has one password a user: docs/rotation.md says which."""
    about = [part for part in path.read_text(encoding="utf-8").split("\n\n") if re.search("rotat|assword", part)]
    assert not [part for part in about if re.search(r"without a\s+(?:#\s+)?failed\s+request", part)]
