# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lookup by which a role asks what is wrong with its own variables."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible_collections.mlops.mlflow_aws.plugins.lookup.input_problems import LookupModule

from tests.unit.plugins.stack.stack_inputs import ROLES, defaults, trust_as_template


def _lookup(variables: dict[str, Any]) -> LookupModule:
    lookup = LookupModule(loader=DataLoader(), templar=Templar(loader=DataLoader(), variables=variables))
    # As Ansible's loader of plugins does: ansible-core 2.18 asks for it.
    lookup._load_name = "mlops.mlflow_aws.input_problems"
    return lookup


def _asked(role: str, **variables: Any) -> list[str]:
    known = {"role_path": str(ROLES / role), **defaults(role), **variables}
    return _lookup(known).run([role], variables=known)


def test_defaults_of_a_role() -> None:
    assert _asked("network") == []


def test_values_are_templated() -> None:
    found = _asked("network", block="10.0.0.0/33", network_cidr=trust_as_template("{{ block }}"))
    assert len(found) == 1
    assert found[0].startswith("network_cidr: '10.0.0.0/33' is not an IPv4 CIDR block")


def test_a_value_that_refers_to_nothing() -> None:
    (message,) = _asked("network", network_cidr=trust_as_template("{{ my_block }}"))
    assert message.startswith("network_cidr: '{{ my_block }}' cannot be worked out")
    assert "set what it refers to" in message
    assert "my_block" in message


def test_a_required_variable_that_is_missing() -> None:
    (message,) = _asked("storage")
    assert message.startswith("storage_bucket: has no value; set it in the inventory")


@pytest.mark.parametrize(("role", "path"), [("nothing", "/nothing"), ("network", str(ROLES / "rds")), ("network", "")])
def test_only_the_role_itself_may_ask(role: str, path: str) -> None:
    with pytest.raises(AnsibleError, match="can be checked only by that role"):
        _lookup({}).run([role], variables={"role_path": path})
