# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line of the embedded AWS.

Exit codes: 0 done (``status``: it runs), 1 failed, 2 wrong usage, 3 ``status`` and ``env``: it does not run.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from emulator.daemon import without_client_settings
from emulator.processes import Part, end_group, end_parts
from emulator.state import Daemon, StateError, StateFolder

DEFAULT_STATE = Path(".demo") / "aws"
DEFAULT_ACCOUNT = "123456789012"
START_SECONDS = 60.0
STOP_SECONDS = 90.0
#: Longer than a start or a stop takes.
TURN_SECONDS = 120.0
NOT_RUNNING = 3


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb and return the exit code."""
    options = _parser().parse_args(argv)
    state = StateFolder(options.state)
    try:
        if options.verb == "start":
            return start(
                state, options.latency, options.port, options.account or [DEFAULT_ACCOUNT], options.consistency
            )
        if options.verb == "status":
            return status(state, options.json)
        if options.verb == "env":
            return environment(state, options.region, options.account)
        return stop(state)
    except StateError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def start(state: StateFolder, latency: float, port: int, accounts: Sequence[str], consistency: float = 0.0) -> int:
    """Start a daemon on ``state`` unless one runs, and return when it answers."""
    state.claim()
    with state.changing(TURN_SECONDS) as turn:
        running = state.daemon()
        if running is not None:
            print(f"The embedded AWS runs already: {running.endpoint}, latency {running.latency:g}, state {state.root}")
            return 0
        end_parts(state.left_over())
        began = time.monotonic()
        daemon = _spawn(state, latency, port, accounts, turn, consistency)
        took = time.monotonic() - began
        print(f"The embedded AWS answers at {daemon.endpoint} after {took:.1f} s, state {state.root}")
    return 0


def _spawn(
    state: StateFolder, latency: float, port: int, accounts: Sequence[str], turn: int, consistency: float
) -> Daemon:
    argv = [sys.executable, "-m", "emulator.daemon", "--state", str(state.root)]
    argv += ["--latency", repr(latency), "--port", str(port), "--turn", str(turn)]
    argv += ["--consistency", repr(consistency)]
    for account in accounts:
        argv += ["--account", account]
    package = str(Path(__file__).resolve().parent.parent)
    search = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
    state.forget()
    with open(os.open(state.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as sink:
        offset = sink.tell()
        process = subprocess.Popen(
            argv,
            cwd=state.root,
            env={**without_client_settings(os.environ), **absolute_folders(os.environ), "PYTHONPATH": search},
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=[turn],
        )
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        found = state.daemon()
        if found is not None and found.pid == process.pid:
            return found
        if process.poll() is not None:
            raise StateError(f"the embedded AWS did not start; the end of {state.log}:\n{_tail(state.log, offset)}")
        time.sleep(0.05)
    process.terminate()
    raise StateError(f"the embedded AWS did not answer within {START_SECONDS:.0f} s: see {state.log}")


def absolute_folders(environment: Mapping[str, str]) -> dict[str, str]:
    """The folders that the caller names: the daemon works in another one than the caller."""
    names = ("EMULATOR_CACHE", "EMULATOR_IMAGES", "PIP_CACHE_DIR", "UV_CACHE_DIR")
    return {name: os.path.abspath(environment[name]) for name in names if environment.get(name)}


def _tail(file: Path, offset: int, lines: int = 15) -> str:
    with file.open("rb") as log:
        log.seek(offset)
        text = log.read().decode("utf-8", errors="replace")
    return "\n".join("  " + line for line in text.splitlines()[-lines:])


def status(state: StateFolder, as_json: bool) -> int:
    """Print the parts that run; 0 when the control plane does, else 3."""
    daemon = state.daemon()
    parts = ([daemon.part] if daemon else []) + state.left_over()
    if as_json:
        report = {
            "running": daemon is not None,
            "state": str(state.root),
            "endpoint": daemon.endpoint if daemon else None,
            "latency": daemon.latency if daemon else None,
            "consistency": daemon.consistency if daemon else None,
            "accounts": list(daemon.accounts) if daemon else [],
            "parts": [_shown(part) for part in parts],
        }
        print(json.dumps(report, indent=2))
    else:
        if daemon is None:
            print(f"No embedded AWS runs in {state.root}" + (", but these are left over:" if parts else ""))
        if parts:
            rows = [("NAME", "KIND", "PID", "PORT", "LOG")]
            rows += [(p.name, p.kind, str(p.pid), ",".join(p.ports) or str(p.port or "-"), p.log) for p in parts]
            widths = [max(len(row[i]) for row in rows) for i in range(4)]
            for row in rows:
                print("  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[4]]))
    return 0 if daemon else NOT_RUNNING


def _shown(part: Part) -> dict[str, Any]:
    return {name: value for name, value in asdict(part).items() if name not in ("first", "mark")}


def environment(state: StateFolder, region: str | None, account: str | None) -> int:
    """Print what an AWS client needs, as KEY=value lines."""
    daemon = state.daemon()
    if daemon is None:
        print(f"error: no embedded AWS runs in {state.root}", file=sys.stderr)
        return NOT_RUNNING
    if account is not None and account not in daemon.accounts:
        known = ", ".join(daemon.accounts)
        raise StateError(f"account {account} is not one of {known}: name it at start with --account")
    file = state.environment(None if account in (None, daemon.accounts[0]) else account)
    sys.stdout.write(file.read_text(encoding="utf-8"))
    if region:
        print(f"AWS_DEFAULT_REGION={region}")
    return 0


def stop(state: StateFolder) -> int:
    """End the daemon and every process that any daemon recorded on ``state``; the logs stay."""
    if not state.is_ours:
        print(f"No embedded AWS runs in {state.root}")
        return 0
    with state.changing(TURN_SECONDS):
        daemon = state.daemon()
        left_over = state.left_over()
        if daemon is not None:
            end_group(daemon.part, patience=STOP_SECONDS)
        end_parts(list({part.pid: part for part in [*left_over, *state.left_over()]}.values()))
        state.forget()
        if daemon is None and not left_over:
            print(f"No embedded AWS runs in {state.root}")
        else:
            print(f"The embedded AWS has stopped; its logs are in {state.logs}")
    return 0


def _latency(text: str) -> float:
    value = float(text)
    if not math.isfinite(value) or value < 0:
        raise argparse.ArgumentTypeError("a factor of 0 or more, such as 0.2")
    return value


def _consistency(text: str) -> float:
    value = 0.0 if text == "off" else float(text)
    if not math.isfinite(value) or value < 0:
        raise argparse.ArgumentTypeError("seconds, such as 2, or off")
    return value


def _port(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 65535:
        raise argparse.ArgumentTypeError("a port from 1 to 65535, or 0 for any")
    return value


def _account(text: str) -> str:
    if not re.fullmatch(r"\d{12}", text):
        raise argparse.ArgumentTypeError("an account is twelve digits")
    return text


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m emulator", description="An embedded AWS on loopback.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--state", type=Path, default=DEFAULT_STATE, help="state folder (default: %(default)s)")
    begin = verbs.add_parser("start", parents=[common], help="start it, unless it runs")
    begin.add_argument("--latency", type=_latency, default=0.0, help="factor on AWS's own latency (default: 0)")
    begin.add_argument(
        "--consistency",
        type=_consistency,
        default=0.0,
        metavar="SECONDS|off",
        help="until reads see what was created, and in proportion IAM, deletions (default: off)",
    )
    begin.add_argument("--port", type=_port, default=0, help="loopback port of the control plane (default: any)")
    begin.add_argument("--account", type=_account, action="append", help="account number; repeat for further accounts")
    shown = verbs.add_parser("status", parents=[common], help="list the parts that run; exit code 3 when it does not")
    shown.add_argument("--json", action="store_true", help="for machines")
    settings = verbs.add_parser("env", parents=[common], help="print what an AWS client needs, as KEY=value lines")
    settings.add_argument("--region", help="print AWS_DEFAULT_REGION, too")
    settings.add_argument("--account", type=_account, help="of this account (default: the first)")
    verbs.add_parser("stop", parents=[common], help="end it with everything that it started; its logs stay")
    return parser
