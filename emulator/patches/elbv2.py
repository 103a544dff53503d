# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Patches of Elastic Load Balancing (v2)."""

from __future__ import annotations

import copy
from typing import Any

from moto.elbv2.models import FakeAction, FakeLoadBalancer

from emulator.patches.patching import around

#: The attributes that every application load balancer has, with their defaults.
ALB_ATTRIBUTES = {
    "access_logs.s3.enabled": "false",
    "client_keep_alive.seconds": "3600",
    "connection_logs.s3.enabled": "false",
    "connection_logs.s3.bucket": "",
    "connection_logs.s3.prefix": "",
    "idle_timeout.timeout_seconds": "60",
    "load_balancing.cross_zone.enabled": "true",
    "routing.http.desync_mitigation_mode": "defensive",
    "routing.http.drop_invalid_header_fields.enabled": "false",
    "routing.http.preserve_host_header.enabled": "false",
    "routing.http.x_amzn_tls_version_and_cipher_suite.enabled": "false",
    "routing.http.xff_client_port.enabled": "false",
    "routing.http.xff_header_processing.mode": "append",
    "routing.http2.enabled": "true",
    "waf.fail_open.enabled": "false",
    "zonal_shift.config.enabled": "false",
}


def application_load_balancer_attributes() -> None:
    """DescribeLoadBalancerAttributes answers every attribute of an application load balancer.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_LoadBalancerAttribute.html
    """

    @around(FakeLoadBalancer, "__init__")
    def initialise(original: Any, self: FakeLoadBalancer, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        if self.type == "application":
            self.attrs.update(ALB_ATTRIBUTES)


def load_balancers_face_the_internet_by_default() -> None:
    """A load balancer that is made without a scheme is internet-facing, and DescribeLoadBalancers says so.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateLoadBalancer.html
    """

    @around(FakeLoadBalancer, "__init__")
    def initialise(original: Any, self: FakeLoadBalancer, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        self.scheme = self.scheme or "internet-facing"


def client_secrets_are_never_answered() -> None:
    """DescribeRules and DescribeListeners answer no ClientSecret, and nothing of UseExistingClientSecret.

    The stored rule keeps both: a later change with ``UseExistingClientSecret`` needs the secret.
    https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_AuthenticateOidcActionConfig.html
    """
    from moto.elbv2.responses import ELBV2Response

    def cleaned(owner: Any, attribute: str) -> Any:
        shown = copy.copy(owner)
        actions = []
        for action in getattr(owner, attribute):
            data = copy.deepcopy(action.data)
            config = data.get("AuthenticateOidcConfig", {})
            config.pop("ClientSecret", None)
            config.pop("UseExistingClientSecret", None)
            actions.append(FakeAction(data))
        setattr(shown, attribute, actions)
        return shown

    for name, key, attribute in (
        ("describe_rules", "Rules", "actions"),
        ("create_rule", "Rules", "actions"),
        ("modify_rule", "Rules", "actions"),
        ("describe_listeners", "Listeners", "default_actions"),
        ("create_listener", "Listeners", "default_actions"),
        ("modify_listener", "Listeners", "default_actions"),
    ):
        _clean_answers(ELBV2Response, name, key, attribute, cleaned)


def _clean_answers(owner: Any, name: str, key: str, attribute: str, cleaned: Any) -> None:
    @around(owner, name)
    def answer(original: Any, self: Any) -> Any:
        found = original(self)
        result = found.result
        if isinstance(result, dict) and key in result:
            value = result[key]
            result[key] = [cleaned(each, attribute) for each in value]
        return found


PATCHES = (
    application_load_balancer_attributes,
    load_balancers_face_the_internet_by_default,
    client_secrets_are_never_answered,
)
