# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plans of an empty account, a converged stack and a drifted one, on ``inventories/dev`` and ``inventories/prod``.

The plan names what the first run makes, drift is found and named whatever it is, and one run mends it. ``prod`` is
built as it stands, with its real port and nothing but environment variables. Each test takes the stack that the one
before left, so a failure makes the later ones meaningless.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.account import added, resources
from tests.deployed.deployed_drifts import DRIFTS, allow_plain_http, forget_logs, idle, open_ssh, scale_by_hand
from tests.deployed.deployed_runs import Site, own_site
from tests.deployed.deployed_stack import ROOT, SECRETS, Stack
from tests.deployed.deployed_verdicts import said, settled
from tests.deployed.deployed_words import foreign, words
from tests.playbooks import Ended

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2700)]


@dataclass(frozen=True)
class Inventory:
    """An inventory in an empty account.

    :param path: folder of the inventory.
    :param variables: those of its group_vars.
    :param extra: what its runs are given beside it.
    """

    site: Site
    path: str
    variables: dict[str, Any]
    extra: dict[str, Any]
    before: set[str]
    resources: dict[str, set[str]]
    database_port_is_free: bool

    @property
    def name(self) -> str:
        """The stack's name."""
        return str(self.variables["stack_name"])

    @property
    def stack(self) -> Stack:
        """The stack, once it is deployed."""
        return self.site.stack

    def run(self, playbook: str = "site.yml", *, tags: str = "", check: bool = False, **variables: Any) -> Ended:
        """Run a playbook."""
        ended: Ended = self.site.run(playbook, inventory=self.path, tags=tags, check=check, **self.extra, **variables)
        return ended

    def plan(self) -> tuple[list[str], int]:
        """What a run in check mode says that it would do, and how many resources it says that it leaves."""
        output = self.run(check=True).assert_good().output
        lines = [line.strip() for line in output[output.index(f"\nPLAN [{self.name}]") :].splitlines()[2:]]
        end = next(index for index, line in enumerate(lines) if " to create, " in line)
        kept = int(lines[end].removesuffix(" to leave").rsplit(" ", 1)[1])
        return lines[:end], kept

    def drift(self) -> list[dict[str, Any]]:
        """What drift.yml finds; its exit code is 2 where that is anything."""
        ended = self.run("playbooks/drift.yml")
        found = json.loads((self.site.output / "drift.json").read_text(encoding="utf-8"))
        assert (ended.code, found["drift"]) == ((2, True) if found["changes"] else (0, False)), ended.output[-3000:]
        assert (found["stack"], found["region"]) == (self.name, "eu-west-2")
        changes: list[dict[str, Any]] = found["changes"]
        return changes


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@pytest.fixture(scope="module", params=["dev", "prod"])
def inventory(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inventory]:
    """Each inventory in an empty account of its own, with the client's files where PWD puts them."""
    path = f"inventories/{request.param}"
    variables = yaml.safe_load((ROOT / path / "group_vars" / "mlflow.yml").read_text(encoding="utf-8"))
    if request.param == "prod" and not is_free(80):
        pytest.skip("port 80 needs root, and that no other program has it")
    database_port_is_free = is_free(5432)
    with own_site(tmp_path_factory.mktemp("site")) as own:
        folder: Path = own.folder
        site = replace(
            own, env={**own.env, "PWD": str(folder)}, output=folder / ".mlflow" / str(variables["stack_name"])
        )
        # prod shows that nothing has to be said; dev runs where port 80 is not to be had.
        extra = {} if request.param == "prod" else {"stack_http_port": site.http_port}
        yield Inventory(site, path, variables, extra, words(site.stack), resources(site.stack), database_port_is_free)


def drifted(inventory: Inventory) -> set[str]:
    """Change everything by hand, and answer what that is called."""
    for by_hand in dict.fromkeys(by_hand for by_hand, _ in DRIFTS):
        by_hand(inventory.stack)
    return {text.format(stack=inventory.name, bucket=inventory.variables["storage_bucket"]) for _, text in DRIFTS}


def test_the_plan_of_an_empty_account_names_what_the_first_run_makes(inventory: Inventory) -> None:
    told, kept = inventory.plan()
    assert {line.split(" ", 1)[0] for line in told} == {"create"}
    assert len(set(told)) == len(told)
    assert kept == 0
    assert words(inventory.stack) == inventory.before

    inventory.run().assert_good()

    assert {f"create {one}" for one in words(inventory.stack) - inventory.before} == set(told)
    assert foreign(inventory.stack) == {}


def test_what_was_made_is_what_the_inventory_says(inventory: Inventory) -> None:
    stack, variables = inventory.stack, inventory.variables
    assert stack.health["healthy"] is True
    assert stack.url.count(":") == (2 if inventory.extra else 1), "port 80 is not said"
    assert stack.search(stack.login) == 200
    (database,) = stack.aws("rds").describe_db_instances()["DBInstances"]
    assert database["MultiAZ"] is variables.get("rds_multi_az", False)
    assert database["DeletionProtection"] is variables.get("rds_deletion_protection", False)
    assert database["Endpoint"]["Port"] == 5432 or not inventory.database_port_is_free
    made = added(inventory.resources, resources(stack))
    assert len(made["NatGateways"]) == (2 if variables.get("network_nat") == "per_zone" else 1)
    assert made["Buckets"] == {variables["storage_bucket"]}
    assert made["SecretList"] == {f"{inventory.name}/{use}" for use in SECRETS}
    assert len(stack.running_tasks()) == variables["ecs_mlflow_desired_count"]


def test_the_inventory_is_unmodified(inventory: Inventory) -> None:
    """Nothing of this machine stands in it."""
    assert not [value for value in inventory.variables.values() if "127.0.0." in str(value)]
    assert "stack_http_port" not in inventory.variables


def test_the_plan_of_a_converged_stack_is_empty(inventory: Inventory) -> None:
    there = words(inventory.stack)
    assert inventory.plan() == ([], len(there - inventory.before))
    assert inventory.drift() == []
    inventory.run().assert_nothing_changed()
    inventory.run(stack_full_run=True).assert_nothing_changed()
    assert words(inventory.stack) == there


def test_each_kind_of_drift_is_found_named_and_mended_by_one_run(inventory: Inventory) -> None:
    assert len({by_hand for by_hand, _ in DRIFTS}) >= 20
    there = words(inventory.stack)
    expected = drifted(inventory)
    assert settled(said(inventory.drift())) == expected
    told, _ = inventory.plan()
    assert settled(told) == expected
    inventory.run().assert_good()
    assert inventory.drift() == []
    assert words(inventory.stack) == there


def test_a_full_run_changes_what_the_comparison_tells_of_the_drift(inventory: Inventory) -> None:
    expected = drifted(inventory)
    found = inventory.site.full_run(inventory=inventory.path, **inventory.extra)
    found.assert_agree()
    assert settled(found.words()) == expected
    inventory.run(stack_full_run=True).assert_nothing_changed()


@pytest.mark.parametrize(
    ("tag", "by_hand"),
    [("network", open_ssh), ("storage", allow_plain_http), ("alb", idle), ("ecs_mlflow", forget_logs)],
)
def test_the_right_tag_alone_mends(inventory: Inventory, tag: str, by_hand: Callable[[Stack], None]) -> None:
    by_hand(inventory.stack)
    ended = inventory.run(tags=tag).assert_good()
    assert ended.recap()["changed"] == 1, ended.changed_tasks()
    assert inventory.drift() == []


def test_the_number_of_tasks_is_the_autoscaling_s_own(inventory: Inventory) -> None:
    number = inventory.variables["ecs_mlflow_desired_count"] + 1
    scale_by_hand(inventory.stack, number)
    assert settled(said(inventory.drift())) == set()
    inventory.run().assert_good()
    assert inventory.drift() == []
    assert inventory.stack.service()["desiredCount"] == number


def test_destroy_wants_the_protections_lifted_first(inventory: Inventory) -> None:
    """In the inventory, and then in AWS: a destroy lifts neither by itself."""
    off: dict[str, Any] = dict.fromkeys(("rds_deletion_protection", "alb_deletion_protection"), False)
    protected = [variable for variable in off if inventory.variables.get(variable)]
    if protected:
        before = resources(inventory.stack)
        refused = inventory.run("playbooks/destroy.yml", destroy_confirm=inventory.name)
        assert refused.code == 2
        (message,) = refused.messages()
        assert "rds_deletion_protection and alb_deletion_protection: true" in message
        assert "site.yml --tags rds,alb" in message
        refused = inventory.run("playbooks/destroy.yml", destroy_confirm=inventory.name, **off)
        assert refused.code == 2
        (message,) = refused.messages()
        assert [line.split(":")[0] for line in message.splitlines()] == protected
        assert resources(inventory.stack) == before
        inventory.run(tags="rds,alb", **off).assert_good()
    inventory.run("playbooks/destroy.yml", destroy_confirm=inventory.name, **off).assert_good()

    left = added(inventory.resources, resources(inventory.stack))
    assert left.pop("Buckets") == {inventory.variables["storage_bucket"]}
    snapshots = left.pop("DBSnapshots", set())
    kept = [] if inventory.variables.get("rds_skip_final_snapshot") else [True]
    assert [name.startswith(f"{inventory.name}-final-") for name in snapshots] == kept
    assert left == {}


def test_secrets_come_back_within_their_recovery_window(inventory: Inventory) -> None:
    """Secrets Manager keeps a deleted secret for a while, and takes no new one of its name meanwhile."""
    inventory.run(tags="secrets").assert_good()

    names = {f"{inventory.name}/{use}" for use in SECRETS}
    assert {name for name in resources(inventory.stack)["SecretList"] if name.startswith(inventory.name)} == names
    inventory.run(tags="secrets").assert_nothing_changed()
