# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the ids of parts that somebody else made."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.existing import GROUPS

#: What an id looks like, what it is the id of, and an example.
_FORMS = {
    "stack_vpc_id": (re.compile(r"vpc-[0-9a-f]+"), "a VPC ID", "vpc-0a1b2c3d4e5f67890"),
    "stack_public_subnet_ids": (re.compile(r"subnet-[0-9a-f]+"), "a subnet ID", "subnet-0a1b2c3d4e5f67890"),
    "stack_private_subnet_ids": (re.compile(r"subnet-[0-9a-f]+"), "a subnet ID", "subnet-0a1b2c3d4e5f67890"),
    "stack_security_group_ids": (re.compile(r"sg-[0-9a-f]+"), "a security group ID", "sg-0a1b2c3d4e5f67890"),
    "stack_db_instance": (re.compile(r"[A-Za-z](-?[A-Za-z0-9]+)*"), "a DB instance identifier", "team-postgres"),
    "stack_db_master_secret_arn": (
        re.compile(r"arn:[^:]+:secretsmanager:[^:]+:\d{12}:secret:.+"),
        "the ARN of a secret",
        "arn:aws:secretsmanager:eu-west-2:123456789012:secret:rds!db-0a1b2c3d",
    ),
    "stack_target_group_arn": (
        re.compile(r"arn:[^:]+:elasticloadbalancing:[^:]+:\d{12}:targetgroup/[^/]+/[0-9a-f]+"),
        "the ARN of a target group",
        "arn:aws:elasticloadbalancing:eu-west-2:123456789012:targetgroup/mlflow/0a1b2c3d4e5f6789",
    ),
}


def input_problems(inputs: Mapping[str, Any]) -> list[str]:
    """Problems of the variables that name parts made by somebody else; no call to AWS."""
    groups: Mapping[str, Any] = inputs["stack_security_group_ids"]
    found = [
        f"stack_security_group_ids: '{use}' is not a use of a security group; use one of {', '.join(GROUPS)}"
        for use in groups
        if use not in GROUPS
    ]
    for variable, (form, what, example) in _FORMS.items():
        value = inputs[variable]
        values = list(value.values()) if isinstance(value, Mapping) else value if isinstance(value, list) else [value]
        found += [
            f"{variable}: '{one}' is not {what}; use one such as {example}"
            for one in values
            if one and not form.fullmatch(str(one))
        ]
    others = [name for name in _FORMS if name != "stack_vpc_id" and inputs[name]]
    if others and not inputs["stack_vpc_id"]:
        found.append(f"{others[0]}: belongs to a VPC of your own, but stack_vpc_id is empty; give the VPC too")
    if inputs["stack_vpc_id"] and not inputs["stack_private_subnet_ids"]:
        found.append(
            "stack_private_subnet_ids: is empty, but the VPC is given (stack_vpc_id); name the subnets of the tasks"
        )
    if bool(inputs["stack_db_instance"]) != bool(inputs["stack_db_master_secret_arn"]):
        found.append(
            "stack_db_instance and stack_db_master_secret_arn: one of them is empty; give both, the database and the "
            "secret of its master user, or neither"
        )
    return found
