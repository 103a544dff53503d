# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What DescribeDBInstances and DescribeDBSnapshots say of an instance, where moto says less.

https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DBInstance.html
"""

from __future__ import annotations

import json
import secrets
import string
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from moto.rds.models import DBInstance, DBSnapshot

from emulator.rds import rules
from emulator.rds.tls import DEFAULT_AUTHORITY

#: Days for which Performance Insights keeps its data, unless asked otherwise.
DEFAULT_INSIGHTS_DAYS = 7


def service_key(database: DBInstance) -> str:
    """The ARN of the AWS managed key of RDS in the instance's region."""
    return str(database.backend._validate_kms_key("alias/aws/rds"))


def complete(database: DBInstance, kwargs: Mapping[str, Any], certificate_valid_until: datetime) -> None:
    """Add the defaults of AWS to an instance that moto has just made.

    :param kwargs: the request, in snake case.
    """
    letters = string.ascii_uppercase + "234567"
    database.dbi_resource_id = "db-" + "".join(secrets.choice(letters) for _ in range(26))
    database.license_model = "postgresql-license"
    database.publicly_accessible = bool(database.publicly_accessible)
    set_certificate(database, kwargs.get("ca_certificate_identifier") or DEFAULT_AUTHORITY, certificate_valid_until)
    set_storage(database)
    set_zones(database, kwargs.get("availability_zone"))
    if database.storage_encrypted:
        key = database.kms_key_id
        known = key not in (None, "default_kms_key_id")
        database.kms_key_id = database.backend._validate_kms_key(str(key)) if known else service_key(database)
    set_insights(
        database,
        bool(kwargs.get("enable_performance_insights")),
        kwargs.get("performance_insights_kms_key_id"),
        kwargs.get("performance_insights_retention_period"),
    )
    more: dict[str, Any] = {
        "pending_modified_values": {},
        "activity_stream_status": "stopped",
        "customer_owned_ip_enabled": False,
        "dedicated_log_volume": bool(kwargs.get("dedicated_log_volume")),
        "engine_lifecycle_support": kwargs.get("engine_lifecycle_support") or "open-source-rds-extended-support",
        "network_type": kwargs.get("network_type") or "IPV4",
        "promotion_tier": kwargs.get("promotion_tier"),
        "backup_target": "region",
    }
    for name, value in more.items():
        setattr(database, name, value)


def set_certificate(database: DBInstance, identifier: str, valid_until: datetime) -> None:
    """The authority that signed the server's certificate."""
    database.ca_certificate_identifier = identifier
    details = {"CAIdentifier": identifier, "ValidTill": valid_until}
    database.certificate_details = details  # type: ignore[attr-defined]


def set_storage(database: DBInstance) -> None:
    """IOPS and throughput that belong to the storage type; gp2 and magnetic report none."""
    large = database.allocated_storage >= rules.GP3_THRESHOLD
    if database.storage_type == "gp3":
        iops: Any = database.iops or (rules.GP3_LARGE_IOPS if large else rules.GP3_IOPS)
        database.iops = iops
        database.storage_throughput = database.storage_throughput or (
            rules.GP3_LARGE_THROUGHPUT if large else rules.GP3_THROUGHPUT
        )
    else:
        database.storage_throughput = None
        if database.storage_type in ("gp2", "standard"):
            database.iops = None


def set_zones(database: DBInstance, asked: str | None = None) -> None:
    """The zone of the instance, and of its standby, out of the zones of its subnets."""
    group = getattr(database, "db_subnet_group", None)
    zones = sorted({str(subnet.availability_zone) for subnet in group._subnets}) if group is not None else []
    if zones and asked is None and database.availability_zone not in zones:
        database.availability_zone = zones[0]
    others = [zone for zone in zones if zone != database.availability_zone]
    standby = (others or [f"{database.region}b"])[0] if database.multi_az else None
    database.secondary_availability_zone = standby  # type: ignore[attr-defined]


def set_insights(database: DBInstance, enabled: bool, key: str | None, days: int | None) -> None:
    """Performance Insights, with the key and retention that AWS fills in."""
    values: dict[str, Any] = {
        "performance_insights_enabled": enabled,
        "performance_insights_kms_key_id": None,
        "performance_insights_retention_period": None,
    }
    if enabled:
        known = getattr(database, "performance_insights_kms_key_id", None)
        chosen = database.backend._validate_kms_key(key) if key else known or service_key(database)
        values["performance_insights_kms_key_id"] = chosen
        values["performance_insights_retention_period"] = (
            days or getattr(database, "performance_insights_retention_period", None) or DEFAULT_INSIGHTS_DAYS
        )
    for name, value in values.items():
        setattr(database, name, value)


def describe_snapshot(snapshot: DBSnapshot, database: DBInstance) -> None:
    """Add what moto leaves out, and begin at nothing copied."""
    group = getattr(database, "db_subnet_group", None)
    more: dict[str, Any] = {
        "status": "creating",
        "percent_progress": 0,
        "availability_zone": database.availability_zone,
        "vpc_id": group.vpc_id if group is not None else None,
        "license_model": database.license_model,
        "option_group_name": database.option_group_name,
        "storage_type": database.storage_type,
        "iops": database.iops,
        "storage_throughput": database.storage_throughput,
        "snapshot_target": "region",
        "dedicated_log_volume": False,
    }
    for name, value in more.items():
        setattr(snapshot, name, value)


def managed_password(database: DBInstance) -> str | None:
    """The password that Secrets Manager keeps for an instance with ManageMasterUserPassword."""
    held = getattr(database, "master_user_secret", None)
    if held is None:
        return None
    secret = held.secret
    version = secret.versions[secret.default_version_id]
    return str(json.loads(version["secret_string"])["password"])


def generate_password() -> str:
    """A password as RDS generates it for a managed secret: 28 characters without quotes or slashes."""
    letters = string.ascii_letters + string.digits + "!#$%&()*+-.:<=>?[]^_{|}~"
    return "".join(secrets.choice(letters) for _ in range(28))
