# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""AWS clients for modules that talk to MLflow first and to AWS only where they are asked to."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import missing_required_lib
from ansible_collections.amazon.aws.plugins.module_utils.botocore import HAS_BOTO3

from .secret import LoginSecret


def aws_client(module: Any, service: str) -> Any:
    """A boto3 client from the AWS options of ``module`` (an ``AnsibleAWSModule``).

    ``validate_certs`` is about the MLflow server in these modules: a self-signed load balancer must not
    switch off the check of AWS's own certificates.
    """
    if not HAS_BOTO3:
        module.fail_json(msg=missing_required_lib("boto3 and botocore"))
    return module.client(service, verify=module.params.get("aws_ca_bundle") or None)


def login_secret(module: Any) -> LoginSecret | None:
    """The secret that ``secret_id`` names, or None where that is not given. Nothing is read yet."""
    secret_id = module.params.get("secret_id")
    return named_secret(module, secret_id) if secret_id else None


def named_secret(module: Any, secret_id: str) -> LoginSecret:
    """A secret by its name or ARN. Nothing is read yet."""
    return LoginSecret(aws_client(module, "secretsmanager"), secret_id)
