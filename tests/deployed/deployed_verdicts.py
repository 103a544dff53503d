# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of every module: what the comparisons told beforehand, and what the modules then changed.

The quick path runs a role's modules where its comparison tells something. So it does the same as a full run if, of
every resource, something is told exactly where a module changes something.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

#: A kind of resource, and how a result names one.
Writer = tuple[str, Callable[[Mapping[str, Any]], str] | None]
#: Kind and name of a resource, as the plan has them.
Resource = tuple[str, str]

PLAN = "mlops.mlflow_aws.stack_plan"


def _argument(*names: str) -> Callable[[Mapping[str, Any]], str]:
    def name(result: Mapping[str, Any]) -> str:
        arguments = result["invocation"]["module_args"]
        return str(next(arguments[one] for one in names if arguments.get(one)))

    return name


def _tag(result: Mapping[str, Any]) -> str:
    return str(result["invocation"]["module_args"]["tags"]["Name"])


def _item(result: Mapping[str, Any]) -> str:
    """Of a loop. The user names in a secret's value are masked in all that its module returns, and stand in names."""
    return str(result["item"]["name"])


#: The modules that write to AWS: which kind of resource, and where its name stands in a result. None where
#: the plan names it otherwise than the module, or a run has but one.
WRITERS: dict[str, Writer] = {
    "amazon.aws.ec2_vpc_net": ("VPC", _argument("name")),
    "amazon.aws.ec2_vpc_igw": ("internet gateway", _tag),
    "amazon.aws.ec2_vpc_subnet": ("subnet", _argument("cidr")),
    "amazon.aws.ec2_eip": ("elastic address", None),
    "amazon.aws.ec2_vpc_nat_gateway": ("NAT gateway", None),
    "amazon.aws.ec2_vpc_route_table": ("route table", _tag),
    "amazon.aws.ec2_vpc_endpoint": ("S3 gateway endpoint", None),
    "mlops.mlflow_aws.vpc_endpoint_policy": ("S3 gateway endpoint", None),
    "amazon.aws.ec2_security_group": ("security group", _argument("name")),
    "mlops.mlflow_aws.security_group": ("security group", _argument("name")),
    "community.aws.secretsmanager_secret": ("secret", _item),
    "mlops.mlflow_aws.secret_rotation": ("former database login", None),
    "amazon.aws.rds_subnet_group": ("DB subnet group", _argument("name")),
    "amazon.aws.rds_instance_param_group": ("DB parameter group", _argument("name")),
    "mlops.mlflow_aws.rds_parameters": ("DB parameter group", _argument("group")),
    "amazon.aws.rds_instance": ("DB instance", _argument("db_instance_identifier", "id")),
    "mlops.mlflow_aws.artifact_bucket": ("bucket", _argument("name")),
    "amazon.aws.s3_bucket": ("bucket", _argument("name")),
    "community.aws.s3_lifecycle": ("lifecycle rule", _argument("rule_id")),
    "community.aws.elb_target_group": ("target group", _argument("name")),
    "mlops.mlflow_aws.target_group": ("target group", _argument("name")),
    # One module makes the load balancer and its listener.
    "amazon.aws.elb_application_lb": ("load balancer", None),
    "amazon.aws.cloudwatchlogs_log_group": ("log group", _argument("log_group_name")),
    "amazon.aws.iam_role": ("IAM role", _argument("name", "role_name")),
    "amazon.aws.iam_policy": ("IAM role", _argument("iam_name")),
    "mlops.mlflow_aws.ecs_cluster_settings": ("cluster", None),
    "mlops.mlflow_aws.ecs_task_definition": ("task definition", _argument("family")),
    "mlops.mlflow_aws.ecs_task_run": ("migration", None),
    # Notes that there was one.
    "mlops.mlflow_aws.stack_migrated": ("migration", None),
    "mlops.mlflow_aws.ecs_rollout": ("service", None),
    "mlops.mlflow_aws.ecs_scaling": ("scaling", None),
}
#: Makes resources of two kinds, which its argument of that name tells apart; each is named nowhere else.
OWNED = "mlops.mlflow_aws.ec2_owned"
OWNED_KINDS: dict[str, tuple[str, Callable[[Mapping[str, Any]], str] | None]] = {
    "vpc": ("VPC", _tag),
    "elastic-ip": ("elastic address", None),
}
#: Removes the tags that the comparison names, of whatever kind, so its changes are those that were told.
UNTAG = "mlops.mlflow_aws.stack_untag"
NAMELESS = {kind for kind, name in WRITERS.values() if name is None}

#: What a new revision brings with it: the task that migrates, and the rollout.
FOLLOWS = {("migration", ""), ("service", "")}


def settled(words: Iterable[str]) -> set[str]:
    """Changes in words, without what passes by itself: a service is not steady for a while after many a change."""
    without = {re.sub(r"\brollout, |, rollout$", "", line) for line in words}
    return {line for line in without if not line.endswith(": rollout")}


def said(changes: Iterable[Mapping[str, Any]]) -> set[str]:
    """Changes, as ``stack_plan`` returns them, in the words of the plan."""
    return {
        f"{row['action']} {row['kind']} {row['name']}"
        + (f": {', '.join(sorted({*row['before'], *row['after']}))}" if row["action"] == "change" else "")
        for row in changes
    }


@dataclass(frozen=True)
class Verdicts:
    """What a full run said.

    :param told: each change that a comparison told, as ``stack_plan`` returns it.
    :param changed: the resources that a module changed.
    :param failures: the messages of failed tasks.
    :param access: tasks that changed something beside the modules of AWS.
    """

    told: list[dict[str, Any]]
    changed: set[Resource]
    failures: list[str]
    access: list[str]

    def told_resources(self) -> set[Resource]:
        """What was told, as :attr:`changed` names it."""
        kinds = [("load balancer" if row["kind"] == "listener" else row["kind"], row["name"]) for row in self.told]
        return {(kind, "" if kind in NAMELESS else name) for kind, name in kinds}

    def words(self) -> set[str]:
        """Each change that was told, as the plan tells it."""
        return said(self.told)

    def assert_agree(self) -> None:
        """The run ended well, and something was told of a resource exactly where a module changed it."""
        assert self.failures == []
        told = self.told_resources()
        brought = FOLLOWS if any(kind == "task definition" for kind, _ in told) else set()
        missed, idle = self.changed - told - brought, told - self.changed
        assert not missed | idle, (
            f"changed and not told: {sorted(missed)}; told and not changed: {sorted(idle)}; "
            f"told: {sorted(self.words())}"
        )


def verdicts(output: str) -> Verdicts:
    """What a run said whose output is that of the callback ``ansible.posix.json``."""
    start = output.index("{\n") if output.startswith("{\n") else output.index("\n{\n") + 1
    report = json.JSONDecoder().raw_decode(output[start:])[0]
    told: list[dict[str, Any]] = []
    changed: set[Resource] = set()
    failures, access = [], []
    for task, result in _results(report):
        if result.get("failed"):
            failures.append(f"{task}: {result.get('msg')}")
        if result["action"] == PLAN:
            told += result["changes"]
        elif result["action"] in {*WRITERS, OWNED}:
            for one in result.get("results", [result]):
                if one.get("changed"):
                    kind, name = _writes(result["action"], one)
                    changed.add((kind, name(one) if name else ""))
        elif result.get("changed") and result["action"] != UNTAG:
            access.append(task)
    return Verdicts(told, changed, failures, access)


def _writes(action: str, result: Mapping[str, Any]) -> Writer:
    """Which kind of resource a module wrote, and how a result names it."""
    return OWNED_KINDS[result["invocation"]["module_args"]["kind"]] if action == OWNED else WRITERS[action]


def _results(report: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for play in report["plays"]:
        for task in play["tasks"]:
            for result in task["hosts"].values():
                yield task["task"]["name"], result
