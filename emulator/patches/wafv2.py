# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Patches of WAF."""

from __future__ import annotations

import json
from typing import Any

from moto.wafv2.exceptions import WAFNonexistentItemException
from moto.wafv2.models import WAFV2Backend
from moto.wafv2.responses import WAFV2Response

from emulator.patches.patching import add, around


def resources_of_a_web_acl() -> None:
    """ListResourcesForWebACL answers the ARNs of the associated resources.

    https://docs.aws.amazon.com/waf/latest/APIReference/API_ListResourcesForWebACL.html
    """

    @add(WAFV2Response, "list_resources_for_web_acl")
    def list_resources_for_web_acl(self: WAFV2Response) -> Any:
        acl = self.wafv2_backend.wacls.get(self._get_param("WebACLArn"))
        if acl is None:
            raise WAFNonexistentItemException
        kind = self._get_param("ResourceType") or "APPLICATION_LOAD_BALANCER"
        mark = {
            "APPLICATION_LOAD_BALANCER": ":elasticloadbalancing:",
            "API_GATEWAY": ":apigateway:",
            "APPSYNC": ":appsync:",
            "COGNITO_USER_POOL": ":cognito-idp:",
        }.get(kind, "")
        found = [arn for arn in acl.associated_resources if mark in arn]
        return 200, {"Content-Type": "application/json"}, json.dumps({"ResourceArns": found})


def default_evaluation_window() -> None:
    """A rate-based rule evaluates windows of 300 seconds, unless told otherwise.

    https://docs.aws.amazon.com/waf/latest/APIReference/API_RateBasedStatement.html (EvaluationWindowSec)
    """

    def fill(rules: list[dict[str, Any]] | None) -> None:
        for rule in rules or []:
            rate = rule.get("Statement", {}).get("RateBasedStatement")
            if rate is not None:
                rate.setdefault("EvaluationWindowSec", 300)

    for name in ("create_web_acl", "update_web_acl"):
        _fill_rules(name, fill)


def _fill_rules(name: str, fill: Any) -> None:
    @around(WAFV2Backend, name)
    def change(original: Any, self: WAFV2Backend, *args: Any, **kwargs: Any) -> Any:
        for value in [*args, *kwargs.values()]:
            if isinstance(value, list) and value and isinstance(value[0], dict) and "Statement" in value[0]:
                fill(value)
        return original(self, *args, **kwargs)


PATCHES = (resources_of_a_web_acl, default_evaluation_window)
