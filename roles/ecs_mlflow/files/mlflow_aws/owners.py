# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose a folder below the artifact root is: the experiments whose artifacts lie in it, out of the database.

MLflow itself guesses the experiment from a number at the beginning of the path. That is right for the
locations that it chooses, and wrong for every other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from mlflow.server.handlers import _get_tracking_store
from mlflow.store.model_registry.dbmodels.models import SqlModelVersion
from mlflow.store.tracking.dbmodels import models
from sqlalchemy import String, cast, or_, text

from mlflow_aws.locations import PROXIED, ArtifactRoot, ForbiddenLocation, check_location, overlap
from mlflow_aws.rights import LOGGED_MODEL, RUN, TIERS, TRACE, Caller, may

_RUN_ID = re.compile(r"[0-9a-f]{32}")
#: Folders of an experiment's location, and what lies in them (MLflow's layout).
_TIER_OF_FOLDER = {"models": LOGGED_MODEL, "traces": TRACE}
#: The key of PostgreSQL's advisory lock that orders the creation of experiments with a location of their own.
_LOCK = 0x6C6F636174696F6E


@dataclass(frozen=True)
class Owner:
    """A thing whose artifacts lie in ``folder``.

    :param tier: what the folder holds (of :data:`rights.TIERS`), or ``""`` for a whole experiment.
    """

    experiment_id: str
    folder: tuple[str, ...]
    tier: str = ""


def _below(uri: Any, root: ArtifactRoot) -> tuple[str, ...] | None:
    """The segments of a stored location; none where it is of no use on this server."""
    try:
        return check_location(uri, root)
    except ForbiddenLocation:
        return None


def _experiments(session: Any, first: str | None) -> Iterable[tuple[str, Any]]:
    """Experiments, deleted ones too, but for those at MLflow's own place that ``first`` does not name."""
    table = models.SqlExperiment
    usual = f"{PROXIED}:/" + cast(table.experiment_id, String)
    chosen = or_(table.artifact_location != usual, table.artifact_location.is_(None))
    if first is None or (first.isascii() and first.isdigit() and len(first) < 10):
        named = table.experiment_id == int(first) if first is not None else text("true")
        chosen = or_(chosen, named)
    rows: list[tuple[Any, Any]] = session.query(table.experiment_id, table.artifact_location).filter(chosen).all()
    return [(str(number), location) for number, location in rows]


def _named(session: Any, segments: tuple[str, ...]) -> Iterable[tuple[str, Any, str]]:
    """Runs and logged models whose ids are segments of the path: they have a location of their own."""
    runs = [segment for segment in segments if _RUN_ID.fullmatch(segment)]
    if runs:
        run = models.SqlRun
        query = session.query(run.experiment_id, run.artifact_uri).filter(run.run_uuid.in_(runs))
        yield from ((str(number), location, RUN) for number, location in query)
    if hasattr(models, "SqlLoggedModel") and segments:
        model = models.SqlLoggedModel
        query = session.query(model.experiment_id, model.artifact_location).filter(model.model_id.in_(segments))
        yield from ((str(number), location, LOGGED_MODEL) for number, location in query)


def owners(segments: tuple[str, ...], root: ArtifactRoot, session: Any = None) -> list[Owner]:
    """The experiments, runs and logged models whose location contains the folder, or lies in it."""
    if session is None:
        store: Any = _get_tracking_store()
        with store.ManagedSessionMaker() as own:
            return owners(segments, root, own)
    first = segments[0] if segments else None
    found = [(number, location, "") for number, location in _experiments(session, first)]
    placed = [
        Owner(number, folder, tier)
        for number, location, tier in [*found, *_named(session, segments)]
        if (folder := _below(location, root)) is not None
    ]
    return [owner for owner in placed if overlap(owner.folder, segments)]


def is_source(segments: tuple[str, ...], root: ArtifactRoot, session: Any) -> bool:
    """Whether a model version's files lie in the folder, or around it."""
    columns = [column for name in ("source", "storage_location") if (column := getattr(SqlModelVersion, name, None))]
    for column in columns:
        named = session.query(column).filter(column.contains(segments[0], autoescape=True)).distinct()
        for (location,) in named:
            folder = _below(location, root)
            if folder is not None and overlap(folder, segments):
                return True
    return False


def tiers(owner: Owner, segments: tuple[str, ...], everything_below: bool) -> tuple[str, ...]:
    """What of the owner's a path reaches.

    :param everything_below: the path stands for all that lies below it, as the source of a model or what is deleted.
    """
    if owner.tier:
        return (owner.tier,)
    rest = segments[len(owner.folder) :]
    if not rest:
        return TIERS
    if rest[0] in _TIER_OF_FOLDER:
        return (_TIER_OF_FOLDER[rest[0]],)
    if _RUN_ID.fullmatch(rest[0]) or everything_below or rest[1:2] == ("artifacts",):
        return (RUN,)
    return ()


def may_use(
    who: Caller, action: str, segments: tuple[str, ...], root: ArtifactRoot, *, everything_below: bool = True
) -> bool:
    """Whether ``who`` may do ``action`` at a folder: everybody whose folder it is, or lies in it, must permit it.

    A folder that is nobody's is for admins.
    """
    if who.is_admin:
        return True
    found = owners(segments, root)
    inside = any(len(owner.folder) <= len(segments) for owner in found)
    return inside and all(
        may(who.username, action, owner.experiment_id, tiers(owner, segments, everything_below)) for owner in found
    )


@contextmanager
def one_at_a_time(store: Any) -> Any:
    """A session in which the locations that exist can be read, and no other task adds one until it ends."""
    with store.ManagedSessionMaker() as session:
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        yield session
