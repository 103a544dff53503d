# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The DB parameters of ``rds_parameters`` against those that RDS knows for the version."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.rds.offers import nearest
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.rds.texts import as_text

_NUMBER = r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
_RANGE = re.compile(rf"({_NUMBER})-({_NUMBER})")
_TYPES = {"integer": (r"-?[0-9]+", "a whole number"), "float": (_NUMBER, "a number"), "boolean": ("[01]", "1 or 0")}
#: A formula over the instance class, of which RDS works out the value: "Specifying DB parameters" in the user guide.
_FORMULA = re.compile(r"\{|^(GREATEST|LEAST|SUM|log)\b", re.IGNORECASE)


def parameter_problems(parameters: Mapping[str, Any], offers: Mapping[str, Any], family: str) -> list[str]:
    """One sentence for each parameter that RDS would not take.

    :param parameters: ``rds_parameters``; values that are no text or number are left to the checks of the inputs.
    :param offers: with ``parameters`` and ``parameter_names``, as :func:`database_offers` answers them.
    :param family: what the parameters are for, such as ``PostgreSQL 15``.
    """
    found = []
    for name, value in parameters.items():
        known = offers["parameters"].get(name)
        if known is None:
            near = nearest(name, offers["parameter_names"], most=1)
            rename = f"rename it to {near[0]} if that is meant, or remove it" if near else "remove it"
            found.append(f"rds_parameters.{name}: RDS has no such parameter for {family}; {rename}")
        elif not known["modifiable"]:
            found.append(f"rds_parameters.{name}: RDS does not let this parameter be changed; remove it")
        elif value is not None and not isinstance(value, (Mapping, list)):
            text = as_text(value, known["type"])
            if takes := _refusal(text, known["type"], known["allowed"]):
                found.append(f"rds_parameters.{name}: RDS does not take '{text}'; give {takes}")
    return found


def _refusal(text: str, kind: str | None, allowed: str | None) -> str | None:
    """What RDS takes, in words, where it does not take ``text``; None where it does or it cannot be told."""
    if _FORMULA.search(text):
        return None
    pattern, what = _TYPES.get(kind or "", ("(?s).*", "a text"))
    if kind in ("integer", "float"):
        if not re.fullmatch(pattern, text):
            return what + (f" ({_words(allowed)})" if allowed else "")
        return None if allowed is None or _in_a_range(float(text), allowed) else f"{what} ({_words(allowed)})"
    if not re.fullmatch(pattern, text):
        return what
    if kind == "boolean" or not allowed or "," not in allowed:
        return None
    # Some take a list of the allowed values, and a value may have commas of its own.
    values = {one.strip().lower() for one in allowed.split(",")}
    given = {one.strip().lower() for one in text.split(",")}
    return None if given <= values or text.lower() in allowed.lower() else f"one of {', '.join(allowed.split(','))}"


def _in_a_range(number: float, allowed: str) -> bool:
    """Whether a number is one of the values or in a range of AllowedValues, such as ``-1-100`` or ``0,5-9``."""
    for part in allowed.replace(" ", "").split(","):
        limits = _RANGE.fullmatch(part)
        if limits is None and not re.fullmatch(_NUMBER, part):
            # A way of writing it that is not known here: RDS decides.
            return True
        low, high = limits.groups() if limits else (part, part)
        if float(low) <= number <= float(high):
            return True
    return False


def _words(allowed: str) -> str:
    return ", ".join(_RANGE.sub(r"\1 to \2", part) for part in allowed.replace(" ", "").split(","))
