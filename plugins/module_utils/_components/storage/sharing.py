# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Other stacks that keep their artifacts in the same bucket."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.names import StackNames, stack_names
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.reading import Client, absent

#: What the name of a stack looks like. A rule of somebody else's may be called anything.
_STACK = re.compile(r"[a-z][a-z0-9-]{0,39}")


def sharing_stacks(
    clients: Mapping[str, Client], names: StackNames, lifecycle: Mapping[str, Any], region: str
) -> list[dict[str, str]]:
    """``stack`` and ``prefix`` of each other stack of this account that has artifacts in a bucket.

    Each stack has a lifecycle rule that is called after it. The rule outlives the stack, as the artifacts do, so the
    secret of the stack's admin says whether it is still there. Who may not see that secret learns of no other stack.

    :param lifecycle: what S3 answers of its lifecycle configuration; empty where it has none.
    """
    return [
        {"stack": stack, "prefix": prefix}
        for stack, prefix in _rules(lifecycle)
        if stack != names.stack and _there(clients, stack, region)
    ]


def _rules(answer: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for rule in answer.get("Rules", []):
        stack = str(rule.get("ID", ""))
        prefix = str((rule.get("Filter") or {}).get("Prefix", rule.get("Prefix", "")))
        if _STACK.fullmatch(stack) and prefix.endswith("/"):
            yield stack, prefix.rstrip("/")


def _there(clients: Mapping[str, Client], stack: str, region: str) -> bool:
    admin = stack_names(stack, region).secret_admin
    found = absent(
        lambda: clients["secretsmanager"].describe_secret(SecretId=admin),
        "ResourceNotFoundException",
        "AccessDeniedException",
    )
    return found is not None and "DeletedDate" not in found
