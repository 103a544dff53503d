# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A revision that differs in the versions of its secrets, and in nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.secret_versions import (
    already,
    base_of,
    repinned,
    with_versions,
)
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._ecs.task_definition import Revision

SECRET = "arn:aws-us-gov:secretsmanager:us-gov-west-1:123456789012:secret:fraud/database/mlflow-Ab12Cd"
OTHER = SECRET.replace("mlflow-Ab12Cd", "master-Ef34Gh")


def definition(version: str, **more: Any) -> dict[str, Any]:
    """As DescribeTaskDefinition answers it."""
    secrets = [
        {"name": "USER", "valueFrom": f"{SECRET}:username::{version}"},
        {"name": "MASTER", "valueFrom": f"{OTHER}:password::"},
    ]
    return {
        "family": "f",
        "cpu": "256",
        "memory": "512",
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "containerDefinitions": [{"name": "app", "image": "x", "essential": True, "secrets": secrets}],
        "taskDefinitionArn": "arn:aws:ecs:eu-west-2:123456789012:task-definition/f:3",
        "revision": 3,
        "status": "ACTIVE",
        "registeredAt": "then",
        "compatibilities": ["FARGATE"],
        "requiresAttributes": [],
        **more,
    }


def revision(number: int, version: str, *tags: str, **more: Any) -> Revision:
    arn = f"arn:aws:ecs:eu-west-2:123456789012:task-definition/f:{number}"
    return Revision(arn, definition(version, **more), dict.fromkeys(tags, "x"))


@pytest.mark.parametrize(
    ("reference", "becomes"),
    [
        (f"{SECRET}:username::old", f"{SECRET}:username::new"),
        (f"{SECRET}:username::new", f"{SECRET}:username::new"),
        # Nothing is pinned: the value of the day is meant.
        (f"{SECRET}:username::", f"{SECRET}:username::"),
        (SECRET, SECRET),
        (f"{OTHER}:username::old", f"{OTHER}:username::old"),
        ("/parameter/of/ssm", "/parameter/of/ssm"),
    ],
)
def test_the_version_of_a_reference(reference: str, becomes: str) -> None:
    assert repinned(reference, {SECRET: "new"}) == becomes


def test_nothing_but_the_versions_differs_and_the_former_stays_as_it_was() -> None:
    former = definition("old")
    request = with_versions(former, {SECRET: "new"})
    assert former == definition("old")
    wanted = definition("new")
    for key in ("taskDefinitionArn", "revision", "status", "registeredAt", "compatibilities", "requiresAttributes"):
        del wanted[key]
    assert request == wanted


def test_a_revision_that_never_ran_is_not_taken_over_where_another_one_did() -> None:
    """It may hold changes of the inventory that nobody has rolled out."""
    newest, ran, oldest = revision(3, "v", cpu="512"), revision(2, "v", "mlflow:ran"), revision(1, "v", "mlflow:ran")
    assert base_of([newest, ran, oldest], "mlflow:ran") == ran
    assert base_of([newest, ran, oldest], None) == newest
    assert base_of([newest], "mlflow:ran") == newest
    assert base_of([], "mlflow:ran") is None


def test_what_a_killed_rotation_registered_is_found() -> None:
    rows = [revision(3, "new"), revision(2, "old", "mlflow:ran"), revision(1, "new", cpu="512")]
    assert already(with_versions(rows[1].definition, {SECRET: "new"}), rows) == rows[0]
    assert already(with_versions(rows[1].definition, {SECRET: "newer"}), rows) is None
