# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logins of a real server and what belongs to them, for tests of who may do what."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from tests.integration.runtime.runtime_parts import Answer, Server
from tests.postgres import password


@dataclass(frozen=True)
class Person:
    """A login of a server."""

    server: Server
    name: str
    word: str

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """One request with this login."""
        return self.server.call(method, path, body, (self.name, self.word), headers or None)

    def api(self, path: str, body: Any = None, method: str = "POST") -> Any:
        """The JSON that an API call answers; fails on anything but 200."""
        return self.server.api(path, body, method, (self.name, self.word))

    def experiment(self, **more: str) -> str:
        """The id of a new experiment of this person."""
        made: str = self.api("experiments/create", {"name": secrets.token_hex(6), **more})["experiment_id"]
        return made

    def run(self, experiment_id: str) -> Run:
        """A new run."""
        body = {"experiment_id": experiment_id, "start_time": 1}
        info = self.api("runs/create", body)["run"]["info"]
        return Run(experiment_id, info["run_id"], info["artifact_uri"].removeprefix("mlflow-artifacts:/"))

    def model(self) -> str:
        """The name of a new registered model of this person."""
        name = f"model-{secrets.token_hex(6)}"
        self.api("registered-models/create", {"name": name})
        return name

    def upload(self, path: str, content: bytes) -> Answer:
        """Upload a file by the artifact proxy."""
        return self.call("PUT", f"/api/2.0/mlflow-artifacts/artifacts/{path}", content)

    def download(self, path: str) -> Answer:
        """Download a file by the artifact proxy."""
        return self.call("GET", f"/api/2.0/mlflow-artifacts/artifacts/{path}")


@dataclass(frozen=True)
class Run:
    """A run, and its folder below the artifact root."""

    experiment_id: str
    run_id: str
    folder: str


def person(server: Server) -> Person:
    """A new login without any right."""
    made = Person(server, f"user-{secrets.token_hex(4)}", password())
    server.api("users/create", {"username": made.name, "password": made.word})
    return made


def grant(server: Server, who: Person, kind: str, what: str, permission: str = "READ") -> None:
    """Give a right on an experiment (by id) or a registered model (by name)."""
    if server.task.runtime.generation == 2:
        key, path = {"experiment": ("experiment_id", "experiments"), "registered_model": ("name", "registered-models")}[
            kind
        ]
        body = {key: what, "username": who.name, "permission": permission}
        answer = server.call("POST", f"/api/2.0/mlflow/{path}/permissions/create", body)
    else:
        body = {"username": who.name, "resource_type": kind, "resource_id": what, "permission": permission}
        answer = server.call("POST", "/api/3.0/mlflow/users/permissions/grant", body)
    assert answer.status == 200, answer.body
