# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What exists of a stack in an account: read-only, all components at once.

Resources are found by the names of :mod:`names` and by the tags ``mlflow:stack`` and ``mlflow:component``. Nothing here
reads a secret's value. A component that has not been begun is None, and so are its parts that are missing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.account import Account, Found
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.alb.reads import load_balancer
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.ecs_mlflow.resources import revisions
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.network.fargate_zones import by_fargate
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.network.resources import (
    elastic_ips,
    loose_internet_gateways,
    namesakes,
    own_vpcs,
)
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.rds.connection_facts import connection_facts
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.rds.database_offers import (
    Database,
    database_offers,
)
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.rds.resources import instance, rds_groups
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.read_once import ReadOnce
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.registry import COMPONENTS
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.secrets.resources import user_secrets
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.storage.resources import where
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.existing import Existing
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.lost import backups
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.names import StackNames
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.ownership import Owner
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.reading import Client, pages

#: The boto3 clients that are used.
SERVICES = (
    "application-autoscaling",
    "ec2",
    "ecs",
    "elbv2",
    "iam",
    "kms",
    "logs",
    "rds",
    "s3",
    "secretsmanager",
)
#: By name in the resources, what is read beside the components.
_OTHERS: dict[str, Callable[[Account], Any]] = {
    "elastic_ips": elastic_ips,
    "namesakes": namesakes,
    "loose_internet_gateways": loose_internet_gateways,
    "user_secrets": user_secrets,
    "rds_groups": rds_groups,
    "revisions": revisions,
}


def account_of(
    clients: Mapping[str, Client],
    names: StackNames,
    *,
    region: str,
    bucket_name: str | None = None,
    existing: Existing | None = None,
    adopted: Collection[str] = (),
    sharers: Collection[str] = (),
) -> Account:
    """An account as it is for one discovery, which sends each read once.

    :param clients: boto3 clients by the names in :data:`SERVICES`.
    :param existing: parts that somebody else created.
    :param adopted: kinds, names or ids of resources that count as the stack's though they lack its tag.
    :param sharers: other stacks that keep their artifacts in the same bucket, by the inventory.
    """
    once = {service: ReadOnce(client) for service, client in clients.items()}
    return Account(once, names, region, existing or Existing(), Owner(names.stack, adopted), bucket_name or "", sharers)


def discover(account: Account) -> dict[str, Any]:
    """The ids and states of all components, read at the same time.

    :raises botocore.exceptions.ClientError: when AWS refuses a read.
    """
    found = _read(account, {name: component.resources for name, component in COMPONENTS.items()} | _OTHERS)
    found["secrets"], found["deleted_secrets"] = found["secrets"]
    found["beside_existing"] = beside_existing(account)
    found["foreign"] = account.owner.foreign
    # Backups matter only where the database is gone.
    gone = (found["rds"] or {"status": "deleting"})["status"] == "deleting"
    lost = gone and not account.existing.db_instance
    found["backups"] = backups(account.clients["rds"], account.names) if lost else {"lost": [], "former": []}
    return found


def look_again(account: Account, names: Collection[str]) -> dict[str, Any]:
    """The ids and states of some components.

    :param names: of the components, without ``secrets``.
    :raises botocore.exceptions.ClientError: when AWS refuses a read.
    """
    return _read(account, {name: COMPONENTS[name].resources for name in names})


def _read(account: Account, readers: Mapping[str, Callable[[Account], Any]]) -> dict[str, Any]:
    with ThreadPoolExecutor(max_workers=8) as pool:
        futures = {name: pool.submit(read, account) for name, read in readers.items()}
        return {name: future.result() for name, future in futures.items()}


def current_state(account: Account, resources: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    """By component, kind and name, the fields of what AWS has.

    :param resources: what :func:`discover` found with this account.
    :param names: of the components.
    :raises botocore.exceptions.ClientError: when AWS refuses a read.
    """
    found = Found(account, resources)
    with ThreadPoolExecutor(max_workers=8) as pool:
        futures = {name: pool.submit(COMPONENTS[name].current, found) for name in names}
        return {name: future.result() for name, future in futures.items()}


def beside_existing(account: Account) -> dict[str, str]:
    """Ids of parts of the stack's own in the places of parts that are given, by the variable that gives those."""
    existing, found = account.existing, {}
    if existing.vpc_id:
        own = [row["VpcId"] for row in own_vpcs(account)]
        found["stack_vpc_id"] = next((one for one in own if one != existing.vpc_id), None)
    if existing.db_instance:
        row = instance(account, account.names.database)
        found["stack_db_instance"] = row["DBInstanceIdentifier"] if row else None
    if existing.target_group_arn:
        balancer = load_balancer(account)
        found["stack_target_group_arn"] = balancer["LoadBalancerArn"] if balancer else None
    return {variable: one for variable, one in found.items() if one}


def region_facts(account: Account, database: Database | None = None) -> dict[str, Any]:
    """What the region offers: zones with and without Fargate, PostgreSQL versions, and where the bucket lies.

    :param database: what to ask RDS about, too; None for nothing.
    """
    clients = account.clients
    zones = clients["ec2"].describe_availability_zones(
        Filters=[{"Name": "state", "Values": ["available"]}, {"Name": "zone-type", "Values": ["availability-zone"]}]
    )
    versions = {
        row["EngineVersion"]
        for row in pages(clients["rds"], "describe_db_engine_versions", "DBEngineVersions", Engine="postgres")
    }
    usable, without = by_fargate(zones["AvailabilityZones"])
    return {
        "zones": usable,
        "zones_without_fargate": without,
        "postgres_versions": sorted(versions, key=lambda v: [int(part) for part in v.split(".") if part.isdigit()]),
        "database": database_offers(clients["rds"], versions, database) if database else None,
        "bucket": where(clients, account.bucket, account.region) if account.bucket else None,
    }


def connections(account: Account, resources: Mapping[str, Any], asked: Database) -> dict[str, Any] | None:
    """See :func:`connection_facts`; None where the database that is given does not exist.

    :param resources: what :func:`discover` found.
    """
    clients, row = account.clients, resources["rds"]
    if not account.existing.db_instance:
        return connection_facts(clients["ec2"], clients["rds"], asked.instance_class, None)
    if row is None:
        return None
    return connection_facts(
        clients["ec2"], clients["rds"], row["instance_class"], next(iter(row["parameter_groups"]), None)
    )
