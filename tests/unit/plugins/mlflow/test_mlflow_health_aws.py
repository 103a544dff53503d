# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the stage ``aws`` makes of what AWS answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._health import aws
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._health.model import AwsTarget, StageFailed, Target
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.client import MlflowClient
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.http import Connection, Transport
from botocore.exceptions import ClientError


def target(named: AwsTarget, **options: Any) -> Target:
    client = MlflowClient(Transport(Connection("http://127.0.0.1:9")))
    return Target(client=client, patient=client, login=None, aws=named, **options)


def ecs(running: int = 2, desired: int = 2, *states: str) -> dict[str, Any]:
    deployments = [{"rolloutState": state} for state in states or ("COMPLETED",)]
    return {"serviceName": "s", "runningCount": running, "desiredCount": desired, "deployments": deployments}


@pytest.mark.parametrize(
    ("found", "problems"),
    [
        (ecs(), []),
        ({**ecs(), "deployments": [{}]}, []),
        (ecs(1, 2), ["service s: 1 of 2 tasks run"]),
        (ecs(3, 2), ["service s: 3 of 2 tasks run"]),
        (ecs(0, 0), ["service s: no task is desired"]),
        (ecs(2, 2, "FAILED"), ["service s: its deployment is FAILED"]),
        (
            ecs(2, 2, "IN_PROGRESS", "COMPLETED"),
            ["service s: 2 deployments are under way", "service s: its deployment is IN_PROGRESS"],
        ),
    ],
)
def test_judge_service(found: dict[str, Any], problems: list[str]) -> None:
    assert aws.judge_service(found)[1] == problems


def at(state: str, reason: str = "") -> dict[str, Any]:
    health = {"State": state, **({"Reason": reason} if reason else {})}
    return {"Target": {"Id": "10.0.0.1", "Port": 5000}, "TargetHealth": health}


@pytest.mark.parametrize(
    ("found", "detail", "problems"),
    [
        ([at("healthy"), at("healthy")], "2 of 2 targets healthy", []),
        ([at("healthy"), at("draining")], "1 of 1 targets healthy", []),
        ([], "0 of 0 targets healthy", ["the target group has no targets"]),
        ([at("draining")], "0 of 0 targets healthy", ["the target group has no targets"]),
        (
            [at("healthy"), at("unhealthy", "Target.Timeout")],
            "1 of 2 targets healthy",
            ["target 10.0.0.1:5000 is unhealthy (Target.Timeout)"],
        ),
        ([at("initial")], "0 of 1 targets healthy", ["target 10.0.0.1:5000 is initial"]),
    ],
)
def test_judge_targets(found: list[dict[str, Any]], detail: str, problems: list[str]) -> None:
    assert aws.judge_targets(found) == (detail, problems)


def rds(status: str = "available", encrypted: bool = True, public: bool = False, days: int = 7) -> dict[str, Any]:
    shown = {"DBInstanceIdentifier": "d", "DBInstanceStatus": status, "BackupRetentionPeriod": days}
    return {**shown, "StorageEncrypted": encrypted, "PubliclyAccessible": public}


@pytest.mark.parametrize(
    ("found", "problems"),
    [
        (rds(), []),
        (rds("backing-up"), []),
        (rds("stopped"), ["database d is stopped"]),
        (rds(encrypted=False), ["database d is not encrypted"]),
        (rds(public=True), ["database d is open to the internet"]),
        (rds(days=0), ["database d has no automated backups"]),
        (
            rds("failed", False, True),
            ["database d is failed", "database d is not encrypted", "database d is open to the internet"],
        ),
    ],
)
def test_judge_database(found: dict[str, Any], problems: list[str]) -> None:
    assert aws.judge_database(found)[1] == problems


BLOCKED = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)


@pytest.mark.parametrize(
    ("location", "region", "block", "versioning", "problems"),
    [
        ("eu-west-2", "eu-west-2", BLOCKED, "Enabled", []),
        ("eu-west-2", None, BLOCKED, "Enabled", []),
        (
            "eu-west-2",
            None,
            BLOCKED,
            "Suspended",
            ["bucket b keeps no old versions: versioning is suspended"],
        ),
        (
            "eu-west-2",
            None,
            BLOCKED,
            "never enabled",
            ["bucket b keeps no old versions: versioning is never enabled"],
        ),
        ("us-east-1", "eu-west-2", BLOCKED, "Enabled", ["bucket b lies in us-east-1, not in eu-west-2"]),
        (
            "eu-west-2",
            "eu-west-2",
            {**BLOCKED, "BlockPublicPolicy": False},
            "Enabled",
            ["bucket b does not block public access: BlockPublicPolicy off"],
        ),
    ],
)
def test_judge_bucket(
    location: str, region: str | None, block: dict[str, bool], versioning: str, problems: list[str]
) -> None:
    assert aws.judge_bucket("b", location, region, block, versioning)[1] == problems


NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def acm(days: float, status: str = "ISSUED", **more: Any) -> dict[str, Any]:
    return {"DomainName": "m.example.org", "Status": status, "NotAfter": NOW + timedelta(days=days), **more}


@pytest.mark.parametrize(
    ("found", "detail", "problems"),
    [
        (acm(30.5), "certificate of m.example.org issued, 30 days left", []),
        (acm(21), "certificate of m.example.org issued, 21 days left", []),
        (acm(20.9), None, ["certificate of m.example.org ends in 20 days, expected 21 or more"]),
        (acm(-1), None, ["certificate of m.example.org ends in -1 days, expected 21 or more"]),
        (
            acm(5, Type="IMPORTED"),
            None,
            [
                "certificate of m.example.org ends in 5 days, expected 21 or more: it was imported, and ACM does not "
                "renew it"
            ],
        ),
        (
            acm(5, Type="AMAZON_ISSUED", RenewalSummary={"RenewalStatus": "PENDING_VALIDATION"}),
            None,
            ["certificate of m.example.org ends in 5 days, expected 21 or more: its renewal is PENDING_VALIDATION"],
        ),
        (
            {"DomainName": "m.example.org", "Status": "PENDING_VALIDATION"},
            "",
            ["certificate of m.example.org is PENDING_VALIDATION, not ISSUED"],
        ),
        (acm(90, "EXPIRED"), "", ["certificate of m.example.org is EXPIRED, not ISSUED"]),
        ({"DomainName": "m.example.org", "Status": "ISSUED"}, "", ["certificate of m.example.org has no end"]),
    ],
)
def test_judge_certificate(found: dict[str, Any], detail: str | None, problems: list[str]) -> None:
    said = aws.judge_certificate(found, NOW, 21)
    assert said[1] == problems
    assert detail is None or said[0] == detail


def test_days_that_a_certificate_must_last_are_the_caller_s() -> None:
    class Acm:
        def describe_certificate(self, **asked: Any) -> Any:
            assert asked == {"CertificateArn": "arn"}
            return {"Certificate": {**acm(0), "NotAfter": datetime.now(UTC) + timedelta(days=10, hours=1)}}

    named = AwsTarget(clients=lambda service: Acm(), certificate_arn="arn")
    assert aws.aws(target(named, certificate_days=10)).detail.endswith("10 days left")
    with pytest.raises(StageFailed, match="expected 11 or more"):
        aws.aws(target(named, certificate_days=11))


def test_everything_that_is_wrong_is_told_at_once() -> None:
    class Broken:
        def describe_services(self, **_: Any) -> Any:
            raise ClientError({"Error": {"Code": "ClusterNotFoundException", "Message": "gone"}}, "DescribeServices")

        def describe_target_health(self, **_: Any) -> Any:
            return {"TargetHealthDescriptions": []}

    named = AwsTarget(clients=lambda service: Broken(), cluster="c", service="s", target_group_arn="arn")
    with pytest.raises(StageFailed, match=r"ClusterNotFoundException.*; the target group has no targets") as caught:
        aws.aws(target(named))
    assert caught.value.transient


@pytest.mark.parametrize(("encrypted", "status", "transient"), [(False, "available", False), (True, "starting", True)])
def test_what_no_waiting_mends_is_not_waited_for(encrypted: bool, status: str, transient: bool) -> None:
    class Rds:
        def describe_db_instances(self, **_: Any) -> Any:
            return {"DBInstances": [rds(encrypted=encrypted, status=status)]}

    named = AwsTarget(clients=lambda service: Rds(), db_instance="d")
    with pytest.raises(StageFailed) as caught:
        aws.aws(target(named))
    assert caught.value.transient is transient
