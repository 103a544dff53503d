# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a caller without credentials gets: a web page, another user of the machine, a program that guesses."""

from __future__ import annotations

import gzip
import http.client
import importlib
import io
import json
import re
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import botocore
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from emulator.ecs.endpoint import TaskEndpoint
from emulator.iam.gate import RAW_HEADERS, Gate
from emulator.iam.public import UNSIGNED
from emulator.loopback import is_loopback, misdirected
from tests.embedded import REGION, EmbeddedAws

ECS = "AmazonEC2ContainerServiceV20141113"
FORM = "application/x-www-form-urlencoded"
LOOPBACK = [
    "127.0.0.1",
    "127.0.0.1:4566",
    "127.9.8.7",
    "localhost",
    "LOCALHOST:80",
    "s3.localhost",
    "[::1]",
    "[::1]:443",
]
FOREIGN = [
    "evil.com",
    "evil.com:4566",
    "127.0.0.1.evil.com",
    "localhost.evil.com",
    "evillocalhost",
    "127.0.0.1@evil.com",
    "evil.com,127.0.0.1",
    "127.0.0.1,evil.com",
    "10.0.0.1",
    "0.0.0.0",
    "169.254.170.2",
    "[::]",
    "[2001:db8::1]",
    "127.0.0.256",
    "127.1",
    "",
    " ",
]


# --- which machine, and which page


@pytest.mark.parametrize("host", LOOPBACK)
def test_names_of_this_machine(host: str) -> None:
    assert is_loopback(host)
    assert misdirected([host], []) is None
    assert misdirected([host], [f"http://{host}"]) is None


@pytest.mark.parametrize("host", FOREIGN)
def test_other_names(host: str) -> None:
    assert not is_loopback(host)
    for hosts in ([host], ["localhost", host], [host, "localhost"]):
        problem = misdirected(hosts, [])
        assert problem is not None
        assert problem.status == 421
    page = misdirected(["localhost"], [f"http://{host}"])
    assert page is not None
    assert page.status == 403


@pytest.mark.parametrize("origin", ["null", "", "http://evil.com", "file://", "http://localhost/x", "ftp://localhost"])
def test_other_pages(origin: str) -> None:
    page = misdirected(["localhost"], [origin])
    assert page is not None
    assert page.status == 403


def test_a_request_without_a_host() -> None:
    assert misdirected([], []) is not None


def raw(
    endpoint: str, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
) -> tuple[int, str, dict[str, str]]:
    """Status, text and headers of a request that is sent exactly so, ``Host`` included."""
    place = urlsplit(endpoint)
    connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=20)
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        sent = {"Host": place.netloc, "Content-Length": str(len(body)), **(headers or {})}
        for name, value in sent.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace"), {k.lower(): v for k, v in answer.getheaders()}
    finally:
        connection.close()


def signed(aws: EmbeddedAws, service: str, method: str, path: str, body: bytes, **headers: str) -> dict[str, str]:
    """The headers of a request of the administrator's, whatever host it names."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = AWSRequest(method, f"http://{named.pop('Host', urlsplit(aws.endpoint).netloc)}{path}", named, body)
    keys = Credentials(aws.env["AWS_ACCESS_KEY_ID"], aws.env["AWS_SECRET_ACCESS_KEY"])
    SigV4Auth(keys, service, REGION).add_auth(request)
    return {"Host": urlsplit(request.url).netloc, **dict(request.headers.items())}


#: One call of each protocol: service, method, path, body, content type, target.
CALLS = [
    ("sts", "POST", "/", b"Action=GetCallerIdentity&Version=2011-06-15", {"Content_Type": FORM}),
    ("ec2", "POST", "/", b"Action=DescribeVpcs&Version=2016-11-15", {"Content_Type": FORM}),
    (
        "ecs",
        "POST",
        "/",
        b"{}",
        {
            "Content_Type": "application/x-amz-json-1.1",
            "X_Amz_Target": "AmazonEC2ContainerServiceV20141113.ListClusters",
        },
    ),
    ("lambda", "GET", "/2015-03-31/functions", b"", {}),
    ("route53", "GET", "/2013-04-01/hostedzone", b"", {}),
    ("s3", "GET", "/", b"", {"X_Amz_Content_Sha256": "UNSIGNED-PAYLOAD"}),
]


@pytest.mark.parametrize(("service", "method", "path", "body", "headers"), CALLS, ids=[call[0] for call in CALLS])
def test_a_call_names_this_machine_whoever_signs_it(
    aws: EmbeddedAws, service: str, method: str, path: str, body: bytes, headers: dict[str, str]
) -> None:
    port = urlsplit(aws.endpoint).port
    for host in (f"127.0.0.1:{port}", f"localhost:{port}", "localhost"):
        good = signed(aws, service, method, path, body, Host=host, **headers)
        assert raw(aws.endpoint, method, path, body, good)[0] == 200, host
    for host in ("evil.com", f"evil.com:{port}", "s3.eu-west-2.amazonaws.com"):
        bad = signed(aws, service, method, path, body, Host=host, **headers)
        assert raw(aws.endpoint, method, path, body, bad)[0] == 421, host
    # The host of a whole URL counts more than the header (RFC 9112, section 3.2.2).
    good = signed(aws, service, method, path, body, **headers)
    assert raw(aws.endpoint, method, f"http://evil.com{path}", body, good)[0] == 421


@pytest.mark.parametrize(("service", "method", "path", "body", "headers"), CALLS, ids=[call[0] for call in CALLS])
def test_a_foreign_page_gets_nothing_and_no_page_may_read(
    aws: EmbeddedAws, service: str, method: str, path: str, body: bytes, headers: dict[str, str]
) -> None:
    sent = signed(aws, service, method, path, body, **headers)
    for origin in ("http://evil.com", "null"):
        assert raw(aws.endpoint, method, path, body, {**sent, "Origin": origin})[0] == 403
    status, _, answered = raw(aws.endpoint, method, path, body, {**sent, "Origin": "http://127.0.0.1:8080"})
    assert status == 200
    assert [name for name in answered if name.startswith("access-control-")] == []
    preflight = {"Origin": "http://127.0.0.1:8080", "Access-Control-Request-Method": "POST"}
    status, _, answered = raw(aws.endpoint, "OPTIONS", path, b"", preflight)
    assert status >= 400
    assert "access-control-allow-origin" not in answered


# --- every operation of every service


def models() -> Iterator[tuple[str, dict[str, Any]]]:
    """Signing name and model of every service that botocore knows, newest version."""
    for folder in sorted((Path(botocore.__file__).parent / "data").iterdir()):
        found = sorted(folder.glob("*/service-2.json.gz"))
        if found:
            model = json.loads(gzip.decompress(found[-1].read_bytes()))
            metadata = model["metadata"]
            yield str(metadata.get("signingName", metadata["endpointPrefix"])), model


def spellings(model: dict[str, Any], operation: str) -> Iterator[tuple[str, str, bytes, dict[str, str]]]:
    """Method, path with query, body and headers of unsigned requests that mean ``operation``, for its protocols."""
    metadata = model["metadata"]
    protocols = metadata.get("protocols", [metadata["protocol"]])
    form = urlencode({"Action": operation, "Version": metadata["apiVersion"], "RoleArn": ROLE, "SecretId": "x"})
    if "query" in protocols or "ec2" in protocols:
        yield "POST", "/", form.encode(), {"Content-Type": FORM}
        yield "GET", f"/?{form}", b"", {}
    if "json" in protocols or "targetPrefix" in metadata:
        target = f"{metadata.get('targetPrefix', '')}.{operation}"
        version = metadata.get("jsonVersion", "1.1")
        yield "POST", "/", b"{}", {"Content-Type": f"application/x-amz-json-{version}", "X-Amz-Target": target}
    if any(each.startswith("rest") for each in protocols):
        rule = model["operations"][operation]["http"]
        path = re.sub(r"\{[^}]*\}", "example", rule["requestUri"])
        yield rule["method"], path, b"", {}


ROLE = "arn:aws:iam::123456789012:role/example"


def test_no_operation_of_any_service_is_answered_without_a_signature() -> None:
    reached: list[str] = []

    def moto(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        reached.append(f"{environ['REQUEST_METHOD']} {environ['RAW_URI']}")
        start_response("200 OK", [])
        return [b""]

    gate, statuses, asked = Gate(moto), [], 0
    found: set[tuple[str, str]] = set()
    for service, model in models():
        for operation in model["operations"]:
            for method, uri, body, headers in spellings(model, operation):
                asked += 1
                path, _, query = uri.partition("?")
                environ = {
                    "REQUEST_METHOD": method,
                    "RAW_URI": uri,
                    "PATH_INFO": path,
                    "QUERY_STRING": query,
                    "CONTENT_LENGTH": str(len(body)),
                    "HTTP_HOST": "127.0.0.1",
                    "wsgi.input": io.BytesIO(body),
                    RAW_HEADERS: [("Host", "127.0.0.1"), *headers.items()],
                }
                gate(environ, lambda status, *_: statuses.append(int(status.split()[0])))
                if reached:
                    found.add((service, operation))
                    reached.clear()
                else:
                    assert 400 <= statuses[-1] < 500, (service, operation, statuses[-1])
    assert asked > 15_000
    assert found <= UNSIGNED.keys()
    for (service, operation), reason in UNSIGNED.items():
        assert reason.strip()
        model = next(model for name, model in models() if name == service and operation in model["operations"])
        assert model["operations"][operation]["authtype"] == "none"


def moto_paths() -> list[str]:
    """The paths of moto's own doors: its settings, its recorder, and the metadata of instances."""
    urls = importlib.import_module("moto.moto_api._internal.urls")
    found = {re.sub(r"\(.*?\)|<[^>]*>", "x", path.replace("{0}", "")) for path in urls.url_paths}
    metadata = ("/latest/meta-data/iam/security-credentials/x", "/latest/api/token")
    return [*sorted(found), *metadata, "/favicon.ico"]


@pytest.mark.parametrize("path", moto_paths())
def test_the_doors_of_moto_are_closed_to_everybody(aws: EmbeddedAws, path: str) -> None:
    for spelt in (path, f"/%{ord(path[1]):02x}{path[2:]}"):
        for method in ("GET", "POST", "DELETE"):
            headers = signed(aws, "s3", method, spelt, b"", X_Amz_Content_Sha256="UNSIGNED-PAYLOAD")
            assert raw(aws.endpoint, method, spelt)[0] in (403, 404)
            assert raw(aws.endpoint, method, spelt, b"", headers)[0] in (403, 404)
    assert [user["UserName"] for user in aws.client("iam").list_users()["Users"]]


# --- S3: an anonymous request is one to a bucket, and the bucket's policy judges it


@pytest.fixture
def public(aws: EmbeddedAws) -> str:
    """A bucket that everybody may read."""
    s3, name = aws.client("s3"), f"public-{uuid.uuid4().hex[:8]}"
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.delete_public_access_block(Bucket=name)
    s3.put_object(Bucket=name, Key=".well-known/jwks.json", Body=b"an object")
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{name}/*"}
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    return name


def test_an_anonymous_request_is_one_to_s3(aws: EmbeddedAws, public: str) -> None:
    assert raw(aws.endpoint, "GET", f"/{public}/.well-known/jwks.json")[:2] == (200, "an object")
    assert raw(aws.endpoint, "GET", f"/{public}")[0] == 403
    assert raw(aws.endpoint, "PUT", f"/{public}/other", b"x")[0] == 403
    assert raw(aws.endpoint, "DELETE", f"/{public}/.well-known/jwks.json")[0] == 403
    form = urlencode({"Action": "AssumeRoleWithWebIdentity", "RoleArn": ROLE, "WebIdentityToken": "x"}).encode()
    status, text, _ = raw(aws.endpoint, "POST", f"/{public}", form, {"Content-Type": FORM})
    assert (status, "SecretAccessKey" in text) == (403, False)
    for path in ("/us-east-1_abc/.well-known/jwks.json", "/lambda_eu-west-2/2015-03-31/functions", "/v20180820/tags/x"):
        assert raw(aws.endpoint, "GET", path)[0] == 403, path


# --- the credentials of tasks


class _Task:
    id = "task"
    role_arn: str | None = ROLE

    def metadata(self, container: str | None) -> dict[str, Any]:
        return {"Name": container}


def test_metadata_and_credentials_are_for_the_task_alone() -> None:
    endpoint = TaskEndpoint()
    endpoint.start()
    try:
        path, token = endpoint.add_credentials(_Task())
        metadata = endpoint.add_container(_Task(), "main")
        assert raw(endpoint.url, "GET", metadata)[0] == 200
        # The role does not exist: the answer to who has the token is another one than to who has it not.
        assert raw(endpoint.url, "GET", path, headers={"Authorization": token})[0] == 400
        for authorization in ("", "x", f"Bearer {token}", token[:-1]):
            assert raw(endpoint.url, "GET", path, headers={"Authorization": authorization})[0] == 403
        for guess in ("/", "/v2/credentials", "/v2/credentials/", "/v2/credentials/x", "/v4/x", "/v4/", "/v4"):
            assert raw(endpoint.url, "GET", guess, headers={"Authorization": token})[0] == 404
        for where in (path, metadata):
            assert raw(endpoint.url, "GET", where, headers={"Authorization": token, "Host": "evil.com"})[0] == 421
            page = {"Authorization": token, "Origin": "http://evil.com"}
            assert raw(endpoint.url, "GET", where, headers=page)[0] == 403
        assert len(path.rsplit("/", 1)[-1]) >= 20
        assert len(metadata.rsplit("/", 1)[-1]) >= 20
    finally:
        endpoint.stop()


def test_the_credentials_endpoint_of_the_daemon_tells_no_stranger(aws: EmbeddedAws) -> None:
    for place in aws.parts()[0]["ports"][1:]:
        for path in ("/", "/v2/credentials/x", "/v4/x/task"):
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(f"http://{place}{path}", timeout=5)
            assert refused.value.code == 404
