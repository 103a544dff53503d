# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps passwords and database URIs out of everything that is printed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, TextIO
from urllib.parse import quote, quote_plus

#: Variables whose values are secret (the contract of the task definition, and MLflow's own).
SECRET_VARIABLES = (
    "MLFLOW_AWS_DB_PASSWORD",
    "MLFLOW_AWS_DB_MASTER_PASSWORD",
    "MLFLOW_AWS_ADMIN_PASSWORD",
    "MLFLOW_FLASK_SERVER_SECRET_KEY",
    "MLFLOW_CRYPTO_KEK_PASSPHRASE",
)
MASK = "***"
_CREDENTIALS_IN_URI = re.compile(r"(?<=://)[^\s/@]*:[^\s@]*@")


class Redactor:
    """Replaces secrets in a text by ``***``.

    :param secrets: the secret values; their percent-encoded and ini-escaped forms are masked too.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        forms: set[str] = set()
        for secret in secrets:
            for form in (secret, quote(secret, safe=""), quote_plus(secret)):
                forms.update((form, form.replace("%", "%%")))
        forms.discard("")
        # Longest first: a secret that is a part of another must not leave the rest behind.
        self._forms = sorted(forms, key=len, reverse=True)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Redactor:
        """A redactor of the secrets that ``environ`` holds."""
        return cls(environ.get(name, "") for name in SECRET_VARIABLES)

    def __call__(self, text: str) -> str:
        """``text`` without secrets, and without the credentials of any URI."""
        for form in self._forms:
            text = text.replace(form, MASK)
        return _CREDENTIALS_IN_URI.sub(f"{MASK}@", text)


class RedactingStream:
    """A text stream that redacts what is written; everything else is the wrapped stream's."""

    def __init__(self, stream: TextIO, redact: Redactor) -> None:
        self._stream = stream
        self._redact = redact

    def write(self, text: str) -> int:
        """Write ``text`` without its secrets; answers the number of characters taken."""
        self._stream.write(self._redact(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write each of ``lines`` without its secrets."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
