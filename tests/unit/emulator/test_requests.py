# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which action a request is: the gate and moto must read the same one, or the request is refused."""

from __future__ import annotations

import urllib.error
import urllib.request
import uuid
from collections.abc import Callable
from urllib.parse import urlencode

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from emulator.iam.errors import Protocol
from emulator.iam.requests import UnclearRequest, read_request
from emulator.iam.signatures import HttpRequest, Signature, SignatureProblem, read_signature
from tests.embedded import REGION, EmbeddedAws

FORM = "application/x-www-form-urlencoded"
JSON = "application/x-amz-json-1.1"


def signature(service: str) -> Signature:
    return Signature("AK", "20260101", REGION, service, "20260101T000000Z", ("host",), "0", None, None)


def http(
    method: str = "POST", path: str = "/", query: str = "", content_type: str = "", body: str = "", target: str = ""
) -> HttpRequest:
    headers = {"content-type": content_type, **({"x-amz-target": target} if target else {})}
    return HttpRequest(method, path, query, headers, body.encode())


@pytest.mark.parametrize(
    ("service", "request_", "protocol", "action"),
    [
        ("iam", http(content_type=FORM, body="Action=ListUsers"), Protocol.QUERY, "ListUsers"),
        ("iam", http(content_type=f"{FORM}; charset=utf-8", body="Action=ListUsers"), Protocol.QUERY, "ListUsers"),
        ("iam", http(content_type=FORM.title(), body="Action=ListUsers"), Protocol.QUERY, "ListUsers"),
        ("sts", http("GET", query="Action=GetCallerIdentity"), Protocol.QUERY, "GetCallerIdentity"),
        ("ec2", http(content_type=FORM, body="Action=DescribeVpcs"), Protocol.EC2, "DescribeVpcs"),
        ("sqs", http(path="/1/q", content_type=FORM, body="Action=SendMessage"), Protocol.QUERY, "SendMessage"),
        ("ecs", http(content_type=JSON, body="{}", target="Ecs.ListClusters"), Protocol.JSON, "ListClusters"),
        ("lambda", http("GET", "/2015-03-31/functions"), Protocol.REST_JSON, "ListFunctions"),
        ("route53", http("GET", "/2013-04-01/hostedzone"), Protocol.REST_XML, "ListHostedZones"),
        ("elasticfilesystem", http("GET", "/2015-02-01/file-systems"), Protocol.REST_JSON, "DescribeFileSystems"),
        ("es", http("GET", "/2021-01-01/opensearch/versions"), Protocol.REST_JSON, "ListVersions"),
        ("apigateway", http("GET", "/v2/apis"), Protocol.REST_JSON, "GetApis"),
        ("apigateway", http("GET", "/restapis"), Protocol.REST_JSON, "GetRestApis"),
        ("ses", http("GET", "/v2/email/contact-lists"), Protocol.REST_JSON, "ListContactLists"),
        ("s3", http("GET", "/bucket", query="Action=ListUsers"), Protocol.S3, ""),
    ],
)
def test_the_action_of_a_request(service: str, request_: HttpRequest, protocol: Protocol, action: str) -> None:
    found = read_request(request_, signature(service))
    assert (found.protocol, found.action) == (protocol, action)


@pytest.mark.parametrize(
    ("service", "request_"),
    [
        ("iam", http(content_type="text/plain", body="Action=CreateUser")),
        ("iam", http(body="Action=CreateUser")),
        ("iam", http(query="Action=ListUsers", content_type="text/plain", body="Action=CreateUser")),
        ("iam", http(content_type=FORM, body="Action=CreateUser&Action=ListUsers")),
        ("iam", http(query="Action=ListUsers", content_type=FORM, body="Action=CreateUser")),
        ("iam", http(content_type=FORM, body="Action=GetUser&UserName=me&UserName=other")),
        ("iam", http(content_type=FORM, body="Action=")),
        ("iam", http(content_type=FORM, body="")),
        ("sts", http(content_type=FORM, body="Action=AssumeRole", target="x.GetCallerIdentity")),
        ("sts", http(query="Action=AssumeRole", target="x.GetCallerIdentity")),
        ("sts", http(content_type=FORM, body="RoleArn=x", target="x.AssumeRole")),
        ("sts", http("GET", "/bucket/key", query="Action=GetCallerIdentity")),
        ("lambda", http("DELETE", "/2015-03-31/functions/f", query="Action=ListFunctions")),
        ("lambda", http("DELETE", "/2015-03-31/functions/f", target="x.ListFunctions")),
        ("lambda", http("GET", "/nothing")),
        ("nosuchservice", http("GET", "/things")),
        ("s3", http("GET", "/bucket/key", target="AWSCognitoIdentityProviderService.AdminCreateUser")),
    ],
)
def test_a_request_with_no_action_or_with_two(service: str, request_: HttpRequest) -> None:
    with pytest.raises(UnclearRequest):
        read_request(request_, signature(service))


def test_a_signature_with_two_credentials() -> None:
    parts = ["Credential=A/20260101/eu-west-2/iam/aws4_request", "Credential=A/20260101/eu-west-2/sts/aws4_request"]
    header = f"AWS4-HMAC-SHA256 {', '.join(parts)}, SignedHeaders=host, Signature=0"
    with pytest.raises(SignatureProblem, match="lacks a part"):
        read_signature(HttpRequest("POST", "/", "", {"authorization": header, "x-amz-date": "20260101T000000Z"}, b""))


@pytest.fixture
def nobody(aws: EmbeddedAws) -> dict[str, str]:
    """The key of a user without policies."""
    iam, name = aws.client("iam"), f"nobody-{uuid.uuid4().hex[:8]}"
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return {"access_key": key["AccessKeyId"], "secret_key": key["SecretAccessKey"]}


@pytest.fixture
def send(aws: EmbeddedAws, nobody: dict[str, str]) -> Callable[..., tuple[int, str]]:
    """Send a signed request exactly as it is written; answers the status and the body."""

    def request(
        service: str, query: str = "", body: str = "", presigned: bool = False, **headers: str
    ) -> tuple[int, str]:
        path = headers.pop("path", "/")
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        method = "GET" if presigned else "POST"
        wanted = AWSRequest(method, aws.endpoint + path + query, headers=named, data=body.encode())
        signer = SigV4QueryAuth if presigned else SigV4Auth
        signer(Credentials(**nobody), service, REGION).add_auth(wanted)
        made = wanted.prepare()
        raw = urllib.request.Request(made.url, None if presigned else body.encode(), dict(made.headers), method=method)
        try:
            with urllib.request.urlopen(raw, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refusal:
            return refusal.code, refusal.read().decode()

    return request


def test_no_spelling_of_a_request_gets_around_the_gate(aws: EmbeddedAws, send: Callable[..., tuple[int, str]]) -> None:
    iam, name = aws.client("iam"), f"made-{uuid.uuid4().hex[:8]}"
    trust = (
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",'
        '"Principal":{"Service":"ecs-tasks.amazonaws.com"}}]}'
    )
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    create = urlencode({"Action": "CreateUser", "Version": "2010-05-08", "UserName": name})
    assume = urlencode({"Action": "AssumeRole", "Version": "2011-06-15", "RoleArn": role, "RoleSessionName": "s"})
    target = "AWSSecurityTokenServiceV20110615.GetCallerIdentity"
    refused = {
        "capital": send("iam", body=create, Content_Type="Application/x-www-form-urlencoded"),
        "text": send("iam", body=create, Content_Type="text/plain"),
        "capital role": send("sts", body=assume, Content_Type="Application/x-www-form-urlencoded"),
        "two": send("sts", body=f"{assume}&Action=GetCallerIdentity", Content_Type=FORM),
        "query and body": send("sts", "?Action=GetCallerIdentity", assume, Content_Type=FORM),
        "target": send("sts", body=assume, Content_Type=FORM, X_Amz_Target=target),
        "header": send("iam", Action="CreateUser", UserName=name, Content_Type=FORM),
        "json": send("sts", body=f'{{"x": "&{assume}&"}}', Content_Type=JSON, X_Amz_Target=target),
    }
    assert {case: status for case, (status, _) in refused.items() if status < 400} == {}
    assert not any("SecretAccessKey" in text for _, text in refused.values())
    with pytest.raises(ClientError, match="NoSuchEntity"):
        iam.get_user(UserName=name)


def test_a_signature_for_one_service_opens_no_other(aws: EmbeddedAws, send: Callable[..., tuple[int, str]]) -> None:
    bucket = f"closed-{uuid.uuid4().hex[:8]}"
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket=bucket, Key="k", Body=b"closed")
    status, text = send("sts", "?Action=GetCallerIdentity", path=f"/{bucket}/k", presigned=True)
    assert (status >= 400, "closed" in text) == (True, False)
    public = urllib.request.Request(
        f"{aws.endpoint}/{bucket}/k?Action=AssumeRoleWithSAML", headers={"Content-Type": FORM}
    )
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(public, timeout=10)
    # What it is for still works: the URL that proves who one is.
    assert send("sts", "?Action=GetCallerIdentity&Version=2011-06-15", presigned=True)[0] == 200


def test_parameters_are_those_of_the_body(aws: EmbeddedAws) -> None:
    """The text of a JSON value is never taken for parameters."""
    secrets, name = aws.client("secretsmanager"), uuid.uuid4().hex
    secrets.create_secret(Name=name, SecretString="a&Name=other&Description=b&")
    found = secrets.describe_secret(SecretId=name)
    assert (found["Name"], found.get("Description", "")) == (name, "")
    assert secrets.get_secret_value(SecretId=name)["SecretString"] == "a&Name=other&Description=b&"
