# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stage that asks how long a client waits for an answer."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

from .model import Finding, StageFailed, StageSkipped, Target


def latency(target: Target) -> Finding:
    """Searches one after the other, each on a new connection and with the login, as a client's first call is."""
    if not target.latency_requests:
        raise StageSkipped("latency_requests is 0")
    took = []
    for _attempt in range(target.latency_requests):
        started = time.perf_counter()
        target.client.search_experiments(1)
        took.append((time.perf_counter() - started) * 1000)
    p50, p95 = percentile(took, 50), percentile(took, 95)
    facts = {"latency": {"requests": len(took), "p50": p50, "p95": p95}}
    detail = f"experiments/search answers in {p50} ms (p50), {p95} ms (p95) over {len(took)} requests"
    limit = target.latency_p95_ms
    if limit is not None and p95 > limit:
        raise StageFailed(
            f"{detail}; expected at most {limit} ms (p95)",
            "give the tasks more vCPU or run more of them, and look at the database's load",
            facts=facts,
        )
    return Finding(detail, facts)


def percentile(values: Sequence[float], share: int) -> int:
    """The smallest of ``values`` that ``share`` % of them do not exceed (nearest rank), rounded."""
    return round(sorted(values)[math.ceil(len(values) * share / 100) - 1])
