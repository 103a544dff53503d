# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stack that an inventory asks for: what the desired values of all components follow from. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.names import StackNames
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.ownership import STACK_TAG
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.tagging import tag_record

COMPONENT_TAG = "mlflow:component"


def _no_code() -> Mapping[str, str]:
    return {}


@dataclass(frozen=True)
class Stack:
    """The variables of a stack, and what AWS has of it.

    :param inputs: the variables of all roles, in the types of their ``argument_specs.yml``.
    :param resources: ids and states of what exists, as ``stack_info`` answers them.
    :param region: what ``stack_info`` answers of the account and its region.
    :param current: by component, kind and name, the fields of what exists.
    :param code: gives the texts that run in the tasks (``plugin_utils/task_code.py``).
    """

    inputs: Mapping[str, Any]
    names: StackNames
    resources: Mapping[str, Any]
    region: Mapping[str, Any]
    current: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)
    code: Callable[[], Mapping[str, str]] = _no_code

    def tags(self, component: str, **more: str) -> dict[str, Any]:
        """The tags of a resource: those of the inventory, whose it is, and which keys the inventory gave.

        :param component: the value of the tag ``mlflow:component``.
        :param more: further tags, where a double underscore stands for a colon.
        """
        own: Mapping[str, Any] = self.inputs["stack_tags"]
        return {
            **own,
            STACK_TAG: self.names.stack,
            **tag_record(own),
            COMPONENT_TAG: component,
            **{key.replace("__", ":"): value for key, value in more.items()},
        }

    def subnet_cidrs(self, tier: str) -> list[str]:
        """The blocks of the subnets of a tier, ``public`` or ``private``: those that exist and those to be created."""
        rows = (self.resources["network"] or {}).get("subnets", [])
        existing = {row["cidr"] for row in rows if row["tier"] == tier}
        desired = [] if self.inputs["stack_vpc_id"] else self.inputs[f"network_{tier}_cidrs"]
        return sorted({*existing, *desired})

    def security_group(self, use: str) -> str:
        """The security group of ``alb``, ``ecs`` or ``rds``: its name, or the id of one that somebody else created."""
        existing = self.inputs["stack_security_group_ids"].get(use)
        return str(existing or getattr(self.names, f"security_group_{use}"))

    def subnet_ids(self, tier: str) -> list[str]:
        """The ids of the subnets of a tier that exist."""
        return list((self.resources["network"] or {}).get(f"{tier}_subnet_ids", []))

    def security_group_ids(self, use: str) -> list[str]:
        """The id of the security group of ``alb``, ``ecs`` or ``rds`` in a list; an empty one where none exists yet."""
        found = (self.resources["network"] or {}).get("security_group_ids", {}).get(use)
        return [found] if found else []

    @property
    def target_group(self) -> str:
        """The name of the target group, also of one that somebody else created."""
        existing = str(self.inputs["stack_target_group_arn"])
        return existing.split("/")[1] if existing else self.names.target_group

    @property
    def url(self) -> str:
        """The URL by which people and clients reach MLflow; empty until there is a load balancer."""
        balancer = self.resources["alb"] or {}
        if self.inputs["stack_target_group_arn"] and balancer:
            return str(balancer["url"])
        if not balancer.get("dns_name"):
            return ""
        port = int(self.inputs["stack_http_port"])
        return f"http://{balancer['dns_name']}" + ("" if port == 80 else f":{port}")

    def arn(self, service: str, kind: str) -> str:
        """The beginning of the ARNs of a service's resources in the stack's account and region.

        :param kind: such as ``secret``.
        """
        region = self.region
        return f"arn:{region['partition']}:{service}:{self.inputs['stack_region']}:{region['account_id']}:{kind}"
