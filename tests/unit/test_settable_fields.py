# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever AWS lets somebody set on what the roles own is compared, or somebody has said why it is not.

``settable_fields.yml`` has every such operation, parameter and attribute. A new release of botocore that knows one more
fails here until it is judged.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
import pytest
import yaml
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.registry import COMPONENTS
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.names import stack_names

from tests.unit.plugins.stack import stack_whole

ROOT = Path(__file__).resolve().parents[2]
TABLE: dict[str, dict[str, Any]] = yaml.safe_load(
    (ROOT / "tests" / "unit" / "settable_fields.yml").read_text(encoding="utf-8")
)
#: By what a call finds its resource, and how it is made.
MANNER = {
    "Bucket", "Id", "ContentMD5", "ChecksumAlgorithm", "ExpectedBucketOwner", "RoleName", "ListenerArn", "DryRun",
    "LoadBalancerArn", "TargetGroupArn", "DBInstanceIdentifier", "DBSubnetGroupName", "DBParameterGroupName", "cluster",
    "service", "ServiceNamespace", "ResourceId", "ScalableDimension", "logGroupName", "SecretId", "ClientRequestToken",
    "VpcId", "SubnetId", "VpcEndpointId",
}  # fmt: skip
#: Parts of fields.
PARTS = {"block_public_acls", "ignore_public_acls", "block_public_policy", "restrict_public_buckets"} | {
    *("metric", "target_value", "scale_in_cooldown", "scale_out_cooldown", "stickiness.enabled"),
}
COMPARED = re.compile(r"= ([\w ]+)\.(\w+)")


@cache
def _model(service: str) -> Any:
    return botocore.session.get_session().get_service_model(service)


def _rows(service: str) -> dict[str, Any]:
    """What the table says, by each name."""
    rows = {key: value for key, value in TABLE[service].items() if key != "operations"}
    return {name: value for key, value in rows.items() for name in key.split(", ")}


def _settable(service: str, name: str) -> set[str]:
    """What botocore knows of an operation, of a type or of the keys that the documentation of a type's member names."""
    model = _model(service)
    kind, _dot, member = name.partition(".")
    if member:
        text = model.shape_for(kind).members[member].documentation
        return set(re.findall(r"<code>([a-z0-9_]+(?:\.[a-z0-9_]+)+)</code>", text))
    shape = model.operation_model(name).input_shape if name in model.operation_names else model.shape_for(name)
    return set(shape.members)


@pytest.mark.parametrize("service", TABLE)
def test_every_operation_that_changes_what_the_roles_own_is_judged(service: str) -> None:
    pattern = re.sub(r"\s", "", TABLE[service]["operations"])
    known = {name for name in _model(service).operation_names if re.search(pattern, name)}
    assert len(known) > 2
    judged = _rows(service)
    assert sorted(known - set(judged)) == []
    shapes = {name.partition(".")[0] for name in set(judged) - known}
    assert shapes <= set(_model(service).shape_names)


@pytest.mark.parametrize(
    ("service", "name"),
    [(service, name) for service in TABLE for name, value in _rows(service).items() if isinstance(value, dict)],
)
def test_every_field_is_compared_or_has_a_reason(service: str, name: str) -> None:
    judged = {field for key in _rows(service)[name] for field in key.split(", ")}
    known = _settable(service, name)
    assert known, "botocore names none"
    assert sorted(known - judged - MANNER) == [], "compare it, or say in settable_fields.yml why not"
    assert sorted(judged - known) == [], "botocore knows no such field"


def _texts(value: Any) -> Iterator[str]:
    for item in value.values() if isinstance(value, dict) else [value]:
        yield from _texts(item) if isinstance(item, dict) else [str(item)]


def _holds(value: Any, field: str) -> bool:
    return isinstance(value, Mapping) and (field in value or any(_holds(inner, field) for inner in value.values()))


def test_what_is_called_compared_is_read_and_wanted(aws: Any) -> None:
    names = stack_names("all-its-fields", "eu-west-2")
    clients = stack_whole.clients(aws.client)
    stack_whole.make(clients, names, "eu-west-2", {})
    read = stack_whole.settings(clients, names, "eu-west-2")
    kinds = {kind.name: kind for component in COMPONENTS.values() for kind in component.kinds}
    fields = {found for text in _texts(TABLE) for found in COMPARED.findall(text)}
    assert len(fields) > 60
    for kind, field in sorted(fields):
        assert any(_holds(row, field) for row in read[kind].values()), f"nothing reads {field} of a {kind}"
        declared = {one.name for one in kinds[kind].compared} | ({"tags"} if kinds[kind].tags else set())
        assert field in declared | PARTS, f"no role wants {field} of a {kind}"


def test_a_reason_is_a_sentence() -> None:
    assert [text for text in _texts(TABLE) if len(text) < 6] == []
