# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The deployer's policy says what AWS would understand: actions, resource types and condition keys that there are.

``service_authorization.json`` is what the Service Authorization Reference says of its actions; an action that is new in
the policy needs its line there. Whether the policy suffices is for ``tests/deployed/test_site_deployer.py``.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tools.deployer_policy import PARTS, Deployment, partition_of, policy

ROOT = Path(__file__).resolve().parents[2]
KEYS = ("arn:aws:kms:eu-west-2:123456789012:key/1",)
BOUNDARY = "arn:aws:iam::123456789012:policy/mlflow-boundary"
PROD = Deployment("fraud-scoring-mlflow", "eu-west-2", "123456789012", "fraud-models-test")
STATEMENTS: list[dict[str, Any]] = policy(
    Deployment(PROD.name, PROD.region, PROD.account, PROD.bucket, KEYS, BOUNDARY)
)["Statement"]
REFERENCE = json.loads((ROOT / "tests" / "unit" / "service_authorization.json").read_text(encoding="utf-8"))
ACTIONS = sorted({action for row in STATEMENTS for action in row["Action"]})
#: Keys that every call has. Source: IAM User Guide, "AWS global condition context keys".
GLOBAL = {"aws:RequestedRegion"}
READING = {"Read", "List"}
#: What may be done to any resource, because AWS knows none for it.
UNBOUND = {"ecs:DeregisterTaskDefinition"}
#: Characters of a managed policy, white space not counted. Source: IAM User Guide, "IAM and AWS STS quotas".
MANAGED_LIMIT = 6144


def listed(value: str | list[str]) -> list[str]:
    return value if isinstance(value, list) else [value]


def overlap(one: str, other: str) -> bool:
    """Whether some text matches both patterns, in which ``*`` is any text."""
    if not one or not other:
        return one.strip("*") == other.strip("*") == ""
    if one[0] == "*":
        return overlap(one[1:], other) or (other[0] != "*" and overlap(one, other[1:])) or overlap(one[1:], other[1:])
    if other[0] == "*":
        return overlap(other, one)
    return one[0] == other[0] and overlap(one[1:], other[1:])


@functools.cache
def fits(resource: str, kind: str) -> bool:
    """Whether a resource of the policy may be one of a type, as the reference writes its ARN."""
    pattern = re.sub(r"\$\{\w+\}", "*", REFERENCE["arns"][kind]).replace("arn:*:", "arn:aws:", 1)
    return overlap(resource, pattern)


def granting(action: str) -> list[dict[str, Any]]:
    return [row for row in STATEMENTS if action in row["Action"]]


@pytest.mark.parametrize("action", ACTIONS)
def test_each_required_resource_of_an_action_is_granted(action: str) -> None:
    service = action.split(":")[0]
    required = [kind for kind, needed in REFERENCE["actions"][action]["resources"].items() if needed]
    # Network and gateway load balancers are other types of the same thing.
    required = [kind for kind in required if not kind.endswith(("/net", "/gwy"))]
    resources = [resource for row in granting(action) for resource in listed(row["Resource"])]
    for kind in required:
        assert any(resource == "*" or fits(resource, f"{service}:{kind}") for resource in resources), kind


@pytest.mark.parametrize("action", ACTIONS)
def test_an_action_is_as_narrow_as_aws_allows(action: str) -> None:
    entry = REFERENCE["actions"][action]
    for row in granting(action):
        if listed(row["Resource"]) == ["*"]:
            assert entry["level"] in READING or action in UNBOUND
            assert "aws:RequestedRegion" in row["Condition"]["StringEquals"]
            assert action not in UNBOUND or not entry["resources"]
        else:
            kinds = [f"{action.split(':')[0]}:{kind}" for kind in entry["resources"]]
            assert any(fits(resource, kind) for resource in listed(row["Resource"]) for kind in kinds)


@pytest.mark.parametrize("row", STATEMENTS, ids=[row["Sid"] for row in STATEMENTS])
def test_a_condition_is_known_to_each_action_of_its_statement(row: dict[str, Any]) -> None:
    keys = {key for block in row.get("Condition", {}).values() for key in block} - GLOBAL
    for action in row["Action"]:
        assert keys <= set(REFERENCE["actions"][action]["conditions"]), action


def test_no_action_is_a_pattern_and_no_statement_nameless() -> None:
    assert [action for action in ACTIONS if "*" in action] == []
    names = [row["Sid"] for row in STATEMENTS]
    assert len(set(names)) == len(names)
    assert all(name.isalnum() for name in names)


def test_every_resource_is_of_a_type_that_one_of_its_actions_knows() -> None:
    for row in STATEMENTS:
        for resource in listed(row["Resource"]):
            kinds = [
                f"{action.split(':')[0]}:{kind}"
                for action in row["Action"]
                for kind in REFERENCE["actions"][action]["resources"]
            ]
            assert resource == "*" or any(fits(resource, kind) for kind in kinds), (row["Sid"], resource)


@pytest.mark.parametrize("part", PARTS)
def test_a_part_fits_into_a_managed_policy_whatever_the_names(part: str) -> None:
    longest = Deployment("a" * 40, "ap-southeast-2", "123456789012", "b" * 63, ("arn:aws:kms:" + "k" * 65,) * 3)
    longest = dataclasses.replace(longest, boundary="arn:aws:iam::123456789012:policy/" + "b" * 100)
    size = len(re.sub(r"\s", "", json.dumps(policy(longest, part))))
    assert size <= MANAGED_LIMIT


@pytest.mark.parametrize("region", ["eu-west-2", "cn-north-1", "us-gov-west-1"])
def test_every_arn_and_endpoint_is_of_the_partition_of_the_region(region: str) -> None:
    import botocore.session

    partition = botocore.session.Session().get_partition_for_region(region)
    assert partition_of(region) == partition
    keys = (f"arn:{partition}:kms:{region}:123456789012:key/1",)
    text = json.dumps(policy(Deployment("fraud", region, PROD.account, PROD.bucket, keys, "", partition)))
    assert set(re.findall(r"arn:([a-z-]+):", text)) == {partition}
    suffix = "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com"
    assert set(re.findall(rf"\.{region}\.([a-z.]+)", text)) == {suffix}


def test_no_policy_of_the_roles_names_a_partition() -> None:
    """They are written for that of the account, which discovery answers."""
    files = [*(ROOT / "roles").rglob("*.yml"), *(ROOT / "roles").rglob("*.j2"), *(ROOT / "tools").glob("*.py")]
    found = [
        path.name for path in files if re.search(r"arn:aws:(?!iam::123456789012:policy/mlflow-bound)", path.read_text())
    ]
    assert found == []


def test_with_a_boundary_no_role_gets_rights_without_it_and_none_loses_it() -> None:
    giving = ("CreateRole", "DetachRolePolicy", "PutRolePolicy", "PutRolePermissionsBoundary", "UpdateAssumeRolePolicy")
    for action in (f"iam:{name}" for name in giving):
        (row,) = granting(action)
        assert row["Condition"] == {"StringEquals": {"iam:PermissionsBoundary": BOUNDARY}}
    for name in ("DeleteRolePermissionsBoundary", "AttachRolePolicy", "CreatePolicyVersion"):
        assert granting(f"iam:{name}") == []


def test_the_parts_are_the_whole() -> None:
    parts = [row for part in PARTS for row in policy(PROD, part)["Statement"]]
    assert parts == policy(PROD)["Statement"]


def test_the_policy_in_the_docs_is_that_of_the_inventory_prod() -> None:
    written = json.loads((ROOT / "docs" / "deployer-policy.json").read_text(encoding="utf-8"))
    assert written == policy(PROD)


def test_the_command_prints_it_and_refuses_a_wrong_account() -> None:
    argv = [sys.executable, "tools/deployer_policy.py", "--name", PROD.name, "--region", PROD.region]
    argv += ["--bucket", PROD.bucket, "--part", "data", "--account"]
    done = subprocess.run([*argv, PROD.account], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(done.stdout) == policy(PROD, "data")
    wrong = subprocess.run([*argv, "1234"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "--account has 12 digits, not '1234'" in wrong.stderr
