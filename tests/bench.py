# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures deployments and re-runs, each against a baseline of the same run: ``make bench``.

- A first deployment with AWS's latencies against the critical path: one without latencies (Ansible's own time
  and MLflow's) plus the database, the migration task and the service's tasks, which nothing can overlap.
- A run that changes nothing against the same with every module (``stack_full_run``), and against as many ``debug``
  tasks, the floor that ansible-core itself sets.
- The memory of MLflow's tasks against what Fargate gives them.

Nothing is asserted: seconds differ between machines, ratios hardly do.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from emulator.addresses import free_port
from emulator.clock import AWS_SECONDS
from tests.embedded import ROOT, EmbeddedAws, emulator, start

INVENTORY = "inventories/local"
#: What must happen one after the other on AWS: the database, then the migration, then the service's tasks.
CRITICAL_PATH = ("rds.create", "ecs.task.start", "ecs.task.start")


@dataclass(frozen=True)
class Run:
    """A finished playbook: its wall-clock seconds, tasks that ran, and changes."""

    seconds: float
    tasks: int
    changed: int


def playbook(aws: EmbeddedAws, path: str, *arguments: str) -> Run:
    """Run a playbook to its end.

    :raises SystemExit: when it fails, with the end of its output.
    """
    env = {**aws.process_env, "ANSIBLE_NOCOLOR": "1", "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.defpath}"}
    began = time.monotonic()
    done = subprocess.run(
        [str(Path(sys.executable).with_name("ansible-playbook")), path, "-i", INVENTORY, *arguments],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.monotonic() - began
    recap = re.search(r"ok=(\d+)\s+changed=(\d+)", done.stdout)
    if done.returncode or not recap:
        sys.exit(f"{path} failed:\n{done.stdout[-3000:]}{done.stderr[-1000:]}")
    return Run(seconds, int(recap[1]), int(recap[2]))


def memory(aws: EmbeddedAws) -> dict[str, float]:
    """MiB (proportional set size) of each MLflow task, its process group as a whole."""
    found: dict[str, float] = {}
    for part in aws.parts():
        if part["kind"] != "ecs":
            continue
        total = 0
        for status in Path("/proc").glob("[0-9]*/smaps_rollup"):
            try:
                if os.getpgid(int(status.parent.name)) == part["pid"]:
                    total += int(re.search(r"^Pss:\s+(\d+)", status.read_text(), re.M)[1])  # type: ignore[index]
            except (OSError, TypeError):
                continue  # the process has ended
        found[part["name"].rsplit("/", 1)[-1][:8]] = total / 1024
    return found


def floor(aws: EmbeddedAws, folder: Path, tasks: int) -> Run:
    """``tasks`` debug tasks: what ansible-core takes for a playbook of that length."""
    path = folder / "floor.yml"
    steps = [{"name": f"Task {number}", "ansible.builtin.debug": {"msg": "x"}} for number in range(tasks)]
    path.write_text(json.dumps([{"name": "Floor", "hosts": "mlflow", "gather_facts": False, "tasks": steps}]))
    return playbook(aws, str(path))


def deployed(folder: Path, latency: float, port: int) -> tuple[EmbeddedAws, Run, list[str]]:
    """An embedded AWS with a first deployment on it, the run, and the arguments of that run."""
    aws = start(folder / f"aws-{latency}", latency, 0, [])
    arguments = ["-e", f"stack_http_port={port}", "-e", f"stack_output_dir={folder / f'output-{latency}'}"]
    return aws, playbook(aws, "site.yml", *arguments), arguments


def row(what: str, measured: float, baseline: float, of: str) -> None:
    """Print one line of the table."""
    print(f"{what:<44} {measured:8.1f} s {baseline:8.1f} s {measured / baseline:6.2f}   {of}", flush=True)


def main(argv: list[str] | None = None) -> int:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--latency", type=float, default=0.2, help="scale on AWS's latencies (default 0.2)")
    options = parser.parse_args(argv)
    folder = Path(tempfile.mkdtemp(prefix="mlflow-bench-"))
    states = [folder / f"aws-{latency}" for latency in (0.0, options.latency)]
    try:
        print(f"{'':<44} {'measured':>10} {'baseline':>10} {'ratio':>6}")
        aws, plain, arguments = deployed(folder, 0.0, free_port(8090))
        again = playbook(aws, "site.yml", *arguments)
        row("run that changes nothing", again.seconds, plain.seconds, "a first deployment without latency")
        whole = playbook(aws, "site.yml", *arguments, "-e", "stack_full_run=true")
        row("run that changes nothing", again.seconds, whole.seconds, "the same with stack_full_run")
        drift = playbook(aws, "playbooks/drift.yml", *arguments)
        row("drift.yml", drift.seconds, again.seconds, "a run that changes nothing")
        bare = floor(aws, folder, again.tasks)
        row("run that changes nothing", again.seconds, bare.seconds, f"{again.tasks} debug tasks")
        if again.changed:
            print(f"  it changed {again.changed} tasks, which it should not")
        for task, size in memory(aws).items():
            print(
                f"{'memory of task ' + task:<44} {size:6.0f} MiB {1024:6.0f} MiB {size / 1024:6.2f}   its Fargate size"
            )
        emulator("stop", "--state", str(states[0]))
        _aws, slow, _arguments = deployed(folder, options.latency, free_port(8091))
        path = plain.seconds + options.latency * sum(AWS_SECONDS[step] for step in CRITICAL_PATH)
        row(f"first deployment at latency {options.latency:g}", slow.seconds, path, "the critical path")
        everything = plain.seconds + options.latency * (
            sum(AWS_SECONDS[step] for step in CRITICAL_PATH) + AWS_SECONDS["nat.create"] + AWS_SECONDS["elb.create"]
        )
        row(f"first deployment at latency {options.latency:g}", slow.seconds, everything, "everything in sequence")
    finally:
        for state in states:
            emulator("stop", "--state", str(state))
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
