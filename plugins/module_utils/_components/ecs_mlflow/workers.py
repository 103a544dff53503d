# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many server workers fit into the memory of a task."""

from __future__ import annotations

#: MB of the parent process, and of one worker after load: MLflow 3.17.2 with its job runner off held 732 MB with two
#: workers (docs/sizing.md).
PARENT_MB, WORKER_MB = 200, 266


def largest_workers(memory: int) -> int:
    """How many server workers fit into ``memory`` MiB, at least 1, with a tenth kept free."""
    return max(1, int((memory * 0.9 - PARENT_MB) // WORKER_MB))


def fitting_workers(workers: int, memory: int) -> int:
    """``workers``, or for 0 as many as fit into ``memory`` MiB, at most 4."""
    return workers or min(4, largest_workers(memory))
