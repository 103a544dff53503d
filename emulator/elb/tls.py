# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Security policies and the names in certificates."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cryptography import x509
from cryptography.x509.oid import NameOID
from moto.elbv2.ssl_policies import SSL_POLICIES

#: The policy of a listener that names none, and of one whose policy is newer than our table.
DEFAULT_POLICY = "ELBSecurityPolicy-2016-08"


@dataclass(frozen=True)
class Policy:
    """Protocol versions and OpenSSL cipher list ("" leaves the choice to TLS 1.3) of a policy."""

    protocols: tuple[str, ...]
    ciphers: str


def policy(name: str) -> Policy:
    """What a security policy allows.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html
    """
    data = SSL_POLICIES.get(name) or SSL_POLICIES[DEFAULT_POLICY]
    protocols = tuple(sorted(data["ssl_protocols"]))
    ciphers = ":".join(each for each in data["ciphers"] if not each.startswith("TLS_"))
    # OpenSSL 3 refuses the signatures of TLS 1.0 and 1.1 above security level 0.
    old = {"TLSv1", "TLSv1.1"} & set(protocols)
    return Policy(protocols, f"{ciphers}:@SECLEVEL=0" if ciphers and old else ciphers)


def names(chain: str) -> tuple[str, ...]:
    """The DNS names of the first certificate in ``chain``, lower case; its common name if it has none.

    :raises ValueError: when the text holds no certificate.
    """
    leaf = x509.load_pem_x509_certificate(chain.encode("ascii"))
    try:
        found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        dns = found.get_values_for_type(x509.DNSName)
    except x509.ExtensionNotFound:
        dns = [str(each.value) for each in leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    return tuple(dict.fromkeys(name.lower() for name in dns if re.fullmatch(r"(\*\.)?[A-Za-z0-9_.-]+", name)))
