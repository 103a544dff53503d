# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the load balancer's variables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.fields import range_problems

from .kinds import KINDS


def input_problems(inputs: Mapping[str, Any]) -> list[str]:
    """Problems of ``alb_*`` variables that need no call to AWS."""
    found = range_problems(KINDS, inputs)
    if int(inputs["alb_health_timeout"]) >= int(inputs["alb_health_interval"]):
        found.append(
            f"alb_health_timeout: {inputs['alb_health_timeout']} s is not shorter than alb_health_interval "
            f"({inputs['alb_health_interval']} s); lower it"
        )
    return found


def account_problems(inputs: Mapping[str, Any], _region: Mapping[str, Any], resources: Mapping[str, Any]) -> list[str]:
    """Problems that only AWS can show; none of a load balancer that is somebody else's."""
    return [] if inputs["stack_target_group_arn"] else change_problems(inputs, resources)


def change_problems(inputs: Mapping[str, Any], resources: Mapping[str, Any]) -> list[str]:
    """What cannot change on the load balancer that exists.

    API CreateLoadBalancer and CreateTargetGroup take scheme and port; no call modifies them.
    """
    now = resources["alb"] or {}
    found = []
    if now.get("scheme") and now["scheme"] != inputs["alb_scheme"]:
        found.append(
            f"alb_scheme: '{inputs['alb_scheme']}', but the load balancer {now['dns_name']} is {now['scheme']}, which "
            f"AWS cannot change; set it back to {now['scheme']}, or delete that load balancer first and deploy again "
            "(its address changes, and MLflow is not reached meanwhile)"
        )
    port = now.get("target_group_port")
    # The rules of the security groups would leave the running tasks before new ones listen elsewhere.
    if port and int(port) != int(inputs["stack_service_port"]):
        found.append(
            f"stack_service_port: {inputs['stack_service_port']}, but the tasks of the target group that exists listen "
            f"at {port}, and a change would cut them off; set it back to {port}, or destroy the stack first"
        )
    return found
