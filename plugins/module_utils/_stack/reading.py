# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads of AWS: all pages, nothing where there is nothing, tags as a dictionary."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

try:
    from botocore.exceptions import ClientError
except ImportError:  # AnsibleAWSModule reports the missing library
    ClientError = Exception

Client = Any


def absent(call: Callable[[], Any], *codes: str) -> Any:
    """What ``call`` answers, or None when AWS says that it does not exist (one of ``codes``)."""
    try:
        return call()
    except ClientError as error:
        if error.response["Error"]["Code"] in codes:
            return None
        raise


def pages(client: Client, operation: str, key: str, **arguments: Any) -> Iterator[dict[str, Any]]:
    """The rows of all pages of an operation's answers."""
    for page in client.get_paginator(operation).paginate(**arguments):
        yield from page[key]


def tags(rows: Iterable[Mapping[str, str]] | None, key: str = "Key", value: str = "Value") -> dict[str, str]:
    """Tags as a dictionary, without those of AWS itself, which nobody else can set."""
    return {row[key]: row[value] for row in rows or [] if not row[key].startswith("aws:")}


def newest_revision(client: Client, family: str) -> dict[str, Any] | None:
    """What DescribeTaskDefinition answers for the newest ACTIVE revision of a family, with its tags; None for none."""
    # familyPrefix is "the full family name" (API ListTaskDefinitions).
    arns = pages(client, "list_task_definitions", "taskDefinitionArns", familyPrefix=family, status="ACTIVE")
    newest = max(arns, key=lambda arn: int(str(arn).rsplit(":", 1)[-1]), default=None)
    if newest is None:
        return None
    answer: dict[str, Any] = client.describe_task_definition(taskDefinition=newest, include=["TAGS"])
    return answer
