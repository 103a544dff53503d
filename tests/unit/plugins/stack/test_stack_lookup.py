# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lookups by which roles ask what is wrong with their variables."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible_collections.mlops.mlflow_aws.plugins.lookup import account_problems, input_problems

from tests.unit.plugins.stack.stack_inputs import REQUIRED, trust_as_template


def _asked(plugin: Any, *roles: str, **variables: Any) -> list[str]:
    lookup = plugin.LookupModule(loader=DataLoader(), templar=Templar(loader=DataLoader(), variables=variables))
    # As Ansible's loader of plugins does: ansible-core 2.18 asks for it.
    lookup._load_name = plugin.__name__.replace("ansible_collections.", "").replace("plugins.lookup.", "")
    found: list[str] = lookup.run(list(roles), variables=variables)
    return found


def test_an_inventory_of_required_variables_is_right_for_every_role() -> None:
    assert _asked(input_problems, **REQUIRED) == []


def test_values_are_templated() -> None:
    (message,) = _asked(
        input_problems, "network", block="10.0.0.0/33", network_cidr=trust_as_template("{{ block }}"), **REQUIRED
    )
    assert message.startswith("network_cidr: '10.0.0.0/33' is not an IPv4 CIDR block")


def test_a_value_may_refer_to_the_default_of_a_role_that_is_not_in_the_play() -> None:
    named = trust_as_template("{{ secrets_database_username }}")
    (message,) = _asked(input_problems, "secrets", secrets_master_username=named, **REQUIRED)
    assert message.startswith("secrets_database_username: 'mlflow' is the master user's name too")


def test_a_value_that_refers_to_nothing() -> None:
    (message,) = _asked(input_problems, "network", network_cidr=trust_as_template("{{ my_block }}"), **REQUIRED)
    assert message.startswith("network_cidr: '{{ my_block }}' cannot be worked out")
    assert "set the variable that it refers to" in message
    assert "my_block" in message


def test_a_required_variable_that_is_missing() -> None:
    (message,) = _asked(input_problems, "storage", **{**REQUIRED, "storage_bucket": None})
    assert message.startswith("storage_bucket: has no value; set it in the inventory")


def test_all_roles_are_asked_at_once_in_the_order_of_the_site() -> None:
    slips = {"verify_logins": 0, "rds_multi_az": "maybe", "stack_name": "Fraud", "network_nat": "two"}
    found = _asked(input_problems, **{**REQUIRED, **slips})
    assert [text.split(":")[0] for text in found] == ["stack_name", "network_nat", "rds_multi_az", "verify_logins"]


@pytest.mark.parametrize("plugin", [input_problems, account_problems])
def test_a_role_of_others_is_refused(plugin: Any) -> None:
    with pytest.raises(AnsibleError, match="'nothing' is not one of stack, network, secrets, rds, storage, alb"):
        _asked(plugin, "nothing", **REQUIRED)


REGION = {
    "account_id": "123456789012",
    "region": "eu-west-2",
    "zones": ["eu-west-2a"],
    "zones_without_fargate": {},
    "postgres_versions": ["16.3"],
    "bucket": {"name": "fraud-models-test", "state": "elsewhere", "region": "us-east-1"},
}
RESOURCES: dict[str, Any] = {**dict.fromkeys(("network", "secrets", "rds", "storage", "alb")), "deleted_secrets": {}}


def test_all_that_the_account_shows_is_told_at_once() -> None:
    found = _asked(account_problems, stack_region_facts=REGION, stack_resources=RESOURCES, **REQUIRED)
    assert [text.split(":")[0] for text in found] == ["network_public_cidrs", "rds_engine_version", "storage_bucket"]


def test_a_role_asks_for_its_own_part_of_the_account() -> None:
    found = _asked(account_problems, "rds", stack_region_facts=REGION, stack_resources=RESOURCES, **REQUIRED)
    assert [text.split(":")[0] for text in found] == ["rds_engine_version"]


@pytest.mark.parametrize(
    "given_by", [{"rotate_users": ["admin"]}, {"rotate_users": "admin"}, {"mlflow_access_rotate": ["admin"]}]
)
def test_a_rotation_of_the_admin_as_a_user_is_refused_with_the_other_variables(given_by: dict[str, Any]) -> None:
    for roles in ((), ("mlflow_access",)):
        (message,) = _asked(input_problems, *roles, **REQUIRED, **given_by)
        assert message.startswith("rotate_users: 'admin' is the admin (stack_admin_username)")


def test_a_rotation_of_users_is_right() -> None:
    assert _asked(input_problems, **REQUIRED, rotate_users=["alice"]) == []
