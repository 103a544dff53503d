# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What exists of a stack in an account: read-only, one function a component.

Resources are found by the names of :mod:`names` and by the tags ``mlflow:stack`` and
``mlflow:component``. Nothing here reads a secret's value. Each function answers None when the
component has not been begun, and holds None in the places of parts that are missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeAlias

from ansible_collections.mlops.mlflow_aws.plugins.module_utils.rds_status import ACCEPTS_CONNECTIONS
from ansible_collections.mlops.mlflow_aws.plugins.module_utils.stack.names import StackNames, user_secret_name
from ansible_collections.mlops.mlflow_aws.plugins.module_utils.stack.neighbours import neighbours
from ansible_collections.mlops.mlflow_aws.plugins.module_utils.stack.reading import Client, absent, pages, tags
from ansible_collections.mlops.mlflow_aws.plugins.module_utils.stack.rotation import Versions

try:
    from botocore.exceptions import ClientError
except ImportError:  # AnsibleAWSModule reports the missing library
    ClientError = Exception

Component: TypeAlias = "dict[str, Any] | None"


def network(clients: Mapping[str, Client], names: StackNames) -> Component:
    """The VPC with its subnets, gateways, route tables and security groups."""
    ec2 = clients["ec2"]
    mine = [{"Name": "tag:mlflow:stack", "Values": [names.stack]}]
    vpcs = list(pages(ec2, "describe_vpcs", "Vpcs", Filters=mine))
    if not vpcs:
        return None
    vpc_id = vpcs[0]["VpcId"]
    within = [{"Name": "vpc-id", "Values": [vpc_id]}]
    subnets = sorted(
        (
            {
                "id": row["SubnetId"],
                "cidr": row["CidrBlock"],
                "zone": row["AvailabilityZone"],
                "tier": tags(row.get("Tags")).get("mlflow:tier"),
            }
            for row in pages(ec2, "describe_subnets", "Subnets", Filters=within)
        ),
        key=lambda row: (row["zone"], row["cidr"]),
    )
    gateways = ec2.describe_internet_gateways(Filters=[{"Name": "attachment.vpc-id", "Values": [vpc_id]}])
    all_nats = list(pages(ec2, "describe_nat_gateways", "NatGateways", Filters=within))
    nats = [
        {
            "id": row["NatGatewayId"],
            "subnet_id": row["SubnetId"],
            "state": row["State"],
            "mine": tags(row.get("Tags")).get("mlflow:stack") == names.stack,
            "allocation_ids": [address.get("AllocationId") for address in row.get("NatGatewayAddresses", [])],
        }
        for row in all_nats
        if row["State"] in ("pending", "available")
    ]
    # EC2 shows a gateway that failed for about an hour; where another one works by now, it says nothing.
    failed_nats = [
        {"id": row["NatGatewayId"], "subnet_id": row["SubnetId"], "reason": row.get("FailureMessage", "")}
        for row in all_nats
        if row["State"] == "failed" and row["SubnetId"] not in [nat["subnet_id"] for nat in nats]
    ]
    tables = [
        {
            "id": row["RouteTableId"],
            "name": tags(row.get("Tags")).get("Name"),
            "tier": tags(row.get("Tags")).get("mlflow:tier"),
            "main": any(link.get("Main") for link in row.get("Associations", [])),
            "subnet_ids": sorted(link["SubnetId"] for link in row.get("Associations", []) if "SubnetId" in link),
        }
        for row in pages(ec2, "describe_route_tables", "RouteTables", Filters=within)
    ]
    groups = {row["GroupName"]: row for row in pages(ec2, "describe_security_groups", "SecurityGroups", Filters=within)}
    endpoints = [
        {
            "id": row["VpcEndpointId"],
            "service": row["ServiceName"],
            "route_table_ids": sorted(row.get("RouteTableIds", [])),
        }
        for row in pages(ec2, "describe_vpc_endpoints", "VpcEndpoints", Filters=within)
        if row["State"].lower() not in ("deleted", "deleting")
    ]
    return {
        "vpc_id": vpc_id,
        "vpc_ids": [row["VpcId"] for row in vpcs],
        "cidr_block": vpcs[0]["CidrBlock"],
        "subnets": subnets,
        "public_subnet_ids": [row["id"] for row in subnets if row["tier"] == "public"],
        "private_subnet_ids": [row["id"] for row in subnets if row["tier"] == "private"],
        "internet_gateway_id": next((row["InternetGatewayId"] for row in gateways["InternetGateways"]), None),
        "nat_gateways": nats,
        "failed_nat_gateways": failed_nats,
        "route_tables": tables,
        "endpoint_ids": [row["id"] for row in endpoints],
        "endpoints": endpoints,
        "security_group_ids": {
            "alb": groups.get(names.security_group_alb, {}).get("GroupId"),
            "ecs": groups.get(names.security_group_ecs, {}).get("GroupId"),
            "rds": groups.get(names.security_group_rds, {}).get("GroupId"),
        },
        "database_port": _port_between(groups.get(names.security_group_ecs), groups.get(names.security_group_rds)),
    }


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


def loose_internet_gateways(clients: Mapping[str, Client], names: StackNames) -> list[str]:
    """Ids of internet gateways of the stack that no VPC has: a run leaves one that is killed between its two calls."""
    mine = [{"Name": "tag:mlflow:stack", "Values": [names.stack]}]
    rows = pages(clients["ec2"], "describe_internet_gateways", "InternetGateways", Filters=mine)
    return sorted(row["InternetGatewayId"] for row in rows if not row["Attachments"])


def _key_arn(clients: Mapping[str, Client], key: str | None) -> str | None:
    """The ARN of a KMS key that AWS named by ARN, id or alias; None for the key that AWS manages by itself."""
    if key is None or key.partition(":key/")[1]:
        return key
    arn: str = clients["kms"].describe_key(KeyId=key)["KeyMetadata"]["Arn"]
    return arn


def secrets(clients: Mapping[str, Client], names: StackNames) -> Component:
    """ARNs of the stack's secrets, of the customer's keys that encrypt them, and their versions; never a value.

    ``previous_version_id`` is None unless a rotation left a version that may still be in use.
    """
    uses = {
        "master": names.secret_master,
        "database": names.secret_database,
        "admin": names.secret_admin,
        "flask": names.secret_flask,
    }
    found: dict[str, Any] = {}
    for use, name in uses.items():
        row = absent(
            lambda name=name: clients["secretsmanager"].describe_secret(SecretId=name),  # type: ignore[misc]
            "ResourceNotFoundException",
        )
        found[use] = _secret(clients, name, row) if row is not None and "DeletedDate" not in row else None
    return found if any(found.values()) else None


def _secret(clients: Mapping[str, Client], name: str, row: Mapping[str, Any]) -> Component:
    versions = Versions.of(row)
    return {
        "name": name,
        "arn": row["ARN"],
        "kms_key_arn": _key_arn(clients, row.get("KmsKeyId")),
        "version_id": versions.current,
        "previous_version_id": versions.previous,
    }


def user_secrets(clients: Mapping[str, Client], names: StackNames) -> list[str]:
    """Names of the secrets that hold the logins of MLflow's users, beside those of :func:`secrets`."""
    # The filter takes the beginning of a name (API ListSecrets).
    mine = [{"Key": "name", "Values": [user_secret_name(names.stack, "")]}]
    rows = pages(clients["secretsmanager"], "list_secrets", "SecretList", Filters=mine)
    return sorted(row["Name"] for row in rows if "DeletedDate" not in row)


def rds(clients: Mapping[str, Client], names: StackNames) -> Component:
    """The database instance. ``endpoint`` is None until RDS has given it one."""
    answer = absent(
        lambda: clients["rds"].describe_db_instances(DBInstanceIdentifier=names.database),
        "DBInstanceNotFound",
        "DBInstanceNotFoundFault",
    )
    if not answer or not answer["DBInstances"]:
        return None
    row = answer["DBInstances"][0]
    endpoint = row.get("Endpoint") or {}
    return {
        "instance_id": row["DBInstanceIdentifier"],
        "arn": row["DBInstanceArn"],
        # Another one for each database, even of the same name: after a restore or a new creation too.
        "resource_id": row["DbiResourceId"],
        "status": row["DBInstanceStatus"],
        "usable": row["DBInstanceStatus"] in ACCEPTS_CONNECTIONS and bool(endpoint.get("Address")),
        "engine_version": row["EngineVersion"],
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
    }


def bucket(clients: Mapping[str, Client], name: str, region: str) -> dict[str, Any]:
    """Where a bucket lies: ``state`` is absent, here, elsewhere or foreign; ``region`` is its region.

    HeadBucket names the region in a header even where it refuses (API HeadBucket).
    """
    try:
        answer = clients["s3"].head_bucket(Bucket=name)
    except ClientError as error:
        headers = error.response["ResponseMetadata"].get("HTTPHeaders", {})
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        where = headers.get("x-amz-bucket-region")
        if status == 404:
            return {"name": name, "state": "absent", "region": None}
        if status in (301, 400) or (where and where != region):
            return {"name": name, "state": "elsewhere", "region": where or "another region"}
        if status == 403:
            return {"name": name, "state": "foreign", "region": where}
        raise
    where = answer["ResponseMetadata"]["HTTPHeaders"].get("x-amz-bucket-region") or answer.get("BucketRegion")
    return {"name": name, "state": "here" if where in (None, region) else "elsewhere", "region": where or region}


def storage(clients: Mapping[str, Client], names: StackNames, name: str, region: str) -> Component:
    """The artifact bucket, how it encrypts, whether this stack made it (its tags say so), and who else uses it."""
    if not name or bucket(clients, name, region)["state"] != "here":
        return None
    s3 = clients["s3"]
    tagging = absent(lambda: s3.get_bucket_tagging(Bucket=name), "NoSuchTagSet")
    policy = absent(lambda: s3.get_bucket_policy(Bucket=name), "NoSuchBucketPolicy")
    encryption = absent(lambda: s3.get_bucket_encryption(Bucket=name), "ServerSideEncryptionConfigurationNotFoundError")
    rules = encryption["ServerSideEncryptionConfiguration"]["Rules"] if encryption else []
    default: dict[str, Any] = next((rule["ApplyServerSideEncryptionByDefault"] for rule in rules), {})
    own = tags(tagging["TagSet"] if tagging else [])
    return {
        "bucket": name,
        "tags": own,
        "adopted": own.get("mlflow:stack") != names.stack,
        "neighbours": neighbours(clients, names, name, region),
        "policy": policy["Policy"] if policy else None,
        "encryption": default.get("SSEAlgorithm"),
        # None also with aws:kms, where the key is the one that AWS manages.
        "kms_key_arn": _key_arn(clients, default.get("KMSMasterKeyID")),
    }


def alb(clients: Mapping[str, Client], names: StackNames) -> Component:
    """The load balancer, its listeners by port and the target group."""
    elb = clients["elbv2"]
    balancers = absent(lambda: elb.describe_load_balancers(Names=[names.load_balancer]), "LoadBalancerNotFound")
    groups = absent(lambda: elb.describe_target_groups(Names=[names.target_group]), "TargetGroupNotFound")
    if not balancers and not groups:
        return None
    found: dict[str, Any] = {
        "load_balancer_arn": None,
        "dns_name": None,
        "zone_id": None,
        "state": None,
        "state_reason": None,
        "scheme": None,
        "listeners": {},
        "subnet_ids": [],
        "security_group_ids": [],
        "deletion_protection": False,
        "target_group_arn": groups["TargetGroups"][0]["TargetGroupArn"] if groups else None,
        "target_group_port": groups["TargetGroups"][0].get("Port") if groups else None,
    }
    if balancers:
        row = balancers["LoadBalancers"][0]
        listeners = pages(elb, "describe_listeners", "Listeners", LoadBalancerArn=row["LoadBalancerArn"])
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
    return found


def ecs(clients: Mapping[str, Client], names: StackNames) -> Component:
    """Cluster, service, current revision, roles and log group."""
    client = clients["ecs"]
    clusters = [
        row for row in client.describe_clusters(clusters=[names.cluster])["clusters"] if row["status"] != "INACTIVE"
    ]
    services = []
    if clusters:
        answer = client.describe_services(cluster=names.cluster, services=[names.service])
        services = [row for row in answer["services"] if row["status"] != "INACTIVE"]
    service = services[0] if services else None
    return {
        "cluster_arn": clusters[0]["clusterArn"] if clusters else None,
        "service_arn": service["serviceArn"] if service else None,
        "task_definition_arn": service["taskDefinition"] if service else None,
        "desired_count": service["desiredCount"] if service else None,
        "running_count": service["runningCount"] if service else None,
        "execution_role_arn": _role(clients, names.execution_role),
        "migration_execution_role_arn": _role(clients, names.migration_execution_role),
        "task_role_arn": _role(clients, names.task_role),
    }


def _role(clients: Mapping[str, Client], name: str) -> str | None:
    answer = absent(lambda: clients["iam"].get_role(RoleName=name), "NoSuchEntity")
    return answer["Role"]["Arn"] if answer else None


def region_facts(clients: Mapping[str, Client], region: str, bucket_name: str | None) -> dict[str, Any]:
    """What the region offers: zones, PostgreSQL versions, and where the bucket lies."""
    zones = clients["ec2"].describe_availability_zones(
        Filters=[{"Name": "state", "Values": ["available"]}, {"Name": "zone-type", "Values": ["availability-zone"]}]
    )
    versions = {
        row["EngineVersion"]
        for row in pages(clients["rds"], "describe_db_engine_versions", "DBEngineVersions", Engine="postgres")
    }
    return {
        "zones": sorted(row["ZoneName"] for row in zones["AvailabilityZones"]),
        "postgres_versions": sorted(versions, key=lambda v: [int(part) for part in v.split(".") if part.isdigit()]),
        "bucket": bucket(clients, bucket_name, region) if bucket_name else None,
    }


#: The boto3 clients that discovery uses.
SERVICES = ("ec2", "ecs", "elbv2", "iam", "kms", "rds", "s3", "secretsmanager")


def discover(
    clients: Mapping[str, Client],
    names: StackNames,
    *,
    region: str,
    bucket_name: str | None,
    with_region: bool,
) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """All components of a stack at once, in threads, and the facts of the region when asked for.

    :param clients: boto3 clients by the names in :data:`SERVICES`.
    :returns: the resources by component, and the region's facts or None.
    :raises botocore.exceptions.ClientError: when AWS refuses a read.
    """
    with ThreadPoolExecutor(max_workers=8) as pool:
        futures: dict[str, Future[Any]] = {
            "network": pool.submit(network, clients, names),
            "elastic_ips": pool.submit(elastic_ips, clients, names),
            "loose_internet_gateways": pool.submit(loose_internet_gateways, clients, names),
            "secrets": pool.submit(secrets, clients, names),
            "user_secrets": pool.submit(user_secrets, clients, names),
            "rds": pool.submit(rds, clients, names),
            "storage": pool.submit(storage, clients, names, bucket_name or "", region),
            "alb": pool.submit(alb, clients, names),
            "ecs": pool.submit(ecs, clients, names),
        }
        facts = pool.submit(region_facts, clients, region, bucket_name) if with_region else None
        resources = {component: future.result() for component, future in futures.items()}
        return resources, facts.result() if facts else None
