# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every AWS name of a stack, derived from its name, and from its region where AWS knows no regions."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass

#: Characters that Elastic Load Balancing allows in the name of a load balancer or target group
#: (API CreateLoadBalancer, CreateTargetGroup).
ELB_NAME_LIMIT = 32
#: Characters that IAM allows in the name of a role (API CreateRole).
ROLE_NAME_LIMIT = 64


def limited(name: str, suffix: str, limit: int) -> str:
    """``name + suffix``, shortened stably where it would exceed ``limit`` characters.

    A shortened name ends in six hexadecimal digits of the full name's SHA-256 and the suffix, so
    two long names that start alike stay two names, and one name is shortened alike on every run.

    :raises ValueError: when ``limit`` leaves no room for a digest.
    """
    full = name + suffix
    if len(full) <= limit:
        return full
    room = limit - len(suffix) - 7
    if room < 1:
        raise ValueError(f"no name of {limit} characters can end in {suffix!r}")
    digest = hashlib.sha256(full.encode()).hexdigest()[:6]
    return f"{name[:room].rstrip('-')}-{digest}{suffix}"


@dataclass(frozen=True)
class StackNames:
    """The AWS names of one stack. Each is a plain name, never an ARN or an id."""

    stack: str
    cluster: str
    service: str
    task_family: str
    migration_family: str
    log_group: str
    insights_log_group: str
    database: str
    database_subnet_group: str
    database_parameter_group: str
    final_snapshot: str
    load_balancer: str
    target_group: str
    security_group_alb: str
    security_group_ecs: str
    security_group_rds: str
    execution_role: str
    migration_execution_role: str
    task_role: str
    secret_master: str
    secret_database: str
    secret_admin: str
    secret_flask: str
    secret_gateway: str

    def as_dict(self) -> dict[str, str]:
        """The names as a plain dictionary, for templates."""
        return asdict(self)

    def secrets(self) -> dict[str, str]:
        """The names of the secrets that the role secrets makes, by use."""
        return {
            "master": self.secret_master,
            "database": self.secret_database,
            "admin": self.secret_admin,
            "flask": self.secret_flask,
            "gateway": self.secret_gateway,
        }


def stack_names(stack: str, region: str) -> StackNames:
    """The names of the stack called ``stack`` (see the table in ``docs/architecture.md``).

    :param region: part of the names of roles. An account has one set of roles for all regions: without it a stack of
        the same name in another region would have the same ones.
    """

    def role(suffix: str) -> str:
        return limited(f"{stack}-{region}", suffix, ROLE_NAME_LIMIT)

    return StackNames(
        stack=stack,
        cluster=f"{stack}-cluster",
        service=stack,
        task_family=stack,
        migration_family=f"{stack}-migration",
        log_group=f"/ecs/{stack}",
        # ECS makes it for Container Insights, and leaves it behind.
        insights_log_group=f"/aws/ecs/containerinsights/{stack}-cluster/performance",
        database=f"{stack}-db",
        database_subnet_group=f"{stack}-db",
        database_parameter_group=f"{stack}-db",
        final_snapshot=f"{stack}-final",
        load_balancer=limited(stack, "-alb", ELB_NAME_LIMIT),
        target_group=limited(stack, "-tg", ELB_NAME_LIMIT),
        security_group_alb=f"{stack}-alb",
        security_group_ecs=f"{stack}-ecs",
        security_group_rds=f"{stack}-rds",
        execution_role=role("-execution"),
        migration_execution_role=role("-migration-execution"),
        task_role=role("-task"),
        secret_master=f"{stack}/database/master",
        secret_database=f"{stack}/database/mlflow",
        secret_admin=f"{stack}/mlflow/admin",
        secret_flask=f"{stack}/mlflow/flask",
        secret_gateway=f"{stack}/mlflow/gateway",
    )


def user_secret_name(stack: str, username: str) -> str:
    """The name of the secret that holds the login of one MLflow user.

    Secrets Manager takes ASCII letters, digits and ``/_+=.@-`` in at most 512 characters (API CreateSecret), so
    other characters are written as ``=`` and the hexadecimal digits of their UTF-8 bytes, which keeps two names two.
    """
    return limited(f"{stack}/mlflow/users/{_plain(username)}", "", 506)


def user_env_name(username: str) -> str:
    """The name of the file with the settings of one MLflow user's clients; two users have two files.

    The name is spelled as in :func:`user_secret_name`, which leaves no path and no hidden file. File systems take 255
    bytes.
    """
    return limited(f"mlflow-{_plain(username)}", ".env", 200)


def _plain(username: str) -> str:
    return "".join(
        character
        if character.isascii() and (character.isalnum() or character in "_+.@-")
        else "".join(f"={byte:02X}" for byte in character.encode())
        for character in username
    )
