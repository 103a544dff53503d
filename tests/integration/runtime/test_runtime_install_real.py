# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real installation, by the text that the task definition carries."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.integration.runtime.runtime_parts import Runtime, clean_environment, run_install


def test_ready_for_a_server_that_writes_nothing(runtime: Runtime) -> None:
    assert "ready in" in runtime.said
    assert ("WARNING" in runtime.said) == (runtime.generation == 2)
    python = runtime.home / "venv" / "bin" / "python"
    # What is imported without bytecode would be compiled by every process again: the volume is read-only then.
    code = (
        "import os, sys; os.environ['_MLFLOW_SERVER_SERVE_ARTIFACTS'] = 'true'\n"
        "import mlflow.server.auth, mlflow_aws.access, mlflow_aws.artifacts, mlflow_aws.migrate\n"
        "missing = [m.__name__ for m in list(sys.modules.values()) if getattr(m, '__cached__', None)\n"
        "           and 'site-packages' in m.__cached__ and not os.path.exists(m.__cached__)]\n"
        "print(missing)"
    )
    env = {**clean_environment(), "PYTHONPATH": str(runtime.home / "lib"), "PYTHONDONTWRITEBYTECODE": "1"}
    said = subprocess.run([python, "-W", "ignore", "-c", code], env=env, capture_output=True, text=True, check=True)
    assert said.stdout == "[]\n"


def test_open_to_the_server_and_to_nobody_else(runtime: Runtime) -> None:
    for folder, _, files in os.walk(runtime.home):
        assert os.stat(folder).st_mode & 0o755 == 0o755
        for name in files:
            path = os.path.join(folder, name)
            if not os.path.islink(path):
                assert os.stat(path).st_mode & 0o444 == 0o444, path
                assert not os.stat(path).st_mode & 0o022, path
    if os.geteuid() == 0:
        owner = runtime.scratch.stat()
        assert (owner.st_uid, owner.st_gid, owner.st_mode & 0o777) == (65534, 65534, 0o700)


def test_image_that_has_mlflow(runtime_of: Callable[[str], Runtime], tmp_path: Path) -> None:
    image = runtime_of("3.17.2").home / "venv"
    home, scratch = tmp_path / "home", tmp_path / "scratch"
    env = {"PATH": f"{image}/bin:{os.environ['PATH']}", "MLFLOW_AWS_PREINSTALLED": "true"}

    def install(version: str) -> subprocess.CompletedProcess[str]:
        found, sys.executable = sys.executable, f"{image}/bin/python"
        try:
            return run_install(home, scratch, version, **env)
        finally:
            sys.executable = found

    wrong = install("3.1.0")
    assert wrong.returncode == 1
    assert "ecs_mlflow_version is 3.1.0, but MLflow 3.17.2 is installed" in wrong.stderr
    right = install("3.17.2")
    assert right.returncode == 0, right.stderr
    assert not (home / "venv").exists()
    said = subprocess.run(
        [home / "bin" / "mlflow-aws", "serve"], env={"PATH": env["PATH"]}, capture_output=True, text=True, check=False
    )
    assert said.stderr == "mlflow-aws serve: MLFLOW_AWS_DB_HOST is not set: the task definition must give it\n"


def test_image_without_mlflow(tmp_path: Path) -> None:
    done = run_install(tmp_path / "home", tmp_path / "scratch", "3.17.2", MLFLOW_AWS_PREINSTALLED="true")
    assert done.returncode == 1
    assert "the image has no usable MLflow" in done.stderr
    assert "ecs_mlflow_image must hold" in done.stderr


def test_version_that_nobody_published(tmp_path: Path) -> None:
    done = run_install(tmp_path / "home", tmp_path / "scratch", "3.0.99999")
    assert done.returncode == 1
    assert "WARNING: no pinned requirements for MLflow 3.0.99999" in done.stdout
    assert done.stderr.startswith("mlflow-aws install: ecs_mlflow_version: MLflow 3.0.99999 cannot be installed")
