# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stage that asks whether HTTPS is right, and for how long."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import urlsplit

from .._mlflow.errors import TlsError
from .._mlflow.http import NO_RETRY, Connection, Transport
from .certificate import Certificate, UnreadableCertificateError, parse
from .model import Finding, StageFailed, StageSkipped, Target

#: What a client may still be let in with (RFC 8996 forbids the older ones).
PROTOCOLS = frozenset({"TLSv1.2", "TLSv1.3"})


def tls(target: Target) -> Finding:
    """TLS 1.2 or newer, and a certificate for the name that is asked for, which is valid for long enough."""
    transport = target.client.as_user(None).transport
    place = transport.connection
    if urlsplit(place.url).scheme != "https":
        raise StageSkipped("the url is http: nothing is encrypted between here and the server")
    transport.send("GET", "/health")
    seen = transport.handshake
    if seen is None:
        raise StageFailed("the server answered without a TLS handshake", "check the url and the proxy")
    try:
        certificate = parse(seen.certificate)
    except UnreadableCertificateError as error:
        raise StageFailed(str(error), "give the server an X.509 certificate") from None
    now = datetime.now(UTC)
    facts = {"certificate": certificate.to_dict(now)}
    detail, problems = judge_tls(seen.protocol, certificate, now, target.certificate_days)
    if not place.validate_certs:
        complaint = untrusted(place)
        detail += f"; not checked: {complaint}" if complaint else "; not checked, but right"
        return Finding("; ".join([detail, *problems]), facts)
    if problems:
        raise StageFailed(
            "; ".join(problems),
            "renew the certificate, and let the listener offer TLS 1.2 or newer only",
            facts=facts,
        )
    return Finding(detail, facts)


def judge_tls(protocol: str, certificate: Certificate, now: datetime, least_days: int) -> tuple[str, list[str]]:
    """What is seen, and what is wrong with it."""
    days = certificate.days_left(now)
    problems = []
    if protocol not in PROTOCOLS:
        problems.append(f"the server agrees on {protocol or 'an unknown protocol'}")
    if days < least_days:
        until = f"{certificate.not_after:%Y-%m-%d}"
        problems.append(f"the certificate ends on {until}: {days} days left, expected {least_days} or more")
    return f"{protocol}; certificate {certificate.subject or 'without a name'}, {days} days left", problems


def untrusted(place: Connection) -> str:
    """What a client that checks certificates would say of the server; empty where it would accept it."""
    try:
        Transport(replace(place, validate_certs=True), retry=NO_RETRY).send("GET", "/health")
    except TlsError as error:
        return error.message
    return ""
