# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of security groups, as plans show them: a line for each source or destination, such as
``tcp 80 10.0.0.0/16 Clients``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import ip_network
from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.fields import Labels


def lines_of_permissions(permissions: Iterable[Mapping[str, Any]], labels: Labels) -> list[str]:
    """The lines of rules that exist.

    :param permissions: IpPermissions or IpPermissionsEgress of DescribeSecurityGroups.
    :param labels: the names of groups that rules name by id.
    """
    lines = []
    for rule in permissions:
        first, last = rule.get("FromPort"), rule.get("ToPort")
        ports = (
            "all" if first is None or rule["IpProtocol"] == "-1" else str(first) if first == last else f"{first}-{last}"
        )
        protocol = "all" if rule["IpProtocol"] == "-1" else rule["IpProtocol"]
        sides = [
            *((one["CidrIp"], one.get("Description")) for one in rule.get("IpRanges", [])),
            *((one["CidrIpv6"], one.get("Description")) for one in rule.get("Ipv6Ranges", [])),
            *((one["PrefixListId"], one.get("Description")) for one in rule.get("PrefixListIds", [])),
            *((labels.label(one["GroupId"]), one.get("Description")) for one in rule.get("UserIdGroupPairs", [])),
        ]
        lines += [_line(protocol, ports, side, text) for side, text in sides]
    return sorted(lines)


def lines_of_rules(rules: Iterable[Mapping[str, Any]]) -> list[str]:
    """The lines of rules that are desired.

    :param rules: as amazon.aws.ec2_security_group takes them, with ``cidr_ip``, ``group_name`` and ``group_id``.
    """
    lines = []
    for rule in rules:
        blocks = [_as_ec2_writes(block) for block in rule.get("cidr_ip", [])]
        sides = [*blocks, *rule.get("group_name", []), *rule.get("group_id", [])]
        lines += [_line(rule["proto"], port, side, rule["rule_desc"]) for port in rule["ports"] for side in sides]
    return sorted(lines)


def _line(protocol: str, ports: Any, side: str, text: str | None) -> str:
    return f"{protocol} {ports} {side} {text or ''}".rstrip()


def _as_ec2_writes(block: str) -> str:
    """A block in its one canonical form (API AuthorizeSecurityGroupIngress, CidrIp); other text as it is."""
    try:
        return str(ip_network(block, strict=False))
    except ValueError:
        return block
