# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Experiments of a server: what is, what should be, and the calls that lead there.

Routes and rules: mlflow/server/handlers.py and mlflow/store/tracking/sqlalchemy_store.py of 2.18.0, 2.22.5, 3.17.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias
from urllib.parse import quote_plus

from .client import API, Experiment, MlflowClient, failure
from .errors import AlreadyExistsError, ApiError, InvalidOptionsError, NotFoundError
from .paging import PAGE, pages
from .reconcile import Plan
from .tags import DATABASE_REFUSED, put_twice, tag_changes

#: The tag that the UI shows as an experiment's description.
DESCRIPTION = "mlflow.note.content"

#: Where runs go that name no experiment.
DEFAULT_ID = "0"

ACTIVE, DELETED = "active", "deleted"

#: Characters of a tag's value on 3.x, and on 2.x.
TAG_VALUE_3, TAG_VALUE_2 = 20_000, 5000

#: What every database but SQLite keeps of a name or an artifact location (characters).
COLUMN = 256

#: Characters of a name in a query. A server on gunicorn refuses request lines of more than 4094.
_QUERY = 3500

_UNTAG = f"{API}/experiments/delete-experiment-tag"


@dataclass(frozen=True)
class ExperimentState:
    """An experiment as the server has it.

    :param untags: whether the server can remove tags, which 2.x cannot.
    """

    experiment: Experiment
    untags: bool = True


@dataclass(frozen=True)
class WantedExperiment:
    """An experiment as it should be; what is None is left alone.

    :param artifact_location: of a new one; of another it is only compared.
    :param purge_tags: whether tags go that are not wanted, where tags are.
    """

    name: str
    present: bool = True
    artifact_location: str | None = None
    description: str | None = None
    tags: Mapping[str, str] | None = None
    purge_tags: bool = True

    def changes(self, current: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
        """Tags to set, the description among them, and keys of tags to remove."""
        wanted = dict(self.tags or {})
        # An empty description and none are the same to people.
        if self.description is not None and self.description != current.get(DESCRIPTION, ""):
            wanted[DESCRIPTION] = self.description
        changed, gone = tag_changes(current, wanted, purge=self.purge_tags and self.tags is not None)
        return {key: wanted[key] for key in changed}, gone

    @property
    def longest(self) -> int:
        """Characters of the longest text that would become a tag's value."""
        return max(map(len, [self.description or "", *(self.tags or {}).values()]))


@dataclass(frozen=True)
class CreateExperiment:
    """Create the experiment with its tags."""

    name: str
    artifact_location: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    def says(self) -> str:
        """The write in words."""
        return f"create experiment {self.name}"


@dataclass(frozen=True)
class RestoreExperiment:
    """Undo a deletion."""

    name: str
    id: str

    def says(self) -> str:
        """The write in words."""
        return f"restore experiment {self.name}"


@dataclass(frozen=True)
class SetTag:
    """Set a tag, or the description."""

    name: str
    id: str
    key: str
    value: str

    def says(self) -> str:
        """The write in words."""
        if self.key == DESCRIPTION:
            return f"describe experiment {self.name}"
        return f"set tag {self.key} of experiment {self.name}"


@dataclass(frozen=True)
class RemoveTag:
    """Remove a tag."""

    name: str
    id: str
    key: str

    def says(self) -> str:
        """The write in words."""
        return f"remove tag {self.key} from experiment {self.name}"


@dataclass(frozen=True)
class DeleteExperiment:
    """Delete the experiment softly, as MLflow does."""

    name: str
    id: str

    def says(self) -> str:
        """The write in words."""
        return f"delete experiment {self.name}"


ExperimentAction: TypeAlias = "CreateExperiment | RestoreExperiment | SetTag | RemoveTag | DeleteExperiment"


def plan_experiment(state: ExperimentState | None, wanted: WantedExperiment) -> Plan[ExperimentState | None]:
    """What to do so that the experiment is as wanted. Pure.

    :raises InvalidOptionsError: it lies elsewhere, or has tags that the server cannot remove.
    """
    if not wanted.present:
        return _plan_deletion(state, wanted.name)
    if state is None:
        tags, _removed = wanted.changes({})
        made = Experiment("", wanted.name, wanted.artifact_location or "", ACTIVE, tags)
        return Plan((CreateExperiment(wanted.name, wanted.artifact_location, tags),), ExperimentState(made))
    current = state.experiment
    if wanted.artifact_location is not None and wanted.artifact_location != current.artifact_location:
        raise InvalidOptionsError(
            f"experiment {wanted.name} keeps its artifacts in {current.artifact_location}, "
            f"but artifact_location is {wanted.artifact_location}",
            remedy="MLflow cannot move them: leave artifact_location out, or use another name",
        )
    changed, gone = wanted.changes(current.tags)
    if gone and not state.untags:
        raise InvalidOptionsError(
            f"this version of MLflow cannot remove tags of an experiment, and {wanted.name} has {', '.join(gone)}",
            remedy="list them in tags too, or set purge_tags to false",
        )
    actions: list[ExperimentAction] = []
    if current.lifecycle_stage != ACTIVE:
        actions.append(RestoreExperiment(wanted.name, current.id))
    actions += [SetTag(wanted.name, current.id, key, value) for key, value in changed.items()]
    actions += [RemoveTag(wanted.name, current.id, key) for key in gone]
    tags = {key: value for key, value in {**current.tags, **changed}.items() if key not in gone}
    after = replace(current, lifecycle_stage=ACTIVE, tags=tags)
    return Plan(tuple(actions), replace(state, experiment=after))


def _plan_deletion(state: ExperimentState | None, name: str) -> Plan[ExperimentState | None]:
    if state is None or state.experiment.lifecycle_stage == DELETED:
        return Plan((), state)
    deleted = replace(state.experiment, lifecycle_stage=DELETED)
    return Plan((DeleteExperiment(name, deleted.id),), replace(state, experiment=deleted))


def shown_experiment(experiment: Experiment) -> dict[str, Any]:
    """An experiment as modules return it: the description is no tag."""
    return {
        "id": experiment.id,
        "name": experiment.name,
        "artifact_location": experiment.artifact_location,
        "lifecycle_stage": experiment.lifecycle_stage,
        "description": experiment.tags.get(DESCRIPTION, ""),
        "tags": {key: value for key, value in sorted(experiment.tags.items()) if key != DESCRIPTION},
    }


class Experiments:
    """The experiments of one server that a user may see.

    All methods raise :class:`~.errors.MlflowError`.
    """

    def __init__(self, client: MlflowClient) -> None:
        self._client = client
        self._untags: bool | None = None

    def list(self, *, deleted: bool = False) -> list[Experiment]:
        """All active experiments by name, and on request the deleted ones too."""
        view = "ALL" if deleted else "ACTIVE_ONLY"

        def ask(token: str) -> Mapping[str, Any]:
            payload = {"max_results": PAGE, "view_type": view, **({"page_token": token} if token else {})}
            return self._client.call("POST", f"{API}/experiments/search", payload=payload, repeatable=True)

        # Pages are cut by position: what is made meanwhile can push an experiment onto the next one too.
        found = {one.id: one for one in map(self._client.parse_experiment, pages(ask, "experiments"))}
        return sorted(found.values(), key=lambda experiment: experiment.name)

    def find(self, name: str) -> Experiment | None:
        """The experiment of that name, deleted ones included, or None."""
        if len(quote_plus(name)) > _QUERY:
            return next((one for one in self.list(deleted=True) if one.name == name), None)
        try:
            return self._client.get_experiment_by_name(name)
        except NotFoundError:
            return None

    def read(self, wanted: WantedExperiment) -> ExperimentState | None:
        """The experiment that ``wanted`` names, or None."""
        found = self.find(wanted.name)
        if found is None:
            return None
        gone = wanted.present and wanted.changes(found.tags)[1]
        return ExperimentState(found, not gone or self._can_untag())

    def apply(self, action: ExperimentAction) -> None:
        """Make one write of a plan."""
        call = self._client.call
        match action:
            case CreateExperiment():
                self._create(action)
            case RestoreExperiment():
                self._client.restore_experiment(action.id)
            case SetTag():
                payload = {"experiment_id": action.id, "key": action.key, "value": action.value}
                path = f"{API}/experiments/set-experiment-tag"
                put_twice(lambda: call("POST", path, payload=payload, repeatable=True))
            case RemoveTag():
                call("POST", _UNTAG, payload={"experiment_id": action.id, "key": action.key})
            case DeleteExperiment():
                call("POST", f"{API}/experiments/delete", payload={"experiment_id": action.id})

    def _create(self, action: CreateExperiment) -> None:
        """2.x calls a second one of a name that has an artifact location a bad request only."""
        try:
            self._client.create_experiment(action.name, action.tags, action.artifact_location)
        except ApiError as error:
            if error.code != DATABASE_REFUSED:
                raise
            if self.find(action.name):
                raise AlreadyExistsError(f"experiment {action.name} exists", status=error.status) from None
            for option, text in (("name", action.name), ("artifact_location", action.artifact_location or "")):
                if len(text) > COLUMN:
                    raise ApiError(
                        f"{option} has {len(text)} characters, which the server's database does not take",
                        remedy=f"give at most {COLUMN}",
                        status=error.status,
                        code=error.code,
                    ) from None
            raise

    def _can_untag(self) -> bool:
        """Whether the server has the route: one that exists answers 405 to a GET, without any effect."""
        if self._untags is None:
            answer = self._client.transport.send("GET", _UNTAG)
            if answer.status not in (404, 405):
                raise failure(answer, f"GET {_UNTAG}", clean=self._client.transport.redactor.clean)
            self._untags = answer.status == 405
        return self._untags
