# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One inventory with two stacks, in one account and one bucket: what happens to one leaves the other alone.

Each test takes the stacks that the one before left, so a failure makes the later ones meaningless.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.registry import COMPONENTS
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack import discovery
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.names import stack_names

from tests.deployed.deployed_runs import Site, free_port
from tests.deployed.deployed_stack import ROOT, Stack
from tests.playbooks import Ended

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

REGION, BUCKET = "eu-west-2", "models-of-two-stacks"
#: The name of one is the beginning of the other's.
FIRST, SECOND = "fraud", "fraud-2"
PREFIXES = {FIRST: "mlflow-artifacts", SECOND: "second"}
SHARED = yaml.safe_load((ROOT / "inventories/local/group_vars/mlflow.yml").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Pair:
    """Two stacks of one inventory."""

    site: Site
    inventory: Path
    stacks: dict[str, Stack]

    def run(self, playbook: str = "site.yml", *more: str, check: bool = False, **variables: Any) -> Ended:
        """Run a playbook on both, or on those that ``--limit`` names."""
        return self.site.run(playbook, inventory=str(self.inventory), more=more, check=check, **variables)

    def recorded(self, name: str) -> dict[str, Any]:
        """Everything that AWS has of one stack: ids and settings."""
        stack, names = self.stacks[name], stack_names(name, REGION)
        clients = {service: stack.aws(service) for service in discovery.SERVICES}
        account = discovery.account_of(clients, names, region=REGION, bucket_name=BUCKET)
        found = discovery.discover(account)
        settings = discovery.current_state(account, found, COMPONENTS)
        settings["storage"].pop("lifecycle rule")  # of both stacks
        storage = found.pop("storage")
        assert storage is not None
        return {"resources": found, "settings": settings}

    def drift(self, name: str) -> list[str]:
        """What drift.yml last said of one stack."""
        told = json.loads((self.stacks[name].output / "drift.json").read_text(encoding="utf-8"))
        assert told["stack"] == name
        return [f"{row['action']} {row['kind']} {row['name']}" for row in told["changes"]]


def changed(ended: Ended) -> dict[str, int]:
    """How much a run changed, by host."""
    return {host: int(count) for host, count in re.findall(r"^(\S+)\s+: ok=\d+\s+changed=(\d+)", ended.output, re.M)}


@pytest.fixture(scope="module")
def pair(account: Site) -> Pair:
    """The inventory of the two; nothing is deployed."""
    folder = account.folder / "inventory"
    (folder / "host_vars").mkdir(parents=True)
    (folder / "group_vars").mkdir()
    output = {name: account.folder / "out" / name for name in PREFIXES}
    hosts = {"mlflow": {"hosts": dict.fromkeys(PREFIXES)}}
    (folder / "hosts.yml").write_text(yaml.safe_dump(hosts), encoding="utf-8")
    shared = {
        **SHARED,
        "stack_name": "{{ inventory_hostname }}",
        "storage_bucket": BUCKET,
        "stack_output_dir": f"{account.folder}/out/{{{{ stack_name }}}}",
        "ecs_mlflow_desired_count": 1,
        "ecs_mlflow_stop_timeout": 10,
    }
    (folder / "group_vars" / "mlflow.yml").write_text(yaml.safe_dump(shared), encoding="utf-8")
    for number, name in enumerate(PREFIXES):
        own = {
            "stack_http_port": free_port(),
            "stack_artifact_prefix": PREFIXES[name],
            "network_cidr": f"10.{number}.0.0/16",
            "network_public_cidrs": [f"10.{number}.1.0/24", f"10.{number}.2.0/24"],
            "network_private_cidrs": [f"10.{number}.11.0/24", f"10.{number}.12.0/24"],
        }
        (folder / "host_vars" / f"{name}.yml").write_text(yaml.safe_dump(own), encoding="utf-8")
    stacks = {name: Stack(output=output[name], env=account.env, emulator=account.state) for name in PREFIXES}
    return Pair(account, folder, stacks)


def test_the_same_prefix_for_both_is_refused_before_anything_is_made(pair: Pair) -> None:
    ended = pair.run(stack_artifact_prefix="same")
    assert ended.code == 2
    assert f"'same' of bucket {BUCKET}" in ended.messages()[0]
    assert pair.stacks[FIRST].aws("s3").list_buckets()["Buckets"] == []


def test_an_account_is_prepared_for_both_without_mlflow(pair: Pair) -> None:
    ended = pair.run("site.yml", "--skip-tags", "ecs_mlflow,mlflow_access,verify").assert_good()
    assert set(changed(ended)) == set(PREFIXES)
    rules = pair.stacks[FIRST].aws("s3").get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"]
    assert {rule["ID"]: rule["Filter"]["Prefix"] for rule in rules} == {
        name: f"{prefix}/" for name, prefix in PREFIXES.items()
    }


def test_one_run_deploys_both_and_the_next_changes_nothing(pair: Pair) -> None:
    pair.run().assert_good()
    ended = pair.run().assert_good()
    assert (changed(ended), ended.changed_tasks()) == ({FIRST: 0, SECOND: 0}, [])


def test_each_answers_with_its_own_login_only(pair: Pair) -> None:
    first, second = pair.stacks.values()
    assert first.url != second.url
    for one, other in ((first, second), (second, first)):
        assert one.search(one.login) == 200
        assert one.search(other.login) == 401
        assert one.settings()["MLFLOW_AWS_ARTIFACTS"] == f"s3://{BUCKET}/{PREFIXES[one.name]}"


def test_a_plan_tells_them_apart(pair: Pair) -> None:
    planned = pair.run("site.yml", check=True, stack_tags={"Owner": "somebody"}).assert_good()
    plans = dict(re.findall(r"^PLAN \[(.*?)\]\n(.*?to leave)$", planned.output, re.M | re.S))
    for name, told in plans.items():
        assert f"change service {name}: tags.Environment, tags.Owner" in told
    assert set(plans) == set(PREFIXES)
    assert f" {SECOND}" not in plans[FIRST]


def test_a_change_of_one_leaves_the_other_alone(pair: Pair) -> None:
    before = pair.recorded(SECOND)
    ended = pair.run("site.yml", "--limit", FIRST, ecs_mlflow_log_retention_days=30, alb_idle_timeout=77).assert_good()
    assert set(changed(ended)) == {FIRST}
    assert changed(ended)[FIRST] > 0
    assert pair.recorded(SECOND) == before


def test_drift_of_one_is_no_drift_of_the_other_and_is_mended_alone(pair: Pair) -> None:
    stack = pair.stacks[FIRST]
    pair.run("site.yml", "--limit", FIRST).assert_good()
    before = pair.recorded(SECOND)
    stack.aws("logs").put_retention_policy(logGroupName=f"/ecs/{FIRST}", retentionInDays=1)
    stack.aws("secretsmanager").untag_resource(SecretId=f"{FIRST}/mlflow/admin", TagKeys=["mlflow:component"])
    assert pair.run("playbooks/drift.yml").code == 2
    assert pair.drift(FIRST) == [f"change secret {FIRST}/mlflow/admin", f"change log group /ecs/{FIRST}"]
    assert pair.drift(SECOND) == []
    ended = pair.run().assert_good()
    assert changed(ended) == {FIRST: 2, SECOND: 0}
    assert pair.recorded(SECOND) == before


def test_another_inventory_cannot_take_the_prefix_of_one(pair: Pair) -> None:
    """Refused on the evidence in AWS, for no inventory knows of the other."""
    own = pair.site.folder / "alone.yml"
    own.write_text(yaml.safe_dump({"mlflow": {"hosts": {"third": SHARED}}}), encoding="utf-8")
    given: dict[str, Any] = {
        "stack_name": "third",
        "storage_bucket": BUCKET,
        "stack_artifact_prefix": f"{PREFIXES[SECOND]}/third",
    }
    # The bucket is the first's, and a stack of another inventory asks before it shares it.
    (message,) = pair.site.run(inventory=str(own), **given).messages()
    assert f"storage_bucket: '{BUCKET}', but this bucket exists and is tagged mlflow:stack={FIRST}" in message
    assert f'-e \'{{"stack_adopt": ["{BUCKET}"]}}\'' in message
    ended = pair.site.run(inventory=str(own), stack_adopt=[BUCKET], **given)
    assert ended.code == 2
    (message,) = ended.messages()
    assert f"meets '{PREFIXES[SECOND]}', where the stack {SECOND} keeps its artifacts" in message


def test_one_name_does_not_destroy_the_stacks_of_a_whole_inventory(pair: Pair) -> None:
    before = {name: pair.recorded(name) for name in PREFIXES}
    refused = pair.run("playbooks/destroy.yml", destroy_confirm=FIRST)
    assert (refused.code, changed(refused)) == (2, {FIRST: 0, SECOND: 0})
    (message,) = refused.messages()
    assert f"--limit {SECOND} -e destroy_confirm={SECOND}" in message
    assert {name: pair.recorded(name) for name in PREFIXES} == before


def test_the_end_of_one_leaves_the_other_at_work(pair: Pair) -> None:
    second = pair.stacks[SECOND]
    before = pair.recorded(SECOND)
    pair.run("playbooks/destroy.yml", "--limit", FIRST, destroy_confirm=FIRST).assert_good()
    assert pair.recorded(SECOND) == before
    assert second.search(second.login) == 200
    assert {name for name in pair.recorded(FIRST)["resources"]["ecs_mlflow"].values() if name} == set()
    pair.run("site.yml", "--limit", SECOND).assert_nothing_changed()
    assert pair.recorded(SECOND) == before
