# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The task definitions: of the service, and of the migration of its databases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.stack import Stack

from .known import known
from .workers import fitting_workers

#: Where the installed MLflow lies in a task, and where its processes may write.
HOME, SCRATCH = "/opt/mlflow", "/var/lib/mlflow"
#: nobody, who owns nothing in the task.
_NOBODY = "65534:65534"

Container = dict[str, Any]


@dataclass(frozen=True)
class Definition:
    """A task definition.

    :param execution_role: name of the role of the ECS agent.
    :param task_role: name of the role of the task; empty for none.
    :param containers: as mlops.mlflow_aws.ecs_task_definition takes them.
    """

    stack: Stack
    family: str
    execution_role: str
    task_role: str
    containers: tuple[Container, ...]

    def options(self) -> dict[str, Any]:
        """The options of mlops.mlflow_aws.ecs_task_definition, without tags."""
        inputs = self.stack.inputs
        role = f"arn:{self.stack.region['partition']}:iam::{self.stack.region['account_id']}:role/"
        found = {
            "family": self.family,
            "cpu": inputs["ecs_mlflow_cpu"],
            "memory": inputs["ecs_mlflow_memory"],
            "execution_role_arn": role + self.execution_role,
            "runtime_platform": {
                "cpu_architecture": inputs["ecs_mlflow_cpu_architecture"],
                "operating_system_family": "LINUX",
            },
            "volumes": [{"name": "runtime"}, {"name": "scratch"}],
            "containers": list(self.containers),
        }
        return {**found, "task_role_arn": role + self.task_role} if self.task_role else found


def definitions(stack: Stack) -> dict[str, Definition]:
    """The task definitions by family."""
    names, install = stack.names, _install(stack)
    found = (
        Definition(stack, names.migration_family, names.migration_execution_role, "", (install, _migration(stack))),
        Definition(stack, names.task_family, names.execution_role, names.task_role, (install, _server(stack))),
    )
    return {one.family: one for one in found}


def _install(stack: Stack) -> Container:
    """Installs MLflow into a volume that the server then mounts read-only (roles/ecs_mlflow/files/install.py)."""
    inputs, code = stack.inputs, stack.code()
    index = inputs["ecs_mlflow_index_url"]
    return {
        "name": "install",
        "image": inputs["ecs_mlflow_image"],
        "essential": False,
        # Whatever USER and ENTRYPOINT the image has: the volumes belong to root, and the command is all that runs.
        "user": "0",
        "entry_point": ["python", "-c"],
        "command": [code["install"]],
        "environment": {
            "MLFLOW_AWS_HOME": HOME,
            "MLFLOW_AWS_SCRATCH": SCRATCH,
            "MLFLOW_AWS_VERSION": inputs["ecs_mlflow_version"],
            "MLFLOW_AWS_PREINSTALLED": _flag(inputs["ecs_mlflow_image_has_mlflow"]),
            "MLFLOW_AWS_PAYLOAD": code["payload"],
            **({"PIP_INDEX_URL": index, "UV_INDEX_URL": index} if index else {}),
        },
        "mount_points": _mounts(read_only=False),
        "log_configuration": _logging(stack),
    }


def _mounts(*, read_only: bool) -> list[dict[str, Any]]:
    """The two volumes.

    :param read_only: whether what is installed cannot be changed.
    """
    return [
        {"source_volume": "runtime", "container_path": HOME, "read_only": read_only},
        {"source_volume": "scratch", "container_path": SCRATCH, "read_only": False},
    ]


def _logging(stack: Stack) -> dict[str, Any]:
    return {
        "log_driver": "awslogs",
        "options": {
            "awslogs-group": stack.names.log_group,
            "awslogs-region": stack.inputs["stack_region"],
            "awslogs-stream-prefix": "mlflow",
        },
    }


def _common(stack: Stack, name: str, environment: Mapping[str, Any], secrets: Mapping[str, str]) -> Container:
    """What the server and the migration share.

    :param name: of the container.
    :param environment: beside the settings that both read.
    :param secrets: beside those that both read.
    """
    inputs, database = stack.inputs, known(stack)["rds"]
    settings = {
        "MLFLOW_AWS_HOME": HOME,
        "MLFLOW_AWS_SCRATCH": SCRATCH,
        "TMPDIR": SCRATCH,
        "HOME": SCRATCH,
        "AWS_DEFAULT_REGION": inputs["stack_region"],
        "MLFLOW_AWS_DB_HOST": database["endpoint"]["address"],
        "MLFLOW_AWS_DB_PORT": str(database["endpoint"]["port"]),
        "MLFLOW_AWS_DB_SSLMODE": inputs["ecs_mlflow_sslmode"],
        "MLFLOW_AWS_DB_TRACKING": inputs["ecs_mlflow_tracking_database"],
        "MLFLOW_AWS_DB_LOGINS": inputs["ecs_mlflow_auth_database"],
        "MLFLOW_AWS_ADMIN_USERNAME": inputs["stack_admin_username"],
        "MLFLOW_AWS_ARTIFACTS": f"s3://{inputs['storage_bucket']}/{inputs['stack_artifact_prefix']}",
    }
    return {
        "name": name,
        "image": inputs["ecs_mlflow_image"],
        "essential": True,
        "user": _NOBODY,
        "entry_point": [f"{HOME}/bin/mlflow-aws"],
        "readonly_root_filesystem": True,
        "depends_on": [{"container_name": "install", "condition": "SUCCESS"}],
        "mount_points": _mounts(read_only=True),
        "stop_timeout": inputs["ecs_mlflow_stop_timeout"],
        "log_configuration": _logging(stack),
        "environment": {**settings, **environment},
        # The version of a secret is a part of the revision: tasks of one revision agree, a rotation is a new revision
        # by itself, and a revision that is rolled back to finds what it was made for.
        "secrets": {
            "MLFLOW_AWS_DB_USER": _pinned(stack, "database", "username"),
            "MLFLOW_AWS_DB_PASSWORD": _pinned(stack, "database", "password"),
            # The migration has it too: it re-encrypts what MLflow had encrypted under its published passphrase.
            "MLFLOW_CRYPTO_KEK_PASSPHRASE": _pinned(stack, "gateway", "key"),
            **secrets,
        },
    }


def _server(stack: Stack) -> Container:
    inputs = stack.inputs
    environment = {
        "MLFLOW_AWS_PORT": str(inputs["stack_service_port"]),
        "MLFLOW_AWS_WORKERS": str(fitting_workers(inputs["ecs_mlflow_workers"], inputs["ecs_mlflow_memory"])),
        "MLFLOW_AWS_POOL_SIZE": str(inputs["ecs_mlflow_pool_size"]),
        "MLFLOW_AWS_ALLOWED_HOSTS": ",".join(_hosts(stack)),
        "MLFLOW_AWS_CORS_ORIGINS": ",".join(_origins(stack)),
        "MLFLOW_AWS_LOGIN_CACHE": _flag(inputs["ecs_mlflow_login_cache"]),
        **inputs["ecs_mlflow_environment"],
    }
    return {
        **_common(stack, "mlflow", environment, {"MLFLOW_FLASK_SERVER_SECRET_KEY": _pinned(stack, "flask", "key")}),
        "command": ["serve"],
        "port_mappings": [{"container_port": inputs["stack_service_port"], "protocol": "tcp"}],
        "health_check": {
            "command": ["CMD", f"{HOME}/bin/mlflow-aws", "healthcheck"],
            "interval": 10,
            "timeout": 5,
            "retries": 3,
            "start_period": inputs["ecs_mlflow_start_period"],
        },
    }


def _migration(stack: Stack) -> Container:
    environment = {
        "MLFLOW_AWS_DB_MASTER_DATABASE": "postgres",
        "MLFLOW_AWS_DB_RESOURCE_ID": known(stack)["rds"]["resource_id"],
    }
    secrets = {
        "MLFLOW_AWS_DB_MASTER_USER": _newest(stack, "master", "username"),
        "MLFLOW_AWS_DB_MASTER_PASSWORD": _newest(stack, "master", "password"),
        "MLFLOW_AWS_ADMIN_PASSWORD": _newest(stack, "admin", "password"),
    }
    return {**_common(stack, "migrate", environment, secrets), "command": ["migrate"]}


def _pinned(stack: Stack, use: str, key: str) -> str:
    """A key of a secret in the version that it has now (API Secret, valueFrom)."""
    secret = known(stack)["secrets"][use]
    return f"{secret['arn']}:{key}::{secret['version_id']}"


def _newest(stack: Stack, use: str, key: str) -> str:
    """A key of a secret in the version that is current when the task starts."""
    return f"{known(stack)['secrets'][use]['arn']}:{key}::"


def _hosts(stack: Stack) -> list[str]:
    """The host names that MLflow 3 answers to: the load balancer's, and those of the inventory."""
    dns = known(stack)["alb"]["dns_name"]
    own = [urlsplit(stack.url).netloc] if stack.inputs["stack_target_group_arn"] else []
    port = stack.inputs["stack_http_port"]
    return list(dict.fromkeys([dns, f"{dns}:{port}", *own, *stack.inputs["ecs_mlflow_allowed_hosts"]]))


def _origins(stack: Stack) -> list[str]:
    """The origins whose pages may call MLflow 3: its own, and those of the inventory."""
    own = stack.url or known(stack)["alb"]["dns_name"]
    return list(dict.fromkeys([own, *stack.inputs["ecs_mlflow_cors_origins"]]))


def _flag(value: Any) -> str:
    return str(bool(value)).lower()
