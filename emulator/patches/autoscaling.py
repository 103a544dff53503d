# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Patches of Application Auto Scaling."""

from __future__ import annotations

import json
from typing import Any

from moto.applicationautoscaling.models import ApplicationAutoscalingBackend
from moto.applicationautoscaling.responses import ApplicationAutoScalingResponse, _build_policy

from emulator.patches.patching import around


def policies_by_name() -> None:
    """DescribeScalingPolicies answers only the policies named in PolicyNames.

    https://docs.aws.amazon.com/autoscaling/application/APIReference/API_DescribeScalingPolicies.html
    """

    @around(ApplicationAutoScalingResponse, "describe_scaling_policies")
    def describe_scaling_policies(original: Any, self: ApplicationAutoScalingResponse) -> str:
        names = self._get_param("PolicyNames")
        if not names:
            return str(original(self))
        # The names select before MaxResults cuts: every page of moto is read.
        token, found = None, []
        while True:
            token, policies = self.applicationautoscaling_backend.describe_scaling_policies(
                service_namespace=self._get_param("ServiceNamespace"),
                resource_id=self._get_param("ResourceId"),
                scalable_dimension=self._get_param("ScalableDimension"),
                max_results=None,
                next_token=token or "",
            )
            found += [_build_policy(policy) for policy in policies if policy.policy_name in names]
            if token is None:
                return json.dumps({"ScalingPolicies": found})


def policies_go_with_their_target() -> None:
    """DeregisterScalableTarget deletes the scaling policies of the target, too.

    https://docs.aws.amazon.com/autoscaling/application/APIReference/API_DeregisterScalableTarget.html
    """

    @around(ApplicationAutoscalingBackend, "deregister_scalable_target")
    def deregister(
        original: Any, self: ApplicationAutoscalingBackend, namespace: str, r_id: str, dimension: str
    ) -> None:
        original(self, namespace, r_id, dimension)
        owner = (namespace, r_id, dimension)
        for key, policy in list(self.policies.items()):
            if (policy.service_namespace, policy.resource_id, policy.scalable_dimension) == owner:
                del self.policies[key]


PATCHES = (policies_by_name, policies_go_with_their_target)
