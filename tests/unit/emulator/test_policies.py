# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""IAM's evaluation of policies, and signatures: tables over the pure parts."""

from __future__ import annotations

import datetime
import json
from functools import partial
from typing import Any

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from emulator.iam.conditions import arn_matches, conditions_hold, matches, substitute
from emulator.iam.policies import Call, Principal, Rights, decide
from emulator.iam.s3_actions import s3_actions
from emulator.iam.signatures import HttpRequest, SignatureProblem, check_signature, read_signature

ACCOUNT = "123456789012"
USER = Principal(ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/dana")
OTHER = Principal("210987654321", "arn:aws:iam::210987654321:user/eve")
OBJECT = "arn:aws:s3:::data/mlflow/a"


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: Any, resource: Any = "*", **further: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **further}


def deny(action: Any, resource: Any = "*", **further: Any) -> dict[str, Any]:
    return {**allow(action, resource, **further), "Effect": "Deny"}


@pytest.mark.parametrize(
    ("statements", "allowed"),
    [
        ([], False),
        ([allow("*")], True),
        ([allow("s3:*")], True),
        ([allow("s3:Put*")], True),
        ([allow("S3:putobject")], True),
        ([allow("s3:PutObjec?")], True),
        ([allow("s3:PutObjectAcl")], False),
        ([allow(["s3:GetObject", "s3:PutObject"])], True),
        ([allow("s3:PutObject", "arn:aws:s3:::data/mlflow/*")], True),
        ([allow("s3:PutObject", "arn:aws:s3:::data/other/*")], False),
        ([allow("s3:PutObject", "arn:aws:s3:::data")], False),
        ([allow("s3:PutObject", ["arn:aws:s3:::x", "arn:aws:s3:::d?ta/*"])], True),
        ([allow("*"), deny("s3:PutObject")], False),
        ([allow("*"), deny("s3:PutObject", "arn:aws:s3:::data/other/*")], True),
        ([{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}], True),
        ([{"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"}], False),
        ([{"Effect": "Allow", "Action": "s3:*", "NotResource": "arn:aws:s3:::data/*"}], False),
        ([{"Effect": "Allow", "Action": "s3:*", "NotResource": "arn:aws:s3:::x/*"}], True),
        ([allow("*"), deny("*", Condition={"Bool": {"aws:SecureTransport": "false"}})], True),
        ([allow("*"), deny("*", Condition={"Bool": {"aws:SecureTransport": "true"}})], False),
        ([allow("*", Condition={"StringEquals": {"aws:RequestedRegion": "eu-west-2"}})], True),
        ([allow("*", Condition={"StringEquals": {"aws:RequestedRegion": "us-east-1"}})], False),
        ([allow("*", "arn:aws:s3:::data/${aws:username}/*")], False),
        ([allow("*", "arn:aws:s3:::data/${aws:PrincipalTag/team}/*")], True),
    ],
)
def test_identity_policies(statements: list[dict[str, Any]], allowed: bool) -> None:
    context = {"aws:SecureTransport": "true", "aws:RequestedRegion": "eu-west-2", "aws:PrincipalTag/team": "mlflow"}
    call = Call("s3:PutObject", (OBJECT,), context)
    assert decide(call, USER, Rights([policy(*statements)])).allowed is allowed


@pytest.mark.parametrize(
    ("statement", "allowed"),
    [
        (allow("rds:*"), True),
        (allow("rds:*", "arn:aws:rds:*:*:db:mine"), True),
        (allow("rds:*", "arn:aws:s3:::data"), False),
    ],
)
def test_a_resource_that_is_not_known_takes_any_of_its_service(statement: dict[str, Any], allowed: bool) -> None:
    assert decide(Call("rds:DescribeThings"), USER, Rights([policy(statement)])).allowed is allowed


def test_a_deny_counts_only_where_it_surely_applies() -> None:
    everything = allow("*")
    narrow = deny("rds:*", "arn:aws:rds:*:*:db:prod")
    assert decide(Call("rds:DescribeThings"), USER, Rights([policy(everything, narrow)])).allowed
    assert not decide(Call("rds:DescribeThings"), USER, Rights([policy(everything, deny("rds:*"))])).allowed


@pytest.mark.parametrize(
    ("limit", "allowed"), [(allow("s3:*"), True), (allow("ec2:*"), False), (deny("s3:PutObject"), False)]
)
def test_boundaries_and_session_policies_only_narrow(limit: dict[str, Any], allowed: bool) -> None:
    call = Call("s3:PutObject", (OBJECT,))
    assert decide(call, USER, Rights([policy(allow("*"))], [[policy(limit)]])).allowed is allowed
    assert not decide(call, USER, Rights([], [[policy(limit)]])).allowed


def bucket(principal: Any, statement: dict[str, Any] | None = None) -> str:
    return policy({**(statement or allow("s3:PutObject", "arn:aws:s3:::data/*")), "Principal": principal})


@pytest.mark.parametrize(
    ("who", "own", "theirs", "allowed"),
    [
        (USER, [], bucket({"AWS": USER.arn}), True),
        (USER, [], bucket("*"), True),
        (USER, [], bucket({"AWS": [ACCOUNT]}), False),
        (USER, [allow("*")], bucket({"AWS": ACCOUNT}), True),
        (USER, [allow("*")], bucket({"AWS": OTHER.arn}), True),
        (USER, [allow("*")], bucket("*", deny("s3:PutObject")), False),
        (USER, [allow("*")], bucket({"AWS": OTHER.arn}, deny("s3:PutObject")), True),
        (OTHER, [allow("*")], None, False),
        (OTHER, [], bucket({"AWS": OTHER.arn}), False),
        (OTHER, [allow("*")], bucket({"AWS": OTHER.arn}), True),
        (OTHER, [allow("*")], bucket({"AWS": "arn:aws:iam::210987654321:root"}), True),
        (Principal(), [], bucket("*"), True),
        (Principal(), [], bucket({"AWS": ACCOUNT}), False),
        (Principal(), [], None, False),
    ],
)
def test_resource_policies(who: Principal, own: list[dict[str, Any]], theirs: str | None, allowed: bool) -> None:
    call = Call("s3:PutObject", (OBJECT,))
    assert decide(call, who, Rights([policy(*own)]), resource_policy=theirs, owner=ACCOUNT).allowed is allowed


@pytest.mark.parametrize(
    ("principal", "allowed"),
    [({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, True), ({"AWS": USER.arn}, True), ({"AWS": OTHER.arn}, False)],
)
def test_a_key_policy_must_let_the_account_in(principal: Any, allowed: bool) -> None:
    key = policy({**allow("kms:*"), "Principal": principal})
    call = Call("kms:Decrypt", ("arn:aws:kms:eu-west-2:123456789012:key/k",))
    decision = decide(
        call, USER, Rights([policy(allow("*"))]), resource_policy=key, owner=ACCOUNT, policy_must_allow=True
    )
    assert decision.allowed is allowed


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ({"StringEquals": {"k": "v"}}, True),
        ({"StringEquals": {"K": ["x", "v"]}}, True),
        ({"StringEquals": {"k": "V"}}, False),
        ({"StringEqualsIgnoreCase": {"k": "V"}}, True),
        ({"StringNotEquals": {"k": ["v", "x"]}}, False),
        ({"StringNotEquals": {"none": "v"}}, True),
        ({"StringLike": {"k": "?"}}, True),
        ({"StringNotLike": {"k": "v*"}}, False),
        ({"StringEquals": {"none": "v"}}, False),
        ({"StringEqualsIfExists": {"none": "v"}}, True),
        ({"StringEqualsIfExists": {"k": "w"}}, False),
        ({"Null": {"none": "true"}}, True),
        ({"Null": {"k": True}}, False),
        ({"NumericLessThanEquals": {"n": "10"}}, True),
        ({"NumericGreaterThan": {"n": "10"}}, False),
        ({"NumericEquals": {"k": "1"}}, False),
        ({"DateGreaterThan": {"d": "2026-01-01T00:00:00Z"}}, True),
        ({"DateLessThan": {"d": "2026-01-01T00:00:00Z"}}, False),
        ({"IpAddress": {"ip": "127.0.0.0/8"}}, True),
        ({"NotIpAddress": {"ip": ["10.0.0.0/8", "127.0.0.1"]}}, False),
        ({"ArnLike": {"arn": "arn:aws:iam::*:role/*"}}, True),
        ({"ArnLike": {"arn": "arn:aws:*"}}, False),
        ({"Bool": {"b": True}}, True),
        ({"ForAnyValue:StringEquals": {"many": ["b", "z"]}}, True),
        ({"ForAllValues:StringEquals": {"many": ["a", "b"]}}, True),
        ({"ForAllValues:StringEquals": {"many": ["a"]}}, False),
        ({"ForAllValues:StringEquals": {"none": ["a"]}}, True),
        ({"ForAnyValue:StringEquals": {"none": ["a"]}}, False),
        ({"StringEquals": {"k": "v"}, "Bool": {"b": "false"}}, False),
        ({"StringEquals": {"k": "v", "n": "8"}}, False),
        ({"NoSuchOperator": {"k": "v"}}, False),
    ],
)
def test_conditions(condition: dict[str, Any], holds: bool) -> None:
    context = {
        "k": "v",
        "n": "9",
        "b": "true",
        "d": "2026-06-01T00:00:00Z",
        "ip": "127.0.0.1",
        "arn": "arn:aws:iam::123456789012:role/path/r",
        "many": ["a", "b"],
    }
    assert conditions_hold(condition, context) is holds


def test_wildcards_and_variables() -> None:
    assert matches("a*", "a\nb")
    assert not matches("a.c", "abc")
    assert not arn_matches("arn:aws:s3:*", "arn:aws:s3:::data/k")
    assert substitute("${aws:username}/${*}", {"AWS:UserName": "dana"}) == "dana/*"
    assert substitute("${none}", {}) is None
    assert substitute("${none, 'x'}", {}) == "x"


@pytest.mark.parametrize(
    ("method", "url", "headers", "expected"),
    [
        ("GET", "/", {}, [("s3:ListAllMyBuckets", "*")]),
        ("PUT", "/b", {}, [("s3:CreateBucket", "arn:aws:s3:::b")]),
        ("HEAD", "/b", {}, [("s3:ListBucket", "arn:aws:s3:::b")]),
        ("GET", "/b?list-type=2&prefix=x", {}, [("s3:ListBucket", "arn:aws:s3:::b")]),
        ("GET", "/b?versions", {}, [("s3:ListBucketVersions", "arn:aws:s3:::b")]),
        ("PUT", "/b?policy", {}, [("s3:PutBucketPolicy", "arn:aws:s3:::b")]),
        ("DELETE", "/b?policy", {}, [("s3:DeleteBucketPolicy", "arn:aws:s3:::b")]),
        ("DELETE", "/b?encryption", {}, [("s3:PutEncryptionConfiguration", "arn:aws:s3:::b")]),
        ("GET", "/b/k%20k/ü", {}, [("s3:GetObject", "arn:aws:s3:::b/k k/ü")]),
        ("HEAD", "/b/k?versionId=1", {}, [("s3:GetObjectVersion", "arn:aws:s3:::b/k")]),
        ("PUT", "/b/k?partNumber=1&uploadId=u", {}, [("s3:PutObject", "arn:aws:s3:::b/k")]),
        ("POST", "/b/k?uploads", {}, [("s3:PutObject", "arn:aws:s3:::b/k")]),
        ("DELETE", "/b/k?uploadId=u", {}, [("s3:AbortMultipartUpload", "arn:aws:s3:::b/k")]),
        ("PUT", "/b/k?tagging", {}, [("s3:PutObjectTagging", "arn:aws:s3:::b/k")]),
        (
            "PUT",
            "/b/k",
            {"x-amz-copy-source": "/c/from%20here"},
            [("s3:PutObject", "arn:aws:s3:::b/k"), ("s3:GetObject", "arn:aws:s3:::c/from here")],
        ),
    ],
)
def test_s3_actions(method: str, url: str, headers: dict[str, str], expected: list[tuple[str, str]]) -> None:
    path, _, query = url.partition("?")
    found = s3_actions(HttpRequest(method, path, query, headers, b""))
    assert [(each.action, each.arn) for each in found] == expected


def test_deleting_many_needs_each_key() -> None:
    body = b"<Delete><Object><Key>a</Key></Object><Object><Key>b/c</Key><VersionId>1</VersionId></Object></Delete>"
    found = s3_actions(HttpRequest("POST", "/b", "delete", {}, body))
    assert [(each.action, each.arn) for each in found] == [
        ("s3:DeleteObject", "arn:aws:s3:::b/a"),
        ("s3:DeleteObjectVersion", "arn:aws:s3:::b/b/c"),
    ]


SECRET = "wJalrXUtnFEMI-not-a-real-key"


def later(**delta: float) -> datetime.datetime:
    """The time after ``delta``; botocore signs with the real time."""
    return datetime.datetime.now(datetime.UTC) + datetime.timedelta(**delta)


def signed(
    auth: Any, service: str, method: str, url: str, body: bytes = b"", headers: dict[str, str] | None = None
) -> HttpRequest:
    """A request as botocore signs it."""
    request = AWSRequest(
        method, f"http://127.0.0.1:1{url}", headers={"Host": "127.0.0.1:1", **(headers or {})}, data=body
    )
    auth(Credentials("AKIDEXAMPLE", SECRET), service, "eu-west-2").add_auth(request)
    prepared = request.prepare()
    rest = prepared.url.removeprefix("http://127.0.0.1:1")
    path, _, query = rest.partition("?")
    sent = {
        name.lower(): value if isinstance(value, str) else value.decode() for name, value in prepared.headers.items()
    }
    return HttpRequest(method, path, query, {"host": "127.0.0.1:1", **sent}, body)


REQUESTS = [
    (SigV4Auth, "ec2", "POST", "/", b"Action=DescribeVpcs"),
    (SigV4Auth, "lambda", "GET", "/2015-03-31/functions/a%3Ab/./x", b""),
    (SigV4Auth, "logs", "POST", "/", b'{"logGroupName": "\xc3\xbc"}'),
    (S3SigV4Auth, "s3", "PUT", "/bucket/a%20b//c%2B.txt", b"body"),
    (S3SigV4Auth, "s3", "GET", "/bucket?prefix=a%2Fb%20c&list-type=2&x=", b""),
]


@pytest.mark.parametrize(("auth", "service", "method", "url", "body"), REQUESTS)
def test_signatures_of_botocore_are_accepted(auth: Any, service: str, method: str, url: str, body: bytes) -> None:
    request = signed(auth, service, method, url, body)
    signature = read_signature(request)
    assert signature is not None
    assert (signature.access_key, signature.region, signature.service) == ("AKIDEXAMPLE", "eu-west-2", service)
    check_signature(request, signature, SECRET, later())


def problem(request: HttpRequest, secret: str = SECRET, **delta: float) -> str:
    def check() -> None:
        signature = read_signature(request)
        assert signature is not None
        check_signature(request, signature, secret, later(**delta))

    with pytest.raises(SignatureProblem) as refused:
        check()
    assert SECRET not in str(refused.value)
    return refused.value.kind


def test_what_was_changed_after_signing_is_refused() -> None:
    request = signed(S3SigV4Auth, "s3", "PUT", "/bucket/key?a=1", b"body", {"x-amz-acl": "private"})
    parts = (request.method, request.path, request.query, request.headers, request.body)

    def other(index: int, value: Any) -> HttpRequest:
        return HttpRequest(*(value if i == index else part for i, part in enumerate(parts)))  # type: ignore[arg-type]

    assert problem(request, secret="other") == "mismatch"
    assert problem(other(0, "DELETE")) == "mismatch"
    assert problem(other(1, "/bucket/other")) == "mismatch"
    assert problem(other(2, "a=2")) == "mismatch"
    assert problem(other(3, {**request.headers, "x-amz-acl": "public-read"})) == "mismatch"
    assert problem(other(4, b"another body")) == "digest"
    assert problem(request, minutes=16) == "skewed"
    assert problem(request, minutes=-16) == "skewed"
    assert problem(other(3, {**request.headers, "authorization": "AWS4-HMAC-SHA256 Credential=x"})) == "incomplete"
    assert problem(other(3, {**request.headers, "authorization": "Basic eHg6eQ=="})) == "incomplete"


def test_presigned_urls_last_as_long_as_they_say() -> None:
    request = signed(partial(S3SigV4QueryAuth, expires=60), "s3", "GET", "/bucket/a%20b")
    signature = read_signature(request)
    assert signature is not None
    assert signature.expires == 60
    check_signature(request, signature, SECRET, later(seconds=50))
    assert problem(request, seconds=65) == "expired"
    assert read_signature(HttpRequest("GET", "/bucket/a", "", {}, b"")) is None
