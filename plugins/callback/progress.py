# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Says during a long task what is waited for, and for how long already."""

from __future__ import annotations

DOCUMENTATION = r"""
---
name: progress
type: notification
short_description: Say during a long task how long it has been running
version_added: "1.0.0"
description:
  - AWS makes databases and load balancers in minutes, and a module cannot print while it waits.
  - This callback prints one line now and then while a task runs, with the task's name and the time so far.
author:
  - The mlops.mlflow_aws authors (@mlops)
options:
  interval:
    description: Seconds between two lines; 0 prints none.
    type: int
    default: 30
    env:
      - name: MLFLOW_AWS_PROGRESS_INTERVAL
    ini:
      - section: callback_mlflow_aws_progress
        key: interval
requirements:
  - Enable it with C(callbacks_enabled = mlops.mlflow_aws.progress) in C(ansible.cfg).
"""

import threading
import time
from typing import Any

from ansible.plugins.callback import CallbackBase


def spoken(seconds: float) -> str:
    """Seconds as people say them: ``45 s``, ``4 min``, ``4 min 30 s``."""
    minutes, rest = divmod(int(seconds), 60)
    if not minutes:
        return f"{rest} s"
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"


class CallbackModule(CallbackBase):
    """A timer that is set anew by each task."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "mlops.mlflow_aws.progress"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._stop: threading.Event | None = None

    def _begin(self, name: str) -> None:
        self._end()
        interval = int(self.get_option("interval"))
        if interval > 0:
            self._stop = threading.Event()
            threading.Thread(target=self._tell, args=(name, interval, self._stop), daemon=True).start()

    def _end(self) -> None:
        if self._stop is not None:
            self._stop.set()
            self._stop = None

    def _tell(self, name: str, interval: int, stop: threading.Event) -> None:
        began = time.monotonic()
        while not stop.wait(interval):
            self._display.display(f"      ... {name}: {spoken(time.monotonic() - began)}", color="bright gray")

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        self._begin(task.get_name().strip())

    def v2_playbook_on_handler_task_start(self, task: Any) -> None:
        self._begin(task.get_name().strip())

    def v2_playbook_on_play_start(self, play: Any) -> None:
        self._end()

    def v2_playbook_on_stats(self, stats: Any) -> None:
        self._end()
