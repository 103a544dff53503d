# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which PostgreSQL versions and instance classes RDS offers.

The versions are those of the release notes of Amazon RDS for PostgreSQL, kept in ``data/postgres_versions.json``::

    from emulator.patches.rds_engines import offered_versions

    offered_versions()  # ["13.15", ..., "18.3"], oldest first
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.models.availability_zones_and_regions import RegionsAndZonesBackend
from moto.rds.exceptions import RDSClientError
from moto.rds.responses import RDSResponse

from emulator.patches.patching import add, around, page

ENGINE = "postgres"
#: Engines that RDS has, but this AWS does not run: no versions are offered.
OTHER_ENGINES = frozenset(
    {
        "aurora-mysql",
        "aurora-postgresql",
        "custom-oracle-ee",
        "custom-oracle-se2",
        "custom-sqlserver-ee",
        "custom-sqlserver-se",
        "custom-sqlserver-web",
        "db2-ae",
        "db2-se",
        "docdb",
        "mariadb",
        "mysql",
        "neptune",
        "oracle-ee",
        "oracle-ee-cdb",
        "oracle-se2",
        "oracle-se2-cdb",
        "sqlserver-ee",
        "sqlserver-ex",
        "sqlserver-se",
        "sqlserver-web",
    }
)
#: Storage types of RDS for PostgreSQL: (name, IOPS can be set, throughput can be set). Magnetic storage, "standard",
#: ends at 3 TiB and does not grow by itself ("Amazon RDS DB instance storage" in the user guide).
_STORAGE = (
    ("gp2", False, False),
    ("gp3", True, True),
    ("io1", True, False),
    ("io2", True, False),
    ("standard", False, False),
)
#: Filters of DescribeDBEngineVersions and the fields that they look at.
_FILTERS = {
    "engine": "Engine",
    "engine-version": "EngineVersion",
    "db-parameter-group-family": "DBParameterGroupFamily",
    "status": "Status",
}
_DATA = Path(__file__).parent / "data"


@lru_cache(maxsize=1)
def _catalogue() -> dict[str, Any]:
    catalogue: dict[str, Any] = json.loads((_DATA / "postgres_versions.json").read_text(encoding="utf-8"))
    return catalogue


@lru_cache(maxsize=1)
def _classes() -> list[str]:
    families = json.loads((_DATA / "instance_classes.json").read_text(encoding="utf-8"))
    return [f"db.{family}.{size}" for family, sizes in families.items() for size in sizes]


def offered_versions() -> list[str]:
    """The PostgreSQL versions that an instance can be created with, oldest first."""
    return [version for versions in _catalogue()["versions"].values() for version in versions]


def default_version() -> str:
    """The version of an instance whose creator asks for none."""
    return str(_catalogue()["default"])


def offered_classes() -> list[str]:
    """The instance classes of RDS for PostgreSQL."""
    return list(_classes())


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _upgrade_targets(version: str) -> list[dict[str, Any]]:
    major = version.split(".")[0]
    return [
        {
            "Engine": ENGINE,
            "EngineVersion": target,
            "Description": f"PostgreSQL {target}-R1",
            "AutoUpgrade": False,
            "IsMajorVersionUpgrade": target.split(".")[0] != major,
        }
        for target in offered_versions()
        if _number(target) > _number(version)
    ]


def _version(version: str) -> dict[str, Any]:
    major = version.split(".")[0]
    return {
        "Engine": ENGINE,
        "MajorEngineVersion": major,
        "EngineVersion": version,
        "DBParameterGroupFamily": f"postgres{major}",
        "DBEngineDescription": "PostgreSQL",
        "DBEngineVersionDescription": f"PostgreSQL {version}-R1",
        "ValidUpgradeTarget": _upgrade_targets(version),
        "ExportableLogTypes": ["postgresql", "upgrade"],
        "SupportsLogExportsToCloudwatchLogs": True,
        "SupportsReadReplica": True,
        "SupportedFeatureNames": ["Lambda", "s3Export", "s3Import"],
        "Status": "available",
        "SupportsParallelQuery": False,
        "SupportsGlobalDatabases": False,
        "SupportsBabelfish": False,
        "SupportsCertificateRotationWithoutRestart": True,
        "SupportedCACertificateIdentifiers": ["rds-ca-rsa2048-g1", "rds-ca-rsa4096-g1", "rds-ca-ecc384-g1"],
    }


def _check_engine(engine: str | None) -> bool:
    """Whether the engine is one that this AWS runs.

    :raises RDSClientError: when RDS has no such engine.
    """
    if engine is not None and engine != ENGINE and engine not in OTHER_ENGINES:
        raise RDSClientError("InvalidParameterValue", f"Unrecognized engine name: {engine}")
    return engine in (None, ENGINE)


def _selected(asked: str | None) -> list[str]:
    """The versions that a request for ``asked`` means: one, or all of a major version."""
    return [each for each in offered_versions() if asked in (None, each) or each.startswith(f"{asked}.")]


def engine_versions() -> None:
    """DescribeDBEngineVersions answers the versions that can be created, with their upgrade targets.

    https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeDBEngineVersions.html
    """

    @add(RDSResponse, "describe_db_engine_versions")
    def describe_db_engine_versions(self: RDSResponse) -> ActionResult:
        found = _selected(self.params.get("EngineVersion")) if _check_engine(self.params.get("Engine")) else []
        family = self.params.get("DBParameterGroupFamily")
        wanted = {each["Name"]: list(each["Values"]) for each in self.params.get("Filters") or []}
        if self.params.get("DefaultOnly"):
            newest = {version.split(".")[0]: version for version in found}
            default = default_version()
            found = list(newest.values()) if self.params.get("EngineVersion") else [v for v in found if v == default]
        rows = [
            row
            for row in (_version(version) for version in found)
            if family in (None, row["DBParameterGroupFamily"])
            and all(row[field] in wanted.get(name, [row[field]]) for name, field in _FILTERS.items())
        ]
        return page("DBEngineVersions", rows, self.params)


def orderable_options() -> None:
    """DescribeOrderableDBInstanceOptions answers classes and storage types for PostgreSQL, too.

    https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeOrderableDBInstanceOptions.html
    """

    @around(RDSResponse, "describe_orderable_db_instance_options")
    def describe_orderable_db_instance_options(original: Any, self: RDSResponse) -> ActionResult:
        engine = self.params.get("Engine")
        if engine in ("aurora-postgresql", "neptune"):
            found: ActionResult = original(self)
            return found
        asked = self.params.get("EngineVersion")
        # Unlike DescribeDBEngineVersions, it is not documented to take a major version.
        versions = [one for one in offered_versions() if asked in (None, one)] if _check_engine(engine) else []
        wanted = self.params.get("DBInstanceClass")
        zones = [{"Name": zone.name} for zone in RegionsAndZonesBackend.zones.get(self.region, [])]
        rows = [
            _option(version, name, storage, zones)
            for version in versions
            for name in _classes()
            if wanted in (None, name)
            for storage in _STORAGE
        ]
        if self.params.get("LicenseModel") not in (None, "postgresql-license"):
            rows = []
        return page("OrderableDBInstanceOptions", rows, self.params)


def _option(version: str, name: str, storage: tuple[str, bool, bool], zones: list[dict[str, str]]) -> dict[str, Any]:
    kind, iops, throughput = storage
    return {
        "Engine": ENGINE,
        "EngineVersion": version,
        "DBInstanceClass": name,
        "LicenseModel": "postgresql-license",
        "AvailabilityZones": zones,
        "MultiAZCapable": True,
        "ReadReplicaCapable": True,
        "Vpc": True,
        "SupportsStorageEncryption": True,
        "StorageType": kind,
        "SupportsIops": iops,
        "SupportsStorageThroughput": throughput,
        "SupportsEnhancedMonitoring": True,
        "SupportsIAMDatabaseAuthentication": True,
        "SupportsPerformanceInsights": True,
        "SupportsStorageAutoscaling": kind != "standard",
        "SupportsKerberosAuthentication": True,
        "MinStorageSize": 100 if kind.startswith("io") else 20 if kind == "gp3" else 5,
        "MaxStorageSize": 3072 if kind == "standard" else 65536,
        "SupportedNetworkTypes": ["IPV4", "DUAL"],
    }


PATCHES = (engine_versions, orderable_options)
