# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the gates promise, and where else it is written."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import gates
from tools import pythons

ROOT = Path(__file__).resolve().parents[2]
OURS = f"{sys.version_info.major}.{sys.version_info.minor}"


def load(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


def test_ci_runs_every_pair_of_core_and_python() -> None:
    pairs = load(".github/workflows/gates.yml")["jobs"]["core"]["strategy"]["matrix"]["include"]
    wanted = [{"core": core, "python": one} for core, (_pin, versions) in gates.CORES.items() for one in versions]
    assert sorted(pairs, key=str) == sorted(wanted, key=str)


def test_the_oldest_core_that_is_promised_is_tested() -> None:
    oldest = min(gates.CORES, key=lambda core: [int(part) for part in core.split(".")])
    assert load("meta/runtime.yml")["requires_ansible"] == f">={oldest}.0"
    for meta in ROOT.glob("roles/*/meta/main.yml"):
        assert yaml.safe_load(meta.read_text())["galaxy_info"]["min_ansible_version"] == oldest, meta


def test_each_core_is_pinned_to_a_release_of_itself() -> None:
    for core, (pin, _versions) in gates.CORES.items():
        assert re.fullmatch(rf"ansible-core=={re.escape(core)}\.\d+", pin)


@pytest.mark.parametrize("workflow", ["test", "gates", "release"])
def test_workflows_call_make_only_and_may_only_read(workflow: str) -> None:
    told = load(f".github/workflows/{workflow}.yml")
    assert told["permissions"] == {"contents": "read"}
    assert "group" in told["concurrency"]
    steps = [step for job in told["jobs"].values() for step in job.get("steps", [])]
    assert [step["run"] for step in steps if "run" in step and not step["run"].startswith("make ")] == []
    assert [step["uses"] for step in steps if "uses" in step and not re.search(r"@v\d+$", step["uses"])] == []


def test_a_release_runs_the_long_tests_too() -> None:
    """A called workflow sees the event of its caller, a push: a job for some events only is left out without a word."""
    release, test = (load(f".github/workflows/{name}.yml")["jobs"] for name in ("release", "test"))
    assert release["test"]["with"] == {"slow": True}
    assert "test" in release["build"]["needs"]
    (long,) = [job for job in test.values() if any("make test-slow" in step.get("run", "") for step in job["steps"])]
    assert long["if"].endswith("|| inputs.slow")


def test_the_make_targets_of_workflows_are_there() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    names = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.M)) | set(
        re.search(r"^GATES := (.*)$", makefile, re.M)[1].split()  # type: ignore[index]
    )
    for path in (ROOT / ".github" / "workflows").glob("*.yml"):
        for command in re.findall(r"- run: make (.*)$", path.read_text(), re.M):
            called = [word for word in command.split() if re.fullmatch(r"[a-z][a-z-]*", word)]
            assert called
            assert set(called) <= names, path


@pytest.mark.parametrize("told", [True, False])
def test_a_python_that_does_not_run_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: bool) -> None:
    """The shim of a version manager is on PATH for each version that was ever installed, the Pythons beside it."""
    shims, real = tmp_path / "shims", tmp_path / ("elsewhere" if told else "versions") / "one" / "bin"
    base = Path(sys.base_prefix) / "bin" / f"python{OURS}"
    for folder in (shims, real):
        folder.mkdir(parents=True)
    (shims / f"python{OURS}").write_text("#!/bin/sh\necho 'no such version' >&2\nexit 127\n")
    (shims / f"python{OURS}").chmod(0o755)
    (real / f"python{OURS}").write_text(f'#!/bin/sh\nexec {base} "$@"\n')
    (real / f"python{OURS}").chmod(0o755)
    monkeypatch.setenv("PATH", f"{shims}{os.pathsep}/nowhere")
    monkeypatch.setenv("PYTHON_FOLDERS", str(tmp_path / "elsewhere" / "*" / "bin"))
    pythons.find_python.cache_clear()
    try:
        found = pythons.find_python(OURS)
        assert found is not None
        assert subprocess.run([found, "-c", ""], check=False).returncode == 0
        assert pythons.find_python("2.6") is None
    finally:
        pythons.find_python.cache_clear()


def test_a_gate_that_fails_is_told_from_one_that_cannot_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(gates, "CACHE", tmp_path)

    def fails(run: gates.Run) -> str:
        run.call(sys.executable, "-c", "print('the reason'); raise SystemExit(3)", cwd=tmp_path)
        return "unseen"

    def skips(run: gates.Run) -> str:
        raise gates.GateSkipped("no such tool here")

    assert gates.passes("one", fails, tmp_path) is False
    assert "the reason" in capsys.readouterr().out
    assert gates.passes("two", skips, tmp_path) is True
    assert "two: skipped in 0 s: no such tool here" in capsys.readouterr().out
