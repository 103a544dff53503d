# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an account holds, in the words of the plan, but asked for by boto3 alone: nothing of the collection is used."""

from __future__ import annotations

from typing import Any

from tests.account import GONE, Account, resources


def _tag(row: dict[str, Any], name: str = "Name") -> str:
    return str(next(tag["Value"] for tag in row["Tags"] if tag["Key"] == name))


def _network_words(account: Account) -> set[str]:
    """EC2's resources, without what it makes with a VPC by itself: main route table, default group, network ACL."""
    operations = {
        "Vpcs": "describe_vpcs",
        "Subnets": "describe_subnets",
        "InternetGateways": "describe_internet_gateways",
        "NatGateways": "describe_nat_gateways",
        "RouteTables": "describe_route_tables",
        "SecurityGroups": "describe_security_groups",
        "VpcEndpoints": "describe_vpc_endpoints",
    }
    rows = {key: account.every("ec2", operation, key) for key, operation in operations.items()}
    blocks = {row["SubnetId"]: row["CidrBlock"] for row in rows["Subnets"]}
    tables = [row for row in rows["RouteTables"] if not any(link.get("Main") for link in row["Associations"])]
    addresses = account.aws("ec2").describe_addresses()["Addresses"]
    return {
        *(f"VPC {_tag(row)}" for row in rows["Vpcs"] if not row["IsDefault"]),
        *(f"subnet {row['CidrBlock']}" for row in rows["Subnets"] if not row["DefaultForAz"]),
        *(f"internet gateway {_tag(row)}" for row in rows["InternetGateways"] if row["Tags"]),
        *(f"NAT gateway in {blocks[row['SubnetId']]}" for row in rows["NatGateways"] if row["State"] not in GONE),
        *(f"route table {_tag(row)}" for row in tables),
        *(f"security group {row['GroupName']}" for row in rows["SecurityGroups"] if row["GroupName"] != "default"),
        *(f"S3 gateway endpoint {_tag(row, 'mlflow:stack')}" for row in rows["VpcEndpoints"]),
        *(f"elastic address {_tag(row)}" for row in addresses),
    }


def _service_words(account: Account) -> set[str]:
    """ECS's resources. A migration is a task of its family that ended well."""
    ecs, found = account.aws("ecs"), set()
    for cluster in account.every("ecs", "list_clusters", "clusterArns"):
        found.add(f"cluster {cluster.rsplit('/', 1)[1]}")
        services = account.every("ecs", "list_services", "serviceArns", cluster=cluster)
        found |= {f"service {arn.rsplit('/', 1)[1]}" for arn in services}
        tasks = account.every("ecs", "list_tasks", "taskArns", cluster=cluster, desiredStatus="STOPPED")
        for task in ecs.describe_tasks(cluster=cluster, tasks=tasks)["tasks"] if tasks else []:
            use, _, name = task["group"].partition(":")
            if use == "family" and all(container.get("exitCode") == 0 for container in task["containers"]):
                found.add(f"migration {name}")
    definitions = account.every("ecs", "list_task_definitions", "taskDefinitionArns", status="ACTIVE")
    return found | {f"task definition {arn.rsplit('/', 1)[1].split(':')[0]}" for arn in definitions}


def _rules(account: Account, bucket: str) -> list[str]:
    """The lifecycle rules of a bucket; one without a name by its prefix."""
    s3 = account.aws("s3")
    try:
        rules = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    except s3.exceptions.ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchLifecycleConfiguration":
            raise
        return []
    return [rule.get("ID") or rule["Filter"]["Prefix"] for rule in rules]


def words(account: Account) -> set[str]:
    """Each resource of the account as the plan names it, such as ``subnet 10.0.1.0/24``, asked for by boto3 alone."""
    found = resources(account)
    balancers = account.every("elbv2", "describe_load_balancers", "LoadBalancers")
    listeners = [
        row
        for balancer in balancers
        for row in account.every(
            "elbv2", "describe_listeners", "Listeners", LoadBalancerArn=balancer["LoadBalancerArn"]
        )
    ]
    return {
        *_network_words(account),
        *_service_words(account),
        *(f"load balancer {row['LoadBalancerName']}" for row in balancers),
        *(f"listener {row['Port']}" for row in listeners),
        *(f"target group {arn.split('/')[1]}" for arn in found["TargetGroups"]),
        *(f"secret {name}" for name in found["SecretList"]),
        *(f"DB instance {name}" for name in found["DBInstances"]),
        *(f"DB parameter group {name}" for name in found["DBParameterGroups"]),
        *(f"DB subnet group {name}" for name in found["DBSubnetGroups"]),
        *(f"bucket {name}" for name in found["Buckets"]),
        *(f"lifecycle rule {rule}" for name in found["Buckets"] for rule in _rules(account, name)),
        *(f"IAM role {name}" for name in found["Roles"]),
        *(f"log group {name}" for name in found["logGroups"]),
        *(f"scaling {name.rsplit('/', 1)[1]}" for name in found["ScalableTargets"]),
    }


#: What no role makes, in services that a stack could grow into.
_FOREIGN = [
    ("acm", "list_certificates", "CertificateSummaryList"),
    ("cloudformation", "list_stacks", "StackSummaries"),
    ("cloudwatch", "list_dashboards", "DashboardEntries"),
    ("cognito-idp", "list_user_pools", "UserPools"),
    ("dynamodb", "list_tables", "TableNames"),
    ("ec2", "describe_flow_logs", "FlowLogs"),
    ("ec2", "describe_instances", "Reservations"),
    ("ec2", "describe_key_pairs", "KeyPairs"),
    ("ec2", "describe_volumes", "Volumes"),
    ("ecr", "describe_repositories", "repositories"),
    ("efs", "describe_file_systems", "FileSystems"),
    ("events", "list_rules", "Rules"),
    ("iam", "list_groups", "Groups"),
    ("iam", "list_instance_profiles", "InstanceProfiles"),
    ("lambda", "list_functions", "Functions"),
    ("rds", "describe_db_clusters", "DBClusters"),
    ("route53", "list_hosted_zones", "HostedZones"),
    ("servicediscovery", "list_namespaces", "Namespaces"),
    ("sns", "list_topics", "Topics"),
    ("ssm", "describe_parameters", "Parameters"),
    ("wafv2", "list_web_acls", "WebACLs"),
]
_NEEDED: dict[str, dict[str, Any]] = {"cognito-idp": {"MaxResults": 10}, "wafv2": {"Scope": "REGIONAL"}}


def foreign(account: Account) -> dict[str, int]:
    """How many there are of what no role makes, by the key that AWS answers it under; those of which there are any.

    AWS makes keys (``aws/rds``) and, for each policy that tracks a target, alarms by itself.
    """
    found = {
        key: len(getattr(account.aws(service), operation)(**_NEEDED.get(service, {}))[key])
        for service, operation, key in _FOREIGN
    }
    found["MetricAlarms"] = sum(
        not row["AlarmName"].startswith("TargetTracking-")
        for row in account.every("cloudwatch", "describe_alarms", "MetricAlarms")
    )
    found["Policies"] = len(account.every("iam", "list_policies", "Policies", Scope="Local"))
    aliases = account.every("kms", "list_aliases", "Aliases")
    own = {row.get("TargetKeyId") for row in aliases if row["AliasName"].startswith("alias/aws/")}
    found["Keys"] = sum(row["KeyId"] not in own for row in account.every("kms", "list_keys", "Keys"))
    return {key: number for key, number in found.items() if number}
