# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""First deployments that fail end with the cause and the remedy, and the next run goes on; with the longest names.

Each test takes the stack that the one before left, so a failure makes the later ones meaningless.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import psycopg2
import pytest

from tests.deployed.deployed_runs import Site, own_site

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2700)]

#: As long as a stack_name and its other names may be.
NAME = "a-team-of-fraud-scientists-scoring-mlflow"[:40]
LONGEST: dict[str, Any] = {
    "stack_name": NAME,
    "storage_bucket": "models-of-a-team-of-fraud-scientists-".ljust(63, "x"),
    "ecs_mlflow_tracking_database": "tracking_of_".ljust(63, "t"),
    "ecs_mlflow_auth_database": "logins_of_".ljust(63, "l"),
    "stack_artifact_prefix": "/".join(["artifacts"] * 10),
}
WRONG_IMAGE = "public.ecr.aws/docker/library/pythn:3.11"
SWITCH = "MLFLOW_SERVER_ENABLE_JOB_EXECUTION"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """An empty account."""
    with own_site(tmp_path_factory.mktemp("site")) as own:
        yield own


def refusal(site: Site, **variables: Any) -> str:
    """What the one failed task of a run says."""
    ended = site.run(**LONGEST, **variables)
    assert ended.code == 2, ended.output[-3000:]
    (message,) = ended.messages()
    return message


def master(site: Site) -> dict[str, Any]:
    """How the master user of the database connects."""
    value = site.stack.aws("secretsmanager").get_secret_value(SecretId=f"{NAME}/database/master")["SecretString"]
    (row,) = site.stack.aws("rds").describe_db_instances(DBInstanceIdentifier=f"{NAME}-db")["DBInstances"]
    login = json.loads(value)
    endpoint = {"host": row["Endpoint"]["Address"], "port": row["Endpoint"]["Port"], "dbname": "postgres"}
    return {**endpoint, "user": login["username"], "password": login["password"], "sslmode": "require"}


def test_an_image_that_does_not_exist_ends_the_first_run(site: Site) -> None:
    message = refusal(site, ecs_mlflow_image=WRONG_IMAGE)
    assert "CannotPullContainerError" in message
    assert "Look at this first: the image or its tag does not exist: check the container's image." in message
    assert site.stack.aws("ecs").describe_services(cluster=f"{NAME}-cluster", services=[NAME])["services"] == []


def test_a_database_without_a_free_connection_ends_the_run(site: Site) -> None:
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(psycopg2.OperationalError):
            for _number in range(500):
                stack.enter_context(contextlib.closing(psycopg2.connect(**master(site))))
        message = refusal(site)
    assert "had no free connection for" in message
    assert "remaining connection slots are reserved" in message
    assert "Look at this first: the database has no free connection: end what else holds some" in message


def test_tasks_that_crash_at_their_start_end_the_run(site: Site) -> None:
    message = refusal(site, ecs_mlflow_environment={SWITCH: "maybe"})
    assert f"{SWITCH} value must be one of" in message
    assert "There is no earlier revision that worked to go back to" in message
    assert "Look at this first: the last log lines of mlflow; fix what they name, and run again." in message


def test_the_right_values_deploy_it_with_the_longest_names(site: Site) -> None:
    site.deploy(**LONGEST)
    assert site.stack.search(site.stack.login) == 200
    site.run(**LONGEST).assert_nothing_changed()
    site.run("playbooks/destroy.yml", destroy_confirm=NAME, **LONGEST).assert_good()
