# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long AWS takes to make a change known: eventual consistency, as seconds.

Sources: "Eventual consistency" in the EC2 API Reference; "Changes that I make are not always immediately visible" in
the IAM User Guide. AWS promises no numbers. These are the proportions that people see: reads within seconds, IAM in
about twice that, and network interfaces of what was deleted for several times as long.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Consistency:
    """The delays of one embedded AWS.

    :param scale: seconds until a read sees what was created; 0.0 makes everything consistent at once.
    """

    scale: float = 0.0

    @property
    def unseen(self) -> float:
        """Seconds until reads, and calls that refer to it, see what was created."""
        return self.scale

    @property
    def propagation(self) -> float:
        """Seconds until a change of a role or a policy counts, and until a service can assume its own new role."""
        return 2 * self.scale

    @property
    def lingering(self) -> float:
        """Seconds for which what is deleted still holds what it referred to."""
        return 5 * self.scale
