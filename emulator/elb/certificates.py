# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates and keys as files that only nginx's master reads."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from emulator.elb.config import CertificateFile
from emulator.elb.model import Certificate
from emulator.state import write_private


class CertificateStore:
    """Files in ``folder`` (0700), each 0600, named by content: a renewed certificate is a new file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def prepare(self) -> None:
        """Make the folder."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def place(self, certificate: Certificate, names: tuple[str, ...]) -> CertificateFile:
        """Write a certificate, unless it is there already.

        :param names: the DNS names that it is for.
        """
        digest = hashlib.sha256(f"{certificate.chain}\n{certificate.key}".encode()).hexdigest()[:32]
        found = CertificateFile(f"tls/{digest}.pem", f"tls/{digest}.key", names)
        for path, text in ((found.key, certificate.key), (found.chain, certificate.chain)):
            file = self._folder.parent / path
            if not file.exists():
                write_private(file, text)
        return found

    def keep(self, files: Iterable[CertificateFile]) -> None:
        """Remove every other file."""
        wanted = {name for file in files for name in (file.chain, file.key)}
        for file in self._folder.iterdir():
            if f"tls/{file.name}" not in wanted:
                file.unlink(missing_ok=True)
