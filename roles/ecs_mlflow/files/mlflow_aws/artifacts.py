# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts the rules of :mod:`mlflow_aws.locations` and :mod:`mlflow_aws.owners` to work inside MLflow.

Two layers. At creation: the stores refuse an experiment, model version or trace with a forbidden
location, whatever route it came by (REST, ajax, GraphQL or FastAPI: all end in the stores). At use:
no artifact repository but S3 below the stack's own prefix can be built in this process, and where a
model version or a trace says that its files lie is looked at again, so a location from before, or
from a route that nobody thought of, is of no use either.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import inspect
import re
import threading
from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from flask import request
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST
from mlflow.server import auth, handlers
from mlflow.store.artifact import artifact_repository_registry
from mlflow.store.artifact.s3_artifact_repo import S3ArtifactRepository
from mlflow.store.artifact.utils.models import _parse_model_uri
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore as RegistryStore
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore as TrackingStore

from mlflow_aws import traces
from mlflow_aws.hooks import before, original_of, refused
from mlflow_aws.locations import (
    REFERENCES,
    REMEDY,
    ArtifactRoot,
    ForbiddenLocation,
    Source,
    UnreadableLocation,
    beside,
    check_experiment_location,
    check_location,
    check_model_source,
    check_path,
    plain_segments,
)
from mlflow_aws.owners import is_source, may_use, one_at_a_time, owners
from mlflow_aws.rights import LOGGED_MODEL, RUN, Caller, caller, is_admin, may, model_permission

#: The tag that makes a model version a prompt, and the sources that prompts have: words, not places.
PROMPT_TAG, PROMPT_SOURCES = "mlflow.prompt.is_prompt", ("dummy-source", "prompt-template")
#: What boto3 says of an object that is not there. It is 403 to who may not list the whole bucket, as a task
#: (https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html, "Permissions").
_MISSING = re.compile(r"An error occurred \((?:403|404|NoSuchKey|AccessDenied)\)")
#: Parameters of repository methods that are paths relative to the repository.
_PATHS = ("artifact_path", "path", "remote_file_path", "src_artifact_path")


@dataclass(frozen=True)
class _ProxyPath:
    """The path of a request to MLflow's artifact routes, on its way to the question whose it is."""

    path: str | None


def install(root: ArtifactRoot) -> None:
    """Confine this process to ``root``.

    :raises RuntimeError: the installed MLflow is not built as expected; it must not serve then.
    """
    _guard_experiments(root)
    _guard_default_locations(root)
    _guard_model_versions(root)
    _guard_artifact_proxy(root)
    traces.install(root)
    _guard_repositories(root)

    @auth.app.after_request
    def without_place(response: Any) -> Any:
        """What went wrong with S3 tells nobody where the artifacts lie. A refusal may repeat what was sent."""
        if response.status_code >= 500 and not response.is_streamed:
            said = response.get_data()
            for place, name in ((root.uri, "(artifact root)"), (root.bucket, "(bucket)")):
                said = said.replace(place.encode(), name.encode())
            response.set_data(said)
        return response


def _guard_experiments(root: ArtifactRoot) -> None:
    """A new experiment's location is its own: it neither lies in the folder of another, nor holds one.

    Whoever has an experiment has all that lies in its location. So only an admin chooses one in which something lies.
    """
    original = original_of(TrackingStore, "create_experiment")
    signature = inspect.signature(original)
    # One connection a process waits for the lock, or a pool full of waiters would starve the one that has it.
    turn = threading.Lock()

    @functools.wraps(original)
    def create_experiment(self: Any, *args: Any, **kwargs: Any) -> Any:
        location = signature.bind(self, *args, **kwargs).arguments.get("artifact_location")
        if not location:
            return original(self, *args, **kwargs)
        try:
            segments = check_experiment_location(location, root)
        except ForbiddenLocation as error:
            raise refused(error) from None
        adopts = is_admin(caller())
        taken = not adopts and _holds_objects(segments, root)
        with turn, one_at_a_time(self) as session:
            if taken or owners(segments, root, session) or (not adopts and is_source(segments, root, session)):
                raise refused(
                    ForbiddenLocation(
                        f"artifact_location {location!r} overlaps with artifacts that are there already: {REMEDY}"
                    )
                )
            return original(self, *args, **kwargs)

    TrackingStore.create_experiment = create_experiment  # type: ignore[method-assign]


def _guard_default_locations(root: ArtifactRoot) -> None:
    """MLflow names the folder of a new experiment after its number, whatever lies there.

    A database that was created anew over the same bucket, or restored, gives the numbers of lost experiments again.
    """
    with contextlib.suppress(ImportError):  # MLflow 3: experiments of workspaces
        importlib.import_module("mlflow.store.tracking.sqlalchemy_workspace_store")
    for store in (TrackingStore, *TrackingStore.__subclasses__()):
        if "_get_artifact_location" in vars(store) or store is TrackingStore:
            _let_choose_empty_folders(store, root)


def _let_choose_empty_folders(store: Any, root: ArtifactRoot) -> None:
    original = original_of(store, "_get_artifact_location")

    @functools.wraps(original)
    def _get_artifact_location(*args: Any, **kwargs: Any) -> str:
        uri = str(original(*args, **kwargs))
        try:
            taken = _holds_objects(check_location(uri, root), root)
        except ForbiddenLocation as error:
            raise refused(error) from None
        return beside(uri) if taken else uri

    store._get_artifact_location = _get_artifact_location


def _holds_objects(segments: tuple[str, ...], root: ArtifactRoot) -> bool:
    """Whether S3 has something at this place, or below it."""
    client = confined_repository(root)(root.uri)._get_s3_client()
    key = "/".join((*filter(None, [root.prefix]), *segments))
    # Keys come in the order of their bytes: one that is the prefix itself comes first.
    for prefix, found in ((key, lambda at: at == key), (f"{key}/", bool)):
        listed = client.list_objects_v2(Bucket=root.bucket, Prefix=prefix, MaxKeys=1).get("Contents", [])
        if any(found(entry["Key"]) for entry in listed):
            return True
    return False


def _may_read_source(source: Source, root: ArtifactRoot, uri: str) -> bool:
    """Whether the sender of the current request may read what a model version is made of."""
    who = caller()
    if who is None or who.is_admin:
        return who is not None
    if not source.scheme:
        return may_use(who, "read", source.segments, root)
    tracking: Any = handlers._get_tracking_store()
    if source.scheme == "runs":
        run = tracking.get_run(source.segments[0]) if source.segments else None
        return run is not None and may(who.username, "read", run.info.experiment_id, (RUN,))
    model: Any = _parse_model_uri(uri)
    if getattr(model, "model_id", None):
        logged = tracking.get_logged_model(model.model_id)
        return may(who.username, "read", logged.experiment_id, (LOGGED_MODEL,))
    return bool(model_permission(who.username, model.name).can_read)


def _check_readable(source: Source, root: ArtifactRoot, uri: str, what: str) -> None:
    """:raises UnreadableLocation: the sender may not read there; the same for what does not exist."""
    try:
        readable = _may_read_source(source, root, uri)
    except MlflowException:
        readable = False
    if not readable:
        raise UnreadableLocation(f"{what} does not lie with a run, model or experiment whose artifacts you may read")


#: Whether a version is being made of another: that one's location is then not handed out.
_copying: ContextVar[bool] = ContextVar("mlflow_aws.copying", default=False)


def _guard_model_versions(root: ArtifactRoot) -> None:
    def create(arguments: dict[str, Any]) -> None:
        uri, tags = arguments["source"], {tag.key: tag.value for tag in arguments.get("tags") or ()}
        if tags.get(PROMPT_TAG, "").lower() == "true" and uri in prompt_sources():
            return
        _check_readable(check_model_source(uri, root), root, uri, f"source {uri!r}")

    before(RegistryStore, "create_model_version", create)
    checked = RegistryStore.create_model_version
    location_of = original_of(RegistryStore, "get_model_version_download_uri")

    @functools.wraps(checked)
    def create_model_version(*args: Any, **kwargs: Any) -> Any:
        token = _copying.set(True)
        try:
            return checked(*args, **kwargs)
        finally:
            _copying.reset(token)

    @functools.wraps(location_of)
    def get_model_version_download_uri(*args: Any, **kwargs: Any) -> Any:
        uri = location_of(*args, **kwargs)
        if not _copying.get() and uri not in prompt_sources():
            try:
                _check_readable(_stored_source(uri, root), root, uri, "the source of this model version")
            except ForbiddenLocation as error:
                raise refused(error) from None
        return uri

    RegistryStore.create_model_version = create_model_version  # type: ignore[method-assign]
    RegistryStore.get_model_version_download_uri = get_model_version_download_uri  # type: ignore[method-assign]


def _stored_source(uri: str, root: ArtifactRoot) -> Source:
    """The source of a version as the database has it: perhaps from before a rule about its spelling."""
    if uri.partition(":")[0] in REFERENCES:
        return check_model_source(uri, root)
    return Source("", check_location(uri, root, "the source of this model version"))


def prompt_sources() -> Iterable[str]:
    """The sources that the installed MLflow gives to prompts."""
    try:
        from mlflow.prompt.constants import _PROMPT_SOURCE_PLACEHOLDERS
    except ImportError:
        return PROMPT_SOURCES
    return _PROMPT_SOURCE_PLACEHOLDERS


def _guard_artifact_proxy(root: ArtifactRoot) -> None:
    """Artifact routes (``mlflow-artifacts/...``) ask whose the path is, not for a number at its beginning."""

    def permitted(path: str | None, username: str, action: str) -> bool:
        try:
            canonical = handlers.validate_path_is_safe(path or "")
            segments = plain_segments(canonical, "the artifact path")
        except (MlflowException, ForbiddenLocation):
            return False
        who = Caller(username, bool(auth.store.get_user(username).is_admin))
        return bool(segments) and may_use(who, action, segments, root, everything_below=action == "manage")

    of_mlflow: Any = auth
    if hasattr(auth, "_authorize_artifact_proxy_resolved"):
        original_of(auth, "_artifact_proxy_child")
        resolved = of_mlflow._authorize_artifact_proxy_resolved

        def authorize(child: Any, username: str, action: str, *rest: Any) -> bool:
            if isinstance(child, _ProxyPath):
                return permitted(child.path, username, action)
            return bool(resolved(child, username, action, *rest))  # MLflow's filter of listings, of a known run tier

        of_mlflow._artifact_proxy_child = lambda path, _action: _ProxyPath(path)
        of_mlflow._authorize_artifact_proxy_resolved = authorize
        return
    original_of(auth, "_get_permission_from_experiment_id_artifact_proxy")

    def permission() -> Any:
        path = (request.view_args or {}).get("artifact_path") or request.args.get("path")
        username = of_mlflow.authenticate_request().username
        for action, name in (("manage", "MANAGE"), ("update", "EDIT"), ("read", "READ")):
            if permitted(path, username, action):
                return auth.get_permission(name)
        return auth.get_permission("NO_PERMISSIONS")

    of_mlflow._get_permission_from_experiment_id_artifact_proxy = permission


def _guard_repositories(root: ArtifactRoot) -> None:
    confined = confined_repository(root)

    def refuse(artifact_uri: str, *_args: Any, **_kwargs: Any) -> Any:
        try:
            check_location(artifact_uri, root)
        except ForbiddenLocation as error:
            raise refused(error) from None
        # A proxied location that MLflow did not resolve to S3 before: there is nothing that could serve it.
        raise refused(ForbiddenLocation("this artifact location cannot be used on the server"))

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
                raise refused(error) from None
            super().__init__(artifact_uri, *args, **kwargs)

        def download_artifacts(self, artifact_path: Any, *args: Any, **kwargs: Any) -> Any:
            """MLflow calls a file that is not there an internal error."""
            try:
                return super().download_artifacts(artifact_path, *args, **kwargs)  # type: ignore[no-untyped-call]
            except MlflowException as error:
                place = (*check_location(self.artifact_uri, root), *(artifact_path or "").split("/"))
                if not _MISSING.search(str(error)) or _holds_objects(tuple(filter(None, place)), root):
                    raise
            raise MlflowException(f"there is no artifact at {artifact_path!r}", RESOURCE_DOES_NOT_EXIST)

    def paths(arguments: dict[str, Any]) -> None:
        for name in _PATHS:
            if isinstance(arguments.get(name), str):
                check_path(arguments[name])

    for name, method in inspect.getmembers(S3ArtifactRepository, inspect.isfunction):
        static = isinstance(inspect.getattr_static(S3ArtifactRepository, name), staticmethod)
        if not static and not name.startswith("__") and set(inspect.signature(method).parameters) & set(_PATHS):
            before(ConfinedS3ArtifactRepository, name, paths)
    return ConfinedS3ArtifactRepository
