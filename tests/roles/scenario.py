# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Molecule scenario that pytest runs in: its AWS, seen by boto3, and runs of its role."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
import psycopg2

from tests.account import Account
from tests.playbooks import Ended

ROOT = Path(__file__).resolve().parents[2]
REGION = "eu-west-2"
#: The stack of every scenario, and its bucket (.config/molecule/config.yml).
STACK = "molecule-stack"
BUCKET = "molecule-stack-artifacts"
#: Seconds that a run of one role may take.
PATIENCE = 600


@dataclass(frozen=True)
class Scenario(Account):
    """A scenario of ``molecule/``, begun by Molecule, whose environment names its files.

    :param name: the scenario's name, which is its role's.
    :param folder: where Molecule keeps what it makes of the scenario.
    :param runs: the runs of the role that a test made, by what they were for.
    """

    name: str
    folder: Path
    runs: dict[str, Ended] = field(default_factory=dict)

    @classmethod
    def of_molecule(cls) -> Scenario:
        """The scenario that this process was started for.

        :raises KeyError: Molecule did not start it.
        """
        return cls(os.environ["MOLECULE_SCENARIO_NAME"], Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]))

    @cached_property
    def _session(self) -> boto3.session.Session:
        # Keys and endpoint come from the files that AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE name.
        return boto3.session.Session(region_name=REGION)

    def aws(self, service: str) -> Any:
        """A boto3 client for the scenario's own AWS."""
        return self._session.client(service)

    def apply(self, purpose: str, *, check: bool = False, **variables: Any) -> Ended:
        """Run the role as ``molecule converge`` does, and keep the run under ``purpose``.

        :param check: change nothing, and tell the plan.
        :param variables: what differs from the scenario's inventory.
        """
        done = self._ansible(
            "ansible-playbook",
            str(ROOT / ".config" / "molecule" / "converge.yml"),
            *(["--check"] if check else []),
            *(["-e", json.dumps(variables)] if variables else []),
        )
        self.runs[purpose] = Ended(done.returncode, done.stdout, 0.0)
        return self.runs[purpose]

    def destroy(self) -> None:
        """Run the destroy of the role."""
        done = self._ansible(
            "ansible", STACK, "-m", "include_role", "-a", f"name=mlops.mlflow_aws.{self.name} tasks_from=destroy"
        )
        assert done.returncode == 0, done.stdout

    def module(self, name: str, /, **arguments: Any) -> dict[str, Any]:
        """What a module of the collection answers.

        :raises AssertionError: the module failed.
        """
        done = self._ansible("ansible", STACK, "-m", f"mlops.mlflow_aws.{name}", "-a", json.dumps(arguments))
        _, _, told = done.stdout.partition("=> ")
        assert done.returncode == 0, done.stdout
        answer: dict[str, Any] = json.loads(told)
        return answer

    def _ansible(self, command: str, *argv: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(Path(sys.executable).with_name(command)), "-i", str(self.folder / "inventory"), *argv],
            cwd=ROOT,
            env={
                **os.environ,
                "AWS_DEFAULT_REGION": REGION,
                "ANSIBLE_CALLBACK_RESULT_FORMAT": "json",
                "ANSIBLE_FORCE_COLOR": "0",
                "ANSIBLE_NOCOLOR": "1",
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=PATIENCE,
        )

    def secret(self, use: str) -> dict[str, str]:
        """The JSON of one of the stack's secrets, such as that for ``database/master``."""
        found = self.aws("secretsmanager").get_secret_value(SecretId=f"{STACK}/{use}")
        value: dict[str, str] = json.loads(found["SecretString"])
        return value

    def ask(
        self, url: str, *, use: str | None = None, body: dict[str, Any] | None = None, method: str | None = None
    ) -> tuple[int, str]:
        """What a server answers: the status and the text, empty for a refusal.

        :param use: the stack's secret with the login, such as ``mlflow/admin``; None: without a login.
        :param body: sent as JSON, by POST where ``method`` says nothing else.
        :raises urllib.error.URLError: nobody answers.
        """
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
        if use:
            login = self.secret(use)
            token = base64.b64encode(f"{login['username']}:{login['password']}".encode()).decode()
            request.add_header("Authorization", f"Basic {token}")
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return int(answer.status), answer.read().decode()
        except urllib.error.HTTPError as refusal:
            return refusal.code, ""

    def database(self) -> dict[str, Any]:
        """The DB instance."""
        rows = self.aws("rds").describe_db_instances(DBInstanceIdentifier=f"{STACK}-db")["DBInstances"]
        row: dict[str, Any] = rows[0]
        return row

    def connect(self, sslmode: str = "require", **login: str) -> Any:
        """A psycopg2 connection to the database.

        :param login: ``user`` and ``password``, where they are not the master user's.
        :raises psycopg2.OperationalError: the database refuses it.
        """
        endpoint, master = self.database()["Endpoint"], self.secret("database/master")
        return psycopg2.connect(
            host=endpoint["Address"],
            port=endpoint["Port"],
            dbname="postgres",
            user=login.get("user", master["username"]),
            password=login.get("password", master["password"]),
            sslmode=sslmode,
            connect_timeout=10,
        )


def tags(rows: list[dict[str, str]]) -> dict[str, str]:
    """AWS's list of tags as a dictionary."""
    return {row["Key"]: row["Value"] for row in rows}
