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
  - When a task is tried again because AWS has not finished something else, it prints what AWS said, or that the module
    crashed, and when that lasts too long, what to do.
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
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._transient import error_text, has_crashed, is_transient


def _found(result: Any) -> dict[str, Any]:
    # ansible-core 2.18 has it by its private name only.
    found: dict[str, Any] = getattr(result, "result" if hasattr(result, "result") else "_result")
    return found


def spoken(seconds: float) -> str:
    """Seconds as people say them: ``45 s``, ``4 min``, ``4 min 30 s``."""
    minutes, rest = divmod(int(seconds), 60)
    if not minutes:
        return f"{rest} s"
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"


def short(text: str) -> str:
    """The first line of an error message of AWS, without what the module says that it was doing."""
    line = text.strip().splitlines()[0] if text.strip() else ""
    return line.partition(" operation: ")[2] or line


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

    def v2_runner_retry(self, result: Any) -> None:
        """A task is tried again."""
        found = {**_found(result), "failed": True}
        if is_transient(found):
            told = f'AWS says "{short(error_text(found))}". This takes a while; trying again.'
            if has_crashed(found):
                told = "The module crashed, as some do when AWS does not show yet what they have made; trying again."
            self._display.display(f"      ... {told}", color="bright gray")

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """A task was tried for as long as AWS should have taken."""
        self._tell_end(result)

    def v2_runner_item_on_failed(self, result: Any) -> None:
        """The same for one item of a loop."""
        self._tell_end(result)

    def _tell_end(self, result: Any) -> None:
        # Ansible leaves out of what callbacks see that it failed.
        found = {**_found(result), "failed": True}
        if int(found.get("attempts", 1)) > 1 and is_transient(found):
            told = (
                f'AWS still says "{short(error_text(found))}" after {found["attempts"]} attempts, which is longer than '
                "it takes as a rule: look for what holds it, remove that, and run again."
            )
            if has_crashed(found):
                told = (
                    f"The module still crashes after {found['attempts']} attempts, so that is no delay of AWS: run "
                    "again with -vvv to see where."
                )
            self._display.display(f"      {told}", color="red")

    def v2_playbook_on_stats(self, stats: Any) -> None:
        self._end()
