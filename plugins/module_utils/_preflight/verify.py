# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the variables of the proof."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils._preflight.urls import url_problems

#: The least and the most that mlflow_health takes.
_RANGES = {
    "verify_logins": (2, 100, "logins"),
    "verify_certificate_days": (0, 3650, "days"),
    "verify_latency_requests": (0, 1000, "requests"),
    "verify_latency_p95_ms": (0, 600_000, "milliseconds"),
}
_CERTIFICATE = re.compile(r"arn:aws[a-z-]*:acm:[a-z0-9-]+:[0-9]{12}:certificate/[0-9A-Za-z-]+")


def input_problems(inputs: Mapping[str, Any]) -> list[str]:
    """Problems of ``verify_*`` variables that need no call to AWS."""
    found = url_problems("verify_url", inputs["verify_url"])
    for name, (low, high, what) in _RANGES.items():
        if not low <= inputs[name] <= high:
            found.append(f"{name}: {inputs[name]} is not a number of {what}; use {low} to {high}")
    arn = inputs["verify_certificate_arn"]
    if arn and not _CERTIFICATE.fullmatch(arn):
        found.append(
            f"verify_certificate_arn: '{arn}' is not the ARN of a certificate; use one such as "
            "arn:aws:acm:eu-west-2:123456789012:certificate/11111111-2222-3333-4444-555555555555, or leave it empty"
        )
    if inputs["verify_wait_timeout"] < 0:
        found.append(f"verify_wait_timeout: {inputs['verify_wait_timeout']} is not a number of seconds; use 0 or more")
    return found
