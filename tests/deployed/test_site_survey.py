# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A survey of AWX, and ``-e variable=value``, give every variable as a text: the run is the same.

Each test takes the stack that the one before left, so a failure makes the later ones meaningless.
"""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests.deployed.deployed_runs import Site
from tests.deployed.deployed_stack import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

STACK = "fraud-scoring-mlflow-local"


def _load(*path: str) -> Any:
    return yaml.safe_load(ROOT.joinpath(*path).read_text(encoding="utf-8"))


def texts(account: Site) -> dict[str, Any]:
    """Every number and every boolean of every role, with the value that the run has anyway, as a text."""
    found: dict[str, Any] = {}
    own = {**_load("inventories", "local", "group_vars", "mlflow.yml"), **account.variables()}
    for role in sorted(path.name for path in (ROOT / "roles").iterdir()):
        options = _load("roles", role, "meta", "argument_specs.yml")["argument_specs"]["main"]["options"]
        values = {**(_load("roles", role, "defaults", "main.yml") or {}), **own}
        for name, option in options.items():
            if option["type"] in ("int", "bool") and name in values and "{{" not in str(values[name]):
                found[name] = str(values[name]).lower()
    # site.yml sets it for itself.
    del found["network_nat_wait"]
    return found


def test_a_survey_changes_nothing_on_a_stack_of_the_inventory(account: Site) -> None:
    account.deploy()
    given = texts(account)
    assert {given["ecs_mlflow_autoscaling"], given["ecs_mlflow_desired_count"]} == {"false", "2"}
    assert len(given) > 40
    account.run(**given).assert_nothing_changed()
    account.run(**{**given, "stack_full_run": "true"}).assert_nothing_changed()
    assert account.run("playbooks/drift.yml", **given).code == 0


def test_a_list_in_a_text_is_refused_before_anything_changes(account: Site) -> None:
    ended = account.run(network_ingress_cidrs="10.0.0.0/8")

    assert ended.code == 2
    (message,) = ended.messages()
    assert message.startswith("network_ingress_cidrs: '10.0.0.0/8' is not a list, each element a text; give it as JSON")
    assert ended.recap()["changed"] == 0


def test_a_snapshot_is_kept_when_the_text_false_says_so(account: Site) -> None:
    account.run("playbooks/destroy.yml", destroy_confirm=STACK, rds_skip_final_snapshot="false").assert_good()

    (kept,) = account.stack.aws("rds").describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]
    assert kept["DBSnapshotIdentifier"].startswith(f"{STACK}-final-")
