# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every route of a server about users, permissions and roles is managed by a module, or left out for a reason.

The routes are the server's own: the constants of mlflow/server/auth/routes.py of each installed version.
"""

from __future__ import annotations

import json
import os
import re
import subprocess

import pytest

from tests.integration.plugins.mlflow_servers import ROOT, installed

CLIENTS = ROOT / "plugins" / "module_utils" / "_mlflow"

#: Route, and where the collection calls it: a file of module_utils/_mlflow and a text in it.
COVERED = {
    "users/create": ("users.py", "users/create"),
    "users/get": ("client.py", "users/get"),
    "users/list": ("users.py", "users/list"),
    "users/update-password": ("client.py", "users/update-password"),
    "users/update-admin": ("users.py", "users/update-admin"),
    "users/delete": ("users.py", "users/delete"),
    "users/permissions/list": ("grants.py", "users/permissions/list"),
    "users/permissions/grant": ("grants.py", "users/permissions/grant"),
    "users/permissions/revoke": ("grants.py", "users/permissions/revoke"),
    "roles/create": ("roles.py", "roles/create"),
    "roles/list": ("roles.py", "roles/list"),
    "roles/update": ("roles.py", "roles/update"),
    "roles/delete": ("roles.py", "roles/delete"),
    "roles/permissions/add": ("roles.py", "roles/permissions/add"),
    "roles/permissions/remove": ("roles.py", "roles/permissions/remove"),
    "roles/permissions/list": ("grants.py", "roles/permissions/list"),
    "roles/permissions/update": ("grants.py", "roles/permissions/update"),
    "roles/assign": ("roles.py", '"assign", "POST"'),
    "roles/unassign": ("roles.py", '"unassign", "DELETE"'),
    "roles/users/list": ("roles.py", "roles/users/list"),
    **{
        f"{place}/permissions/{verb}": ("grants.py", f'"{verb}", username')
        for place in ("experiments", "registered-models")
        for verb in ("create", "update", "delete")
    },
}

LEFT_OUT = {
    "users/create-ui": "the form of the sign-up page; users/create does the same for clients",
    "users/current": "who a login belongs to is known where it is used",
    "users/current/permissions": "users/permissions/list answers the same for any user",
    "users/permissions/get": "answers what a user may do in the end, roles and defaults included, not what was granted",
    "users/roles/list": "roles/users/list answers the same from the role's side, which is managed",
    "roles/get": "roles/list answers the same with the names by which roles are known",
    "experiments/permissions/get": "users/get answers all permissions of a user at once",
    "registered-models/permissions/get": "users/get answers all permissions of a user at once",
}

LIST_ROUTES = """
import json
from mlflow.server.auth import routes
print(json.dumps(sorted({value for value in vars(routes).values() if isinstance(value, str)})))
"""


def routes(version: str) -> set[str]:
    """The REST routes of a version about users, permissions and roles, without their prefix."""
    env = {**os.environ, "MLFLOW_FLASK_SERVER_SECRET_KEY": "only-to-import"}
    done = subprocess.run(
        [str(installed(version) / "bin" / "python"), "-c", LIST_ROUTES],
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    found = (re.fullmatch(r"/api/[23]\.0/mlflow/(.+)", path) for path in json.loads(done.stdout.splitlines()[-1]))
    rest = {match.group(1) for match in found if match}
    return {path for path in rest if re.match(r"users/|roles/|.*permissions", path)}


@pytest.mark.parametrize(
    "version", ["3.17.2", *(pytest.param(old, marks=pytest.mark.slow) for old in ("2.22.5", "2.18.0"))]
)
def test_every_route_is_covered_or_left_out_for_a_reason(version: str) -> None:
    found = routes(version)
    assert len(found) > 10
    assert found - set(COVERED) - set(LEFT_OUT) == set()


def test_what_is_called_covered_is_called() -> None:
    for route, (file, text) in COVERED.items():
        assert text in (CLIENTS / file).read_text(encoding="utf-8"), route
    assert not set(COVERED) & set(LEFT_OUT)
