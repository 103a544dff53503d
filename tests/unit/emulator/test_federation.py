# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""AssumeRoleWithWebIdentity and AssumeRoleWithSAML: nobody gets a role's credentials for a token that nobody signed.

A real provider answers on loopback, with a certificate that only SSL_CERT_FILE vouches for.
"""

from __future__ import annotations

import base64
import json
import os
import ssl
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError
from joserfc import jws
from joserfc.jwk import ECKey, OctKey, RSAKey

from emulator.rds.tls import Authority
from tests.embedded import REGION, EmbeddedAws

ACCOUNT = "123456789012"
WEB = "sts:AssumeRoleWithWebIdentity"
CLIENT = "sts.amazonaws.com"
SUBJECT = "repo:example/deploy:ref:refs/heads/main"


@dataclass
class Provider:
    """An OpenID Connect provider on loopback.

    :param documents: what it answers, by path.
    """

    issuer: str
    authority: Path
    keys: dict[str, Any]
    documents: dict[str, Any] = field(default_factory=dict)

    @property
    def arn(self) -> str:
        """Its ARN in the account."""
        return f"arn:aws:iam::{ACCOUNT}:oidc-provider/{self.issuer.removeprefix('https://')}"

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Those of a good token, changed; None takes one away."""
        now = int(time.time())
        good = {"iss": self.issuer, "aud": CLIENT, "sub": SUBJECT, "iat": now, "exp": now + 600}
        return {name: value for name, value in {**good, **changes}.items() if value is not None}

    def token(self, key: Any = None, algorithm: str = "RS256", kid: str = "rsa", **changes: Any) -> str:
        """A token that it has signed, or that somebody else has."""
        payload = json.dumps(self.claims(**changes)).encode()
        return jws.serialize_compact({"alg": algorithm, "kid": kid}, payload, key or self.keys["rsa"], [algorithm])


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    folder = tmp_path_factory.mktemp("provider")
    authority, certificate, key = Authority(folder), folder / "server.pem", folder / "server.key"
    authority.issue("provider", certificate, key)
    documents: dict[str, Any] = {}

    class Handler(BaseHTTPRequestHandler):
        """Answers the provider's documents."""

        def do_GET(self) -> None:
            body = json.dumps(documents.get(self.path)).encode()
            self.send_response(200 if self.path in documents else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    keys: dict[str, Any] = {
        "rsa": RSAKey.generate_key(2048, {"kid": "rsa"}),
        "ec": ECKey.generate_key("P-256", {"kid": "ec"}),
    }
    made = Provider(f"https://127.0.0.1:{server.server_port}", authority.file, keys, documents)
    documents["/.well-known/openid-configuration"] = {"issuer": made.issuer, "jwks_uri": f"{made.issuer}/keys"}
    documents["/keys"] = {"keys": [each.as_dict(private=False) for each in keys.values()]}
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def cloud(start_aws: Callable[..., EmbeddedAws], provider: Provider) -> EmbeddedAws:
    """An embedded AWS that trusts the provider's certificate, and in which the provider is registered."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(provider.authority))
        aws = start_aws(accounts=[ACCOUNT, "210987654321"])
    aws.client("iam").create_open_id_connect_provider(
        Url=provider.issuer, ClientIDList=[CLIENT, "other"], ThumbprintList=["0" * 40]
    )
    return aws


@pytest.fixture
def role(cloud: EmbeddedAws, provider: Provider) -> Callable[..., str]:
    """Make a role that trusts a federated principal, under conditions of its own, and may list buckets."""

    def make(
        principal: dict[str, Any] | None = None, action: str = "sts:AssumeRoleWithWebIdentity", **also: Any
    ) -> str:
        iam, name = cloud.client("iam"), f"role-{uuid.uuid4().hex[:8]}"
        statement = {"Effect": "Allow", "Principal": principal or {"Federated": provider.arn}, "Action": action, **also}
        trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        arn = str(iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"])
        rights = {"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [rights]})
        iam.put_role_policy(RoleName=name, PolicyName="rights", PolicyDocument=document)
        return arn

    return make


@pytest.fixture
def sts(cloud: EmbeddedAws) -> Any:
    """A client without credentials."""
    config = Config(signature_version=UNSIGNED, parameter_validation=False)
    return boto3.client("sts", region_name=REGION, endpoint_url=cloud.endpoint, config=config)


def refusal(sts: Any, arn: str, token: str, session: str = "session") -> tuple[str, int, str]:
    """Code, status and words of an AssumeRoleWithWebIdentity that must fail."""
    with pytest.raises(ClientError) as refused:
        sts.assume_role_with_web_identity(RoleArn=arn, RoleSessionName=session, WebIdentityToken=token)
    answer = refused.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Message"]


@pytest.mark.parametrize(("key", "algorithm"), [("rsa", "RS256"), ("rsa", "RS512"), ("ec", "ES256")])
def test_who_the_provider_vouches_for_gets_the_roles_rights_and_no_more(
    cloud: EmbeddedAws, provider: Provider, role: Callable[..., str], sts: Any, key: str, algorithm: str
) -> None:
    name = provider.issuer.removeprefix("https://")
    conditions = {"StringEquals": {f"{name}:aud": CLIENT}, "StringLike": {f"{name}:sub": "repo:example/*"}}
    arn, token = role(Condition=conditions), provider.token(provider.keys[key], algorithm, key)
    found = sts.assume_role_with_web_identity(RoleArn=arn, RoleSessionName="session", WebIdentityToken=token)
    keys = found["Credentials"]
    env = {
        "AWS_ACCESS_KEY_ID": keys["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": keys["SecretAccessKey"],
        "AWS_SESSION_TOKEN": keys["SessionToken"],
    }
    assert cloud.client("sts", env=env).get_caller_identity()["Arn"].endswith(f"/{arn.rsplit('/', 1)[-1]}/session")
    cloud.client("s3", env=env).list_buckets()
    with pytest.raises(ClientError, match="AccessDenied"):
        cloud.client("iam", env=env).list_users()
    written = (cloud.state / "log" / "iam.jsonl").read_text(encoding="utf-8")
    row = {"caller": provider.arn, "action": "sts:AssumeRoleWithWebIdentity", "resource": arn, "allowed": True}
    assert row in [json.loads(line) for line in written.splitlines()]
    assert token not in written


def forged(provider: Provider) -> list[tuple[str, str, str]]:
    """Tokens that prove nothing, with AWS's code and words."""
    own = RSAKey.generate_key(2048, {"kid": "rsa"})
    public = json.dumps(provider.keys["rsa"].as_dict(private=False))
    bare = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
        for part in ({"alg": "none"}, provider.claims())
    ]
    now = int(time.time())
    no_jwt, unsigned = "is not a valid JWT", "signature of the ID token is not valid"
    invalid = "InvalidIdentityToken"
    return [
        ("x", invalid, no_jwt),
        ("a.b.c", invalid, no_jwt),
        (".".join([*bare, ""]), invalid, unsigned),
        (provider.token(own), invalid, unsigned),
        (provider.token(kid="unknown"), invalid, unsigned),
        (provider.token(OctKey.import_key(public), "HS256"), invalid, unsigned),
        (provider.token()[:-8] + "AAAAAAAA", invalid, unsigned),
        (provider.token(iss=None), invalid, no_jwt),
        (
            provider.token(iss="https://evil.com"),
            invalid,
            "No OpenIDConnect provider found in your account for https://",
        ),
        (provider.token(iss=provider.issuer.replace("https", "http")), invalid, "No OpenIDConnect provider found"),
        (provider.token(aud="somebody-else"), invalid, "Incorrect token audience"),
        (provider.token(azp="somebody-else"), invalid, "Incorrect token audience"),
        (provider.token(aud=None), invalid, "Missing a required claim: aud"),
        (provider.token(sub=None), invalid, "Missing a required claim: sub"),
        (provider.token(exp=None), invalid, "Missing a required claim: exp"),
        (provider.token(exp=now - 1), "ExpiredTokenException", "Token expired: current date/time"),
        (provider.token(iat=now + 3600, exp=now + 7200), invalid, "Token not yet valid"),
        (provider.token(nbf=now + 3600), invalid, "Token not yet valid"),
    ]


def test_a_token_that_nobody_signed_is_refused(provider: Provider, role: Callable[..., str], sts: Any) -> None:
    arn = role()
    for token, code, words in forged(provider):
        found = refusal(sts, arn, token)
        assert found[:2] == (code, 400), words
        assert words in found[2]


def test_a_role_is_assumed_only_by_whom_it_trusts(
    cloud: EmbeddedAws, provider: Provider, role: Callable[..., str], sts: Any
) -> None:
    denied = ("AccessDenied", 403, "Not authorized to perform sts:AssumeRoleWithWebIdentity")
    name, token = provider.issuer.removeprefix("https://"), provider.token()
    for arn in (
        f"arn:aws:iam::{ACCOUNT}:role/none",
        role({"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/other.example"}),
        role({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}),
        role({"Service": "ecs-tasks.amazonaws.com"}),
        role(action="sts:AssumeRole"),
        role(Condition={"StringEquals": {f"{name}:sub": "repo:example/other"}}),
        role(Condition={"StringEquals": {f"{name}:aud": "other"}}),
    ):
        assert refusal(sts, arn, token) == denied
    # The signature of an administrator replaces no trust.
    assert refusal(cloud.client("sts"), role({"AWS": "*"}, action="sts:AssumeRole"), token) == denied
    assert refusal(cloud.client("sts"), role(), "a.b.c")[0] == "InvalidIdentityToken"
    # A provider is one account's.
    for account in ("210987654321", "999999999999"):
        elsewhere = refusal(sts, f"arn:aws:iam::{account}:role/none", token)
        assert elsewhere[2] == f"No OpenIDConnect provider found in your account for {provider.issuer}"
    for arn, session in (
        (f"arn:aws:iam::{ACCOUNT}:user/administrator", "session"),
        ("x" * 20, "session"),
        (role(), "a b"),
    ):
        assert refusal(sts, arn, token, session)[:2] == ("ValidationError", 400)


def test_a_provider_whose_keys_cannot_be_had_vouches_for_nobody(
    provider: Provider, role: Callable[..., str], sts: Any
) -> None:
    arn, good = role(), dict(provider.documents)
    settings = good["/.well-known/openid-configuration"]
    broken: list[dict[str, Any]] = [
        {},
        {**good, "/.well-known/openid-configuration": {**settings, "issuer": "https://evil.com"}},
        {**good, "/.well-known/openid-configuration": {**settings, "jwks_uri": f"http{provider.issuer[5:]}/keys"}},
        {**good, "/.well-known/openid-configuration": {**settings, "jwks_uri": f"file://{os.devnull}"}},
        {**good, "/keys": {"keys": []}},
        {**good, "/keys": "none"},
    ]
    try:
        for documents in broken:
            provider.documents.clear()
            provider.documents.update(documents)
            code, _, words = refusal(sts, arn, provider.token())
            assert code == "InvalidIdentityToken"
            assert "retrieve verification key" in words or "signature of the ID token" in words
    finally:
        provider.documents.clear()
        provider.documents.update(good)


def test_no_assertion_of_saml_is_accepted(cloud: EmbeddedAws, role: Callable[..., str], sts: Any) -> None:
    arn = role({"Federated": f"arn:aws:iam::{ACCOUNT}:saml-provider/corporate"}, "sts:AssumeRoleWithSAML")
    value = f"<saml:AttributeValue>{arn},arn:aws:iam::{ACCOUNT}:saml-provider/corporate</saml:AttributeValue>"
    names = {"Role": value, "RoleSessionName": "<saml:AttributeValue>session</saml:AttributeValue>"}
    attributes = "".join(
        f'<saml:Attribute Name="https://aws.amazon.com/SAML/Attributes/{name}">{each}</saml:Attribute>'
        for name, each in names.items()
    )
    assertion = (
        '<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" '
        'xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"><saml:Assertion><saml:AttributeStatement>'
        f"{attributes}</saml:AttributeStatement></saml:Assertion></samlp:Response>"
    )
    request = {
        "RoleArn": arn,
        "PrincipalArn": f"arn:aws:iam::{ACCOUNT}:saml-provider/corporate",
        "SAMLAssertion": base64.b64encode(assertion.encode()).decode(),
    }
    for client in (sts, cloud.client("sts")):
        with pytest.raises(ClientError) as refused:
            client.assume_role_with_saml(**request)
        assert refused.value.response["Error"] == {
            "Type": "Sender",
            "Code": "InvalidIdentityToken",
            "Message": "Response signature invalid",
        }
