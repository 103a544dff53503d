# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The IAM roles of the tasks: what the ECS agent and MLflow may do, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.stack import Stack

from .known import known

Statement = dict[str, Any]


@dataclass(frozen=True)
class Role:
    """A role.

    :param statements: of its policy.
    """

    stack: Stack
    name: str
    description: str
    statements: tuple[Statement, ...]


def roles(stack: Stack) -> dict[str, Role]:
    """The roles by name: of the agent for the service and for the migration, and of MLflow."""
    name, names = stack.names.stack, stack.names
    agent = [_logs(stack), *_image(stack), *_secret_keys(stack)]
    service = ["database", "flask", "gateway"]
    found = (
        Role(
            stack,
            names.execution_role,
            f"ECS agent for the service of {name}",
            (*agent, _secrets(stack, service)),
        ),
        Role(
            stack,
            names.migration_execution_role,
            f"ECS agent for the migration of {name}",
            (*agent, _secrets(stack, [*service, "master", "admin"])),
        ),
        Role(stack, names.task_role, f"MLflow of {name}", (*_artifacts(stack), *_bucket_keys(stack))),
    )
    return {role.name: role for role in found}


def trust(stack: Stack) -> dict[str, Any]:
    """Who may assume the roles: tasks of this account alone.

    Confused deputy: Amazon ECS developer guide, "Task IAM role".
    """
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "ecs-tasks.amazonaws.com"},
                "Action": "sts:AssumeRole",
                "Condition": {"StringEquals": {"aws:SourceAccount": stack.region["account_id"]}},
            }
        ],
    }


def _logs(stack: Stack) -> Statement:
    group = f"{stack.arn('logs', 'log-group')}:{stack.names.log_group}"
    return _allow("Logs", ["logs:CreateLogStream", "logs:PutLogEvents"], f"{group}:*")


def _image(stack: Stack) -> list[Statement]:
    """An image of ECR; public ones need no right."""
    image = stack.inputs["ecs_mlflow_image"]
    if ".dkr.ecr." not in image:
        return []
    repository = re.sub(r"^[^/]+/([^:@]+).*$", r"\1", image)
    return [
        _allow("EcrLogin", ["ecr:GetAuthorizationToken"], "*"),
        _allow(
            "EcrPull",
            ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            f"arn:{stack.region['partition']}:ecr:*:*:repository/{repository}",
        ),
    ]


def _secrets(stack: Stack, uses: Iterable[str]) -> Statement:
    arns = [known(stack)["secrets"][use]["arn"] for use in uses]
    return _allow("Secrets", ["secretsmanager:GetSecretValue"], arns)


def _secret_keys(stack: Stack) -> list[Statement]:
    """A key of the customer's own needs a right of its own, for use through the one service only; AWS's keys do not."""
    keys = sorted({row["kms_key_arn"] for row in known(stack)["secrets"].values() if row["kms_key_arn"]})
    return [_allow("SecretsKey", ["kms:Decrypt"], keys, _via(stack, "secretsmanager"))] if keys else []


def _artifacts(stack: Stack) -> list[Statement]:
    bucket = f"arn:{stack.region['partition']}:s3:::{stack.inputs['storage_bucket']}"
    prefix = stack.inputs["stack_artifact_prefix"]
    objects = ("GetObject", "PutObject", "DeleteObject", "AbortMultipartUpload", "ListMultipartUploadParts")
    below = {"StringLike": {"s3:prefix": [prefix, f"{prefix}/*"]}}
    return [
        _allow("ListPrefix", ["s3:ListBucket"], bucket, below),
        _allow("UsePrefix", [f"s3:{one}" for one in objects], f"{bucket}/{prefix}/*"),
    ]


def _bucket_keys(stack: Stack) -> list[Statement]:
    """Envelope encryption: a part of an upload is encrypted, and the whole is put together out of decrypted parts.

    A key that the inventory asks for counts before the bucket has it, and in the plan; former ones encrypt older
    objects.
    """
    inputs = stack.inputs
    has = (stack.resources["storage"] or {}).get("kms_key_arn")
    keys = sorted({key for key in (has, inputs["storage_kms_key_id"], *inputs["storage_former_kms_key_ids"]) if key})
    actions = ["kms:GenerateDataKey", "kms:Decrypt"]
    resource = keys[0] if len(keys) == 1 else keys
    return [_allow("BucketKey", actions, resource, _via(stack, "s3"))] if keys else []


def _via(stack: Stack, service: str) -> dict[str, Any]:
    suffix = "amazonaws.com.cn" if stack.region["partition"] == "aws-cn" else "amazonaws.com"
    return {"StringEquals": {"kms:ViaService": f"{service}.{stack.inputs['stack_region']}.{suffix}"}}


def _allow(
    sid: str, actions: list[str], resource: str | list[str], condition: Mapping[str, Any] | None = None
) -> Statement:
    found: Statement = {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resource}
    return {**found, "Condition": dict(condition)} if condition else found
