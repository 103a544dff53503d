# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which action of which service a request is: read once, for the gate and for moto.

moto reads an action from a form of any case, a query, a JSON body, a header ``Action`` and ``X-Amz-Target``, and takes
the first that it finds. What the gate authorises must be what moto does, so a request that names its action twice or in
another place than its protocol's is refused, and :func:`stamp` writes what was read where moto looks first.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from emulator.iam.errors import Problem, Protocol
from emulator.iam.public import UNSIGNED
from emulator.iam.signatures import HttpRequest, Signature

FORM = "application/x-www-form-urlencoded"
#: Where :func:`stamp` leaves the action for moto (:mod:`emulator.patches.core`).
ACTION = "emulator.action"
PROTOCOL = "emulator.protocol"

#: Signing name -> botocore's names of the REST services that sign with it, where the two differ.
_MODELS: dict[str, tuple[str, ...]] = {
    "aidevops": ("devops-agent",),
    "aoss": ("opensearchserverless",),
    "apigateway": ("apigateway", "apigatewayv2"),
    "aps": ("amp",),
    "bedrock": ("bedrock", "bedrock-agent", "bedrock-runtime"),
    "bedrock-agentcore": ("bedrock-agentcore", "bedrock-agentcore-control"),
    "connect-campaigns": ("connectcampaigns",),
    "elasticfilesystem": ("efs",),
    "es": ("opensearch", "es"),
    "execute-api": ("apigatewaymanagementapi",),
    "iotdata": ("iot-data",),
    "kinesisvideo": ("kinesisvideo", "kinesis-video-archived-media"),
    "lex": ("lexv2-models",),
    "mediastore": ("mediastore-data",),
    "mobiletargeting": ("pinpoint",),
    "sagemaker": ("sagemaker-runtime", "sagemaker-metrics"),
    "servicecatalog": ("servicecatalog-appregistry",),
    "ses": ("sesv2",),
}


class UnclearRequest(Exception):
    """The request does not say, or says twice, which action it is."""

    def __init__(self, protocol: Protocol, problem: Problem, message: str) -> None:
        super().__init__(message)
        self.protocol = protocol
        self.problem = problem


@dataclass(frozen=True)
class Request:
    """A call as the gate sees it."""

    http: HttpRequest
    service: str
    protocol: Protocol
    action: str
    parameters: Mapping[str, Any]

    @property
    def is_public(self) -> bool:
        """Whether it is answered without a signature."""
        return (self.service, self.action) in UNSIGNED and self.protocol is Protocol.QUERY


def media_type(http: HttpRequest) -> str:
    """The type of the body, in lower case and without its parameters."""
    return http.headers.get("content-type", "").partition(";")[0].strip().lower()


def _at_root(http: HttpRequest, service: str) -> bool:
    # Only a queue has a URL of its own in these protocols.
    return http.path in ("", "/") or service == "sqs"


def _service_of(http: HttpRequest, signature: Signature | None) -> str:
    if signature is not None:
        return signature.service.lower()
    return "sts" if media_type(http) == FORM and http.path in ("", "/") else "s3"


def read_request(http: HttpRequest, signature: Signature | None) -> Request:
    """Which action of which service ``http`` is, and its parameters.

    :raises UnclearRequest: when it names none, more than one, or a parameter twice.
    """
    service = _service_of(http, signature)
    target = http.headers.get("x-amz-target")
    if service == "s3":
        if target is not None:
            raise UnclearRequest(Protocol.S3, Problem.UNKNOWN_ACTION, "S3 has no X-Amz-Target")
        return Request(http, service, Protocol.S3, "", {})
    pairs = parse_qsl(http.query, keep_blank_values=True)
    if media_type(http) == FORM:
        pairs += parse_qsl(http.body.decode("utf-8", errors="replace"), keep_blank_values=True)
    names = Counter(name for name, _ in pairs)
    if target is not None:
        return _json_request(http, service, target, names)
    if "Action" in names:
        return _query_request(http, service, pairs, names)
    protocol = Protocol.REST_XML if service in ("route53", "cloudfront") else Protocol.REST_JSON
    action = _rest_action(http, service)
    if not action:
        if _at_root(http, service):
            protocol = Protocol.EC2 if service == "ec2" else Protocol.QUERY
        raise UnclearRequest(
            protocol, Problem.UNKNOWN_ACTION, "The request is not valid for this web service: no action."
        )
    return Request(http, service, protocol, action, {})


def _json_request(http: HttpRequest, service: str, target: str, names: Counter[str]) -> Request:
    if names["Action"] or not _at_root(http, service):
        words = "The request names its action twice: leave X-Amz-Target or Action out."
        raise UnclearRequest(Protocol.JSON, Problem.UNKNOWN_ACTION, words)
    if http.body and not media_type(http).startswith(("application/x-amz-json-", "application/json")):
        words = "A request with X-Amz-Target has a body of type application/x-amz-json-1.1."
        raise UnclearRequest(Protocol.JSON, Problem.UNKNOWN_ACTION, words)
    try:
        parameters = json.loads(http.body or b"{}")
    except ValueError:
        parameters = {}
    action = target.rsplit(".", 1)[-1]
    if not action:
        raise UnclearRequest(Protocol.JSON, Problem.UNKNOWN_ACTION, "X-Amz-Target names no action.")
    return Request(http, service, Protocol.JSON, action, parameters if isinstance(parameters, dict) else {})


def _query_request(http: HttpRequest, service: str, pairs: list[tuple[str, str]], names: Counter[str]) -> Request:
    protocol = Protocol.EC2 if service == "ec2" else Protocol.QUERY
    twice = sorted(name for name, count in names.items() if count > 1)
    if twice:
        words = f"The request has the parameter {twice[0]} more than once: send it once."
        raise UnclearRequest(protocol, Problem.UNKNOWN_ACTION, words)
    if not _at_root(http, service):
        raise UnclearRequest(protocol, Problem.UNKNOWN_ACTION, "A request with Action goes to the path /.")
    if http.body and media_type(http) != FORM:
        words = f"The body of a request with Action has the type {FORM}."
        raise UnclearRequest(protocol, Problem.UNKNOWN_ACTION, words)
    fields = dict(pairs)
    if not fields["Action"]:
        raise UnclearRequest(protocol, Problem.UNKNOWN_ACTION, "The parameter Action is empty.")
    return Request(http, service, protocol, fields["Action"], fields)


def _rest_action(http: HttpRequest, service: str) -> str:
    """The operation of a REST call, by the service's model; empty when there is no such operation."""
    from moto.core.request import Request as MotoRequest
    from moto.core.routing import get_service_router

    url = f"http://localhost{http.path}" + (f"?{http.query}" if http.query else "")
    for name in _MODELS.get(service, (service,)):
        try:
            operation, _ = get_service_router(name).match(
                MotoRequest.from_primitives(http.method, url, dict(http.headers))
            )
        except Exception:  # no model, or no such operation in it
            continue
        return str(operation.name)
    return ""


def stamp(environ: dict[str, Any], request: Request, signature: Signature | None) -> None:
    """Make moto read ``request`` as it was read here: the service, the action, the type of the body."""
    environ[ACTION], environ[PROTOCOL] = request.action, request.protocol
    if request.protocol in (Protocol.QUERY, Protocol.EC2) and request.http.body:
        environ["CONTENT_TYPE"] = FORM  # moto compares it as it is written
    if request.protocol is Protocol.S3:
        bare = "authorization" not in request.http.headers
        if media_type(request.http) == FORM and (bare or request.http.method == "PUT"):
            # moto would take the object's bytes for a form: store nothing, or find another service in it.
            environ["CONTENT_TYPE"] = "binary/octet-stream"
        if bare:
            return
    # moto finds the service by the first word of this header, and takes everything without it for S3.
    key = signature.access_key if signature else "anonymous"
    scope = signature.scope if signature else f"20000101/us-east-1/{request.service}/aws4_request"
    signed, value = (";".join(signature.signed_headers), signature.signature) if signature else ("host", "0")
    environ["HTTP_AUTHORIZATION"] = (
        f"AWS4-HMAC-SHA256 Credential={key}/{scope}, SignedHeaders={signed}, Signature={value}"
    )
