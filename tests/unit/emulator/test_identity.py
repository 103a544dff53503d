# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may call the embedded AWS, and what for: against the running thing."""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.embedded import EmbeddedAws, emulator

Env = dict[str, str]


def code(call: Callable[..., Any], **arguments: Any) -> str:
    """The error code of a call that must fail."""
    with pytest.raises(ClientError) as refused:
        call(**arguments)
    return str(refused.value.response["Error"]["Code"])


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: Any, resource: Any, **further: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **further}


def trust(principal: dict[str, Any]) -> str:
    return document({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal})


@pytest.fixture
def suffix() -> str:
    return uuid.uuid4().hex[:8]


@pytest.fixture
def bucket(aws: EmbeddedAws, suffix: str) -> str:
    name = f"data-{suffix}"
    aws.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-2"})
    return name


@pytest.fixture
def user(aws: EmbeddedAws, suffix: str) -> Callable[..., Env]:
    """Make an IAM user with the given statements and answer its environment."""

    def make(*statements: dict[str, Any]) -> Env:
        iam = aws.client("iam")
        name = f"user-{suffix}-{uuid.uuid4().hex[:4]}"
        iam.create_user(UserName=name)
        if statements:
            iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=document(*statements))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"], "name": name}

    return make


@pytest.fixture
def role(aws: EmbeddedAws, suffix: str) -> Callable[..., str]:
    """Make an IAM role with the given trust and statements and answer its ARN."""

    def make(principal: dict[str, Any], *statements: dict[str, Any]) -> str:
        iam = aws.client("iam")
        name = f"role-{suffix}-{uuid.uuid4().hex[:4]}"
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust(principal))["Role"]["Arn"]
        if statements:
            iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=document(*statements))
        return str(arn)

    return make


def assume(aws: EmbeddedAws, role_arn: str, env: Env | None = None, **further: Any) -> Env:
    session = aws.client("sts", env=env).assume_role(RoleArn=role_arn, RoleSessionName="session", **further)[
        "Credentials"
    ]
    return {
        "AWS_ACCESS_KEY_ID": session["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": session["SecretAccessKey"],
        "AWS_SESSION_TOKEN": session["SessionToken"],
    }


# --- authentication

UNKNOWN = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "x" * 40}

CALLS = [
    ("sts", "get_caller_identity"),
    ("iam", "list_users"),
    ("ec2", "describe_vpcs"),
    ("s3", "list_buckets"),
    ("ecs", "list_clusters"),
    ("secretsmanager", "list_secrets"),
    ("lambda", "list_functions"),
    ("route53", "list_hosted_zones"),
]


@pytest.mark.parametrize(
    ("service", "call", "unknown", "wrong", "token"),
    [
        (*CALLS[0], "InvalidClientTokenId", "SignatureDoesNotMatch", "InvalidClientTokenId"),
        (*CALLS[1], "InvalidClientTokenId", "SignatureDoesNotMatch", "InvalidClientTokenId"),
        (*CALLS[2], "AuthFailure", "AuthFailure", "AuthFailure"),
        (*CALLS[3], "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken"),
        (*CALLS[4], "UnrecognizedClientException", "InvalidSignatureException", "UnrecognizedClientException"),
        (*CALLS[5], "UnrecognizedClientException", "InvalidSignatureException", "UnrecognizedClientException"),
        (*CALLS[6], "UnrecognizedClientException", "InvalidSignatureException", "UnrecognizedClientException"),
        (*CALLS[7], "InvalidClientTokenId", "SignatureDoesNotMatch", "InvalidClientTokenId"),
    ],
)
def test_wrong_credentials(aws: EmbeddedAws, service: str, call: str, unknown: str, wrong: str, token: str) -> None:
    bad_secret = {**aws.env, "AWS_SECRET_ACCESS_KEY": "x" * 40}
    bad_token = {**aws.env, "AWS_SESSION_TOKEN": "x"}
    assert code(getattr(aws.client(service, env=UNKNOWN), call)) == unknown
    assert code(getattr(aws.client(service, env=bad_secret), call)) == wrong
    assert code(getattr(aws.client(service, env=bad_token), call)) == token
    getattr(aws.client(service), call)()


def test_a_region_that_does_not_exist(aws: EmbeddedAws) -> None:
    call = aws.client("sts", region="eu-nowhere-1").get_caller_identity
    with pytest.raises(ClientError, match="Credential should be scoped to a valid region"):
        call()


@pytest.mark.parametrize("path", ["/", "/bucket/key", "/moto-api/data.json", "/moto-api/reset"])
def test_without_a_signature_nothing_is_told(aws: EmbeddedAws, path: str) -> None:
    request = urllib.request.Request(aws.endpoint + path, method="POST" if path.endswith("reset") else "GET")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=5)
    assert refused.value.code in (403, 404)


def test_a_client_cannot_choose_its_account(aws: EmbeddedAws) -> None:
    sts = aws.client("sts")
    sts.meta.events.register(
        "before-send.sts", lambda request, **_: request.headers.update({"x-moto-account-id": "999999999999"})
    )
    assert sts.get_caller_identity()["Account"] == "123456789012"


def test_a_deactivated_and_a_deleted_key(aws: EmbeddedAws, user: Callable[..., Env]) -> None:
    env = user()
    key = {"UserName": env["name"], "AccessKeyId": env["AWS_ACCESS_KEY_ID"]}
    call = aws.client("sts", env=env).get_caller_identity
    assert call()["Arn"].endswith(f":user/{env['name']}")
    aws.client("iam").update_access_key(**key, Status="Inactive")
    assert code(call) == "InvalidClientTokenId"
    aws.client("iam").update_access_key(**key, Status="Active")
    call()
    aws.client("iam").delete_access_key(**key)
    assert code(call) == "InvalidClientTokenId"


# --- authorisation


def test_a_user_without_policies_may_do_nothing(aws: EmbeddedAws, user: Callable[..., Env]) -> None:
    env = user()
    assert code(aws.client("ec2", env=env).describe_vpcs) == "UnauthorizedOperation"
    assert code(aws.client("s3", env=env).list_buckets) == "AccessDenied"
    assert code(aws.client("ecs", env=env).list_clusters) == "AccessDeniedException"
    assert code(aws.client("iam", env=env).list_users) == "AccessDenied"
    with pytest.raises(ClientError) as refused:
        aws.client("iam", env=env).create_user(UserName="x")
    assert refused.value.response["Error"]["Message"] == (
        f"User: arn:aws:iam::123456789012:user/{env['name']} is not authorized to perform: iam:CreateUser on resource: "
        "arn:aws:iam::123456789012:user/x because no identity-based policy allows the iam:CreateUser action"
    )


def test_managed_policies_and_groups_count(aws: EmbeddedAws, user: Callable[..., Env], suffix: str) -> None:
    env = user()
    iam = aws.client("iam")
    read = "arn:aws:iam::aws:policy/AmazonEC2ReadOnlyAccess"
    ec2 = aws.client("ec2", env=env)
    iam.attach_user_policy(UserName=env["name"], PolicyArn=read)
    ec2.describe_vpcs()
    assert code(ec2.create_vpc, CidrBlock="10.0.0.0/16") == "UnauthorizedOperation"
    iam.detach_user_policy(UserName=env["name"], PolicyArn=read)
    assert code(ec2.describe_vpcs) == "UnauthorizedOperation"
    iam.create_group(GroupName=suffix)
    iam.attach_group_policy(GroupName=suffix, PolicyArn=read)
    iam.add_user_to_group(GroupName=suffix, UserName=env["name"])
    ec2.describe_vpcs()


def test_a_permissions_boundary_limits(aws: EmbeddedAws, role: Callable[..., str], bucket: str) -> None:
    arn = role({"AWS": "123456789012"}, allow("*", "*"))
    aws.client("iam").put_role_permissions_boundary(
        RoleName=arn.rsplit("/", 1)[-1], PermissionsBoundary="arn:aws:iam::aws:policy/AmazonEC2ReadOnlyAccess"
    )
    env = assume(aws, arn)
    aws.client("ec2", env=env).describe_vpcs()
    assert code(aws.client("s3", env=env).head_bucket, Bucket=bucket) == "403"


def test_who_must_set_a_boundary_cannot_do_without_it(aws: EmbeddedAws, role: Callable[..., str], suffix: str) -> None:
    """The deployer of docs/aws.md: not by a role without it, nor by taking it away, nor by another one."""
    iam = aws.client("iam")
    boundary = iam.create_policy(PolicyName=f"boundary-{suffix}", PolicyDocument=document(allow("ec2:*", "*")))
    boundary_arn = boundary["Policy"]["Arn"]
    name = f"made-{suffix}"
    made = f"arn:aws:iam::123456789012:role/{name}"
    giving = ["iam:CreateRole", "iam:PutRolePolicy", "iam:PutRolePermissionsBoundary"]
    within = allow(giving, made, Condition={"StringEquals": {"iam:PermissionsBoundary": boundary_arn}})
    env = assume(aws, role({"AWS": "123456789012"}, within, allow(["iam:DeleteRole", "iam:GetRole"], made)))
    mine = aws.client("iam", env=env)
    new = {"RoleName": name, "AssumeRolePolicyDocument": trust({"Service": "ecs-tasks.amazonaws.com"})}
    everything = {"RoleName": name, "PolicyName": "p", "PolicyDocument": document(allow("*", "*"))}
    other = "arn:aws:iam::aws:policy/AdministratorAccess"

    assert code(mine.create_role, **new) == "AccessDenied"
    assert code(mine.create_role, **new, PermissionsBoundary=other) == "AccessDenied"
    mine.create_role(**new, PermissionsBoundary=boundary_arn)
    mine.put_role_policy(**everything)
    assert code(mine.delete_role_permissions_boundary, RoleName=name) == "AccessDenied"
    assert code(mine.put_role_permissions_boundary, RoleName=name, PermissionsBoundary=other) == "AccessDenied"
    # A role that somebody else made without the boundary gets no rights from this one.
    iam.delete_role_policy(RoleName=name, PolicyName="p")
    iam.delete_role_permissions_boundary(RoleName=name)
    assert code(mine.put_role_policy, **everything) == "AccessDenied"


def test_a_role_reaches_its_prefix_and_no_further(
    aws: EmbeddedAws, role: Callable[..., str], bucket: str, suffix: str
) -> None:
    objects = allow(["s3:PutObject", "s3:GetObject"], f"arn:aws:s3:::{bucket}/mlflow/*")
    listing = allow("s3:ListBucket", f"arn:aws:s3:::{bucket}", Condition={"StringLike": {"s3:prefix": "mlflow/*"}})
    env = assume(aws, role({"AWS": "arn:aws:iam::123456789012:root"}, objects, listing))
    s3 = aws.client("s3", env=env)
    s3.put_object(Bucket=bucket, Key="mlflow/a", Body=b"x")
    assert s3.get_object(Bucket=bucket, Key="mlflow/a")["Body"].read() == b"x"
    assert s3.list_objects_v2(Bucket=bucket, Prefix="mlflow/")["KeyCount"] == 1
    assert code(s3.list_objects_v2, Bucket=bucket) == "AccessDenied"
    assert code(s3.put_object, Bucket=bucket, Key="other/a", Body=b"x") == "AccessDenied"
    assert code(s3.delete_object, Bucket=bucket, Key="mlflow/a") == "AccessDenied"
    assert code(s3.copy_object, Bucket=bucket, Key="mlflow/b", CopySource=f"{bucket}/other/a") == "AccessDenied"
    several = {"Objects": [{"Key": "mlflow/a"}]}
    assert code(s3.delete_objects, Bucket=bucket, Delete=several) == "AccessDenied"
    # Who may not list learns nothing about keys.
    assert code(s3.get_object, Bucket=bucket, Key="mlflow/none") == "AccessDenied"
    assert code(aws.client("s3").get_object, Bucket=bucket, Key="mlflow/none") == "NoSuchKey"
    assert code(aws.client("secretsmanager", env=env).list_secrets) == "AccessDeniedException"


def test_a_session_needs_its_token_and_narrows_with_its_policy(
    aws: EmbeddedAws, role: Callable[..., str], bucket: str
) -> None:
    arn = role({"AWS": "123456789012"}, allow("s3:*", "*"))
    env = assume(aws, arn, Policy=document(allow("s3:GetBucketLocation", "*")))
    s3 = aws.client("s3", env=env)
    s3.get_bucket_location(Bucket=bucket)
    assert code(s3.list_objects_v2, Bucket=bucket) == "AccessDenied"
    del env["AWS_SESSION_TOKEN"]
    assert code(aws.client("s3", env=env).get_bucket_location, Bucket=bucket) == "InvalidToken"


@pytest.mark.parametrize(
    ("principal", "own", "allowed"),
    [
        ({"AWS": "arn:aws:iam::123456789012:root"}, False, False),
        ({"AWS": "arn:aws:iam::123456789012:root"}, True, True),
        ({"AWS": "arn:aws:iam::123456789012:user/somebody-else"}, True, False),
        ({"Service": "ecs-tasks.amazonaws.com"}, True, False),
    ],
)
def test_a_role_is_assumed_only_by_whom_it_trusts(
    aws: EmbeddedAws,
    user: Callable[..., Env],
    role: Callable[..., str],
    principal: dict[str, Any],
    own: bool,
    allowed: bool,
) -> None:
    arn = role(principal)
    env = user(allow("sts:AssumeRole", arn)) if own else user()
    if allowed:
        assert aws.client("sts", env=assume(aws, arn, env)).get_caller_identity()["Arn"].endswith("/session")
    else:
        call = aws.client("sts", env=env).assume_role
        assert code(call, RoleArn=arn, RoleSessionName="session") == "AccessDenied"


def test_a_role_that_does_not_exist_is_not_assumed(aws: EmbeddedAws) -> None:
    call = aws.client("sts").assume_role
    assert code(call, RoleArn="arn:aws:iam::123456789012:role/none", RoleSessionName="session") == "AccessDenied"


def test_a_role_is_passed_only_by_whom_may(
    aws: EmbeddedAws, user: Callable[..., Env], role: Callable[..., str], suffix: str
) -> None:
    mine, other = (role({"Service": "ecs-tasks.amazonaws.com"}) for _ in range(2))
    passing = allow(
        "iam:PassRole", mine, Condition={"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}
    )
    wrong = allow("iam:PassRole", other, Condition={"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}})
    ecs = aws.client("ecs", env=user(allow("ecs:*", "*"), passing, wrong))
    definition = {
        "family": suffix,
        "containerDefinitions": [{"name": "c", "image": "python"}],
        "requiresCompatibilities": ["FARGATE"],
        "networkMode": "awsvpc",
        "cpu": "256",
        "memory": "512",
    }
    ecs.register_task_definition(**definition)
    ecs.register_task_definition(**definition, executionRoleArn=mine, taskRoleArn=mine)
    with pytest.raises(ClientError, match=f"not authorized to perform: iam:PassRole on resource: {other}") as refused:
        ecs.register_task_definition(**definition, executionRoleArn=mine, taskRoleArn=other)
    assert refused.value.response["Error"]["Code"] == "AccessDeniedException"

    made = aws.client("ecs").register_task_definition(**definition, taskRoleArn=other)["taskDefinition"]
    revision = f"{suffix}:{made['revision']}"
    run = {"launchType": "FARGATE", "cluster": "none"}
    overrides = {"taskRoleArn": mine}
    assert code(ecs.run_task, taskDefinition=revision, **run) == "AccessDeniedException"
    assert code(ecs.run_task, taskDefinition=revision, overrides=overrides, **run) == "ClusterNotFoundException"
    service = {"cluster": "none", "taskDefinition": revision}
    assert code(ecs.create_service, serviceName="s", desiredCount=1, **service) == "AccessDeniedException"
    assert code(ecs.update_service, service="s", **service) == "AccessDeniedException"
    # Without a task definition, an update passes nothing.
    assert code(ecs.update_service, service="s", cluster="none", desiredCount=1) == "ClusterNotFoundException"


OWN = {"StringEquals": {"aws:ResourceTag/team": "red"}}
ASKED = {"StringEquals": {"aws:RequestTag/team": "red"}}
NETWORK = (
    allow(
        ["ec2:CreateVpc", "ec2:CreateSubnet"], ["arn:aws:ec2:*:*:vpc/*", "arn:aws:ec2:*:*:subnet/*"], Condition=ASKED
    ),
    allow(["ec2:CreateSubnet", "ec2:DeleteSubnet", "ec2:DeleteVpc"], "arn:aws:ec2:*:*:*/*", Condition=OWN),
    allow("ec2:CreateTags", "*", Condition={"StringEquals": {"ec2:CreateAction": ["CreateVpc", "CreateSubnet"]}}),
    allow("ec2:CreateTags", "*", Condition=OWN),
)


def tagged(kind: str, team: str) -> list[dict[str, Any]]:
    return [{"ResourceType": kind, "Tags": [{"Key": "team", "Value": team}]}]


def test_tags_of_a_network_decide(aws: EmbeddedAws, user: Callable[..., Env]) -> None:
    ec2, theirs = aws.client("ec2", env=user(*NETWORK)), aws.client("ec2")
    other = theirs.create_vpc(CidrBlock="10.9.0.0/16", TagSpecifications=tagged("vpc", "blue"))["Vpc"]["VpcId"]

    assert code(ec2.create_vpc, CidrBlock="10.8.0.0/16") == "UnauthorizedOperation"
    assert (
        code(ec2.create_vpc, CidrBlock="10.8.0.0/16", TagSpecifications=tagged("vpc", "blue"))
        == "UnauthorizedOperation"
    )
    own = ec2.create_vpc(CidrBlock="10.8.0.0/16", TagSpecifications=tagged("vpc", "red"))["Vpc"]["VpcId"]

    red = tagged("subnet", "red")
    assert (
        code(ec2.create_subnet, VpcId=other, CidrBlock="10.9.1.0/24", TagSpecifications=red) == "UnauthorizedOperation"
    )
    assert code(ec2.create_subnet, VpcId=own, CidrBlock="10.8.1.0/24") == "UnauthorizedOperation"
    subnet = ec2.create_subnet(VpcId=own, CidrBlock="10.8.1.0/24", TagSpecifications=red)["Subnet"]["SubnetId"]

    # Who may tag only what is tagged already cannot make another's network its own.
    assert code(ec2.create_tags, Resources=[other], Tags=[{"Key": "team", "Value": "red"}]) == "UnauthorizedOperation"
    assert code(ec2.delete_vpc, VpcId=other) == "UnauthorizedOperation"
    ec2.create_tags(Resources=[subnet], Tags=[{"Key": "name", "Value": "one"}])
    ec2.delete_subnet(SubnetId=subnet)
    ec2.delete_vpc(VpcId=own)


def test_a_subnet_is_taken_from_its_table_by_whom_both_belong_to(aws: EmbeddedAws, user: Callable[..., Env]) -> None:
    ec2 = aws.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.7.1.0/24")["Subnet"]["SubnetId"]
    table = ec2.create_route_table(VpcId=vpc, TagSpecifications=tagged("route-table", "red"))["RouteTable"]
    association = ec2.associate_route_table(RouteTableId=table["RouteTableId"], SubnetId=subnet)["AssociationId"]
    limited = aws.client("ec2", env=user(allow("ec2:DisassociateRouteTable", "*", Condition=OWN)))

    assert code(limited.disassociate_route_table, AssociationId=association) == "UnauthorizedOperation"
    ec2.create_tags(Resources=[subnet], Tags=[{"Key": "team", "Value": "red"}])
    limited.disassociate_route_table(AssociationId=association)


def test_the_namespace_of_a_scalable_target_is_a_condition(aws: EmbeddedAws, user: Callable[..., Env]) -> None:
    condition = {"StringEquals": {"application-autoscaling:service-namespace": "ecs"}}
    rights = user(allow("application-autoscaling:DescribeScalableTargets", "*", Condition=condition))
    scaling = aws.client("application-autoscaling", env=rights)

    scaling.describe_scalable_targets(ServiceNamespace="ecs")
    assert code(scaling.describe_scalable_targets, ServiceNamespace="dynamodb") == "AccessDeniedException"


def test_who_makes_something_with_tags_may_tag(aws: EmbeddedAws, user: Callable[..., Env], suffix: str) -> None:
    tags = [{"Key": "team", "Value": "red"}]
    secrets = aws.client("secretsmanager", env=user(allow("secretsmanager:CreateSecret", "*")))
    iam = aws.client("iam", env=user(allow("iam:CreateRole", "*")))
    logs = aws.client("logs", env=user(allow(["logs:CreateLogGroup", "logs:TagResource"], "*")))

    secrets.create_secret(Name=f"{suffix}/a", SecretString="s")
    assert code(secrets.create_secret, Name=f"{suffix}/b", SecretString="s", Tags=tags) == "AccessDeniedException"
    trusted = trust({"AWS": "123456789012"})
    iam.create_role(RoleName=f"a-{suffix}", AssumeRolePolicyDocument=trusted)
    assert code(iam.create_role, RoleName=f"b-{suffix}", AssumeRolePolicyDocument=trusted, Tags=tags) == "AccessDenied"
    logs.create_log_group(logGroupName=f"/a/{suffix}", tags={"team": "red"})


def test_a_right_to_one_service_and_family_is_none_to_another(aws: EmbeddedAws, user: Callable[..., Env]) -> None:
    arn = "arn:aws:ecs:eu-west-2:123456789012:"
    family = [f"{arn}task-definition/mine:*", f"{arn}service/c/mine", f"{arn}cluster/mine"]
    ecs = aws.client("ecs", env=user(allow("ecs:*", family)))
    container = [{"name": "a", "image": "python", "memory": 128}]

    ecs.register_task_definition(family="mine", containerDefinitions=container)
    ecs.describe_clusters(clusters=["mine"])
    assert code(ecs.register_task_definition, family="other", containerDefinitions=container) == "AccessDeniedException"
    assert code(ecs.describe_clusters, clusters=["other"]) == "AccessDeniedException"
    assert code(ecs.describe_services, cluster="c", services=["other"]) == "AccessDeniedException"
    assert code(ecs.describe_services, cluster="c", services=["mine"]) == "ClusterNotFoundException"
    # AWS knows no resource for these: a right that names one is none.
    assert code(ecs.describe_task_definition, taskDefinition="mine") == "AccessDeniedException"
    assert code(ecs.list_tasks, cluster="c") == "AccessDeniedException"


def test_the_journal_has_each_decision_once(aws: EmbeddedAws, user: Callable[..., Env], suffix: str) -> None:
    rights = user(allow("s3:GetObject", "*"), allow("ec2:DescribeVpcs", "*"))
    ec2, s3 = aws.client("ec2", env=rights), aws.client("s3", env=rights)
    for _ in range(3):
        ec2.describe_vpcs()
    assert code(ec2.describe_subnets) == "UnauthorizedOperation"
    assert code(s3.put_object, Bucket=f"data-{suffix}", Key="k") == "AccessDenied"

    journal = aws.state / "log" / "iam.jsonl"
    rows = [json.loads(line) for line in journal.read_text(encoding="utf-8").splitlines()]
    own = [row for row in rows if row.pop("caller").endswith(f":user/{rights['name']}")]
    assert own == [
        {"action": "ec2:DescribeVpcs", "resource": "*", "allowed": True},
        {"action": "ec2:DescribeSubnets", "resource": "*", "allowed": False},
        {"action": "s3:PutObject", "resource": f"arn:aws:s3:::data-{suffix}/k", "allowed": False},
    ]
    assert journal.stat().st_mode & 0o777 == 0o600


def test_a_secret_by_name_and_by_arn(aws: EmbeddedAws, user: Callable[..., Env], suffix: str) -> None:
    admin = aws.client("secretsmanager")
    mine = admin.create_secret(Name=f"{suffix}/mine", SecretString="s")["ARN"]
    admin.create_secret(Name=f"{suffix}/other", SecretString="s")
    arns = f"arn:aws:secretsmanager:eu-west-2:123456789012:secret:{suffix}/mine-??????"
    secrets = aws.client("secretsmanager", env=user(allow("secretsmanager:GetSecretValue", arns)))
    assert secrets.get_secret_value(SecretId=mine)["SecretString"] == "s"
    assert secrets.get_secret_value(SecretId=f"{suffix}/mine")["SecretString"] == "s"
    assert code(secrets.get_secret_value, SecretId=f"{suffix}/other") == "AccessDeniedException"
    assert code(secrets.get_secret_value, SecretId=f"{suffix}/none") == "AccessDeniedException"
    assert code(secrets.delete_secret, SecretId=mine) == "AccessDeniedException"
    assert code(admin.get_secret_value, SecretId=f"{suffix}/none") == "ResourceNotFoundException"


def test_a_key_policy_decides_who_decrypts(aws: EmbeddedAws, user: Callable[..., Env]) -> None:
    env = user(allow("kms:*", "*"))
    admin = aws.client("kms")
    only_admin = {
        "Effect": "Allow",
        "Action": "kms:*",
        "Resource": "*",
        "Principal": {"AWS": "arn:aws:iam::123456789012:user/administrator"},
    }
    key = admin.create_key(Policy=document(only_admin))["KeyMetadata"]["KeyId"]
    shared = admin.create_key()["KeyMetadata"]["KeyId"]
    kms = aws.client("kms", env=env)
    kms.encrypt(KeyId=shared, Plaintext=b"x")
    assert code(kms.encrypt, KeyId=key, Plaintext=b"x") == "AccessDeniedException"
    admin.encrypt(KeyId=key, Plaintext=b"x")


def test_a_bucket_policy_grants_denies_and_opens(aws: EmbeddedAws, user: Callable[..., Env], bucket: str) -> None:
    env = user()
    admin = aws.client("s3")
    arn = aws.client("sts", env=env).get_caller_identity()["Arn"]
    grant = {**allow("s3:PutObject", f"arn:aws:s3:::{bucket}/*"), "Principal": {"AWS": arn}}
    admin.put_bucket_policy(Bucket=bucket, Policy=document(grant))
    s3 = aws.client("s3", env=env)
    s3.put_object(Bucket=bucket, Key="a", Body=b"x")
    assert code(s3.get_object, Bucket=bucket, Key="a") == "AccessDenied"
    public = {**allow("s3:GetObject", f"arn:aws:s3:::{bucket}/public/*"), "Principal": "*"}
    refuse = {**grant, "Effect": "Deny", "Principal": "*", "Resource": f"arn:aws:s3:::{bucket}/no/*"}
    admin.put_bucket_policy(Bucket=bucket, Policy=document(grant, public, refuse))
    assert code(admin.put_object, Bucket=bucket, Key="no/a", Body=b"x") == "AccessDenied"
    admin.put_object(Bucket=bucket, Key="public/a", Body=b"open")
    with urllib.request.urlopen(f"{aws.endpoint}/{bucket}/public/a", timeout=5) as answer:
        assert answer.read() == b"open"
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(f"{aws.endpoint}/{bucket}/a", timeout=5)


def test_presigned_urls(aws: EmbeddedAws, user: Callable[..., Env], bucket: str) -> None:
    aws.client("s3").put_object(Bucket=bucket, Key="a b", Body=b"hello")
    config = Config(signature_version="s3v4")

    def url(env: Env, key: str) -> str:
        client = aws.client("s3", env=env, config=config)
        return str(client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=60))

    good = url(aws.env, "a b")
    with urllib.request.urlopen(good, timeout=5) as answer:
        assert answer.read() == b"hello"
    for bad in (url(user(), "a b"), good.replace("a%20b", "a%20c"), good.replace("Expires=60", "Expires=600")):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(bad, timeout=5)
        assert refused.value.code == 403
    put = aws.client("s3", config=config).generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "p"})
    # urllib sends the content type of a form, and the body is the object none the less.
    with urllib.request.urlopen(urllib.request.Request(put, data=b"up", method="PUT"), timeout=5):
        assert aws.client("s3").get_object(Bucket=bucket, Key="p")["Body"].read() == b"up"


# --- buckets and regions


def test_a_bucket_answers_in_its_own_region(aws: EmbeddedAws, suffix: str) -> None:
    name = f"far-{suffix}"
    far = aws.client("s3", region="us-west-2")
    far.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    near = aws.client("s3")
    assert near.get_bucket_location(Bucket=name)["LocationConstraint"] == "us-west-2"
    # boto3 follows the redirect to the bucket's region by itself.
    assert near.head_bucket(Bucket=name)["ResponseMetadata"]["HTTPHeaders"]["x-amz-bucket-region"] == "us-west-2"

    class NoRedirect(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *arguments: Any) -> None:
            return None

    url = near.generate_presigned_url("head_bucket", Params={"Bucket": name})
    with pytest.raises(urllib.error.HTTPError) as redirected:
        urllib.request.build_opener(NoRedirect).open(urllib.request.Request(url, method="HEAD"), timeout=5)
    assert redirected.value.code == 301
    assert redirected.value.headers["x-amz-bucket-region"] == "us-west-2"


# --- what the planes use, in a process of its own: moto reads its settings at import


def test_task_credentials_and_the_rights_of_roles() -> None:
    script = """
import datetime, json
from moto.iam.models import iam_backends
from emulator import identity

backend = iam_backends["123456789012"]["aws"]
def role(name, service, *statements):
    trust = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": service}}]}
    made = backend.create_role(role_name=name, assume_role_policy_document=json.dumps(trust), path="/",
        permissions_boundary=None, description="", tags=[], max_session_duration="3600")
    if statements:
        backend.put_role_policy(name, "p", json.dumps({"Version": "2012-10-17", "Statement": statements}))
    return made.arn

secret = "arn:aws:secretsmanager:eu-west-2:123456789012:secret:a-abcdef"
good = role("good", ["ecs-tasks.amazonaws.com"], {
    "Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": secret,
    "Condition": {"StringEquals": {"aws:RequestedRegion": "eu-west-2"}}})
bad = role("bad", "lambda.amazonaws.com")
found = identity.task_credentials(good, "task-1")
assert set(found) == {"RoleArn", "AccessKeyId", "SecretAccessKey", "Token", "Expiration"}
left = datetime.datetime.fromisoformat(found["Expiration"]) - datetime.datetime.now(datetime.timezone.utc)
assert 5 < left.total_seconds() / 3600 <= 6
caller = identity.find_caller(found["AccessKeyId"])
assert caller.principal.arn == "arn:aws:sts::123456789012:assumed-role/good/task-1", caller
assert found["SecretAccessKey"] not in repr(caller) and found["Token"] not in repr(caller)
for refused in (bad, "arn:aws:iam::123456789012:role/none"):
    try:
        identity.task_credentials(refused)
    except identity.RoleNotAssumable as error:
        assert f"unable to assume the role '{refused}'" in str(error)
    else:
        raise AssertionError(refused)
assert identity.authorised(good, "secretsmanager:GetSecretValue", secret)
assert not identity.authorised(good, "secretsmanager:GetSecretValue", secret.replace("a-", "b-"))
assert not identity.authorised(good, "secretsmanager:PutSecretValue", secret)
assert not identity.authorised(bad, "secretsmanager:GetSecretValue", secret)
assert not identity.authorised("arn:aws:iam::123456789012:role/none", "logs:PutLogEvents", "*")

# A session that is over is no longer accepted.
from moto.sts.models import sts_backends
session = sts_backends["123456789012"]["aws"].assumed_roles[0]
assert not identity.has_expired(caller, datetime.datetime.now(datetime.timezone.utc))
session.expiration -= datetime.timedelta(hours=7)
assert identity.has_expired(identity.find_caller(found["AccessKeyId"]), datetime.datetime.now(datetime.timezone.utc))
identity.task_credentials(good)
assert identity.find_caller(found["AccessKeyId"]) is None
"""
    import subprocess

    from tests.embedded import ROOT

    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_the_administrators_key_is_only_in_its_file(aws: EmbeddedAws) -> None:
    shown = emulator("status", "--json", "--state", str(aws.state))
    assert aws.env["AWS_SECRET_ACCESS_KEY"] not in shown.stdout + shown.stderr
    holders = [
        path.name
        for path in aws.state.rglob("*")
        if path.is_file() and aws.env["AWS_SECRET_ACCESS_KEY"].encode() in path.read_bytes()
    ]
    assert holders == ["env"]
