# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The difference that ecs_cluster_settings makes, as a table and on a real cluster."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.mlops.mlflow_aws.plugins.modules.ecs_cluster_settings import create, plan

from tests.unit.plugins.run_module import run_module

NOW = {"arn": "arn", "container_insights": "disabled", "tags": {"Team": "data", "Old": "1"}}

PLANS: list[tuple[tuple[Any, ...], tuple[Any, ...]]] = [
    # container_insights, tags, purge_tags -> setting, tags to set, keys to remove
    ((None, None, True), (None, {}, [])),
    (("disabled", None, True), (None, {}, [])),
    (("enabled", None, True), ("enabled", {}, [])),
    (("enhanced", None, True), ("enhanced", {}, [])),
    ((None, {"Team": "data", "Old": "1"}, True), (None, {}, [])),
    ((None, {"Team": "ops"}, True), (None, {"Team": "ops"}, ["Old"])),
    ((None, {"Team": "ops"}, False), (None, {"Team": "ops"}, [])),
    ((None, {}, True), (None, {}, ["Team", "Old"])),
    ((None, {}, False), (None, {}, [])),
]


@pytest.mark.parametrize(("wanted", "expected"), PLANS)
def test_plan(wanted: tuple[Any, ...], expected: tuple[Any, ...]) -> None:
    setting, to_set, to_remove = plan(NOW, *wanted)
    assert (setting, to_set, sorted(to_remove)) == (expected[0], expected[1], sorted(expected[2]))


@pytest.fixture
def cluster(aws: Any) -> Any:
    client = aws.client("ecs")
    client.create_cluster(clusterName="settings-of-a-cluster", tags=[{"key": "Old", "value": "1"}])
    yield "settings-of-a-cluster"
    client.delete_cluster(cluster="settings-of-a-cluster")


def _described(aws: Any, cluster: str) -> tuple[str, dict[str, str]]:
    (row,) = aws.client("ecs").describe_clusters(clusters=[cluster], include=["SETTINGS", "TAGS"])["clusters"]
    insights = [setting["value"] for setting in row["settings"] if setting["name"] == "containerInsights"]
    return (insights or ["disabled"])[0], {tag["key"]: tag["value"] for tag in row["tags"]}


def test_check_then_change_then_nothing(aws: Any, cluster: str) -> None:
    args = {"cluster": cluster, "container_insights": "enabled", "tags": {"Team": "data"}, "region": "eu-west-2"}

    told = run_module("ecs_cluster_settings", args, env=aws.env, check=True)
    assert told["changed"] is True
    assert told["diff"]["before"]["tags"] == {"Old": "1"}
    assert _described(aws, cluster) == ("disabled", {"Old": "1"})

    made = run_module("ecs_cluster_settings", args, env=aws.env)
    assert made["changed"] is True
    assert made["diff"]["after"] == told["diff"]["after"] == made["cluster"]
    assert _described(aws, cluster) == ("enabled", {"Team": "data"})

    again = run_module("ecs_cluster_settings", args, env=aws.env)
    assert again["changed"] is False
    assert again["diff"]["before"] == again["diff"]["after"]


def test_a_cluster_is_created_with_its_tags_in_one_call(aws: Any) -> None:
    """A run that is killed right after the call leaves a cluster that is known by its tag."""
    args = {
        "cluster": "made-with-tags",
        "region": "eu-west-2",
        "container_insights": "enabled",
        "tags": {"Team": "data"},
    }
    told = run_module("ecs_cluster_settings", args, env=aws.env, check=True)
    assert (told["changed"], told["cluster"]) == (True, None)
    assert aws.client("ecs").describe_clusters(clusters=["made-with-tags"])["clusters"] == []
    try:
        made = run_module("ecs_cluster_settings", args, env=aws.env)
        assert (made["changed"], made["cluster"]["tags"]) == (True, {"Team": "data"})
        assert _described(aws, "made-with-tags") == ("enabled", {"Team": "data"})
        again = run_module("ecs_cluster_settings", args, env=aws.env)
        assert (again["changed"], again["cluster"]) == (False, made["cluster"])
    finally:
        aws.client("ecs").delete_cluster(cluster="made-with-tags")


def test_a_cluster_is_deleted_once(aws: Any) -> None:
    aws.client("ecs").create_cluster(clusterName="to-be-deleted")
    args = {"cluster": "to-be-deleted", "state": "absent", "region": "eu-west-2"}
    told = run_module("ecs_cluster_settings", args, env=aws.env, check=True)
    assert (told["changed"], told["diff"]["before"]["container_insights"]) == (True, "disabled")
    assert aws.client("ecs").describe_clusters(clusters=["to-be-deleted"])["clusters"][0]["status"] == "ACTIVE"

    gone = run_module("ecs_cluster_settings", args, env=aws.env)
    assert (gone["changed"], gone["cluster"]) == (True, None)
    assert run_module("ecs_cluster_settings", args, env=aws.env)["changed"] is False


class Recorder:
    """An ECS client that notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    def create_cluster(self, **request: Any) -> dict[str, Any]:
        self.asked.append(request)
        return {"cluster": {"clusterArn": f"arn:{request['clusterName']}"}}


def test_tags_are_part_of_the_creation() -> None:
    client = Recorder()
    made = create(client, {"cluster": "one", "container_insights": None, "tags": {"mlflow:stack": "one"}})
    assert client.asked == [{"clusterName": "one", "tags": [{"key": "mlflow:stack", "value": "one"}]}]
    assert made == {"arn": "arn:one", "container_insights": "disabled", "tags": {"mlflow:stack": "one"}}
