# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal of the gate: who was allowed what, and who was not, as AWS CloudTrail would tell it.

A line of JSON for each decision that is new: ``{"caller": ARN, "action": "rds:CreateDBInstance", "resource": ARN,
"allowed": true}``. A decision that is made again is not written again, so the file stays small.
"""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path


class Journal:
    """Writes decisions to ``file``, which is made anew with mode 0600.

    :param file: where to; None for nowhere.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._seen: set[tuple[str, str, str, bool]] = set()
        self._lock = threading.Lock()
        self._out = -1
        if file is not None:
            self._out = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)

    def note(self, caller: str, action: str, resource: str, allowed: bool) -> None:
        """Keep one decision.

        :param caller: the ARN of the user, or of the role of a session; empty for an anonymous caller.
        :param action: as in policies, for example ``s3:PutObject``.
        :param resource: the ARN that it is about; ``*`` where there is none, or none is known.
        """
        if self._out < 0:
            return
        decision = (caller, action, resource, allowed)
        with self._lock:
            if decision not in self._seen:
                self._seen.add(decision)
                row = {"caller": caller, "action": action, "resource": resource, "allowed": allowed}
                os.write(self._out, json.dumps(row).encode() + b"\n")
