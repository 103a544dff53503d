# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The right to tag that a call needs which makes something with tags.

Source: Service Authorization Reference, the dependent actions of each action; ECS Developer Guide, "Grant permission
to tag resources on creation"; CloudWatch Logs API, CreateLogGroup; IAM API, CreateRole.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: Service -> its action that sets tags. EC2 has rules of its own (:mod:`emulator.iam.ec2`).
_TAGS = {
    "application-autoscaling": "TagResource",
    "ecs": "TagResource",
    "elasticloadbalancing": "AddTags",
    "logs": "TagResource",
    "rds": "AddTagsToResource",
    "secretsmanager": "TagResource",
}
_IAM = {"CreateRole": "TagRole", "CreateUser": "TagUser", "CreatePolicy": "TagPolicy"}
_MAKING = ("Create", "Register", "Run")


def tagging_action(service: str, action: str, parameters: Mapping[str, Any]) -> str | None:
    """The action by which ``action`` tags what it makes, without the service; None when it tags nothing.

    :param parameters: of a query call flat (``Tags.member.1.Key``), of a JSON call as they are.
    """
    tags = _IAM.get(action) if service == "iam" else _TAGS.get(service)
    if tags is None or not action.startswith(_MAKING):
        return None
    return tags if any(value and name.split(".")[0].lower() == "tags" for name, value in parameters.items()) else None
