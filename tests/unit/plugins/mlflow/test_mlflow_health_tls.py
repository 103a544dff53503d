# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stage ``tls``: what a certificate says, and what is made of it."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._health import certificate, runner, tls
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._health.model import AwsTarget, Result, Target
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.client import MlflowClient
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.http import NO_RETRY, Connection, Transport
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.wait import Waiter
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from tests.unit.plugins.mlflow.mlflow_certificates import DAY, files, made, serve_tls
from tests.unit.plugins.mlflow.mlflow_faults import FaultServer, Reply

Start = Callable[..., FaultServer]
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
HOST = "mlflow.example.org"


def name(*parts: tuple[x509.ObjectIdentifier, str]) -> x509.Name:
    return x509.Name([x509.NameAttribute(kind, text) for kind, text in parts])


@pytest.mark.parametrize(
    ("subject", "shown"),
    [
        (name((NameOID.COMMON_NAME, HOST)), f"CN={HOST}"),
        (
            name((NameOID.COUNTRY_NAME, "GB"), (NameOID.ORGANIZATION_NAME, "Example"), (NameOID.COMMON_NAME, HOST)),
            f"CN={HOST}, O=Example, C=GB",
        ),
        (name((NameOID.ORGANIZATION_NAME, "Müller ✓ & Söhne")), "O=Müller ✓ & Söhne"),
        (name((NameOID.LOCALITY_NAME, "London"), (NameOID.COMMON_NAME, HOST)), f"CN={HOST}"),
        (x509.Name([]), ""),
    ],
)
def test_names_of_a_certificate(subject: x509.Name, shown: str) -> None:
    found = certificate.parse(made(subject)[0].public_bytes(Encoding.DER))
    assert (found.subject, found.issuer) == (shown, shown)


@pytest.mark.parametrize("days", [-3, 0.5, 90, 365 * 20, 365 * 40])
def test_end_of_a_certificate(days: float) -> None:
    """From 2050 on X.509 writes years with four digits."""
    given = made(name((NameOID.COMMON_NAME, HOST)), days=days)[0]
    found = certificate.parse(given.public_bytes(Encoding.DER))
    assert found.not_after == given.not_valid_after_utc
    assert found.days_left(given.not_valid_after_utc - 3 * DAY) == 3


def test_years_of_two_digits_before_2000() -> None:
    assert certificate._time(0x17, b"991231235959Z").year == 1999
    assert certificate._time(0x17, b"491231235959Z").year == 2049


def test_long_certificates_and_other_keys() -> None:
    names = tuple(f"host-{number}.example.org" for number in range(200))
    key = rsa.generate_private_key(65537, 2048)
    given = made(name((NameOID.COMMON_NAME, HOST)), key=key, names=names)[0]
    assert certificate.parse(given.public_bytes(Encoding.DER)).subject == f"CN={HOST}"


@pytest.mark.parametrize("cut", [0, 1, 2, 5, 30, 100, 200])
def test_bytes_that_are_no_certificate_are_named(cut: int) -> None:
    der = made(name((NameOID.COMMON_NAME, HOST)))[0].public_bytes(Encoding.DER)
    for data in (der[:cut], b"\x00" * cut, b"\x30\x80" * cut):
        with pytest.raises(certificate.UnreadableCertificateError):
            certificate.parse(data)


def of(days: float, subject: str = f"CN={HOST}") -> certificate.Certificate:
    return certificate.Certificate(subject, "CN=authority", NOW + timedelta(days=days))


@pytest.mark.parametrize(
    ("protocol", "found", "problems"),
    [
        ("TLSv1.3", of(21), []),
        ("TLSv1.2", of(400), []),
        ("TLSv1.3", of(20.9), ["the certificate ends on 2026-12-16: 20 days left, expected 21 or more"]),
        ("TLSv1.3", of(-2), ["the certificate ends on 2026-11-23: -2 days left, expected 21 or more"]),
        ("TLSv1.1", of(90), ["the server agrees on TLSv1.1"]),
        ("", of(90), ["the server agrees on an unknown protocol"]),
        (
            "SSLv3",
            of(0),
            [
                "the server agrees on SSLv3",
                "the certificate ends on 2026-11-25: 0 days left, expected 21 or more",
            ],
        ),
    ],
)
def test_judge_tls(protocol: str, found: certificate.Certificate, problems: list[str]) -> None:
    assert tls.judge_tls(protocol, found, NOW, 21)[1] == problems


def check(url: str, *, stages: tuple[str, ...] = ("tls",), days: int = 21, **how: Any) -> tuple[Result, dict[str, Any]]:
    client = MlflowClient(Transport(Connection(url, **how), retry=NO_RETRY))
    aws = AwsTarget(clients=lambda service: None)
    target = Target(client=client, patient=client, login=None, aws=aws, certificate_days=days)
    results, facts = runner.run_stages(stages, target, Waiter(0, 1))
    return results[0], facts


def test_a_certificate_for_the_host_header(fault_server: Start, tmp_path: Path) -> None:
    cert, key = files(tmp_path, HOST, days=90.5)
    url = serve_tls(fault_server(Reply(200, b"OK")), cert, key)
    result, facts = check(url, ca_path=str(cert), host_header=HOST)
    assert result.ok
    assert result.detail == f"TLSv1.3; certificate CN={HOST}, 90 days left"
    end = x509.load_pem_x509_certificate(cert.read_bytes()).not_valid_after_utc
    expected = {"subject": f"CN={HOST}", "issuer": f"CN={HOST}", "days_left": 90}
    assert facts["certificate"] == {**expected, "not_after": end.strftime("%Y-%m-%dT%H:%M:%SZ")}


def test_a_certificate_that_ends_soon_fails_but_is_shown(fault_server: Start, tmp_path: Path) -> None:
    cert, key = files(tmp_path, HOST, days=10.5)
    url = serve_tls(fault_server(Reply(200, b"OK")), cert, key, newest=ssl.TLSVersion.TLSv1_2)
    result, facts = check(url, ca_path=str(cert), host_header=HOST)
    assert not result.ok
    assert "10 days left, expected 21 or more" in result.detail
    assert "renew" in result.remedy
    assert facts["certificate"]["days_left"] == 10
    soon, _facts = check(url, ca_path=str(cert), host_header=HOST, days=10)
    assert soon.ok
    assert soon.detail.startswith("TLSv1.2; ")


@pytest.mark.parametrize("stage", ["network", "tls"])
@pytest.mark.parametrize(
    ("days", "host", "says", "remedy"),
    [
        (90, "other.example.org", "Hostname mismatch", "issue a certificate for this name"),
        (90, "", "IP address mismatch", "host_header"),
        (-1, HOST, "certificate has expired", "renew the certificate"),
    ],
)
def test_a_certificate_that_is_wrong(
    fault_server: Start, tmp_path: Path, stage: str, days: float, host: str, says: str, remedy: str
) -> None:
    cert, key = files(tmp_path, HOST, days=days)
    url = serve_tls(fault_server(Reply(200, b"OK")), cert, key)
    result, _facts = check(url, stages=(stage,), ca_path=str(cert), host_header=host or None)
    assert not result.ok
    assert says in result.detail
    assert remedy in result.remedy


@pytest.mark.parametrize(
    ("days", "host", "says"),
    [
        (90.5, "other.example.org", "not checked: .*Hostname mismatch"),
        (90.5, HOST, "90 days left; not checked, but right$"),
        (-1.5, HOST, "not checked: .*certificate has expired; the certificate ends on"),
    ],
)
def test_unchecked_certificates_are_only_reported(
    fault_server: Start, tmp_path: Path, days: float, host: str, says: str
) -> None:
    cert, key = files(tmp_path, HOST, days=days)
    url = serve_tls(fault_server(Reply(200, b"OK")), cert, key)
    # An unchecked server's certificate is not in any trust store; here it is, so that the other faults show.
    result, facts = check(url, validate_certs=False, ca_path=str(cert), host_header=host)
    assert result.ok
    assert not result.skipped
    assert re.search(says, result.detail), result.detail
    assert facts["certificate"]["days_left"] == int(days // 1)


def test_http_is_skipped_and_says_why(fault_server: Start) -> None:
    server = fault_server(Reply(200, b"OK"))
    result, facts = check(server.url)
    assert (result.ok, result.skipped, facts, server.seen) == (True, True, {}, [])
    assert "the url is http" in result.detail
