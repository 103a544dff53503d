# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a stage of the health check is given, and what it says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from .._mlflow.client import MlflowClient
from .._mlflow.http import Credential


@dataclass(frozen=True)
class AwsTarget:
    """The AWS side of a stack; what is None is not checked.

    :param clients: gives a boto3 client for a service's name.
    """

    clients: Callable[[str], Any]
    region: str | None = None
    cluster: str | None = None
    service: str | None = None
    target_group_arn: str | None = None
    db_instance: str | None = None
    bucket: str | None = None
    certificate_arn: str | None = None

    @property
    def is_named(self) -> bool:
        """Whether there is anything to check."""
        named = (self.service, self.target_group_arn, self.db_instance, self.bucket, self.certificate_arn)
        return any(named)


@dataclass(frozen=True)
class Target:
    """The server to check and how.

    :param login: a user name and password, or a token, which names no user.
    :param client: with the login, without retries: a check must see faults, not hide them.
    :param patient: the same with retries, for what must be removed whatever happens.
    :param version: the version that ``/version`` must answer; None accepts any.
    :param connections: how many new connections the consistency stage opens.
    :param certificate_days: how many days each certificate must be valid for yet.
    :param latency_requests: how many requests the latency stage sends; 0 skips it.
    :param latency_p95_ms: the slowest that 95 % of them may be, in milliseconds; None takes any.
    :param experiment_name: the experiment that holds the check's runs; None makes one and removes it.
    :param artifact_size: bytes of the artifact that is written.
    :param writes: False in check mode: stages that write are skipped.
    """

    client: MlflowClient
    patient: MlflowClient
    login: Credential | None
    aws: AwsTarget
    version: str | None = None
    connections: int = 8
    certificate_days: int = 21
    latency_requests: int = 20
    latency_p95_ms: int | None = None
    experiment_name: str | None = None
    artifact_size: int = 65536
    writes: bool = True


@dataclass(frozen=True)
class Finding:
    """What a stage that passed has seen.

    :param facts: values for the module's result, such as the server's version.
    """

    detail: str
    facts: Mapping[str, Any] = field(default_factory=dict)


class StageFailed(Exception):
    """The stage has seen something wrong.

    :param transient: it may be right a moment later.
    :param facts: values for the module's result that were found nevertheless.
    """

    def __init__(
        self, detail: str, remedy: str, *, transient: bool = False, facts: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.remedy = remedy
        self.transient = transient
        self.facts = facts or {}


class StageSkipped(Exception):
    """There is nothing to check here; the reason is the text."""


Stage = Callable[[Target], Finding]


@dataclass(frozen=True)
class Result:
    """What the module returns of one stage.

    :param ok: False where it failed, and where it could not run because an earlier one failed.
    :param skipped: it did not run.
    :param milliseconds: how long it took, waiting included.
    """

    name: str
    ok: bool
    skipped: bool
    detail: str
    remedy: str
    milliseconds: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values for Ansible."""
        return asdict(self)
