# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long creations take: the medians of AWS, times a scale."""

from __future__ import annotations

import time
from dataclasses import dataclass

#: Seconds until a resource is usable on AWS (medians of public logs, see docs/embedded-aws.md). Of a volume: until its
#: optimization is over ("several hours"), and until another change of the storage is taken (RDS
#: user guide, "Increasing DB instance storage capacity": six hours, or until the optimization is over).
AWS_SECONDS = {
    "rds.create": 368.0,
    "rds.modify": 120.0,
    "rds.optimize": 10800.0,
    "rds.storage": 21600.0,
    "rds.start": 180.0,
    "rds.stop": 120.0,
    "rds.reboot": 30.0,
    "rds.snapshot": 120.0,
    "rds.restore": 420.0,
    "rds.delete": 180.0,
    "nat.create": 106.0,
    "nat.delete": 45.0,
    "elb.create": 142.0,
    "ecs.task.start": 57.0,
}


@dataclass(frozen=True)
class Clock:
    """Turns the name of an operation into the seconds that it takes here.

    :param scale: factor on AWS's own latency; 0.0 makes every creation immediate.
    """

    scale: float = 0.0

    def seconds(self, operation: str) -> float:
        """Seconds that ``operation`` (a key of :data:`AWS_SECONDS`) takes on this clock."""
        return AWS_SECONDS[operation] * self.scale

    def ready_at(self, operation: str) -> float:
        """The ``time.monotonic()`` at which an operation that starts now is done."""
        return time.monotonic() + self.seconds(operation)
