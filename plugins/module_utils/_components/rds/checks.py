# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the database's variables."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.fields import range_problems
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.rds.kinds import KINDS
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.rds.offers import offer_problems
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.rds.parameters import parameter_problems
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.rds.versions import (
    version_numbers,
    version_to_run,
)
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._preflight.kms import key_problem


def input_problems(inputs: Mapping[str, Any]) -> list[str]:
    """Problems of ``rds_*`` variables that need no call to AWS."""
    found = []
    version = str(inputs["rds_engine_version"])
    if not re.fullmatch(r"[0-9]+(\.[0-9]+)?", version):
        found.append(f"rds_engine_version: '{version}' is not a PostgreSQL version; use one such as 15 or 15.10")
    if not re.fullmatch(r"db\.[a-z0-9]+\.[a-z0-9]+", inputs["rds_instance_class"]):
        found.append(
            f"rds_instance_class: '{inputs['rds_instance_class']}' is not an instance class; use one such as "
            "db.t3.micro"
        )
    size, most = int(inputs["rds_allocated_storage"]), int(inputs["rds_max_allocated_storage"])
    if not 20 <= size <= 65536:
        found.append(
            f"rds_allocated_storage: {size} GiB; RDS takes 20 to 65536 for PostgreSQL, choose a number between"
        )
    # API CreateDBInstance, MaxAllocatedStorage: at least 10 % above the allocated storage.
    elif most and most < size * 1.1:
        found.append(
            f"rds_max_allocated_storage: {most} GiB is less than 10 % above rds_allocated_storage ({size} GiB); "
            "raise it, or set it to 0 to switch storage growth off"
        )
    found += range_problems(KINDS, inputs)
    for name, value in inputs["rds_parameters"].items():
        if value is None or isinstance(value, (Mapping, list)):
            found.append(
                f"rds_parameters.{name}: {value!r} is not the value of a parameter; give a number or a text, "
                "or remove it"
            )
    if problem := key_problem("rds_kms_key_id", inputs["rds_kms_key_id"], inputs["stack_region"]):
        found.append(problem)
    return found


def account_problems(inputs: Mapping[str, Any], region: Mapping[str, Any], resources: Mapping[str, Any]) -> list[str]:
    """Problems that only AWS can show."""
    now = resources["rds"]
    found = [] if inputs["stack_db_instance"] else region_problems(inputs, region, now)
    if inputs["stack_recreate_database"] and resources["rds"] is not None:
        # In an inventory it would take the guard away for good.
        found.append(
            f"stack_recreate_database: true, but the database {resources['rds']['instance_id']} exists; it is for the "
            "one run that replaces a lost database, take it out"
        )
    return found + change_problems(inputs, resources)


def change_problems(inputs: Mapping[str, Any], resources: Mapping[str, Any]) -> list[str]:
    """What cannot change on the database that exists.

    :param inputs: the role's variables, and ``secrets_master_username`` where it is known.
    """
    now = resources["rds"]
    if now is None or not now.get("mine", True):
        return []
    name, found = now["instance_id"], []
    wanted, has = str(inputs["rds_engine_version"]), str(now["engine_version"])
    major, current = (version.split(".", maxsplit=1)[0] for version in (wanted, has))
    if int(major) < int(current):
        found.append(
            f"rds_engine_version: {wanted}, but the database {name} runs {has}, and RDS takes no way back; set it to "
            f"{current}"
        )
    elif major != current:
        # API ModifyDBInstance, AllowMajorVersionUpgrade: an outage, and another family of groups.
        found.append(
            f"rds_engine_version: {wanted}, but the database {name} runs {has}, and another major version is no change "
            f"on the way; set it back to {current}, or upgrade the database first (aws rds modify-db-instance "
            f"--region {inputs.get('stack_region') or 'REGION'} --db-instance-identifier {name} "
            f"--engine-version {wanted} --allow-major-version-upgrade --db-parameter-group-name "
            f"default.postgres{major} --apply-immediately)"
        )
    found += _storage_changes(inputs, now)
    key = inputs["rds_kms_key_id"]
    if key and key != now["kms_key_arn"]:
        found.append(
            f"rds_kms_key_id: {key}, but the storage of {name} is encrypted with {now['kms_key_arn']}, which RDS "
            "cannot change; set it back, or restore a copy of a snapshot that is encrypted with the new key"
        )
    user = inputs.get("secrets_master_username")
    if user and user != now["master_username"]:
        found.append(
            f"secrets_master_username: '{user}', but the master user of {name} is {now['master_username']}, which RDS "
            f"cannot change; set it back to {now['master_username']}"
        )
    return found


def _storage_changes(inputs: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """Changes of the storage that RDS does not take while it still optimizes it after the last one."""
    if now.get("status") != "storage-optimization":
        return
    after = (
        f"but RDS still optimizes the storage of {now['instance_id']} after its last change (storage-optimization) and "
        "takes no other one before, which can be hours; run again when its status is available, or set it back to"
    )
    if int(inputs["rds_allocated_storage"]) > int(now["allocated_storage"]):
        yield f"rds_allocated_storage: {inputs['rds_allocated_storage']}, {after} {now['allocated_storage']}"
    if inputs["rds_storage_type"] != now["storage_type"]:
        yield f"rds_storage_type: {inputs['rds_storage_type']}, {after} {now['storage_type']}"


def region_problems(inputs: Mapping[str, Any], region: Mapping[str, Any], now: Mapping[str, Any] | None) -> list[str]:
    """What the region does not offer: the version, or the rest with that version.

    :param now: the database that exists, or None.
    """
    wanted, offered = str(inputs["rds_engine_version"]), region["postgres_versions"]
    version = version_to_run(wanted, str(now["engine_version"]) if now else None, offered)
    if version and region.get("database"):
        family = f"PostgreSQL {version.split('.', maxsplit=1)[0]}"
        return [
            *offer_problems(inputs, region, now, version),
            *parameter_problems(inputs["rds_parameters"], region["database"], family),
        ]
    if version:
        return []
    majors = sorted({version.split(".")[0] for version in offered}, key=int)
    same = sorted((v for v in offered if v.split(".")[0] == wanted.split(".", maxsplit=1)[0]), key=version_numbers)
    return [
        f"rds_engine_version: region {region['region']} offers no PostgreSQL {wanted}; choose "
        + (f"one of {', '.join(same)}" if same else f"a major version of {', '.join(majors)}")
    ]
