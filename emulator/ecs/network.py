# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The task's network interface and its place in target groups."""

from __future__ import annotations

import ipaddress
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from moto.core.exceptions import ServiceException
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import ec2_backends
from moto.elbv2.models import elbv2_backends

from emulator.ecs.errors import invalid_parameter


@dataclass(frozen=True)
class Interface:
    """The elastic network interface of a task."""

    id: str
    vpc: str
    subnet: str
    zone: str
    address: str
    mac: str
    dns_name: str


@dataclass(frozen=True)
class Target:
    """A container port of a task in a target group."""

    group: str
    port: int


def check_network(configuration: dict[str, Any] | None, account: str, region: str) -> dict[str, Any]:
    """The awsvpcConfiguration, complete.

    :raises EcsError: InvalidParameterException, when it is missing or names what does not exist.
    """
    given = (configuration or {}).get("awsvpcConfiguration")
    if not given:
        raise invalid_parameter("Network Configuration must be provided when networkMode 'awsvpc' is specified.")
    if not given.get("subnets"):
        raise invalid_parameter("subnets can not be empty.")
    backend = ec2_backends[account][region]
    vpcs: set[str] = set()
    for subnet in given["subnets"]:
        try:
            vpcs.add(backend.get_subnet(subnet).vpc_id)
        except EC2ClientError as error:
            raise invalid_parameter(
                f"Error retrieving subnet information for [{subnet}]: {error.message} (ErrorCode: {error.code})"
            ) from None
    if len(vpcs) > 1:
        raise invalid_parameter("subnets must be in the same VPC.")
    for group in given.get("securityGroups") or []:
        found = backend.get_security_group_from_id(group)
        if found is None:
            raise invalid_parameter(
                f"Error retrieving security group information for [{group}]: The security group '{group}' does not "
                "exist (ErrorCode: InvalidGroup.NotFound)"
            )
        if found.vpc_id not in vpcs:
            raise invalid_parameter(f"Security group {group} does not appear to belong to the same VPC as the subnets.")
    return {
        "subnets": list(given["subnets"]),
        "securityGroups": list(given.get("securityGroups") or []),
        "assignPublicIp": given.get("assignPublicIp") or "DISABLED",
    }


def choose_subnet(subnets: Sequence[str], busy: Iterable[str]) -> str:
    """The one of ``subnets`` with the fewest tasks.

    :param busy: the subnet of each task that runs beside the new one.
    """
    uses = Counter(busy)
    return min(subnets, key=lambda each: uses[each])


def attach(account: str, region: str, subnet_id: str, groups: Sequence[str], attachment: str) -> Interface:
    """Make a network interface.

    :raises OSError: when the subnet is gone or has no address left.
    """
    backend = ec2_backends[account][region]
    try:
        subnet = backend.get_subnet(subnet_id)
    except EC2ClientError as error:
        raise OSError(str(error.message)) from None
    if not groups:
        default = backend.get_security_group_from_name("default", subnet.vpc_id)
        groups = [default.id] if default is not None else []
    interface = backend.create_network_interface(
        subnet=subnet.id,
        private_ip_address=free_address(backend, subnet),
        group_ids=list(groups),
        description=f"arn:aws:ecs:{region}:{account}:attachment/{attachment}",
    )
    interface.status = "in-use"
    interface.requester_managed = True
    address = str(interface.private_ip_address)
    dns_name = f"ip-{address.replace('.', '-')}.{region}.compute.internal"
    return Interface(
        interface.id, subnet.vpc_id, subnet.id, subnet.availability_zone, address, interface.mac_address, dns_name
    )


def free_address(backend: Any, subnet: Any) -> str:
    """An address that nothing in the subnet has. Chosen at random, so that none is reused at once.

    :raises OSError: when there is none.
    """
    network = ipaddress.ip_network(subnet.cidr_block)
    taken = {each.private_ip_address for each in backend.enis.values() if each.subnet.id == subnet.id}
    taken.update(subnet._subnet_ips)
    # AWS keeps the first four addresses and the last one of each subnet.
    offsets = range(4, network.num_addresses - 1)
    for offset in random.sample(offsets, min(len(offsets), len(taken) + 1)):
        address = str(network[offset])
        if address not in taken:
            return address
    raise OSError(f"subnet {subnet.id} has no free address")


def detach(account: str, region: str, interface: Interface) -> None:
    """Delete the network interface; nothing happens when somebody else has.

    AWS may show it, and let it hold its subnet and its security groups, for a while.
    """
    from emulator.conduct.references import REFERENCES  # which makes interfaces with this module

    REFERENCES.release(account, region, interface.id)


def check_target_group(arn: str, account: str, region: str) -> None:
    """Check that a service can register tasks of network mode awsvpc.

    :raises EcsError: InvalidParameterException.
    """
    group = elbv2_backends[account][region].target_groups.get(arn)
    if group is None:
        raise invalid_parameter(f"The target group with targetGroupArn {arn} does not exist.")
    if group.target_type != "ip":
        raise invalid_parameter(
            f"The provided target group {arn} has target type {group.target_type}, which is incompatible with the "
            "awsvpc network mode specified in the task definition."
        )
    if not group.load_balancer_arns:
        raise invalid_parameter(
            f"The target group with targetGroupArn {arn} does not have an associated load balancer."
        )


def register(account: str, region: str, target: Target, address: str) -> bool:
    """Add the target to its group; False when the group is gone."""
    try:
        elbv2_backends[account][region].register_targets(target.group, [{"Id": address, "Port": target.port}])
    except ServiceException:
        return False
    return True


def deregister(account: str, region: str, target: Target, address: str) -> float:
    """Take the target out of its group.

    :returns: the seconds that its open connections get to end.
    """
    backend = elbv2_backends[account][region]
    group = backend.target_groups.get(target.group)
    if group is None:
        return 0.0
    # By value: what the registrations are filed under is the load balancers' business.
    known = [(each["Id"], int(each["Port"])) for each in list(group.targets.values())]
    if (address, target.port) not in known:
        return 0.0
    # Nothing was ever sent to a target that no listener uses.
    used = target_health(account, region, target, address)[0] != "unused"
    backend.deregister_targets(target.group, [{"Id": address, "Port": target.port}])
    return float(str(group.attributes.get("deregistration_delay.timeout_seconds", 300))) if used else 0.0


def target_health(account: str, region: str, target: Target, address: str) -> tuple[str, str]:
    """The state of the target, as DescribeTargetHealth answers it, and why.

    :returns: state (``healthy``, ``initial``, ``unhealthy``, ...) and description.
    """
    backend = elbv2_backends[account][region]
    try:
        found = backend.describe_target_health(target.group, [{"Id": address, "Port": target.port}])
    except ServiceException as error:
        return "unused", str(error.message)
    return found[0].status, found[0].description or found[0].reason or ""
