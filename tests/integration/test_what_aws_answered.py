# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A failed run says what AWS answered, also where the message of the module leaves it out."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from tests.commands import ansible
from tests.embedded import ROOT

PLAY = """
- hosts: localhost
  connection: local
  gather_facts: false
  module_defaults:
    amazon.aws.ec2_security_group:
      description: x
      vpc_id: vpc-0123456789abcdef0
  tasks:
    - name: Item
      amazon.aws.ec2_security_group:
        name: "{{ item }}"
      loop: [loud]
      ignore_errors: true
    - name: Secret
      amazon.aws.ec2_security_group:
        name: quiet
      no_log: true
      ignore_errors: true
    - name: Task
      amazon.aws.ec2_security_group:
        name: loud
"""


class Second(BaseHTTPRequestHandler):
    """EC2 as the second of two operators sees it: the group is not there yet, and then it is."""

    def do_POST(self) -> None:
        asked = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        (action,) = asked["Action"]
        found = "<securityGroupInfo/>"
        if action == "GetCallerIdentity":
            caller = "<Arn>arn:aws:iam::123456789012:user/a</Arn><Account>123456789012</Account><UserId>A</UserId>"
            found = f"<{action}Result>{caller}</{action}Result>"
        status, text = 200, f"<{action}Response>{found}</{action}Response>"
        if action == "CreateSecurityGroup":
            said = f"The security group '{asked['GroupName'][0]}' already exists."
            error = f"<Code>InvalidGroup.Duplicate</Code><Message>{said}</Message>"
            status, text = 400, f"<Response><Errors><Error>{error}</Error></Errors><RequestID>1</RequestID></Response>"
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture
def aws() -> Iterator[dict[str, str]]:
    """The environment that reaches it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Second)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    keys = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": "eu-west-2"}
    yield {**keys, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}", "NO_PROXY": "*", "no_proxy": "*"}
    server.shutdown()
    server.server_close()


def test_a_failed_run_says_what_aws_answered(aws: dict[str, str], tmp_path: Path) -> None:
    """With the module that hid it from the second of two operators; by the settings of a checkout."""
    (tmp_path / "play.yml").write_text(PLAY, encoding="utf-8")
    play = (str(tmp_path / "play.yml"), "-i", "localhost,", "-e", f"ansible_python_interpreter={sys.executable}")
    done = ansible("ansible-playbook", *play, env={**aws, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")})
    assert done.returncode == 2, done.stdout + done.stderr
    parts = done.stdout.split("TASK [")[1:]
    told = "AWS answered: InvalidGroup.Duplicate (CreateSecurityGroup): The security group 'loud' already exists."
    assert [part.count(told) for part in parts] == [1, 0, 1], done.stdout
    # What a task with no_log got is its own, and nobody has to read tracebacks.
    output = done.stdout + done.stderr
    assert "quiet" not in output
    assert "Traceback" not in output
