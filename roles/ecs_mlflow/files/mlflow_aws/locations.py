# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which artifact locations the server may use: the stack's own bucket and prefix, nothing else.

Pure rules; :mod:`mlflow_aws.artifacts` puts them to work inside MLflow. No message names the bucket
or the prefix: whoever has a login may provoke one.
"""

from __future__ import annotations

import re
import secrets
import unicodedata
from dataclasses import dataclass
from typing import NoReturn
from urllib.parse import unquote, urlsplit

PROXIED = "mlflow-artifacts"
#: Names of things that MLflow resolves to a location by itself; they name no place.
REFERENCES = ("runs", "models")
#: Folders of an experiment's location in which MLflow keeps traces, and the files of one trace.
TRACES, ARTIFACTS = "traces", "artifacts"
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_PERMITTED = f"only {PROXIED}:/... and S3 locations below the server's own artifact root are"


class ForbiddenLocation(ValueError):
    """A location that the server must not read or write; the message is for the person who sent it."""


class UnreadableLocation(ForbiddenLocation):
    """A location below the root that this person has no right to."""


@dataclass(frozen=True)
class ArtifactRoot:
    """The bucket and the prefix under which all artifacts of the stack lie."""

    bucket: str
    prefix: str

    @classmethod
    def parse(cls, uri: str) -> ArtifactRoot:
        """The root that ``uri`` (``s3://bucket/prefix``) names.

        :raises ValueError: it is not an S3 location, or has parts that S3 locations do not have.
        """
        parts = urlsplit(uri)
        prefix = parts.path.strip("/")
        if parts.scheme != "s3" or not _BUCKET.fullmatch(parts.netloc) or parts.query or parts.fragment:
            raise ValueError(f"MLFLOW_AWS_ARTIFACTS must be s3://bucket/prefix, not {uri!r}")
        plain_segments(prefix, "MLFLOW_AWS_ARTIFACTS")
        return cls(parts.netloc, prefix)

    @property
    def uri(self) -> str:
        """``s3://bucket/prefix``, without a slash at the end."""
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")


@dataclass(frozen=True)
class Source:
    """Where a model version comes from.

    :param scheme: ``runs`` or ``models`` for a run or a model of this server, ``""`` for a place below the root.
    :param segments: the path's segments: after the scheme, or below the root.
    """

    scheme: str
    segments: tuple[str, ...]


def plain_segments(path: str, what: str) -> tuple[str, ...]:
    """The segments of ``path`` when none of them means anything but itself, however often it is decoded.

    :raises ForbiddenLocation: a segment is ``.`` or ``..``, or hides a separator or a control character.
    """
    segments = tuple(segment for segment in path.split("/") if segment)
    for segment in segments:
        decoded, previous = segment, ""
        while decoded != previous:
            previous, decoded = decoded, unquote(decoded)
            if decoded in (".", "..") or "\\" in decoded or "/" in decoded or _CONTROL.search(decoded):
                raise ForbiddenLocation(f"{what} has a path segment that is not a plain name: {segment!r}")
    return segments


def check_path(path: str | None, what: str = "the artifact path") -> None:
    """Whether ``path``, relative to a permitted location, stays inside it.

    :raises ForbiddenLocation: it is absolute, or could climb out of its location.
    """
    if not path:
        return
    # S3 and the file system take a path as it is written: nothing is decoded behind this check.
    if path.startswith("/") or "\0" in path or ".." in path.split("/"):
        raise ForbiddenLocation(f"{what} must be relative and without '..', not {path!r}")


def check_location(uri: str, root: ArtifactRoot, what: str = "the artifact location") -> tuple[str, ...]:
    """Whether the server may read and write at ``uri``; answers the path segments below ``root``.

    Permitted are ``mlflow-artifacts:/path`` (served by this server out of ``root``) and S3
    locations at or below ``root``. The message does not repeat ``uri``, which may be a stored one
    that the reader has never seen.

    :raises ForbiddenLocation: anything else, with what is permitted.
    """

    def refuse() -> NoReturn:
        raise ForbiddenLocation(f"{what} is not permitted on this server: {_PERMITTED}")

    if not isinstance(uri, str) or _CONTROL.search(uri) or uri != uri.strip() or "\\" in uri:
        refuse()
    try:
        parts = urlsplit(uri)
    except ValueError:
        refuse()
    if "?" in uri or "#" in uri or ";" in uri:
        raise ForbiddenLocation(f"{what} must have no query, fragment or parameters")
    if parts.scheme == PROXIED and not parts.netloc and parts.path.startswith("/"):
        return plain_segments(parts.path, what)
    if parts.scheme == "s3" and parts.netloc == root.bucket:
        path = parts.path.lstrip("/")
        if not root.prefix:
            return plain_segments(path, what)
        if path == root.prefix or path.startswith(f"{root.prefix}/"):
            return plain_segments(path[len(root.prefix) :], what)
    refuse()


def check_new_location(uri: str, root: ArtifactRoot, what: str) -> tuple[str, ...]:
    """:func:`check_location` for what a person sends: one spelling for each place, so that places can be compared.

    :raises ForbiddenLocation: it is not permitted, or has another spelling than the plain one.
    """
    segments = check_location(uri, root, f"{what} {uri!r}")
    base = f"{PROXIED}:" if uri.startswith(f"{PROXIED}:") else root.uri
    rest = uri[len(base) :].removeprefix("//") if base == f"{PROXIED}:" else uri[len(base) :]
    if "%" in uri or not uri.startswith(base) or rest.rstrip("/") != "".join(f"/{segment}" for segment in segments):
        raise ForbiddenLocation(
            f"{what} {uri!r} must be written plainly: without %, doubled slashes or capital schemes"
        )
    for segment in segments:
        hidden = any(unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp") for character in segment)
        if (
            hidden
            or segment != segment.strip()
            or segment.endswith(".")
            or not unicodedata.is_normalized("NFC", segment)
        ):
            raise ForbiddenLocation(f"{what} {uri!r} has a folder whose name can be mistaken for another: {segment!r}")
    return segments


def check_experiment_location(uri: str, root: ArtifactRoot) -> tuple[str, ...]:
    """Whether a new experiment may keep its artifacts at ``uri``; answers the segments below ``root``.

    Beyond :func:`check_new_location`, the folder must not be the root itself nor one that MLflow gives
    to experiments by default: whoever owns an experiment may read all that lies in its location.

    :raises ForbiddenLocation: it may not.
    """
    segments = check_new_location(uri, root, "artifact_location")
    # isnumeric: MLflow's own pattern for the folder of an experiment, \\d, takes the digits of every script.
    if not segments or segments[0].isnumeric() or segments[0] == "workspaces":
        raise ForbiddenLocation(f"artifact_location {uri!r} would hold the artifacts of other experiments: {REMEDY}")
    return segments


def beside(uri: str) -> str:
    """A location beside a default one that nobody has had before, nor can guess."""
    return f"{uri.rstrip('/')}-{secrets.token_hex(8)}"


#: What a person can do instead of a refused artifact location.
REMEDY = f"leave it out, or choose a folder of its own whose name is not a number, such as {PROXIED}:/my-project"


def overlap(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether one of two folders lies in the other, or both are the same."""
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]


def check_model_source(uri: str, root: ArtifactRoot) -> Source:
    """Whether a model version may have the source ``uri``: a location, or a run or model of this server.

    :raises ForbiddenLocation: it may not.
    """
    if isinstance(uri, str) and not _CONTROL.search(uri) and "\\" not in uri:
        scheme, _colon, rest = uri.partition(":")
        if scheme.lower() in REFERENCES and not any(mark in rest for mark in "?#;"):
            if not rest.startswith("/") or rest.startswith("//"):
                raise ForbiddenLocation(f"source {uri!r} must name a run or a model of this server")
            return Source(scheme.lower(), plain_segments(rest, "source"))
    return Source("", check_new_location(uri, root, "source"))


def trace_folder(experiment: tuple[str, ...], trace_id: str) -> tuple[str, ...]:
    """The folder of a trace, as MLflow lays it below the location of its experiment."""
    return (*experiment, TRACES, trace_id, ARTIFACTS)
