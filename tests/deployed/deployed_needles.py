# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secret values in plain text and in base64, looked for in texts."""

from __future__ import annotations

import base64
import urllib.parse
from collections.abc import Iterable, Mapping


def forms(value: str) -> set[bytes]:
    """What ``value`` looks like in a text: plain, percent-encoded, and inside any base64.

    Base64 takes three bytes at a time, so a value inside a longer text (``user:password``, a JSON
    document) has one of three encodings; the characters that its neighbours share are left out.
    """
    raw = value.encode()
    found = {raw, urllib.parse.quote(value, safe="").encode()}
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + raw)
        first = (before * 8 + 5) // 6
        last = (before + len(raw)) * 8 // 6
        found |= {encoded[first:last], base64.urlsafe_b64encode(bytes(before) + raw)[first:last]}
    return found


class Needles:
    """Finds which secrets a text holds.

    :param values: the secret values by their name; each is at least 12 characters, so that no text holds one
        by accident.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        assert all(len(value) >= 12 for value in values.values())
        self._forms = {name: forms(value) for name, value in values.items()}

    def found_in(self, text: bytes | str) -> list[str]:
        """Names of the secrets in ``text``."""
        raw = text.encode() if isinstance(text, str) else text
        return [name for name, looks in self._forms.items() if any(look in raw for look in looks)]

    def places(self, texts: Iterable[tuple[str, bytes | str]]) -> list[str]:
        """``secret in place`` for each secret in the named ``texts``; never a value."""
        return [f"{name} in {place}" for place, text in texts for name in self.found_in(text)]
