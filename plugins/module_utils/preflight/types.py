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
            remedy = "set it in the inventory" if option.get("required") else "take it out to have its default"
            found.append(f"{variable}: has no value; {remedy} ({_described(option)})")
            continue
        spec = _spec(option)
        # A text made of a list or a mapping would pass as a text. A text that the validator would take apart is one yet
        # for the tasks, which read the variable as it was given.
        kind = spec.get("type", "str")
        confused = isinstance(value, _CONFUSED.get(kind, ()))
        result = ArgumentSpecValidator({variable: spec}).validate({variable: value})
        if "options" in option and result.error_messages:
            # Such a message says which element, and which of its keys.
            found.append(f"{variable}: {result.error_messages[0]}; correct it ({_described(option)})")
        elif confused or result.error_messages:
            remedy = f"give it as JSON: -e '{{\"{variable}\": ...}}'" if kind in _JSON and confused else "correct it"
            found.append(f"{variable}: '{value}' is not {_wanted(option)}; {remedy} ({_described(option)})")
        else:
            typed[variable] = result.validated_parameters[variable]
    return typed, found


def _spec(option: Mapping[str, Any]) -> dict[str, Any]:
    """An option as the validator takes it, with those of its elements. What is required is the caller's affair."""
    spec = {key: option[key] for key in ("type", "elements", "choices") if key in option}
    if "options" in option:
        spec["options"] = {
            name: {**_spec(suboption), "required": bool(suboption.get("required"))}
            for name, suboption in option["options"].items()
        }
    return spec


def _wanted(option: Mapping[str, Any]) -> str:
    if "choices" in option:
        return "one of " + ", ".join(str(choice) for choice in option["choices"])
    word = _WORDS[option.get("type", "str")]
    return f"{word}, each element {_WORDS[option['elements']]}" if "elements" in option else word


def _described(option: Mapping[str, Any]) -> str:
    text = option["description"]
    return plain(" ".join(text if isinstance(text, list) else [text]).strip().rstrip("."))


def plain(text: str) -> str:
    """A text of Ansible's documentation without its markup, such as ``V(single)``.

    Source: Ansible's developer guide, "Ansible markup" (developing_modules_documenting).
    """
    return re.sub(r"\b(?:B|C|E|I|M|O|P|RV|U|V)\(([^()]*)\)", r"\1", text)
