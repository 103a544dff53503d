# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stack_info finds: nothing in an empty account, and what was made by hand with the right names and tags."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any

import botocore.exceptions
import pytest
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.alb.reads import resources as read_alb
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.network.egress import route_table_of
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.rds.resources import resources as read_rds
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.registry import COMPONENTS as ALL
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.secrets.resources import (
    resources as read_secrets,
)
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.storage.resources import where
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack import discovery
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.comparison import compare
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.existing import Existing
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.keys import key_facts, key_problems
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.names import stack_names
from botocore.exceptions import ClientError

from tests.unit.plugins.run_module import run_module
from tests.unit.plugins.stack import stack_looks

REGION = "eu-west-2"
LISTS = {"namesakes", "elastic_ips", "foreign", "loose_internet_gateways", "user_secrets"}
COMPONENTS = {"network", "secrets", "rds", "storage", "alb", "ecs_mlflow"}


def _clients(aws: Any, **options: Any) -> dict[str, Any]:
    return {service: aws.client(service, **options) for service in discovery.SERVICES}


def _tags(stack: str, **more: str) -> list[dict[str, str]]:
    pairs = {"mlflow:stack": stack, **{f"mlflow:{key}": value for key, value in more.items()}}
    return [{"Key": key, "Value": value} for key, value in pairs.items()]


def test_empty_account(aws: Any) -> None:
    names = stack_names("nothing-here", REGION)
    found = stack_looks.resources(_clients(aws), names, REGION, bucket_name="nothing-here-artifacts")
    facts = stack_looks.facts(_clients(aws), names, REGION, bucket_name="nothing-here-artifacts")
    assert set(found) == COMPONENTS | LISTS | {
        "beside_existing",
        "deleted_secrets",
        "backups",
        "revisions",
        "rds_groups",
    }
    assert all(found[key] == [] for key in LISTS)
    assert (found["beside_existing"], found["deleted_secrets"]) == ({}, {})
    assert found["backups"] == {"lost": [], "former": []}
    assert found["revisions"] == {"service": None, "migration": None}
    assert found["rds_groups"] == {"subnet_group": None, "parameter_groups": []}
    assert {key for key in COMPONENTS if found[key] is None} == COMPONENTS - {"ecs_mlflow"}
    assert set(found["ecs_mlflow"].values()) == {None}
    assert facts["zones"] == ["eu-west-2a", "eu-west-2b", "eu-west-2c"]
    assert facts["bucket"] == {"name": "nothing-here-artifacts", "state": "absent", "region": None}
    majors = {version.split(".")[0] for version in facts["postgres_versions"]}
    assert {"15", "16"} <= majors


def test_versions_are_sorted_by_number(aws: Any) -> None:
    facts = stack_looks.facts(_clients(aws), stack_names("nothing-here", REGION), REGION)
    numbers = [tuple(map(int, version.split("."))) for version in facts["postgres_versions"]]
    assert numbers == sorted(numbers)
    assert facts["bucket"] is None


@pytest.fixture(scope="module")
def by_hand(aws: Any) -> Iterator[dict[str, Any]]:
    """A VPC with two subnets, gateways and groups, a secret and a bucket, named and tagged as the roles do."""
    stack = "made-by-hand"
    names = stack_names(stack, REGION)
    ec2, sm, s3 = aws.client("ec2"), aws.client("secretsmanager"), aws.client("s3")
    with ExitStack() as undo:
        vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
        undo.callback(ec2.delete_vpc, VpcId=vpc)
        ec2.create_tags(Resources=[vpc], Tags=_tags(stack))
        gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        undo.callback(ec2.delete_internet_gateway, InternetGatewayId=gateway)
        ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
        loose = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        undo.callback(ec2.delete_internet_gateway, InternetGatewayId=loose)
        ec2.create_tags(Resources=[gateway, loose], Tags=_tags(stack))
        undo.callback(ec2.detach_internet_gateway, InternetGatewayId=gateway, VpcId=vpc)
        subnets = {}
        for tier, cidr, zone in (("public", "10.9.1.0/24", "eu-west-2b"), ("private", "10.9.2.0/24", "eu-west-2a")):
            subnet = ec2.create_subnet(VpcId=vpc, CidrBlock=cidr, AvailabilityZone=zone)["Subnet"]["SubnetId"]
            undo.callback(ec2.delete_subnet, SubnetId=subnet)
            ec2.create_tags(Resources=[subnet], Tags=_tags(stack, tier=tier))
            subnets[tier] = subnet
        group = ec2.create_security_group(GroupName=names.security_group_ecs, Description="tasks", VpcId=vpc)["GroupId"]
        undo.callback(ec2.delete_security_group, GroupId=group)
        server = ec2.create_security_group(GroupName=names.security_group_rds, Description="db", VpcId=vpc)["GroupId"]
        undo.callback(ec2.delete_security_group, GroupId=server)
        # A rule that somebody added by hand, and the one of the tasks.
        by_hand_rule = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}
        tasks_rule = {"IpProtocol": "tcp", "FromPort": 5433, "ToPort": 5433, "UserIdGroupPairs": [{"GroupId": group}]}
        ec2.authorize_security_group_ingress(GroupId=server, IpPermissions=[by_hand_rule, tasks_rule])
        address = ec2.allocate_address(Domain="vpc")
        undo.callback(ec2.release_address, AllocationId=address["AllocationId"])
        ec2.create_tags(Resources=[address["AllocationId"]], Tags=_tags(stack))
        ec2.create_tags(Resources=[group, server], Tags=_tags(stack))
        nat = ec2.create_nat_gateway(SubnetId=subnets["public"], AllocationId=address["AllocationId"])
        undo.callback(ec2.delete_nat_gateway, NatGatewayId=nat["NatGateway"]["NatGatewayId"])
        arn = sm.create_secret(Name=names.secret_admin, SecretString="{}", Tags=_tags(stack, username="boss"))["ARN"]
        undo.callback(sm.delete_secret, SecretId=arn, ForceDeleteWithoutRecovery=True)
        s3.create_bucket(Bucket="made-by-hand-artifacts", CreateBucketConfiguration={"LocationConstraint": REGION})
        undo.callback(s3.delete_bucket, Bucket="made-by-hand-artifacts")
        yield {
            "stack": stack,
            "vpc": vpc,
            "subnets": subnets,
            "gateway": gateway,
            "loose": loose,
            "group": group,
            "server": server,
            "address": address,
            "nat": nat["NatGateway"]["NatGatewayId"],
            "secret": arn,
        }


def _found(aws: Any, by_hand: dict[str, Any]) -> dict[str, Any]:
    return _both(aws, by_hand)[0]


def _both(aws: Any, by_hand: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    bucket = "made-by-hand-artifacts"
    names = stack_names(by_hand["stack"], REGION)
    return stack_looks.both(_clients(aws), names, REGION, bucket_name=bucket, adopted=[bucket])


def test_network_made_by_hand(aws: Any, by_hand: dict[str, Any]) -> None:
    network = _found(aws, by_hand)["network"]
    assert network["vpc_id"] == by_hand["vpc"]
    assert network["vpc_ids"] == [by_hand["vpc"]]
    assert network["cidr_block"] == "10.9.0.0/16"
    assert network["public_subnet_ids"] == [by_hand["subnets"]["public"]]
    assert network["private_subnet_ids"] == [by_hand["subnets"]["private"]]
    assert [row["zone"] for row in network["subnets"]] == ["eu-west-2a", "eu-west-2b"]
    assert network["internet_gateway_id"] == by_hand["gateway"]
    assert [row["id"] for row in network["nat_gateways"]] == [by_hand["nat"]]
    assert network["nat_gateways"][0]["allocation_ids"] == [by_hand["address"]["AllocationId"]]
    # Whose it is stands in its tags, and it has none.
    assert network["nat_gateways"][0]["mine"] is False
    assert network["database_port"] == 5433
    assert network["security_group_ids"] == {"alb": None, "ecs": by_hand["group"], "rds": by_hand["server"]}
    assert [table["main"] for table in network["route_tables"]] == [True]


def test_address_secret_and_bucket_made_by_hand(aws: Any, by_hand: dict[str, Any]) -> None:
    found = _found(aws, by_hand)
    assert found["loose_internet_gateways"] == [by_hand["loose"]]
    assert found["elastic_ips"] == [
        {
            "public_ip": by_hand["address"]["PublicIp"],
            "name": by_hand["address"]["PublicIp"],
            "allocation_id": by_hand["address"]["AllocationId"],
            "nat": False,
        }
    ]
    assert found["secrets"]["admin"] == {
        "name": "made-by-hand/mlflow/admin",
        "arn": by_hand["secret"],
        "mine": True,
        "username": "boss",
        "migrated": None,
        "kms_key_arn": None,
        "kms_key_fault": None,
        "version_id": found["secrets"]["admin"]["version_id"],
        "previous_version_id": None,
    }
    assert len(found["secrets"]["admin"]["version_id"]) == 36
    assert [use for use, row in found["secrets"].items() if row is None] == ["master", "database", "flask", "gateway"]
    # Without the stack's tag a bucket is somebody's own: adopted.
    assert found["storage"] == {
        "bucket": "made-by-hand-artifacts",
        "tags": {},
        "adopted": True,
        "shared_with": [],
        "policy": None,
        "encryption": None,
        "kms_key_arn": None,
        "kms_key_fault": None,
        "grants": [],
        "public_policy": False,
        "website": False,
    }
    assert found["rds"] is None
    assert found["alb"] is None


def test_load_balancer_made_by_hand(aws: Any, by_hand: dict[str, Any]) -> None:
    """What a destroy needs to lift the deletion protection is found, too."""
    elb = aws.client("elbv2")
    subnets = sorted(by_hand["subnets"].values())
    made = elb.create_load_balancer(
        Name=stack_names(by_hand["stack"], REGION).load_balancer,
        Subnets=subnets,
        SecurityGroups=[by_hand["group"]],
        Scheme="internal",
        Tags=_tags(by_hand["stack"]),
    )
    arn = made["LoadBalancers"][0]["LoadBalancerArn"]
    try:
        balancer = _found(aws, by_hand)["alb"]
        assert balancer["load_balancer_arn"] == arn
        assert sorted(balancer["subnet_ids"]) == subnets
        assert balancer["security_group_ids"] == [by_hand["group"]]
        assert balancer["scheme"] == "internal"
        assert balancer["target_group_port"] is None
        assert balancer["deletion_protection"] is False
        assert (balancer["listeners"], balancer["target_group_arn"]) == ({}, None)

        for value in ("true", "false"):
            elb.modify_load_balancer_attributes(
                LoadBalancerArn=arn, Attributes=[{"Key": "deletion_protection.enabled", "Value": value}]
            )
            assert _found(aws, by_hand)["alb"]["deletion_protection"] is (value == "true")
    finally:
        elb.delete_load_balancer(LoadBalancerArn=arn)


def test_tag_of_the_stack_makes_the_bucket_ours(aws: Any, by_hand: dict[str, Any]) -> None:
    aws.client("s3").put_bucket_tagging(
        Bucket="made-by-hand-artifacts", Tagging={"TagSet": _tags(by_hand["stack"], component="storage")}
    )
    storage = _found(aws, by_hand)["storage"]
    assert storage["adopted"] is False
    assert storage["tags"]["mlflow:component"] == "storage"
    aws.client("s3").delete_bucket_tagging(Bucket="made-by-hand-artifacts")


def test_another_stack_in_the_bucket_is_found_as_long_as_it_is_there(aws: Any, by_hand: dict[str, Any]) -> None:
    def rule(name: str, prefix: str) -> dict[str, Any]:
        expiration = {"NoncurrentDays": 90}
        return {
            "ID": name,
            "Filter": {"Prefix": prefix},
            "Status": "Enabled",
            "NoncurrentVersionExpiration": expiration,
        }

    s3, secrets = aws.client("s3"), aws.client("secretsmanager")
    rules = [
        rule("made-by-hand", "mlflow-artifacts/"),
        rule("next-door", "next/door/"),
        # The artifacts of a stack that is gone, and the rules of somebody else.
        rule("gone", "gone/"),
        rule("Clean up", "logs/"),
        rule("all", ""),
    ]
    s3.put_bucket_lifecycle_configuration(Bucket="made-by-hand-artifacts", LifecycleConfiguration={"Rules": rules})
    try:
        assert _found(aws, by_hand)["storage"]["shared_with"] == []
        for name in ("next-door", "all"):
            secrets.create_secret(Name=f"{name}/mlflow/admin", SecretString="{}")
        assert _found(aws, by_hand)["storage"]["shared_with"] == [{"stack": "next-door", "prefix": "next/door"}]
        secrets.delete_secret(SecretId="next-door/mlflow/admin", RecoveryWindowInDays=7)
        assert _found(aws, by_hand)["storage"]["shared_with"] == []
    finally:
        s3.delete_bucket_lifecycle(Bucket="made-by-hand-artifacts")


@pytest.mark.parametrize("named_by", ["arn", "id", "alias"])
def test_the_customers_keys_are_found_by_their_arn(aws: Any, by_hand: dict[str, Any], named_by: str) -> None:
    """A policy takes an ARN only; AWS answers a key as it was named."""
    kms, bucket = aws.client("kms"), "made-by-hand-artifacts"
    made = kms.create_key()["KeyMetadata"]
    alias = f"alias/found-by-{named_by}"
    kms.create_alias(AliasName=alias, TargetKeyId=made["KeyId"])
    named = {"arn": made["Arn"], "id": made["KeyId"], "alias": alias}[named_by]
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": named}}
    aws.client("s3").put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    aws.client("secretsmanager").update_secret(SecretId=by_hand["secret"], KmsKeyId=named)

    found = _found(aws, by_hand)
    assert (found["storage"]["encryption"], found["storage"]["kms_key_arn"]) == ("aws:kms", made["Arn"])
    assert found["secrets"]["admin"]["kms_key_arn"] == made["Arn"]

    # The key that AWS manages is not named, and wants no right.
    rule["ApplyServerSideEncryptionByDefault"].pop("KMSMasterKeyID")
    aws.client("s3").put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    found = _found(aws, by_hand)
    assert (found["storage"]["encryption"], found["storage"]["kms_key_arn"]) == ("aws:kms", None)


def test_a_database_made_anew_has_another_resource_id(aws: Any) -> None:
    """The migration is run again by it; and a restored one is found with what a role compares."""
    rds, names, clients = aws.client("rds"), stack_names("made-anew", REGION), _clients(aws)
    seen: list[dict[str, Any]] = []
    for most in ({"MaxAllocatedStorage": 100}, {}):
        rds.create_db_instance(
            DBInstanceIdentifier=names.database,
            Engine="postgres",
            EngineVersion="15.7",
            DBInstanceClass="db.t3.micro",
            AllocatedStorage=20,
            MasterUsername="mlflow_master",
            MasterUserPassword="".join(["not", "a", "secret", "1"]),
            **most,
        )
        found = read_rds(discovery.account_of(clients, names, region=REGION, adopted=["DB instance"]))
        assert found is not None
        seen.append(found)
        rds.delete_db_instance(DBInstanceIdentifier=names.database, SkipFinalSnapshot=True)
        assert read_rds(discovery.account_of(clients, names, region=REGION, adopted=["DB instance"])) is None
    assert seen[0]["resource_id"] != seen[1]["resource_id"]
    assert [found["resource_id"][:3] for found in seen] == ["db-", "db-"]
    assert [found["max_allocated_storage"] for found in seen] == [100, None]
    assert [found["parameter_statuses"] for found in seen] == [["in-sync"], ["in-sync"]]


def test_another_stack_sees_nothing_of_it(aws: Any, by_hand: dict[str, Any]) -> None:
    found = stack_looks.resources(_clients(aws), stack_names("made-by", REGION), REGION)
    of_nothing = {"ecs_mlflow", "backups", "revisions", "rds_groups"}
    assert [key for key, value in found.items() if value and key not in of_nothing] == []


def test_a_deleted_secret_is_absent(aws: Any) -> None:
    sm, stack = aws.client("secretsmanager"), "deleted-secret"
    arn = sm.create_secret(Name="deleted-secret/database/mlflow", SecretString="{}", Tags=_tags(stack))["ARN"]
    sm.delete_secret(SecretId=arn, RecoveryWindowInDays=7)
    account = discovery.account_of(_clients(aws), stack_names(stack, REGION), region=REGION)
    living, deleted = read_secrets(account)
    assert (living, set(deleted), deleted["database"]["arn"]) == (None, {"database"}, arn)
    sm.restore_secret(SecretId=arn)
    sm.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)


class HeadBucket:
    """A client whose HeadBucket answers one thing."""

    def __init__(self, status: int, region: str | None) -> None:
        self.metadata = {
            "HTTPStatusCode": status,
            "HTTPHeaders": {"x-amz-bucket-region": region} if region else {},
        }

    def head_bucket(self, Bucket: str) -> dict[str, Any]:
        if self.metadata["HTTPStatusCode"] == 200:
            return {"ResponseMetadata": self.metadata}
        raise botocore.exceptions.ClientError(
            {"Error": {"Code": str(self.metadata["HTTPStatusCode"])}, "ResponseMetadata": self.metadata}, "HeadBucket"
        )


@pytest.mark.parametrize(
    ("status", "answered", "state", "region"),
    [
        # S3 user guide, HeadBucket: status and x-amz-bucket-region.
        (200, "eu-west-2", "here", "eu-west-2"),
        (200, None, "here", "eu-west-2"),
        (200, "us-east-1", "elsewhere", "us-east-1"),
        (404, None, "absent", None),
        (301, "us-east-1", "elsewhere", "us-east-1"),
        (400, None, "elsewhere", "another region"),
        (403, "eu-west-2", "foreign", "eu-west-2"),
        (403, None, "foreign", None),
        # Somebody else's, and elsewhere: the region is what cannot be helped.
        (403, "us-east-1", "elsewhere", "us-east-1"),
    ],
)
def test_where_a_bucket_lies(status: int, answered: str | None, state: str, region: str | None) -> None:
    found = where({"s3": HeadBucket(status, answered)}, "artifacts", "eu-west-2")
    assert found == {"name": "artifacts", "state": state, "region": region}


def test_an_error_of_s3_is_no_place() -> None:
    with pytest.raises(botocore.exceptions.ClientError):
        where({"s3": HeadBucket(503, None)}, "artifacts", "eu-west-2")


def test_module_answers_identity_names_and_region(aws: Any) -> None:
    args = {"name": "nothing-here", "region": REGION, "region_facts": True}
    answer = run_module("stack_info", args, env=aws.env)
    assert answer["changed"] is False
    assert answer["names"]["cluster"] == "nothing-here-cluster"
    assert answer["names"]["task_role"] == "nothing-here-eu-west-2-task"
    assert answer["region"]["region"] == REGION
    assert answer["region"]["partition"] == "aws"
    assert answer["region"]["caller_arn"].split(":")[4] == answer["region"]["account_id"]
    assert run_module("stack_info", args, env=aws.env, check=True)["resources"] == answer["resources"]


def test_module_gives_a_hopeless_wait_up_at_once(aws: Any) -> None:
    args = {"name": "nothing-here", "region": REGION, "wait_for": ["database", "load_balancer"], "wait_timeout": 60}
    answer = run_module("stack_info", args, env=aws.env, timeout=30)
    assert answer["failed"] is True
    assert answer["msg"] == (
        "there is no database: run --tags rds first; there is no load balancer: run --tags alb first"
    )


def test_an_account_without_the_stack_has_no_settings_of_it(aws: Any) -> None:
    _found_none, settings = stack_looks.both(_clients(aws), stack_names("nothing-here", REGION), REGION)
    assert set(settings) == set(ALL)
    assert [kinds for kinds in settings.values() if any(kinds.values())] == []


def test_settings_name_what_was_made_by_hand(aws: Any, by_hand: dict[str, Any]) -> None:
    _resources, settings = _both(aws, by_hand)
    network = settings["network"]
    assert set(network["subnet"]) == {"10.9.1.0/24", "10.9.2.0/24"}
    assert network["subnet"]["10.9.2.0/24"]["zone"] == "eu-west-2a"
    assert set(network["NAT gateway"]) == {"in 10.9.1.0/24"}
    group = network["security group"][stack_names(by_hand["stack"], REGION).security_group_rds]
    tasks = stack_names(by_hand["stack"], REGION).security_group_ecs
    assert group["rules"] == ["tcp 22 10.0.0.0/8", f"tcp 5433 {tasks}"]
    assert network["route table"] == {}
    assert settings["storage"]["bucket"]["made-by-hand-artifacts"]["versioning"] is False
    (secret,) = settings["secrets"]["secret"].values()
    assert (secret["resource_policy"], secret["replica"], secret["rotation_lambda"]) == ("", [], "")


@pytest.mark.parametrize(
    "key", [None, "alias/aws/s3", "arn:aws-cn:kms:cn-north-1:123456789012:alias/aws/secretsmanager"]
)
def test_nothing_is_asked_of_a_key_that_aws_manages(key: str | None) -> None:
    """The deployer of docs/aws.md has no right to it, and nobody needs one."""
    assert key_facts(SimpleNamespace(), key) == {"kms_key_arn": None, "kms_key_fault": None}


def test_a_key_of_the_customer_s_is_known_by_its_arn() -> None:
    arn = "arn:aws:kms:eu-west-2:123456789012:key/1"
    kms = SimpleNamespace(describe_key=lambda KeyId: {"KeyMetadata": {"Arn": f"{arn}/of/{KeyId}"}})
    assert key_facts(SimpleNamespace(), arn)["kms_key_arn"] == arn
    assert key_facts(kms, "alias/mine")["kms_key_arn"] == f"{arn}/of/alias/mine"


def test_a_key_that_is_lost_is_told_and_ends_no_discovery(aws: Any, by_hand: dict[str, Any]) -> None:
    """A destroy has no need of it. The alias of one is deleted, the key of another waits for its deletion."""
    kms, s3, bucket = aws.client("kms"), aws.client("s3"), "made-by-hand-artifacts"
    aliases = ("alias/lost", "alias/going")
    keys = [kms.create_key()["KeyMetadata"]["KeyId"] for _alias in aliases]
    for alias, key in zip(aliases, keys, strict=True):
        kms.create_alias(AliasName=alias, TargetKeyId=key)
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": aliases[1]}}
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    aws.client("secretsmanager").update_secret(SecretId=by_hand["secret"], KmsKeyId=aliases[0])
    try:
        assert key_problems(_found(aws, by_hand), REGION) == []
        kms.delete_alias(AliasName=aliases[0])
        kms.schedule_key_deletion(KeyId=keys[1], PendingWindowInDays=7)

        of_secret, of_bucket = key_problems(_found(aws, by_hand), REGION)
    finally:
        s3.delete_bucket_encryption(Bucket=bucket)
        aws.client("secretsmanager").update_secret(SecretId=by_hand["secret"], KmsKeyId="alias/aws/secretsmanager")
    assert of_secret.startswith(
        "secrets_kms_key_id: the secret made-by-hand/mlflow/admin is encrypted with the KMS key "
    )
    assert f"kms create-alias --region {REGION} --alias-name alias/lost --target-key-id KEY" in of_secret
    assert f"update-secret --region {REGION} --secret-id made-by-hand/mlflow/admin --kms-key-id KEY" in of_secret
    assert of_bucket.startswith(f"storage_kms_key_id: the bucket {bucket} is encrypted with the KMS key alias/going, ")
    assert "waits for its deletion; cancel that: aws kms cancel-key-deletion" in of_bucket


@pytest.mark.parametrize(
    ("why", "key", "says"),
    [
        ("AccessDeniedException", "alias/team", "allow it kms:DescribeKey"),
        ("NotFoundException", "0a1b2c3d", "nobody can read what it encrypts"),
        ("Disabled", "alias/team", "aws kms enable-key --region eu-west-2"),
        ("PendingImport", "alias/team", "whose state is PendingImport"),
    ],
)
def test_each_fault_of_a_key_has_its_remedy(why: str, key: str, says: str) -> None:
    def refuse(KeyId: str) -> dict[str, Any]:
        if why.endswith("Exception"):
            raise ClientError({"Error": {"Code": why, "Message": ""}}, "DescribeKey")
        return {"KeyMetadata": {"Arn": "arn:of:key", "KeyState": why}}

    row = {"name": "given", "mine": False, **key_facts(SimpleNamespace(describe_key=refuse), key)}
    resources = {"secrets": {"master": row, "admin": None}, "deleted_secrets": {}, "storage": None}
    (message,) = key_problems(resources, "eu-west-2")
    assert message.startswith(f"stack_db_master_secret_arn: the secret given is encrypted with the KMS key {key}, ")
    assert says in message


def test_another_error_of_kms_ends_the_discovery() -> None:
    def refuse(KeyId: str) -> None:
        raise ClientError({"Error": {"Code": "KMSInternalException", "Message": ""}}, "DescribeKey")

    with pytest.raises(ClientError):
        key_facts(SimpleNamespace(describe_key=refuse), "alias/team")


def test_a_load_balancer_that_is_gone_but_still_named_by_the_given_target_group(aws: Any) -> None:
    """ELB lists the load balancers of a target group a little longer than it has them."""
    elb = SimpleNamespace(
        describe_target_groups=lambda **_asked: {
            "TargetGroups": [
                {"TargetGroupArn": "tg", "TargetType": "ip", "Protocol": "HTTP", "LoadBalancerArns": ["lb"]}
            ]
        },
        describe_load_balancers=_not_found,
    )
    names = stack_names("gone", REGION)
    existing = Existing(target_group_arn="tg")
    found = read_alb(discovery.account_of({"elbv2": elb}, names, region=REGION, existing=existing))
    assert found is not None
    assert (found["target_group_arn"], found["load_balancer_arn"]) == ("tg", None)


def _not_found(**_asked: Any) -> None:
    raise ClientError({"Error": {"Code": "LoadBalancerNotFound", "Message": ""}}, "DescribeLoadBalancers")


def test_what_lost_answers_and_two_operators_left_is_removed_by_the_next_run(aws: Any) -> None:
    """The VPC that holds something is the stack's; an empty one, a loose gateway and a table of no use are to go."""
    ec2, stack = aws.client("ec2"), "lost-answers"
    names = stack_names(stack, REGION)

    def look() -> tuple[dict[str, Any], list[str]]:
        found, state = stack_looks.both(_clients(aws), names, REGION)
        current = state["network"]
        wanted: dict[str, dict[str, dict[str, Any]]] = {kind: {stack: {}} for kind in ("VPC", "internet gateway")}
        wanted["route table"] = {f"{stack}-public": {}}
        return found, [change.says() for change in compare(wanted, current, list(wanted)).changes]

    with ExitStack() as undo:

        def vpc() -> str:
            one: str = ec2.create_vpc(CidrBlock="10.6.0.0/16")["Vpc"]["VpcId"]
            ec2.create_tags(Resources=[one], Tags=_tags(stack))
            undo.callback(ec2.delete_vpc, VpcId=one)
            return one

        def gateway() -> str:
            one: str = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
            ec2.create_tags(Resources=[one], Tags=_tags(stack))
            undo.callback(ec2.delete_internet_gateway, InternetGatewayId=one)
            return one

        def table(name: str) -> str:
            one: str = ec2.create_route_table(VpcId=used)["RouteTable"]["RouteTableId"]
            ec2.create_tags(Resources=[one], Tags=[*_tags(stack), {"Key": "Name", "Value": name}])
            undo.callback(ec2.delete_route_table, RouteTableId=one)
            return one

        both = sorted([vpc(), vpc()])
        found, plan = look()
        # Neither holds anything: one of them is used, the same one each time.
        assert (found["network"]["vpc_id"], found["network"]["spare_vpc_ids"]) == (both[0], [both[1]])
        assert f"remove VPC {both[1]}" in plan
        used, empty = both[1], both[0]
        subnet = ec2.create_subnet(VpcId=used, CidrBlock="10.6.1.0/24")["Subnet"]["SubnetId"]
        undo.callback(ec2.delete_subnet, SubnetId=subnet)
        ec2.create_tags(Resources=[subnet], Tags=_tags(stack, tier="public"))
        found, plan = look()
        assert (found["network"]["vpc_ids"], found["network"]["spare_vpc_ids"]) == ([used], [empty])

        loose = sorted([gateway(), gateway()])
        tables = [table(f"{stack}-public"), table(f"{stack}-public"), table("of-an-operator")]
        link = ec2.associate_route_table(RouteTableId=tables[1], SubnetId=subnet)["AssociationId"]
        undo.callback(ec2.disassociate_route_table, AssociationId=link)
        found, plan = look()
        # One of the gateways is attached by the run.
        assert sorted(plan) == sorted(
            [
                f"create internet gateway {stack}",
                f"remove internet gateway {loose[1]}",
                f"remove VPC {empty}",
                f"remove route table {tables[0]}",
                f"remove route table {tables[2]}",
            ]
        )
        assert route_table_of(found["network"], [subnet], f"{stack}-public") == tables[1]
        ec2.attach_internet_gateway(InternetGatewayId=loose[0], VpcId=used)
        undo.callback(ec2.detach_internet_gateway, InternetGatewayId=loose[0], VpcId=used)
        _found_now, plan = look()
        assert f"remove internet gateway {loose[1]}" in plan
        assert f"create internet gateway {stack}" not in plan

        # Two that both hold something are for a person to tell apart.
        other = ec2.create_subnet(VpcId=empty, CidrBlock="10.6.1.0/24")["Subnet"]["SubnetId"]
        undo.callback(ec2.delete_subnet, SubnetId=other)
        found, _plan = look()
        assert (sorted(found["network"]["vpc_ids"]), found["network"]["spare_vpc_ids"]) == (both, [])
