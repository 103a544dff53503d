# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs Molecule scenarios, two at a time, and shows the log of one that fails.

``python -m tests.scenarios`` runs those of ``make test``, ``--all`` every one, and names run just those.
Each scenario has an embedded AWS and ports of its own, so that they do not meet.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOGS = ROOT / ".cache" / "molecule"
LOCK = ROOT / ".cache" / "molecule.lock"

#: Minutes each, run by `make test-slow`: most deploy a whole MLflow again, and `default` builds a network, too.
LONG = ("ecs_mlflow", "mlflow_access", "network", "verify")


def scenarios() -> list[str]:
    """The names of all scenarios, the longest first."""
    names = sorted(path.parent.name for path in (ROOT / "molecule").glob("*/molecule.yml"))
    return sorted(names, key=lambda name: (name != "default", name not in LONG, name))


def run(name: str) -> tuple[str, int, float]:
    """Run one scenario to its end: name, exit code and seconds."""
    began = time.monotonic()
    # The AWS of whoever runs this is none of the scenario's business.
    env = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    # Molecule calls Ansible by name.
    env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}"
    with (LOGS / f"{name}.log").open("wb") as log:
        done = subprocess.run(
            [str(Path(sys.executable).with_name("molecule")), "test", "-s", name],
            cwd=ROOT,
            env=env,
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
        )
    return name, done.returncode, time.monotonic() - began


def main(argv: list[str] | None = None) -> int:
    """Run the chosen scenarios; 1 when one of them failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("names", nargs="*", help="scenarios; none: those of make test")
    parser.add_argument("--all", action="store_true", help="run every scenario")
    parser.add_argument("--jobs", type=int, default=2, help="scenarios at a time (default 2)")
    options = parser.parse_args(argv)
    chosen = options.names or [name for name in scenarios() if options.all or name not in LONG]
    unknown = set(chosen) - set(scenarios())
    if unknown:
        parser.error(f"no scenario {', '.join(sorted(unknown))}; there are {', '.join(scenarios())}")
    LOCK.parent.mkdir(exist_ok=True)
    with LOCK.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            parser.error("scenarios of this checkout run already, in the same folders: wait for them, or end them")
        return run_all(chosen, options.jobs)


def run_all(chosen: list[str], jobs: int) -> int:
    """Run these scenarios, and show the end of the log of each that fails; 1 when one did."""
    shutil.rmtree(LOGS, ignore_errors=True)
    LOGS.mkdir(parents=True)
    failed = []
    with ThreadPoolExecutor(jobs) as pool:
        for future in as_completed([pool.submit(run, name) for name in chosen]):
            name, code, seconds = future.result()
            print(f"molecule {name}: {'ok' if code == 0 else 'FAILED'} in {seconds:.0f} s", flush=True)
            if code:
                failed.append(name)
                print((LOGS / f"{name}.log").read_text(errors="replace")[-6000:], flush=True)
    print(f"{len(chosen) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
