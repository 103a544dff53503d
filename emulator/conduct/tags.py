# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tags that RDS refuses, which moto takes.

Sources: API Tag of RDS; the texts are from cloud-custodian#6782 and cloud-custodian#2115.
"""

from __future__ import annotations

import re

from emulator.conduct.calls import ApiCall, Refusal

_PREFIXES = ("aws:", "rds:")
_OTHER = re.compile(r"[^\w\s.:/=+\\\-@]")


def check(call: ApiCall) -> None:
    """:raises Refusal: RDS is to get a tag that it does not take."""
    if call.service != "rds":
        return
    for tag in call.input.get("Tags") or []:
        for what, text in (("keys", tag.get("Key") or ""), ("values", tag.get("Value") or "")):
            for prefix in _PREFIXES:
                if text.lower().startswith(prefix):
                    raise Refusal(
                        "InvalidParameterValue", f'Tag {what} cannot start with the reserved prefix "{prefix}".'
                    )
            if _OTHER.search(text):
                raise Refusal(
                    "InvalidParameterValue",
                    f"Tag {what} may only contain unicode letters, digits, whitespace, or one of these symbols: "
                    "_ . : / = + \\ - @",
                )
