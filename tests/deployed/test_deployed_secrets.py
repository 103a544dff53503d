# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real values of the stack's secrets are nowhere but in Secrets Manager and in files of mode 0600."""

from __future__ import annotations

import base64
import json
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deployed.deployed_needles import Needles, forms
from tests.deployed.deployed_stack import ROOT, SECRETS, Stack

pytestmark = pytest.mark.timeout(120)

#: Larger files below the state folder are databases and packages.
LARGEST = 64 * 1024 * 1024


@pytest.fixture(scope="module")
def values(stack: Stack) -> dict[str, str]:
    """The stack's four secret values, and the passwords of its users."""
    users = {f"user {name}": password for name, password in stack.users().items()}
    return {use: stack.secret(use)[key] for use, key in SECRETS.items()} | users


@pytest.fixture(scope="module")
def needles(values: dict[str, str]) -> Needles:
    return Needles(values)


def files_below(folder: Path) -> Iterator[Path]:
    """Regular files, without following links."""
    for path in folder.rglob("*"):
        try:
            mode = path.lstat()
        except FileNotFoundError:
            continue
        if stat.S_ISREG(mode.st_mode) and mode.st_size <= LARGEST:
            yield path


def texts_of(files: Iterator[Path]) -> Iterator[tuple[str, bytes]]:
    """Each file's name and content; a file that goes away meanwhile is none."""
    for file in files:
        try:
            yield str(file), file.read_bytes()
        except FileNotFoundError:
            continue


def test_search_finds_what_is_there(values: dict[str, str], needles: Needles) -> None:
    """The search itself: plain, and in base64 at every offset."""
    assert len(values) == len(set(values.values())) == 5 + 2
    for name, value in values.items():
        texts = [f"a{value}b", *(base64.b64encode(f"{'u' * n}:{value}\n".encode()).decode() for n in range(6))]
        assert [needles.found_in(text) for text in texts] == [[name]] * len(texts)
        assert all(len(look) >= len(value) for look in forms(value))
    assert needles.found_in("nothing " * 100) == []


def test_task_definitions(stack: Stack, needles: Needles) -> None:
    """Every revision of both families, active or not."""
    texts = []
    for family in (stack.name, f"{stack.name}-migration"):
        arns = [
            arn
            for status in ("ACTIVE", "INACTIVE")
            for arn in stack.every(
                "ecs", "list_task_definitions", "taskDefinitionArns", familyPrefix=family, status=status
            )
        ]
        assert arns
        for arn in arns:
            texts.append((arn, json.dumps(stack.aws("ecs").describe_task_definition(taskDefinition=arn), default=str)))
    assert any("valueFrom" in text for _, text in texts)
    assert needles.places(texts) == []


def test_process_arguments(needles: Needles) -> None:
    """Every process of this machine."""
    texts = list(texts_of(path / "cmdline" for path in Path("/proc").iterdir() if path.name.isdigit()))
    assert any(b"pytest" in text for _, text in texts)
    assert needles.places(texts) == []


def test_cloudwatch_logs(stack: Stack, needles: Needles) -> None:
    """Every event of every stream of the log group."""
    group = f"/ecs/{stack.name}"
    streams = [
        row["logStreamName"] for row in stack.every("logs", "describe_log_streams", "logStreams", logGroupName=group)
    ]
    texts = [
        (
            f"{group} {name}",
            "\n".join(
                row["message"]
                for row in stack.every("logs", "filter_log_events", "events", logGroupName=group, logStreamNames=[name])
            ),
        )
        for name in streams
    ]
    # The install, the migration and the server have all said something.
    for container in ("install", "migrate", "mlflow"):
        assert any(f"/{container}/" in place and text for place, text in texts), container
    assert needles.places(texts) == []


def test_ansible_log(stack: Stack, needles: Needles) -> None:
    """The whole deployment with -vvv --diff."""
    if stack.ansible_log is None:
        pytest.skip("no log of the deployment: name it with --ansible-log")
    text = stack.ansible_log.read_text(encoding="utf-8", errors="replace")
    for sign in (
        "Using module file",
        "Secrets | Make those that do not exist",
        "Migrate | Run the migration",
        "module_args",
    ):
        assert sign in text, f"not the log of a whole deployment with -vvv: it has no {sign!r}"
    assert needles.places([(str(stack.ansible_log), text)]) == []


def test_files_that_others_can_read(stack: Stack, needles: Needles) -> None:
    """Below the output folder and the embedded AWS's state: what is not the owner's alone."""
    folders = [folder for folder in (stack.output, stack.emulator) if folder is not None]
    open_files = [
        file for folder in folders for file in files_below(folder) if stat.S_IMODE(file.lstat().st_mode) & 0o077
    ]
    assert needles.places(texts_of(iter(open_files))) == []


def test_log_files_of_the_embedded_aws(stack: Stack, needles: Needles) -> None:
    """Whatever their mode: control plane, PostgreSQL, load balancer and containers."""
    if stack.emulator is None:
        pytest.skip("the stack runs on AWS: there are no log files here")
    logs = [file for file in files_below(stack.emulator) if file.suffix == ".log"]
    assert {"aws.log", "postgres.log", "mlflow.log"} <= {file.name for file in logs}
    assert needles.places(texts_of(iter(logs))) == []


def test_files_of_the_output_folder(stack: Stack, needles: Needles) -> None:
    """Only the client's settings hold a secret, and only the admin's."""
    texts = texts_of(file for file in stack.output.iterdir() if file.is_file())
    assert needles.places(texts) == [f"mlflow/admin in {stack.output / 'mlflow.env'}"]


def test_checkout(needles: Needles) -> None:
    """Every file that git knows or would take."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        timeout=60,
    ).stdout
    names = [name.decode() for name in listed.split(b"\0") if name]
    assert "site.yml" in names
    assert needles.places(texts_of(ROOT / name for name in names if (ROOT / name).is_file())) == []
