# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""AWS signatures, checked as AWS checks them: version 4, in a header or in a pre-signed URL.

Source: IAM User Guide, "Create a signed AWS API request"; S3 API Reference, "Authenticating Requests
(AWS Signature Version 4)". The signatures of the single chunks of a streamed upload are not checked, the
request's own is.
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote

ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED = "UNSIGNED-PAYLOAD"
SKEW_SECONDS = 15 * 60
_SAFE = "-_.~"


class SignatureProblem(Exception):
    """The signature cannot be accepted; :attr:`kind` says why.

    ``incomplete``: not a signature; ``mismatch``: another secret key or another request;
    ``skewed``: made at another time than now; ``expired``: a pre-signed URL after its time;
    ``digest``: the body is not the one that was signed.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True)
class HttpRequest:
    """A request as it came over the wire.

    :param path: percent-encoded, without the query.
    :param query: the raw query string.
    :param headers: lower-case names; several values of one name joined by a comma.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes

    def arguments(self) -> list[tuple[str, str]]:
        """The decoded query arguments, in order."""
        pairs = [part.partition("=") for part in self.query.split("&") if part]
        return [(unquote(name), unquote(value)) for name, _, value in pairs]


@dataclass(frozen=True)
class Signature:
    """What a request says about its signature."""

    access_key: str
    date: str
    region: str
    service: str
    timestamp: str
    signed_headers: tuple[str, ...]
    signature: str
    token: str | None
    expires: int | None  # seconds; None: the signature is in the header

    @property
    def scope(self) -> str:
        """The credential scope."""
        return f"{self.date}/{self.region}/{self.service}/aws4_request"


def read_signature(request: HttpRequest) -> Signature | None:
    """The signature of ``request``, None when it has none.

    :raises SignatureProblem: ``incomplete`` when it is not a whole version 4 signature.
    """
    header = request.headers.get("authorization")
    try:
        if header is not None:
            scheme, _, rest = header.partition(" ")
            if scheme != ALGORITHM:
                raise SignatureProblem("incomplete", f"Unsupported signature algorithm: {scheme[:40]}")
            parts = [part.strip().split("=", 1) for part in rest.split(",")]
            fields = dict(parts)
            if len(fields) != len(parts):  # which of two credentials would it be?
                raise ValueError("a part of the signature twice")
            timestamp = request.headers.get("x-amz-date") or _http_date(request.headers["date"])
            return _signature(
                fields["Credential"],
                timestamp,
                fields["SignedHeaders"],
                fields["Signature"],
                request.headers.get("x-amz-security-token"),
                None,
            )
        query = dict(request.arguments())
        if len(query) != len(request.arguments()) and "X-Amz-Credential" in query:
            raise ValueError("a part of the signature twice")
        if "X-Amz-Signature" not in query and "X-Amz-Credential" not in query:
            return None
        return _signature(
            query["X-Amz-Credential"],
            query["X-Amz-Date"],
            query["X-Amz-SignedHeaders"],
            query["X-Amz-Signature"],
            query.get("X-Amz-Security-Token"),
            int(query["X-Amz-Expires"]),
        )
    except (KeyError, ValueError) as error:
        raise SignatureProblem("incomplete", "The signature lacks a part that version 4 needs") from error


def _signature(
    credential: str, timestamp: str, signed: str, signature: str, token: str | None, expires: int | None
) -> Signature:
    access_key, date, region, service, terminator = credential.rsplit("/", 4)
    if terminator != "aws4_request" or not re.fullmatch(r"\d{8}T\d{6}Z", timestamp):
        raise ValueError(credential)
    return Signature(access_key, date, region, service, timestamp, tuple(signed.split(";")), signature, token, expires)


def _http_date(text: str) -> str:
    moment = datetime.datetime.strptime(text, "%a, %d %b %Y %H:%M:%S GMT")
    return moment.strftime("%Y%m%dT%H%M%SZ")


def check_signature(request: HttpRequest, signature: Signature, secret: str, now: datetime.datetime) -> None:
    """Check that ``secret`` signed exactly ``request``, recently.

    :param now: the current time (aware, UTC).
    :raises SignatureProblem: when not.
    """
    signed = datetime.datetime.strptime(signature.timestamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.UTC)
    age = (now - signed).total_seconds()
    if signature.expires is not None and age > signature.expires:
        raise SignatureProblem("expired", "Request has expired")
    if age < -SKEW_SECONDS or (signature.expires is None and age > SKEW_SECONDS):
        raise SignatureProblem("skewed", "The difference between the request time and the current time is too large.")
    expected = _sign(request, signature, secret)
    if not hmac.compare_digest(expected, signature.signature):
        raise SignatureProblem(
            "mismatch",
            "The request signature we calculated does not match the signature you provided. "
            "Check your AWS Secret Access Key and signing method. Consult the service documentation for details.",
        )
    declared = request.headers.get("x-amz-content-sha256", "")
    if re.fullmatch(r"[0-9a-f]{64}", declared) and declared != hashlib.sha256(request.body).hexdigest():
        raise SignatureProblem("digest", "The provided 'x-amz-content-sha256' header does not match what was computed.")


def _sign(request: HttpRequest, signature: Signature, secret: str) -> str:
    canonical = "\n".join(
        [
            request.method,
            _canonical_path(request.path, signature.service),
            _canonical_query(request),
            "".join(f"{name}:{_canonical_value(request.headers.get(name, ''))}\n" for name in signature.signed_headers),
            ";".join(signature.signed_headers),
            _payload_hash(request, signature),
        ]
    )
    # http.server hands header bytes over as latin-1.
    digest = hashlib.sha256(canonical.encode("latin-1", errors="replace")).hexdigest()
    text = "\n".join([ALGORITHM, signature.timestamp, signature.scope, digest])
    key = f"AWS4{secret}".encode()
    for part in (signature.date, signature.region, signature.service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def _canonical_path(path: str, service: str) -> str:
    if service in ("s3", "s3-outposts", "s3-object-lambda"):
        return path or "/"
    normal = posixpath.normpath(path) if path else "/"
    if normal.startswith("//"):
        normal = normal[1:]
    if path.endswith("/") and not normal.endswith("/"):
        normal += "/"
    return quote(normal, safe="/~")


def _canonical_query(request: HttpRequest) -> str:
    pairs = [
        (quote(name, safe=_SAFE), quote(value, safe=_SAFE))
        for name, value in request.arguments()
        if name != "X-Amz-Signature"
    ]
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def _canonical_value(value: str) -> str:
    return " ".join(value.split())


def _payload_hash(request: HttpRequest, signature: Signature) -> str:
    declared = request.headers.get("x-amz-content-sha256")
    if declared is not None:
        return declared
    if signature.service == "s3" and signature.expires is not None:
        return UNSIGNED
    return hashlib.sha256(request.body).hexdigest()
