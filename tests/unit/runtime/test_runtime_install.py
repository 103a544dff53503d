# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The container ``install``: its errors and its files. The real installation is an integration test."""

from __future__ import annotations

import base64
import io
import lzma
import os
import re
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from ansible_collections.mlops.mlflow_aws.plugins.plugin_utils.task_code import packed_code, payload

FILES = Path(__file__).resolve().parents[3] / "roles" / "ecs_mlflow" / "files"


def packed(names: dict[str, str], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, text in names.items():
            archive.writestr(name, text)
    return buffer.getvalue()


def package(compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    files = sorted(path for path in (FILES / "mlflow_aws").rglob("*") if path.suffix in (".py", ".txt", ".in"))
    return packed({str(path.relative_to(FILES)): path.read_text(encoding="utf-8") for path in files}, compression)


@pytest.mark.parametrize("kind", ["zip", "xz"])
def test_payload_is_unpacked(install: ModuleType, tmp_path: Path, kind: str) -> None:
    data = package() if kind == "zip" else lzma.compress(package(zipfile.ZIP_STORED))
    lib = install.unpack(base64.b64encode(data).decode(), tmp_path)
    assert (lib / "mlflow_aws" / "serve.py").read_bytes() == (FILES / "mlflow_aws" / "serve.py").read_bytes()
    assert "mlflow-aws = mlflow_aws.app:create_app" in next(lib.glob("*.dist-info/entry_points.txt")).read_text()


CLIMBING = packed({"mlflow_aws/__main__.py": "", "../x": ""})


@pytest.mark.parametrize("data", [b"no zip", packed({"other/x.py": ""}), CLIMBING, b"\xfd7zXZ\0cut"])
def test_payload_that_is_none(install: ModuleType, tmp_path: Path, data: bytes) -> None:
    with pytest.raises(install.InstallError, match="MLFLOW_AWS_PAYLOAD"):
        install.unpack(base64.b64encode(data).decode(), tmp_path)
    assert not (tmp_path.parent / "x").exists()


def test_both_fit_into_a_task_definition() -> None:
    """A task definition has at most 64 KB; what the rest of it needs is below 10."""
    packed_role = payload(str(FILES / "mlflow_aws"))
    assert len(packed_role) + len(packed_code((FILES / "install.py").read_text("utf-8"))) < 50_000


class Runs:
    """Stands for subprocess.run: answers with ``outputs``, one a call (None is success)."""

    def __init__(self, *outputs: str | None) -> None:
        self.outputs = list(outputs)

    def __call__(self, command: list[str], **_options: Any) -> subprocess.CompletedProcess[str]:
        output = self.outputs.pop(0)
        return subprocess.CompletedProcess(command, 0 if output is None else 1, "", output or "")


@pytest.fixture
def waits(install: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    seconds: list[float] = []
    monkeypatch.setattr(install.time, "sleep", seconds.append)
    return seconds


def test_network_failures_are_tried_again(
    install: ModuleType, waits: list[float], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(install.subprocess, "run", Runs("connection reset by https://me:pw@index/", None))
    install.run(["uv"], "the installation", "3.17.2", {})
    assert waits == [2]
    assert "pw" not in capsys.readouterr().out


def test_index_that_stays_away(install: ModuleType, waits: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install.subprocess, "run", Runs(*["dns error"] * 4))
    said = r"failed 4 times: dns error\. Is .*https://\*\*\*@index/.*NAT"
    with pytest.raises(install.InstallError, match=said) as error:
        install.run(["uv"], "the installation", "3.17.2", {"UV_DEFAULT_INDEX": "https://me:pw@index/"})
    assert "pw" not in str(error.value)
    assert waits == [2, 4, 8]


def test_an_installation_that_hangs_ends_at_its_deadline(tmp_path: Path) -> None:
    """Nothing else ends it: containers that wait for its success wait for ever."""
    pip = tmp_path / "pip"
    pip.mkdir()
    (pip / "__init__.py").touch()  # without it the environment's own pip comes before this folder
    (pip / "__main__.py").write_text("import time; time.sleep(60)", encoding="utf-8")
    text = (FILES / "install.py").read_text(encoding="utf-8")
    assert "\nDEADLINE = 600\n" in text
    payload = io.BytesIO()
    with zipfile.ZipFile(payload, "w") as archive:
        archive.writestr("mlflow_aws/__main__.py", "")
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", text.replace("\nDEADLINE = 600\n", "\nDEADLINE = 2\n")],
        # No uv on the PATH, and a pip that hangs, as one does whose packets are dropped.
        env={
            "PATH": str(tmp_path),
            "PYTHONPATH": str(tmp_path),
            "MLFLOW_AWS_HOME": str(tmp_path / "home"),
            "MLFLOW_AWS_SCRATCH": str(tmp_path / "scratch"),
            "MLFLOW_AWS_VERSION": "3.17.2",
            "MLFLOW_AWS_PAYLOAD": base64.b64encode(payload.getvalue()).decode(),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert time.monotonic() - began < 20
    assert done.returncode == 1
    assert done.stderr.startswith(
        "mlflow-aws install: not done after 2 s, during the download of uv. Is the package index"
    )
    assert "ecs_mlflow_image" in done.stderr


def test_version_that_is_not_there(install: ModuleType, waits: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    said = "Because there is no version of mlflow[auth]==9.9.9 ... your requirements are unsatisfiable."
    monkeypatch.setattr(install.subprocess, "run", Runs(said))
    with pytest.raises(install.InstallError, match=r"^ecs_mlflow_version: MLflow 9\.9\.9 .*3\.17\.2"):
        install.run(["uv"], "the installation", "9.9.9", {})
    assert waits == []


@pytest.mark.parametrize("version", ["", "latest", "3", "3.17", "3.17.2; rm -rf /", "==3.17.2"])
def test_version_that_is_none(install: ModuleType, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    monkeypatch.setenv("MLFLOW_AWS_VERSION", version)
    with pytest.raises(install.InstallError, match=r"^ecs_mlflow_version must be"):
        install.install()


@pytest.mark.parametrize("version", ["3.17.2", "2.18.0"])
def test_requirements_are_pinned_and_complete(version: str) -> None:
    text = (FILES / "mlflow_aws" / "requirements" / f"{version}.txt").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert all(re.match(r"^[a-z0-9.-]+==[^ ]+( ; .+)?$", line) for line in lines)
    names = {line.split("==")[0] for line in lines}
    assert {"mlflow", "mlflow-skinny", "flask", "alembic", "sqlalchemy", "psycopg2-binary", "boto3"} <= names
    assert f"mlflow=={version}" in lines
    if version.startswith("2."):
        assert any(line.startswith("sqlalchemy==2.0.") for line in lines)
    assert text.startswith("# This file was autogenerated by uv via the following command:\n#    uv pip compile")


def test_command_runs_the_right_python(install: ModuleType, tmp_path: Path) -> None:
    home = tmp_path / "a home"
    lib = home / "lib"
    (lib / "mlflow_aws").mkdir(parents=True)
    python = tmp_path / "py thon"
    python.write_text('#!/bin/sh\necho "$PYTHONPATH|$*"\n', encoding="utf-8")
    python.chmod(0o755)
    install.write_command(home, lib, python)
    command = home / "bin" / "mlflow-aws"
    assert command.stat().st_mode & 0o777 == 0o755
    env = {"PATH": os.environ["PATH"]}
    said = subprocess.run([command, "serve"], capture_output=True, text=True, check=True, env=env).stdout
    assert said == f"{lib}|-m mlflow_aws serve\n"
    said = subprocess.run([command, "healthcheck"], capture_output=True, text=True, check=True, env=env).stdout
    assert said == f"|-B {lib}/mlflow_aws/healthcheck.py\n"
