# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Condition element of IAM policies.

Source: IAM User Guide, "IAM JSON policy elements: Condition operators" and "Conditions with multiple
context keys or values".
"""

from __future__ import annotations

import datetime
import functools
import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

#: The context of a call: key (as AWS spells it, compared without case) to one value or several.
RequestContext = Mapping[str, "str | Sequence[str]"]


@functools.lru_cache(maxsize=4096)
def _pattern(pattern: str, ignore_case: bool) -> re.Pattern[str]:
    text = "".join(".*" if c == "*" else "." if c == "?" else re.escape(c) for c in pattern)
    return re.compile(text, re.DOTALL | (re.IGNORECASE if ignore_case else 0))


def matches(pattern: str, value: str, ignore_case: bool = False) -> bool:
    """Whether ``value`` matches ``pattern``, in which ``*`` is any text and ``?`` any character."""
    return _pattern(pattern, ignore_case).fullmatch(value) is not None


def arn_matches(pattern: str, value: str) -> bool:
    """Whether two ARNs match part by part: a wildcard never spans a colon before the resource part."""
    wanted, found = pattern.split(":", 5), value.split(":", 5)
    return len(wanted) == len(found) and all(matches(w, f) for w, f in zip(wanted, found, strict=True))


def _number(compare: Callable[[float, float], bool]) -> Callable[[str, str], bool]:
    def test(wanted: str, found: str) -> bool:
        try:
            return compare(float(found), float(wanted))
        except ValueError:
            return False

    return test


def _instant(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def _date(compare: Callable[[float, float], bool]) -> Callable[[str, str], bool]:
    def test(wanted: str, found: str) -> bool:
        try:
            return compare(_instant(found), _instant(wanted))
        except ValueError:
            return False

    return test


def _address(wanted: str, found: str) -> bool:
    try:
        return ipaddress.ip_address(found) in ipaddress.ip_network(wanted, strict=False)
    except ValueError:
        return False


#: Positive operators: (value in the policy, value of the call) -> match.
_TESTS: dict[str, Callable[[str, str], bool]] = {
    "stringequals": lambda wanted, found: wanted == found,
    "stringequalsignorecase": lambda wanted, found: wanted.lower() == found.lower(),
    "stringlike": lambda wanted, found: matches(wanted, found),
    "numericequals": _number(lambda found, wanted: found == wanted),
    "numericlessthan": _number(lambda found, wanted: found < wanted),
    "numericlessthanequals": _number(lambda found, wanted: found <= wanted),
    "numericgreaterthan": _number(lambda found, wanted: found > wanted),
    "numericgreaterthanequals": _number(lambda found, wanted: found >= wanted),
    "dateequals": _date(lambda found, wanted: found == wanted),
    "datelessthan": _date(lambda found, wanted: found < wanted),
    "datelessthanequals": _date(lambda found, wanted: found <= wanted),
    "dategreaterthan": _date(lambda found, wanted: found > wanted),
    "dategreaterthanequals": _date(lambda found, wanted: found >= wanted),
    "bool": lambda wanted, found: wanted.lower() == found.lower(),
    "binaryequals": lambda wanted, found: wanted == found,
    "ipaddress": _address,
    "arnequals": arn_matches,
    "arnlike": arn_matches,
}
#: Negated operators match when the positive one matches no value.
_NEGATED = {
    "stringnotequals": "stringequals",
    "stringnotequalsignorecase": "stringequalsignorecase",
    "stringnotlike": "stringlike",
    "numericnotequals": "numericequals",
    "datenotequals": "dateequals",
    "notipaddress": "ipaddress",
    "arnnotequals": "arnequals",
    "arnnotlike": "arnlike",
}


def as_list(value: Any) -> list[str]:
    """The texts of a policy element that may be one value or a list; booleans as JSON spells them."""
    values = value if isinstance(value, (list, tuple)) else [value]
    return [str(v).lower() if isinstance(v, bool) else str(v) for v in values]


def _holds(operator: str, wanted: list[str], found: list[str] | None) -> bool:
    name = operator.lower()
    quantifier = ""
    if ":" in name:
        quantifier, name = name.split(":", 1)
    if name == "null":
        return (found is None) == (wanted[0].lower() == "true")
    if_exists = name.endswith("ifexists")
    name = name.removesuffix("ifexists")
    negated = name in _NEGATED
    test = _TESTS.get(_NEGATED.get(name, name))
    if test is None:  # an operator that IAM does not know never matches
        return False
    if found is None:
        return if_exists or quantifier == "forallvalues" or (negated and quantifier != "foranyvalue")

    def one(value: str) -> bool:
        return any(test(each, value) for each in wanted) != negated

    if quantifier == "forallvalues":
        return all(one(value) for value in found)
    if quantifier == "foranyvalue" or not negated:
        return any(one(value) for value in found)
    return all(one(value) for value in found)


_VARIABLE = re.compile(r"\$\{([^}]*)\}")


def substitute(text: str, context: RequestContext) -> str | None:
    """``text`` with its policy variables (``${aws:username}``) filled in; None when one has no value.

    ``${*}``, ``${?}`` and ``${$}`` stand for the characters themselves.
    """
    if "${" not in text:
        return text
    missing = False
    lowered = {key.lower(): value for key, value in context.items()}

    def fill(found: re.Match[str]) -> str:
        nonlocal missing
        name, _, default = found.group(1).partition(",")
        if name in ("*", "?", "$"):
            return name
        value = lowered.get(name.strip().lower())
        if isinstance(value, str):
            return value
        if default:
            return default.strip().strip("'")
        missing = True
        return ""

    filled = _VARIABLE.sub(fill, text)
    return None if missing else filled


def conditions_hold(conditions: Mapping[str, Any] | None, context: RequestContext) -> bool:
    """Whether every condition of a statement holds for a call.

    :param conditions: the Condition element: operator -> context key -> value or values.
    :param context: the context keys of the call.
    """
    if not conditions:
        return True
    lowered = {key.lower(): value for key, value in context.items()}
    for operator, block in conditions.items():
        for key, values in block.items():
            present = lowered.get(key.lower())
            found = None if present is None else as_list(present)
            wanted = [filled for each in as_list(values) if (filled := substitute(each, context)) is not None]
            if not _holds(operator, wanted or [""], found):
                return False
    return True
