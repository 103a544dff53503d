# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ansible-doc shows is what the modules take."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.amazon.aws.plugins.module_utils.modules import aws_argument_spec

from tests.unit.plugins.run_module import COLLECTIONS, ROOT

PREFIX = "ansible_collections.mlops.mlflow_aws.plugins.modules"
MODULES = tuple(sorted(path.stem for path in (ROOT / "plugins" / "modules").glob("mlflow_*.py")))


@pytest.fixture(scope="module")
def documentation(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    env = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS)}
    env["ANSIBLE_HOME"] = str(tmp_path_factory.mktemp("ansible"))
    command = [str(Path(sys.executable).with_name("ansible-doc")), "-j"]
    done = subprocess.run(
        [*command, *(f"mlops.mlflow_aws.{name}" for name in MODULES)], env=env, capture_output=True, check=True
    )
    return {name.rsplit(".", 1)[1]: shown for name, shown in json.loads(done.stdout).items()}


@pytest.mark.parametrize("name", MODULES)
def test_options_are_documented_as_they_are(documentation: dict[str, Any], name: str) -> None:
    spec = {**aws_argument_spec(), **importlib.import_module(f"{PREFIX}.{name}").argument_spec()}
    shown = documentation[name]["doc"]["options"]
    assert set(shown) == set(spec)
    fields: dict[str, Any] = {
        "type": "str",
        "default": None,
        "required": False,
        "choices": None,
        "aliases": [],
        "elements": None,
    }
    for option, taken in spec.items():
        for field, default in fields.items():
            assert shown[option].get(field, default) == taken.get(field, default), f"{option}: {field}"


@pytest.mark.parametrize("name", MODULES)
def test_examples_use_options_that_exist(documentation: dict[str, Any], name: str) -> None:
    tasks = yaml.safe_load(documentation[name]["examples"])
    assert tasks
    for task in tasks:
        assert set(task[f"mlops.mlflow_aws.{name}"]) <= set(documentation[name]["doc"]["options"])


@pytest.mark.parametrize("name", MODULES)
def test_secrets_are_not_logged(name: str) -> None:
    spec = importlib.import_module(f"{PREFIX}.{name}").argument_spec()
    # An option with choices, such as update_password, holds no secret.
    secrets = {option: taken for option, taken in spec.items() if "password" in option and "choices" not in taken}
    assert all(taken.get("no_log") is True for taken in secrets.values())


@pytest.mark.parametrize("name", MODULES)
def test_returned_values_have_samples(documentation: dict[str, Any], name: str) -> None:
    def without_sample(values: dict[str, Any]) -> list[str]:
        deep = [key for shown in values.values() for key in without_sample(shown.get("contains") or {})]
        return [key for key, shown in values.items() if "sample" not in shown and "contains" not in shown] + deep

    assert without_sample(documentation[name]["return"]) == []
    assert set(documentation[name]["doc"]["attributes"]) >= {"check_mode", "diff_mode", "idempotent"}


def test_modules_share_their_defaults() -> None:
    groups = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text(encoding="utf-8"))["action_groups"]
    assert groups["mlflow"] == list(MODULES)


def test_role_verify_offers_every_stage() -> None:
    specs = yaml.safe_load((ROOT / "roles" / "verify" / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))
    offered = specs["argument_specs"]["main"]["options"]["verify_stages"]["choices"]
    assert offered == importlib.import_module(f"{PREFIX}.mlflow_health").argument_spec()["stages"]["choices"]
