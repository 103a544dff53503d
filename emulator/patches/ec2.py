# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Patches of EC2."""

from __future__ import annotations

import inspect
from typing import Any

from moto.ec2 import utils
from moto.ec2.exceptions import DependencyViolationError, EC2ClientError
from moto.ec2.models import EC2Backend
from moto.elbv2.models import elbv2_backends

from emulator.conduct.references import PUBLIC
from emulator.patches.patching import around


def tag_types() -> None:
    """DescribeTags files NAT gateways under ``natgateway`` and addresses under ``elastic-ip``.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeTags.html (resource-type)
    """
    utils.EC2_PREFIX_TO_RESOURCE.update({"nat": "natgateway", "eipalloc": "elastic-ip"})


def subnets_in_use_stay() -> None:
    """DeleteSubnet fails while a network interface lies in the subnet, and takes route table associations along.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteSubnet.html
    """

    @around(EC2Backend, "delete_subnet")
    def delete_subnet(original: Any, self: EC2Backend, subnet_id: str) -> Any:
        if any(eni.subnet.id == subnet_id for eni in list(self.enis.values())):
            raise DependencyViolationError(f"The subnet '{subnet_id}' has dependencies and cannot be deleted.")
        deleted = original(self, subnet_id)
        for table in list(self.route_tables.values()):
            for association in [key for key, subnet in table._associations.items() if subnet == subnet_id]:
                del table._associations[association]
        return deleted


def mapped_addresses_hold_the_gateway() -> None:
    """DetachInternetGateway fails while the VPC has mapped public addresses (NAT gateways, public load balancers).

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DetachInternetGateway.html
    """

    @around(EC2Backend, "detach_internet_gateway")
    def detach_internet_gateway(original: Any, self: EC2Backend, internet_gateway_id: str, vpc_id: str) -> Any:
        if _has_public_address(self, vpc_id):
            raise DependencyViolationError(
                f"Network {vpc_id} has some mapped public address(es). "
                "Please unmap those public address(es) before detaching the gateway."
            )
        return original(self, internet_gateway_id, vpc_id)


def _has_public_address(backend: EC2Backend, vpc_id: str) -> bool:
    for address in list(backend.addresses):
        if address.eni is not None and address.eni.subnet.vpc_id == vpc_id:
            return True
    if any(getattr(eni, PUBLIC, False) and eni.subnet.vpc_id == vpc_id for eni in list(backend.enis.values())):
        return True
    balancers = elbv2_backends[backend.account_id][backend.region_name].load_balancers
    return any(lb.vpc_id == vpc_id and lb.scheme == "internet-facing" for lb in list(balancers.values()))


def security_groups_in_use_stay() -> None:
    """DeleteSecurityGroup fails while an interface, a load balancer or another group's rule uses the group.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteSecurityGroup.html
    """

    @around(EC2Backend, "_delete_security_group")
    def delete_security_group(original: Any, self: EC2Backend, vpc_id: str | None, group_id: str) -> Any:
        if _group_is_used(self, group_id):
            raise DependencyViolationError(f"resource {group_id} has a dependent object")
        return original(self, vpc_id, group_id)


def _group_is_used(backend: EC2Backend, group_id: str) -> bool:
    for eni in list(backend.enis.values()):
        if any(group.id == group_id for group in eni.group_set):
            return True
    for balancer in list(elbv2_backends[backend.account_id][backend.region_name].load_balancers.values()):
        if group_id in (balancer.security_groups or []):
            return True
    for groups in list(backend.groups.values()):
        for group in list(groups.values()):
            if group.id == group_id:
                continue
            for rule in [*group.ingress_rules, *group.egress_rules]:
                if (rule.source_group or {}).get("GroupId") == group_id:
                    return True
    return False


def vpcs_in_use_stay() -> None:
    """DeleteVpc fails while a gateway, an attachment, an endpoint or a security group of one's own is in the VPC.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteVpc.html
    """

    @around(EC2Backend, "delete_vpc")
    def delete_vpc(original: Any, self: EC2Backend, vpc_id: str) -> Any:
        used = any(gateway.vpc and gateway.vpc.id == vpc_id for gateway in list(self.internet_gateways.values()))
        used = used or any(
            gateway.vpc_id == vpc_id and gateway.state not in ("deleted", "failed")
            for gateway in list(self.nat_gateways.values())
        )
        used = used or any(
            endpoint.vpc_id == vpc_id
            for endpoint in list(self.vpc_end_points.values())
            if endpoint.state not in ("deleted", "deleting")
        )
        used = used or any(
            vpc_id in gateway.attachments and gateway.attachments[vpc_id].state != "detached"
            for gateway in list(self.vpn_gateways.values())
        )
        used = used or any(gateway.vpc_id == vpc_id for gateway in list(self.egress_only_internet_gateways.values()))
        used = used or any(gateway.vpc_id == vpc_id for gateway in list(self.carrier_gateways.values()))
        used = used or any(
            getattr(attachment, "vpc_id", "") == vpc_id and attachment.state not in ("deleted", "failed", "rejected")
            for attachment in list(self.transit_gateway_attachments.values())
        )
        used = used or any(group.name != "default" for group in list(self.groups.get(vpc_id, {}).values()))
        if used:
            raise DependencyViolationError(f"The vpc '{vpc_id}' has dependencies and cannot be deleted.")
        return original(self, vpc_id)


def addresses_in_use_stay() -> None:
    """ReleaseAddress fails while the address is associated.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ReleaseAddress.html
    """

    @around(EC2Backend, "release_address")
    def release_address(
        original: Any, self: EC2Backend, address: str | None = None, allocation_id: str | None = None
    ) -> Any:
        found = self.address_by_ip([address]) if address else self.address_by_allocation([str(allocation_id)])
        if found and found[0].association_id:
            raise EC2ClientError("InvalidIPAddress.InUse", f"Address {found[0].public_ip} is in use.")
        return original(self, address, allocation_id)


def one_route_for_a_prefix_list() -> None:
    """A route table has one route to a prefix list, and so one gateway endpoint of a service.

    https://docs.aws.amazon.com/vpc/latest/privatelink/gateway-endpoints.html ("You cannot create an endpoint in a VPC
    that has an existing endpoint for the same service ... that's associated with the same route table")
    """

    @around(EC2Backend, "create_vpc_endpoint")
    def create_vpc_endpoint(original: Any, self: EC2Backend, *args: Any, **kwargs: Any) -> Any:
        given = inspect.signature(original).bind(self, *args, **kwargs).arguments
        if str(given.get("endpoint_type") or "Gateway").lower() == "gateway":
            _refuse_second_route(self, given["service_name"], given.get("route_table_ids") or [])
        elif given.get("private_dns_enabled"):
            _refuse_second_name(self, given["vpc_id"], given["service_name"])
        return original(self, *args, **kwargs)

    @around(EC2Backend, "modify_vpc_endpoint")
    def modify_vpc_endpoint(original: Any, self: EC2Backend, vpc_id: str, *args: Any, **kwargs: Any) -> Any:
        given = inspect.signature(original).bind(self, vpc_id, *args, **kwargs).arguments
        endpoint = self.vpc_end_points.get(vpc_id)
        if endpoint is not None:
            _refuse_second_route(self, endpoint.service_name, given.get("add_route_tables") or [], but=vpc_id)
        return original(self, vpc_id, *args, **kwargs)


def _refuse_second_route(backend: EC2Backend, service: str, tables: list[str], but: str = "") -> None:
    for endpoint in list(backend.vpc_end_points.values()):
        if endpoint.id == but or endpoint.service_name != service or endpoint.state in ("deleted", "deleting"):
            continue
        for table in tables:
            if table in (endpoint.route_table_ids or []):
                raise EC2ClientError(
                    "RouteAlreadyExists",
                    f"route table {table} already has a route with destination-prefix-list-id "
                    f"{endpoint.destination_prefix_list_id}",
                )


def _refuse_second_name(backend: EC2Backend, vpc_id: str, service: str) -> None:
    for endpoint in list(backend.vpc_end_points.values()):
        if endpoint.vpc_id == vpc_id and endpoint.service_name == service and endpoint.private_dns_enabled:
            name = ".".join(reversed(service.split(".")))
            raise EC2ClientError(
                "InvalidParameter",
                f"private-dns-enabled cannot be set because there is already a conflicting DNS domain for {name} in "
                f"the VPC {vpc_id}",
            )


PATCHES = (
    tag_types,
    subnets_in_use_stay,
    mapped_addresses_hold_the_gateway,
    security_groups_in_use_stay,
    vpcs_in_use_stay,
    addresses_in_use_stay,
    one_route_for_a_prefix_list,
)
