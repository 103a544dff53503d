# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All components, in the order in which ``site.yml`` creates them: the one list of them."""

from __future__ import annotations

from .alb.component import ALB
from .component import Component
from .ecs_mlflow.component import ECS_MLFLOW
from .network.component import NETWORK
from .rds.component import RDS
from .secrets.component import SECRETS
from .stack import Stack
from .storage.component import STORAGE

COMPONENTS: dict[str, Component] = {
    component.name: component for component in (NETWORK, SECRETS, RDS, STORAGE, ALB, ECS_MLFLOW)
}


def prerequisites(component: Component, stack: Stack) -> str:
    """What has to be created before a component, in one sentence; empty where it all exists."""
    lacking = [
        need.component for need in component.needs if not (need.met or COMPONENTS[need.component].complete)(stack)
    ]
    if not lacking or not component.created(stack.inputs):
        return ""
    return f"{stack.names.stack} has no {', '.join(lacking)} yet: run --tags {','.join(lacking)} first"
