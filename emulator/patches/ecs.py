# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Patches of ECS clusters. Tasks and services belong to the ECS plane."""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult
from moto.ecs.models import Cluster
from moto.ecs.responses import EC2ContainerServiceResponse

from emulator.patches.patching import add, around


def clusters_answer_their_capacity_providers() -> None:
    """DescribeClusters answers the lists of capacity providers, empty where there are none.

    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Cluster.html
    """

    @around(Cluster, "__init__")
    def initialise(original: Any, self: Cluster, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        self.capacity_providers = self.capacity_providers or []
        self.default_capacity_provider_strategy = self.default_capacity_provider_strategy or []


def cluster_settings_can_be_changed() -> None:
    """UpdateClusterSettings changes the named settings of a cluster (Container Insights).

    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateClusterSettings.html
    """

    @add(EC2ContainerServiceResponse, "update_cluster_settings")
    def update_cluster_settings(self: EC2ContainerServiceResponse) -> ActionResult:
        cluster = self.ecs_backend._get_cluster(self._get_param("cluster"))
        changed = {setting["name"]: setting["value"] for setting in self._get_param("settings", [])}
        merged = {setting["name"]: setting["value"] for setting in cluster.settings} | changed
        cluster.settings = [{"name": name, "value": value} for name, value in merged.items()]
        return ActionResult({"cluster": cluster})


PATCHES = (clusters_answer_their_capacity_providers, cluster_settings_can_be_changed)
