# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""snake_case on our side, ECS's own names on AWS's: both ways, led by botocore's model of the API.

The model says which keys exist, which are maps with keys of the user's own, and what type each value has.
So every field that the installed botocore knows can be used, a mistyped one is refused before any call, and
no list of fields has to be kept here.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean

try:
    import botocore
    import botocore.session
except ImportError:
    pass  # AnsibleAWSModule says so, in a message of its own

from .inputs import InvalidInput

#: Names that botocore's rule splits in an unreadable way.
_SPECIAL_NAMES = {"sizeInGiB": "size_in_gib"}


@cache
def _ecs_model() -> Any:
    return botocore.session.get_session().get_service_model("ecs")


def request_shape(operation: str) -> Any:
    """botocore's model of what an ECS operation takes, for example ``RegisterTaskDefinition``."""
    return _ecs_model().operation_model(operation).input_shape


def response_shape(operation: str) -> Any:
    """botocore's model of what an ECS operation answers."""
    return _ecs_model().operation_model(operation).output_shape


def snake_name(name: str) -> str:
    """The option name of an ECS key: ``readonlyRootFilesystem`` is ``readonly_root_filesystem``."""
    return _SPECIAL_NAMES.get(name) or str(botocore.xform_name(name))


def _accepted_names(shape: Any) -> dict[str, str]:
    """What a user may write for each member of a structure: snake_case, or the name that ECS uses."""
    names = {member: member for member in shape.members}
    names.update({str(botocore.xform_name(member)): member for member in shape.members})
    names.update({snake_name(member): member for member in shape.members})
    return names


def nearest(word: str, candidates: Iterator[str] | list[str]) -> str:
    """A hint such as `` Did you mean "environment"?``, or nothing when no candidate is close."""
    by_lower = {candidate.lower(): candidate for candidate in candidates}
    found = difflib.get_close_matches(word.lower(), list(by_lower), n=1, cutoff=0.6)
    return f' Did you mean "{by_lower[found[0]]}"?' if found else ""


def to_api(value: Any, shape: Any, where: str) -> Any:
    """Turns a user's value into what the API takes.

    Keys may be snake_case or ECS's own. A list of name and value pairs may be a dictionary. ``None`` means
    "not given". Numbers and booleans may be strings, as Jinja makes them.

    :param where: the option's name, for messages.
    :raises InvalidInput: an unknown or doubled key, a wrong type, or a value that ECS does not know.
    """
    if shape.type_name == "structure":
        return _structure_to_api(value, shape, where)
    if shape.type_name == "list":
        if isinstance(value, Mapping) and (keys := _pair_keys(shape)):
            return _pairs_to_api(value, keys, shape, where)
        if not isinstance(value, (list, tuple)):
            raise InvalidInput(f"{where} must be a list, not {_kind(value)}.")
        return [to_api(item, shape.member, f"{where}[{index}]") for index, item in enumerate(value)]
    if shape.type_name == "map":
        if not isinstance(value, Mapping):
            raise InvalidInput(f"{where} must be a dictionary, not {_kind(value)}.")
        return {str(key): to_api(item, shape.value, f"{where}.{key}") for key, item in value.items()}
    return _scalar_to_api(value, shape, where)


def _structure_to_api(value: Any, shape: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidInput(f"{where} must be a dictionary, not {_kind(value)}.")
    names = _accepted_names(shape)
    result: dict[str, Any] = {}
    for key, item in value.items():
        if key not in names:
            known = [snake_name(member) for member in shape.members]
            hint = nearest(str(key), known) or (f" It knows {', '.join(known)}." if len(known) <= 8 else "")
            raise InvalidInput(f'{where} has the key "{key}", which ECS does not know.{hint}')
        member = names[key]
        if member in result:
            raise InvalidInput(f'{where} has "{snake_name(member)}" twice, under two spellings.')
        if item is not None:
            result[member] = to_api(item, shape.members[member], f"{where}.{key}")
    missing = [member for member in shape.required_members if member not in result]
    if missing:
        raise InvalidInput(f'{where} lacks "{snake_name(missing[0])}".')
    return result


def _pair_keys(shape: Any) -> tuple[str, str] | None:
    """The two keys of a list of pairs: environment, secrets, secretOptions and the like."""
    if shape.member.type_name != "structure":
        return None
    for keys in (("name", "value"), ("name", "valueFrom")):
        if set(shape.member.members) == set(keys):
            return keys
    return None


def _pairs_to_api(value: Mapping[Any, Any], keys: tuple[str, str], shape: Any, where: str) -> list[dict[str, Any]]:
    of_value = shape.member.members[keys[1]]
    return [
        {keys[0]: str(name), keys[1]: to_api(item, of_value, f"{where}.{name}")}
        for name, item in value.items()
        if item is not None
    ]


def _scalar_to_api(value: Any, shape: Any, where: str) -> Any:
    if isinstance(value, (Mapping, list, tuple)) or value is None:
        raise InvalidInput(f"{where} must be a single value, not {_kind(value)}.")
    if shape.type_name in ("integer", "long"):
        text = str(value).strip()
        if not text.removeprefix("-").isdigit():
            raise InvalidInput(f'{where} is "{value}"; it must be a whole number.')
        return int(text)
    if shape.type_name in ("double", "float"):
        try:
            return float(value)
        except ValueError as error:
            raise InvalidInput(f'{where} is "{value}"; it must be a number.') from error
    if shape.type_name == "boolean":
        try:
            return bool(boolean(value))
        except TypeError as error:
            raise InvalidInput(f'{where} is "{value}"; it must be true or false.') from error
    # YAML's true and false are written as most programs read them, not as Python prints them.
    text = str(value).lower() if isinstance(value, bool) else str(value)
    known = getattr(shape, "enum", None)
    if known and text not in known:
        raise InvalidInput(f'{where} is "{text}"; ECS knows {", ".join(known)}.{nearest(text, list(known))}')
    return text


def to_snake(value: Any, shape: Any) -> Any:
    """Turns what the API answered, or what it takes, into snake_case; members that ``shape`` lacks are left out.

    Keys of maps (labels, log options) stay as the user wrote them; times become ISO 8601 text.
    """
    if shape.type_name == "structure":
        members = shape.members
        return {snake_name(k): to_snake(v, members[k]) for k, v in value.items() if k in members and v is not None}
    if shape.type_name == "list":
        return [to_snake(item, shape.member) for item in value]
    if shape.type_name == "map":
        return {str(key): to_snake(item, shape.value) for key, item in value.items()}
    return value.isoformat() if hasattr(value, "isoformat") else value


def _kind(value: Any) -> str:
    if isinstance(value, Mapping):
        return "a dictionary"
    if isinstance(value, (list, tuple)):
        return "a list"
    return "nothing" if value is None else f'"{value}"'
