# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gate before moto: who calls, and may they?

A WSGI application around moto's. It authenticates every call by its signature, authorises it against the
caller's policies and the resource's, and refuses it in AWS's words; moto sees only what passed, with the
caller's account in a header of its own.
"""

from __future__ import annotations

import datetime
import io
import logging
import threading
import traceback
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

from emulator import identity
from emulator.conduct.calls import ApiCall, Refusal
from emulator.conduct.desk import Desk
from emulator.consistency import Consistency
from emulator.iam.ec2 import ec2_calls
from emulator.iam.errors import ErrorResponse, Problem, Protocol, refuse, shape
from emulator.iam.federation import NotFederated
from emulator.iam.journal import Journal
from emulator.iam.passing import passed_roles
from emulator.iam.policies import Call, Decision, Principal, Rights, decide
from emulator.iam.public import UNSIGNED
from emulator.iam.requests import Request, UnclearRequest, read_request, stamp
from emulator.iam.resources import Target, find_target
from emulator.iam.s3_actions import S3Action, s3_actions
from emulator.iam.signatures import HttpRequest, Signature, SignatureProblem, check_signature, read_signature
from emulator.iam.tagging import tagging_action
from emulator.loopback import misdirected

log = logging.getLogger("emulator.iam")

StartResponse = Callable[..., Any]
Environ = dict[str, Any]

#: moto's header for the account of a call: set here, never taken from a client.
ACCOUNT_HEADER = "HTTP_X_MOTO_ACCOUNT_ID"
#: Raw request headers, put into the environment by the request handler.
RAW_HEADERS = "emulator.headers"

#: Signing name -> prefix of the service's actions in policies, where the two differ.
_PREFIX = {
    "monitoring": "cloudwatch",
    "email": "ses",
    "tagging": "tag",
    "s3express": "s3",
    "cloudcontrolapi": "cloudformation",
}
#: Parameter of a call -> context key that has its value.
_PARAMETER_KEYS = (
    ("ExternalId", "sts:ExternalId"),
    ("RoleSessionName", "sts:RoleSessionName"),
    ("AWSServiceName", "iam:AWSServiceName"),
    ("ServiceNamespace", "application-autoscaling:service-namespace"),
    ("ScalableDimension", "application-autoscaling:scalable-dimension"),
)
_SIGNATURE_PROBLEMS = {
    "incomplete": Problem.INCOMPLETE_SIGNATURE,
    "mismatch": Problem.BAD_SIGNATURE,
    "skewed": Problem.SKEWED,
    "expired": Problem.EXPIRED_URL,
    "digest": Problem.BAD_DIGEST,
}


class Refused(Exception):
    """The call ends here, with this answer."""

    def __init__(self, answer: ErrorResponse) -> None:
        super().__init__(answer.code)
        self.answer = answer


@lru_cache(maxsize=1)
def known_regions() -> frozenset[str]:
    """The regions that AWS has; ``aws-global`` signs for global services."""
    from moto.ec2.models.availability_zones_and_regions import RegionsAndZonesBackend

    return frozenset(region.name for region in RegionsAndZonesBackend.regions) | {"aws-global"}


class Gate:
    """WSGI application that authenticates and authorises calls for ``application``.

    Calls of one service are answered one after another: moto's stores are plain dictionaries, which may not
    change while another thread walks over them.

    :param journal: keeps what was decided.
    :param consistency: how late changes are seen; at once by default.
    """

    def __init__(
        self,
        application: Callable[[Environ, StartResponse], Iterable[bytes]],
        journal: Journal | None = None,
        consistency: Consistency | None = None,
    ) -> None:
        self._application = application
        self._desk = Desk(application, consistency or Consistency())
        self._journal = journal or Journal()
        self._turns: dict[str, threading.RLock] = {}

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        environ.pop(ACCOUNT_HEADER, None)
        http = _read_http(environ)
        request = None
        try:
            _check_origin(http, environ)
            signature = self._read_signature(http)
            request = _read_request(http, signature)
            _check_place(request, environ)
            caller = None if signature is None else self._authenticate(request, signature)
            if (request.service, request.action) in UNSIGNED:
                # Before its turn: the provider's keys come over the network. A signature changes nothing.
                self._check_federation(request)
            turn = self._turns.setdefault(request.service, threading.RLock())
            # A plane that waits inside a call for another call of the same service must not hang for ever.
            held = turn.acquire(timeout=30)
            try:
                return self._answer(request, signature, caller, environ, start_response)
            finally:
                if held:
                    turn.release()
        except Refused as refusal:
            return _send(refusal.answer, http.method, start_response)
        except NotImplementedError as error:
            protocol = request.protocol if request else Protocol.QUERY
            words = str(error) or f"The action {request.action if request else ''} is not valid for this web service."
            return _send(refuse(protocol, Problem.UNKNOWN_ACTION, words), http.method, start_response)
        except Exception:
            what = f"{request.service}:{request.action}" if request else http.method
            log.error("%s failed\n%s", what, traceback.format_exc())
            protocol = request.protocol if request else Protocol.QUERY
            return _send(refuse(protocol, Problem.FAILED), http.method, start_response)

    @staticmethod
    def _read_signature(http: HttpRequest) -> Signature | None:
        try:
            return read_signature(http)
        except SignatureProblem as problem:
            scope = http.headers.get("authorization", "") + http.query
            s3 = "/s3/aws4_request" in scope.replace("%2F", "/")
            protocol = Protocol.S3 if s3 else (Protocol.JSON if "x-amz-target" in http.headers else Protocol.QUERY)
            raise Refused(refuse(protocol, _SIGNATURE_PROBLEMS[problem.kind], str(problem))) from None

    @staticmethod
    def _authenticate(request: Request, signature: Signature) -> identity.Caller:
        caller = identity.find_caller(signature.access_key)
        protocol = request.protocol
        if caller is None or not caller.active:
            raise Refused(refuse(protocol, Problem.UNKNOWN_KEY))
        now = datetime.datetime.now(datetime.UTC)
        if signature.token != caller.token:
            raise Refused(refuse(protocol, Problem.BAD_TOKEN))
        try:
            check_signature(request.http, signature, caller.secret, now)
        except SignatureProblem as problem:
            raise Refused(refuse(protocol, _SIGNATURE_PROBLEMS[problem.kind], str(problem))) from None
        if identity.has_expired(caller, now):
            raise Refused(refuse(protocol, Problem.EXPIRED_TOKEN))
        if signature.region not in known_regions():
            words = "Credential should be scoped to a valid region."
            raise Refused(refuse(protocol, Problem.BAD_SIGNATURE, words))
        return caller

    def _check_federation(self, request: Request) -> None:
        role = str(request.parameters.get("RoleArn", ""))
        try:
            provider = identity.check_federation(
                request.action, request.parameters, _context(request, None, "us-east-1")
            )
        except NotFederated as refusal:
            self._journal.note("", f"sts:{request.action}", role, False)
            raise Refused(shape(request.protocol, refusal.code, refusal.status, str(refusal))) from None
        self._journal.note(provider, f"sts:{request.action}", role, True)

    def _answer(
        self,
        request: Request,
        signature: Signature | None,
        caller: identity.Caller | None,
        environ: Environ,
        start_response: StartResponse,
    ) -> Iterable[bytes]:
        principal = caller.principal if caller else Principal()
        rights = caller.rights if caller else Rights()
        region = signature.region if signature else "us-east-1"
        context = _context(request, caller, region)
        stamp(environ, request, signature)
        if caller is not None:
            environ[ACCOUNT_HEADER] = principal.account
        if request.protocol is Protocol.S3:
            return self._answer_s3(request, principal, rights, region, context, environ, start_response)
        if caller is None:
            if not request.is_public:
                raise Refused(refuse(request.protocol, Problem.UNSIGNED))
            return self._application(environ, start_response)
        service = _PREFIX.get(request.service, request.service)
        action = f"{service}:{request.action}"
        if action != "sts:GetCallerIdentity" and not request.is_public:
            target = _target(service, request, region, principal.account)
            for call in _calls(service, request, target, region, principal.account, context):
                decision = decide(
                    call,
                    principal,
                    rights,
                    resource_policy=target.policy,
                    owner=target.owner,
                    policy_must_allow=target.policy_must_allow,
                )
                resource = call.resources[0] if call.resources else "*"
                self._journal.note(principal.role_arn or principal.arn, call.action, resource, decision.allowed)
                if not decision.allowed:
                    words = _denial(principal, call.action, resource, decision)
                    raise Refused(refuse(request.protocol, Problem.DENIED, words))
            self._check_passed_roles(service, request, principal, rights, region, context)
        if request.protocol not in (Protocol.QUERY, Protocol.EC2, Protocol.JSON):
            return self._application(environ, start_response)

        def may(action: str, resource: str, more: dict[str, str]) -> bool:
            decision = decide(Call(action, (resource,), {**context, **more}), principal, rights)
            self._journal.note(principal.role_arn or principal.arn, action, resource, decision.allowed)
            return decision.allowed

        asked = ApiCall(
            request.service, request.action, request.protocol, principal.account, region, request.parameters
        )
        try:
            return self._desk.answer(asked, environ, start_response, may)
        except Refusal as refusal:
            raise Refused(shape(request.protocol, refusal.code, refusal.status, refusal.message)) from None

    def _answer_s3(
        self,
        request: Request,
        principal: Principal,
        rights: Rights,
        region: str,
        context: Mapping[str, Any],
        environ: Environ,
        start_response: StartResponse,
    ) -> Iterable[bytes]:
        actions = s3_actions(request.http)
        for each in actions:
            decision = _decide_s3(each, principal, rights, context)
            self._journal.note(principal.role_arn or principal.arn, each.action, each.arn, decision.allowed)
            if not decision.allowed:
                words = _denial(principal, each.action, f'"{each.arn}"', decision) if principal.arn else "Access Denied"
                refusal = refuse(Protocol.S3, Problem.DENIED, words)
                raise Refused(_with_region(refusal, each.bucket))
        first = actions[0]
        if principal.account:
            _check_region(first, region)
        owner = identity.bucket_policy(first.bucket)[1]
        if owner and first.action != "s3:CreateBucket":
            environ[ACCOUNT_HEADER] = owner  # moto looks for a bucket in the account that it is told
        if first.action in ("s3:GetObject", "s3:GetObjectVersion"):
            listing = S3Action("s3:ListBucket", first.bucket)
            if not _decide_s3(listing, principal, rights, context).allowed:
                return _hide_missing(self._application, environ, start_response, request.http.method)
        return self._application(environ, start_response)

    def _check_passed_roles(
        self,
        service: str,
        request: Request,
        principal: Principal,
        rights: Rights,
        region: str,
        context: Mapping[str, Any],
    ) -> None:
        for role, to in passed_roles(service, request.action, request.parameters, region, principal.account):
            call = Call("iam:PassRole", (role,), {**context, "iam:PassedToService": to})
            decision = decide(call, principal, rights)
            self._journal.note(principal.role_arn or principal.arn, call.action, role, decision.allowed)
            if not decision.allowed:
                words = _denial(principal, call.action, role, decision)
                raise Refused(refuse(request.protocol, Problem.DENIED, words))


def _read_request(http: HttpRequest, signature: Signature | None) -> Request:
    try:
        return read_request(http, signature)
    except UnclearRequest as problem:
        if signature is None:
            raise Refused(refuse(problem.protocol, Problem.UNSIGNED)) from None
        raise Refused(refuse(problem.protocol, problem.problem, str(problem))) from None


def _decide_s3(each: S3Action, principal: Principal, rights: Rights, context: Mapping[str, Any]) -> Decision:
    policy, owner = identity.bucket_policy(each.bucket) if each.bucket else (None, None)
    if owner is None and not principal.account:
        return Decision(False)
    if each.action == "s3:CreateBucket":
        policy, owner = None, None  # somebody else's bucket of that name is BucketAlreadyExists, not a refusal
    return decide(Call(each.action, (each.arn,), context), principal, rights, resource_policy=policy, owner=owner)


def _with_region(refusal: ErrorResponse, bucket: str) -> ErrorResponse:
    region = identity.bucket_region(bucket)
    if region is None:
        return refusal
    headers = (*refusal.headers, ("x-amz-bucket-region", region))
    return ErrorResponse(refusal.status, refusal.content_type, headers, refusal.body, refusal.code)


def _check_region(first: S3Action, region: str) -> None:
    """A bucket answers only at the endpoint of its region.

    Here all regions have one endpoint, so the region of the signature stands for the endpoint's.
    Source: S3 User Guide, "Making requests": PermanentRedirect, 301, with ``x-amz-bucket-region``.
    """
    found = identity.bucket_region(first.bucket) if first.bucket else None
    if found is None or found == region or first.action in ("s3:CreateBucket", "s3:GetBucketLocation"):
        return
    answer = shape(
        Protocol.S3,
        "PermanentRedirect",
        301,
        "The bucket you are attempting to access must be addressed using the specified endpoint. Please send all "
        "future requests to this endpoint.",
        Bucket=first.bucket,
        Endpoint=f"{first.bucket}.s3.{found}.amazonaws.com",
    )
    raise Refused(_with_region(answer, first.bucket))


def _hide_missing(
    application: Callable[[Environ, StartResponse], Iterable[bytes]],
    environ: Environ,
    start_response: StartResponse,
    method: str,
) -> Iterable[bytes]:
    """Answer 403 where moto answers 404: without s3:ListBucket nobody learns which keys exist.

    Source: S3 API Reference, GetObject, "Permissions".
    """
    held: list[tuple[Any, ...]] = []
    body = application(environ, lambda *args: held.append(args))
    if held and str(held[0][0]).startswith("404"):
        if hasattr(body, "close"):
            body.close()
        return _send(refuse(Protocol.S3, Problem.DENIED, "Access Denied"), method, start_response)
    if held:
        start_response(*held[0])
    return body


def _calls(
    service: str, request: Request, target: Target, region: str, account: str, context: Mapping[str, Any]
) -> list[Call]:
    """What a caller must be allowed, all of it."""
    if service == "ec2":
        # EC2 asks about each resource of a call; elsewhere there is one.
        calls = ec2_calls(request.action, request.parameters, region, account, context)
        if calls:
            return calls
    found = [Call(f"{service}:{request.action}", target.arns, context)]
    tags = tagging_action(service, request.action, request.parameters)
    return found + ([Call(f"{service}:{tags}", target.arns, context)] if tags else [])


def _target(service: str, request: Request, region: str, account: str) -> Target:
    if service == "sts" and request.action.startswith("AssumeRole"):
        role = str(request.parameters.get("RoleArn", ""))
        owner = role.split(":")[4] if role.count(":") >= 5 else account
        return Target((role,), identity.trust_policy(role), owner, policy_must_allow=True)
    return find_target(service, request.action, request.parameters, region, account)


def _denial(principal: Principal, action: str, resource: str, decision: Decision) -> str:
    return f"User: {principal.arn} is not authorized to perform: {action} on resource: {resource} {decision.reason}"


def _context(request: Request, caller: identity.Caller | None, region: str) -> dict[str, Any]:
    """The context keys of a call. Source: IAM User Guide, "AWS global condition context keys"."""
    now = datetime.datetime.now(datetime.UTC)
    context: dict[str, Any] = {
        # Clients reach this machine's loopback only: that counts as a secure transport.
        "aws:SecureTransport": "true",
        "aws:SourceIp": "127.0.0.1",
        "aws:RequestedRegion": region,
        "aws:CurrentTime": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "aws:EpochTime": str(int(now.timestamp())),
        "aws:ViaAWSService": "false",
        "aws:PrincipalIsAWSService": "false",
        "aws:UserAgent": request.http.headers.get("user-agent", ""),
    }
    if caller is not None:
        session = caller.principal.role_arn
        context["aws:PrincipalArn"] = session or caller.principal.arn
        context["aws:PrincipalAccount"] = caller.principal.account
        context["aws:PrincipalType"] = "AssumedRole" if session else "User"
        context["aws:userid"] = caller.user_id
        if caller.user_name:
            context["aws:username"] = caller.user_name
    if request.protocol is Protocol.S3:
        arguments = dict(request.http.arguments())
        for key in ("prefix", "delimiter", "max-keys"):
            if key in arguments:
                context[f"s3:{key}"] = arguments[key]
        for name, value in request.http.headers.items():
            if name.startswith("x-amz-") and not name.startswith("x-amz-meta-"):
                context[f"s3:{name}"] = value
    for parameter, key in _PARAMETER_KEYS:
        if parameter in request.parameters:
            context[key] = str(request.parameters[parameter])
    if request.service == "iam" and caller is not None:
        boundary = identity.boundary_in_question(caller.principal.account, request.action, request.parameters)
        if boundary:
            context["iam:PermissionsBoundary"] = boundary
    if request.service == "kms":
        alias = str(request.parameters.get("KeyId", "")).rpartition(":")[2]
        if alias.startswith("alias/"):
            context["kms:RequestAlias"] = alias
    return context


def _check_origin(http: HttpRequest, environ: Environ) -> None:
    """Whether the request is for this machine, and not from a web page: before anything else is looked at."""
    hosts = [http.headers.get("host", ""), str(environ.get("HTTP_HOST", ""))]
    problem = misdirected(hosts, [http.headers["origin"]] if "origin" in http.headers else [])
    if problem is not None:
        protocol = Protocol.JSON if "x-amz-target" in http.headers else Protocol.QUERY
        code = "MisdirectedRequest" if problem.status == 421 else "AccessDenied"
        raise Refused(shape(protocol, code, problem.status, problem.message))


def _check_place(request: Request, environ: Environ) -> None:
    """Only path-style buckets: a bucket in the host name would be another bucket to moto than to the gate."""
    host = request.http.headers.get("host", "").partition(":")[0]
    if request.protocol is Protocol.S3 and host not in ("127.0.0.1", "localhost"):
        words = "The specified bucket must be named in the path of the request"
        raise Refused(shape(Protocol.S3, "InvalidRequest", 400, words))
    path = str(environ.get("PATH_INFO", ""))
    # moto's own doors need no signature.
    if path.startswith(("/moto-api", "/latest/meta-data/", "/latest/api/")) or path == "/favicon.ico":
        raise Refused(shape(Protocol.S3, "NoSuchBucket", 404, "The specified bucket does not exist"))


def _read_http(environ: Environ) -> HttpRequest:
    raw = str(environ.get("RAW_URI") or environ.get("PATH_INFO", "/"))
    if "://" in raw.split("?", 1)[0]:
        raw = "/" + raw.split("://", 1)[1].partition("/")[2]
    path, _, query = raw.partition("?")
    headers: dict[str, str] = {}
    for name, value in environ.get(RAW_HEADERS, ()):
        key = name.lower()
        headers[key] = f"{headers[key]},{value}" if key in headers else value
    stream = environ["wsgi.input"]
    if environ.get("wsgi.input_terminated"):
        body = stream.read()
    else:
        body = stream.read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    return HttpRequest(str(environ["REQUEST_METHOD"]), path, query, headers, body)


def _send(answer: ErrorResponse, method: str, start_response: StartResponse) -> Iterable[bytes]:
    body = b"" if method == "HEAD" else answer.body
    headers = [("Content-Type", answer.content_type), ("Content-Length", str(len(body))), *answer.headers]
    start_response(f"{answer.status} {answer.code}", headers)
    return [body]
