# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates for servers of tests."""

from __future__ import annotations

import datetime
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cryptography import x509

    from tests.unit.plugins.mlflow.mlflow_faults import FaultServer

DAY = datetime.timedelta(days=1)


def made(
    subject: x509.Name, *, days: float = 90, key: Any = None, names: tuple[str, ...] = (), start: Any = None
) -> tuple[x509.Certificate, Any]:
    """A certificate that signs itself, and its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    key = key or ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start or now - 100 * DAY)
        .not_valid_after(now + days * DAY)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )
    if names:
        found = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
        builder = builder.add_extension(found, critical=False)
    return builder.sign(key, hashes.SHA256()), key


def files(folder: Path, name: str, *, days: float = 90) -> tuple[Path, Path]:
    """Files of a self-signed certificate for ``name`` and of its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization

    certificate, key = made(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]), days=days, names=(name,))
    cert_file, key_file = folder / "server.crt", folder / "server.pk"
    cert_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    pkcs8, none = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    key_file.write_bytes(key.private_bytes(serialization.Encoding.PEM, pkcs8, none))
    return cert_file, key_file


def serve_tls(server: FaultServer, cert: Path, key: Path, *, newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> str:
    """Let ``server`` speak TLS from now on; its URL."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = newest
    context.load_cert_chain(cert, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    return server.url.replace("http:", "https:")
