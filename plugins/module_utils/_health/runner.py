# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the stages in their order and keeps the time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .._mlflow.errors import MlflowError
from .._mlflow.wait import Waiter
from .access import api, auth, consistency, hosts
from .aws import aws
from .data import artifacts, model, roundtrip
from .latency import latency
from .model import Result, Stage, StageFailed, StageSkipped, Target
from .reach import health, network, version
from .tls import tls

#: All stages, in the order in which they run.
STAGES: Mapping[str, Stage] = {
    "network": network,
    "tls": tls,
    "health": health,
    "version": version,
    "auth": auth,
    "hosts": hosts,
    "consistency": consistency,
    "api": api,
    "roundtrip": roundtrip,
    "artifacts": artifacts,
    "model": model,
    "latency": latency,
    "aws": aws,
}

#: Stages that a server which is still starting may pass a moment later.
PATIENT = frozenset({"network", "health", "version", "aws"})

#: Where one of these fails, no later stage can say anything of its own.
GATES = ("network", "health")

#: Stages that do not ask the MLflow server.
APART = frozenset({"aws"})


def run_stages(
    names: Iterable[str],
    target: Target,
    waiter: Waiter,
    *,
    stages: Mapping[str, Stage] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> tuple[list[Result], dict[str, Any]]:
    """Run the stages called ``names``, in their own order.

    :param stages: all that there are; by default those of this collection.
    :returns: a result for each, and the facts that they found.
    """
    chosen = set(names)
    results: list[Result] = []
    facts: dict[str, Any] = {}
    gate = ""
    for name, stage in (STAGES if stages is None else stages).items():
        if name not in chosen:
            continue
        if gate and name not in APART:
            results.append(Result(name, False, True, f"not run, because {gate} failed", "", 0))
            continue
        started = clock()
        ok, skipped, detail, remedy = _run(stage, target, waiter if name in PATIENT else None, facts)
        results.append(Result(name, ok, skipped, detail, remedy, round((clock() - started) * 1000)))
        if not ok and name in GATES:
            gate = name
    return results, facts


def _run(stage: Stage, target: Target, waiter: Waiter | None, facts: dict[str, Any]) -> tuple[bool, bool, str, str]:
    tries = 0
    while True:
        tries += 1
        try:
            finding = stage(target)
        except StageSkipped as reason:
            return True, True, str(reason), ""
        except StageFailed as failed:
            detail, remedy, transient = failed.detail, failed.remedy, failed.transient
            facts.update(failed.facts)
        except MlflowError as error:
            detail, remedy, transient = error.message, error.remedy, error.transient
        else:
            facts.update(finding.facts)
            return True, False, finding.detail, ""
        if waiter is None or not transient or not waiter.again():
            # A remedy is an order, a detail a statement; both may hold what the server said.
            clean = target.client.transport.redactor.clean
            waited = f" (after {tries} tries in {waiter.waited:.0f} s)" if waiter and tries > 1 else ""
            return False, False, clean(detail) + waited, clean(remedy)


def summary(results: Iterable[Result]) -> str:
    """One line, such as ``8 of 9 stages ok, 1 skipped, failed: auth; 2.1 s``."""
    listed = list(results)
    ran = [result for result in listed if not result.skipped]
    failed = [result.name for result in ran if not result.ok]
    text = f"{len(ran) - len(failed)} of {len(ran)} stages ok"
    skipped = len(listed) - len(ran)
    if skipped:
        text += f", {skipped} skipped"
    if failed:
        text += f", failed: {', '.join(failed)}"
    return f"{text}; {sum(result.milliseconds for result in listed) / 1000:.1f} s"
