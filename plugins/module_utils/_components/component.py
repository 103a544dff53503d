# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One component of a stack: what it consists of, how it is read, and what is checked before it is created."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .account import Account, Found
from .fields import Desired, Kind, Row
from .stack import Stack

Inputs = Mapping[str, Any]


@dataclass(frozen=True)
class Need:
    """Another component that has to exist before.

    :param component: its name.
    :param met: of a stack, whether enough of it exists; None where all of it is needed that others can need.
    """

    component: str
    met: Callable[[Stack], bool] | None = None


@dataclass(frozen=True)
class Component:
    """What one role creates.

    :param name: of the role, and of its tag of ``site.yml``.
    :param kinds: of its resources, in the order in which plans show them.
    :param resources: reads ids and states: what other components and the roles' tasks need to know of it. None where
        nothing of it exists.
    :param rows: reads the resources of each kind.
    :param input_problems: what is wrong with variables, which takes no call to AWS; one sentence each.
    :param account_problems: of variables, facts of the region and resources: what only AWS can show.
    :param complete: of a stack, whether all of it exists that other components need.
    :param needs: what must exist before it.
    :param own_kinds: of the variables, the kinds that the role creates; without those for which the inventory names
        resources that exist.
    """

    name: str
    kinds: tuple[Kind, ...]
    resources: Callable[[Account], Any]
    rows: Callable[[Found], Mapping[str, Sequence[Row]]]
    input_problems: Callable[[Inputs], list[str]]
    account_problems: Callable[[Inputs, Mapping[str, Any], Mapping[str, Any]], list[str]]
    complete: Callable[[Stack], bool]
    needs: tuple[Need, ...] = ()
    own_kinds: Callable[[Inputs], Sequence[Kind]] | None = None

    def current(self, found: Found) -> dict[str, dict[str, dict[str, Any]]]:
        """By kind and name, the fields of what AWS has."""
        rows = self.rows(found)
        return {kind.name: kind.current(rows.get(kind.name, ()), found) for kind in self.kinds}

    def created(self, inputs: Inputs) -> Sequence[Kind]:
        """The kinds that the role creates with these variables."""
        return self.own_kinds(inputs) if self.own_kinds else self.kinds

    def desired(self, stack: Stack) -> dict[str, Desired]:
        """By kind and name, the fields that the stack is to have."""
        return {kind.name: kind.desired(stack) for kind in self.created(stack.inputs)}

    def options(self, stack: Stack, tags: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        """By kind, name and module, the options by which the role's tasks set what is desired.

        :param tags: by kind and name, those that the resources are to get.
        """
        return {kind.name: kind.options(stack, tags.get(kind.name, {})) for kind in self.created(stack.inputs)}

    def exclusive(self) -> list[str]:
        """The kinds of which nothing may exist that is not desired."""
        return [kind.name for kind in self.kinds if kind.exclusive]
