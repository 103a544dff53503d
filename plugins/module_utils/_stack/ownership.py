# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose a resource is: what exists under a name of the stack without its tag belongs to somebody else.

Such a resource is never changed, untagged or deleted, and the value of such a secret is never read. Discovery treats it
as if it were not there, and reports it, so that a run is refused before its first write.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

#: The tag by which a resource belongs to a stack.
STACK_TAG = "mlflow:stack"

_TAG_IN_EC2 = "ec2 create-tags --resources {id} --tags Key={tag},Value={stack}"
#: How to tag a resource by hand, by kind: a command of the AWS CLI without its region, for a resource and a stack.
_TAG_COMMANDS: dict[str, str] = {
    **dict.fromkeys(
        ("security group", "NAT gateway", "internet gateway", "S3 gateway endpoint", "route table"),
        _TAG_IN_EC2,
    ),
    "secret": "secretsmanager tag-resource --secret-id {id} --tags Key={tag},Value={stack}",
    **dict.fromkeys(
        ("DB instance", "DB subnet group", "DB parameter group"),
        "rds add-tags-to-resource --resource-name {id} --tags Key={tag},Value={stack}",
    ),
    **dict.fromkeys(
        ("load balancer", "target group"), "elbv2 add-tags --resource-arns {id} --tags Key={tag},Value={stack}"
    ),
    **dict.fromkeys(
        ("cluster", "service", "task definition"),
        "ecs tag-resource --resource-arn {id} --tags key={tag},value={stack}",
    ),
    "IAM role": "iam tag-role --role-name {name} --tags Key={tag},Value={stack}",
    "log group": "logs tag-resource --resource-arn {id} --tags {tag}={stack}",
}

#: The kinds of resources that have an owner. A bucket is tagged by no command that leaves its other tags alone.
KINDS = (*_TAG_COMMANDS, "bucket")


class Owner:
    """Decides whether resources belong to a stack, and keeps those that do not.

    :param stack: name of the stack.
    :param adopted: kinds, names or ids of resources that count as the stack's though they lack its tag; what carries
        the tag of another stack does so by its own name or id only.
    """

    def __init__(self, stack: str, adopted: Collection[str] = ()) -> None:
        self._stack, self._adopted = stack, frozenset(adopted)
        self._foreign: dict[tuple[str, str], dict[str, Any]] = {}

    def owns(
        self,
        kind: str,
        name: str,
        identifier: str,
        tags: Mapping[str, str],
        *,
        adoptable: bool = True,
        **facts: Any,
    ) -> bool:
        """Whether a resource is the stack's; one that is not is kept in :attr:`foreign`.

        :param kind: one of :data:`KINDS`.
        :param identifier: what AWS takes for it: an id, an ARN or a name.
        :param adoptable: whether it may be adopted.
        :param facts: what else is kept of one that is not the stack's.
        """
        called = {name, identifier} if STACK_TAG in tags else {kind, name, identifier}
        if tags.get(STACK_TAG) == self._stack or (adoptable and self._adopted & called):
            return True
        row = {"kind": kind, "name": name, "id": identifier, "stack": tags.get(STACK_TAG), **facts}
        # Threads write here at the same time: one assignment is atomic.
        self._foreign[kind, identifier] = row
        return False

    @property
    def foreign(self) -> list[dict[str, Any]]:
        """``kind``, ``name``, ``id``, and ``stack``, that of its tag or None, of what was somebody else's."""
        return sorted(self._foreign.values(), key=lambda row: (row["kind"], row["name"], row["id"]))


def foreign_problems(foreign: Iterable[Mapping[str, Any]], stack: str, region: str) -> list[str]:
    """Why a run cannot begin: one sentence for each resource of somebody else in the place of one of the stack's."""
    return [
        sentence
        for row in foreign
        for sentence in (_bucket_sentences(row) if row["kind"] == "bucket" else [_sentence(row, stack, region)])
    ]


def _bucket_sentences(row: Mapping[str, Any]) -> list[str]:
    """Of a bucket, which may be used without being owned; with what else would stand in the way."""
    name = row["name"]
    remedy = "choose another name"
    if row["shared"]:
        remedy += (
            ", or, if this stack may keep its artifacts in it, where a run switches versions on and closes it to the "
            f'public, name it in stack_adopt for the first run, such as -e \'{{"stack_adopt": ["{name}"]}}\''
        )
    sentence = (
        f"storage_bucket: '{name}', but this bucket exists and {_owner(row)}, so it belongs to somebody else; {remedy}"
    )
    return [sentence, *(row["hindrances"] if row["shared"] else [])]


def namesake_remarks(namesakes: Iterable[Mapping[str, Any]], stack: str, region: str) -> list[str]:
    """What a run says that makes a resource beside one of somebody else with the same name."""
    return [
        f"{row['kind']} {row['id']} is called {row['name']} too and {_owner(row)}, so it belongs to somebody else: it "
        f"stays as it is, and the stack gets one of its own; if it is this stack's, tag it before the run (aws "
        f"{_TAG_IN_EC2.format(id=row['id'], tag=STACK_TAG, stack=stack)} --region {region})"
        for row in namesakes
    ]


def _owner(row: Mapping[str, Any]) -> str:
    return f"is tagged {STACK_TAG}={row['stack']}" if row["stack"] else f"has no tag {STACK_TAG}"


def _sentence(row: Mapping[str, Any], stack: str, region: str) -> str:
    command = _TAG_COMMANDS[row["kind"]].format(id=row["id"], name=row["name"], tag=STACK_TAG, stack=stack)
    what = f"{row['kind']} {row['name']}" + (
        "" if row["name"] == row["id"] or row["id"].startswith("arn:") else f" ({row['id']})"
    )
    return (
        f"stack_name: {stack}, but the {what} exists and {_owner(row)}, so it belongs to somebody else; choose another "
        f"name, or if it is this stack's, tag it (aws {command} --region {region}) or name it in stack_adopt, such as "
        f'-e \'{{"stack_adopt": ["{row["name"]}"]}}\''
    )
