# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A revision of a task definition that differs from another one in the versions of its secrets only. Pure."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .shapes import request_shape
from .task_definition import Definition, Revision, canonical

#: Parts of the ARN of a secret, and of what a container names: ``<ARN>:json-key:version-stage:version-id``
#: (ECS developer guide, "Pass Secrets Manager secrets through Amazon ECS environment variables").
_ARN_PARTS, _ALL_PARTS = 7, 10


def repinned(reference: str, versions: Mapping[str, str]) -> str:
    """``reference`` with the version that ``versions`` has of its secret; one that names no version id stays.

    :param versions: version ids by the secrets' ARNs.
    """
    parts = reference.split(":")
    if len(parts) != _ALL_PARTS or not parts[-1]:
        return reference
    version = versions.get(":".join(parts[:_ARN_PARTS]))
    return ":".join([*parts[:-1], version]) if version else reference


def with_versions(definition: Definition, versions: Mapping[str, str]) -> Definition:
    """A RegisterTaskDefinition request that asks for ``definition`` with these versions of its secrets.

    :param definition: as DescribeTaskDefinition answers it; what only ECS sets is left out.
    """
    members = request_shape("RegisterTaskDefinition").members
    request = {key: copy.deepcopy(value) for key, value in definition.items() if key in members and key != "tags"}
    for secret in _secrets(request):
        secret["valueFrom"] = repinned(secret["valueFrom"], versions)
    return request


def _secrets(definition: Definition) -> Iterator[dict[str, Any]]:
    for container in definition.get("containerDefinitions", []):
        yield from container.get("secrets", [])


def base_of(revisions: Sequence[Revision], ran_tag: str | None) -> Revision | None:
    """The revision to start from: the newest, of those that ran where any did.

    A newer one that never ran is of a run that did not end, and may hold changes that nobody has rolled out.

    :param revisions: newest first.
    :param ran_tag: the tag of those that ran; None takes the newest.
    """
    ran = [revision for revision in revisions if ran_tag is not None and ran_tag in revision.tags]
    return next(iter([*ran, *revisions]), None)


def already(wanted: Definition, revisions: Sequence[Revision]) -> Revision | None:
    """The revision that is as wanted already, the newest of them."""
    asked = canonical(wanted)
    return next((revision for revision in revisions if canonical(revision.definition) == asked), None)
