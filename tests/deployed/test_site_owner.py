# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stack takes nothing of somebody else's, loses no data silently, and leaves nothing of its own behind."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.account import added, resources
from tests.deployed.deployed_runs import Site
from tests.playbooks import Ended

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

#: What these tests make by hand builds upon itself, call by call.
CONSISTENCY = 0.0

STACK = "fraud-scoring-mlflow-local"
BUCKET = "fraud-models-test-local"
ROLE = f"{STACK}-eu-west-2-task"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


def refused(ended: Ended) -> str:
    """What a run said that was refused and changed nothing."""
    assert ended.code == 2, ended.output[-3000:]
    assert ended.recap()["changed"] == 0
    return "\n".join(ended.messages())


def test_what_somebody_else_has_under_the_stacks_names_is_left_alone(account: Site, empty: dict[str, set[str]]) -> None:
    stack = account.stack
    iam, sm, ecs, logs = (stack.aws(service) for service in ("iam", "secretsmanager", "ecs", "logs"))
    iam.create_role(
        RoleName=ROLE, AssumeRolePolicyDocument=json.dumps(TRUST), Tags=[{"Key": "Owner", "Value": "somebody"}]
    )
    sm.create_secret(Name=f"{STACK}/mlflow/admin", SecretString="theirs")
    ecs.create_cluster(clusterName=f"{STACK}-cluster")
    logs.create_log_group(logGroupName=f"/ecs/{STACK}", tags={"Owner": "somebody"})
    before = resources(stack)

    for playbook, check in (("site.yml", False), ("site.yml", True), ("playbooks/drift.yml", False)):
        said = refused(account.run(playbook, check=check))
        for kind in ("IAM role", "secret", "cluster", "log group"):
            assert f"but the {kind} " in said
        assert resources(stack) == before
    ended = account.run("playbooks/destroy.yml", destroy_confirm=STACK)
    ended.assert_nothing_changed()
    assert resources(stack) == before
    assert iam.list_role_tags(RoleName=ROLE)["Tags"] == [{"Key": "Owner", "Value": "somebody"}]
    assert sm.get_secret_value(SecretId=f"{STACK}/mlflow/admin")["SecretString"] == "theirs"

    iam.delete_role(RoleName=ROLE)
    sm.delete_secret(SecretId=f"{STACK}/mlflow/admin", ForceDeleteWithoutRecovery=True)
    logs.delete_log_group(logGroupName=f"/ecs/{STACK}")


def test_what_is_adopted_becomes_the_stacks(account: Site) -> None:
    """The cluster that somebody made by hand for this stack."""
    account.deploy(stack_adopt=["cluster"])
    stack = account.stack
    (cluster,) = stack.aws("ecs").describe_clusters(clusters=[f"{STACK}-cluster"], include=["TAGS"])["clusters"]
    assert {"key": "mlflow:stack", "value": STACK} in cluster["tags"]
    assert stack.search(stack.login) == 200
    account.run().assert_nothing_changed()


def test_a_lost_secret_is_refused_and_created_again_where_it_is_asked_for(account: Site) -> None:
    stack = account.stack
    before = stack.login
    for use in ("database/master", "mlflow/admin"):
        stack.aws("secretsmanager").delete_secret(SecretId=f"{STACK}/{use}", ForceDeleteWithoutRecovery=True)
    for playbook, check in (("site.yml", False), ("site.yml", True), ("playbooks/rotate.yml", False)):
        said = refused(account.run(playbook, check=check))
        for use in ("database/master", "mlflow/admin"):
            assert f"the secret {STACK}/{use} does not exist" in said

    account.deploy(stack_recreate_secrets=["master", "admin"])
    now = json.loads(stack.aws("secretsmanager").get_secret_value(SecretId=f"{STACK}/mlflow/admin")["SecretString"])
    assert stack.search((now["username"], now["password"])) == 200
    assert (now["username"], now["password"]) != before
    account.run().assert_nothing_changed()


def _delete_database(account: Site, **options: Any) -> None:
    rds = account.stack.aws("rds")
    rds.delete_db_instance(DBInstanceIdentifier=f"{STACK}-db", **options)
    waiter = rds.get_waiter("db_instance_deleted")
    waiter.config.delay = 2
    waiter.wait(DBInstanceIdentifier=f"{STACK}-db")


def test_a_lost_database_is_refused_with_its_backups(account: Site) -> None:
    _delete_database(account, FinalDBSnapshotIdentifier="taken-by-hand")
    before = resources(account.stack)
    for playbook, check in (
        ("site.yml", False),
        ("site.yml", True),
        ("playbooks/drift.yml", False),
        ("playbooks/rotate.yml", False),
    ):
        said = refused(account.run(playbook, check=check))
        assert f"its DB instance {STACK}-db does not exist" in said
        assert "--db-snapshot-identifier taken-by-hand" in said
        assert "-e stack_recreate_database=true" in said
        assert resources(account.stack) == before


def test_the_secrets_tell_of_a_lost_database_of_which_nothing_else_is_left(account: Site) -> None:
    ecs, rds = account.stack.aws("ecs"), account.stack.aws("rds")
    ecs.delete_service(cluster=f"{STACK}-cluster", service=STACK, force=True)
    for family in (STACK, f"{STACK}-migration"):
        for arn in ecs.list_task_definitions(familyPrefix=family, status="ACTIVE")["taskDefinitionArns"]:
            ecs.deregister_task_definition(taskDefinition=arn)
    rds.delete_db_snapshot(DBSnapshotIdentifier="taken-by-hand")
    for row in rds.describe_db_instance_automated_backups()["DBInstanceAutomatedBackups"]:
        rds.delete_db_instance_automated_backup(DbiResourceId=row["DbiResourceId"])
    for playbook, check in (("site.yml", False), ("site.yml", True), ("playbooks/drift.yml", False)):
        said = refused(account.run(playbook, check=check))
        assert f"its DB instance {STACK}-db does not exist, and the tag mlflow:migrated of 5 secrets shows" in said


def test_one_run_gives_the_data_up(account: Site) -> None:
    account.deploy(stack_recreate_database=True)
    now = json.loads(
        account.stack.aws("secretsmanager").get_secret_value(SecretId=f"{STACK}/mlflow/admin")["SecretString"]
    )
    assert account.stack.search((now["username"], now["password"])) == 200
    said = refused(account.run(stack_recreate_database=True))
    assert "stack_recreate_database: true, but the database" in said


def test_what_blocks_the_destroy_is_told_before_anything_is_deleted(account: Site) -> None:
    ec2 = account.stack.aws("ec2")
    mine = [{"Name": "tag:mlflow:stack", "Values": [STACK]}]
    subnet = ec2.describe_subnets(Filters=mine)["Subnets"][0]
    name = f"GuardDutyManagedSecurityGroup-{subnet['VpcId']}"
    group = ec2.create_security_group(GroupName=name, Description="x", VpcId=subnet["VpcId"])["GroupId"]
    interface = ec2.create_network_interface(SubnetId=subnet["SubnetId"])["NetworkInterface"]["NetworkInterfaceId"]
    before = resources(account.stack)

    said = refused(account.run("playbooks/destroy.yml", destroy_confirm=STACK))
    assert f"network interface {interface}" in said
    assert f"security group {group} ({name})" in said
    assert "GuardDuty manages it" in said
    assert resources(account.stack) == before

    ec2.delete_network_interface(NetworkInterfaceId=interface)
    ec2.delete_security_group(GroupId=group)


def test_a_destroy_takes_all_that_carries_the_tag(account: Site, empty: dict[str, set[str]]) -> None:
    """A second VPC, of which the answer to the creation was lost, and a route table that two operators made."""
    ec2 = account.stack.aws("ec2")
    mine = [{"Name": "tag:mlflow:stack", "Values": [STACK]}]
    vpc = ec2.describe_vpcs(Filters=mine)["Vpcs"][0]["VpcId"]
    tags = [{"Key": "mlflow:stack", "Value": STACK}]
    ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=[{"ResourceType": "vpc", "Tags": tags}])
    ec2.create_route_table(VpcId=vpc, TagSpecifications=[{"ResourceType": "route-table", "Tags": tags}])
    # That of a stranger, beside the VPC, stays.
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]

    account.run("playbooks/destroy.yml", destroy_confirm=STACK).assert_good()

    left = added(empty, resources(account.stack))
    assert left.pop("Addresses") == {address}
    assert left.pop("Buckets") == {BUCKET}
    assert left.pop("DBSnapshots") == {"taken-by-hand"}
    assert left == {}
