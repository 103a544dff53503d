# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS to an MLflow server: the settings, what a handshake agreed on, and its faults in words."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ansible.module_utils.urls import make_context

from .errors import InvalidOptionsError, TlsError

# OpenSSL's X509_V_ERR_* (x509_vfy.h): faults that have remedies of their own.
_NOT_YET_VALID, _EXPIRED, _OTHER_NAME, _OTHER_ADDRESS = 9, 10, 62, 64
_REMEDIES = {
    _NOT_YET_VALID: "check the clock of this machine, or wait until the certificate is valid",
    _EXPIRED: "renew the certificate, and let the load balancer's listener use the new one",
    _OTHER_NAME: "give the certificate's name as host_header, or issue a certificate for this name",
    _OTHER_ADDRESS: "use the name that the certificate is for in the url, or give it as host_header",
}


@dataclass(frozen=True)
class Handshake:
    """What a TLS connection agreed on.

    :param protocol: such as ``TLSv1.3``.
    :param certificate: the server's own certificate (DER), checked or not.
    """

    protocol: str
    certificate: bytes


class Tls:
    """The TLS settings of one server, and its last handshake.

    :param ca_path: file of certificates to trust instead of the system's.
    :param host: the name (``name`` or ``name:port``) to ask for instead of the one in the URL.
    :raises InvalidOptionsError: a file cannot be used.
    """

    def __init__(
        self,
        *,
        validate_certs: bool = True,
        ca_path: str | None = None,
        client_cert: str | None = None,
        client_key: str | None = None,
        host: str | None = None,
    ) -> None:
        self.last: Handshake | None = None
        try:
            self.context: ssl.SSLContext = make_context(
                cafile=ca_path, validate_certs=validate_certs, client_cert=client_cert, client_key=client_key
            )
        except OSError as error:  # ssl.SSLError is one
            raise InvalidOptionsError(
                f"the certificate files cannot be used: {error.strerror or error}",
                remedy="check ca_path, client_cert and client_key",
            ) from None
        name = urlsplit(f"//{host or ''}").hostname
        wrap: Callable[..., ssl.SSLSocket] = self.context.wrap_socket

        def wrap_as_host(sock: socket.socket, **options: Any) -> ssl.SSLSocket:
            if name:
                options["server_hostname"] = name
            wrapped = wrap(sock, **options)
            self.last = Handshake(wrapped.version() or "", wrapped.getpeercert(binary_form=True) or b"")
            return wrapped

        # urllib takes the name for SNI and for the check of the certificate from the URL alone, and keeps the
        # connection to itself.
        vars(self.context)["wrap_socket"] = wrap_as_host


def explain(error: ssl.SSLError, place: str) -> TlsError:
    """A failed handshake with ``place`` as an error that says what to do."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return TlsError(
            f"{place}: the certificate is not accepted: {error.verify_message}",
            transient=False,
            unsent=True,
            remedy=_REMEDIES.get(error.verify_code, "give the authority's certificates as ca_path"),
        )
    old = "PROTOCOL_VERSION" in (error.reason or "") or "UNSUPPORTED_PROTOCOL" in (error.reason or "")
    return TlsError(
        f"{place}: the TLS handshake failed: {error.reason or 'unknown reason'}",
        transient=False,
        unsent=True,
        remedy="let the server offer TLS 1.2 or newer: give the load balancer's listener a newer TLS policy"
        if old
        else "check that the port serves HTTPS, or use http:// in the url",
    )
