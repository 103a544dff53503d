# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What AWS has of a stack, in the words of the roles: one reader a component, all at once in threads."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from .alb import alb
from .common import Account, Settings
from .ecs_mlflow import ecs_mlflow
from .network import network
from .rds import rds
from .secrets import secrets
from .storage import storage

#: The readers by the names of the roles that set what they read.
READERS: dict[str, Callable[[Account], Settings]] = {
    "network": network,
    "secrets": secrets,
    "rds": rds,
    "storage": storage,
    "alb": alb,
    "ecs_mlflow": ecs_mlflow,
}

#: The boto3 clients that readers use beside those of discovery.
SERVICES = ("application-autoscaling",)


def read_settings(account: Account, components: Iterable[str]) -> dict[str, Settings]:
    """The settings of these components.

    :raises botocore.exceptions.ClientError: when AWS refuses a read.
    """
    with ThreadPoolExecutor(max_workers=len(READERS)) as pool:
        futures = {name: pool.submit(READERS[name], account) for name in components}
        return {name: future.result() for name, future in futures.items()}
