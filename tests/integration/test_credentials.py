# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whoever AWS's own clients take for the caller, the roles take too: keys, sessions, profiles that assume a role, that
ask a program or that were logged in by single sign-on, and profiles in ``module_defaults``.

What the embedded AWS has in its journal tells who asked. Nothing here is known to roles or modules: they read what
``boto3`` reads.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.commands import ansible
from tests.embedded import ROOT, EmbeddedAws

PLAY = """
- hosts: localhost
  gather_facts: false
  module_defaults: {defaults}
  vars:
    stack_name: {stack}
    stack_region: eu-west-2
    ansible_python_interpreter: "{{{{ ansible_playbook_python }}}}"
  tasks:
    - ansible.builtin.import_role:
        name: mlops.mlflow_aws.stack
    - amazon.aws.ec2_key_info:
      environment: "{{{{ stack_environment }}}}"
    - community.aws.ecs_service_info:
        cluster: {stack}
      environment: "{{{{ stack_environment }}}}"
      failed_when: false
"""
#: What a module of each collection asks for in that play: mlops.mlflow_aws, amazon.aws, community.aws.
ASKED = {"rds:DescribeDBInstances", "ec2:DescribeKeyPairs", "ecs:ListServices"}


@dataclass(frozen=True)
class Identity:
    """A user who may read, and a role that the user may assume.

    :param user: the user's ARN.
    :param role: the role's ARN.
    :param keys: the user's keys, as a client's environment.
    """

    user: str
    role: str
    keys: Mapping[str, str]


@pytest.fixture
def identity(aws: EmbeddedAws) -> Identity:
    iam, name = aws.client("iam"), f"reader-{uuid.uuid4().hex[:8]}"
    user = iam.create_user(UserName=name)["User"]["Arn"]
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": user}}
    role = iam.create_role(
        RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )["Role"]["Arn"]
    iam.attach_user_policy(UserName=name, PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    iam.attach_role_policy(RoleName=name, PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")
    key = iam.create_access_key(UserName=name)["AccessKey"]
    keys = {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
    return Identity(user, role, keys)


def session(aws: EmbeddedAws, identity: Identity) -> dict[str, str]:
    """Credentials of the role."""
    found: dict[str, str] = aws.client("sts", env=identity.keys).assume_role(
        RoleArn=identity.role, RoleSessionName="test"
    )["Credentials"]
    return found


class Home:
    """A home folder with AWS's configuration files."""

    def __init__(self, folder: Path, aws: EmbeddedAws, identity: Identity) -> None:
        self.folder, self.aws, self.identity = folder, aws, identity
        self.env = {"HOME": str(folder), "AWS_ENDPOINT_URL": aws.endpoint}
        (folder / ".aws").mkdir()

    def write(self, name: str, text: str) -> None:
        file = self.folder / ".aws" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_text(text, encoding="utf-8")

    def profile(self, *lines: str) -> None:
        """A profile ``deployer``, and ``engineer`` with the user's keys."""
        self.write("config", "\n".join(["[profile deployer]", *lines, ""]))
        keys = self.identity.keys
        self.write(
            "credentials",
            f"[engineer]\naws_access_key_id = {keys['AWS_ACCESS_KEY_ID']}\n"
            f"aws_secret_access_key = {keys['AWS_SECRET_ACCESS_KEY']}\n",
        )

    def callers(self, defaults: Mapping[str, Any] | None = None, /, **env: str) -> dict[str, set[str]]:
        """Who asked for what, in a play with these ``module_defaults`` and this environment."""
        stack = f"s{uuid.uuid4().hex[:8]}"
        book = self.folder / "play.yml"
        book.write_text(PLAY.format(stack=stack, defaults=json.dumps(dict(defaults or {}))), encoding="utf-8")
        journal = self.aws.state / "log" / "iam.jsonl"
        before = len(journal.read_text(encoding="utf-8").splitlines())
        settings = {**self.env, **env, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}
        done = ansible("ansible-playbook", str(book), "-i", "localhost,", "-c", "local", env=settings)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
        found: dict[str, set[str]] = {}
        for line in journal.read_text(encoding="utf-8").splitlines()[before:]:
            row = json.loads(line)
            found.setdefault(row["caller"], set()).add(row["action"])
        return found


@pytest.fixture
def home(tmp_path: Path, aws: EmbeddedAws, identity: Identity) -> Home:
    return Home(tmp_path, aws, identity)


@pytest.fixture
def portal(aws: EmbeddedAws, identity: Identity) -> Iterator[str]:
    """The portal of AWS's single sign-on: it gives credentials of the role to whoever has the token."""
    given = session(aws, identity)

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            good = self.headers["x-amz-sso_bearer_token"] == "logged-in" and self.path.startswith(
                "/federation/credentials?"
            )
            keys = {
                "accessKeyId": given["AccessKeyId"],
                "secretAccessKey": given["SecretAccessKey"],
                "sessionToken": given["SessionToken"],
                "expiration": 4102444800000,
            }
            body = json.dumps({"roleCredentials": keys} if good else {}).encode()
            self.send_response(200 if good else 401)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Answer)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_keys_in_the_environment(home: Home, identity: Identity) -> None:
    found = home.callers(**identity.keys)
    assert found.keys() == {identity.user}
    assert found[identity.user] >= ASKED


def test_a_session_in_the_environment(home: Home, aws: EmbeddedAws, identity: Identity) -> None:
    """As AWX hands a credential of the type Amazon Web Services with an STS token to a job."""
    given = session(aws, identity)
    found = home.callers(
        AWS_ACCESS_KEY_ID=given["AccessKeyId"],
        AWS_SECRET_ACCESS_KEY=given["SecretAccessKey"],
        AWS_SESSION_TOKEN=given["SessionToken"],
    )
    assert found.keys() == {identity.role}
    assert found[identity.role] >= ASKED


def test_a_profile_that_assumes_a_role(home: Home, identity: Identity) -> None:
    home.profile(f"role_arn = {identity.role}", "source_profile = engineer")
    found = home.callers(AWS_PROFILE="deployer")
    assert found.keys() == {identity.role, identity.user}
    assert found[identity.user] == {"sts:AssumeRole"}
    assert found[identity.role] >= ASKED


def test_a_profile_that_asks_a_program(home: Home, aws: EmbeddedAws, identity: Identity) -> None:
    given = session(aws, identity)
    answer = {key: given[key] for key in ("AccessKeyId", "SecretAccessKey", "SessionToken")}
    home.write("answer.json", json.dumps({"Version": 1, "Expiration": "2100-01-01T00:00:00Z", **answer}))
    home.profile(f"credential_process = cat {home.folder}/.aws/answer.json")
    found = home.callers(AWS_PROFILE="deployer")
    assert found.keys() == {identity.role}
    assert found[identity.role] >= ASKED


def test_a_profile_of_single_sign_on(home: Home, identity: Identity, portal: str) -> None:
    home.profile(
        *("sso_session = corp", "sso_account_id = 123456789012", "sso_role_name = deployer"),
        *("[sso-session corp]", "sso_region = eu-west-2", "sso_start_url = https://corp.awsapps.com/start"),
    )
    # What `aws sso login` leaves.
    token = {"accessToken": "logged-in", "expiresAt": "2100-01-01T00:00:00Z", "region": "eu-west-2"}
    home.write(f"sso/cache/{hashlib.sha1(b'corp').hexdigest()}.json", json.dumps(token))
    found = home.callers(AWS_PROFILE="deployer", AWS_ENDPOINT_URL_SSO=portal)
    assert found.keys() == {identity.role}
    assert found[identity.role] >= ASKED


def test_a_profile_in_module_defaults(home: Home, identity: Identity) -> None:
    home.profile(f"role_arn = {identity.role}", "source_profile = engineer")
    groups = ("amazon.aws.aws", "community.aws.aws", "mlops.mlflow_aws.aws")
    found = home.callers({f"group/{group}": {"profile": "deployer"} for group in groups})
    assert found.keys() == {identity.role, identity.user}
    assert found[identity.user] == {"sts:AssumeRole"}
    assert found[identity.role] >= ASKED
