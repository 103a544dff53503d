#!/usr/bin/python
# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ecs_cluster_settings
version_added: "1.0.0"
short_description: Create an ECS cluster with its tags, set Container Insights, or delete it
description:
  - Creates the cluster, with its tags in the same call, where there is none. M(community.aws.ecs_cluster) creates it
    without tags, so that a run that is killed leaves a cluster that nobody can tell to be its own.
  - Sets Container Insights and the tags of one that exists.
  - Deletes a cluster. M(community.aws.ecs_cluster) crashes when AWS refuses that, so that nobody can tell a right that
    is missing from a task that has not stopped yet.
author:
  - The mlops.mlflow_aws authors (@mlops)
options:
  cluster:
    description: Name of the cluster.
    type: str
    required: true
  container_insights:
    description: Container Insights of the cluster. Unset leaves it alone.
    type: str
    choices: [enabled, disabled, enhanced]
  state:
    description:
      - V(absent) deletes the cluster. AWS refuses it while the cluster has services, tasks or container instances.
    type: str
    choices: [present, absent]
    default: present
notes:
  - Supports check mode and diff mode.
  - In check mode RV(cluster) is null where there is no cluster yet.
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - amazon.aws.tags
"""

EXAMPLES = r"""
- name: Switch Container Insights on
  mlops.mlflow_aws.ecs_cluster_settings:
    cluster: fraud-scoring-mlflow-cluster
    container_insights: enabled
    tags:
      Team: data
    purge_tags: false

- name: Delete the cluster
  mlops.mlflow_aws.ecs_cluster_settings:
    cluster: fraud-scoring-mlflow-cluster
    state: absent
"""

RETURN = r"""
cluster:
  description: ARN, Container Insights and tags of the cluster, after the change; null where there is none.
  returned: always
  type: dict
  sample: {arn: "arn:aws:ecs:eu-west-2:123456789012:cluster/mlflow", container_insights: enabled, tags: {Team: data}}
"""

from collections.abc import Mapping, Sequence
from typing import Any

try:  # noqa: SIM105 - the form of import that ansible-test knows
    import botocore.exceptions
except ImportError:
    pass  # AnsibleAWSModule reports it

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.tagging import (
    ansible_dict_to_boto3_tag_list,
    boto3_tag_list_to_ansible_dict,
    compare_aws_tags,
)

ARGUMENTS: dict[str, Any] = {
    "cluster": {"type": "str", "required": True},
    "container_insights": {"type": "str", "choices": ["enabled", "disabled", "enhanced"]},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "tags": {"type": "dict", "aliases": ["resource_tags"]},
    "purge_tags": {"type": "bool", "default": True},
}


def describe(client: Any, cluster: str) -> dict[str, Any] | None:
    """The cluster as ``{arn, container_insights, tags}``, or None (API DescribeClusters)."""
    answer = client.describe_clusters(clusters=[cluster], include=["SETTINGS", "TAGS"])
    rows = [row for row in answer["clusters"] if row["status"] != "INACTIVE"]
    if not rows:
        return None
    settings = {row["name"]: row["value"] for row in rows[0].get("settings", [])}
    return {
        "arn": rows[0]["clusterArn"],
        # AWS's default is not listed.
        "container_insights": settings.get("containerInsights", "disabled"),
        "tags": boto3_tag_list_to_ansible_dict(rows[0].get("tags", []), "key", "value"),
    }


def plan(
    current: Mapping[str, Any], container_insights: str | None, tags: Mapping[str, str] | None, purge_tags: bool
) -> tuple[str | None, dict[str, str], list[str]]:
    """What is to be done: the setting or None, tags to set, keys to remove. Pure."""
    setting = container_insights if container_insights not in (None, current["container_insights"]) else None
    if tags is None:
        return setting, {}, []
    to_set, to_remove = compare_aws_tags(current["tags"], tags, purge_tags)
    return setting, to_set, to_remove


def apply(client: Any, arn: str, setting: str | None, to_set: Mapping[str, str], to_remove: Sequence[str]) -> None:
    """Carry a plan out (APIs UpdateClusterSettings, TagResource, UntagResource)."""
    if setting:
        client.update_cluster_settings(cluster=arn, settings=[{"name": "containerInsights", "value": setting}])
    if to_remove:
        client.untag_resource(resourceArn=arn, tagKeys=to_remove)
    if to_set:
        client.tag_resource(resourceArn=arn, tags=ansible_dict_to_boto3_tag_list(to_set, "key", "value"))


def create(client: Any, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Create the cluster, or answer the one that exists and was not seen yet (API CreateCluster is idempotent)."""
    request: dict[str, Any] = {"clusterName": wanted["cluster"]}
    if wanted["tags"]:
        request["tags"] = ansible_dict_to_boto3_tag_list(wanted["tags"], "key", "value")
    if wanted["container_insights"]:
        request["settings"] = [{"name": "containerInsights", "value": wanted["container_insights"]}]
    made: dict[str, Any] = client.create_cluster(**request)["cluster"]
    return {
        "arn": made["clusterArn"],
        "container_insights": wanted["container_insights"] or "disabled",
        "tags": dict(wanted["tags"] or {}),
    }


def bring_about(
    client: Any, wanted: Mapping[str, Any], check_mode: bool
) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """The cluster as it was, and as it is wanted, which it then is.

    :param check_mode: nothing is written; a cluster that would be created is None.
    """
    current = describe(client, wanted["cluster"])
    if wanted["state"] == "absent":
        if current is not None and not check_mode:
            # API DeleteCluster
            client.delete_cluster(cluster=current["arn"])
        return current, None
    if current is None:
        return None, None if check_mode else create(client, wanted)
    setting, to_set, to_remove = plan(current, wanted["container_insights"], wanted["tags"], wanted["purge_tags"])
    if not check_mode:
        apply(client, current["arn"], setting, to_set, to_remove)
    tags = {**{key: value for key, value in current["tags"].items() if key not in to_remove}, **to_set}
    return current, {**current, "container_insights": setting or current["container_insights"], "tags": tags}


def main() -> None:
    module = AnsibleAWSModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    wanted = module.params
    verb = "Deleting" if wanted["state"] == "absent" else "Setting up"
    try:
        client = module.client("ecs", config={"retries": {"mode": "standard", "max_attempts": 12}})
        before, after = bring_about(client, wanted, module.check_mode)
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
        module.fail_json_aws(error, msg=f"{verb} the cluster {wanted['cluster']} failed")
    # In check mode a cluster that would be created is not known yet.
    changed = before != after or (before is None and wanted["state"] == "present")
    module.exit_json(changed=changed, cluster=after, diff={"before": before or {}, "after": after or {}})


if __name__ == "__main__":
    main()
