# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a component declares its resources: each field once, with its option, its place in AWS and its desired value.

From these declarations follow the current state (:meth:`Kind.current`), the desired state (:meth:`Kind.desired`), the
options that tasks pass to modules (:meth:`Kind.options`), and the checks of ranges (:meth:`Range.problem`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

#: What AWS describes, as boto3 answers it.
Described = Mapping[str, Any]


@dataclass(frozen=True)
class Range:
    """The values that AWS takes for a number.

    :param low: and ``high``: both included.
    :param unit: such as ``seconds``.
    """

    low: int
    high: int
    unit: str

    def problem(self, variable: str, value: Any) -> str | None:
        """One sentence for a value outside the range; else None."""
        if self.low <= int(value) <= self.high:
            return None
        return f"{variable}: {value}; AWS takes {self.low} to {self.high} {self.unit}, choose a number between"


@dataclass(frozen=True)
class Variable:
    """The value of a role's variable.

    :param name: of the variable, in the type of its ``argument_specs.yml``.
    :param range: the values that AWS takes; None where they follow from the type.
    """

    name: str
    range: Range | None = None


class Labels(Protocol):
    """The names by which an inventory knows what AWS knows by ids."""

    def label(self, identifier: str) -> str:
        """The CIDR block of a subnet or the name of a security group of the stack; else the id itself."""

    def labels(self, identifiers: Iterable[str]) -> list[str]:
        """The same for several, sorted."""


@dataclass(frozen=True)
class Labelled:
    """A current value that names other resources by label instead of id.

    :param read: of what AWS describes, and the labels, the value.
    """

    read: Callable[[Any, Labels], Any]


def ids(read: Callable[[Any], Iterable[str]]) -> Labelled:
    """The labels of the resources whose ids ``read`` finds, sorted."""
    return Labelled(lambda row, labels: labels.labels(read(row)))


@dataclass(frozen=True)
class Field:
    """One setting of a resource.

    :param name: by which plans know it.
    :param current: where AWS describes it: a path such as ``Matcher.HttpCode``, or a function of what is described.
    :param desired: a value, a :class:`Variable`, or a function of the resource that is desired (see :class:`Kind`). A
        value of None leaves alone what AWS has.
    :param option: of the modules, where it is not called as plans call the field.
    :param passed: what the modules take, of the resource that is desired, where it is not the value that is compared:
        plans name subnets by block, and modules by id.
    :param modules: those of the kind that take it; None for all of them.
    :param uncompared: why it is not compared, for a field that modules only take; it has no current value.
    """

    name: str
    current: str | Callable[[Any], Any] | Labelled = ""
    desired: Any = None
    option: str = ""
    passed: Callable[[Any], Any] | None = None
    modules: tuple[str, ...] | None = None
    uncompared: str = ""


@dataclass(frozen=True)
class Row:
    """One resource as AWS describes it.

    :param name: by which plans know it.
    :param described: None where nothing of it is compared, as it is only to be removed.
    :param ids: what AWS's APIs of tags take for it; none where it has no tags.
    """

    name: str
    described: Described | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    ids: tuple[str, ...] = ()


#: By name, what the functions of a kind's fields take; None where the resource must not exist.
Subjects: TypeAlias = "Mapping[str, Any]"
#: The fields of resources by name; None where the resource must not exist.
Desired: TypeAlias = "dict[str, dict[str, Any] | None]"


class Inventory(Protocol):
    """What desired values follow from; :class:`stack.Stack` has more."""

    @property
    def inputs(self) -> Mapping[str, Any]:
        """The variables of all roles."""


@dataclass(frozen=True)
class Kind:
    """A kind of resources, such as the subnets.

    :param name: as plans name it.
    :param resources: of a stack, the resources that it is to have, by name. What stands for each is handed to the
        functions of its fields and of its tags.
    :param modules: that set its fields, by their full names.
    :param tags: of a stack, and of what stands for a resource, its tags; None where it has none.
    :param untagged: those of the modules that take no tags.
    :param exclusive: whether resources of this kind that are not desired are removed.
    """

    name: str
    resources: Callable[[Any], Subjects]
    modules: tuple[str, ...] = ()
    fields: tuple[Field, ...] = ()
    tags: Callable[[Any, Any], Mapping[str, Any] | None] | None = None
    untagged: tuple[str, ...] = ()
    exclusive: bool = False

    @property
    def compared(self) -> list[Field]:
        """The fields that plans know."""
        return [one for one in self.fields if not one.uncompared]

    def current(self, rows: Iterable[Row], labels: Labels) -> dict[str, dict[str, Any]]:
        """The fields of the resources that AWS has, by name."""
        return {row.name: self._current(row, labels) for row in rows}

    def _current(self, row: Row, labels: Labels) -> dict[str, Any]:
        if row.described is None:
            return {}
        found = {one.name: _read(one, row.described, labels) for one in self.compared}
        return {**found, "tags": dict(row.tags), "ids": list(row.ids)} if self.tags else found

    def desired(self, stack: Inventory) -> Desired:
        """The fields of the resources that the stack is to have, by name."""
        return {
            name: None if subject is None else self._desired(stack, subject)
            for name, subject in self.resources(stack).items()
        }

    def _desired(self, stack: Inventory, subject: Any) -> dict[str, Any]:
        found = {one.name: _value(one.desired, stack, subject) for one in self.compared}
        return {**found, "tags": self.tags(stack, subject)} if self.tags else found

    def options(self, stack: Inventory, tags: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, dict[str, Any]]]:
        """By name of a resource and short name of a module, the options by which the module sets it.

        :param tags: by name, those that the resources are to get.
        """
        return {
            name: {
                module.rpartition(".")[2]: self._options(module, stack, subject, tags.get(name))
                for module in self.modules
            }
            for name, subject in self.resources(stack).items()
            if subject is not None
        }

    def _options(self, module: str, stack: Inventory, subject: Any, tags: Mapping[str, Any] | None) -> dict[str, Any]:
        taken = [one for one in self.fields if one.modules is None or module in one.modules]
        found = {
            one.option or one.name: one.passed(subject) if one.passed else _value(one.desired, stack, subject)
            for one in taken
        }
        if tags is not None and module not in self.untagged:
            found["tags"] = tags
        return {option: value for option, value in found.items() if value is not None}

    def variables(self) -> list[Variable]:
        """The variables that its fields take as they are."""
        return [one.desired for one in self.fields if isinstance(one.desired, Variable)]


def _read(one: Field, described: Described, labels: Labels) -> Any:
    if isinstance(one.current, Labelled):
        return one.current.read(described, labels)
    if callable(one.current):
        return one.current(described)
    value: Any = described
    for key in one.current.split("."):
        value = None if value is None else value.get(key)
    return value


def _value(value: Any, stack: Inventory, subject: Any) -> Any:
    if isinstance(value, Variable):
        return stack.inputs[value.name]
    return value(subject) if callable(value) else value


def range_problems(kinds: Iterable[Kind], inputs: Mapping[str, Any]) -> list[str]:
    """A sentence for each variable of a field whose value is outside the range that AWS takes.

    :param inputs: the variables of all roles.
    """
    return problems_of_ranges({one.name: one.range for kind in kinds for one in kind.variables() if one.range}, inputs)


def problems_of_ranges(ranges: Mapping[str, Range], inputs: Mapping[str, Any]) -> list[str]:
    """The same for variables with their ranges."""
    found = [limits.problem(name, inputs[name]) for name, limits in ranges.items()]
    return [problem for problem in found if problem]
