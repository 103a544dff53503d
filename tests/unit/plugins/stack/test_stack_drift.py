# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody changes behind the stack's back is a difference, and what says the same is none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import pytest
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.fields import Row
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.network.endpoints import DEFAULT_POLICY
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.storage.kinds import LIFECYCLE_RULE
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.scaling import DIMENSION, resource_id
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.service import plan_service
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.comparison import compare
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.names import stack_names

from tests.unit.plugins.run_module import run_module
from tests.unit.plugins.stack import stack_whole
from tests.unit.plugins.stack.stack_looks import Ids

REGION = "eu-west-2"
NAMES = stack_names("behind-its-back", REGION)

EVERYTHING = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}'

Clients = dict[str, Any]


@pytest.fixture(scope="module")
def made(aws: Any) -> Clients:
    """A whole stack, as boto3 makes one."""
    clients = stack_whole.clients(aws.client)
    stack_whole.make(clients, NAMES, REGION, {})
    return clients


def _rule(made: Clients, **more: Any) -> None:
    s3, bucket = made["s3"], stack_whole.bucket_of(NAMES)
    (rule,) = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [{**rule, **more}]})


def expire(made: Clients) -> None:
    _rule(made, Expiration={"Days": 1})


def move(made: Clients) -> None:
    _rule(made, Transitions=[{"Days": 30, "StorageClass": "GLACIER"}])


def move_versions(made: Clients) -> None:
    _rule(made, NoncurrentVersionTransitions=[{"NoncurrentDays": 30, "StorageClass": "GLACIER"}])


def add_rights(made: Clients) -> None:
    made["iam"].put_role_policy(RoleName=NAMES.task_role, PolicyName="extra", PolicyDocument=EVERYTHING)


def attach_rights(made: Clients) -> None:
    policy = made["iam"].create_policy(PolicyName="extra", PolicyDocument=EVERYTHING)["Policy"]["Arn"]
    made["iam"].attach_role_policy(RoleName=NAMES.execution_role, PolicyArn=policy)


def allow_shells(made: Clients) -> None:
    made["ecs"].update_service(cluster=NAMES.cluster, service=NAMES.service, enableExecuteCommand=True)


def log_in_with_tokens(made: Clients) -> None:
    made["rds"].modify_db_instance(
        DBInstanceIdentifier=NAMES.database, EnableIAMDatabaseAuthentication=True, ApplyImmediately=True
    )


def _group(made: Clients) -> str:
    return str(made["elbv2"].describe_target_groups(Names=[NAMES.target_group])["TargetGroups"][0]["TargetGroupArn"])


def check_another_port(made: Clients) -> None:
    made["elbv2"].modify_target_group(TargetGroupArn=_group(made), HealthCheckPort="9999")


def stick(made: Clients) -> None:
    made["elbv2"].modify_target_group_attributes(
        TargetGroupArn=_group(made), Attributes=[{"Key": "stickiness.enabled", "Value": "true"}]
    )


def close_endpoint(made: Clients) -> None:
    (endpoint,) = (
        row
        for row in made["ec2"].describe_vpc_endpoints()["VpcEndpoints"]
        if {"Key": "mlflow:stack", "Value": NAMES.stack} in row["Tags"]
    )
    made["ec2"].modify_vpc_endpoint(
        VpcEndpointId=endpoint["VpcEndpointId"], PolicyDocument=EVERYTHING.replace("Allow", "Deny")
    )


def suspend_scaling(made: Clients) -> None:
    made["application-autoscaling"].register_scalable_target(
        ServiceNamespace="ecs",
        ResourceId=resource_id(NAMES.cluster, NAMES.service),
        ScalableDimension=DIMENSION,
        SuspendedState={"DynamicScalingOutSuspended": True},
    )


#: What somebody does, and what the comparison calls it.
DRIFTS: list[tuple[Callable[[Clients], None], str]] = [
    (expire, "change lifecycle rule {stack}: expiration.Days"),
    (move, "change lifecycle rule {stack}: transitions"),
    (move_versions, "change lifecycle rule {stack}: transitions"),
    (add_rights, "change IAM role {stack}-eu-west-2-task: other_policies"),
    (attach_rights, "change IAM role {stack}-eu-west-2-execution: managed_policies"),
    (allow_shells, "change service {stack}: enable_execute_command"),
    (log_in_with_tokens, "change DB instance {stack}-db: enable_iam_database_authentication"),
    (check_another_port, "change target group {stack}-tg: health_check_port"),
    (stick, "change target group {stack}-tg: attributes.stickiness.enabled"),
    (close_endpoint, "change S3 gateway endpoint {stack}: policy.Statement, policy.Version"),
    (suspend_scaling, "change scaling {stack}: suspended"),
]


@pytest.mark.parametrize(("by_hand", "says"), DRIFTS, ids=[by_hand.__name__ for by_hand, _ in DRIFTS])
def test_it_is_a_difference(made: Clients, by_hand: Callable[[Clients], None], says: str) -> None:
    before = stack_whole.settings(made, NAMES, REGION)
    by_hand(made)
    after = stack_whole.settings(made, NAMES, REGION)
    told = [change.says() for change in compare(before, after).changes]
    assert told == [says.format(stack=NAMES.stack)]


def test_the_versions_that_a_rule_keeps_are_read() -> None:
    rule = {"Status": "Enabled", "NoncurrentVersionExpiration": {"NoncurrentDays": 9, "NewerNoncurrentVersions": 5}}
    dated = {"Status": "Enabled", "Expiration": {"Date": datetime(2026, 1, 1, tzinfo=UTC)}}
    found = LIFECYCLE_RULE.current([Row("kept", rule), Row("dated", dated)], Ids())
    assert found["kept"]["noncurrent_versions_kept"] == 5
    assert found["dated"]["expiration"] == {"Date": "2026-01-01 00:00:00+00:00"}


def _mended(made: Clients, undone: Sequence[str], module: str, aws: Any, **args: Any) -> None:
    """The module that the role runs takes it back, and then changes nothing more."""
    assert run_module(module, {**args, "region": REGION}, aws.process_env)["changed"] is True
    assert run_module(module, {**args, "region": REGION}, aws.process_env)["changed"] is False
    settings = stack_whole.settings(made, NAMES, REGION)
    found: Any = settings
    for key in undone[:-1]:
        found = found[key]
    assert found[undone[-1]] in ([], {}, "traffic-port", {"stickiness.enabled": "false"})


def test_the_rule_s_module_takes_away_what_was_added_to_it(made: Clients, aws: Any) -> None:
    _rule(made, Expiration={"Days": 1}, Transitions=[{"Days": 30, "StorageClass": "GLACIER"}])
    args = {
        "name": stack_whole.bucket_of(NAMES),
        "rule_id": NAMES.stack,
        "prefix": "mlflow-artifacts/",
        "noncurrent_version_expiration_days": 9,
        "status": "enabled",
    }
    _mended(made, ("lifecycle rule", NAMES.stack, "expiration"), "community.aws.s3_lifecycle", aws, **args)
    _rule(made, Expiration={"Days": 1}, Status="Disabled")
    # Why the role removes a rule that was switched off before it writes its own.
    run_module("community.aws.s3_lifecycle", {**args, "region": REGION}, aws.process_env)
    rule = stack_whole.settings(made, NAMES, REGION)["lifecycle rule"][NAMES.stack]
    assert (rule["status"], rule["expiration"]) == ("enabled", {"Days": "1"})


def test_the_role_s_modules_take_away_the_policies_of_others(made: Clients, aws: Any) -> None:
    iam = made["iam"]
    iam.put_role_policy(RoleName=NAMES.task_role, PolicyName="more", PolicyDocument=EVERYTHING)
    for name in settings_of(made, "IAM role", NAMES.task_role)["other_policies"]:
        args = {"iam_type": "role", "iam_name": NAMES.task_role, "policy_name": name, "state": "absent"}
        assert run_module("amazon.aws.iam_policy", {**args, "region": REGION}, aws.process_env)["changed"] is True
    assert settings_of(made, "IAM role", NAMES.task_role)["other_policies"] == []
    policy = iam.create_policy(PolicyName="attached", PolicyDocument=EVERYTHING)["Policy"]["Arn"]
    iam.attach_role_policy(RoleName=NAMES.task_role, PolicyArn=policy)
    _mended(
        made,
        ("IAM role", NAMES.task_role, "managed_policies"),
        "amazon.aws.iam_role",
        aws,
        name=NAMES.task_role,
        assume_role_policy_document=stack_whole.TRUST,
        create_instance_profile=False,
        managed_policies=[],
    )


def settings_of(made: Clients, kind: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = stack_whole.settings(made, NAMES, REGION)[kind][name]
    return found


def test_the_target_group_s_modules_set_its_port_and_its_attributes(made: Clients, aws: Any) -> None:
    check_another_port(made)
    stick(made)
    group = made["elbv2"].describe_target_groups(Names=[NAMES.target_group])["TargetGroups"][0]
    args = {"name": NAMES.target_group, "protocol": "http", "port": 5000, "vpc_id": group["VpcId"], "target_type": "ip"}
    checked = {"health_check_protocol": "http", "health_check_path": "/health", "health_check_port": "traffic-port"}
    where = ("target group", NAMES.target_group)
    _mended(
        made,
        (*where, "health_check_port"),
        "community.aws.elb_target_group",
        aws,
        **args,
        **checked,
        modify_targets=False,
        state="present",
    )
    off = {"stickiness.enabled": "false"}
    told = run_module(
        "target_group", {**args, "tags": {}, "attributes": off, "region": REGION}, aws.process_env, check=True
    )
    assert told["changed"] is True
    _mended(made, (*where, "attributes"), "target_group", aws, **args, tags={}, attributes=off)


def test_an_endpoint_lets_everything_pass_again(made: Clients, aws: Any) -> None:
    close_endpoint(made)
    (endpoint,) = settings_of(made, "S3 gateway endpoint", NAMES.stack)["ids"]
    args = {"vpc_endpoint_id": endpoint, "policy": DEFAULT_POLICY, "region": REGION}
    assert run_module("vpc_endpoint_policy", args, aws.process_env, check=True)["changed"] is True
    assert settings_of(made, "S3 gateway endpoint", NAMES.stack)["policy"] != DEFAULT_POLICY
    assert run_module("vpc_endpoint_policy", args, aws.process_env)["changed"] is True
    assert settings_of(made, "S3 gateway endpoint", NAMES.stack)["policy"] == DEFAULT_POLICY
    assert run_module("vpc_endpoint_policy", args, aws.process_env)["changed"] is False
    gone = run_module("vpc_endpoint_policy", {**args, "vpc_endpoint_id": "vpce-0123"}, aws.process_env)
    assert gone["msg"].startswith("Setting the policy of the VPC endpoint vpce-0123 failed: ")


def test_scaling_that_was_suspended_goes_on(made: Clients, aws: Any) -> None:
    suspend_scaling(made)
    where = {"cluster": NAMES.cluster, "service": NAMES.service, "min_capacity": 0, "max_capacity": 2}
    _mended(made, ("scaling", NAMES.service, "suspended"), "ecs_scaling", aws, **where)


@pytest.mark.parametrize(("now", "asked", "anew"), [(True, False, True), (False, False, False), (False, True, False)])
def test_shells_end_with_the_tasks_that_have_them(now: bool, asked: bool, anew: bool) -> None:
    """UpdateService starts no deployment for that field: "This parameter doesn't trigger a new service deployment"."""
    found = {"serviceName": "one", "taskDefinition": "one:1", "enableExecuteCommand": now}
    plan = plan_service(found, "one", "cluster", "one:1", {"enableExecuteCommand": asked})
    assert bool((plan.update or {}).get("forceNewDeployment")) is anew


OURS = {"Sid": "Ours", "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": ["a", "b"]}
THEIRS = {
    "Sid": "Theirs",
    "Effect": "Allow",
    "Principal": {"AWS": "1"},
    "Action": ["s3:GetObject", "s3:ListBucket"],
    "Resource": "a",
}


@pytest.mark.parametrize(
    ("now", "same"),
    [
        ([THEIRS, OURS], True),
        # Somebody's statement after ours, or our own, written by the console.
        ([OURS, THEIRS], True),
        ([THEIRS, {**OURS, "Action": ["s3:*"], "Principal": {"AWS": "*"}, "Resource": ["b", "a"]}], True),
        ([THEIRS, {**OURS, "Effect": "Allow"}], False),
        ([THEIRS, {**OURS, "Resource": ["a"]}], False),
        ([THEIRS, OURS, {**THEIRS, "Sid": "More"}], False),
        ([THEIRS], False),
    ],
)
def test_policies_that_say_the_same_are_no_difference(now: list[Any], same: bool) -> None:
    def told(statements: list[Any]) -> dict[str, Any]:
        return {"bucket": {"one": {"policy": {"Version": "2012-10-17", "Statement": deepcopy(statements)}}}}

    wrong = [] if same else ["change bucket one: policy.Statement"]
    assert [change.says() for change in compare(told([THEIRS, OURS]), told(now)).changes] == wrong
    # As a template answers them.
    assert [change.says() for change in compare(told(_tagged([THEIRS, OURS])), told(_tagged(now))).changes] == wrong


class Tagged(str):
    """A text of a type of its own, as those are that ansible-core 2.19 templates."""


def _tagged(value: Any) -> Any:
    if isinstance(value, dict):
        return {Tagged(key): _tagged(inner) for key, inner in value.items()}
    return [_tagged(inner) for inner in value] if isinstance(value, list) else Tagged(value)
