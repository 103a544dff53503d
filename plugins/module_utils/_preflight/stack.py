# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the identity that all roles share."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils._preflight import existing
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._preflight.tags import ignore_problems, tag_problems
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._preflight.usernames import username_problem

#: 40 characters keep every derived name that is not shortened within AWS's limits, the lowest of which is that of a
#: DB instance (63 characters, API CreateDBInstance), and leave something to read of those that are.
NAME_LIMIT = 40
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
#: API CreateLoadBalancer, Name; API CreateSecurityGroup, GroupName.
_REFUSED_BEGINNINGS = ("internal-", "sg-")
#: Characters that need no care in a key (S3 user guide, "Naming Amazon S3 objects"), without the asterisk, which would
#: open the whole bucket to the task in the policy of its role. Beneath it, a key has at most 1,024.
_PREFIX = re.compile(r"[A-Za-z0-9!_.'()-]+(/[A-Za-z0-9!_.'()-]+)*")
_PREFIX_LENGTH = 256
_REGION = re.compile(r"[a-z]{2,4}(-[a-z]+)+-[0-9]+")


def input_problems(inputs: Mapping[str, Any]) -> list[str]:
    """Problems of ``stack_*`` variables that need no call to AWS."""
    found = []
    name = inputs["stack_name"]
    if len(name) > NAME_LIMIT:
        found.append(
            f"stack_name: '{name}' has {len(name)} characters; choose one of at most {NAME_LIMIT}, "
            "since AWS limits the names that derive from it"
        )
    elif not _NAME.fullmatch(name):
        found.append(
            f"stack_name: '{name}' cannot be used in the names of all AWS resources; use lower-case letters, "
            "digits and single hyphens, starting with a letter and not ending in a hyphen"
        )
    elif name.startswith(_REFUSED_BEGINNINGS):
        found.append(
            f"stack_name: '{name}' begins with {name.split('-')[0]}-, which AWS keeps for itself in names of load "
            "balancers and security groups; choose another beginning"
        )
    if not _REGION.fullmatch(inputs["stack_region"]):
        found.append(f"stack_region: '{inputs['stack_region']}' is not an AWS region; use one such as eu-west-2")
    account = inputs["stack_account_id"]
    if account and not re.fullmatch(r"[0-9]{12}", account):
        found.append(
            f"stack_account_id: '{account}' is not the id of an AWS account; use its 12 digits in quotes, such as "
            "'012345678901' (without quotes, YAML may read another number)"
        )
    found += tag_problems("stack_tags", inputs["stack_tags"])
    found += ignore_problems("stack_ignore_tags", inputs["stack_ignore_tags"])
    if problem := username_problem("stack_admin_username", inputs["stack_admin_username"], 128):
        found.append(problem)
    prefix = inputs["stack_artifact_prefix"]
    if not _PREFIX.fullmatch(prefix) or ".." in prefix.split("/"):
        found.append(
            f"stack_artifact_prefix: '{prefix}' is not a key prefix; use one such as mlflow-artifacts, without a "
            "leading or trailing slash"
        )
    elif len(prefix) > _PREFIX_LENGTH:
        found.append(
            f"stack_artifact_prefix: has {len(prefix)} characters, which leaves too few of a key's 1,024 to MLflow; "
            f"use at most {_PREFIX_LENGTH}"
        )
    ports = {key: inputs[key] for key in ("stack_http_port", "stack_service_port", "stack_database_port")}
    for key, port in ports.items():
        if not 1 <= int(port) <= 65535:
            found.append(f"{key}: {port} is not a port; use a number from 1 to 65535")
    if int(ports["stack_http_port"]) == 443:
        found.append(
            "stack_http_port: 443 is the port of HTTPS, and the load balancer speaks plain HTTP in this release, so "
            "that browsers would get no answer; use 80 or another port"
        )
    if 1 <= int(ports["stack_database_port"]) < 1150:
        found.append(
            f"stack_database_port: {ports['stack_database_port']} is below 1150, the lowest port that RDS takes; "
            "use 5432 or another port from 1150 to 65535"
        )
    return found + existing.input_problems(inputs)


def region_problems(inputs: Mapping[str, Any], region: Mapping[str, Any]) -> list[str]:
    """Problems that only the account can show: is it the right one?"""
    wanted = str(inputs.get("stack_account_id") or "")
    if wanted and wanted != region["account_id"]:
        return [
            f"stack_account_id: the credentials in use belong to account {region['account_id']}, not to {wanted}; "
            "use the profile of the right account (AWS_PROFILE), or correct stack_account_id"
        ]
    return []
