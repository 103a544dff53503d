# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parts of a stack that somebody else made, by their ids, and what is wrong with them: pure.

The role that would make such a part does nothing. Nothing of it is ever changed or deleted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.rds.safety import unsafe

#: The stack's security groups, in the order in which each names the one before it.
GROUPS = ("alb", "ecs", "rds")


@dataclass(frozen=True)
class Existing:
    """Ids of what the roles shall use and not make; empty where they make it.

    :param security_group_ids: by use: alb, ecs, rds.
    :param db_instance: the identifier of a DB instance.
    :param master_secret_arn: the secret with ``username`` and ``password`` of its master user.
    :param target_group_arn: a target group that a load balancer forwards to.
    """

    vpc_id: str = ""
    public_subnet_ids: tuple[str, ...] = ()
    private_subnet_ids: tuple[str, ...] = ()
    security_group_ids: Mapping[str, str] = field(default_factory=dict)
    db_instance: str = ""
    master_secret_arn: str = ""
    target_group_arn: str = ""

    @classmethod
    def of(cls, options: Mapping[str, Any] | None) -> Existing:
        """From the option ``given`` of stack_info."""
        rows: dict[str, Any] = {key: value for key, value in (options or {}).items() if value}
        return cls(
            vpc_id=rows.get("vpc_id", ""),
            public_subnet_ids=tuple(rows.get("public_subnet_ids", ())),
            private_subnet_ids=tuple(rows.get("private_subnet_ids", ())),
            security_group_ids=dict(rows.get("security_group_ids", {})),
            db_instance=rows.get("db_instance", ""),
            master_secret_arn=rows.get("master_secret_arn", ""),
            target_group_arn=rows.get("target_group_arn", ""),
        )

    def groups_to_make(self) -> list[str]:
        """The security groups that the role network makes: not that of a load balancer or database of somebody's."""
        done = {use for use, group in self.security_group_ids.items() if group}
        done |= {"alb"} if self.target_group_arn else set()
        done |= {"rds"} if self.db_instance else set()
        return [use for use in GROUPS if use not in done]


def existing_problems(existing: Existing, resources: Mapping[str, Any], region: str) -> list[str]:
    """What is wrong with the parts that are given, each with the variable of the role stack, its value and the remedy.

    :param resources: what discovery found.
    """
    if not existing.vpc_id:
        return []
    found = existing_conflicts(existing, resources)
    network = resources["network"]
    if network is None:
        return [
            f"stack_vpc_id: {region} has no VPC {existing.vpc_id}; correct it, or take it out to have one made",
            *found,
        ]
    found += _of_network(existing, network)
    if existing.db_instance:
        found += _of_database(existing, resources)
    if existing.target_group_arn:
        found += _of_target_group(existing, resources)
    return found


def existing_conflicts(existing: Existing, resources: Mapping[str, Any]) -> list[str]:
    """Parts of the stack's own in the places of parts that are given: neither a run nor a destroy knows which is meant.

    :param resources: what discovery found.
    """
    sentences = {
        "stack_vpc_id": (
            f"stack_vpc_id: {existing.vpc_id}, but the stack has a VPC of its own, {{own}}, and nothing of it can "
            "move; take stack_vpc_id out, or destroy the stack without it first"
        ),
        "stack_db_instance": (
            f"stack_db_instance: {existing.db_instance}, but the stack's own database {{own}} holds its runs; take "
            "stack_db_instance out, or move the data and delete that database first"
        ),
        "stack_target_group_arn": (
            f"stack_target_group_arn: {existing.target_group_arn}, but the stack has a load balancer of its own, "
            "{own}; take stack_target_group_arn out, or destroy the stack without it first"
        ),
    }
    return [sentences[variable].format(own=own) for variable, own in resources["beside_existing"].items()]


def _of_network(existing: Existing, network: Mapping[str, Any]) -> Iterator[str]:
    vpc = existing.vpc_id
    zones = {row["id"]: row["zone"] for row in network["subnets"]}
    for variable, subnets in (
        ("stack_public_subnet_ids", existing.public_subnet_ids),
        ("stack_private_subnet_ids", existing.private_subnet_ids),
    ):
        missing = [one for one in subnets if one not in zones]
        if missing:
            yield f"{variable}: {vpc} has no subnet {', '.join(missing)}; name subnets of this VPC"
        elif subnets and len({zones[one] for one in subnets}) < 2:
            yield (
                f"{variable}: {', '.join(subnets)} lie in one zone; a load balancer and a database need two, "
                "name a subnet of another zone too"
            )
    for use, group in existing.security_group_ids.items():
        if group and group not in network["existing_group_ids"]:
            yield f"stack_security_group_ids.{use}: {vpc} has no security group {group}; name one of this VPC"


def _of_database(existing: Existing, resources: Mapping[str, Any]) -> Iterator[str]:
    row, name = resources["rds"], existing.db_instance
    if row is None:
        yield f"stack_db_instance: there is no DB instance {name}; correct it, or take it out to have one made"
        return
    if row["engine"] != "postgres":
        yield f"stack_db_instance: {name} is {row['engine']}; MLflow runs here on RDS for PostgreSQL, name such a one"
    if row["vpc_id"] != existing.vpc_id:
        yield (
            f"stack_db_instance: {name} lies in {row['vpc_id']}, not in stack_vpc_id {existing.vpc_id}; name a "
            "database and a VPC that belong together"
        )
    settings = (row["storage_encrypted"], row["publicly_accessible"], row["backup_retention_period"])
    for wrong, remedy in unsafe(*settings):
        yield f"stack_db_instance: {name} {wrong}, and verify would refuse it; {remedy}"
    if (resources["secrets"] or {}).get("master") is None:
        yield (
            f"stack_db_master_secret_arn: there is no secret {existing.master_secret_arn}; name the one with username "
            f"and password of the master user of {name}"
        )
    network = resources["network"]
    tasks = network["security_group_ids"]["ecs"]
    blocks = [row["cidr"] for row in network["subnets"] if row["tier"] == "private"]
    if row["engine"] == "postgres" and tasks and row["endpoint"] and row["vpc_id"] == existing.vpc_id:
        port = int(row["endpoint"]["port"])
        if not row["security_group_ids"]:
            yield (
                f"stack_db_instance: {name} has no security group in {existing.vpc_id}; give it one that allows "
                f"TCP {port} from {tasks}"
            )
        elif not admits(row["ingress"], tasks, blocks, port):
            yield (
                f"stack_db_instance: the security groups of {name} ({', '.join(row['security_group_ids'])}) do not let "
                f"the tasks in; allow TCP {port} from {tasks}, such as: aws ec2 authorize-security-group-ingress "
                f"--region {_region(existing.master_secret_arn)} --group-id {row['security_group_ids'][0]} "
                f"--protocol tcp --port {port} --source-group {tasks}"
            )


def _region(arn: str) -> str:
    """The region in an ARN; the word itself where a plain name was given."""
    parts = arn.split(":")
    return parts[3] if len(parts) > 3 else "REGION"


def _of_target_group(existing: Existing, resources: Mapping[str, Any]) -> Iterator[str]:
    row, arn = resources["alb"], existing.target_group_arn
    if row is None:
        yield f"stack_target_group_arn: there is no target group {arn}; correct it, or take it out to have one made"
        return
    if row["vpc_id"] != existing.vpc_id:
        yield f"stack_target_group_arn: {arn} lies in {row['vpc_id']}, not in {existing.vpc_id}; name one of this VPC"
    if row["target_type"] != "ip":
        yield f"stack_target_group_arn: {arn} takes targets of type {row['target_type']}; Fargate needs ip, make one"
    if row["protocol"] != "HTTP":
        yield f"stack_target_group_arn: {arn} speaks {row['protocol']}; the tasks speak HTTP, make one that does"
    if row["health_check_path"] != "/health":
        yield (
            f"stack_target_group_arn: the health check of {arn} asks for {row['health_check_path']}, which wants a "
            "login; set its path to /health"
        )
    if row["load_balancer_arn"] is None:
        yield (
            f"stack_target_group_arn: no Application Load Balancer forwards to {arn}, and ECS wants one; add a "
            "listener or a rule that does"
        )


def admits(rules: Iterable[Mapping[str, Any]], group: str, blocks: Sequence[str], port: int) -> bool:
    """Whether rules of security groups let a client in at a TCP port.

    :param rules: IpPermissions of DescribeSecurityGroups.
    :param group: the client's security group.
    :param blocks: address blocks of the subnets in which it may be; all of them have to be let in.
    """
    fitting = [
        rule
        for rule in rules
        if rule["IpProtocol"] == "-1"
        or (rule["IpProtocol"] == "tcp" and int(rule["FromPort"]) <= port <= int(rule["ToPort"]))
    ]
    if any(pair["GroupId"] == group for rule in fitting for pair in rule.get("UserIdGroupPairs", [])):
        return True
    open_to = [ip_network(one["CidrIp"]) for rule in fitting for one in rule.get("IpRanges", [])]
    return bool(blocks) and all(
        any(ip_network(block).subnet_of(wide) for wide in open_to)  # type: ignore[arg-type]
        for block in blocks
    )


def url_of(
    dns_name: str, listeners: Iterable[Mapping[str, Any]], rules: Mapping[str, Iterable[Mapping[str, Any]]], group: str
) -> str:
    """The URL at which a load balancer forwards to a target group; HTTPS before HTTP, empty where it does not.

    :param listeners: of DescribeListeners.
    :param rules: of DescribeRules, by the ARN of the listener; the default action is one of them.
    :param group: ARN of the target group.
    """
    for listener in sorted(listeners, key=lambda row: (row["Protocol"] != "HTTPS", row["Port"])):
        for rule in rules.get(listener["ListenerArn"], []):
            if group not in forwarded(rule["Actions"]):
                continue
            host = next(
                (
                    value
                    for condition in rule.get("Conditions", [])
                    if condition.get("Field") == "host-header"
                    for value in condition.get("HostHeaderConfig", {}).get("Values") or condition.get("Values", [])
                    if "*" not in value and "?" not in value
                ),
                dns_name,
            )
            scheme = listener["Protocol"].lower()
            usual = {"http": 80, "https": 443}.get(scheme)
            return f"{scheme}://{host}" + ("" if listener["Port"] == usual else f":{listener['Port']}")
    return ""


def forwarded(actions: Iterable[Mapping[str, Any]]) -> list[str]:
    """ARNs of the target groups to which actions of a rule forward."""
    found = []
    for action in actions:
        if action["Type"] == "forward":
            groups = (action.get("ForwardConfig") or {}).get("TargetGroups", [])
            found += [row["TargetGroupArn"] for row in groups] or [action.get("TargetGroupArn", "")]
    return found
