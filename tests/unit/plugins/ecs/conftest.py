# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection is imported from the checkout; samples that several tests start from."""

from __future__ import annotations

from typing import Any

import pytest

ROLE = "arn:aws:iam::123456789012:role/execution"
SECRET = "arn:aws:secretsmanager:eu-west-2:123456789012:secret:db-AbCdEf:password::"


@pytest.fixture
def options() -> dict[str, Any]:
    """A whole task definition, as a user writes it: two containers and most kinds of fields."""
    return {
        "family": "web",
        "cpu": "512",
        "memory": "1024",
        "network_mode": "awsvpc",
        "requires_compatibilities": ["FARGATE"],
        "execution_role_arn": ROLE,
        "task_role_arn": "arn:aws:iam::123456789012:role/task",
        "runtime_platform": {"cpu_architecture": "X86_64", "operating_system_family": "LINUX"},
        "ephemeral_storage": {"size_in_gib": 30},
        "volumes": [{"name": "runtime"}, {"name": "scratch"}],
        "containers": [
            {
                "name": "install",
                "image": "python:3.11-slim",
                "essential": False,
                "command": ["python", "-c", "print('hello')"],
                "environment": {"VERSION": "3.17.2", "EMPTY": ""},
                "mount_points": [{"source_volume": "runtime", "container_path": "/opt/app"}],
            },
            {
                "name": "app",
                "image": "python:3.11-slim",
                "command": ["/opt/app/serve"],
                "entry_point": ["/bin/sh", "-c"],
                "user": "65534:65534",
                "readonly_root_filesystem": True,
                "stop_timeout": 60,
                "depends_on": [{"container_name": "install", "condition": "SUCCESS"}],
                "environment": {"LEVEL": "info", "PORT": 5000, "CACHE": True},
                "secrets": {"DB_PASSWORD": SECRET},
                "port_mappings": [{"container_port": 5000}],
                "mount_points": [
                    {"source_volume": "runtime", "container_path": "/opt/app", "read_only": True},
                    {"source_volume": "scratch", "container_path": "/var/lib/app"},
                ],
                "health_check": {"command": ["CMD", "/opt/app/check"], "interval": 10},
                "linux_parameters": {"init_process_enabled": True, "capabilities": {"drop": ["ALL"]}},
                "ulimits": [{"name": "nofile", "soft_limit": 1024, "hard_limit": 4096}],
                "log_configuration": {
                    "log_driver": "awslogs",
                    "options": {
                        "awslogs-group": "/ecs/web",
                        "awslogs-region": "eu-west-2",
                        "awslogs-stream-prefix": "web",
                    },
                },
            },
        ],
    }
