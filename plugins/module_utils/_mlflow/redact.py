# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps credentials out of every text that leaves the client: errors, details, return values."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote, quote_plus

from .passwords import SHIPPED_PASSWORDS

MASK = "********"

#: Shorter texts occur by chance in ordinary words; masking them would hide messages and tell the secret.
_SHORTEST = 4


def _base64_cores(secret: bytes) -> set[str]:
    """The parts of ``secret`` that stay the same wherever it begins inside a base64-coded text.

    Base64 codes three bytes at a time, so a password inside ``user:password`` has three spellings, one
    for each position of its first byte. The characters that share bits with a neighbour are cut off.
    """
    cores = set()
    for offset in range(3):
        coded = base64.b64encode(b"\0" * offset + secret).decode().rstrip("=")
        start = (offset * 8 + 5) // 6
        end = (offset + len(secret)) * 8 // 6
        cores.add(coded[start:end])
    return {core for core in cores if len(core) >= _SHORTEST}


def spellings(secret: str) -> set[str]:
    """Every spelling of ``secret`` that an HTTP client or server may echo.

    Clear, percent-encoded, escaped for JSON, and base64-coded at any position.
    """
    if len(secret) < _SHORTEST:
        return set()
    found = {secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1]}
    found.add(json.dumps(secret, ensure_ascii=False)[1:-1])
    found |= _base64_cores(secret.encode())
    # Everybody knows these words, and without "password" no message could be read.
    return found - set(SHIPPED_PASSWORDS)


class Redactor:
    """Replaces known secrets in texts by :data:`MASK`."""

    def __init__(self) -> None:
        self._spellings: set[str] = set()

    def add(self, secret: str | None) -> None:
        """Learn ``secret``; nothing that :meth:`clean` returns contains it from now on."""
        if secret:
            self._spellings |= spellings(secret)

    @property
    def known(self) -> set[str]:
        """All spellings learnt so far (for ``AnsibleModule.no_log_values``)."""
        return set(self._spellings)

    def clean(self, text: str) -> str:
        """``text`` without any known secret, longest spelling first."""
        for spelling in sorted(self._spellings, key=len, reverse=True):
            text = text.replace(spelling, MASK)
        return text
