# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The variables of the collection's roles as a play has them, in the types of their argument specifications."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from ansible.errors import AnsibleUndefinedVariable
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._preflight import types

try:
    from ansible.template import trust_as_template
except ImportError:  # ansible-core 2.18 takes every text for a template

    def trust_as_template(value: str) -> str:
        """The text itself."""
        return value


_ROLES = Path(__file__).resolve().parents[2] / "roles"
#: For required variables without a value, so that the others can be checked.
_EXAMPLES = {"stack_name": "mlflow", "stack_region": "eu-west-2", "storage_bucket": "mlflow-artifacts"}
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@cache
def _file(role: str, *path: str) -> Mapping[str, Any]:
    file = _ROLES.joinpath(role, *path)
    found: Mapping[str, Any] = yaml.load(file.read_text(encoding="utf-8"), Loader=_LOADER) if file.exists() else {}
    return found


@cache
def _defaults(role: str) -> Mapping[str, Any]:
    return {
        name: trust_as_template(value) if isinstance(value, str) else value
        for name, value in _file(role, "defaults", "main.yml").items()
    }


def options(role: str) -> Mapping[str, Any]:
    """The options in a role's ``meta/argument_specs.yml``, by the names of its variables."""
    found: Mapping[str, Any] = _file(role, "meta", "argument_specs.yml")["argument_specs"]["main"]["options"]
    return found


def own_names(role: str) -> Iterable[str]:
    """The names of the variables that a role sets itself (``vars/main.yml``)."""
    return _file(role, "vars", "main.yml")


def names_of(roles: Iterable[str], function: Callable[[str], Iterable[str]]) -> list[str]:
    """The names that ``function``, :func:`options` or :func:`own_names`, answers for these roles."""
    return [name for role in roles for name in function(role)]


def pinned_releases() -> set[str]:
    """The releases of MLflow whose requirements come with the role ecs_mlflow."""
    return {path.stem for path in _ROLES.joinpath("ecs_mlflow/files/mlflow_aws/requirements").glob("[0-9]*.txt")}


class RoleVariables:
    """The variables of the collection's roles in one play, for one host.

    A role that is no part of the play has the values of the inventory and otherwise its defaults, as if it were.
    """

    def __init__(self, templar: Any, known: Mapping[str, Any], roles: Iterable[str]) -> None:
        """Take them out of what the play has.

        :param templar: the templar of the plugin that asks.
        :param known: all variables of the host, templates not yet worked out.
        :param roles: all roles of the collection.
        """
        self._defaults = {name: value for role in roles for name, value in _defaults(role).items()}
        self._known = {**self._defaults, **known}
        self._templar = templar.copy_with_new_env(available_variables=self._known)
        #: By role, a sentence for each variable that has no value of its type.
        self.problems: dict[str, list[str]] = {}
        #: By variable, a value of its type: the play's, or one that is right where the play's is not.
        self.values: dict[str, Any] = {}
        self._wrong: set[str] = set()
        for role in roles:
            self.problems[role] = self._take(role)

    def value(self, name: str) -> Any:
        """Any variable of the play, worked out; None when it is not set.

        :raises AnsibleUndefinedVariable: it refers to one that is not set.
        """
        return self._templar.template(self._known.get(name))

    def without_consequences(self, sentences: Iterable[str]) -> list[str]:
        """Those that do not speak of a variable whose type is wrong: its sentence is among ``problems``."""
        return [text for text in sentences if not self._wrong.intersection(re.findall(r"\w+", text))]

    def _take(self, role: str) -> list[str]:
        specs = options(role)
        given: dict[str, Any] = {}
        found: list[str] = []
        for name in specs:
            try:
                given[name] = self.value(name)
            except AnsibleUndefinedVariable as error:
                # A default refers to a required variable, and that has a sentence of its own.
                if self._known[name] != self._defaults.get(name):
                    found.append(
                        f"{name}: '{self._known[name]}' cannot be worked out ({error}); "
                        "set the variable that it refers to"
                    )
        typed, wrong = types.checked({name: row for name, row in specs.items() if name in given}, given)
        missing = {name: specs[name] for name in specs if name not in typed}
        self._known.update({name: self._defaults.get(name, _EXAMPLES.get(name)) for name in missing})
        right = {name: self.value(name) for name in missing}
        self._wrong.update(missing)
        self.values.update(typed)
        self.values.update(types.checked(missing, right)[0])
        return found + wrong
