# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check of a variable that names a KMS key."""

from __future__ import annotations

import re

_KEY = re.compile(r"arn:aws[a-z-]*:kms:(?P<region>[a-z0-9-]+):[0-9]{12}:key/[A-Za-z0-9-]+")


def key_problem(variable: str, value: str, region: str) -> str | None:
    """One sentence when ``value`` is neither empty nor the ARN of a key of the stack's region; else None.

    Only an ARN can stand in the policies that let tasks use the key, and only it equals what AWS answers: an alias or a
    bare id would differ on every run.
    """
    if not value:
        return None
    if key := _KEY.fullmatch(value):
        if key["region"] == region:
            return None
        # A key of several regions has an ARN, and a replica, in each.
        return (
            f"{variable}: {value} is a key of {key['region']}, and the stack lies in {region}, whose services can use "
            f"keys of {region} only; use a key of that region, or leave it empty"
        )
    return (
        f"{variable}: '{value}' is not the ARN of a KMS key; use one such as "
        "arn:aws:kms:eu-west-2:123456789012:key/0a1b2c3d-... (aws kms describe-key --region REGION --key-id KEY "
        "shows it), or leave it empty"
    )
