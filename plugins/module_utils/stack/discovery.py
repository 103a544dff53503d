# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What exists of a stack in an account: read-only, one function a component.

Resources are found by the names of :mod:`names` and by the tags ``mlflow:stack`` and
``mlflow:component``. Nothing here reads a secret's value. Each function answers None when the
component has not been begun, and holds None in the places of parts that are missing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeAlias

from ansible_collections.mlops.mlflow_aws.plugins.module_utils.rds_status import ACCEPTS_CONNECTIONS
from ansible_collections.mlops.mlflow_aws.plugins.module_utils.stack.bucket import storage, where
from ansible_collections.mlops.mlflow_aws.plugins.module_utils.stack.connection_facts import connection_facts
from ansible_collections.mlops.mlflow_aws.plugins.module_utils.stack.database_offers import Database, database_offers
from ansible_collections.mlops.mlflow_aws.plugins.module_utils.stack.fargate_zones import by_fargate
from ansible_collections.mlops.mlflow_aws.plugins.module_utils.stack.given import GROUPS, Given, url_of
from ansible_collections.mlops.mlflow_aws.plugins.module_utils.stack.keys import key_facts
from ansible_collections.mlops.mlflow_aws.plugins.module_utils.stack.lost import MIGRATED_TAG, backups, revision_facts
from ansible_collections.mlops.mlflow_aws.plugins.module_utils.stack.names import StackNames, user_secret_name
from ansible_collections.mlops.mlflow_aws.plugins.module_utils.stack.ownership import STACK_TAG, Owner
from ansible_collections.mlops.mlflow_aws.plugins.module_utils.stack.reading import Client, absent, pages, tags
from ansible_collections.mlops.mlflow_aws.plugins.module_utils.stack.rotation import Versions

Component: TypeAlias = "dict[str, Any] | None"


def network(clients: Mapping[str, Client], names: StackNames, given: Given, owner: Owner) -> Component:
    """The VPC with its subnets, gateways, route tables and security groups.

    Of a VPC that is given, only the subnets that are given and the groups: the rest of it is not the stack's.
    """
    ec2 = clients["ec2"]
    asked = [{"Name": "vpc-id", "Values": [given.vpc_id]}]
    vpcs = list(pages(ec2, "describe_vpcs", "Vpcs", Filters=asked)) if given.vpc_id else _own_vpcs(ec2, names)
    if not vpcs:
        return None
    vpcs, spare = _vpcs_in_use(ec2, vpcs)
    vpc_id = vpcs[0]["VpcId"]
    within = [{"Name": "vpc-id", "Values": [vpc_id]}]
    rows = pages(ec2, "describe_subnets", "Subnets", Filters=within)
    subnets = sorted(
        (
            {
                "id": row["SubnetId"],
                "cidr": row["CidrBlock"],
                "zone": row["AvailabilityZone"],
                "tier": _tier(row, given),
                "mine": tags(row.get("Tags")).get(STACK_TAG) == names.stack,
            }
            for row in rows
            if not given.vpc_id or _tier(row, given)
        ),
        key=lambda row: (str(row["zone"]), str(row["cidr"])),
    )
    groups = {row["GroupName"]: row for row in pages(ec2, "describe_security_groups", "SecurityGroups", Filters=within)}
    found = {
        "vpc_id": vpc_id,
        "vpc_ids": [row["VpcId"] for row in vpcs],
        "spare_vpc_ids": spare,
        "mine": not given.vpc_id,
        "cidr_block": vpcs[0]["CidrBlock"],
        "subnets": subnets,
        "public_subnet_ids": [row["id"] for row in subnets if row["tier"] == "public"],
        "private_subnet_ids": [row["id"] for row in subnets if row["tier"] == "private"],
        "groups_to_make": given.groups_to_make(),
        **_groups(groups, names, given, owner),
    }
    return {**found, **(_NOTHING_ELSE if given.vpc_id else _ways(ec2, names, within, owner))}


def _own_vpcs(ec2: Client, names: StackNames) -> list[dict[str, Any]]:
    mine = [{"Name": "tag:mlflow:stack", "Values": [names.stack]}]
    return list(pages(ec2, "describe_vpcs", "Vpcs", Filters=mine))


def _vpcs_in_use(ec2: Client, vpcs: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[str]]:
    """The VPCs that hold something, or one of them where none does; and the ids of the others, which are empty.

    CreateVpc has no client token: where its answer is lost, the same request is sent again and makes a second one.
    """
    if len(vpcs) < 2:
        return vpcs, []
    within = [{"Name": "vpc-id", "Values": [row["VpcId"] for row in vpcs]}]
    attached = [{"Name": "attachment.vpc-id", "Values": within[0]["Values"]}]
    gateways = pages(ec2, "describe_internet_gateways", "InternetGateways", Filters=attached)
    groups = pages(ec2, "describe_security_groups", "SecurityGroups", Filters=within)
    used = {
        *(row["VpcId"] for row in pages(ec2, "describe_subnets", "Subnets", Filters=within)),
        *(link["VpcId"] for row in gateways for link in row["Attachments"]),
        *(row["VpcId"] for row in groups if row["GroupName"] != "default"),
    }
    ordered = sorted(vpcs, key=lambda row: (row["VpcId"] not in used, row["VpcId"]))
    kept = [row for row in ordered if row["VpcId"] in used] or ordered[:1]
    return kept, [row["VpcId"] for row in ordered if row not in kept]


def _tier(row: Mapping[str, Any], given: Given) -> str | None:
    if not given.vpc_id:
        return tags(row.get("Tags")).get("mlflow:tier")
    tiers = {
        **dict.fromkeys(given.public_subnet_ids, "public"),
        **dict.fromkeys(given.private_subnet_ids, "private"),
    }
    return tiers.get(row["SubnetId"])


def _groups(groups: Mapping[str, Mapping[str, Any]], names: StackNames, given: Given, owner: Owner) -> dict[str, Any]:
    """The security groups by use, those that are given before those of the stack."""
    by_id = {row["GroupId"]: row for row in groups.values()}
    used: dict[str, Mapping[str, Any] | None] = {}
    for use in GROUPS:
        name = getattr(names, f"security_group_{use}")
        row = groups.get(name)
        # Of a use that is given, a group of the stack's name is nobody's in particular.
        if row and use in given.groups_to_make():
            mine = owner.owns("security group", name, row["GroupId"], _tags(row))
        else:
            mine = bool(row) and _tags(row or {}).get(STACK_TAG) == names.stack
        used[use] = by_id.get(given.security_group_ids.get(use, "")) or (row if mine else None)
    return {
        "security_group_ids": {use: row["GroupId"] if row else None for use, row in used.items()},
        "given_group_ids": [group for group in given.security_group_ids.values() if group in by_id],
        "database_port": _port_between(used["ecs"], used["rds"]),
    }


def _tags(row: Mapping[str, Any]) -> dict[str, str]:
    return tags(row.get("Tags"))


#: The fields of :func:`_ways` in a VPC that is not the stack's.
_NOTHING_ELSE: dict[str, Any] = {
    "internet_gateway_id": None,
    "nat_gateways": [],
    "failed_nat_gateways": [],
    "route_tables": [],
    "spare_route_table_ids": [],
    "endpoint_ids": [],
    "endpoints": [],
}


def _ways(ec2: Client, names: StackNames, within: list[dict[str, Any]], owner: Owner) -> dict[str, Any]:
    """The ways in and out of the stack's own VPC: gateways, route tables, endpoints."""
    vpc_id = within[0]["Values"][0]
    subnets = {
        row["SubnetId"]
        for row in pages(ec2, "describe_subnets", "Subnets", Filters=within)
        if _tags(row).get(STACK_TAG) == names.stack
    }
    gateways = ec2.describe_internet_gateways(Filters=[{"Name": "attachment.vpc-id", "Values": [vpc_id]}])
    attached = [
        row["InternetGatewayId"]
        for row in gateways["InternetGateways"]
        if owner.owns("internet gateway", row["InternetGatewayId"], row["InternetGatewayId"], _tags(row))
    ]
    tables = _route_tables(ec2, names, within, subnets, owner)
    endpoints = _endpoints(ec2, names, within, {row["id"] for row in tables if row["mine"]}, owner)
    return {
        "internet_gateway_id": next(iter(attached), None),
        **_nat_gateways(ec2, names, within, subnets, owner),
        "route_tables": tables,
        "spare_route_table_ids": _spare_tables(tables, names),
        "endpoint_ids": [row["id"] for row in endpoints if row["mine"]],
        "endpoints": endpoints,
    }


def _nat_gateways(
    ec2: Client, names: StackNames, within: list[dict[str, Any]], subnets: set[str], owner: Owner
) -> dict[str, list[dict[str, Any]]]:
    """Those that work or soon will, and those that failed; somebody else's in a subnet of the stack's is foreign."""
    every = list(pages(ec2, "describe_nat_gateways", "NatGateways", Filters=within))
    nats = []
    for row in every:
        if row["State"] not in ("pending", "available"):
            continue
        one, own = row["NatGatewayId"], _tags(row)
        mine = (
            owner.owns("NAT gateway", one, one, own)
            if row["SubnetId"] in subnets
            else own.get(STACK_TAG) == names.stack
        )
        nats.append(
            {
                "id": one,
                "subnet_id": row["SubnetId"],
                "state": row["State"],
                "mine": mine,
                "allocation_ids": [address.get("AllocationId") for address in row.get("NatGatewayAddresses", [])],
            }
        )
    # EC2 shows a gateway that failed for about an hour; where another one works by now, it says nothing.
    failed = [
        {"id": row["NatGatewayId"], "subnet_id": row["SubnetId"], "reason": row.get("FailureMessage", "")}
        for row in every
        if row["State"] == "failed" and row["SubnetId"] not in [nat["subnet_id"] for nat in nats]
    ]
    return {"nat_gateways": nats, "failed_nat_gateways": failed}


def _route_tables(
    ec2: Client, names: StackNames, within: list[dict[str, Any]], subnets: set[str], owner: Owner
) -> list[dict[str, Any]]:
    """All tables of the VPC; one of somebody else that routes a subnet of the stack's is foreign."""
    found = []
    for row in pages(ec2, "describe_route_tables", "RouteTables", Filters=within):
        one, own, links = row["RouteTableId"], _tags(row), row.get("Associations", [])
        used = sorted(link["SubnetId"] for link in links if "SubnetId" in link)
        mine = owner.owns("route table", one, one, own) if subnets & set(used) else own.get(STACK_TAG) == names.stack
        found.append(
            {
                "id": one,
                "name": own.get("Name"),
                "tier": own.get("mlflow:tier"),
                "mine": mine,
                "main": any(link.get("Main") for link in links),
                "subnet_ids": used,
            }
        )
    return found


def _spare_tables(tables: Iterable[Mapping[str, Any]], names: StackNames) -> list[str]:
    """Ids of the stack's tables that route nothing: they have the name of another one, or none that the stack gives.

    CreateRouteTable is sent by two operators at once, or once more where its answer was lost.
    """
    own = [row for row in tables if row["mine"] and not row["main"]]
    # The first is the one that is used (egress.route_table_of).
    ordered = sorted(own, key=lambda row: (not row["subnet_ids"], row["id"]))
    first = {row["name"]: row["id"] for row in reversed(ordered)}
    beginnings = (f"{names.stack}-public", f"{names.stack}-private-")
    return [
        row["id"]
        for row in ordered
        if not row["subnet_ids"] and (first[row["name"]] != row["id"] or not str(row["name"]).startswith(beginnings))
    ]


def _endpoints(
    ec2: Client, names: StackNames, within: list[dict[str, Any]], tables: set[str], owner: Owner
) -> list[dict[str, Any]]:
    """All endpoints of the VPC; somebody else's for S3 on a route table of the stack's is foreign.

    A route table takes one gateway endpoint for a service (API CreateVpcEndpoint, RouteAlreadyExists).
    """
    found = []
    for row in pages(ec2, "describe_vpc_endpoints", "VpcEndpoints", Filters=within):
        if row["State"].lower() in ("deleted", "deleting"):
            continue
        one, own, routed = row["VpcEndpointId"], _tags(row), sorted(row.get("RouteTableIds", []))
        in_place = row["ServiceName"].endswith(".s3") and tables & set(routed)
        found.append(
            {
                "id": one,
                "service": row["ServiceName"],
                "mine": owner.owns("S3 gateway endpoint", one, one, own)
                if in_place
                else own.get(STACK_TAG) == names.stack,
                "route_table_ids": routed,
            }
        )
    return found


def _port_between(client: Mapping[str, Any] | None, server: Mapping[str, Any] | None) -> int | None:
    """The port at which one security group lets another in, or None."""
    if client is None or server is None:
        return None
    for rule in server["IpPermissions"]:
        if client["GroupId"] in [pair.get("GroupId") for pair in rule["UserIdGroupPairs"]]:
            return int(rule["FromPort"])
    return None


def elastic_ips(clients: Mapping[str, Client], names: StackNames) -> list[dict[str, Any]]:
    """The elastic addresses of the stack; ``nat`` is true for those that were made for NAT gateways."""
    answer = clients["ec2"].describe_addresses(Filters=[{"Name": "tag:mlflow:stack", "Values": [names.stack]}])
    return [
        {
            "public_ip": row["PublicIp"],
            "name": tags(row.get("Tags")).get("Name", row["PublicIp"]),
            "allocation_id": row["AllocationId"],
            "nat": tags(row.get("Tags")).get("Name", "").startswith(f"{names.stack}-nat-"),
        }
        for row in answer["Addresses"]
    ]


def namesakes(clients: Mapping[str, Client], names: StackNames, given: Given) -> list[dict[str, Any]]:
    """VPCs and elastic addresses of somebody else that are called as the stack's are or would be.

    EC2 lets any number have one name (the tag ``Name``), so they are in nobody's way, and the stack makes its own.
    """
    if given.vpc_id:
        return []
    ec2 = clients["ec2"]
    vpcs = pages(ec2, "describe_vpcs", "Vpcs", Filters=[{"Name": "tag:Name", "Values": [names.stack]}])
    called = [{"Name": "tag:Name", "Values": [f"{names.stack}-nat-*"]}]
    rows = [("VPC", row["VpcId"], _tags(row)) for row in vpcs]
    rows += [
        ("elastic address", row["AllocationId"], _tags(row))
        for row in ec2.describe_addresses(Filters=called)["Addresses"]
    ]
    return [
        {"kind": kind, "name": own.get("Name", one), "id": one, "stack": own.get(STACK_TAG)}
        for kind, one, own in sorted(rows, key=lambda row: row[:2])
        if own.get(STACK_TAG) != names.stack
    ]


def loose_internet_gateways(clients: Mapping[str, Client], names: StackNames) -> list[str]:
    """Ids of internet gateways of the stack that no VPC has: a run leaves one that is killed between its two calls."""
    mine = [{"Name": "tag:mlflow:stack", "Values": [names.stack]}]
    rows = pages(clients["ec2"], "describe_internet_gateways", "InternetGateways", Filters=mine)
    return sorted(row["InternetGatewayId"] for row in rows if not row["Attachments"])


def secrets(
    clients: Mapping[str, Client], names: StackNames, given: Given, owner: Owner
) -> tuple[Component, dict[str, dict[str, Any]]]:
    """ARNs of the stack's secrets, of the customer's keys that encrypt them, and their versions; never a value.

    ``previous_version_id`` is None unless a rotation left a version that may still be in use. The master user's may be
    given.

    :returns: those that live, and by use those that wait for their deletion, which the next run restores as they were.
    """
    uses = {**names.secrets(), **({"master": given.master_secret_arn} if given.master_secret_arn else {})}
    living: dict[str, Any] = {}
    deleted: dict[str, dict[str, Any]] = {}
    for use, name in uses.items():
        row = absent(
            lambda name=name: clients["secretsmanager"].describe_secret(SecretId=name),  # type: ignore[misc]
            "ResourceNotFoundException",
        )
        living[use] = None
        mine = use != "master" or not given.master_secret_arn
        if row is not None and (not mine or owner.owns("secret", name, name, _tags(row))):
            (deleted if "DeletedDate" in row else living)[use] = {**_secret(clients, name, row), "mine": mine}
    return (living if any(living.values()) else None), deleted


def _secret(clients: Mapping[str, Client], name: str, row: Mapping[str, Any]) -> dict[str, Any]:
    versions = Versions.of(row)
    return {
        "name": name,
        "arn": row["ARN"],
        # Whose login it holds, as the role secrets marked it; None where nobody did.
        "username": tags(row.get("Tags")).get("mlflow:username"),
        # The resource id of the DB instance that holds the data; None before its migration has ended well.
        "migrated": tags(row.get("Tags")).get(MIGRATED_TAG),
        **key_facts(clients["kms"], row.get("KmsKeyId")),
        "version_id": versions.current,
        "previous_version_id": versions.previous,
    }


def user_secrets(clients: Mapping[str, Client], names: StackNames, owner: Owner) -> list[str]:
    """Names of the secrets that hold the logins of MLflow's users, beside those of :func:`secrets`."""
    # The filter takes the beginning of a name (API ListSecrets).
    mine = [{"Key": "name", "Values": [user_secret_name(names.stack, "")]}]
    rows = pages(clients["secretsmanager"], "list_secrets", "SecretList", Filters=mine)
    living = [row for row in rows if "DeletedDate" not in row]
    return sorted(row["Name"] for row in living if owner.owns("secret", row["Name"], row["Name"], _tags(row)))


def rds(clients: Mapping[str, Client], names: StackNames, given: Given, owner: Owner) -> Component:
    """The database instance. ``endpoint`` is None until RDS has given it one."""
    row = _db_instance(clients, given.db_instance or names.database)
    if row is None:
        return None
    own = tags(row.get("TagList"))
    if not given.db_instance and not owner.owns("DB instance", names.database, row["DBInstanceArn"], own):
        return None
    endpoint = row.get("Endpoint") or {}
    groups = [group["VpcSecurityGroupId"] for group in row.get("VpcSecurityGroups", [])]
    return {
        "instance_id": row["DBInstanceIdentifier"],
        "mine": not given.db_instance,
        "arn": row["DBInstanceArn"],
        # Another one for each database, even of the same name: after a restore or a new creation too.
        "resource_id": row["DbiResourceId"],
        "status": row["DBInstanceStatus"],
        "usable": row["DBInstanceStatus"] in ACCEPTS_CONNECTIONS and bool(endpoint.get("Address")),
        "engine": row["Engine"],
        "engine_version": row["EngineVersion"],
        "instance_class": row["DBInstanceClass"],
        "storage_type": row["StorageType"],
        "multi_az": row.get("MultiAZ", False),
        "performance_insights": row.get("PerformanceInsightsEnabled", False),
        "allocated_storage": row["AllocatedStorage"],
        # None where the storage does not grow by itself.
        "max_allocated_storage": row.get("MaxAllocatedStorage"),
        "endpoint": {"address": endpoint["Address"], "port": endpoint["Port"]} if endpoint.get("Address") else None,
        "master_username": row["MasterUsername"],
        "storage_encrypted": row["StorageEncrypted"],
        "kms_key_arn": row.get("KmsKeyId"),
        "deletion_protection": row.get("DeletionProtection", False),
        "parameter_groups": [group["DBParameterGroupName"] for group in row.get("DBParameterGroups", [])],
        # in-sync, applying or pending-reboot, for each group.
        "parameter_statuses": [group["ParameterApplyStatus"] for group in row.get("DBParameterGroups", [])],
        "publicly_accessible": row.get("PubliclyAccessible", False),
        "backup_retention_period": row.get("BackupRetentionPeriod", 0),
        "vpc_id": (row.get("DBSubnetGroup") or {}).get("VpcId"),
        "security_group_ids": groups,
        # Who may reach it is asked only of a database that is given: the role network sees to the stack's own.
        "ingress": _ingress(clients["ec2"], groups) if given.db_instance else [],
    }


def _db_instance(clients: Mapping[str, Client], name: str) -> dict[str, Any] | None:
    answer = absent(
        lambda: clients["rds"].describe_db_instances(DBInstanceIdentifier=name),
        "DBInstanceNotFound",
        "DBInstanceNotFoundFault",
    )
    rows: list[dict[str, Any]] = answer["DBInstances"] if answer else []
    return rows[0] if rows else None


def rds_groups(clients: Mapping[str, Client], names: StackNames, owner: Owner) -> dict[str, Any]:
    """Names of the stack's DB subnet group, or None, and of its DB parameter groups, one a major version."""
    client = clients["rds"]
    answer = absent(
        lambda: client.describe_db_subnet_groups(DBSubnetGroupName=names.database_subnet_group),
        "DBSubnetGroupNotFoundFault",
        "DBSubnetGroupNotFound",
    )

    def owned(kind: str, name: str, arn: str) -> bool:
        return owner.owns(kind, name, arn, tags(client.list_tags_for_resource(ResourceName=arn)["TagList"]))

    subnets = [
        row["DBSubnetGroupName"]
        for row in (answer or {}).get("DBSubnetGroups", [])
        if owned("DB subnet group", row["DBSubnetGroupName"], row["DBSubnetGroupArn"])
    ]
    parameters = [
        row["DBParameterGroupName"]
        for row in pages(client, "describe_db_parameter_groups", "DBParameterGroups")
        if row["DBParameterGroupName"].startswith(f"{names.database_parameter_group}-postgres")
        and owned("DB parameter group", row["DBParameterGroupName"], row["DBParameterGroupArn"])
    ]
    return {"subnet_group": next(iter(subnets), None), "parameter_groups": sorted(parameters)}


def _ingress(ec2: Client, groups: list[str]) -> list[dict[str, Any]]:
    asked = [{"Name": "group-id", "Values": groups}]
    rows = pages(ec2, "describe_security_groups", "SecurityGroups", Filters=asked) if groups else []
    return [rule for row in rows for rule in row["IpPermissions"]]


def alb(clients: Mapping[str, Client], names: StackNames, given: Given, owner: Owner) -> Component:
    """The load balancer, its listeners by port and the target group; ``url`` is where the listeners forward to it."""
    elb = clients["elbv2"]
    row = None if given.target_group_arn else _own_load_balancer(elb, names)
    group = _target_group(elb, names, given)
    if not given.target_group_arn:
        row = (
            row
            if row and owner.owns(*_elb(elb, "load balancer", names.load_balancer, row["LoadBalancerArn"]))
            else None
        )
        group = (
            group
            if group and owner.owns(*_elb(elb, "target group", names.target_group, group["TargetGroupArn"]))
            else None
        )
    if group is None and row is None:
        return None
    if group is not None and given.target_group_arn:
        answers = [_listed_load_balancer(elb, arn) for arn in group["LoadBalancerArns"]]
        balancers = [one for one in answers if one]
        row = next((one for one in balancers if one["Type"] == "application"), None)
    found: dict[str, Any] = {
        "mine": not given.target_group_arn,
        "load_balancer_arn": None,
        "dns_name": None,
        "zone_id": None,
        "state": None,
        "state_reason": None,
        "scheme": None,
        "listeners": {},
        "url": "",
        "subnet_ids": [],
        "security_group_ids": [],
        "deletion_protection": False,
        "target_group_arn": None,
        "target_group_port": None,
    }
    if group is not None:
        found.update(
            target_group_arn=group["TargetGroupArn"],
            target_group_port=group.get("Port"),
            target_type=group["TargetType"],
            protocol=group["Protocol"],
            health_check_path=group.get("HealthCheckPath"),
            vpc_id=group.get("VpcId"),
        )
    if row is not None:
        listeners = list(pages(elb, "describe_listeners", "Listeners", LoadBalancerArn=row["LoadBalancerArn"]))
        attributes = elb.describe_load_balancer_attributes(LoadBalancerArn=row["LoadBalancerArn"])["Attributes"]
        found.update(
            load_balancer_arn=row["LoadBalancerArn"],
            dns_name=row["DNSName"],
            zone_id=row.get("CanonicalHostedZoneId"),
            state=row["State"]["Code"],
            state_reason=row["State"].get("Reason"),
            scheme=row["Scheme"],
            listeners={str(line["Port"]): line["ListenerArn"] for line in listeners},
            subnet_ids=[zone["SubnetId"] for zone in row["AvailabilityZones"]],
            security_group_ids=row.get("SecurityGroups", []),
            deletion_protection={"Key": "deletion_protection.enabled", "Value": "true"} in attributes,
        )
        if given.target_group_arn:
            arns = [line["ListenerArn"] for line in listeners]
            rules = {arn: list(pages(elb, "describe_rules", "Rules", ListenerArn=arn)) for arn in arns}
            found["url"] = url_of(row["DNSName"], listeners, rules, given.target_group_arn)
    return found


def _elb(elb: Client, kind: str, name: str, arn: str) -> tuple[str, str, str, dict[str, str]]:
    """What :meth:`Owner.owns` takes of a load balancer or target group."""
    descriptions = elb.describe_tags(ResourceArns=[arn])["TagDescriptions"]
    return kind, name, arn, tags(descriptions[0]["Tags"] if descriptions else [])


def _own_load_balancer(elb: Client, names: StackNames) -> dict[str, Any] | None:
    answer = absent(lambda: elb.describe_load_balancers(Names=[names.load_balancer]), "LoadBalancerNotFound")
    rows: list[dict[str, Any]] = answer["LoadBalancers"] if answer else []
    return rows[0] if rows else None


def _listed_load_balancer(elb: Client, arn: str) -> dict[str, Any] | None:
    """A load balancer that a target group names; None where it was deleted, which ELB shows there a little later."""
    answer = absent(lambda: elb.describe_load_balancers(LoadBalancerArns=[arn]), "LoadBalancerNotFound")
    return answer["LoadBalancers"][0] if answer and answer["LoadBalancers"] else None


def _target_group(elb: Client, names: StackNames, given: Given) -> dict[str, Any] | None:
    asked = {"TargetGroupArns": [given.target_group_arn]} if given.target_group_arn else {"Names": [names.target_group]}
    answer = absent(lambda: elb.describe_target_groups(**asked), "TargetGroupNotFound")
    rows: list[dict[str, Any]] = answer["TargetGroups"] if answer else []
    return rows[0] if rows else None


def beside_given(clients: Mapping[str, Client], names: StackNames, given: Given) -> dict[str, str]:
    """Ids of parts of the stack's own in the places of parts that are given, by the variable that gives those."""
    found: dict[str, str | None] = {}
    if given.vpc_id:
        own = [row["VpcId"] for row in _own_vpcs(clients["ec2"], names)]
        found["stack_vpc_id"] = next((one for one in own if one != given.vpc_id), None)
    if given.db_instance:
        row = _db_instance(clients, names.database)
        found["stack_db_instance"] = row["DBInstanceIdentifier"] if row else None
    if given.target_group_arn:
        balancer = _own_load_balancer(clients["elbv2"], names)
        found["stack_target_group_arn"] = balancer["LoadBalancerArn"] if balancer else None
    return {variable: one for variable, one in found.items() if one}


def ecs(clients: Mapping[str, Client], names: StackNames, owner: Owner) -> Component:
    """Cluster, service, current revision, roles and log group."""
    client = clients["ecs"]
    clusters = [
        row
        for row in client.describe_clusters(clusters=[names.cluster], include=["TAGS"])["clusters"]
        if row["status"] != "INACTIVE"
        and owner.owns("cluster", names.cluster, row["clusterArn"], tags(row.get("tags"), "key", "value"))
    ]
    services = []
    if clusters:
        answer = client.describe_services(cluster=names.cluster, services=[names.service], include=["TAGS"])
        services = [
            row
            for row in answer["services"]
            if row["status"] != "INACTIVE"
            and owner.owns("service", names.service, row["serviceArn"], tags(row.get("tags"), "key", "value"))
        ]
    service = services[0] if services else None
    return {
        "cluster_arn": clusters[0]["clusterArn"] if clusters else None,
        "service_arn": service["serviceArn"] if service else None,
        "task_definition_arn": service["taskDefinition"] if service else None,
        "desired_count": service["desiredCount"] if service else None,
        "running_count": service["runningCount"] if service else None,
        "execution_role_arn": _role(clients, names.execution_role, owner),
        "migration_execution_role_arn": _role(clients, names.migration_execution_role, owner),
        "task_role_arn": _role(clients, names.task_role, owner),
        "log_group": _log_group(clients, names.log_group, owner),
    }


def _role(clients: Mapping[str, Client], name: str, owner: Owner) -> str | None:
    answer = absent(lambda: clients["iam"].get_role(RoleName=name), "NoSuchEntity")
    if answer is None or not owner.owns("IAM role", name, answer["Role"]["Arn"], _tags(answer["Role"])):
        return None
    arn: str = answer["Role"]["Arn"]
    return arn


def _log_group(clients: Mapping[str, Client], name: str, owner: Owner) -> str | None:
    client = clients["logs"]
    rows = [
        row
        for row in pages(client, "describe_log_groups", "logGroups", logGroupNamePrefix=name)
        if row["logGroupName"] == name
    ]
    if not rows:
        return None
    # The ARN of a log group ends in ":*", that of its tags does not (API ListTagsForResource).
    arn = rows[0]["arn"].removesuffix(":*")
    return name if owner.owns("log group", name, arn, client.list_tags_for_resource(resourceArn=arn)["tags"]) else None


def revisions(clients: Mapping[str, Client], names: StackNames, owner: Owner) -> dict[str, dict[str, Any] | None]:
    """The newest revisions of the service's and the migration's task definition, see :func:`lost.revision_facts`."""
    found = {}
    for use, family in (("service", names.task_family), ("migration", names.migration_family)):
        row = revision_facts(clients["ecs"], family)
        mine = row is not None and owner.owns("task definition", family, row["arn"], row["tags"])
        found[use] = row if mine else None
    return found


def region_facts(
    clients: Mapping[str, Client], region: str, bucket_name: str | None, database: Database | None = None
) -> dict[str, Any]:
    """What the region offers: zones with and without Fargate, PostgreSQL versions, and where the bucket lies.

    :param database: what to ask RDS about, too; None for nothing.
    """
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
        "bucket": where(clients, bucket_name, region) if bucket_name else None,
    }


#: The boto3 clients that discovery uses.
SERVICES = ("ec2", "ecs", "elbv2", "iam", "kms", "logs", "rds", "s3", "secretsmanager")


def discover(
    clients: Mapping[str, Client],
    names: StackNames,
    *,
    region: str,
    bucket_name: str | None,
    with_region: bool,
    given: Given | None = None,
    database: Database | None = None,
    adopted: Collection[str] = (),
    sharers: Collection[str] = (),
) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """All components of a stack at once, in threads, and the facts of the region when asked for.

    :param clients: boto3 clients by the names in :data:`SERVICES`.
    :param given: parts that somebody else made.
    :param database: what the facts of the region tell of RDS.
    :param adopted: kinds, names or ids of resources that count as the stack's though they lack its tag.
    :param sharers: other stacks of which the inventory says that they keep their artifacts in the same bucket.
    :returns: the resources by component, and the region's facts or None.
    :raises botocore.exceptions.ClientError: when AWS refuses a read.
    """
    given, owner = given or Given(), Owner(names.stack, adopted)
    with ThreadPoolExecutor(max_workers=8) as pool:
        futures: dict[str, Future[Any]] = {
            "network": pool.submit(network, clients, names, given, owner),
            "beside_given": pool.submit(beside_given, clients, names, given),
            "elastic_ips": pool.submit(elastic_ips, clients, names),
            "namesakes": pool.submit(namesakes, clients, names, given),
            "loose_internet_gateways": pool.submit(loose_internet_gateways, clients, names),
            "secrets": pool.submit(secrets, clients, names, given, owner),
            "user_secrets": pool.submit(user_secrets, clients, names, owner),
            "rds": pool.submit(rds, clients, names, given, owner),
            "rds_groups": pool.submit(rds_groups, clients, names, owner),
            "storage": pool.submit(storage, clients, names, bucket_name or "", region, owner, sharers),
            "alb": pool.submit(alb, clients, names, given, owner),
            "ecs": pool.submit(ecs, clients, names, owner),
            "revisions": pool.submit(revisions, clients, names, owner),
        }
        facts = pool.submit(region_facts, clients, region, bucket_name, database) if with_region else None
        resources = {component: future.result() for component, future in futures.items()}
        resources["secrets"], resources["deleted_secrets"] = resources["secrets"]
        resources["foreign"] = owner.foreign
        # Backups matter only where the database is gone.
        lost = not given.db_instance and (resources["rds"] or {"status": "deleting"})["status"] == "deleting"
        resources["backups"] = backups(clients["rds"], names) if lost else {"lost": [], "former": []}
        region_wide = facts.result() if facts else None
        if region_wide is not None and database:
            region_wide["connections"] = _connections(clients, given, resources["rds"], database)
        return resources, region_wide


def _connections(clients: Mapping[str, Client], given: Given, row: Component, asked: Database) -> dict[str, Any] | None:
    """See :func:`connection_facts`; None where the database that is given does not exist."""
    if not given.db_instance:
        return connection_facts(clients["ec2"], clients["rds"], asked.instance_class, None)
    if row is None:
        return None
    return connection_facts(
        clients["ec2"], clients["rds"], row["instance_class"], next(iter(row["parameter_groups"]), None)
    )
