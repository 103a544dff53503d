# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a module documents is what it takes, and its examples are valid for it."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.amazon.aws.plugins.module_utils.modules import aws_argument_spec

MODULES = ("ecs_task_definition", "ecs_task_run", "ecs_rollout", "ecs_scaling")
FRAGMENT_TAGS = ("tags", "purge_tags")


def load(name: str) -> Any:
    return importlib.import_module(f"ansible_collections.mlops.mlflow_aws.plugins.modules.{name}")


@pytest.mark.parametrize("name", MODULES)
def test_options(name: str) -> None:
    module = load(name)
    documentation = yaml.safe_load(module.DOCUMENTATION)
    assert documentation["module"] == name
    spec: dict[str, Any] = dict(module.ARGUMENT_SPEC)
    if "amazon.aws.tags" in documentation["extends_documentation_fragment"]:
        assert spec.pop("tags") == {"type": "dict", "aliases": ["resource_tags"]}
        assert spec.pop("purge_tags") == {"type": "bool", "default": True}
    assert set(documentation["options"]) == set(spec)
    for option, given in spec.items():
        told = documentation["options"][option]
        assert told["description"], option
        assert told["type"] == given.get("type", "str"), option
        for key in ("default", "choices", "elements", "aliases"):
            assert told.get(key) == given.get(key), (option, key)
        assert told.get("required", False) == given.get("required", False), option


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    module = load(name)
    validator = ArgumentSpecValidator({**aws_argument_spec(), **module.ARGUMENT_SPEC})
    for task in yaml.safe_load(module.EXAMPLES):
        args = task[f"mlops.mlflow_aws.{name}"]
        # A template stands for a value that is known only at run time.
        known = {key: value for key, value in args.items() if not str(value).startswith("{{")}
        needed = {key: "x" for key in args.keys() - known.keys() if module.ARGUMENT_SPEC[key].get("required")}
        assert validator.validate({**known, **needed}).error_messages == []


@pytest.mark.parametrize("name", MODULES)
def test_returns(name: str) -> None:
    for key, value in yaml.safe_load(load(name).RETURN).items():
        assert {"description", "returned", "type"} <= value.keys(), key
