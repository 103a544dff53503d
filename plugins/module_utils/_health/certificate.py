# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who a certificate is for and how long: the few fields of X.509 that a person asks about.

Python tells them of a certificate that it has checked, but not of one that it was told not to check, and one that is
out of date is just what has to be shown. So they are read from the DER bytes (RFC 5280, 4.1; X.690 for the coding).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

_INTEGER, _OID, _SEQUENCE, _VERSION = 0x02, 0x06, 0x30, 0xA0
_UTC_TIME, _TELETEX, _BMP, _UNIVERSAL = 0x17, 0x14, 0x1E, 0x1C
_ENCODINGS = {_TELETEX: "latin-1", _BMP: "utf-16-be", _UNIVERSAL: "utf-32-be"}

#: The parts of a name that are shown (RFC 4514, 3), by the bytes of their object identifier.
_ATTRIBUTES = {
    b"\x55\x04\x03": "CN",
    b"\x55\x04\x06": "C",
    b"\x55\x04\x0a": "O",
    b"\x55\x04\x0b": "OU",
}


class UnreadableCertificateError(ValueError):
    """These bytes are no X.509 certificate."""


@dataclass(frozen=True)
class Certificate:
    """A certificate. Names are written as ``CN=mlflow.example.org, O=Example``."""

    subject: str
    issuer: str
    not_after: datetime

    def days_left(self, now: datetime) -> int:
        """Whole days until it ends; negative once it has."""
        return (self.not_after - now).days

    def to_dict(self, now: datetime) -> dict[str, Any]:
        """Plain values for Ansible."""
        return {
            "subject": self.subject,
            "issuer": self.issuer,
            "not_after": self.not_after.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "days_left": self.days_left(now),
        }


def parse(der: bytes) -> Certificate:
    """The certificate in ``der``.

    :raises UnreadableCertificateError: it is none.
    """
    try:
        fields = _children(_children(_children(der)[0][1])[0][1])
        if fields[0][0] == _VERSION:
            fields = fields[1:]
        _serial, _algorithm, issuer, validity, subject = fields[:5]
        if _serial[0] != _INTEGER or {field[0] for field in fields[1:5]} != {_SEQUENCE}:
            raise ValueError("not the fields of a certificate")
        return Certificate(_name(subject[1]), _name(issuer[1]), _time(*_children(validity[1])[1]))
    except (IndexError, ValueError, LookupError) as error:
        raise UnreadableCertificateError(f"the certificate cannot be read: {error}") from None


def _children(data: bytes) -> list[tuple[int, bytes]]:
    """Tag and content of each value in ``data``."""
    found = []
    while data:
        tag, length, start = data[0], data[1], 2
        if length & 0x80:
            start += length & 0x7F
            length = int.from_bytes(data[2:start], "big")
        if start + length > len(data):
            raise ValueError("it is cut off")
        found.append((tag, data[start : start + length]))
        data = data[start + length :]
    return found


def _name(data: bytes) -> str:
    shown = []
    for _tag, pairs in _children(data):
        for _kind, pair in _children(pairs):
            (kind, oid), (tag, value) = _children(pair)[:2]
            if kind == _OID and oid in _ATTRIBUTES:
                shown.append(f"{_ATTRIBUTES[oid]}={value.decode(_ENCODINGS.get(tag, 'utf-8'), 'replace')}")
    # The most special part comes last in a certificate, and first in what people write.
    return ", ".join(reversed(shown))


def _time(tag: int, value: bytes) -> datetime:
    text = value.decode("ascii")
    if tag == _UTC_TIME:
        # RFC 5280, 4.1.2.5.1: two digits mean 1950 to 2049.
        text = ("19" if text >= "50" else "20") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
