# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the artifacts of a check's run lie: behind the server, or in a bucket that clients write to themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

from .._mlflow.client import ARTIFACTS
from .._mlflow.errors import AuthenticationError, MlflowError
from .._mlflow.http import Login
from .aws import AWS_ERRORS, explain
from .model import StageFailed, StageSkipped, Target

T = TypeVar("T")

#: The only files that checks write below a run; so what a killed check has left is known.
BINARY, MODEL_FOLDER, MODEL_FILE = "health-check.bin", "model", "MLmodel"
FILES = (BINARY, f"{MODEL_FOLDER}/{MODEL_FILE}")


class Store(Protocol):
    """The artifacts at one address; names are relative to it.

    :ivar shown: where that is, to be read after "written".
    """

    shown: str

    def write(self, name: str, data: bytes) -> None:
        """Write a file."""

    def read(self, name: str) -> bytes:
        """The bytes of a file."""

    def names(self) -> list[str]:
        """What lies there."""

    def remove(self) -> None:
        """Remove all that a check may have written."""


def store_of(target: Target, uri: str) -> Store:
    """The artifacts at ``uri``.

    :raises StageSkipped: the server does not serve them, and no way around it is given.
    """
    path = proxied_path(uri)
    if path is not None:
        return ServerStore(target, path)
    parts = urlsplit(uri)
    if parts.scheme != "s3":
        raise StageSkipped(
            f"the server does not serve artifacts; clients write to {uri} themselves, which is not checked"
        )
    if target.aws.bucket != parts.netloc:
        raise StageSkipped(
            f"the server does not serve artifacts; clients write to {uri} themselves. "
            f"Give bucket: {parts.netloc} to check it through S3"
        )
    return BucketStore(target.aws.clients("s3"), parts.netloc, parts.path.strip("/"))


@contextmanager
def opened(target: Target, uri: str) -> Iterator[Store]:
    """The artifacts at ``uri``, which are gone afterwards, whatever happens in between.

    :raises StageFailed: they are still there.
    """
    store = store_of(target, uri)
    try:
        yield store
    finally:
        # After a failed write there may be nothing to remove; what counts is asked below.
        with suppress(MlflowError, StageFailed):
            store.remove()
    left = store.names()
    if left:
        raise StageFailed(
            f"artifacts below {uri} are still there after their deletion: {', '.join(left)}",
            "allow s3:DeleteObject to the task role, and look at the server's log",
        )


def proxied_path(uri: str) -> str | None:
    """The path under which the server itself serves the artifacts at ``uri``; None where it does not.

    ``mlflow-artifacts:/1/abc/artifacts`` and the long form ``http(s)://host/api/2.0/mlflow-artifacts/artifacts/…``.
    """
    parts = urlsplit(uri)
    if parts.scheme == "mlflow-artifacts":
        return parts.path.strip("/")
    if parts.scheme in ("http", "https") and f"{ARTIFACTS}/" in parts.path:
        return parts.path.split(f"{ARTIFACTS}/", 1)[1].strip("/")
    return None


def run_folder(path: str) -> str:
    """The folder of a run's artifacts and nothing else: MLflow keeps them in ``<experiment>/<run>/artifacts``."""
    return path[: -len("/artifacts")] if path.endswith("/artifacts") else path


class ServerStore:
    """Artifacts that the server hands on to where it keeps them."""

    shown = "through the server"

    def __init__(self, target: Target, path: str) -> None:
        self._target = target
        self._path = path

    def write(self, name: str, data: bytes) -> None:
        """Write a file."""
        try:
            self._target.client.put_artifact(f"{self._path}/{name}", data)
        except AuthenticationError as error:
            # The run was just created with the same login.
            login = self._target.login
            if isinstance(login, Login) and not login.password.isascii():
                raise StageFailed(
                    error.message,
                    "give the user a password of ASCII characters: 3.x decodes no other on artifact routes",
                ) from None
            raise

    def read(self, name: str) -> bytes:
        """The bytes of a file."""
        return self._target.client.get_artifact(f"{self._path}/{name}")

    def names(self) -> list[str]:
        """What lies directly there."""
        return self._target.client.list_artifacts(self._path)

    def remove(self) -> None:
        """Remove the run's folder, with retries."""
        self._target.patient.delete_artifacts(run_folder(self._path))


class BucketStore:
    """Artifacts that clients write to S3 themselves.

    APIs: s3 PutObject, GetObject, ListObjectsV2, DeleteObject.
    """

    def __init__(self, s3: Any, bucket: str, prefix: str) -> None:
        self.shown = f"to s3://{bucket}"
        self._s3 = s3
        self._bucket = bucket
        self._prefix = prefix

    def write(self, name: str, data: bytes) -> None:
        """Write a file."""
        self._ask(lambda: self._s3.put_object(Bucket=self._bucket, Key=self._key(name), Body=data))

    def read(self, name: str) -> bytes:
        """The bytes of a file."""
        answer = self._ask(lambda: self._s3.get_object(Bucket=self._bucket, Key=self._key(name)))
        return bytes(self._ask(answer["Body"].read))

    def names(self) -> list[str]:
        """What lies there."""
        said = self._ask(lambda: self._s3.list_objects_v2(Bucket=self._bucket, Prefix=self._key("")))
        return [str(item["Key"]).removeprefix(self._key("")) for item in said.get("Contents", [])]

    def remove(self) -> None:
        """Remove each file that a check writes; one that is not there is no error (S3 DeleteObject)."""
        for name in FILES:
            key = self._key(name)
            self._ask(lambda key=key: self._s3.delete_object(Bucket=self._bucket, Key=key))  # type: ignore[misc]

    def _key(self, name: str) -> str:
        return f"{self._prefix}/{name}" if self._prefix else name

    def _ask(self, call: Callable[[], T]) -> T:
        try:
            return call()
        except AWS_ERRORS as error:
            raise StageFailed(
                f"bucket {self._bucket}: {explain(error)}",
                "allow s3:ListBucket, s3:PutObject, s3:GetObject and s3:DeleteObject below the artifact root to who "
                "runs this check",
            ) from None
