# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small named patches that restore AWS behaviour in moto, one module per service.

Each patch is a function whose docstring says what AWS does (with the API page) where moto does otherwise. A
patch for a service that has a data plane (RDS instances, ECS tasks and services, load balancer traffic) belongs
to that plane, not here.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable

#: Services whose patches wait for the service's first call, as importing it takes long.
LATE = ("cloudformation",)


def early_patches() -> list[Callable[[], None]]:
    """The patches that are installed at once, in their order."""
    from emulator.patches import (
        acm,
        autoscaling,
        core,
        ec2,
        ecs,
        elbv2,
        kms,
        rds_backups,
        rds_engines,
        rds_params,
        rds_subnets,
        s3,
        sts,
        tags,
        wafv2,
    )

    rds = (rds_params, rds_engines, rds_subnets, rds_backups)
    modules = (core, sts, ec2, kms, *rds, elbv2, ecs, autoscaling, wafv2, acm, s3, tags)
    return [patch for module in modules for patch in module.PATCHES]


def late_patches(service: str) -> list[Callable[[], None]]:
    """The patches that wait for the first call of ``service`` (moto's name for it)."""
    if service not in LATE:
        return []
    return list(importlib.import_module(f"{__name__}.{service}").PATCHES)


def all_patches() -> list[Callable[[], None]]:
    """Every patch."""
    return early_patches() + [patch for service in LATE for patch in late_patches(service)]


def install() -> None:
    """Install the early patches. Called once, after moto's settings are in the environment."""
    for patch in early_patches():
        patch()


def install_late(service: str) -> None:
    """Install the patches of ``service``. Called once, before its first call is answered."""
    for patch in late_patches(service):
        patch()
