# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of a stack in the hands of a deployer who has the policy of ``tools/deployer_policy.py`` and nothing else.

The deployer is a role that an engineer assumes by a profile of AWS's configuration file (``role_arn`` and
``source_profile``), as ``docs/aws.md`` recommends. What the embedded AWS was asked for, it has in its journal.

Each test takes the stack that the one before left, so a failure makes the later ones meaningless.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.account import added, resources
from tests.deployed.deployed_runs import Site, free_port
from tools.deployer_policy import PARTS, Deployment, policy

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

#: What these tests make by hand builds upon itself, call by call.
CONSISTENCY = 0.0

STACK = "fraud-scoring-mlflow-local"
BUCKET = "fraud-models-test-local"
ACCOUNT = "123456789012"
DEPLOYER = f"arn:aws:iam::{ACCOUNT}:role/deployer"
POLICY = Deployment(STACK, "eu-west-2", ACCOUNT, BUCKET)

FIRST: dict[str, Any] = {
    "stack_tags": {"Environment": "local", "Team": "red"},
    "alb_deletion_protection": True,
    "rds_deletion_protection": True,
    "secrets_recovery_window": 7,
    "ecs_mlflow_autoscaling": True,
    "ecs_mlflow_autoscaling_memory": 80,
    "mlflow_users": [{"name": "alice"}],
}
#: Something of every component: tags that go and come, rules, gateways, attributes, parameters, scaling taken away.
CHANGED: dict[str, Any] = {
    **FIRST,
    "stack_tags": {"Environment": "local", "Owner": "ml"},
    "network_ingress_cidrs": ["10.0.0.0/8", "127.0.0.0/8"],
    "network_nat": "per_zone",
    "alb_idle_timeout": 120,
    "alb_health_interval": 6,
    "alb_deregistration_delay": 6,
    "rds_backup_retention_days": 3,
    "rds_parameters": {"rds.force_ssl": 1, "log_min_duration_statement": 4000},
    "storage_noncurrent_days": 30,
    "ecs_mlflow_log_retention_days": 14,
    "ecs_mlflow_container_insights": True,
    "ecs_mlflow_autoscaling": False,
}

_BY_HAND = "mends what somebody changed by hand"
_AWS_ASKS = "AWS asks for it on the way of another call; the embedded AWS does not"
#: What the policy allows and no run here needs, and why it is there.
UNUSED: dict[str, str] = {
    "cloudwatch:DeleteAlarms": _AWS_ASKS,  # ECS Developer Guide, "IAM permissions required for service auto scaling"
    "cloudwatch:DescribeAlarms": _AWS_ASKS,
    "cloudwatch:PutMetricAlarm": _AWS_ASKS,
    "ec2:DeleteRoute": _BY_HAND,
    "ec2:DescribeAccountAttributes": _AWS_ASKS,
    "ec2:DisassociateRouteTable": _BY_HAND,
    "ec2:ModifySubnetAttribute": _BY_HAND,
    "ec2:ModifyVpcEndpoint": _BY_HAND,
    "ec2:UpdateSecurityGroupRuleDescriptionsIngress": _BY_HAND,
    "s3:GetBucketWebsite": "a bucket that is adopted, and not closed to the public yet",
    "ecs:ListServices": "more rollouts than ecs_mlflow_keep_revisions",
    "ecs:ListTagsForResource": _AWS_ASKS,
    "elasticloadbalancing:ModifyListener": _BY_HAND,
    "elasticloadbalancing:SetSecurityGroups": _BY_HAND,
    "elasticloadbalancing:SetSubnets": "a zone that is added",
    "iam:DetachRolePolicy": _BY_HAND,
    "iam:UpdateAssumeRolePolicy": _BY_HAND,
    "iam:UpdateRole": _BY_HAND,
    "kms:DescribeKey": "a secret or a bucket that names its key by an alias",
    "rds:CreateDBSnapshot": _AWS_ASKS,  # DeleteDBInstance with a final snapshot
    "rds:ModifyDBSubnetGroup": "a zone that is added",
    "rds:ResetDBParameterGroup": "a parameter that is taken out of rds_parameters",
}


def as_deployer(account: Site) -> Site:
    """The account as the deployer sees it, whom it makes: a role with the policy, and an engineer who may assume it."""
    iam = account.stack.aws("iam")
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": ACCOUNT}}
    iam.create_role(
        RoleName="deployer", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )
    for part in PARTS:
        made = iam.create_policy(PolicyName=f"deployer-{part}", PolicyDocument=json.dumps(policy(POLICY, part)))
        iam.attach_role_policy(RoleName="deployer", PolicyArn=made["Policy"]["Arn"])
    may = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": DEPLOYER}
    iam.create_user(UserName="engineer")
    iam.put_user_policy(
        UserName="engineer",
        PolicyName="assume",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [may]}),
    )
    key = iam.create_access_key(UserName="engineer")["AccessKey"]
    config, credentials = account.folder / "config", account.folder / "credentials"
    config.write_text(f"[profile deployer]\nrole_arn = {DEPLOYER}\nsource_profile = engineer\nregion = us-east-1\n")
    credentials.touch(mode=0o600)
    credentials.write_text(
        f"[engineer]\naws_access_key_id = {key['AccessKeyId']}\naws_secret_access_key = {key['SecretAccessKey']}\n"
    )
    env = {
        "AWS_ENDPOINT_URL": account.env["AWS_ENDPOINT_URL"],
        "AWS_PROFILE": "deployer",
        "AWS_CONFIG_FILE": str(config),
        "AWS_SHARED_CREDENTIALS_FILE": str(credentials),
    }
    return dataclasses.replace(account, env=env)


@pytest.fixture(scope="module")
def deployer(account: Site) -> Site:
    """The account in the hands of the deployer."""
    return as_deployer(account)


def decisions(site: Site) -> list[dict[str, Any]]:
    """What the deployer asked for, as the embedded AWS decided."""
    lines = (site.state / "log" / "iam.jsonl").read_text(encoding="utf-8").splitlines()
    return [row for row in map(json.loads, lines) if row["caller"] == DEPLOYER]


def test_the_site_is_deployed(deployer: Site, empty: dict[str, set[str]]) -> None:
    deployer.run("site.yml", check=True, **FIRST).assert_good()
    deployer.deploy(**FIRST)
    assert deployer.run(**FIRST).assert_good().recap()["changed"] == 0


def test_every_module_runs(deployer: Site) -> None:
    deployer.run(stack_full_run=True, **FIRST).assert_nothing_changed()


def test_drift_is_looked_for(deployer: Site) -> None:
    deployer.run("playbooks/drift.yml", **FIRST).assert_good()


def test_a_scaling_policy_is_given_up(deployer: Site) -> None:
    ended = deployer.run(tags="ecs_mlflow", **{**FIRST, "ecs_mlflow_autoscaling_memory": 0}).assert_good()
    assert ended.recap()["changed"] == 1, ended.changed_tasks()


def test_a_part_of_everything_is_changed(deployer: Site) -> None:
    deployer.run(stack_full_run=True, **CHANGED).assert_good()
    deployer.run(**CHANGED).assert_nothing_changed()


def test_the_listener_moves_and_the_gateways_are_few_again(deployer: Site) -> None:
    moved = {**CHANGED, "stack_http_port": free_port(), "network_nat": "single"}
    deployer.run(**moved).assert_good()
    deployer.run(**CHANGED).assert_good()


def test_passwords_and_keys_are_rotated(deployer: Site) -> None:
    deployer.run("playbooks/rotate.yml", **CHANGED, rotate_users=["alice"]).assert_good()
    deployer.run(**CHANGED).assert_nothing_changed()


def refused(call: Any, **arguments: Any) -> bool:
    """Whether AWS refuses the call for want of a right."""
    try:
        call(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"] in ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation")
    return False


def test_what_is_not_the_stacks_own_is_out_of_reach(account: Site, deployer: Site) -> None:
    admin = {name: account.stack.aws(name) for name in ("ec2", "secretsmanager", "iam", "s3")}
    tags = [{"Key": "mlflow:stack", "Value": "other"}]
    vpc = admin["ec2"].create_vpc(CidrBlock="10.9.0.0/16", TagSpecifications=[{"ResourceType": "vpc", "Tags": tags}])[
        "Vpc"
    ]["VpcId"]
    admin["secretsmanager"].create_secret(Name=f"{STACK}2/database/master", SecretString="s")
    admin["s3"].create_bucket(Bucket="other-bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-2"})
    role = admin["iam"].create_role(RoleName="other", AssumeRolePolicyDocument='{"Statement": []}')["Role"]["Arn"]
    own_role = f"arn:aws:iam::{ACCOUNT}:role/{STACK}-eu-west-2-task"
    before = resources(account.stack)
    session = account.stack.aws("sts").assume_role(RoleArn=DEPLOYER, RoleSessionName="test")["Credentials"]
    boto = boto3.session.Session(
        session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"], region_name="eu-west-2"
    )
    mine = {
        name: boto.client(name, endpoint_url=account.env["AWS_ENDPOINT_URL"])
        for name in (*admin, "ecs", "rds", "lambda")
    }

    definition = {"family": STACK, "containerDefinitions": [{"name": "a", "image": "python", "memory": 128}]}
    calls: list[tuple[Any, dict[str, Any]]] = [
        (mine["ec2"].delete_vpc, {"VpcId": vpc}),
        (mine["ec2"].create_vpc, {"CidrBlock": "10.8.0.0/16"}),
        (mine["ec2"].create_tags, {"Resources": [vpc], "Tags": [{"Key": "mlflow:stack", "Value": STACK}]}),
        (mine["ec2"].create_subnet, {"VpcId": vpc, "CidrBlock": "10.9.1.0/24"}),
        (mine["secretsmanager"].get_secret_value, {"SecretId": f"{STACK}2/database/master"}),
        (mine["s3"].list_objects_v2, {"Bucket": "other-bucket"}),
        (mine["s3"].delete_bucket, {"Bucket": BUCKET}),
        (mine["s3"].put_object, {"Bucket": BUCKET, "Key": "k", "Body": b""}),
        (mine["iam"].delete_role, {"RoleName": "other"}),
        (
            mine["iam"].attach_role_policy,
            {"RoleName": "deployer", "PolicyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess"},
        ),
        (mine["iam"].put_role_policy, {"RoleName": "deployer", "PolicyName": "p", "PolicyDocument": "{}"}),
        (mine["ecs"].register_task_definition, {**definition, "taskRoleArn": role}),
        (mine["ecs"].register_task_definition, {**definition, "family": "other", "taskRoleArn": own_role}),
        (mine["rds"].delete_db_instance, {"DBInstanceIdentifier": "other", "SkipFinalSnapshot": True}),
        (mine["lambda"].list_functions, {}),
    ]
    assert [call.__name__ for call, arguments in calls if not refused(call, **arguments)] == []
    assert resources(account.stack) == before
    admin["ec2"].delete_vpc(VpcId=vpc)
    admin["s3"].delete_bucket(Bucket="other-bucket")
    admin["iam"].delete_role(RoleName="other")
    admin["secretsmanager"].delete_secret(SecretId=f"{STACK}2/database/master", ForceDeleteWithoutRecovery=True)


def test_the_site_is_destroyed(account: Site, deployer: Site, empty: dict[str, set[str]]) -> None:
    unprotected = {**CHANGED, "alb_deletion_protection": False, "rds_deletion_protection": False}
    deployer.run(tags="rds,alb", **unprotected).assert_good()
    confirmed = {**unprotected, "destroy_confirm": STACK}
    deployer.run("playbooks/destroy.yml", **confirmed, rds_skip_final_snapshot=False).assert_good()
    # Secrets that wait for their deletion are restored.
    deployer.run(tags="secrets", **CHANGED).assert_good()
    deployer.run("playbooks/destroy.yml", **{**confirmed, "secrets_recovery_window": 0}).assert_good()

    left = added(empty, resources(account.stack))
    assert left.pop("Buckets") == {BUCKET}
    assert len(left.pop("DBSnapshots")) == 1
    assert left.pop("Roles", set()) <= {"deployer"}
    assert left == {}


def test_nothing_was_refused_that_a_playbook_asked_for(deployer: Site) -> None:
    tried = {row["action"] for row in decisions(deployer) if not row["allowed"]}
    # Those of the test above, which must be.
    assert tried <= {
        *("ec2:DeleteVpc", "ec2:CreateVpc", "ec2:CreateTags", "ec2:CreateSubnet", "secretsmanager:GetSecretValue"),
        *("s3:ListBucket", "s3:DeleteBucket", "s3:PutObject", "iam:DeleteRole", "iam:AttachRolePolicy"),
        *("iam:PutRolePolicy", "iam:PassRole", "ecs:RegisterTaskDefinition", "rds:DeleteDBInstance"),
        "lambda:ListFunctions",
    }


def test_each_right_is_needed_or_has_its_reason(deployer: Site) -> None:
    used = {row["action"] for row in decisions(deployer) if row["allowed"]}
    allowed = {action for row in policy(POLICY)["Statement"] for action in row["Action"]}
    assert used - allowed == set()
    assert allowed - used == set(UNUSED)
