# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tags that other people's automation sets on every resource of a stack survive its runs, and are no drift.

Each test takes the stack that the one before left, so a failure makes the later ones meaningless.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.names import stack_names
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.untag import service_of

from tests.deployed.deployed_runs import Site
from tests.unit.plugins.stack import stack_whole

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1700)]

STACK = "fraud-scoring-mlflow-local"
BUCKET = "fraud-models-test-local"
REGION = "eu-west-2"
GIVEN: dict[str, Any] = {"stack_tags": {"Team": "red", "Owner": "ml"}, "mlflow_users": [{"name": "ann"}]}
THEIRS = {"CreatedBy": "somebody", "Owner": "platform"}
IGNORING = {**GIVEN, "stack_ignore_tags": ["Own*"]}


def _bucket(client: Any, one: str, tags: dict[str, str]) -> None:
    name = one.rpartition(":")[2]
    rows = client.get_bucket_tagging(Bucket=name)["TagSet"]
    after = [row for row in rows if row["Key"] not in tags] + _upper(tags)
    client.put_bucket_tagging(Bucket=name, Tagging={"TagSet": after})


def _upper(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


#: How somebody tags a resource, by service.
TAG: dict[str, Callable[[Any, str, dict[str, str]], Any]] = {
    "ec2": lambda client, one, tags: client.create_tags(Resources=[one], Tags=_upper(tags)),
    "ecs": lambda client, one, tags: client.tag_resource(
        resourceArn=one, tags=[{"key": key, "value": value} for key, value in tags.items()]
    ),
    "elbv2": lambda client, one, tags: client.add_tags(ResourceArns=[one], Tags=_upper(tags)),
    "iam": lambda client, one, tags: client.tag_role(RoleName=one.rpartition("/")[2], Tags=_upper(tags)),
    "logs": lambda client, one, tags: client.tag_resource(resourceArn=one, tags=tags),
    "rds": lambda client, one, tags: client.add_tags_to_resource(ResourceName=one, Tags=_upper(tags)),
    "s3": _bucket,
    "secretsmanager": lambda client, one, tags: client.tag_resource(SecretId=one, Tags=_upper(tags)),
}


def now(site: Site) -> dict[str, dict[str, str]]:
    """The tags of everything that is the stack's, by kind and name."""
    clients, names = stack_whole.clients(site.stack.aws), stack_names(STACK, REGION)
    found = stack_whole.settings(clients, names, REGION, BUCKET)
    return {
        f"{kind} {name}": row["tags"]
        for kind, rows in found.items()
        for name, row in rows.items()
        if row.get("tags", {}).get("mlflow:stack") == STACK
    }


def ids(site: Site) -> list[str]:
    """What AWS takes for each of these resources."""
    clients, names = stack_whole.clients(site.stack.aws), stack_names(STACK, REGION)
    found = stack_whole.settings(clients, names, REGION, BUCKET)
    return [
        one
        for rows in found.values()
        for row in rows.values()
        if row.get("tags", {}).get("mlflow:stack") == STACK
        for one in row["ids"]
    ]


def assert_theirs(site: Site) -> None:
    """Every resource has the tags that somebody gave to it."""
    assert {name: own for name, own in now(site).items() if own != {**own, **THEIRS}} == {}


def test_tags_of_others_are_no_drift(account: Site) -> None:
    account.deploy(**GIVEN)
    kinds = {name.partition(" ")[0] for name in now(account)}
    assert kinds == {kind.partition(" ")[0] for kind in stack_whole.TAGGED}
    for one in ids(account):
        TAG[service_of(one)](account.stack.aws(service_of(one)), one, THEIRS)
    time.sleep(account.settling)
    assert_theirs(account)
    # It writes drift.json, and ends with 2 where there is any drift.
    account.run("playbooks/drift.yml", **IGNORING).assert_good()
    account.run(check=True, **IGNORING).assert_nothing_changed()


def test_without_being_ignored_a_key_of_the_inventory_is_drift(account: Site) -> None:
    ended = account.run("playbooks/drift.yml", **GIVEN)
    assert ended.code == 2
    said = "\n".join(ended.messages())
    assert "tags.Owner" in said
    assert "CreatedBy" not in said


def test_they_survive_a_full_run_and_a_rotation(account: Site) -> None:
    account.run(stack_full_run=True, **IGNORING).assert_nothing_changed()
    assert_theirs(account)
    account.run("playbooks/rotate.yml", tags="database", **IGNORING).assert_good()
    assert_theirs(account)
    account.run(**IGNORING).assert_nothing_changed()


def test_a_change_of_every_resource_leaves_them(account: Site) -> None:
    changed = {**IGNORING, "stack_tags": {"Team": "blue", "Owner": "ml"}, "ecs_mlflow_start_period": 130}
    account.run(**changed).assert_good()
    assert {own["Team"] for own in now(account).values()} == {"blue"}
    assert_theirs(account)


def test_a_key_that_leaves_the_inventory_is_removed_and_nothing_else(account: Site) -> None:
    before = now(account)
    left = {**IGNORING, "stack_tags": {"Owner": "ml"}, "ecs_mlflow_start_period": 130}
    ended = account.run("playbooks/drift.yml", **left)
    said = "\n".join(ended.messages())
    # The secrets of users are the role mlflow_access's, which is no part of the comparison.
    assert said.count("tags.Team, tags.mlflow:tags") == len([name for name in before if " of a user " not in name])
    account.run(**left).assert_good()
    assert now(account) == {
        name: {key: value for key, value in {**own, "mlflow:tags": "Owner"}.items() if key != "Team"}
        for name, own in before.items()
    }
    account.run(**left).assert_nothing_changed()


def test_without_any_tag_of_the_inventory_no_record_is_left(account: Site) -> None:
    left = {"mlflow_users": GIVEN["mlflow_users"], "stack_tags": {}, "ecs_mlflow_start_period": 130}
    account.run(**left).assert_good()
    assert {name for name, own in now(account).items() if "Owner" in own or "mlflow:tags" in own} == set()
    assert {own["CreatedBy"] for own in now(account).values()} == {"somebody"}
    account.run(**left).assert_nothing_changed()
