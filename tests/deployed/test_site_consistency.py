# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stack on an AWS that is eventually consistent, as the real one is: deployed, rolled to a new revision, destroyed.

What was created is not found for seconds, changes in IAM take effect later still, the account has not used any of the
services before, and what is deleted keeps what it used in use for a while. Each step succeeds in one run, and each run
begins right after the one before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.account import added, counts, resources
from tests.deployed.deployed_requests import Requests
from tests.deployed.deployed_runs import Site, own_site
from tests.deployed.deployed_stack import SECRETS
from tests.deployed.test_site_life import BUCKET, BUILDS, INCIDENTAL, STACK

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

NAMES = [f"{STACK}/{use}" for use in SECRETS]


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """An empty account on an AWS that is eventually consistent."""
    with own_site(tmp_path_factory.mktemp("late"), settles=False) as site:
        yield site


@pytest.fixture(scope="module")
def before(account: Site) -> dict[str, set[str]]:
    """What a new account has."""
    return resources(account.stack)


def test_a_first_deployment(account: Site, before: dict[str, set[str]]) -> None:
    ended = account.deploy()
    made = counts(added(before, resources(account.stack)))
    # A module that does not see what it has created may create it again.
    expected: Counter[str] = sum((Counter(each) for each in BUILDS.values()), Counter())
    assert {kind: n for kind, n in made.items() if kind not in INCIDENTAL} == dict(expected)
    assert account.stack.service()["runningCount"] == 2
    # The account had no service-linked role: each first use was refused once, at least where AWS is known to refuse.
    roles = account.stack.every("iam", "list_roles", "Roles", PathPrefix="/aws-service-role/")
    assert {role["RoleName"] for role in roles} >= {"AWSServiceRoleForECS", "AWSServiceRoleForRDS"}
    assert "ServiceLinkedRoles" in ended.output


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
    # Later removals find their interfaces gone by themselves, or not: that depends on how fast the machine is.
    assert "is currently in use by a listener or a rule" in ended.output, "nothing lingered"
    left = added(before, resources(account.stack))
    left.pop("DBSnapshots", None)
    assert left == {"Buckets": {BUCKET}}


def test_secrets_that_are_seen_later_than_the_next_attempt(tmp_path: Path) -> None:
    """The second attempt, and the second run, do not see the secret either: each exists once, and keeps its value."""
    with own_site(tmp_path, consistency=8, settles=False) as site:
        site.run(tags="secrets").assert_good()
        stack = site.stack
        made = {name: stack.aws("secretsmanager").get_secret_value(SecretId=name)["SecretString"] for name in NAMES}
        site.run(tags="secrets").assert_good()
        rows = stack.every("secretsmanager", "list_secrets", "SecretList")
        assert sorted(row["Name"] for row in rows) == sorted(NAMES)
        for name in NAMES:
            assert stack.aws("secretsmanager").get_secret_value(SecretId=name)["SecretString"] == made[name]
