# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rotation has no task that would apply what else the inventory says."""

from __future__ import annotations

import re

import pytest

from tests.commands import ansible

#: What each tag may do beside looking, comparing and proving; included files are named by the task that includes them.
MAY = {
    "admin": {
        "secrets : Rotate | Make new values",
        "mlflow_access : Admin | Wait until the load balancer serves requests",
        "mlflow_access : Admin | Make the admin what the secret says",
        "mlflow_access : Client | Make the folder",
        "mlflow_access : Client | Write the admin's settings",
    },
    "database": {
        "secrets : Rotate | Make new values",
        "ecs_mlflow : Rotate | Describe the migration task with the present versions",
        "ecs_mlflow : Rotate | Run the migration",
        "ecs_mlflow : Rotate | Describe the service's task with the present versions",
        "ecs_mlflow : Rotate | Roll the revision out and wait until it is steady",
        "ecs_mlflow : Retire what the rotation replaced",
        "ecs_mlflow : Deregister old revisions",
    },
    "users": {
        "mlflow_access : Rotate | Finish what is under way",
        "mlflow_access : Rotate | Make new passwords",
        "mlflow_access : Rotate | Make them the users' own",
        "mlflow_access : Write the settings of users",
    },
}
MAY["flask"] = MAY["database"]
LOOKING = re.compile(
    r"\w+ : (Validating|Inputs|Warnings|Discover|Preflight|Prerequisites|Compare|Pending|Check that|Say, in check mode)"
    r"|verify : (Checks|Result)|.*Say that the rotation itself is done"
)


@pytest.mark.parametrize("tag", MAY)
def test_a_tag_has_tasks_of_its_own_only(tag: str) -> None:
    listing = ("playbooks/rotate.yml", "-i", "inventories/local", "--list-tasks", "--tags", tag)
    done = ansible("ansible-playbook", *listing)
    assert done.returncode == 0, done.stderr
    found = re.findall(r"^ {6}(?:mlops\.mlflow_aws\.)?(.+?)\tTAGS: ", done.stdout, re.MULTILINE)
    assert {task for task in found if not LOOKING.match(task)} == MAY[tag]
