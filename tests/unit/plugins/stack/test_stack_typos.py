# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A name that is nearly a variable's is refused with the name that is meant, and no other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._preflight import problems, typos
from ansible_collections.mlops.mlflow_aws.plugins.plugin_utils.role_variables import options, own_names
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.unit.plugins.stack.stack_inputs import ROLES

VARIABLES = sorted(name for role in problems.INPUT_CHECKS for name in options(role))
OWN = {name for role in problems.INPUT_CHECKS for name in own_names(role)}
#: Variables of other collections and roles, as inventories hold them.
OTHERS = (Path(__file__).parent / "variables_of_others.txt").read_text(encoding="utf-8").split()


def told(*names: str, ignored: tuple[str, ...] = ()) -> list[str]:
    return typos.typos(names, VARIABLES, OWN, ignored)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("rds_engine_verison", "rds_engine_version"),
        ("rds_multiaz", "rds_multi_az"),
        ("network_cdir", "network_cidr"),
        ("netwrok_cidr", "network_cidr"),
        ("netwrok_ingress_cidrs", "network_ingress_cidrs"),
        ("network_ingress_cidr", "network_ingress_cidrs"),
        ("network_ingres_cidr", "network_ingress_cidrs"),
        ("ecs_mlflow_desired_counts", "ecs_mlflow_desired_count"),
        ("ecs_mflow_cpu", "ecs_mlflow_cpu"),
        ("mlflow_user", "mlflow_users"),
        ("stack_tag", "stack_tags"),
        ("stackname", "stack_name"),
        ("STACK_NAME", "stack_name"),
        ("stack-region", "stack_region"),
        ("destroy_confrim", "destroy_confirm"),
        ("stack_ingress_cidrs", "network_ingress_cidrs"),
        ("alb_ingress_cidrs", "network_ingress_cidrs"),
        ("alb_http_port", "stack_http_port"),
        ("mlflow_desired_count", "ecs_mlflow_desired_count"),
        ("ecs_allowed_hosts", "ecs_mlflow_allowed_hosts"),
        ("mlflow_access_admin_username", "stack_admin_username"),
        ("stack_kms_key_id", "rds_kms_key_id or secrets_kms_key_id or storage_kms_key_id"),
    ],
)
def test_a_typo_is_refused_with_the_name_that_is_meant(name: str, meant: str) -> None:
    (message,) = told(name)
    assert message.startswith(f"{name}: no variable of this collection has this name, so it has no effect; rename it")
    assert f"rename it to {meant}, or list it in stack_ignore_variables" in message


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("rds_deletion_protected", "rds_deletion_protection"),
        ("rds_deletion_protect", "rds_deletion_protection"),
        ("alb_deletion_protect", "alb_deletion_protection"),
        ("rds_backup_retention", "rds_backup_retention_days"),
        ("rds_class", "rds_instance_class"),
        ("rds_storage", "rds_storage_type"),
        ("ecs_mlflow_log_retention", "ecs_mlflow_log_retention_days"),
        ("ecs_mlflow_autoscale", "ecs_mlflow_autoscaling"),
        ("network_ingress_cidrblocks", "network_ingress_cidrs"),
        ("network_ingres_cidr_list", "network_ingress_cidrs"),
        ("stack_account", "stack_account_id"),
        ("storage_bucket_name", "storage_bucket"),
        ("destroy_confirmed", "destroy_confirm"),
    ],
)
def test_a_name_that_looks_like_a_variable_is_warned_of(name: str, meant: str) -> None:
    assert told(name) == []
    (message,) = typos.resembling([name, *VARIABLES], VARIABLES, OWN, ())
    assert message.startswith(f"{name}: no variable of this collection has this name, so it has no effect; rename it")
    assert f"rename it to {meant} if that is meant" in message
    assert typos.resembling([name], VARIABLES, OWN, (name,)) == []


def test_few_names_of_others_are_warned_of() -> None:
    """Those that begin as ours do, and could be ours."""
    warned = [text.partition(":")[0] for text in typos.resembling(OTHERS, VARIABLES, OWN, ())]
    assert warned == ["rds_instance_name", "stack_dir", "stack_id", "verify_certs"]


def test_one_that_is_meant_as_it_stands() -> None:
    assert told("storage_buckets", ignored=("storage_buckets",)) == []
    assert len(told("storage_buckets")) == 1


def test_the_names_of_others_are_nobodys_business() -> None:
    assert len(OTHERS) > 300
    assert told(*OTHERS) == []


def test_no_variable_of_the_collection_is_taken_for_a_typo() -> None:
    ours = [*VARIABLES, *OWN, *typos.LISTS, *typos.ASKED, *typos.TOLD]
    assert told(*ours) == []
    assert typos.resembling(ours, VARIABLES, OWN, ()) == []


def test_what_playbooks_and_roles_set_is_no_typo() -> None:
    given_names = set()
    for folder in (ROLES.parent / "playbooks", ROLES):
        for file in folder.rglob("*.yml"):
            if file.parent.name in ("playbooks", "tasks"):
                given_names |= set(re.findall(r"^ +([a-z_]+): ", file.read_text(encoding="utf-8"), re.MULTILINE))
    assert {"mlflow_access_rotate", "secrets_rotate", "stack_preflight_done", "stack_current_wanted"} <= given_names
    assert told(*given_names) == []


LETTERS = "abcdefghijklmnopqrstuvwxyz_"


@settings(max_examples=200)
@given(st.sampled_from(VARIABLES), st.data())
def test_any_single_slip_is_seen(variable: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(variable) - 2))
    letter = data.draw(st.sampled_from(LETTERS))
    slips = {
        "less": variable[:at] + variable[at + 1 :],
        "more": variable[:at] + letter + variable[at:],
        "other": variable[:at] + letter + variable[at + 1 :],
        "swapped": variable[:at] + variable[at + 1] + variable[at] + variable[at + 2 :],
    }
    name = slips[data.draw(st.sampled_from(sorted(slips)))]
    assume(name not in VARIABLES and name not in OWN and not name.startswith("_"))
    assert len(told(name)) == 1


@given(st.text(LETTERS, max_size=8), st.text(LETTERS, max_size=8))
def test_the_distance_is_the_same_both_ways(one: str, other: str) -> None:
    assert typos.distance(one, other, 20) == typos.distance(other, one, 20)
    assert (typos.distance(one, other, 20) == 0) is (one == other)
