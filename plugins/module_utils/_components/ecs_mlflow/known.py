# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the service's policies and task definitions name of other components, before and after AWS has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.stack import Stack

#: What a plan shows in the place of an ARN, an id or an endpoint that AWS gives when the resource is created. A run has
#: read it before it creates anything of it.
UNKNOWN = "(known after apply)"


def known(stack: Stack) -> dict[str, Any]:
    """The resources that exist, with :data:`UNKNOWN` for what does not exist yet and others name."""
    resources = stack.resources
    secrets, database, balancer = (resources.get(part) or {} for part in ("secrets", "rds", "alb"))
    coming = {
        use: {
            # The ARN of a secret ends in six characters that AWS chooses.
            "arn": f"{stack.arn('secretsmanager', 'secret')}:{name}-{UNKNOWN}",
            "version_id": UNKNOWN,
            "previous_version_id": None,
            "kms_key_arn": stack.inputs["secrets_kms_key_id"] or None,
        }
        for use, name in stack.names.secrets().items()
    }
    existing: Mapping[str, Any] = {use: secret for use, secret in secrets.items() if secret}
    return {
        **resources,
        "secrets": {**coming, **existing},
        "rds": {
            **database,
            "endpoint": database.get("endpoint") or {"address": UNKNOWN, "port": UNKNOWN},
            "resource_id": database.get("resource_id") or UNKNOWN,
        },
        "alb": {**balancer, "dns_name": balancer.get("dns_name") or UNKNOWN},
    }
