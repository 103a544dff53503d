# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A name that is nearly a variable's is pointed out, and no other."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import yaml
from ansible_collections.mlops.mlflow_aws.plugins.module_utils.preflight import typos

from tests.unit.plugins.stack.stack_inputs import ROLES


def _names(role: str, *path: str) -> set[str]:
    file = ROLES.joinpath(role, *path)
    return set(yaml.safe_load(file.read_text(encoding="utf-8"))) if file.exists() else set()


def _told(role: str, *given: str) -> list[str]:
    return typos.typos(role, given, _names(role, "defaults", "main.yml"), _names(role, "vars", "main.yml"))


@pytest.mark.parametrize(
    ("role", "given", "meant"),
    [
        ("rds", "rds_engine_verison", "rds_engine_version"),
        ("rds", "rds_multiaz", "rds_multi_az"),
        ("network", "network_cdir", "network_cidr"),
        ("network", "network_ingress_cidr", "network_ingress_cidrs"),
        ("ecs_mlflow", "ecs_mlflow_desired_counts", "ecs_mlflow_desired_count"),
        ("mlflow_access", "mlflow_user", "mlflow_users"),
        ("stack", "stack_tag", "stack_tags"),
    ],
)
def test_a_typo_is_told_with_the_name_that_is_meant(role: str, given: str, meant: str) -> None:
    assert _told(role, given) == [f"{given} is no variable of the role {role}, so it has no effect; is {meant} meant?"]


@pytest.mark.parametrize("role", ["rds", "network", "mlflow_access", "stack"])
def test_names_of_others_are_nobodys_business(role: str) -> None:
    others = ["rds_owner_team", "network_of_the_office", "mlflow_url", "stack_overflow", "rdsengine", "team"]
    assert _told(role, *others) == []


def _everything() -> Iterator[str]:
    for role in (path.name for path in ROLES.iterdir() if path.is_dir()):
        yield from _names(role, "defaults", "main.yml") | _names(role, "vars", "main.yml")


@pytest.mark.parametrize("role", sorted(path.name for path in ROLES.iterdir() if path.is_dir()))
def test_no_variable_of_the_collection_is_taken_for_a_typo(role: str) -> None:
    mine = {"stack_name", "stack_region", "storage_bucket", *typos.TOLD, *typos.LISTS, "rotate_users"}
    required = {"stack": {"stack_name", "stack_region"}, "storage": {"storage_bucket"}}.get(role, set())
    options = _names(role, "defaults", "main.yml") | required
    assert typos.typos(role, [*_everything(), *mine], options, _names(role, "vars", "main.yml")) == []


@pytest.mark.parametrize("role", sorted(path.name for path in ROLES.iterdir() if path.is_dir()))
def test_what_playbooks_set_is_no_typo(role: str) -> None:
    given = set()
    for file in (ROLES.parent / "playbooks").rglob("*.yml"):
        given |= set(re.findall(r"^ +([a-z_]+): ", file.read_text(encoding="utf-8"), re.MULTILINE))
    assert {"mlflow_access_rotate", "secrets_rotate", "stack_preflight_done"} <= given
    assert _told(role, *given - {"stack_name", "stack_region", "storage_bucket"}) == []
