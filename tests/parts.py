# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of ``site.yml`` at which a run can begin."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
#: After the preflight, a task to begin at and an imported role in turn.
TASKS: list[dict[str, Any]] = yaml.safe_load((ROOT / "playbooks" / "site.yml").read_text(encoding="utf-8"))[0]["tasks"]
#: The names that --start-at-task takes, in order, and the role of each.
PARTS = {
    begin["name"]: role["ansible.builtin.import_role"]["name"].rpartition(".")[2]
    for begin, role in zip(TASKS[1::2], TASKS[2::2], strict=True)
}
