# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificate authority of the embedded RDS, and the certificates of its instances."""

from __future__ import annotations

import datetime
import ipaddress
import os
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

#: The name of the authority that AWS gives to new instances.
DEFAULT_AUTHORITY = "rds-ca-rsa2048-g1"
_LIFETIME = datetime.timedelta(days=365)


class Authority:
    """Signs the certificates of the instances; its own is at :attr:`file` for ``sslrootcert``.

    Its key never leaves the memory of this process.

    :param folder: where its certificate is written.
    """

    def __init__(self, folder: Path) -> None:
        self.file = folder / f"{DEFAULT_AUTHORITY}.pem"
        self.valid_until = datetime.datetime.now(datetime.UTC).replace(microsecond=0) + _LIFETIME
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._name = _name(DEFAULT_AUTHORITY)
        certificate = (
            self._builder(self._name, self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        write_private(self.file, certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, common_name: str, certificate: Path, key: Path) -> None:
        """Write a new key (mode 0600) and its certificate for a server on 127.0.0.1."""
        own = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        names = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")]
        signed = (
            self._builder(_name(common_name[:64]), own.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        write_private(certificate, signed.public_bytes(serialization.Encoding.PEM))
        write_private(
            key,
            own.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ),
        )

    def _builder(self, subject: x509.Name, public_key: rsa.RSAPublicKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            # An hour back, so that a clock that is a little behind accepts it.
            .not_valid_before(self.valid_until - _LIFETIME - datetime.timedelta(hours=1))
            .not_valid_after(self.valid_until)
        )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _usage(signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=not signs,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


def write_private(file: Path, content: bytes) -> None:
    """Write ``file`` in one step, readable for its owner only."""
    temporary = file.with_name(file.name + ".new")
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
        out.write(content)
    temporary.replace(file)
