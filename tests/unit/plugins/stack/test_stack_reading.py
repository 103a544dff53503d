# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which revision of a task definition is the newest, and what the removal of a bucket's tags writes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.reading import newest_revision
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.untag import remove_tags

Requests = Callable[[Any], list[str]]
REGION = "eu-west-2"


@pytest.fixture
def requests() -> Requests:
    """Has the names of the operations of a client's requests kept."""

    def of(client: Any) -> list[str]:
        sent: list[str] = []
        client.meta.events.register("before-call", lambda model, **_given: sent.append(model.name))
        return sent

    return of


def _register(ecs: Any, family: str) -> str:
    container = {"name": "x", "image": "x", "essential": True, "memory": 64}
    made = ecs.register_task_definition(family=family, containerDefinitions=[container])["taskDefinition"]
    return str(made["taskDefinitionArn"])


def test_revisions_are_ordered_by_their_numbers(aws: Any) -> None:
    ecs = aws.client("ecs")
    made = [_register(ecs, "counted") for _ in range(11)]
    found = newest_revision(ecs, "counted")
    assert found is not None
    assert found["taskDefinition"]["taskDefinitionArn"] == made[-1]
    assert made[-1].endswith(":11")
    for arn in made[8:]:
        ecs.deregister_task_definition(taskDefinition=arn)
    found = newest_revision(ecs, "counted")
    assert found is not None
    assert found["taskDefinition"]["taskDefinitionArn"] == made[7]


def test_a_family_that_begins_alike_is_another_one(aws: Any) -> None:
    ecs = aws.client("ecs")
    first = _register(ecs, "alike")
    for _ in range(3):
        _register(ecs, "alike-migrate")
    found = newest_revision(ecs, "alike")
    assert found is not None
    assert found["taskDefinition"]["taskDefinitionArn"] == first
    assert newest_revision(ecs, "ali") is None


@pytest.mark.parametrize(
    ("has", "removed", "left", "written"),
    [
        ({"a": "1", "b": "2"}, ["a"], {"b": "2"}, ["PutBucketTagging"]),
        ({"a": "1", "b": "2"}, ["a", "b"], {}, ["DeleteBucketTagging"]),
        ({"a": "1"}, ["c"], {"a": "1"}, []),
        ({}, ["c"], {}, []),
    ],
)
def test_the_tags_of_a_bucket_are_written_only_where_some_go(
    aws: Any,
    requests: Requests,
    has: dict[str, str],
    removed: list[str],
    left: dict[str, str],
    written: list[str],
) -> None:
    s3 = aws.client("s3")
    name = f"tags-{len(has)}-{len(removed)}-{len(left)}"
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    if has:
        s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": [{"Key": k, "Value": v} for k, v in has.items()]})
    sent = requests(s3)
    remove_tags({"s3": s3}, f"arn:aws:s3:::{name}", removed)
    assert [operation for operation in sent if operation != "GetBucketTagging"] == written
    if left:
        tags = s3.get_bucket_tagging(Bucket=name)["TagSet"]
        assert {row["Key"]: row["Value"] for row in tags} == left
