# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stage that asks AWS whether the parts behind the server are as they should be. Reads only.

APIs: ecs DescribeServices, elbv2 DescribeTargetHealth, rds DescribeDBInstances, s3 GetBucketLocation,
GetPublicAccessBlock and GetBucketVersioning, acm DescribeCertificate.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

from .._components.rds.safety import unsafe
from .._components.rds.status import ACCEPTS_CONNECTIONS
from .model import AwsTarget, Finding, StageFailed, StageSkipped, Target

try:
    from botocore.exceptions import BotoCoreError, ClientError
except ImportError:  # AnsibleAWSModule says so when a client is asked for
    BotoCoreError = ClientError = Exception

#: What a call of AWS raises that :func:`explain` puts into words.
AWS_ERRORS: tuple[type[Exception], ...] = (ClientError, BotoCoreError)


class Lasting(str):
    """A problem that does not go away by waiting, such as a setting."""


#: What one part has to say: how it is, and what is wrong with it.
Part = tuple[str, list[str]]


def aws(target: Target) -> Finding:
    """All parts that are named are right; everything that is wrong is told at once."""
    if not target.aws.is_named:
        raise StageSkipped("no service, target group, database, bucket or certificate is named")
    seen: list[str] = []
    wrong: list[str] = []
    for part in parts(target.aws, target.certificate_days):
        try:
            detail, problems = part(target.aws)
        except (ClientError, BotoCoreError) as error:
            problems = [explain(error)]
        else:
            seen.append(detail)
        wrong += problems
    if wrong:
        raise StageFailed(
            "; ".join(wrong),
            "look at the events of the service and the states of these resources",
            transient=not any(isinstance(problem, Lasting) for problem in wrong),
        )
    return Finding("; ".join(seen))


def parts(aws_target: AwsTarget, certificate_days: int) -> list[Callable[[AwsTarget], Part]]:
    """The checks for what ``aws_target`` names."""
    named: tuple[tuple[str | None, Callable[[AwsTarget], Part]], ...] = (
        (aws_target.service, service),
        (aws_target.target_group_arn, targets),
        (aws_target.db_instance, database),
        (aws_target.bucket, bucket),
        (aws_target.certificate_arn, partial(certificate, least_days=certificate_days)),
    )
    return [check for name, check in named if name]


def explain(error: Any) -> str:
    """A boto3 error in one line, without its request id."""
    said = getattr(error, "response", {}).get("Error", {}) if hasattr(error, "response") else {}
    operation = getattr(error, "operation_name", "AWS")
    return f"{operation}: {said.get('Code')}: {said.get('Message')}" if said else str(error)


def service(aws_target: AwsTarget) -> Part:
    """ECS runs as many tasks as desired, of one deployment, which is complete."""
    said = aws_target.clients("ecs").describe_services(cluster=aws_target.cluster, services=[aws_target.service])
    if not said["services"] or said["services"][0].get("status") != "ACTIVE":
        return "", [f"service {aws_target.service} does not exist in cluster {aws_target.cluster}"]
    return judge_service(said["services"][0])


def running_tasks(aws_target: AwsTarget) -> int:
    """How many tasks of the service run.

    :raises LookupError: AWS does not say; the text is why.
    """
    try:
        said = aws_target.clients("ecs").describe_services(cluster=aws_target.cluster, services=[aws_target.service])
    except (ClientError, BotoCoreError) as error:
        raise LookupError(explain(error)) from None
    if not said["services"]:
        raise LookupError(f"service {aws_target.service} does not exist in cluster {aws_target.cluster}")
    return int(said["services"][0]["runningCount"])


def judge_service(found: dict[str, Any]) -> Part:
    """Judge one service of DescribeServices."""
    name, running, desired = found["serviceName"], found["runningCount"], found["desiredCount"]
    problems = []
    if running != desired:
        problems.append(f"service {name}: {running} of {desired} tasks run")
    if desired == 0:
        problems.append(f"service {name}: no task is desired")
    deployments = found.get("deployments", [])
    if len(deployments) > 1:
        problems.append(f"service {name}: {len(deployments)} deployments are under way")
    for deployment in deployments:
        state = deployment.get("rolloutState", "COMPLETED")
        if state != "COMPLETED":
            problems.append(f"service {name}: its deployment is {state}")
    return f"{running} of {desired} tasks run", problems


def targets(aws_target: AwsTarget) -> Part:
    """Every target that takes requests is healthy."""
    said = aws_target.clients("elbv2").describe_target_health(TargetGroupArn=aws_target.target_group_arn)
    return judge_targets(said["TargetHealthDescriptions"])


def judge_targets(found: list[dict[str, Any]]) -> Part:
    """Judge the targets of DescribeTargetHealth; those that drain belong to a task that is going."""
    here = [item for item in found if item["TargetHealth"]["State"] != "draining"]
    ill = [item for item in here if item["TargetHealth"]["State"] != "healthy"]
    problems = [] if here else ["the target group has no targets"]
    for item in ill:
        health = item["TargetHealth"]
        why = f" ({health['Reason']})" if health.get("Reason") else ""
        problems.append(f"target {item['Target']['Id']}:{item['Target'].get('Port', '')} is {health['State']}{why}")
    return f"{len(here) - len(ill)} of {len(here)} targets healthy", problems


def database(aws_target: AwsTarget) -> Part:
    """RDS serves, is encrypted, not public, and backed up."""
    said = aws_target.clients("rds").describe_db_instances(DBInstanceIdentifier=aws_target.db_instance)
    return judge_database(said["DBInstances"][0])


def judge_database(found: dict[str, Any]) -> Part:
    """Judge one instance of DescribeDBInstances."""
    name, status = found["DBInstanceIdentifier"], found["DBInstanceStatus"]
    problems: list[str] = []
    if status not in ACCEPTS_CONNECTIONS:
        problems.append(f"database {name} is {status}")
    days = found.get("BackupRetentionPeriod", 0)
    settings = unsafe(found.get("StorageEncrypted", False), found.get("PubliclyAccessible", False), days)
    problems += [Lasting(f"database {name} {wrong}") for wrong, _remedy in settings]
    return f"database {status}, encrypted, backups kept for {days} days", problems


def bucket(aws_target: AwsTarget) -> Part:
    """The bucket lies in the region, blocks all public access, and keeps old versions."""
    s3 = aws_target.clients("s3")
    # us-east-1 is answered as null, and EU is the old name of eu-west-1.
    location = s3.get_bucket_location(Bucket=aws_target.bucket).get("LocationConstraint") or "us-east-1"
    location = {"EU": "eu-west-1"}.get(location, location)
    try:
        block = s3.get_public_access_block(Bucket=aws_target.bucket)["PublicAccessBlockConfiguration"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchPublicAccessBlockConfiguration":
            raise
        block = {}
    # A bucket that never had versioning answers no status at all.
    versioning = s3.get_bucket_versioning(Bucket=aws_target.bucket).get("Status", "never enabled")
    return judge_bucket(str(aws_target.bucket), location, aws_target.region, block, versioning)


def judge_bucket(name: str, location: str, region: str | None, block: dict[str, bool], versioning: str) -> Part:
    """Judge a bucket's region (any will do where ``region`` is None), public access block and versioning."""
    problems: list[str] = []
    if region and location != region:
        problems.append(Lasting(f"bucket {name} lies in {location}, not in {region}"))
    switches = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    open_ = [switch for switch in switches if not block.get(switch)]
    if open_:
        problems.append(Lasting(f"bucket {name} does not block public access: {', '.join(open_)} off"))
    if versioning != "Enabled":
        problems.append(Lasting(f"bucket {name} keeps no old versions: versioning is {versioning.lower()}"))
    return f"bucket in {location}, public access blocked, versioning on", problems


def certificate(aws_target: AwsTarget, *, least_days: int) -> Part:
    """The load balancer's certificate is issued and valid for long enough."""
    said = aws_target.clients("acm").describe_certificate(CertificateArn=aws_target.certificate_arn)
    return judge_certificate(said["Certificate"], datetime.now(UTC), least_days)


def judge_certificate(found: dict[str, Any], now: datetime, least_days: int) -> Part:
    """Judge one certificate of DescribeCertificate; one that is not issued has no end."""
    name, status, end = found.get("DomainName", ""), found["Status"], found.get("NotAfter")
    if status != "ISSUED":
        return "", [f"certificate of {name} is {status}, not ISSUED"]
    if end is None:
        return "", [f"certificate of {name} has no end"]
    days = (end - now).days
    problems = []
    if days < least_days:
        problems.append(f"certificate of {name} ends in {days} days, expected {least_days} or more")
        renewal = found.get("RenewalSummary", {}).get("RenewalStatus")
        if found.get("Type") == "IMPORTED":
            problems[-1] += ": it was imported, and ACM does not renew it"
        elif renewal:
            problems[-1] += f": its renewal is {renewal}"
    return f"certificate of {name} issued, {days} days left", problems
