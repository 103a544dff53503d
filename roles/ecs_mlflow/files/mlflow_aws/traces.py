# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A trace keeps its data in its own folder below its own experiment's location, and stays in its experiment.

Two tags of a trace say where its data lies, and MLflow reads from there. They are written by many
routes (tags, both ways to start and end a trace, spans of OTLP, archival): what is checked here are the
rows on their way into the database, so that no route is missed. What lies there from before is checked
where it is used.
"""

from __future__ import annotations

import functools
import sys
from typing import Any

from mlflow.server import handlers
from mlflow.store.tracking.dbmodels.models import SqlExperiment, SqlTraceInfo, SqlTraceTag
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore as TrackingStore
from sqlalchemy import event, inspect, select

from mlflow_aws.hooks import before, original_of, refused
from mlflow_aws.locations import ArtifactRoot, ForbiddenLocation, UnreadableLocation, check_location, trace_folder
from mlflow_aws.rights import TRACE, caller, may

#: Tags of a trace that say where its data lies.
LOCATION_TAGS = ("mlflow.artifactLocation", "mlflow.trace.archiveLocation")
#: MLflow's functions that answer such a tag.
_READERS = ("get_artifact_uri_for_trace", "get_archive_uri_for_trace")


def install(root: ArtifactRoot) -> None:
    """Hold every trace of this process to its own folder.

    :raises RuntimeError: the installed MLflow is not built as expected.
    """
    _guard_rows(root)
    _guard_readers(root)
    _guard_moves()
    if hasattr(TrackingStore, "_delete_archived_trace_payloads"):
        _guard_archive_deletion(root)


def check_trace_location(uri: Any, experiment_location: Any, trace_id: str, root: ArtifactRoot) -> None:
    """Whether ``uri`` is the folder of this trace.

    :raises ForbiddenLocation: it is another place.
    """
    what = f"the location of trace {trace_id!r}"
    own = trace_folder(check_location(experiment_location, root, what), trace_id)
    if check_location(uri, root, what) != own:
        raise ForbiddenLocation(f"{what} is not permitted on this server: only its own folder is")


def _guard_rows(root: ArtifactRoot) -> None:
    place = select(SqlExperiment.artifact_location).join(
        SqlTraceInfo, SqlTraceInfo.experiment_id == SqlExperiment.experiment_id
    )

    def check(_mapper: Any, connection: Any, tag: Any) -> None:
        if tag.key in LOCATION_TAGS:
            location = connection.execute(place.where(SqlTraceInfo.request_id == tag.request_id)).scalar()
            try:
                check_trace_location(tag.value, location, tag.request_id, root)
            except ForbiddenLocation as error:
                raise refused(error) from None

    for moment in ("before_insert", "before_update"):
        event.listen(SqlTraceTag, moment, check)


def _guard_readers(root: ArtifactRoot) -> None:
    original_of(handlers, _READERS[0])

    def confined(reader: Any) -> Any:
        @functools.wraps(reader)
        def own_folder(trace_info: Any) -> Any:
            uri = reader(trace_info)
            trace_id = getattr(trace_info, "trace_id", None) or trace_info.request_id
            experiment = handlers._get_tracking_store().get_experiment(trace_info.experiment_id)
            try:
                check_trace_location(uri, experiment.artifact_location, trace_id, root)
            except ForbiddenLocation as error:
                raise refused(error) from None
            return uri

        return own_folder

    for name in _READERS:
        reader = getattr(handlers, name, None)
        if reader is not None:
            guarded = confined(reader)
            # Their own module too, out of which others may import them later.
            for module in list(sys.modules.values()):
                if getattr(module, "__name__", "").startswith("mlflow.") and getattr(module, name, None) is reader:
                    setattr(module, name, guarded)


def _check_move(trace_id: str, old: Any, new: Any) -> None:
    """:raises UnreadableLocation: the trace is another experiment's, whose traces the sender may not change."""
    if str(old) == str(new):
        return
    who = caller()
    if who is None or not (who.is_admin or may(who.username, "update", str(old), (TRACE,))):
        raise UnreadableLocation(f"trace {trace_id!r} exists in another experiment, whose traces you may not change")


def _guard_moves() -> None:
    """Whoever sends a trace or spans with the id of an existing trace changes that one, and may even move it."""

    def check(_mapper: Any, _connection: Any, trace: Any) -> None:
        changed = inspect(trace).attrs.experiment_id.history
        if changed.deleted and changed.added:
            try:
                _check_move(trace.request_id, changed.deleted[0], changed.added[0])
            except ForbiddenLocation as error:
                raise refused(error) from None

    event.listen(SqlTraceInfo, "before_update", check)

    def spans(arguments: dict[str, Any]) -> None:
        store, ids = arguments["self"], {span.trace_id for span in arguments["spans"]}
        with store.ManagedSessionMaker() as session:
            query = session.query(SqlTraceInfo.request_id, SqlTraceInfo.experiment_id)
            existing = query.filter(SqlTraceInfo.request_id.in_(ids)).all()
        for trace_id, experiment_id in existing:
            _check_move(trace_id, experiment_id, arguments["location"])

    if hasattr(TrackingStore, "log_spans"):
        before(TrackingStore, "log_spans", spans)


def _guard_archive_deletion(root: ArtifactRoot) -> None:
    """Deleting a trace deletes its archive: where the tag names another place, nothing is deleted there."""
    original = TrackingStore._delete_archived_trace_payloads

    def own(store: Any, selection: Any) -> Any:
        uri = selection.archived_artifact_uri
        if uri is None:
            return selection
        trace = store.get_trace_info(selection.trace_id)
        location = store.get_experiment(trace.experiment_id).artifact_location
        try:
            check_trace_location(uri, location, selection.trace_id, root)
        except ForbiddenLocation:
            return type(selection)(trace_id=selection.trace_id, archived_artifact_uri=None)
        return selection

    @functools.wraps(original)
    def delete(self: Any, selected_traces: Any) -> Any:
        return original(self, [own(self, selection) for selection in selected_traces])

    TrackingStore._delete_archived_trace_payloads = delete  # type: ignore[method-assign]
