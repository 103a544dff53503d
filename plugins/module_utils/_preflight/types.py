# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether variables have the type that a role's ``meta/argument_specs.yml`` says.

ansible-core checks the same at the beginning of a role, but then the run may be half done, and its
failure shows the whole specification. Here it is one sentence a variable.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

_WORDS = {
    "bool": "true or false",
    "dict": "a mapping",
    "float": "a number",
    "int": "a whole number",
    "list": "a list",
    "path": "a path",
    "str": "a text",
}
#: Type of an option -> Python types that the validator would turn into it, though the tasks could not.
_CONFUSED: dict[str, tuple[type, ...]] = {
    "str": (list, dict),
    "path": (list, dict),
    "list": (str,),
    "dict": (str,),
}
#: What ``-e variable=value`` cannot say.
_JSON = ("list", "dict")


def checked(options: Mapping[str, Mapping[str, Any]], values: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The values in their own types, and a problem for each that has none.

    :param options: an entry point's ``options`` (types, choices, elements, required, description).
    :param values: the variables that are set.
    """
    found: list[str] = []
    typed: dict[str, Any] = {}
    for variable, option in options.items():
        value = values.get(variable)
        if value is None:
            remedy = "set it in the inventory" if option.get("required") else "remove it to have its default"
            found.append(f"{variable}: has no value; {remedy} ({_described(option)})")
            continue
        own, problems = _typed(variable, option, value)
        found += problems
        if not problems:
            typed[variable] = own
    return typed, found


def _typed(place: str, option: Mapping[str, Any], value: Any) -> tuple[Any, list[str]]:
    """A value in its own type, or what is wrong with it and with its elements.

    :param place: the variable, and where in it the value stands.
    """
    kind = option.get("type", "str")
    if kind == "str" and isinstance(value, (bool, float)):
        return None, [_unquoted(place, value)]
    # A text made of a list or a mapping would pass as a text. A text that the validator would take apart is one yet for
    # the tasks, which read the variable as it was given.
    if isinstance(value, _CONFUSED.get(kind, ())):
        remedy = f"give it as JSON: -e '{{\"{place}\": ...}}'" if kind in _JSON and "[" not in place else "correct it"
        return None, [f"{place}: '{value}' is not {_wanted(option)}; {remedy} ({_described(option)})"]
    if kind == "list" and isinstance(value, list) and "elements" in option:
        return _typed_elements(place, option, value)
    spec = {key: option[key] for key in ("type", "choices") if key in option}
    result = ArgumentSpecValidator({"value": spec}).validate({"value": value})
    if result.error_messages:
        return None, [f"{place}: '{value}' is not {_wanted(option)}; correct it ({_described(option)})"]
    return result.validated_parameters["value"], []


def _typed_elements(place: str, option: Mapping[str, Any], items: list[Any]) -> tuple[list[Any], list[str]]:
    # The choices of a list are those of its elements.
    inner = {"type": option["elements"], **{key: option[key] for key in ("choices",) if key in option}}
    inner["description"] = option["description"]
    found: list[str] = []
    typed: list[Any] = []
    for position, item in enumerate(items):
        here = f"{place}[{position}]"
        if option["elements"] == "dict":
            own, problems = _typed_row(here, option.get("options", {}), item)
        elif item is None:
            own, problems = None, [f"{here}: has no value; give it one, or remove it"]
        else:
            own, problems = _typed(here, inner, item)
        typed.append(own)
        found += problems
    return typed, found


def _typed_row(place: str, options: Mapping[str, Mapping[str, Any]], row: Any) -> tuple[Any, list[str]]:
    """An element that is a mapping, with the keys of ``options`` when it has any."""
    if not isinstance(row, Mapping):
        example = next((f"{{{name}: {row}}}" for name, option in options.items() if option.get("required")), "{...}")
        return None, [f"{place}: '{row}' is not a mapping; write it as {example}"]
    if not options:
        return dict(row), []
    found = [
        f"{place}: '{key}' is not a key that is known here; use {', '.join(options)}"
        for key in row
        if key not in options
    ]
    typed: dict[str, Any] = {}
    for key, option in options.items():
        if row.get(key) is None:
            # An unknown key is the wrong name of the one that is missing.
            if option.get("required") and not set(row) - set(options):
                found.append(f"{place}.{key}: has no value; give it one ({_described(option)})")
            # As the validator leaves it.
            typed[key] = None
            continue
        typed[key], problems = _typed(f"{place}.{key}", option, row[key])
        found += problems
    return typed, found


def _unquoted(place: str, value: bool | float) -> str:
    """A text that YAML has read as something else."""
    if isinstance(value, bool):
        return f"{place}: is {str(value).lower()} to YAML, which takes yes, no, on and off for booleans; quote it"
    return (
        f"{place}: {value} is a number to YAML, which drops the last zero of one such as 15.10; quote it: '{value}', "
        f"or '{value}0' if that is meant"
    )


def _wanted(option: Mapping[str, Any]) -> str:
    if "choices" in option:
        return "one of " + ", ".join(str(choice) for choice in option["choices"])
    word = _WORDS[option.get("type", "str")]
    return f"{word}, each element {_WORDS[option['elements']]}" if "elements" in option else word


def _described(option: Mapping[str, Any]) -> str:
    text = option.get("description", "")
    return plain(" ".join(text if isinstance(text, list) else [text]).strip().rstrip("."))


def plain(text: str) -> str:
    """A text of Ansible's documentation without its markup, such as ``V(single)``.

    Source: Ansible's developer guide, "Ansible markup" (developing_modules_documenting).
    """
    return re.sub(r"\b(?:B|C|E|I|M|O|P|RV|U|V)\(([^()]*)\)", r"\1", text)
