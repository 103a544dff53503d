# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which artifact locations the server may use: the stack's own bucket and prefix, nothing else.

Pure rules; :mod:`mlflow_aws.artifacts` puts them to work inside MLflow.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

PROXIED = "mlflow-artifacts"
#: Names of things that MLflow resolves to a location by itself; they name no place.
REFERENCES = ("runs", "models")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
#: Folders that MLflow gives to experiments by default: their numbers, and those of workspaces.
_FOLDER_OF_MLFLOW = re.compile(r"[0-9]+|workspaces")


class ForbiddenLocation(ValueError):
    """A location that the server must not read or write; the message is for the person who sent it."""


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
        _plain_segments(prefix, "MLFLOW_AWS_ARTIFACTS")
        return cls(parts.netloc, prefix)

    @property
    def uri(self) -> str:
        """``s3://bucket/prefix``, without a slash at the end."""
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")


def _plain_segments(path: str, what: str) -> list[str]:
    """The segments of ``path`` when none of them means anything but itself, however often it is decoded.

    :raises ForbiddenLocation: a segment is ``.`` or ``..``, or hides a separator or a control character.
    """
    segments = [segment for segment in path.split("/") if segment]
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


def check_location(uri: str, root: ArtifactRoot, what: str = "the artifact location") -> list[str]:
    """Whether the server may read and write at ``uri``; answers the path segments below ``root``.

    Permitted are ``mlflow-artifacts:/path`` (served by this server out of ``root``) and S3
    locations at or below ``root``.

    :raises ForbiddenLocation: anything else, with what is permitted.
    """
    permitted = f"only mlflow-artifacts:/... and {root.uri}/... are"
    if not isinstance(uri, str) or _CONTROL.search(uri) or uri != uri.strip() or "\\" in uri:
        raise ForbiddenLocation(f"{what} {uri!r} is not permitted on this server: {permitted}")
    try:
        parts = urlsplit(uri)
    except ValueError:
        raise ForbiddenLocation(f"{what} {uri!r} is not permitted on this server: {permitted}") from None
    if "?" in uri or "#" in uri or ";" in uri:
        raise ForbiddenLocation(f"{what} {uri!r} must have no query, fragment or parameters")
    if parts.scheme == PROXIED and not parts.netloc and parts.path.startswith("/"):
        return _plain_segments(parts.path, what)
    if parts.scheme == "s3" and parts.netloc == root.bucket:
        path = parts.path.lstrip("/")
        if not root.prefix:
            return _plain_segments(path, what)
        if path == root.prefix or path.startswith(f"{root.prefix}/"):
            return _plain_segments(path[len(root.prefix) :], what)
    raise ForbiddenLocation(f"{what} {uri!r} is not permitted on this server: {permitted}")


def check_experiment_location(uri: str, root: ArtifactRoot) -> None:
    """Whether a new experiment may keep its artifacts at ``uri``.

    Beyond :func:`check_location`, the folder must not be the root itself nor one that MLflow gives
    to experiments by default: whoever owns an experiment may read all that lies in its location.

    :raises ForbiddenLocation: it may not.
    """
    segments = check_location(uri, root, "artifact_location")
    if not segments or _FOLDER_OF_MLFLOW.fullmatch(segments[0]):
        raise ForbiddenLocation(
            f"artifact_location {uri!r} would hold the artifacts of other experiments: leave it out, or choose "
            f"a folder whose name is not a number, such as {PROXIED}:/my-project"
        )


def check_model_source(uri: str, root: ArtifactRoot) -> None:
    """Whether a model version may have the source ``uri``: a location, or a run or model of this server.

    :raises ForbiddenLocation: it may not.
    """
    if isinstance(uri, str) and not _CONTROL.search(uri) and "\\" not in uri:
        scheme, _colon, rest = uri.partition(":")
        if scheme.lower() in REFERENCES and not any(mark in rest for mark in "?#;"):
            if not rest.startswith("/") or rest.startswith("//"):
                raise ForbiddenLocation(f"source {uri!r} must name a run or a model of this server")
            _plain_segments(rest, "source")
            return
    check_location(uri, root, "source")
