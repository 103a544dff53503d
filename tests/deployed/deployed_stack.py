# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A deployed stack, as its clients and its AWS account see it."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
import psycopg2

from tests.account import Account

ROOT = Path(__file__).resolve().parents[2]

#: The stack's secrets, by their names behind the stack's own, and the key of the value in each.
SECRETS = {
    "database/master": "password",
    "database/mlflow": "password",
    "mlflow/admin": "password",
    "mlflow/flask": "key",
    "mlflow/gateway": "key",
}

#: Search requests need a body with a list of experiments.
SEARCH = "/api/2.0/mlflow/experiments/search"


def dotenv(file: Path) -> dict[str, str]:
    """The ``KEY=value`` lines of ``file``, without their quotes."""
    rows = [line for line in file.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    return {key: value.strip("'\"") for key, value in (row.split("=", 1) for row in rows)}


@dataclass(frozen=True)
class Stack(Account):
    """A deployed stack.

    :param output: the folder with mlflow.env and health.json.
    :param env: environment of AWS clients; empty takes this process's own.
    :param emulator: state folder of the embedded AWS that it runs on, or None on AWS.
    :param ansible_log: log of the run that deployed it, or None.
    """

    output: Path
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    emulator: Path | None = None
    ansible_log: Path | None = None

    @cached_property
    def name(self) -> str:
        """The stack's name, from health.json."""
        return str(self.health["stack"])

    @cached_property
    def health(self) -> dict[str, Any]:
        """The result of the last health check."""
        found: dict[str, Any] = json.loads((self.output / "health.json").read_text(encoding="utf-8"))
        return found

    @cached_property
    def client_env(self) -> dict[str, str]:
        """What mlflow.env says."""
        return dotenv(self.output / "mlflow.env")

    @property
    def url(self) -> str:
        """The URL of MLflow."""
        return self.client_env["MLFLOW_TRACKING_URI"]

    @property
    def login(self) -> tuple[str, str]:
        """User and password of the admin."""
        return self.client_env["MLFLOW_TRACKING_USERNAME"], self.client_env["MLFLOW_TRACKING_PASSWORD"]

    @cached_property
    def _session(self) -> boto3.session.Session:
        return boto3.session.Session(
            aws_access_key_id=self.env.get("AWS_ACCESS_KEY_ID"),
            aws_secret_access_key=self.env.get("AWS_SECRET_ACCESS_KEY"),
            region_name=self.env.get("AWS_DEFAULT_REGION") or self.client_env["AWS_DEFAULT_REGION"],
        )

    def aws(self, service: str) -> Any:
        """A boto3 client in the stack's region."""
        return self._session.client(service, endpoint_url=self.env.get("AWS_ENDPOINT_URL"))

    def secret(self, use: str) -> dict[str, str]:
        """The JSON of the stack's secret for ``use``: database/master, database/mlflow, mlflow/admin, mlflow/flask."""
        found = self.aws("secretsmanager").get_secret_value(SecretId=f"{self.name}/{use}")
        value: dict[str, str] = json.loads(found["SecretString"])
        return value

    def users(self) -> dict[str, str]:
        """Passwords of MLflow's users beside the admin, by their names, from the secrets that the run made."""
        mine = [{"Key": "name", "Values": [f"{self.name}/mlflow/users/"]}]
        names = [row["Name"] for row in self.every("secretsmanager", "list_secrets", "SecretList", Filters=mine)]
        logins = [self.secret(name.removeprefix(f"{self.name}/")) for name in names]
        return {login["username"]: login["password"] for login in logins}

    def connect(self, login: Mapping[str, str]) -> Any:
        """A psycopg2 connection to the tracking database with ``username`` and ``password`` of ``login``.

        :raises psycopg2.OperationalError: the database refuses the login.
        """
        found = self.aws("rds").describe_db_instances(DBInstanceIdentifier=f"{self.name}-db")["DBInstances"][0]
        return psycopg2.connect(
            host=found["Endpoint"]["Address"],
            port=found["Endpoint"]["Port"],
            dbname=self.settings()["MLFLOW_AWS_DB_TRACKING"],
            user=login["username"],
            password=login["password"],
            sslmode="require",
            connect_timeout=10,
        )

    def service(self) -> dict[str, Any]:
        """The ECS service."""
        found = self.aws("ecs").describe_services(cluster=f"{self.name}-cluster", services=[self.name])
        row: dict[str, Any] = found["services"][0]
        return row

    def running_tasks(self) -> set[str]:
        """ARNs of the service's running tasks."""
        return set(
            self.aws("ecs").list_tasks(cluster=f"{self.name}-cluster", serviceName=self.name, desiredStatus="RUNNING")[
                "taskArns"
            ]
        )

    def container(self) -> dict[str, Any]:
        """The container definition of the server, in the revision that the service runs."""
        definition = self.aws("ecs").describe_task_definition(taskDefinition=self.service()["taskDefinition"])
        rows: list[dict[str, Any]] = definition["taskDefinition"]["containerDefinitions"]
        return next(row for row in rows if row["name"] == "mlflow")

    def settings(self) -> dict[str, str]:
        """The environment of the server's container."""
        return {row["name"]: row["value"] for row in self.container()["environment"]}

    def ask(self, path: str, login: tuple[str, str] | None = None, body: object = None, patience: float = 20.0) -> int:
        """The status of a request to MLflow, with a login or without.

        :raises OSError: when no answer comes.
        """
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, headers={"Content-Type": "application/json"})
        if login is not None:
            token = base64.b64encode(":".join(login).encode()).decode()
            request.add_header("Authorization", f"Basic {token}")
        try:
            with urllib.request.urlopen(request, timeout=patience) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as refusal:
            return refusal.code

    def search(self, login: tuple[str, str] | None = None, patience: float = 20.0) -> int:
        """The status of a search, which needs a login and both databases."""
        return self.ask(SEARCH, login, {"max_results": 1}, patience)

    def parts(self) -> list[dict[str, Any]]:
        """What the embedded AWS runs."""
        shown = subprocess.run(
            [sys.executable, "-m", "emulator", "status", "--json", "--state", str(self.emulator)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        parts: list[dict[str, Any]] = json.loads(shown.stdout)["parts"]
        return parts

    @property
    def process_env(self) -> dict[str, str]:
        """The environment of a subprocess that calls AWS."""
        own = {key: value for key, value in os.environ.items() if not self.env or not key.startswith("AWS_")}
        return {**own, **self.env}
