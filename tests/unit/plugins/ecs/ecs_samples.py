# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ECS answers, for tests that make no calls."""

from __future__ import annotations

from typing import Any


def described(request: dict[str, Any], revision: int = 1) -> dict[str, Any]:
    """What DescribeTaskDefinition answers for a RegisterTaskDefinition request, with what ECS adds by itself."""
    family = request["family"]
    containers = [
        {
            "cpu": 0,
            "portMappings": [],
            "essential": True,
            "environment": [],
            "mountPoints": [],
            "volumesFrom": [],
            "systemControls": [],
            **container,
        }
        for container in request["containerDefinitions"]
    ]
    for container in containers:
        container["environment"] = list(reversed(container["environment"]))
        container["portMappings"] = [
            {"protocol": "tcp", "hostPort": mapping["containerPort"], **mapping}
            for mapping in container["portMappings"]
        ]
        if "healthCheck" in container:
            container["healthCheck"] = {"interval": 30, "timeout": 5, "retries": 3, **container["healthCheck"]}
    return {
        **request,
        "taskDefinitionArn": f"arn:aws:ecs:eu-west-2:123456789012:task-definition/{family}:{revision}",
        "containerDefinitions": list(reversed(containers)),
        "volumes": [{"host": {}, **volume} for volume in request.get("volumes", [])],
        "placementConstraints": [],
        "revision": revision,
        "status": "ACTIVE",
        "requiresAttributes": [{"name": "com.amazonaws.ecs.capability.task-iam-role"}],
        "compatibilities": ["EC2", "FARGATE"],
        "enableFaultInjection": False,
        "registeredBy": "arn:aws:iam::123456789012:root",
    }


class FakeClock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def time(self) -> float:
        """Seconds since the beginning."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Lets time pass."""
        self.now += seconds
