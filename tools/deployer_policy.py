# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prints the IAM policy of who deploys a stack: what the playbooks need for this stack, and nothing else.

    python tools/deployer_policy.py --name fraud-scoring-mlflow --region eu-west-2 --account 123456789012 \\
        --bucket fraud-models-test [--kms-key ARN ...] [--boundary ARN] [--partition aws|aws-cn|aws-us-gov] \\
        [--part network|service|data]

A managed policy has at most 6,144 characters without white space: make three, one for each part, and attach them to
the deployer's role. Without ``--part`` it is one document, to read.

``tests/deployed/test_site_deployer.py`` runs the life of a stack with it, and ``tests/unit/test_deployer_policy.py``
holds it against the Service Authorization Reference.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "collections"))

from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.names import stack_names  # noqa: E402

Statement = dict[str, Any]
PARTS = ("network", "service", "data")

#: What EC2 makes, by the type in its ARN, and the action that makes it.
_NEW = {
    "vpc": "CreateVpc",
    "subnet": "CreateSubnet",
    "route-table": "CreateRouteTable",
    "internet-gateway": "CreateInternetGateway",
    "natgateway": "CreateNatGateway",
    "elastic-ip": "AllocateAddress",
    "security-group": "CreateSecurityGroup",
    "vpc-endpoint": "CreateVpcEndpoint",
}


@dataclass(frozen=True)
class Deployment:
    """What the policy is for.

    :param name: ``stack_name``.
    :param bucket: ``storage_bucket``.
    :param kms_keys: the ARNs of the keys in ``secrets_kms_key_id`` and ``rds_kms_key_id``.
    :param boundary: ``ecs_mlflow_permissions_boundary``: without it no role can be made or get rights. Empty for none.
    :param partition: the partition of the region.
    """

    name: str
    region: str
    account: str
    bucket: str
    kms_keys: Sequence[str] = field(default_factory=tuple)
    boundary: str = ""
    partition: str = "aws"

    @property
    def dns_suffix(self) -> str:
        """What the names of the services' endpoints end in."""
        return "amazonaws.com.cn" if self.partition == "aws-cn" else "amazonaws.com"

    def arn(self, service: str, resource: str) -> str:
        """The ARN of a resource of the stack's account and region."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"


def _allow(sid: str, actions: str, resources: Sequence[str], **conditions: dict[str, Any]) -> Statement:
    """A statement; ``actions`` is a service and its actions, in words."""
    service, *names = actions.split()
    found: Statement = {"Sid": sid, "Effect": "Allow", "Action": sorted(f"{service}:{name}" for name in names)}
    found["Resource"] = resources[0] if len(resources) == 1 else list(resources)
    return {**found, "Condition": conditions} if conditions else found


def _network(it: Deployment) -> list[Statement]:
    names = stack_names(it.name, it.region)
    balancing = [
        it.arn("elasticloadbalancing", f"loadbalancer/app/{names.load_balancer}/*"),
        it.arn("elasticloadbalancing", f"listener/app/{names.load_balancer}/*"),
        it.arn("elasticloadbalancing", f"targetgroup/{names.target_group}/*"),
    ]
    asked = {"aws:RequestTag/mlflow:stack": it.name}
    own = {"aws:ResourceTag/mlflow:stack": it.name}
    every = [it.arn("ec2", f"{kind}/*") for kind in _NEW]
    return [
        _allow(
            "NetworkRead",
            "ec2 DescribeAccountAttributes DescribeAddresses DescribeAvailabilityZones DescribeCarrierGateways "
            "DescribeEgressOnlyInternetGateways DescribeInstanceTypes "
            "DescribeInternetGateways DescribeNatGateways DescribeNetworkAcls DescribeNetworkInterfaces "
            "DescribeRouteTables DescribeSecurityGroups DescribeSubnets DescribeTags "
            "DescribeTransitGatewayVpcAttachments DescribeVpcAttribute "
            "DescribeVpcEndpoints DescribeVpcPeeringConnections DescribeVpcs DescribeVpnGateways",
            ["*"],
            StringEquals={"aws:RequestedRegion": it.region},
        ),
        _allow("NetworkMake", f"ec2 {' '.join(_NEW.values())}", every, StringEquals=asked),
        _allow(
            "NetworkTagWhatIsMade",
            "ec2 CreateTags",
            every,
            StringEquals={**asked, "ec2:CreateAction": sorted(_NEW.values())},
        ),
        # To make something inside what is the stack's own, too: a subnet in its VPC.
        _allow(
            "NetworkOwn",
            "ec2 AssociateRouteTable AttachInternetGateway AuthorizeSecurityGroupEgress AuthorizeSecurityGroupIngress "
            "CreateNatGateway CreateRoute CreateRouteTable CreateSecurityGroup CreateSubnet CreateTags "
            "CreateVpcEndpoint DeleteInternetGateway DeleteNatGateway DeleteRoute DeleteRouteTable "
            "DeleteSecurityGroup DeleteSubnet DeleteTags DeleteVpc DeleteVpcEndpoints DetachInternetGateway "
            "DisassociateRouteTable ModifySubnetAttribute ModifyVpcAttribute ModifyVpcEndpoint ReleaseAddress "
            "ReplaceRoute RevokeSecurityGroupEgress RevokeSecurityGroupIngress "
            "UpdateSecurityGroupRuleDescriptionsIngress",
            every,
            StringEquals=own,
        ),
        _allow(
            "LoadBalancerRead",
            "elasticloadbalancing DescribeListeners DescribeLoadBalancerAttributes "
            "DescribeLoadBalancers DescribeRules DescribeTags DescribeTargetGroupAttributes DescribeTargetGroups "
            "DescribeTargetHealth",
            ["*"],
            StringEquals={"aws:RequestedRegion": it.region},
        ),
        _allow(
            "LoadBalancer",
            "elasticloadbalancing AddTags CreateListener CreateLoadBalancer CreateTargetGroup DeleteListener "
            "DeleteLoadBalancer DeleteTargetGroup ModifyListener ModifyLoadBalancerAttributes ModifyTargetGroup "
            "ModifyTargetGroupAttributes RemoveTags SetSecurityGroups SetSubnets",
            balancing,
        ),
    ]


def _service(it: Deployment) -> list[Statement]:
    names = stack_names(it.name, it.region)
    roles = [
        f"arn:{it.partition}:iam::{it.account}:role/{role}"
        for role in (names.execution_role, names.migration_execution_role, names.task_role)
    ]
    families = [it.arn("ecs", f"task-definition/{family}:*") for family in (names.task_family, names.migration_family)]
    here = {"aws:RequestedRegion": it.region}
    return [
        # ECS knows no resource for these.
        _allow(
            "ServiceRead",
            "ecs DeregisterTaskDefinition DescribeTaskDefinition ListServices ListTaskDefinitions ListTasks",
            ["*"],
            StringEquals=here,
        ),
        _allow(
            "Service",
            "ecs CreateCluster CreateService DeleteCluster DeleteService DescribeClusters DescribeServices "
            "DescribeTasks ListTagsForResource RegisterTaskDefinition RunTask TagResource UntagResource "
            "UpdateClusterSettings UpdateService",
            [
                it.arn("ecs", f"cluster/{names.cluster}"),
                it.arn("ecs", f"service/{names.cluster}/{names.service}"),
                it.arn("ecs", f"task/{names.cluster}/*"),
                *families,
            ],
        ),
        _allow(
            "ScalingRead",
            "application-autoscaling DescribeScalableTargets DescribeScalingPolicies",
            ["*"],
            StringEquals=here,
        ),
        _allow(
            "Scaling",
            "application-autoscaling DeleteScalingPolicy DeregisterScalableTarget PutScalingPolicy"
            " RegisterScalableTarget",
            [it.arn("application-autoscaling", "scalable-target/*")],
            StringEquals={"application-autoscaling:service-namespace": "ecs"},
        ),
        # Application Auto Scaling makes the alarms of a target-tracking policy for its caller.
        _allow(
            "ScalingAlarms",
            "cloudwatch DeleteAlarms DescribeAlarms PutMetricAlarm",
            [it.arn("cloudwatch", f"alarm:TargetTracking-service/{names.cluster}/{names.service}-*")],
        ),
        _allow("LogsRead", "logs DescribeLogGroups", ["*"], StringEquals=here),
        _allow(
            "Logs",
            "logs CreateLogGroup DeleteLogGroup GetLogEvents ListTagsForResource ListTagsLogGroup PutRetentionPolicy "
            "TagLogGroup TagResource UntagResource",
            [
                arn
                for group in (names.log_group, names.insights_log_group)
                for arn in (it.arn("logs", f"log-group:{group}"), it.arn("logs", f"log-group:{group}:*"))
            ],
        ),
        *_roles(it, roles),
        _allow(
            "RolesToTasks",
            "iam PassRole",
            roles,
            StringEquals={"iam:PassedToService": "ecs-tasks.amazonaws.com"},
        ),
        # Once an account, by the first call of each service that needs one.
        _allow(
            "ServiceLinkedRoles",
            "iam CreateServiceLinkedRole",
            [f"arn:{it.partition}:iam::{it.account}:role/aws-service-role/*"],
            StringEquals={
                "iam:AWSServiceName": [
                    "ecs.amazonaws.com",
                    "ecs.application-autoscaling.amazonaws.com",
                    "elasticloadbalancing.amazonaws.com",
                    "rds.amazonaws.com",
                ]
            },
        ),
    ]


def _roles(it: Deployment, roles: Sequence[str]) -> list[Statement]:
    """The stack's roles. With a boundary, what gives rights is allowed for roles that have it, and none can lose it."""
    plain = (
        "DeleteRole GetRole GetRolePolicy ListAttachedRolePolicies ListInstanceProfilesForRole ListRolePolicies "
        "ListRoleTags TagRole UntagRole UpdateRole"
    )
    giving = "CreateRole DeleteRolePolicy DetachRolePolicy PutRolePolicy UpdateAssumeRolePolicy"
    if not it.boundary:
        return [_allow("Roles", f"iam {plain} {giving}", roles)]
    return [
        _allow("Roles", f"iam {plain}", roles),
        _allow(
            "RolesWithinTheBoundary",
            f"iam {giving} PutRolePermissionsBoundary",
            roles,
            StringEquals={"iam:PermissionsBoundary": it.boundary},
        ),
    ]


def _data(it: Deployment) -> list[Statement]:
    names = stack_names(it.name, it.region)
    here = {"aws:RequestedRegion": it.region}
    found = [
        _allow(
            "DatabaseRead",
            "rds DescribeDBEngineVersions DescribeDBInstanceAutomatedBackups DescribeDBInstances "
            "DescribeDBParameterGroups DescribeDBParameters DescribeDBSnapshots DescribeDBSubnetGroups "
            "DescribeEngineDefaultParameters DescribeOrderableDBInstanceOptions ListTagsForResource",
            ["*"],
            StringEquals=here,
        ),
        _allow(
            "Database",
            "rds AddTagsToResource CreateDBInstance CreateDBParameterGroup CreateDBSnapshot CreateDBSubnetGroup "
            "DeleteDBInstance DeleteDBParameterGroup DeleteDBSubnetGroup ModifyDBInstance ModifyDBParameterGroup "
            "ModifyDBSubnetGroup RemoveTagsFromResource ResetDBParameterGroup",
            [
                it.arn("rds", f"db:{names.database}"),
                it.arn("rds", f"subgrp:{names.database_subnet_group}"),
                it.arn("rds", f"pg:{names.database_parameter_group}-*"),
                it.arn("rds", f"snapshot:{names.final_snapshot}-*"),
                it.arn("rds", "og:default:*"),
            ],
        ),
        _allow("SecretsRead", "secretsmanager ListSecrets", ["*"], StringEquals=here),
        _allow(
            "Secrets",
            "secretsmanager CreateSecret DeleteSecret DescribeSecret GetResourcePolicy GetSecretValue PutSecretValue "
            "RestoreSecret TagResource UntagResource UpdateSecretVersionStage",
            [it.arn("secretsmanager", f"secret:{it.name}/*")],
        ),
        _allow(
            "Bucket",
            "s3 CreateBucket GetAccelerateConfiguration GetBucketAcl GetBucketLocation "
            "GetBucketObjectLockConfiguration GetBucketOwnershipControls GetBucketPolicy GetBucketPolicyStatus "
            "GetBucketPublicAccessBlock GetBucketRequestPayment GetBucketTagging GetBucketVersioning "
            "GetBucketWebsite GetEncryptionConfiguration GetInventoryConfiguration GetLifecycleConfiguration "
            "ListBucket "
            "PutBucketOwnershipControls PutBucketPolicy PutBucketPublicAccessBlock PutBucketTagging "
            "PutBucketVersioning PutEncryptionConfiguration PutLifecycleConfiguration TagResource",
            [f"arn:{it.partition}:s3:::{it.bucket}"],
        ),
    ]
    # A secret or an adopted bucket may name its key by an alias, of which the key's ARN is asked.
    found.append(
        _allow(
            "KeysByAlias",
            "kms DescribeKey",
            [f"arn:{it.partition}:kms:{it.region}:{it.account}:key/*"],
            StringLike={"kms:RequestAlias": "alias/*"},
        )
    )
    if it.kms_keys:
        via = [f"{service}.{it.region}.{it.dns_suffix}" for service in ("rds", "secretsmanager")]
        found += [
            _allow(
                "Keys",
                "kms Decrypt DescribeKey GenerateDataKey",
                list(it.kms_keys),
                StringEquals={"kms:ViaService": via},
            ),
            _allow(
                "KeysOfTheDatabase",
                "kms CreateGrant",
                list(it.kms_keys),
                StringEquals={"kms:ViaService": via[0]},
                Bool={"kms:GrantIsForAWSResource": "true"},
            ),
        ]
    return found


def policy(deployment: Deployment, part: str | None = None) -> dict[str, Any]:
    """The policy document, or one of its parts.

    :raises KeyError: for a part that is none of :data:`PARTS`.
    """
    made = {"network": _network, "service": _service, "data": _data}
    chosen = [made[part]] if part else list(made.values())
    return {"Version": "2012-10-17", "Statement": [row for statements in chosen for row in statements(deployment)]}


def partition_of(region: str) -> str:
    """The partition of a region by its prefix (botocore's partitions.json has the same as patterns)."""
    prefixes = {"cn-": "aws-cn", "us-gov-": "aws-us-gov", "us-iso-": "aws-iso", "us-isob-": "aws-iso-b"}
    prefixes |= {"eu-isoe-": "aws-iso-e", "us-isof-": "aws-iso-f", "eusc-": "aws-eusc"}
    return next((name for prefix, name in prefixes.items() if region.startswith(prefix)), "aws")


def main(argv: Sequence[str] | None = None) -> int:
    """Print the policy."""
    parser = argparse.ArgumentParser(description="The IAM policy of who deploys a stack.")
    parser.add_argument("--name", required=True, help="stack_name")
    parser.add_argument("--region", required=True, help="stack_region")
    parser.add_argument("--account", required=True, help="number of the account, 12 digits")
    parser.add_argument("--bucket", required=True, help="storage_bucket")
    parser.add_argument("--kms-key", action="append", default=[], metavar="ARN", help="a key of secrets or database")
    parser.add_argument("--boundary", default="", metavar="ARN", help="ecs_mlflow_permissions_boundary")
    parser.add_argument("--partition", help="aws, aws-cn, aws-us-gov, ...; that of the region, if not given")
    parser.add_argument("--part", choices=PARTS, help="one of three, each small enough for a managed policy")
    options = parser.parse_args(argv)
    if len(options.account) != 12 or not options.account.isdigit():
        parser.error(f"--account has 12 digits, not {options.account!r}")
    deployment = Deployment(
        options.name,
        options.region,
        options.account,
        options.bucket,
        tuple(options.kms_key),
        options.boundary,
        options.partition or partition_of(options.region),
    )
    made = policy(deployment, options.part)
    print(json.dumps(made, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
