# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the holder of a right sees and may do, asked of a real server; docs/access.md has it as a table."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from tests.integration.runtime.route_ground import Ground

API = "/api/2.0/mlflow"
API_3 = "/api/3.0/mlflow"


def new_person(ground: Ground) -> str:
    """A new login without any right."""
    name, word = f"someone-{secrets.token_hex(4)}", secrets.token_urlsafe(18)
    ground.make("admin", "POST", f"{API}/users/create", {"username": name, "password": word})
    ground.people[name] = (name, word)
    return name


def grant(ground: Ground, person: str, kind: str, thing: str, permission: str) -> int:
    """The status of a grant by the admin."""
    return granted_by(ground, "admin", person, kind, thing, permission)


def granted_by(ground: Ground, giver: str, person: str, kind: str, thing: str, permission: str) -> int:
    """The status of a grant by ``giver``."""
    if ground.generation == 3:
        body = {"username": person, "resource_type": kind, "resource_id": thing, "permission": permission}
        return ground.ask(giver, "POST", f"{API_3}/users/permissions/grant", body).status
    key, family = ("experiment_id", "experiments") if kind == "experiment" else ("name", "registered-models")
    body = {"username": person, key: thing, "permission": permission}
    return ground.ask(giver, "POST", f"{API}/{family}/permissions/create", body).status


def join(ground: Ground, person: str, permissions: list[dict[str, Any]]) -> None:
    """A new role with ``permissions`` (``resource_type``, ``resource_pattern``, ``permission``) and one member."""
    body = {"name": f"role-{secrets.token_hex(4)}", "workspace": "default"}
    role = ground.make("admin", "POST", f"{API_3}/roles/create", body)["role"]["id"]
    for permission in permissions:
        ground.make("admin", "POST", f"{API_3}/roles/permissions/add", {"role_id": role, **permission})
    ground.make("admin", "POST", f"{API_3}/roles/assign", {"role_id": role, "username": person})


@dataclass(frozen=True)
class Target:
    """An experiment with a run, or a model with a version, that a right is given on."""

    kind: str
    thing: str
    finds: tuple[str, str, dict[str, Any] | None]
    reads: tuple[str, str]
    changes: tuple[str, str, dict[str, Any]]
    deletes: tuple[str, str, dict[str, Any]]


def new_target(ground: Ground, kind: str) -> Target:
    """A new one, of the admin."""
    name = f"target-{secrets.token_hex(4)}"
    if kind == "experiment":
        number = ground.make("admin", "POST", f"{API}/experiments/create", {"name": name})["experiment_id"]
        body = {"experiment_id": number, "start_time": 1}
        run = ground.make("admin", "POST", f"{API}/runs/create", body)["run"]["info"]["run_id"]
        tag = {"experiment_id": number, "key": "k", "value": "v"}
        return Target(
            kind,
            number,
            ("POST", f"{API}/runs/search", {"experiment_ids": [number]}),
            ("GET", f"{API}/runs/get?run_id={run}"),
            ("POST", f"{API}/experiments/set-experiment-tag", tag),
            ("POST", f"{API}/experiments/delete", {"experiment_id": number}),
        )
    ground.make("admin", "POST", f"{API}/registered-models/create", {"name": name})
    body = {"name": name, "source": ground.things["source"], "run_id": ground.things["run"]}
    ground.make("admin", "POST", f"{API}/model-versions/create", body)
    return Target(
        kind,
        name,
        ("GET", f"{API}/model-versions/search?max_results=1000", None),
        ("GET", f"{API}/model-versions/get?name={name}&version=1"),
        ("POST", f"{API}/registered-models/set-tag", {"name": name, "key": "k", "value": "v"}),
        ("DELETE", f"{API}/registered-models/delete", {"name": name}),
    )


def seen(ground: Ground, who: str) -> tuple[set[str], set[str]]:
    """The names of the experiments and of the registered models that ``who`` is shown."""
    body = {"max_results": 1000, "view_type": "ALL"}
    experiments = ground.make(who, "POST", f"{API}/experiments/search", body).get("experiments", ())
    models = ground.make(who, "GET", f"{API}/registered-models/search?max_results=1000").get("registered_models", ())
    return {entry["name"] for entry in experiments}, {entry["name"] for entry in models}


def lists_everything(ground: Ground, who: str) -> bool:
    """Whether ``who`` is shown the names of what nothing was granted on."""
    experiments, models = seen(ground, who)
    found = ground.things["experiment_name"] in experiments, ground.things["model"] in models
    assert len(set(found)) == 1, found
    return found[0]


def measured(ground: Ground, who: str, target: Target) -> list[bool]:
    """What ``who`` gets: lists of everything, the target's runs or versions in a search, one of them by its name, a
    change, a grant to others, a deletion."""
    other, found = new_person(ground), ground.ask(who, *target.finds)
    return [
        lists_everything(ground, who),
        found.status == 200 and any(word in found.body for word in (b'"run_id"', target.thing.encode())),
        ground.ask(who, *target.reads).status == 200,
        ground.ask(who, *target.changes).status == 200,
        granted_by(ground, who, other, target.kind, target.thing, "READ") == 200,
        ground.ask(who, *target.deletes).status == 200,
    ]
