# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Removes tags by their keys, each service by its own API.

No other tag of the resource is touched, whatever somebody sets at the same time. S3 alone has no such call: it takes
all tags of a bucket at once (API PutBucketTagging).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from .reading import Client, absent

#: boto3's names of the services that appear in ARNs under another one.
_CLIENTS = {"elasticloadbalancing": "elbv2"}


def _ec2(client: Client, one: str, keys: list[str]) -> None:
    # Without a value, a tag goes whatever its value is (API DeleteTags).
    client.delete_tags(Resources=[one], Tags=[{"Key": key} for key in keys])


def _bucket(client: Client, one: str, keys: list[str]) -> None:
    name = one.rpartition(":")[2]
    found = absent(lambda: client.get_bucket_tagging(Bucket=name), "NoSuchTagSet")
    before = found["TagSet"] if found else []
    after = [row for row in before if row["Key"] not in keys]
    if after and after != before:
        client.put_bucket_tagging(Bucket=name, Tagging={"TagSet": after})
    elif not after and before:
        client.delete_bucket_tagging(Bucket=name)


_REMOVE: dict[str, Callable[[Client, str, list[str]], Any]] = {
    "ec2": _ec2,
    "ecs": lambda client, one, keys: client.untag_resource(resourceArn=one, tagKeys=keys),
    "elbv2": lambda client, one, keys: client.remove_tags(ResourceArns=[one], TagKeys=keys),
    "iam": lambda client, one, keys: client.untag_role(RoleName=one.rpartition("/")[2], TagKeys=keys),
    "logs": lambda client, one, keys: client.untag_resource(resourceArn=one, tagKeys=keys),
    "rds": lambda client, one, keys: client.remove_tags_from_resource(ResourceName=one, TagKeys=keys),
    "s3": _bucket,
    "secretsmanager": lambda client, one, keys: client.untag_resource(SecretId=one, TagKeys=keys),
}


def service_of(identifier: str) -> str:
    """boto3's name of the service whose resource this is.

    :param identifier: an ARN, or the id of a resource of EC2.
    :raises ValueError: it is of another service.
    """
    parts = identifier.split(":")
    service = parts[2] if identifier.startswith("arn:") and len(parts) > 5 else "ec2" if len(parts) == 1 else ""
    service = _CLIENTS.get(service, service)
    if service not in _REMOVE:
        raise ValueError(f"{identifier} is neither an id of EC2 nor an ARN of {', '.join(sorted(_REMOVE))}")
    return service


def remove_tags(clients: Mapping[str, Client], identifier: str, keys: Collection[str]) -> None:
    """Removes tags from a resource; those that it does not have are gone already.

    :param clients: boto3 clients by service.
    :param identifier: as :func:`service_of` takes it.
    :raises botocore.exceptions.ClientError: when AWS refuses it.
    """
    service = service_of(identifier)
    _REMOVE[service](clients[service], identifier, sorted(keys))
