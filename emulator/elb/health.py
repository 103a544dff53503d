# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The health of registered targets: what is known of each, and what DescribeTargetHealth says.

States, reasons and descriptions: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/
target-group-health-checks.html and .../APIReference/API_TargetHealth.html
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from emulator.elb.model import HealthCheck, Snapshot, Target, TargetGroup, TargetKey


@dataclass(frozen=True)
class Status:
    """State, reason code and description, as the API answers them."""

    state: str
    reason: str | None = None
    description: str | None = None


HEALTHY = Status("healthy")
REGISTERING = Status("initial", "Elb.RegistrationInProgress", "Target registration is in progress")
CHECKING = Status("initial", "Elb.InitialHealthChecking", "Initial health checks in progress")
DRAINING = Status("draining", "Target.DeregistrationInProgress", "Target deregistration is in progress")
NOT_IN_USE = Status(
    "unused", "Target.NotInUse", "Target group is not configured to receive traffic from the load balancer"
)
NOT_REGISTERED = Status("unused", "Target.NotRegistered", "Target is not registered to the target group")
INVALID_STATE = Status("unused", "Target.InvalidState", "Target is not in the running state")
DISABLED = Status("unavailable", "Target.HealthCheckDisabled", "Health checks are not enabled for this target")


@dataclass(frozen=True)
class Outcome:
    """What one health check found: ``ok``, ``mismatch`` (with the code), ``timeout`` or ``failed``."""

    kind: str
    code: int | None = None

    def status(self) -> Status:
        """The state of a target that is unhealthy because of this outcome."""
        if self.kind == "mismatch":
            return Status(
                "unhealthy", "Target.ResponseCodeMismatch", f"Health checks failed with these codes: [{self.code}]"
            )
        if self.kind == "timeout":
            return Status("unhealthy", "Target.Timeout", "Request timed out")
        return Status("unhealthy", "Target.FailedHealthChecks", "Health checks failed")


@dataclass(frozen=True)
class Tally:
    """A target's status and the run of equal outcomes that led to it."""

    status: Status
    good: int = 0
    bad: int = 0

    def after(self, outcome: Outcome, check: HealthCheck) -> Tally:
        """The tally after one more check.

        A target that was just registered is healthy after one good check; one that was unhealthy
        needs the healthy threshold.
        """
        if outcome.kind == "ok":
            good = self.good + 1
            needed = 1 if self.status.state == "initial" else check.healthy
            return Tally(HEALTHY if good >= needed else self.status, good, 0)
        bad = self.bad + 1
        known_bad = self.status.state == "unhealthy"
        return Tally(outcome.status() if known_bad or bad >= check.unhealthy else self.status, 0, bad)


@dataclass(frozen=True)
class Probe:
    """A health check that is due."""

    key: TargetKey
    vpc: str
    address: str
    port: int
    check: HealthCheck


@dataclass
class _Record:
    tally: Tally
    check: HealthCheck
    vpc: str
    address: str | None
    due: float | None = None  # None: not checked, or a check is under way
    busy: bool = False


class HealthBook:
    """Every registered and draining target. Safe to use from any thread.

    :param now: a monotonic clock in seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._records: dict[TargetKey, _Record] = {}
        self._draining: dict[TargetKey, float] = {}

    def update(self, snapshot: Snapshot) -> None:
        """Take over which targets are registered, and how they are checked."""
        with self._lock:
            records: dict[TargetKey, _Record] = {}
            for group in snapshot.groups.values():
                for target in group.targets:
                    records[target.key] = self._renew(target, group, snapshot)
                    self._draining.pop(target.key, None)
            self._records = records
            now = self._now()
            self._draining = {
                key: end for key, end in self._draining.items() if end > now and key.group in snapshot.groups
            }

    def drain(self, key: TargetKey, seconds: float) -> None:
        """A target was deregistered: it drains for ``seconds``, if it was in use at all."""
        with self._lock:
            record = self._records.pop(key, None)
            if record is not None and record.tally.status.state != "unused" and seconds > 0:
                self._draining[key] = self._now() + seconds

    def draining(self, group: str) -> list[TargetKey]:
        """The targets of a group that drain now."""
        with self._lock:
            now = self._now()
            return [key for key, end in self._draining.items() if key.group == group and end > now]

    def status(self, key: TargetKey) -> Status:
        """What DescribeTargetHealth says of a target."""
        with self._lock:
            record = self._records.get(key)
            if record is not None:
                return record.tally.status
            return DRAINING if self._draining.get(key, 0.0) > self._now() else NOT_REGISTERED

    def take_due(self) -> list[Probe]:
        """The checks that are due now; each is under way until :meth:`report` or a new registration."""
        with self._lock:
            now = self._now()
            found: list[Probe] = []
            for key, record in self._records.items():
                if record.due is not None and record.due <= now and not record.busy and record.address is not None:
                    record.busy = True
                    # The interval runs from check to check; how long an answer takes does not count.
                    record.due = now + record.check.interval
                    found.append(Probe(key, record.vpc, record.address, record.check.port or key.port, record.check))
            return found

    def next_due(self) -> float | None:
        """Seconds until a check is due, None when no target is checked."""
        with self._lock:
            dues = [record.due for record in self._records.values() if record.due is not None and not record.busy]
            return max(0.0, min(dues) - self._now()) if dues else None

    def report(self, probe: Probe, outcome: Outcome) -> bool:
        """Take over what a check found.

        :returns: whether the target's state changed, so that requests go elsewhere.
        """
        with self._lock:
            record = self._records.get(probe.key)
            if record is None or not record.busy:
                return False
            record.busy = False
            before = record.tally.status.state
            record.tally = record.tally.after(outcome, record.check)
            return record.tally.status.state != before

    def _renew(self, target: Target, group: TargetGroup, snapshot: Snapshot) -> _Record:
        known = self._records.get(target.key)
        fixed = _fixed_status(target, group, snapshot)
        if fixed is not None:
            return _Record(Tally(fixed), group.check, group.vpc, None)
        if known is not None and known.due is not None and known.address == target.address:
            sooner = min(known.due, self._now() + group.check.interval)
            return replace(known, check=group.check, due=sooner)
        return _Record(Tally(CHECKING), group.check, group.vpc, target.address, due=self._now())


def _fixed_status(target: Target, group: TargetGroup, snapshot: Snapshot) -> Status | None:
    """The status of a target that is not checked, None for one that is."""
    if group.arn not in snapshot.used:
        return NOT_IN_USE
    if group.arn not in snapshot.served:
        return REGISTERING
    if not group.check.enabled:
        return DISABLED
    if group.kind in ("lambda", "alb"):
        return Status("unavailable", "Elb.InternalError", f"The embedded AWS has no targets of type {group.kind}")
    if group.version != "HTTP1":
        return Status("unhealthy", "Elb.InternalError", f"The embedded AWS does not speak {group.version} to targets")
    return INVALID_STATE if target.address is None else None
