# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tags of others are left alone, and those that the stack gave and no longer wants are removed, of every kind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.network.endpoints import _common
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._preflight.tags import ignore_problems, tag_problems
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.comparison import compare
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.names import StackNames, stack_names
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.tagging import (
    ignored,
    tag_record,
    tags_to_remove,
    tags_to_set,
)
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.untag import service_of
from hypothesis import given
from hypothesis import strategies as some

from tests.unit.plugins.run_module import run_module
from tests.unit.plugins.stack import stack_whole

REGION = "eu-north-1"
KEYS = some.text("ab =_:", min_size=1, max_size=12)


@given(some.sets(KEYS, max_size=40), some.sets(KEYS, max_size=8))
def test_a_record_names_the_keys_that_were_given_and_no_other(own: set[str], others: set[str]) -> None:
    current = {**dict.fromkeys(others | own, "x"), **tag_record(own)}
    assert tags_to_remove({}, current) == sorted({*own, *tag_record(own)})


def test_a_record_takes_as_many_tags_as_it_needs() -> None:
    keys = [f"{number:03d}{'k' * 125}" for number in range(5)]
    record = tag_record(keys)
    assert list(record) == ["mlflow:tags", "mlflow:tags2", "mlflow:tags3", "mlflow:tags4", "mlflow:tags5"]
    assert max(len(value) for value in record.values()) <= 256
    assert tags_to_remove({}, {**dict.fromkeys(keys, "x"), **record, "other": "x"}) == sorted([*keys, *record])
    # The longest key of nothing but characters that are written as two.
    assert [len(value) for value in tag_record(["=" * 128]).values()] == [256]


def test_what_is_wanted_by_now_stays_and_a_record_that_is_not_needed_goes() -> None:
    now = {"Team": "red", "Cost Center": "7", "By": "somebody", **tag_record(["Team", "Cost Center"])}
    assert tags_to_remove({"Team": "blue", "mlflow:tags": "Team"}, now) == ["Cost Center"]
    assert tags_to_remove({}, now) == ["Cost Center", "Team", "mlflow:tags"]
    # Somebody else's, however it is called.
    assert tags_to_remove({}, {"mlflow:tagsets": "Team", "Team": "red"}) == []


@pytest.mark.parametrize(
    ("key", "patterns", "yes"),
    [
        ("Owner", ["Owner"], True),
        ("Owners", ["Owner"], False),
        ("team:red", ["team:*"], True),
        ("team", ["team:*"], False),
        ("Owner", [], False),
    ],
)
def test_a_pattern_is_a_key_or_the_beginning_of_one(key: str, patterns: list[str], yes: bool) -> None:
    assert ignored(key, patterns) is yes


def test_a_tag_that_others_see_to_is_given_once() -> None:
    wanted = {"Owner": "ml", "Team": "red"}
    assert tags_to_set(wanted, None, ["Owner"]) == wanted
    assert tags_to_set(wanted, {"Owner": "platform"}, ["Owner"]) == {"Team": "red"}
    # Whether it is there by now or not.
    assert tags_to_set(wanted, {}, ["Own*"]) == {"Team": "red"}
    assert tags_to_remove({}, {"Owner": "platform", "Team": "x", **tag_record(wanted)}, ["Owner"]) == [
        "Team",
        "mlflow:tags",
    ]


def test_endpoints_of_several_zones_are_one_to_the_comparison() -> None:
    record = tag_record(["Team"])
    own = _common([{"Team": "red", "By": "somebody", **record}, {"Team": "red", **record}])
    wanted = {"S3 gateway endpoint": {"one": {"tags": {"Team": "red", **record}}}}
    assert compare(wanted, {"S3 gateway endpoint": {"one": {"tags": own, "ids": []}}}).changes == ()
    differing = _common([{"Team": "red", **record}, {"Team": "blue", **record}])
    (change,) = compare(wanted, {"S3 gateway endpoint": {"one": {"tags": differing, "ids": []}}}).changes
    assert change.before == {"tags.Team": "red | blue"}


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("", "stack_ignore_tags: '' is empty; take it out"),
        (
            "*",
            "'*' matches mlflow:stack, mlflow:component, mlflow:username, mlflow:tier, mlflow:ran, mlflow:migrated, "
            "Name",
        ),
        ("mlflow:st*", "'mlflow:st*' matches mlflow:stack, by which the collection knows its own resources"),
        ("Name", "'Name' matches Name"),
        ("mlflow:tags", "'mlflow:tags' matches mlflow:tags"),
        ("aws:x", "'aws:x' begins with aws:, and AWS's own tags are always left alone"),
        ("te*m", "'te*m' contains '*'; write a key, or the beginning of one with one * at its end"),
        ("team:**", "'team:**' contains '*'"),
    ],
)
def test_a_pattern_that_cannot_be_meant_is_refused(pattern: str, says: str) -> None:
    (problem,) = ignore_problems("stack_ignore_tags", [pattern])
    assert says in problem
    assert ignore_problems("stack_ignore_tags", ["Owner", "team:*", "Cost Center"]) == []


def test_the_tags_that_name_the_others_count_too() -> None:
    assert tag_problems("stack_tags", {f"k{n}": "v" for n in range(45)}) == []
    (problem,) = tag_problems("stack_tags", {f"{n}{'k' * 100}": "v" for n in range(40)})
    assert problem.startswith("stack_tags: has 40 tags; ")
    assert "in 20, so list at most 26" in problem
    (problem,) = tag_problems("stack_tags", {"mlflow:tags2": "x"})
    assert "is set by the collection itself" in problem


@pytest.fixture(scope="module")
def whole(aws: Any) -> Iterator[tuple[dict[str, Any], StackNames]]:
    """A stack that was given Team and Cost Center, and that somebody tagged with By."""
    names = stack_names("tagged", REGION)
    clients = stack_whole.clients(lambda service: aws.client(service, region=REGION))
    own = {"Team": "red", "Cost Center": "7", "By": "somebody", **tag_record(["Team", "Cost Center"])}
    stack_whole.make(clients, names, REGION, own)
    yield clients, names
    clients["rds"].delete_db_instance(DBInstanceIdentifier=names.database, SkipFinalSnapshot=True)


def test_every_kind_of_the_settings_is_known(whole: tuple[dict[str, Any], StackNames]) -> None:
    """A kind that is added to the readers is to be made here, too."""
    found = stack_whole.settings(*whole, REGION)
    tagged = {kind for kind, rows in found.items() if any("tags" in row for row in rows.values())}
    assert tagged == set(stack_whole.TAGGED)
    assert {kind for kind, rows in found.items() for row in rows.values() if "tags" in row and not row["ids"]} == set()


@pytest.mark.parametrize("kind", stack_whole.TAGGED)
def test_a_tag_of_others_is_no_change_and_one_that_was_ours_is_removed(
    aws: Any, whole: tuple[dict[str, Any], StackNames], kind: str
) -> None:
    def now() -> dict[str, Any]:
        rows = stack_whole.settings(*whole, REGION)[kind].items()
        # In a VPC, AWS makes a security group and a route table of its own.
        return {name: row for name, row in rows if "mlflow:stack" in row["tags"]}

    before = now()
    kept = {"Team": "red", **tag_record(["Team"])}
    ours = {key for row in before.values() for key in row["tags"] if key.startswith(("mlflow:", "Name"))}
    own = {name: {key: row["tags"][key] for key in ours & set(row["tags"])} for name, row in before.items()}
    wanted = {kind: {name: {"tags": {**tags, **kept}} for name, tags in own.items()}}
    found = compare(wanted, {kind: before})
    assert [change.says() for change in found.changes] == [
        f"change {kind} {name}: tags.Cost Center, tags.mlflow:tags" for name in wanted[kind]
    ]
    told = run_module("stack_untag", {"resources": list(found.untag), "region": REGION}, aws.process_env)
    assert told.get("changed") is True, told
    after = now()
    for name, row in before.items():
        assert after[name]["tags"] == {key: value for key, value in row["tags"].items() if key != "Cost Center"}
    # What is left is the record, which the writing tasks set.
    assert {key for change in compare(wanted, {kind: after}).changes for key in change.after} == {"tags.mlflow:tags"}
    assert compare(wanted, {kind: after}).untag == ()


def test_in_check_mode_nothing_is_removed(aws: Any) -> None:
    rows = [{"ids": ["vpc-0123456789abcdef0"], "keys": ["b", "a"]}]
    told = run_module("stack_untag", {"resources": rows, "region": REGION}, aws.process_env, check=True)
    assert told["removed"] == [{"id": "vpc-0123456789abcdef0", "keys": ["a", "b"]}]
    nothing = {"resources": [{"ids": ["vpc-0123456789abcdef0"], "keys": []}], "region": REGION}
    assert run_module("stack_untag", nothing, aws.process_env)["changed"] is False


def test_what_aws_refuses_is_told_with_resource_and_keys(aws: Any) -> None:
    arn = "arn:aws:secretsmanager:eu-north-1:123456789012:secret:gone-AbCdEf"
    told = run_module("stack_untag", {"resources": [{"ids": [arn], "keys": ["a"]}], "region": REGION}, aws.process_env)
    assert told["msg"].startswith(f"Removing the tags a of {arn} failed: ")


@pytest.mark.parametrize("one", ["arn:aws:sns:eu-west-2:123456789012:topic", "vpc:1", "arn:aws:ec2"])
def test_a_resource_of_another_service_is_refused(one: str) -> None:
    with pytest.raises(ValueError, match="is neither an id of EC2 nor an ARN of "):
        service_of(one)


def test_a_bucket_whose_last_tag_goes_has_none(aws: Any) -> None:
    s3 = aws.client("s3", region=REGION)
    s3.create_bucket(Bucket="last-tag-goes", CreateBucketConfiguration={"LocationConstraint": REGION})
    rows = {"resources": [{"ids": ["arn:aws:s3:::last-tag-goes"], "keys": ["Team"]}], "region": REGION}
    # Without any tag, S3 answers an error.
    assert run_module("stack_untag", rows, aws.process_env).get("failed") is None
    s3.put_bucket_tagging(Bucket="last-tag-goes", Tagging={"TagSet": [{"Key": "Team", "Value": "red"}]})
    assert run_module("stack_untag", rows, aws.process_env).get("failed") is None
    with pytest.raises(s3.exceptions.ClientError, match="NoSuchTagSet"):
        s3.get_bucket_tagging(Bucket="last-tag-goes")
    s3.delete_bucket(Bucket="last-tag-goes")
