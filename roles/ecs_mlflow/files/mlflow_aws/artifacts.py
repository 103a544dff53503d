# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts the rules of :mod:`mlflow_aws.locations` to work inside MLflow.

Two layers. At creation: the stores refuse an experiment, model version or trace with a forbidden
location, whatever route it came by (REST, ajax, GraphQL or FastAPI: all end in the stores). At use:
no artifact repository but S3 below the stack's own prefix can be built in this process, so a
location from before, or from a route that nobody thought of, is of no use either.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.store.artifact import artifact_repository_registry
from mlflow.store.artifact.s3_artifact_repo import S3ArtifactRepository
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore as RegistryStore
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore as TrackingStore

from mlflow_aws.locations import (
    REFERENCES,
    ArtifactRoot,
    ForbiddenLocation,
    check_experiment_location,
    check_location,
    check_model_source,
    check_path,
)

#: Tags of a trace that say where its data lies.
LOCATION_TAGS = ("mlflow.artifactLocation", "mlflow.trace.archiveLocation")
#: The tag that makes a model version a prompt, and the sources that prompts have: words, not places.
PROMPT_TAG, PROMPT_SOURCES = "mlflow.prompt.is_prompt", ("dummy-source", "prompt-template")
#: Parameters of repository methods that are paths relative to the repository.
_PATHS = ("artifact_path", "path", "remote_file_path", "src_artifact_path")

Check = Callable[[dict[str, Any]], None]


def install(root: ArtifactRoot) -> None:
    """Confine this process to ``root``.

    :raises RuntimeError: the installed MLflow is not built as expected; it must not serve then.
    """
    _guard_stores(root)
    _guard_repositories(root)


def _refused(error: ForbiddenLocation) -> MlflowException:
    return MlflowException(str(error), INVALID_PARAMETER_VALUE)


def _before(owner: type, method: str, check: Check) -> None:
    """Run ``check`` on the arguments (by name) of every call of ``owner.method``."""
    original = getattr(owner, method, None)
    if original is None:
        raise RuntimeError(f"{owner.__module__}.{owner.__name__} has no {method}: this MLflow cannot be confined")
    signature = inspect.signature(original)

    @functools.wraps(original)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            check(signature.bind(*args, **kwargs).arguments)
        except ForbiddenLocation as error:
            raise _refused(error) from None
        return original(*args, **kwargs)

    setattr(owner, method, guarded)


def _guard_stores(root: ArtifactRoot) -> None:
    def experiment(arguments: dict[str, Any]) -> None:
        if arguments.get("artifact_location"):
            check_experiment_location(arguments["artifact_location"], root)

    def model_version(arguments: dict[str, Any]) -> None:
        tags = {tag.key: tag.value for tag in arguments.get("tags") or ()}
        if tags.get(PROMPT_TAG, "").lower() == "true" and arguments["source"] in prompt_sources():
            return
        check_model_source(arguments["source"], root)

    def trace_tags(arguments: dict[str, Any]) -> None:
        for key, value in _trace_tags(arguments):
            if key in LOCATION_TAGS:
                check_location(value, root, f"the trace tag {key}")

    _before(TrackingStore, "create_experiment", experiment)
    _before(RegistryStore, "create_model_version", model_version)
    _before(TrackingStore, "set_trace_tag", trace_tags)
    for method in ("start_trace", "end_trace", "deprecated_start_trace_v2", "deprecated_end_trace_v2"):
        # Some of these exist in one generation only; whatever is missed here is refused at use.
        if hasattr(TrackingStore, method):
            _before(TrackingStore, method, trace_tags)


def prompt_sources() -> Iterable[str]:
    """The sources that the installed MLflow gives to prompts."""
    try:
        from mlflow.prompt.constants import _PROMPT_SOURCE_PLACEHOLDERS
    except ImportError:
        return PROMPT_SOURCES
    return _PROMPT_SOURCE_PLACEHOLDERS


def _trace_tags(arguments: dict[str, Any]) -> Iterable[tuple[str, Any]]:
    """The tags among the arguments of a store method: one, a dictionary of them, or inside a trace."""
    if "key" in arguments:
        return [(arguments["key"], arguments.get("value"))]
    tags = arguments.get("tags") or getattr(arguments.get("trace_info"), "tags", None) or {}
    return list(tags.items())


def _guard_repositories(root: ArtifactRoot) -> None:
    confined = confined_repository(root)

    def refuse(artifact_uri: str, *_args: Any, **_kwargs: Any) -> Any:
        try:
            check_location(artifact_uri, root)
        except ForbiddenLocation as error:
            raise _refused(error) from None
        # A proxied location that MLflow did not resolve to S3 before: there is nothing that could serve it.
        raise _refused(ForbiddenLocation(f"the artifact location {artifact_uri!r} cannot be used on the server"))

    registry: dict[str, Any] = artifact_repository_registry.get_registered_artifact_repositories()
    for scheme in list(registry):
        if scheme not in REFERENCES:  # these are resolved, and what they resolve to is looked up here again
            registry[scheme] = confined if scheme == "s3" else refuse
    for uri in ("file:///etc", "/etc", "s3://not-the-bucket/x"):
        try:
            artifact_repository_registry.get_artifact_repository(uri)
        except MlflowException:
            continue
        raise RuntimeError(f"{uri} can still be opened: this MLflow cannot be confined")


def confined_repository(root: ArtifactRoot) -> type[S3ArtifactRepository]:
    """The S3 repository class that opens nothing outside ``root``, and whose paths cannot climb out."""

    class ConfinedS3ArtifactRepository(S3ArtifactRepository):
        """S3, below the artifact root of the stack."""

        def __init__(self, artifact_uri: str, *args: Any, **kwargs: Any) -> None:
            try:
                check_location(artifact_uri, root)
            except ForbiddenLocation as error:
                raise _refused(error) from None
            super().__init__(artifact_uri, *args, **kwargs)

    def paths(arguments: dict[str, Any]) -> None:
        for name in _PATHS:
            if isinstance(arguments.get(name), str):
                check_path(arguments[name])

    for name, method in inspect.getmembers(S3ArtifactRepository, inspect.isfunction):
        static = isinstance(inspect.getattr_static(S3ArtifactRepository, name), staticmethod)
        if not static and not name.startswith("__") and set(inspect.signature(method).parameters) & set(_PATHS):
            _before(ConfinedS3ArtifactRepository, name, paths)
    return ConfinedS3ArtifactRepository
