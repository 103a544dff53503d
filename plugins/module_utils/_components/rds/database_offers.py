# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What RDS offers in a region for one instance class and one version of PostgreSQL: read-only."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.rds.versions import (
    fits_version,
    newest_offered,
    version_numbers,
)
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.reading import Client, absent, pages

_ENGINE = "postgres"


@dataclass(frozen=True)
class Database:
    """What is asked about.

    :param instance_class: such as ``db.t3.micro``.
    :param engine_version: a version of PostgreSQL, or a major version.
    :param parameters: names of DB parameters.
    """

    instance_class: str
    engine_version: str
    parameters: Collection[str]


def database_offers(client: Client, versions: Collection[str], asked: Database) -> dict[str, Any] | None:
    """The orderable options of the class, and the DB parameters.

    APIs DescribeOrderableDBInstanceOptions, by the class alone, since it takes exact versions only, and
    DescribeEngineDefaultParameters. All classes and all parameters are many; they are answered only where the class or
    one of the names is not among them.

    :param client: boto3's client of RDS.
    :param versions: those that the region offers.
    :returns: ``options`` of the version or its minor releases (a row for each of these and each storage type, sizes in
        GiB), ``versions`` with which the class is offered at all, ``classes`` that are offered with the newest one
        where this class is not, ``parameters`` by name, and ``parameter_names`` where one is not among them. Where the
        region does not offer a minor release any more, that of the others of its major version, which an upgrade by
        RDS leads to; None where it offers none of these either.
    :raises botocore.exceptions.ClientError: when AWS refuses a read.
    """
    version = asked.engine_version
    newest = newest_offered(version, versions)
    if newest is None:
        version = version.split(".", maxsplit=1)[0]
        newest = newest_offered(version, versions)
    if newest is None:
        return None
    rows = list(_orderable(client, DBInstanceClass=asked.instance_class))
    options = [_option(row) for row in rows if fits_version(row["EngineVersion"], version)]
    others = [] if options else _orderable(client, EngineVersion=newest)
    known = _parameters(client, f"{_ENGINE}{newest.split('.', maxsplit=1)[0]}")
    return {
        "options": options,
        "versions": sorted({row["EngineVersion"] for row in rows}, key=version_numbers),
        "classes": sorted({row["DBInstanceClass"] for row in others}),
        "parameters": {name: known[name] for name in asked.parameters if name in known},
        "parameter_names": [] if set(asked.parameters) <= set(known) else sorted(known),
    }


def _orderable(client: Client, **asked: str) -> Iterator[dict[str, Any]]:
    """The options; none where RDS calls the class or the version wrong instead of answering an empty list."""
    operation, key = "describe_orderable_db_instance_options", "OrderableDBInstanceOptions"
    found: list[dict[str, Any]] | None = absent(
        lambda: list(pages(client, operation, key, Engine=_ENGINE, **asked)),
        "InvalidParameterValue",
        "InvalidParameterCombination",
    )
    yield from found or []


def _option(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "version": row["EngineVersion"],
        "storage_type": row["StorageType"],
        "min_storage": row.get("MinStorageSize"),
        "max_storage": row.get("MaxStorageSize"),
        "storage_grows": row.get("SupportsStorageAutoscaling", False),
        "encrypted": row.get("SupportsStorageEncryption", False),
        "multi_az": row.get("MultiAZCapable", False),
        "performance_insights": row.get("SupportsPerformanceInsights", False),
    }


def _parameters(client: Client, family: str) -> dict[str, dict[str, Any]]:
    """The parameters of a family: type, allowed values as RDS writes them (None: any), and whether one may set them."""
    answers = client.get_paginator("describe_engine_default_parameters").paginate(DBParameterGroupFamily=family)
    return {
        row["ParameterName"]: {
            "type": row.get("DataType"),
            "allowed": row.get("AllowedValues"),
            "modifiable": row.get("IsModifiable", False),
        }
        for answer in answers
        for row in answer["EngineDefaults"].get("Parameters", [])
    }
