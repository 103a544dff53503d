# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stack on an AWS that is as slow to tell as the real one: deployed, changed by a rolling update, destroyed.

What was created is not found for seconds, IAM's changes count later still, the account never used a service before, and
what is deleted holds what it referred to. Nobody runs anything twice.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.account import added, resources
from tests.deployed.deployed_requests import Requests
from tests.deployed.deployed_runs import Site, own_site
from tests.deployed.test_site_life import BUCKET, STACK

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

#: Seconds: twice as long for IAM, and five times as long for references.
SECONDS = 3


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """An empty account, which tells late."""
    with own_site(tmp_path_factory.mktemp("late"), consistency=SECONDS) as site:
        yield site


@pytest.fixture(scope="module")
def before(account: Site) -> dict[str, set[str]]:
    """What a new account has."""
    return resources(account.stack)


def test_a_first_deployment(account: Site, before: dict[str, set[str]]) -> None:
    ended = account.deploy()
    made = added(before, resources(account.stack))
    assert len(made["Subnets"]) == 4
    assert account.stack.service()["runningCount"] == 2
    # The account had no service-linked role: each first use was refused once, at least where AWS is known to refuse.
    roles = account.stack.every("iam", "list_roles", "Roles", PathPrefix="/aws-service-role/")
    assert {role["RoleName"] for role in roles} >= {"AWSServiceRoleForECS", "AWSServiceRoleForRDS"}
    assert "service linked role" in ended.output


def test_a_second_run_changes_nothing(account: Site) -> None:
    account.run().assert_nothing_changed()


def test_a_rolling_update_refuses_no_request(account: Site) -> None:
    with Requests(account.stack) as requests:
        account.deploy(ecs_mlflow_environment={"MLFLOW_HTTP_REQUEST_TIMEOUT": "121"})
    assert requests.failed() == []
    service = account.stack.service()
    assert len(service["deployments"]) == 1
    assert service["runningCount"] == 2


def test_a_destroy_in_one_run(account: Site, before: dict[str, set[str]]) -> None:
    ended = account.run("playbooks/destroy.yml", destroy_confirm=STACK).assert_good()
    assert "dependent object" in ended.output, "nothing lingered"
    left = added(before, resources(account.stack))
    left.pop("DBSnapshots", None)
    assert left == {"Buckets": {BUCKET}}
