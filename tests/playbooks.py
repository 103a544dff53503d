# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a run of a playbook ended, from what it printed."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Ended:
    """How a run of a playbook ended.

    :param code: the exit code; negative for the signal that ended it.
    """

    code: int
    output: str
    seconds: float

    def recap(self) -> dict[str, int]:
        """The counts of the last line."""
        rows = re.findall(r"^\S+\s+: (ok=.*)$", self.output, re.MULTILINE)
        assert rows, self.output[-3000:]
        return {key: int(value) for key, value in (cell.split("=") for cell in rows[-1].split())}

    def messages(self) -> list[str]:
        """The message of each failed task."""
        decode = json.JSONDecoder().raw_decode
        starts = [match.end() for match in re.finditer(r"^fatal: \[.*?\]: FAILED! => ", self.output, re.MULTILINE)]
        return [str(decode(self.output[start:])[0].get("msg")) for start in starts]

    def tasks(self) -> list[str]:
        """The names of the tasks that were begun."""
        return re.findall(r"^TASK \[(.*?)\] \*+$", self.output, re.MULTILINE)

    def changed_tasks(self) -> list[str]:
        """The names of the tasks that changed something."""
        found, task = [], ""
        for line in self.output.splitlines():
            begun = re.match(r"TASK \[(.*?)\] \*+$", line)
            task = begun.group(1) if begun else task
            if line.startswith("changed: "):
                found.append(task)
        return found

    def plan(self) -> list[str]:
        """What a run in check mode on one stack says it would do; nothing, where its roles compare nothing."""
        told = self.output.partition("\nPLAN [")[2]
        lines = [line.strip() for line in told.splitlines()[1:]]
        return lines[: next((index for index, line in enumerate(lines) if " to create, " in line), 0)]

    def assert_good(self) -> Ended:
        """This run, which ended well."""
        assert self.code == 0, self.output[-6000:]
        return self

    def assert_nothing_changed(self) -> None:
        """The run ended well and changed nothing."""
        self.assert_good()
        # pytest explains the assertions of test modules only.
        changed = self.recap()["changed"], self.changed_tasks()
        assert changed == (0, []), f"{changed}\n{self.output[-6000:]}"
