# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The values of DB parameters as RDS keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

TRUE = ("true", "on", "yes")
FALSE = ("false", "off", "no")


def as_text(value: Any, data_type: str | None) -> str:
    """A value as RDS keeps it. RDS shows a boolean as 1 or 0, whichever way it was written.

    :param data_type: DataType of DescribeDBParameters.
    """
    text = ("1" if value else "0") if isinstance(value, bool) else str(value)
    if data_type == "boolean" and text.lower() in TRUE + FALSE:
        return "1" if text.lower() in TRUE else "0"
    return text


def parameter_texts(parameters: Mapping[str, Any], group: Mapping[str, Any] | None = None) -> dict[str, str]:
    """The parameters that have to be set, as RDS keeps them: without those that are so by default.

    :param group: the settings of the group, with ``_booleans`` and ``_defaults``; None where there is no group.
    """
    known = group or {"_booleans": [], "_defaults": {}}
    texts = {
        name: as_text(value, "boolean" if name in known["_booleans"] else None) for name, value in parameters.items()
    }
    return {name: text for name, text in texts.items() if known["_defaults"].get(name) != text}
