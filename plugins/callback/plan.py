# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sums up, at the end of a run in check mode, what a real run would do."""

from __future__ import annotations

DOCUMENTATION = r"""
---
name: plan
type: notification
short_description: Sum up what a run would create, change and remove
version_added: "1.0.0"
description:
  - At the end of a run in check mode it lists, stack by stack, what the roles would do, and how much they would leave.
  - It reads the results of M(mlops.mlflow_aws.stack_plan) and of the modules for MLflow's users and permissions.
author:
  - The mlops.mlflow_aws authors (@mlops)
requirements:
  - Enable it with C(callbacks_enabled = mlops.mlflow_aws.plan) in C(ansible.cfg).
"""

from collections import Counter
from typing import Any

from ansible import context
from ansible.plugins.callback import CallbackBase

PLAN = "mlops.mlflow_aws.stack_plan"
#: Modules that return their writes in words.
MLFLOW = "mlops.mlflow_aws.mlflow_"
COLORS = {"create": "green", "change": "yellow", "remove": "red", "surplus": "bright yellow"}


class CallbackModule(CallbackBase):
    """What the comparisons of a run found."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "mlops.mlflow_aws.plan"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._words: dict[str, list[str]] = {}
        self._kept: Counter[str] = Counter()

    def v2_runner_on_ok(self, result: Any) -> None:
        """Keep what a comparison, or a module of MLflow's without a loop, found."""
        self._keep(result)

    def v2_runner_item_on_ok(self, result: Any) -> None:
        """The same for one item of a loop."""
        self._keep(result)

    def _keep(self, result: Any) -> None:
        # ansible-core 2.18 has them by their private names only.
        task, host, found = (
            getattr(result, name) if hasattr(result, name) else getattr(result, f"_{name}")
            for name in ("task", "host", "result")
        )
        stack = host.get_name()
        if task.action == PLAN:
            self._words.setdefault(stack, []).extend([*found["words"], *found.get("surplus_words", [])])
            self._kept[stack] += found["kept"]
        elif task.action.startswith(MLFLOW) and "actions" in found:
            # Also none: a plan with nothing to do says so.
            self._words.setdefault(stack, []).extend(found["actions"])

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """Print the plan of each stack."""
        if not context.CLIARGS.get("check"):
            return
        for host in sorted({*self._words, *self._kept}):
            words = self._words.get(host, [])
            self._display.display(f"\nPLAN [{host}]")
            for line in words:
                self._display.display(f"  {line}", color=COLORS.get(line.split(" ", 1)[0], "yellow"))
            self._display.display(f"  {summary(words, self._kept[host])}")


def summary(words: list[str], kept: int) -> str:
    """Such as ``2 to create, 1 to change, 0 to remove, 40 to leave``.

    :param words: sentences that begin with what is done; what is neither created nor removed is changed.
    """
    verbs = Counter(line.split(" ", 1)[0] for line in words)
    created, surplus = verbs["create"], verbs["surplus"]
    removed = verbs["remove"] + verbs["delete"]
    changed = len(words) - created - removed - surplus
    more = f", {surplus} surplus (docs/ownership.md)" if surplus else ""
    return f"{created} to create, {changed} to change, {removed} to remove, {kept} to leave{more}"
