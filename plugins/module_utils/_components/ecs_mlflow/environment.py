# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check of environment variables that an inventory adds to those of the server."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

#: Of the program in the task: whatever it reads, or will read, is set by a variable of a role.
_PREFIX = "MLFLOW_AWS_"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
#: What the role and the program in the task set themselves (definitions.py, files/mlflow_aws/serve.py),
#: and the variable of a role that says it, if any. A value of somebody's own would be lost, or would break the task.
_OURS = {
    "AWS_DEFAULT_REGION": "stack_region",
    "AWS_REGION": "stack_region",
    "HOME": "",
    "TMPDIR": "",
    "MLFLOW_AWS_ADMIN_USERNAME": "stack_admin_username",
    "MLFLOW_AWS_ALLOWED_HOSTS": "ecs_mlflow_allowed_hosts",
    "MLFLOW_AWS_ARTIFACTS": "storage_bucket and stack_artifact_prefix",
    "MLFLOW_AWS_CORS_ORIGINS": "ecs_mlflow_cors_origins",
    "MLFLOW_AWS_DB_LOGINS": "ecs_mlflow_auth_database",
    "MLFLOW_AWS_DB_PORT": "stack_database_port",
    "MLFLOW_AWS_DB_SSLMODE": "ecs_mlflow_sslmode",
    "MLFLOW_AWS_DB_TRACKING": "ecs_mlflow_tracking_database",
    "MLFLOW_AWS_LOGIN_CACHE": "ecs_mlflow_login_cache",
    "MLFLOW_AWS_POOL_SIZE": "ecs_mlflow_pool_size",
    "MLFLOW_AWS_PORT": "stack_service_port",
    "MLFLOW_AWS_VERSION": "ecs_mlflow_version",
    "MLFLOW_AWS_WORKERS": "ecs_mlflow_workers",
    "MLFLOW_AUTH_ADMIN_PASSWORD": "",
    "MLFLOW_AUTH_ADMIN_USERNAME": "stack_admin_username",
    "MLFLOW_AUTH_CONFIG_PATH": "",
    "MLFLOW_ARTIFACTS_DESTINATION": "storage_bucket and stack_artifact_prefix",
    "MLFLOW_BACKEND_STORE_URI": "ecs_mlflow_tracking_database",
    "MLFLOW_CRYPTO_KEK_PASSPHRASE": "",
    "MLFLOW_CRYPTO_KEK_VERSION": "",
    "MLFLOW_REGISTRY_STORE_URI": "ecs_mlflow_tracking_database",
    "MLFLOW_TRACKING_URI": "",
    "MLFLOW_DEFAULT_ARTIFACT_ROOT": "storage_bucket and stack_artifact_prefix",
    "MLFLOW_FLASK_SERVER_SECRET_KEY": "",
    "MLFLOW_HOST": "",
    "MLFLOW_PORT": "stack_service_port",
    "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY": "",
    "MLFLOW_WORKERS": "ecs_mlflow_workers",
    "MLFLOW_SQLALCHEMYSTORE_MAX_OVERFLOW": "ecs_mlflow_pool_size",
    "MLFLOW_SQLALCHEMYSTORE_POOLCLASS": "ecs_mlflow_pool_size",
    "MLFLOW_SQLALCHEMYSTORE_POOL_SIZE": "ecs_mlflow_pool_size",
    "MLFLOW_SERVER_ALLOWED_HOSTS": "ecs_mlflow_allowed_hosts",
    "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": "ecs_mlflow_cors_origins",
}
#: Characters of names and values in all. ECS takes 64 KiB a task definition (Amazon ECS service quotas), of which the
#: role needs most (plugins/plugin_utils/task_code.py).
_MOST = 8000
#: A task has its role's credentials; others would take their place, and stand in clear in the task definition.
_CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE")


def environment_problems(variable: str, added: Mapping[Any, Any]) -> list[str]:
    """A sentence for each environment variable that cannot be, or that is the collection's to set.

    :param variable: the role's variable that holds ``added``.
    """
    found = [problem for name, value in added.items() if (problem := _problem(f"{variable}.{name}", str(name), value))]
    size = sum(len(str(name)) + len(str(value)) for name, value in added.items())
    if size > _MOST:
        longest = max(added, key=lambda name: len(str(added[name])))
        found.append(
            f"{variable}: names and values have {size} characters, and ECS takes 64 KiB for a whole task definition; "
            f"keep to {_MOST}, and have MLflow read something as long as {longest} from a file in an image of your own"
        )
    return found


def _problem(place: str, name: str, value: Any) -> str | None:
    if not _NAME.fullmatch(name):
        return f"{place}: '{name}' is not the name of an environment variable; use letters, digits and underscores"
    if name.startswith(_PREFIX) or name in _OURS:
        instead = _OURS.get(name, "")
        return f"{place}: is set by the collection itself; " + (f"set {instead} instead" if instead else "remove it")
    if name in _CREDENTIALS:
        return f"{place}: would take the place of the task role's credentials; remove it"
    if value is None:
        return f"{place}: has no value; give it one, or remove it"
    if isinstance(value, (Mapping, list)):
        return f"{place}: is not a text; give it one, such as JSON in quotes"
    if isinstance(value, (bool, float)):
        return f"{place}: {value} is not a text to YAML, and may reach the server in another form; quote it"
    return None
